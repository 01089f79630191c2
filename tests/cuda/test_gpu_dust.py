"""Dust and emission lines by the GPU's code: the whole program on the stand-in for the CUDA runtime (tests/cuda/on_cpu),
whose memory begins as NaN, whose allocations end where they end, and whose threads run in any order; in small chunks and
cargoes.  Inputs are of the kinds that a kernel forgets."""
import os

import h5py
import numpy as np
import pytest

from harness import BUILD, assert_close, galaxy, local_level, read_cube, run, stars
from oracle import gas as dust_of_gas
from physics.test_lines import Z, add_gas, gas_of

if not os.path.exists(f"{BUILD}/tests/cuda/cubix_on_cpu"):
    pytest.skip("no C++ compiler: the stand-in for the CUDA runtime was not built", allow_module_level=True)

BASE = dict(Redshift=Z, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none", FluxUnit=-20, Dust="gas", DustGas="all",
            Engine="histogram", Lines="sfr")
HIDING = 1.7507043740108488         # h^2/kernel in the middle of the spline: A(V) = weight HIDING/h^2


def cells(n, seed=5, thick=1.0, **change):
    g = {**gas_of(n, seed), **change}
    g["mass"] = np.full(n, 3e7 * thick)
    return g


def prepare(bench, s, g, n_x=7, n_y=5, lam=(6600.0, 6860.0, 1.0), **columns):
    bench.instrument(n_x, n_y, 0.6, lam=lam, lsf_curve=(2.5,), psf="gaussian", psf_curve=(1.1,), area=5e5, sky=(2e-17,),
                     read_noise=3.0, exposure=900.0)
    wave = np.arange(5800.0, 7400.0, 1.5)
    bench.ssp(lam=wave, luminosity=np.random.default_rng(1).uniform(0.5, 1.5, (5, 6, len(wave))) * 1e29)
    bench.particles(s)
    add_gas(bench.file, g, Mass=(g["mass"], "Msun"), **columns)


def compare(bench, ranks=1, seed=0, lazy=0, thick=True, **how):
    """The GPU's run against the cores': the same columns bit for bit, light to rounding."""
    want = bench.cube(**{**BASE, "Backend": "cpu", **how})
    done = run("cubix_on_cpu", [bench.parameters(**{**BASE, "Backend": "cuda", **how})], ranks, cwd=bench.folder,
               env={"CUDA_ON_CPU_SEED": str(seed), "CUDA_ON_CPU_LAZY": str(lazy)}, timeout=300)
    assert done.status == 0, done.err[-3000:]
    got = read_cube(bench.out)
    assert got["header"]["PRIMARY"]["DEVICE"] != want["header"]["PRIMARY"]["DEVICE"]
    peak = np.abs(want["DATA"]).max(axis=(1, 2), keepdims=True)
    assert_close(got["DATA"], want["DATA"], 3e-6, np.maximum(local_level(want["DATA"]), 1e-3 * peak))
    for name in ("AV_M", "LINE_Ha", "SFR", "MASS", "VEL_GAS"):
        level = 100 * np.ones(want[name].shape) if name == "VEL_GAS" else None
        assert_close(got[name], want[name], 1e-12, level, gaps=True, what=name)
    assert np.isnan(want["AV_M"]).all() or thick == bool((want["AV_M"] > 0).any())
    return want, got


@pytest.mark.parametrize("seed, lazy, ranks", [(0, 0, 1), (3, 1, 1), (4, 0, 2), (5, 1, 3)])
def test_a_galaxy_in_chunks(bench, seed, lazy, ranks):
    """Several chunks of stars, cargoes of places and tiles, on several ranks."""
    prepare(bench, galaxy(500, seed=2, radius=1.0), cells(400))
    compare(bench, ranks, seed, lazy)
    compare(bench, ranks, seed, lazy, SlabMemory=0.05, Deposit="tsc")
    compare(bench, ranks, seed, lazy, Engine="direct", Deposit="cubic", SmoothingLength=0.4)


