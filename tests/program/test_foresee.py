"""What `cubix -n` foresees of the noise with dust, emission lines and fibres, against what the run then finds."""
import re

import h5py
import numpy as np
import pytest
from astropy.io import fits

from harness import galaxy, run, within

PAR = dict(Redshift=0.1, Noise="snr", SignalToNoise=10, SystemicVelocity="none", Centre=(0.0, 0.0, 0.0))
SECONDS = {"s": 1, "min": 60, "h": 3600}


@pytest.fixture
def ready(bench):
    """A galaxy behind and within clouds, which form stars."""
    bench.particles(galaxy(2000, seed=5, radius=1.0))
    rng = np.random.default_rng(3)
    n = 500
    columns = {"Position": (rng.normal(0, 1.5, (n, 3)), "kpc"), "Velocity": (np.zeros((n, 3)), "km/s"),
               "Mass": (np.full(n, 2e6), "Msun"), "Metallicity": (np.full(n, 0.02), "1"),
               "SmoothingLength": (np.full(n, 1.5), "kpc"), "StarFormationRate": (np.full(n, 1e-5), "Msun/yr")}
    with h5py.File(bench.file, "a") as f:
        for name, (x, unit) in columns.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = unit
    bench.ssp(lo=4000.0)
    bench.instrument(8, 6, 0.5, area=5e5, throughput=(0.2,), sky=(2e-17,), exposure=900.0)
    return bench


def foreseen(bench, ranks=1, **more):
    """(exposure time [s], log), of -n."""
    done = run("cubix", ["-n", bench.parameters(**{**PAR, **more})], ranks, cwd=bench.folder)
    assert done.status == 0, done.err
    found = re.search(r"noise: S/N 10 needs (\S+) (s|min|h),", done.out)
    return found and float(found[1]) * SECONDS[found[2]], done.out


def needed(bench, **more):
    bench.cube(**{**PAR, **more})
    return fits.getheader(bench.out)["EXPTIME"]


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("more, words", [
    (dict(Dust="screen", DustScreen=1.0), "a flat spectrum, and so"),
    (dict(Dust="gas", DustGas="all"), "a flat spectrum and the mean dust in front of every spaxel, and so"),
    (dict(Dust="gas", DustGas="all", DustScreen=0.5, DustEffect="mixed"), "the mean dust"),
    (dict(Lines="sfr"), "a flat spectrum and no emission lines, and so"),
    (dict(Dust="gas", DustGas="all", Lines="sfr"), "spectrum, the mean dust in front of every spaxel, and no emission lines")],
    ids=lambda x: "-".join(map(str, x.values())) if isinstance(x, dict) else "")
def test_dust_and_lines(ready, more, words, ranks):
    """Within a quarter of what the run needs, where clear sky would miss by half."""
    time, said = foreseen(ready, ranks, **more)
    want = needed(ready, **more)
    assert words in said and within(time, want, rtol=0.25)
    if "Dust" in more:
        clear, _ = foreseen(ready)
        assert clear < 0.6 * want


def test_fibres_are_declined_in_words(ready):
    ready.ssp(lo=4000.0)
    time, said = foreseen(ready, Instrument="MaNGA-N37", Sampling="fibres", LambdaMin=5000, LambdaMax=5003, Lsf="none")
    assert time is None and "noise: not foreseen with Sampling fibres" in said
