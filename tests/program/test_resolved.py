"""What a request came to: Redshift snapshot, the found values in STEM-usedvalues, and what -n foresees."""
import re

import numpy as np
import pytest
from astropy.io import fits

from harness import Bench, bits, galaxy, refused, run, within


@pytest.fixture
def ready(tmp_path):
    bench = Bench(tmp_path)
    bench.particles(galaxy(300, seed=5, radius=1.0, centre=(3.0, -2.0, 1.0)), redshift=0.125)
    bench.ssp(lo=4000.0)
    bench.instrument(8, 6, 0.5, area=5e5, throughput=(0.2,), sky=(2e-17,), exposure=900.0)
    return bench


def header(bench):
    with fits.open(bench.out) as hdus:
        return hdus[0].header.copy()


def found(bench):
    """Behind the place: {name: what it came to}."""
    text = bench.out.with_name(bench.out.stem + "-usedvalues").read_text()
    return {name: rest for name, rest in re.findall(r"^(\w+) .*  % [^:\n]*(?::\d+)?: (.+)$", text, re.M)}


def test_redshift_of_the_snapshot(ready):
    """The same bits as with the number, in any mode of reading; the header has the number."""
    ready.cube(Redshift="snapshot")
    first, head = bits(ready.out), header(ready)
    assert head["REDSHIFT"] == 0.125 and head["SNAPZ"] == 0.125 and not head["SNAPMOVE"]
    ready.cube(Redshift=0.125)
    assert bits(ready.out) == first
    ready.cube(ranks=2, Redshift="snapshot", Distance=500)
    assert header(ready)["REDSHIFT"] == 0.125 and header(ready)["DISTANCE"] == 500


def test_a_snapshot_without_redshift_has_no_distance(tmp_path):
    bench = Bench(tmp_path)
    bench.particles(galaxy(50, seed=5, radius=1.0), redshift=0.0)
    bench.ssp()
    bench.instrument(4, 4, 0.5)
    refused(bench, 2, "Redshift = 0", "determines no distance", Redshift="snapshot")
    refused(bench, 2, "Redshift = snap must be a number, -0.01..20 or snapshot", Redshift="snap")
    bench.cube(Redshift="snapshot", Distance=10)
    assert header(bench)["REDSHIFT"] == 0


def test_dust_laws_are_asked_once_the_redshift_is_known(ready):
    """F19 ends at 3.3 um: nothing of it is seen at 0.125."""
    ready.cube(Redshift="snapshot", Dust="screen", DustScreen=1)
    refused(ready, 2, "was made for", Redshift="snapshot", Dust="screen", DustScreen=1, LambdaMin=900, LambdaMax=1300)


def test_found_values_stand_beside_the_requests(ready):
    ready.cube(Redshift=0.1, Noise="snr", SignalToNoise=10, Orientation="faceon", PixelScale=0.25)
    head, came = header(ready), found(ready)
    assert within(np.array(came["Centre"].split()[:3], float), [head["CENTRE%d" % i] for i in (1, 2, 3)], rtol=1e-8)
    assert within(np.array(came["SystemicVelocity"].split()[:3], float), [head["SYSVEL%d" % i] for i in (1, 2, 3)],
                  rtol=1e-6)
    for name, key in (("Distance", "DISTANCE"), ("OmegaMatter", "OMEGAM"), ("OmegaLambda", "OMEGAL"),
                      ("HubbleParam", "HUBBLE"), ("ExposureTime", "EXPTIME")):
        assert within(float(came[name].split()[0]), head[key], rtol=1e-8), name
    assert came["Engine"] == head["ENGINE"] and came["FieldOfView"] == "4 3 arcsec" and "PixelScale" not in came
    assert came["LambdaMin"] == "5000 AA" and came["LambdaMax"] == "5399 AA" and came["LambdaStep"] == "1 AA"
    assert "Redshift" not in came and int(came["FluxUnit"]) == head["FLUXUNIT"]
    used, first = ready.out.with_name(ready.out.stem + "-usedvalues"), bits(ready.out)
    assert run("cubix", [used, "OutputFile=again.fits"], cwd=ready.folder).status == 0
    assert bits(ready.path("again.fits")) == first


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_dry_run_foresees_the_light_in_the_field(ready, ranks):
    more = dict(Redshift=0.1, FieldOfView=1)
    done = run("cubix", ["-n", ready.parameters(**more)], ranks, cwd=ready.folder)
    assert done.status == 0 and not ready.out.exists()
    number, of, percent = re.search(r"in the field will be (\d+) of (\d+) stars and (\S+) % of the light",
                                    done.out).groups()
    ready.cube(**more)
    head = header(ready)
    assert (int(number), int(of)) == (head["N_FIELD"], head["N_ALL"]) and 0 < int(number) < int(of)
    assert within(float(percent), 100 * head["L_FIELD"] / head["L_ALL"], rtol=0.01)


def test_a_dry_run_foresees_the_cache(ready):
    cache = ready.path("cache")
    cache.mkdir()
    more = dict(Redshift=0.1, TemplateCache=cache, Engine="histogram")
    done = run("cubix", ["-n", ready.parameters(**more)], cwd=ready.folder)
    said = 1e9 * float(re.search(r"take about (\S+) GB there", done.out).group(1))
    assert done.status == 0 and not list(cache.iterdir())
    ready.cube(**more)
    size = sum(path.stat().st_size for path in cache.iterdir())
    assert within(said, size, rtol=0.1)


def test_stars_older_than_the_universe_are_told(ready):
    """At redshift 8 it is 0.64 Gyr old: also by -n, and where old stars have no light."""
    for options in ([], ["-n"]):
        done = run("cubix", [*options, ready.parameters(Redshift=8, LambdaMin=40000, LambdaMax=50000, LambdaStep=100)],
                   cwd=ready.folder)
        assert done.status == 0 and done.err.count("older than the universe at Redshift = 8") == 1, done.err
    assert "older than the universe" not in ready.cube(Redshift=0.13)["run"].err


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_dry_run_foresees_the_exposure(ready, ranks):
    """From the light alone, so within a quarter; a cropped field does not matter, nor where the field points."""
    for more in ({}, dict(PointingX=0.7, PointingY=-0.4), dict(FieldOfView=20)):
        more = dict(Redshift=0.1, Noise="snr", SignalToNoise=10, **more)
        done = run("cubix", ["-n", ready.parameters(**more)], ranks, cwd=ready.folder)
        assert done.status == 0 and "foreseen for a flat spectrum" in done.out, done.err
        number, unit = re.search(r"noise: S/N 10 needs (\S+) (s|min|h),", done.out).groups()
        ready.cube(**more)
        assert within(float(number) * {"s": 1, "min": 60, "h": 3600}[unit], header(ready)["EXPTIME"], rtol=0.25)
    done = run("cubix", ["-n", ready.parameters(Redshift=0.1)], ranks, cwd=ready.folder)
    assert "noise:" not in done.out


def test_a_dry_run_warns_of_a_signal_to_noise_that_cannot_be_had(ready):
    """The run itself ends with that as an error."""
    more = dict(Redshift=0.1, Noise="snr", SignalToNoise=1e9)
    done = run("cubix", ["-n", ready.parameters(**more)], cwd=ready.folder)
    assert done.status == 0 and "will probably end with an error: SignalToNoise = 1e+09" in done.err
    refused(ready, 2, "SignalToNoise = 1e+09", "cannot be reached", **more)