@pytest.mark.parametrize("engine", ["direct", "histogram"])
def test_derivatives(bench, engine):
    """Mode gradient through dust and lines."""
    prepare(bench, galaxy(60, seed=2, radius=0.6), cells(40), 5, 4, (6680.0, 6730.0, 1.0))
    bench.cube(**{**BASE, "Engine": "direct"}, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    names = "Mass,Position,DustToMetal,DustRv,LineLogU,PointingX"
    how = {**BASE, "Engine": engine, "Deposit": "tsc", "Mode": "gradient", "ObservedFile": bench.path("seen.fits"),
           "Parameters": names, "DustToMetal": 0.4}
    rows = {}
    for backend, name in (("cpu", "cubix"), ("cuda", "cubix_on_cpu")):
        out = bench.path(f"{backend}.fits")
        done = run(name, [bench.parameters(**how, Backend=backend, OutputFile=out)], cwd=bench.folder, timeout=300,
                   env={"CUDA_ON_CPU_SEED": "9", "CUDA_ON_CPU_LAZY": "1"})
        assert done.status == 0, done.err[-3000:]
        text = bench.path(f"{backend}-gradient.txt").read_text().splitlines()
        rows[backend] = {line.split()[0]: float(line.split()[2]) for line in text if not line.startswith("#")}
        with h5py.File(bench.path(f"{backend}-gradient.hdf5")) as f:
            f.visititems(lambda n, d: rows[backend].update({n: d[()]}) if isinstance(d, h5py.Dataset) else None)
    assert sorted(rows["cpu"]) == sorted(rows["cuda"]) and len(rows["cpu"]) >= 6
    for name, want in rows["cpu"].items():
        level = np.abs(want).max()
        assert level > 0 or "Velocity" in name, name
        assert_close(rows["cuda"][name], want, 2e-4, level=level, what=name)


@pytest.mark.parametrize("n_x, n_y, n_lambda", [(1, 1, 1), (1, 3, 7), (3, 1, 33), (5, 7, 65)])
def test_odd_sizes(bench, n_x, n_y, n_lambda):
    prepare(bench, galaxy(61, seed=2, radius=0.5), cells(37), n_x, n_y, (6690.0, 6690.0 + n_lambda - 1, 1.0))
    compare(bench, seed=7, lazy=1)


def one_star(z=0.0, **more):
    return stars((0.05, -0.03, z, 0, 0, 30, 1e6, 4.0, 0.02)), more


EDGES = {
    "no dusty cell": (galaxy(40, seed=2, radius=1.0), cells(9), dict(DustGas="cool", Lines="none"), False),
    "dust of no opacity": (galaxy(40, seed=2, radius=1.0), cells(30), dict(DustToMetal=0.0), False),
    "one star": (one_star()[0], cells(50), {}, True),
    "one star, one cell": (one_star()[0], cells(1, pos=np.array([[0.0, 0, -3]]), length=np.array([2.0])), {}, True),
    "at a cell's place": (one_star()[0], cells(1, pos=np.array([[0.05, -0.03, 0]]), length=np.array([2.0])), {}, True),
    "all at one place": (stars(*[(0.05, -0.03, 0, 0, 0, v, 1e6, 4.0, 0.02) for v in range(-20, 21)]),
                         cells(30, pos=np.tile([0.05, -0.03, 0], (30, 1))), {}, True),
    "gas behind all": (galaxy(40, seed=2, radius=1.0), cells(30, pos=np.tile([0, 0, 40.0], (30, 1))), {}, False),
    "gas beside all": (one_star()[0], cells(30, pos=np.tile([30.0, 0, -4], (30, 1))), {}, False),
}


@pytest.mark.parametrize("edge", EDGES)
def test_edges(bench, edge):
    s, g, how, thick = EDGES[edge]
    hot = dict(Temperature=(np.full(len(g["amount"]), 1e6), "K"), StarFormationRate=(np.zeros(len(g["amount"])), "Msun/yr"))
    prepare(bench, s, g, **(hot if edge == "no dusty cell" else {}))
    for seed in (0, 6):
        if how.get("Lines") == "none":
            quiet(bench, seed, **how)
        else:
            compare(bench, seed=seed, lazy=seed > 0, thick=thick, **how)


def quiet(bench, seed, **how):
    """No line, no dust: the cube of the cores all the same."""
    want = bench.cube(**{**BASE, "Backend": "cpu", **how})
    done = run("cubix_on_cpu", [bench.parameters(**{**BASE, "Backend": "cuda", **how})], cwd=bench.folder,
               env={"CUDA_ON_CPU_SEED": str(seed)})
    assert done.status == 0 and "none of 9 cells of gas has dust" in done.err, done.err
    assert_close(read_cube(bench.out)["DATA"], want["DATA"], 3e-6, local_level(want["DATA"]))


@pytest.mark.parametrize("a_v", [1e-7, 3.0, 119.0, 200.0])
def test_very_thin_and_very_thick(bench, a_v):
    """A star behind the middle of one cell, beside bright ones that are in front of it."""
    h, weight = 2.0, dust_of_gas.weight(0.3 * 0.01)
    g = {"pos": np.array([[0.3, 0.1, 0], [0.3, 0.1, -6]]), "vel": np.full((2, 3), 30.0), "amount": np.array([0.2, 0]),
         "z": np.full(2, 0.01), "length": np.array([0.2, h]),
         "mass": np.array([0, a_v * h**2 / HIDING / weight])}
    prepare(bench, stars((0.3, 0.1, 0, 0, 0, 30, 1e6, 4.0, 0.02), (-0.8, 0, -20, 0, 0, 0, 1e6, 4.0, 0.02)), g)
    for seed in (0, 8):
        want, got = compare(bench, seed=seed, lazy=1)
        deepest = np.array(got["AV_M"])[np.isfinite(got["AV_M"])].max()
        assert abs(deepest / a_v - 1) < (1e-6 if a_v > 1 else 1e-5)      # columns are whole numbers


@pytest.mark.parametrize("name, value", [("Mass", np.nan), ("SmoothingLength", np.nan), ("Metallicity", np.inf),
                                         ("Position", np.nan), ("SmoothingLength", 0.0)])
def test_gas_that_is_no_gas_is_refused(bench, name, value):
    prepare(bench, galaxy(40, seed=2, radius=1.0), cells(30))
    with h5py.File(bench.file, "r+") as f:
        f["Gas/" + name][17] = value
    done = run("cubix_on_cpu", [bench.parameters(**BASE, Backend="cuda")], 2, cwd=bench.folder)
    assert done.status == 3 and f"/Gas/{name}" in done.err and "17" in done.err and done.err.count("error:") == 1, done.err
