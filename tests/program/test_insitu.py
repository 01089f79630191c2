"""CUBIX inside a running simulation (host_insitu.c): the cube of a step has the bits of the cube that the program makes
from a snapshot of that step, whatever came before it; and what stands around it."""
import re

import numpy as np
import pytest
from astropy.io import fits

from harness import COSMOLOGY, Bench, assert_close, bits, formation_scale_factor, read_cube, run, within, write_particles
from oracle import cosmology

N = 500
FIXED = dict(Redshift=0.05, Orientation="inclined", Inclination=50, Engine="histogram", Combine="histogram")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    bench = Bench(tmp_path_factory.mktemp("insitu"))
    bench.instrument(9, 8, 0.7, lam=(5000.0, 5299.0, 1.0), psf="gaussian", psf_curve=(0.9,), area=4e5, dark=1e-3,
                     read_noise=2.0, n_pixel=3.0, exposure=900.0, n_sky=0)
    bench.ssp(fwhm=1.0)
    bench.file = "none.hdf5"
    return bench


def host(bench, how, n_step=1, ranks=1, n=N, status=0, **parameters):
    values = {"SspFile": bench.ssp_file, "Instrument": bench.inst_file, "Lsf": "none", **FIXED, **parameters}
    out = bench.path(f"host{bench.count}")
    bench.count += 1
    empty = bench.path("empty.param")
    empty.write_text("")
    done = run("host_insitu", [how, out, empty, n, n_step, *(f"{k}={v}" for k, v in values.items())], ranks,
               cwd=bench.folder)
    assert done.status == status, done.out + done.err
    return out, done


def snapshot(bench, out, step, ranks):
    """What the host's ranks have dumped, as a particle file."""
    parts = []
    for rank in range(ranks):
        x = np.fromfile(f"{out}.{step}.{rank}")
        n, widths = len(x) // 10, (3, 3, 1, 1, 1, 1)
        cuts = np.cumsum([n * w for w in widths])[:-1]
        parts.append([a.reshape((n, 3) if w == 3 else n) for a, w in zip(np.split(x, cuts), widths)])
    columns = [np.concatenate(a) for a in zip(*parts)]
    assert len(columns[0]) == N
    return write_particles(bench.path(f"{out.name}.{step}.hdf5"),
                           dict(zip(("pos", "vel", "mass", "mass_now", "age", "z"), columns)), redshift=0.05)


@pytest.mark.parametrize("ranks, noise", [(1, "snr"), (3, "exposure"), (2, "none")])
def test_the_bits_of_a_snapshot(bench, ranks, noise):
    out, _ = host(bench, "dw", 3, ranks, Noise=noise)
    for step in range(3):
        bench.file = snapshot(bench, out, step, ranks)
        bench.cube(Noise=noise, **FIXED)
        mine = bits(f"{out}.{step}.fits")
        assert mine == bits(bench.out) and ("STAT" in mine) == (noise != "none")
        a, b = read_cube(f"{out}.{step}.fits"), read_cube(bench.out)
        for name in ("MASS", "VEL_L_OBS", "AGE_L"):            # sums of ranks are rounded by their number
            assert_close(a[name], b[name], 1e-12 if ranks > 1 else 0, np.abs(b[name][np.isfinite(b[name])]).max(), name, gaps=True)
        assert a["header"]["PRIMARY"]["NSTARFIL"] == N
    steps = [read_cube(f"{out}.{step}.fits")["DATA"] for step in range(3)]
    assert not np.array_equal(steps[0], steps[1])


def test_arrays(bench):
    """What get returns is what write writes."""
    out, _ = host(bench, "gw", 2, 2, Noise="snr")
    for step in range(2):
        cube = read_cube(f"{out}.{step}.fits")
        for name in ("DATA", "STAT", "MASS"):
            got = np.fromfile(f"{out}.{step}.{name}", "f4").reshape(cube[name].shape)
            assert np.array_equal(got, cube[name].astype("f4")) and got.mean() > 0, name


def test_functions_of_the_host(bench):
    plain, _ = host(bench, "w", 1, 2, Psf="none")
    hung, _ = host(bench, "wg", 1, 2, Psf="none")
    with_functions, _ = host(bench, "whg", 1, 2, Psf="none")
    assert bits(f"{plain}.0.fits") == bits(f"{hung}.0.fits")
    a, b = read_cube(f"{plain}.0.fits"), read_cube(f"{with_functions}.0.fits")
    assert within(b["DATA"], 2 * a["DATA"] + 7, 1e-5) and a["DATA"].max() > 1
    assert within(b["MASS"].sum(), 2 * a["MASS"].sum(), 1e-12)
    # once for all that is got and written of a cube
    assert np.fromfile(f"{with_functions}.0.DATA", "f4").tobytes() == b["DATA"].astype("f4").tobytes()


