"""Gas that a running simulation puts: the cube has the bits of the one that the program makes from a file of it."""
import h5py
import numpy as np
import pytest

from harness import Bench, bits, galaxy, read_cube
from insitu_lab import columns, insitu, need_library

need_library()
UNITS = {"Position": "kpc", "Velocity": "km/s", "Mass": "Msun", "Density": "Msun/kpc^3", "SmoothingLength": "kpc",
         "Metallicity": "1", "Temperature": "K", "StarFormationRate": "Msun/yr", "DustMass": "Msun"}
FIXED = {"Redshift": 0.02, "Engine": "histogram", "Combine": "histogram", "Orientation": "inclined", "Inclination": 50}


def gas_of(n=400):
    """Of which a quarter is too hot for dust, and a half forms no stars."""
    rng = np.random.default_rng(5)
    i = np.arange(n)
    return {"Position": rng.normal(0, 1, (n, 3)), "Velocity": rng.normal(0, 80, (n, 3)), "Mass": rng.uniform(1e5, 1e6, n),
            "Density": 10**rng.uniform(6, 8, n), "SmoothingLength": rng.uniform(0.1, 1, n),
            "Metallicity": 10**rng.uniform(-3, -1.5, n), "Temperature": np.where(i % 4, 1e3, 1e5),
            "StarFormationRate": np.where(i % 2, 10**rng.uniform(-4, -2, n), 0.0), "DustMass": rng.uniform(1e2, 1e3, n)}


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("gas"))
    bench.instrument(9, 8, 0.6, lam=(6600.0, 6899.0, 1.0), psf="gaussian", psf_curve=(1.1,))
    bench.ssp("mixed", lo=6000.0, hi=7500.0, fwhm=1.0)
    bench.stars = galaxy(150, seed=17, radius=1.6)
    return bench


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("parameters, lacking", [
    (dict(Dust="gas"), ("DustMass", "Density")), (dict(Dust="gas", DustGas="starforming"), ("SmoothingLength", "Temperature")),
    (dict(Lines="sfr"), ("DustMass",)), (dict(Dust="gas", Lines="sfr", DustEffect="mixed", Deposit="tsc"), ()),
    (dict(Dust="gas", DustGas="all", Lines="stars"), ("StarFormationRate", "Temperature", "Density"))],
    ids=lambda x: "-".join(map(str, x.values())) if isinstance(x, dict) else None)
def test_the_bits_of_a_file(ready, parameters, lacking, ranks):
    gas = {name: x for name, x in gas_of().items() if name not in lacking}
    ready.particles(ready.stars, redshift=0.02)
    with h5py.File(ready.file, "a") as f:
        for name, x in gas.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = UNITS[name]
    par = {**FIXED, **parameters}
    want = ready.cube(ranks=ranks, **par)
    insitu(ready, columns(ready.stars), "ok(step()); write('host.fits')\n", ranks, gas, redshift=0.02, **par)
    got = read_cube(ready.path("host.fits"))
    assert bits(ready.path("host.fits")) == bits(ready.out)
    assert np.array_equal(got["MASS"], want["MASS"])
    if "Dust" in parameters:
        assert got["AV_M"][got["MASS"] > 0].max() > 0.05
    ready.path("host.fits").unlink()
    # and it is the gas that makes the difference
    bare = ready.cube(ranks=ranks, **{**par, "Dust": "none", "Lines": "none"})["DATA"]
    assert not np.array_equal(bare, got["DATA"])


def test_gas_that_lacks_is_told(ready):
    """A column that is needed, and gas on no rank; the next step goes on."""
    gas = {name: x for name, x in gas_of().items() if name != "StarFormationRate"}
    words = "gas given as arrays has no star formation rates"
    insitu(ready, columns(ready.stars), f"""
assert step() != 0 and {words!r} in message(), message()
put("Stars/Age", all_stars["Age"][mine])
all_gas.clear()
assert step() != 0 and "needs gas, and stars were given as arrays without it" in message(), message()
""", 2, gas, redshift=0.02, **{**FIXED, "Lines": "sfr"})
