"""The restart file of Mode fit: whatever is wrong in it is told, with exit status 3; what cannot be
written does not end the fit.  On the galaxy of tests/derivatives/test_fit.c."""
import os
import shutil

import h5py
import numpy as np
import pytest

from harness import galaxy, program, run, run_fit

ITERATION, EVALUATION, VALUE, GRADIENT, STEP, DECREASE, PAIRS, NEWEST, END, SMALL, NEWTON, DAMPING, PROMISE = range(13)
OPTIONS = ["Parameters=Mass,Age,FluxScale", "GradientTolerance=0", "ValueTolerance=0", "FitProbes=0", "FitRestart=2"]


def fit(folder, *options, ranks=1, n=12, status=0):
    return run_fit(folder, *OPTIONS, *options, ranks=ranks, n=n, status=status)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A restart file of L-BFGS, and one of Adam."""
    folder = tmp_path_factory.mktemp("kept")
    for method in ("lbfgs", "adam"):
        (folder / method).mkdir()
        fit(folder / method, "MaxIterations=6", "Optimiser=" + method)
    return folder


def state(at, value):
    def change(file):
        numbers = file["Header"].attrs["State"]
        numbers[at] = value
        file["Header"].attrs["State"] = numbers
    return change


def number(where, at, value):
    def change(file):
        file[where][at] = value
    return change


def attribute(name, value):
    def change(file):
        file["Header"].attrs[name] = value
    return change


def turned(file):
    """A pair whose curvature is negative."""
    newest = int(file["Header"].attrs["State"][NEWEST])
    file["Stars/v%d" % (3 + 2 * newest)][...] *= -1
    shared = file["Shared"][...]
    shared[3 + 2 * newest] *= -1
    file["Shared"][...] = shared


DAMAGE = [
    (state(ITERATION, np.nan), "iteration"), (state(ITERATION, 5.5), "iteration"), (state(ITERATION, -1), "iteration"),
          (state(EVALUATION, 3), "too few"),
    (state(VALUE, np.nan), "the value"), (state(VALUE, np.inf), "the value"), (state(VALUE, 123.0), "at its unknowns"),
          (state(GRADIENT, np.nan), "gradient"),
    (state(STEP, -np.inf), "step"), (state(DECREASE, np.nan), "decrease"), (state(PAIRS, 1e9), "pairs"),
          (state(PAIRS, np.nan), "pairs"), (state(PAIRS, 2.5), "pairs"),
    (state(NEWEST, -5), "newest pair"), (state(NEWEST, np.nan), "newest pair"), (state(NEWEST, 10), "newest pair"),
          (state(END, 99), "the end"), (state(SMALL, -1), "small gains"),
    (state(NEWTON, 2), "phase"), (state(DAMPING, np.inf), "damping"), (state(PROMISE, np.nan), "promised"),
    (number("Stars/v1", Ellipsis, np.nan), "vector v1 (gradient) is nan"),
          (number("Stars/v0", (3, 0), np.inf), "vector v0 (unknowns) is inf"),
    (number("Shared", 0, np.nan), "vector v0"), (number("Stars/v0", (3, 0), 1e3), "outside its bounds"),
          (number("Stars/v0", (3, 0), 5.0), "at its unknowns"), (turned, "curvature"),
    (number("Convergence", 7, np.nan), "Convergence"), (number("Convergence", 5, 4.0), "Convergence"),
          (attribute("Rows", 8.0), "Rows"), (attribute("Rows", np.nan), "Rows"),
    (attribute("Version", 1.0), "version 1"), (attribute("Observed", 1.0), "observed cube"),
          (attribute("Start", np.nan), "starts from"), (attribute("Voxels", 5.0), "Voxels"),
]


@pytest.mark.parametrize("change, words", DAMAGE, ids=[str(i) for i in range(len(DAMAGE))])
def test_a_damaged_file_is_refused(kept, tmp_path, change, words):
    shutil.copy(str(kept / "lbfgs" / "out-restart.hdf5"), str(tmp_path / "out-restart.hdf5"))
    with h5py.File(str(tmp_path / "out-restart.hdf5"), "r+") as file:
        change(file)
    before = (tmp_path / "out-restart.hdf5").read_bytes()
    done = fit(tmp_path, "MaxIterations=8", "FitResume=yes", status=3)
    assert "out-restart.hdf5" in done.err and words in done.err, done.err
    assert (tmp_path / "out-restart.hdf5").read_bytes() == before and os.listdir(str(tmp_path)) == ["out-restart.hdf5"]


def test_every_rank_refuses(kept, tmp_path):
    """The damage is in the last rank's stars."""
    shutil.copy(str(kept / "lbfgs" / "out-restart.hdf5"), str(tmp_path / "out-restart.hdf5"))
    with h5py.File(str(tmp_path / "out-restart.hdf5"), "r+") as file:
        file["Stars/v0"][11, 0] = np.nan
    assert "vector v0 (unknowns) is nan" in fit(tmp_path, "MaxIterations=8", "FitResume=yes", status=3, ranks=3).err


