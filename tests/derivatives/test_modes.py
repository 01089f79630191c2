"""Mode gradient and Mode fit as the program runs them: their files, any number of ranks, what is
refused before any work, and what an interrupted fit leaves."""
import os
import time

import h5py
import numpy as np
import pytest
from astropy.io import fits

from harness import galaxy, run, within

VARIED = "Mass,Age,Velocity,Inclination,PsfFwhm"
VIEW = dict(Redshift=0.05, Centre=(0, 0, 0), SystemicVelocity=(0, 0, 0), Orientation="inclined", Inclination=50.0,
            AlignWith="angularmomentum", Psf="gaussian", PsfFwhm=0.9)


@pytest.fixture
def seen(bench):
    """A bench with an observed cube of its galaxy."""
    bench.instrument(5, 4, 0.7, lam=(5000.0, 5079.0, 1.0), area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.ssp("mixed", step=1.5)
    bench.particles(galaxy(12, seed=5, radius=1.2))
    bench.cube(**VIEW, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    return bench


def derive(seen, *options, mode="gradient", ranks=1, status=0, interrupt_after=None, **parameters):
    wanted = {**VIEW, "Mode": mode, "ObservedFile": seen.path("seen.fits"), "Parameters": VARIED, "Engine": "direct",
              "OutputFile": seen.path("out.fits"), **parameters}
    file = seen.parameters(**{name: value for name, value in wanted.items() if value is not None})
    done = run("cubix", list(options) + [file], ranks, cwd=seen.folder, interrupt_after=interrupt_after)
    assert done.status == status, done.out[-2000:] + done.err[-3000:]
    assert not [name for name in os.listdir(seen.folder) if ".part" in name]
    return done


def gradient(seen):
    with h5py.File(seen.path("out-gradient.hdf5"), "r") as file:
        told = {name: item[()] for name, item in file["Stars"].items()}
    for line in seen.path("out-gradient.txt").read_text().splitlines():
        if not line.startswith("#"):
            told[line.split()[0]] = np.array([float(line.split()[2])])
    return told


@pytest.mark.parametrize("how",
                         [dict(Engine="direct"), dict(Engine="histogram", Combine="histogram"),
                          dict(Engine="histogram", Combine="cube")], ids=["direct", "slabs", "cube"])
def test_gradient_of_engines_and_ranks(seen, how):
    derive(seen, Inclination=47.0, PsfFwhm=0.8, Engine="direct")
    want = gradient(seen)
    assert sorted(want) == ["Age", "Inclination", "Mass", "PsfFwhm", "Velocity"]
    level = {name: np.abs(x).max() for name, x in want.items()}
    turned = np.linalg.norm(want["Velocity"], axis=1) @ np.linalg.norm(galaxy(12, seed=5, radius=1.2)["vel"],
                                                                       axis=1) * np.pi / 180
    # with Deposit nearest it acts by velocities alone, and stars cancel each other
    level["Inclination"] = turned
    for ranks in (1, 3):
        derive(seen, ranks=ranks, Inclination=47.0, PsfFwhm=0.8, **how)
        got = gradient(seen)
        for name in want:
            assert np.any(want[name] != 0) and within(got[name], want[name], rtol=2e-3, atol=2e-3 * level[name]), name


@pytest.mark.parametrize("deposit", ["nearest", "tsc"])
def test_gradient_of_a_star_has_the_same_bits_on_any_ranks(bench, deposit):
    """Also of stars that the histogram leaves out: one faster than its grid, and those whose
    templates end within the band."""
    bench.instrument(6, 5, 0.7, lam=(5000.0, 5399.0, 1.0), area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.ssp("mixed", lo=4500.0, hi=5050.0, step=1.5, fwhm=1.5)
    stars = galaxy(240, seed=5, radius=1.2)
    stars["vel"][7] = (0, 0, 1500)
    bench.particles(stars)
    how = dict(Engine="histogram", Combine="histogram", Deposit=deposit)
    bench.cube(**VIEW, **how, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    want = None
    for ranks in (1, 2, 3, 4):
        derive(bench, ranks=ranks, Inclination=47.0, PsfFwhm=0.8, **how)
        got = gradient(bench)
        want = want or got
        for name in ("Age", "Mass", "Velocity"):
            assert np.array_equal(got[name], want[name]) and np.any(got[name] != 0), f"{name}, {ranks} ranks"
        for name in ("Inclination", "PsfFwhm"):
            assert within(got[name], want[name], rtol=1e-9), f"{name}, {ranks} ranks"


def test_fit_of_two_stars_on_three_ranks(seen):
    two = {name: value[:2] for name, value in galaxy(12, seed=5, radius=1.2).items()}
    seen.particles(two)
    told = VIEW | dict(Orientation="none")
    seen.cube(**told, OutputFile=seen.path("seen.fits"), Noise="snr", SignalToNoise=50.0)
    for how in (dict(), dict(Engine="histogram", Combine="cube"), dict(Engine="histogram", Combine="histogram")):
        derive(seen, mode="fit", ranks=3, MaxIterations=3, FitRestart=1,
               **{**told, "Parameters": "Mass,Age,FluxScale", **how})
        with h5py.File(seen.path("out-stars.hdf5"), "r") as file:
            assert within(file["Stars/InitialMass"][()] / two["mass"], 1, atol=0.3, rtol=1e-5)


def test_fit_of_redshift_and_lsf_on_two_ranks(seen):
    """Templates change with every step of this fit."""
    more = dict(Lsf="gaussian", LsfFwhm=3.0)
    seen.cube(**VIEW, **more, OutputFile=seen.path("seen.fits"), Noise="snr", SignalToNoise=50.0)
    derive(seen, mode="fit", ranks=2, MaxIterations=6, Engine="auto", Parameters="Redshift,LsfFwhm",
           **{**VIEW, **more, "Redshift": 0.0503, "LsfFwhm": 3.2})
    rows = {line.split()[0]: [float(word) for word in line.split()[1:3]]
            for line in seen.path("out-fit.txt").read_text().splitlines() if not line.startswith("#")}
    assert len(rows) == 2
    for name, true in (("Redshift", 0.05), ("LsfFwhm", 3.0)):
        value, error = rows[name]
        assert 0 < error < (1e-4 if name == "Redshift" else 1) and abs(value - true) < 4 * error, rows


def test_fit_of_dust_on_two_ranks(bench):
    """A screen, its R_V and birth clouds, told by colour."""
    true = dict(DustScreen=0.8, DustRv=3.1, BirthCloudTau=0.7)
    view = dict(Redshift=0.05, Centre=(0, 0, 0), SystemicVelocity=(0, 0, 0), Dust="screen", BirthCloudAge=60.0)
    bench.instrument(5, 4, 0.7, lam=(4800.0, 6300.0, 15.0), area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.ssp("mixed", lo=4400.0, step=5.0)
    s = galaxy(12, seed=5, radius=1.2)
    s["age"][::2] = 0.01
    bench.particles(s)
    bench.cube(**view, **true, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=3.0)
    for engine in ("direct", "histogram"):
        derive(bench, mode="fit", ranks=2, MaxIterations=100, Parameters="DustScreen,DustRv,BirthCloudTau",
               **{**{name: None for name in VIEW}, **view}, Engine=engine, DustScreen=0.3, DustRv=4.0, BirthCloudTau=0.0)
        rows = {line.split()[0]: [float(word) for word in line.split()[1:3]]
                for line in bench.path("out-fit.txt").read_text().splitlines() if not line.startswith("#")}
        assert sorted(rows) == sorted(true)
        for name, wanted in true.items():
            value, error = rows[name]
            assert 0 < error < 1 and abs(value - wanted) < 4 * error, rows
    done = derive(bench, mode="fit", status=2, Parameters="DustSlope", **{**{name: None for name in VIEW}, **view})
    assert "nothing changes with DustSlope: it belongs to Dust not none with DustLaw powerlaw" in done.err


def test_the_verdict_is_told_everywhere(seen):
    """Of 1 iteration it is not converged: log, text, cube and stars; of enough it is, and says what
    may still be gained."""
    told = dict(mode="fit", Parameters="Mass,FluxScale", FitModel="bins", FitAgeBins=1, FitRestart=0,
                Orientation="none")
    for options, word in ((dict(MaxIterations=1), "not converged: stopped after MaxIterations"),
                          (dict(MaxIterations=50), "converged: the curvature promises no gain that matters")):
        done = derive(seen, **{**VIEW, **told, **options})
        text = seen.path("out-fit.txt").read_text().splitlines()
        assert text[1].startswith("# " + word), text
        assert ("warning: fit: " + word in done.err) == word.startswith("not")
        assert fits.getheader(seen.path("out.fits"))["FIT"].startswith(word[:40])
        with h5py.File(seen.path("out-stars.hdf5"), "r") as file:
            assert file["Header"].attrs["Fit"].decode().startswith(word)
        if not word.startswith("not"):
            assert float(text[1].split(";")[1].split()[0]) <= 0.02
            assert text[2].startswith("# chi2 is ") and text[3].startswith("# no unknown is an age or a metallicity")


SMOOTH = dict(Deposit="gaussian", SmoothingLength=0.5, Lsf="gaussian", LsfFwhm=3.0, Psf="moffat", PsfFwhm=0.9,
              PsfBeta=2.6)


@pytest.mark.parametrize("name, starts, engine",
                         [("PsfFwhm", (0.55, 1.4), "direct"), ("PsfFwhm", (0.55, 1.4), "histogram"),
                          ("PsfBeta", (2.0, 4.0), "direct"),
                          ("LsfFwhm", (2.4, 4.0), "direct"), ("LsfFwhm", (2.4, 4.0), "histogram"),
                          ("DepositLength", (0.35, 0.9), "direct"),
                          ("Redshift", (0.0495, 0.0505), "direct"), ("Redshift", (0.0495, 0.0505), "histogram"),
                          ("SystemicVelocity", ((0, 0, 90), (0, 0, -90)), "histogram")])
def test_the_objective_does_not_know_the_start(seen, name, starts, engine):
    """Where a fit ends its objective is that of a fresh run with the values found there, wherever
    it started: to what float32 and, with the histogram, Tolerance leave."""
    view = {**VIEW, **SMOOTH, "Orientation": "none"}
    parameter = "SmoothingLength" if name == "DepositLength" else name
    seen.cube(**view, OutputFile=seen.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    for start in starts:
        derive(seen, mode="fit", FitRestart=0, FitProbes=0, MaxIterations=2,
               **{**view, "Engine": engine, "Parameters": name, parameter: start})
        told = dict(line[2:].split(None, 1) for line in seen.path("out-fit.txt").read_text().splitlines()
                    if line.startswith("# objective"))
        rows = [line.split() for line in seen.path("out-fit.txt").read_text().splitlines() if not line.startswith("#")]
        here = [float(row[1]) for row in rows]
        assert here != list(np.atleast_1d(start))
        derive(seen, **{**view, "Engine": engine, "Parameters": "FluxScale",
                        parameter: here if len(here) > 1 else here[0]})
        fresh = [float(line.split()[2]) for line in seen.path("out-gradient.txt").read_text().splitlines()
                 if line.startswith("# objective ")][0]
        assert abs(float(told["objective"]) / fresh - 1) < (2e-7 if engine == "direct" else 2e-5), (start, here, told,
                                                                                                    fresh)


def test_bins_of_age_follow_the_light(seen):
    """Edges between equal shares, the same on any number of ranks; the user's own; what is wrong in
    them is told before any work."""
    rule = dict(mode="fit", Parameters="Mass", FitModel="bins", FitAgeBins=3, FitRestart=0, FitProbes=0,
                MaxIterations=0, Orientation="none")
    found = []
    for ranks in (1, 3):
        derive(seen, ranks=ranks, **{**VIEW, **rule})
        found.append([line.split()[4:6] for line in seen.path("out-fit.txt").read_text().splitlines()
                      if not line.startswith("#")])
    edges = np.array(found[0], float)
    age = galaxy(12, seed=5, radius=1.2)["age"]
    assert found[0] == found[1]
    assert len(edges) == 3
    assert np.all(edges[1:, 0] == edges[:-1, 1])
    assert np.all(edges[:, 1] > edges[:, 0])
    assert edges[0, 0] >= age.min() * 0.999 and edges[-1, 1] <= age.max() * 1.001
    derive(seen, **{**VIEW, **rule, "FitAgeEdges": '"1e-6,1e-5,0.3,20"'})
    rows = [line.split() for line in seen.path("out-fit.txt").read_text().splitlines() if not line.startswith("#")]
    assert [row[7] for row in rows] == ["frozen", "no", "no"] and [float(row[4]) for row in rows] == [1e-6, 1e-5, 0.3]
    assert "FitAgeEdges" in derive(seen, status=2, **{**VIEW, **rule, "FitAgeEdges": '"3,1"'}).err


def test_a_restart_of_another_problem(seen):
    """As many stars of the same masses, but elsewhere; another library; another cube of the same
    field: refused, and the file stays."""
    rule = dict(mode="fit", Parameters="Mass,FluxScale", FitProbes=0, MaxIterations=3, FitRestart=1)
    derive(seen, **rule)
    before = seen.path("out-restart.hdf5").read_bytes()
    moved = galaxy(12, seed=5, radius=1.2)
    moved["pos"] = moved["pos"][:, [1, 0, 2]] * 1.1
    ours = seen.file
    seen.particles(moved, name="moved.hdf5")
    again = {**rule, "FitResume": "yes", "MaxIterations": 5}
    done = derive(seen, status=3, ranks=2, **{**again, "InputFile": seen.path("moved.hdf5")})
    assert "out-restart.hdf5 is of another fit, or damaged: it says that chi2 is" in done.err
    seen.cube(**VIEW, InputFile=ours, OutputFile=seen.path("other.fits"), Noise="snr", SignalToNoise=20.0, Seed=5)
    done = derive(seen, status=3, **{**again, "InputFile": ours, "ObservedFile": seen.path("other.fits")})
    assert "the weighted light of its observed cube" in done.err
    assert seen.path("out-restart.hdf5").read_bytes() == before
    derive(seen, **{**again, "InputFile": ours})


@pytest.mark.parametrize("mode, mine",
                         [("gradient", "out-gradient.txt"), ("gradient", "out-gradient.hdf5"),
                          ("fit", "out-stars.hdf5")])
def test_overwrite_no(seen, mode, mine):
    seen.path(mine).write_text("mine")
    done = derive(seen, mode=mode, ranks=2, status=4, Overwrite="no")
    assert f"{mine}, written beside" in done.err
    assert "exists and Overwrite = no" in done.err
    assert seen.path(mine).read_text() == "mine"
    assert not seen.path("out.fits").exists()


def test_refusals_come_before_the_work(seen):
    assert "is the ObservedFile as well" in derive(seen, OutputFile=seen.path("seen.fits"), status=4).err
    os.rename(seen.file, seen.path("out-stars.hdf5"))
    assert "is the InputFile as well" in derive(seen, mode="fit", InputFile=seen.path("out-stars.hdf5"), status=4).err
    os.rename(seen.path("out-stars.hdf5"), seen.file)
    done = derive(seen, "--dry-run", status=3, FieldOfView="9 9", ranks=2)
    assert "the field of" in done.err and "seen.fits" in done.err
    done = derive(seen, mode="fit", FitResume="yes", status=3)
    assert "FitResume yes" in done.err and "cannot open" in done.err and "out-restart.hdf5" in done.err
    derive(seen, "--dry-run")
    assert sorted(name for name in os.listdir(seen.folder) if name.startswith("out")) == []


def test_an_interrupted_fit_continues(seen):
    rule = dict(mode="fit", MaxIterations=100000, ValueTolerance=0, GradientTolerance=0, FitRestart=1, Optimiser="adam",
                LearningRate=1e-4, Parameters="Mass,Age")

    def started(proc):
        for _ in range(600):
            if seen.path("out-restart.hdf5").exists() or proc.poll() is not None:
                return
            time.sleep(0.1)
    derive(seen, status=130, interrupt_after=started, **rule)
    with h5py.File(seen.path("out-restart.hdf5"), "r") as file:
        reached = file["Header"].attrs["State"][0]
    assert reached >= 1
    derive(seen, **{**rule, "MaxIterations": int(reached) + 2, "FitResume": "yes", "Overwrite": "no", "FitProbes": 0})
    assert np.loadtxt(seen.path("out-convergence.txt"))[-1, 0] == reached + 2
