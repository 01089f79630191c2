"""The same cube on any number of ranks and threads, from one file or several."""
import os
import subprocess

import numpy as np
import pytest

import harness
from harness import assert_close, galaxy, local_level, run, write_eagle, write_tng

WAYS = [(2, 1), (3, 1), (4, 1), (1, 2), (2, 2)]                  # ranks, threads; compared with one of each
GEOMETRY = dict(Redshift=0.05, Orientation="inclined", Inclination=50.0, PositionAngle=20.0, SelectRadius=12.0)


def agree(got, want):
    assert np.array_equal(got["NSTAR"], want["NSTAR"]) and np.array_equal(got["DQ"], want["DQ"])
    assert_close(got["DATA"], want["DATA"], 2e-6, local_level(want["DATA"]))
    for name in ("MASS", "MASS_NOW", "AGE_M", "AGE_L", "Z_M", "Z_L"):
        assert_close(got[name], want[name], 3e-7, what=name, gaps=True)
    for name in ("VEL_M", "VEL_L"):
        assert_close(got[name], want[name], 3e-7, 300.0, what=name, gaps=True)


def frame_of(cube):
    """All that the outputs say of centre, systemic velocity and rotation: text of the primary header."""
    words = ("CENTRE", "CENTER", "SYSVEL", "CVEL", "ROT", "AXIS", "CEN", "VSYS", "ALIGN")
    return {k: v for k, v in cube["header"]["PRIMARY"].items() if any(k.startswith(w) for w in words)}


def setup(bench, n=303, **kw):
    bench.instrument(12, 10, 0.5, lam=(5000.0, 5099.0, 1.0), lsf_curve=(4.0,), **kw)
    bench.ssp("mixed", fwhm=1.0)
    bench.particles(galaxy(n, seed=41, radius=0.8, centre=(7, 8, 9), velocity=(55, -66, 77)))


def test_any_number_of_ranks_and_threads(bench):
    setup(bench)
    want = bench.cube(**GEOMETRY)
    assert frame_of(want), "the primary header says nothing of the frame"
    for ranks, threads in WAYS:
        got = bench.cube(ranks=ranks, threads=threads, **GEOMETRY)
        agree(got, want)
        assert frame_of(got) == frame_of(want)                   # to the last digit that is written


@pytest.mark.parametrize("centre", ["median", "shrinking-sphere"])
@pytest.mark.parametrize("align", ["inertia", "angularmomentum"])
def test_frames(bench, centre, align):
    setup(bench, 97)
    par = {**GEOMETRY, "Centre": centre, "AlignWith": align}
    want = bench.cube(**par)
    got = bench.cube(ranks=4, **par)
    agree(got, want)
    assert frame_of(got) == frame_of(want)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_fewer_stars_than_ranks(bench, n):
    setup(bench, n)
    par = dict(Redshift=0.05, Centre="median", SystemicVelocity="none")
    want = bench.cube(**par)
    assert want["NSTAR"].sum() == n
    agree(bench.cube(ranks=4, **par), want)


@pytest.mark.parametrize("write", [write_tng, write_eagle])
def test_files(bench, write):
    """One file, five files, any of them named, or their stem; some without a star."""
    setup(bench)
    s = galaxy(203, seed=42, radius=0.8, centre=(70, 80, 90))
    bench.file = write(bench.path("one.hdf5"), s, redshift=0.2)
    want = bench.cube(**GEOMETRY)
    write(bench.path("snap.hdf5"), s, redshift=0.2, files=5)
    for name, ranks in (("snap.0.hdf5", 1), ("snap.3.hdf5", 3), ("snap", 4), ("snap.0.hdf5", 2)):
        bench.file = bench.path(name)
        agree(bench.cube(ranks=ranks, **GEOMETRY), want)
    few = galaxy(3, seed=42, radius=0.2)
    bench.file = write(bench.path("few.hdf5"), few, redshift=0.2, files=5)
    assert bench.cube(ranks=4, Redshift=0.05, Centre="median")["NSTAR"].sum() == 3


@pytest.mark.parametrize("mode", ["collective", "independent"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
def test_types_and_ways_to_read(bench, mode, dtype):
    setup(bench)
    s = galaxy(50, seed=43, radius=2.0)
    s = {k: np.round(x) if dtype[0] == "i" else x.astype(dtype) for k, x in s.items()}
    bench.particles(s, dtype="f8")
    want = bench.cube(Redshift=0.05, Centre="median")
    bench.particles(s, dtype=dtype)
    agree(bench.cube(ranks=3, Redshift=0.05, Centre="median", ReadMode=mode), want)


def test_noise_is_the_same(bench):
    setup(bench, area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    par = dict(Redshift=0.05, Noise="snr", SignalToNoise=25, KeepNoiseFree=True)
    want = bench.cube(**par)
    for ranks, threads in ((2, 1), (4, 2)):
        got = bench.cube(ranks=ranks, threads=threads, **par)
        chi = (want["DATA"] - want["NOISEFREE"]) / np.sqrt(want["STAT"])
        assert np.abs((got["DATA"] - got["NOISEFREE"]) / np.sqrt(got["STAT"]) - chi).max() < 1e-3


def test_the_used_values_run_again(bench):
    setup(bench)
    want = bench.cube(**GEOMETRY)
    used = bench.folder / f"{bench.out.stem}-usedvalues"
    again = bench.path("again.fits")
    done = run("cubix", [used, f"OutputFile={again}"], cwd=bench.folder)
    assert done.status == 0, done.err
    from harness import read_cube
    assert np.array_equal(read_cube(again)["DATA"], want["DATA"])


def test_threads_that_share_a_core_are_told(bench):
    """As mpirun -np 1 binds by default: one core for all threads."""
    if os.cpu_count() < 2:
        pytest.skip("one core only: nothing to be bound to")
    bench.instrument(4, 4, 1.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.particles(galaxy(20))
    may = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(may)})
        done = run("cubix", ["-n", bench.parameters()], threads=2)
    finally:
        os.sched_setaffinity(0, may)
    assert done.status == 0, done.err
    assert done.err.count("--bind-to none") == 1, done.err
    assert "2 times as many threads" in done.err, done.err
    done = run("cubix", ["-n", bench.parameters()], threads=1)
    assert done.status == 0 and "--bind-to none" not in done.err, done.err


def test_cores_that_mpirun_leaves_idle_are_told(bench):
    """mpirun -np 1 binds its rank to one core, and without OMP_NUM_THREADS it has one thread: nothing seems amiss, but the
    time it takes.  A stand-in for mpirun binds as it does."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("one core only: none can be left idle")
    bench.instrument(4, 4, 1.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.particles(galaxy(20))

    def told(ranks, bound, threads=None):
        world = harness.environment(extra={"OMPI_COMM_WORLD_LOCAL_SIZE": str(ranks)})
        world.pop("OMP_NUM_THREADS")
        if threads:
            world["OMP_NUM_THREADS"] = str(threads)
        done = subprocess.run([harness.BUILD / "cubix", "-q", "-n", bench.parameters()], env=world, text=True,
                              capture_output=True, preexec_fn=lambda: os.sched_setaffinity(0, set(cores[:bound])))
        assert done.returncode == 0, done.stderr
        return done.stderr.count("mpirun has bound each rank")
    assert told(1, 1) == 1
    assert told(1, 1, threads=1) == 0                    # it was chosen
    assert told(1, len(cores)) == 0                      # --bind-to none
    assert told(len(cores), 1) == 0                      # all are in use