def test_adams_mean_square(kept, tmp_path):
    shutil.copy(str(kept / "adam" / "out-restart.hdf5"), str(tmp_path / "out-restart.hdf5"))
    with h5py.File(str(tmp_path / "out-restart.hdf5"), "r+") as file:
        file["Stars/v3"][2, 1] = -1
    assert "mean square" in fit(tmp_path, "MaxIterations=8", "FitResume=yes", "Optimiser=adam", status=3).err


def test_other_stars(kept, tmp_path):
    """Of another galaxy, whose stars are as many as the fit varies."""
    shutil.copy(str(kept / "lbfgs" / "out-restart.hdf5"), str(tmp_path / "out-restart.hdf5"))
    assert "its Stars is 12, here it is 14" in fit(tmp_path, "MaxIterations=8", "FitResume=yes", n=14, status=3).err


def test_what_is_sound_continues(kept, tmp_path):
    shutil.copy(str(kept / "lbfgs" / "out-restart.hdf5"), str(tmp_path / "out-restart.hdf5"))
    fit(tmp_path, "MaxIterations=8", "FitResume=yes")
    assert np.loadtxt(str(tmp_path / "out-convergence.txt"))[-1, 0] == 8


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("fault", ["call=write errno=28 times=0", "call=rename errno=28 times=1"], ids=["full", "once"])
def test_a_restart_that_cannot_be_written(bench, fault, ranks):
    """Where the disk of the restart file is full the fit warns once, goes on, and its results are
    whole; the file of before stays, until there is room."""
    bench.instrument(5, 4, 0.7, lam=(5000.0, 5039.0, 1.0), area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.ssp("mixed", step=1.5)
    bench.particles(galaxy(12, seed=5, radius=1.2))
    view = dict(Redshift=0.05, Centre=(0, 0, 0), SystemicVelocity=(0, 0, 0), Orientation="none")
    bench.cube(**view, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    bench.path("full").mkdir()
    restart = bench.path("full") / "r.hdf5"
    rule = dict(**view, Mode="fit", ObservedFile=bench.path("seen.fits"), Parameters="Mass,Velocity", FitProbes=0,
                GradientTolerance=0, ValueTolerance=0, FitRestart=1,
                FitRestartFile=restart, OutputFile=bench.path("out.fits"), Engine="direct")
    assert run("cubix", [bench.parameters(**rule, MaxIterations=3)], ranks, cwd=bench.folder).status == 0
    before = restart.read_bytes()
    env = {"LD_PRELOAD": str(program("tests/faults/inject.so")), "CUBIX_FAULT": fault + " path=/full/"}
    done = run("cubix", [bench.parameters(**rule, MaxIterations=7, FitResume="yes")], ranks, cwd=bench.folder, env=env)
    assert done.status == 0, done.err
    assert done.err.count("the restart file is not written") == 1, done.err
    assert "after iteration 4 " in done.err, done.err
    assert "r.hdf5" in done.err, done.err
    assert os.listdir(str(bench.path("full"))) == ["r.hdf5"]
    assert len(np.loadtxt(bench.path("out-convergence.txt"))) == 8
    assert bench.path("out.fits").exists()
    assert bench.path("out-stars.hdf5").exists()
    if "times=0" in fault:
        assert restart.read_bytes() == before
    else:
        with h5py.File(restart, "r") as file:
            assert file["Header"].attrs["State"][ITERATION] == 7