def test_a_nan_names_its_rank_and_the_next_step_goes_on(bench):
    out, done = host(bench, "w", 3, 3)
    bad, told = host(bench, "wn", 3, 3)
    for rank in range(3):
        assert f"rank {rank} step 1: rank 1: Stars/Velocity of star 2 (of 0 to {N // 2 - 1}) is nan" in told.out.replace(
            "-nan", "nan")
    for step in (0, 2):
        assert bits(f"{out}.{step}.fits") == bits(f"{bad}.{step}.fits")
    assert not bench.path(f"{bad.name}.1.fits").exists()


def test_units_of_a_comoving_code(bench):
    out, done = host(bench, "wu", 1, 1, PixelScale=1.4, FieldOfView=14)
    unit = [float(x) for x in re.search(r"units (\S+) (\S+) (\S+)", done.out).groups()]
    assert within(unit, [1 / 1.05 / 0.6774, 1.05**-0.5, 1e10 / 0.6774], 1e-14)
    # the same in our own units
    plain, _ = host(bench, "dw", 1, 1, PixelScale=1.4, FieldOfView=14)
    a, b = read_cube(f"{out}.0.fits"), read_cube(f"{plain}.0.fits")
    assert within(a["MASS"].sum(), b["MASS"].sum(), 1e-9)
    assert np.array_equal(a["NSTAR"], b["NSTAR"])
    star = np.arange(N)
    x = np.sin(12.9898 * (star + 1) + 78.233 * 7) * 43758.5453
    factor = 0.2 + 0.7 * (x - np.floor(x))
    now = cosmology.age(1 / 1.05, *COSMOLOGY.values())
    age = np.array([now - cosmology.age(f, *COSMOLOGY.values()) for f in factor])
    assert abs(formation_scale_factor(age[0], 0.05) - factor[0]) < 1e-9
    mass = np.fromfile(f"{plain}.0.0")[6 * N:7 * N]
    assert a["NSTAR"].sum() == N and within((np.nan_to_num(a["AGE_M"]) * a["MASS"]).sum(), (age * mass).sum(), 1e-6)


def test_a_parameter_that_is_set(bench):
    out, _ = host(bench, "ws", 2, 2)
    there, _ = host(bench, "w", 2, 2, Redshift=0.025)
    here, _ = host(bench, "w", 2, 2)
    assert bits(f"{out}.0.fits") == bits(f"{here}.0.fits") and bits(f"{out}.1.fits") == bits(f"{there}.1.fits")


def test_warnings_are_of_one_cube(bench):
    """A parameter without effect is told in every cube, once."""
    out, _ = host(bench, "w", 3, 1, PsfBeta=3)
    for step in range(3):
        head = fits.getheader(f"{out}.{step}.fits")
        told = [head[f"WARN{i + 1}"] for i in range(head["NWARN"])]
        assert len([t for t in told if "PsfBeta = 3" in t]) == 1, told


def test_the_redshift_of_the_snapshot(bench):
    out, _ = host(bench, "w", 2, 2, Redshift="snapshot")
    here, _ = host(bench, "w", 2, 2)
    for step in range(2):
        assert bits(f"{out}.{step}.fits") == bits(f"{here}.{step}.fits")


@pytest.mark.parametrize("ranks", [1, 2])
def test_memory_is_flat(bench, ranks):
    _, done = host(bench, "fg", 200, ranks)
    early, late = (max(m) for m in np.array_split(np.array(re.findall(r"memory (\S+)", done.out), float), 2))
    assert 0 < early < 1e4 and late < early + 2


def test_what_is_wrong_is_told(bench):
    _, done = host(bench, "w", 1, 2, status=1, Redshfit=1)
    assert "Redshfit" in done.out and "Redshift" in done.out      # mpirun may end a rank before it speaks
    _, done = host(bench, "w", 1, 2, SelectRadius=5)
    assert "SelectRadius = 5" in done.out and "applies to files only" in done.out
    _, done = host(bench, "g", 1, 1)
    assert "there is no STAT with Noise none" in done.out
