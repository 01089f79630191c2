"""What the log says of a run: what was found, not how long a blink took."""
import re

import pytest
from astropy.io import fits

from harness import Bench, galaxy

STAGE = re.compile(r"^[a-zA-Z ]+ +\d+\.\d{3} s  \(rank \d+; mean", re.M)


@pytest.fixture
def ready(tmp_path):
    bench = Bench(tmp_path)
    bench.particles(galaxy(300, seed=5, radius=1.0))
    bench.ssp()
    bench.instrument(8, 6, 0.5, area=5e5, throughput=(0.2,), sky=(2e-17,), read_noise=3.0, exposure=900.0)
    return bench


def spoken(seconds):
    unit, name = (3600, "h") if seconds >= 3600 else (60, "min") if seconds >= 120 else (1, "s")
    return "%.3g %s" % (seconds / unit, name)


@pytest.mark.parametrize("snr", [5, 60])
def test_noise_says_what_it_needs(ready, snr):
    run = ready.cube(Noise="snr", SignalToNoise=snr, Redshift=0.02)["run"]
    with fits.open(ready.out) as hdus:
        time, n = hdus[0].header["EXPTIME"], hdus[0].header["NEXP"]
    assert "noise: S/N %d needs %s, %d x %.4g s" % (snr, spoken(time), n, time / n) in run.out
    assert ("which no observation has" in run.err) == (time > 360000)
    assert run.out.count("noise:") == 1


def test_noise_of_an_exposure_says_what_it_gives(ready):
    run = ready.cube(Noise="exposure", ExposureTime=7200, Redshift=0.02)["run"]
    with fits.open(ready.out) as hdus:
        snr = hdus[0].header["SNR"]
    assert "noise: 2 h, 8 x 900 s, give S/N %.3g" % snr in run.out


def test_an_exposure_that_nobody_gets_is_warned_of(ready):
    for words in (dict(Noise="exposure", ExposureTime=400000), dict(Noise="snr", SignalToNoise=1000)):
        run = ready.cube(Redshift=0.02, **words)["run"]
        assert run.err.count("which no observation has") == 1
        with fits.open(ready.out) as hdus:
            assert "which no observation has" in " ".join(hdus[0].header["WARN*"].values())
    assert "which no observation has" not in ready.cube(Redshift=0.02, Noise="exposure", ExposureTime=350000)["run"].err


def test_short_stages_are_told_by_v_only(ready):
    """A run of an eyeblink has no stage of 50 ms that is worth a line but perhaps one; with -v all are there, in words."""
    from harness import run as program
    file = ready.parameters(Redshift=0.02)
    short, long = (program("cubix", [*options, file], cwd=ready.folder).out for options in ([], ["-v"]))
    assert len(STAGE.findall(long)) > 12 and len(STAGE.findall(short)) < len(STAGE.findall(long)) - 5
    assert re.search("^putting stars into spaxels ", long, re.M) and "total " in short
    stages = [line.split()[0] for line in (ready.out.with_name(ready.out.stem + "-timings.txt")).read_text().splitlines()
              if line[0] != "#"]
    assert {"read", "place", "paint", "write"} <= set(stages)           # names that programs rely on
