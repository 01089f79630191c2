"""A sky of the same brightness everywhere, through Sampling fibres: fibres and spaxels of the cube are even to 1e-6, with
dithers, seeing and refraction."""
import numpy as np
import pytest

from harness import COSMO, stars, within
from oracle import cosmology
from test_fibres import CORE, DRIZZLE, SHEPARD, SIDE, SUB, made, setup

CASES = {"shepard": dict(), "drizzle": dict(how=DRIZZLE), "seeing": dict(Psf="instrument"),
         "refraction": dict(Psf="instrument", Airmass=1.5, ParallacticAngle=35)}

STILL = dict(Psf="none", Engine="direct", Deposit="nearest", Centre="0 0 0", SystemicVelocity="none")


@pytest.mark.parametrize("case", CASES)
def test_even_light_stays_even(bench, case):
    """A star in every painted spaxel, and as far out as the seeing brings light from."""
    parameters = {**STILL, **CASES[case]}
    setup(bench, how=parameters.pop("how", SHEPARD), count=19, lam=(4800.0, 6300.0, 100.0))
    place = (np.arange(-100, 100) + 0.5) * SIDE / SUB * cosmology.scene(0.05, *COSMO)[1]
    bench.particles(stars(*[(x, y, 0.0, 0.0, 0.0, 0.0, 1e5, 3.0, 0.02) for y in place for x in place]))
    cube, rss = made(bench, **parameters)
    inside = cube["DQ"][0] & 1 == 0
    assert inside.sum() > 100
    spaxel = cube["DATA"][:, inside]
    assert within(spaxel, np.broadcast_to(spaxel.mean(axis=1, keepdims=True), spaxel.shape), rtol=1e-6)
    core = rss["FLUX"].T
    assert within(core, np.broadcast_to(core.mean(axis=1, keepdims=True), core.shape), rtol=1e-6)
    assert within(core.mean(axis=1) / spaxel.mean(axis=1), np.full(len(core), np.pi * CORE**2 / 4 / SIDE**2), rtol=1e-6)
