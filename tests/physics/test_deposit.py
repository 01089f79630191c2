"""Deposit: how a star's light is divided among spaxels, against the oracle, closed forms and itself."""
import numpy as np
import pytest

from harness import assert_close, bits, chunks_said, galaxy, local_level, run, stars, write_tng
from oracle import cube as oracle

Z = 0.05
PLAIN = {"Redshift": Z, "Centre": (0, 0, 0), "SystemicVelocity": "none"}
SMOOTH = {"cic": {"Deposit": "cic"}, "tsc": {"Deposit": "tsc"},
          "gaussian": {"Deposit": "gaussian", "SmoothingLength": 0.55},
          "narrow": {"Deposit": "gaussian", "SmoothingLength": 0.02},
          "cubic": {"Deposit": "cubic", "SmoothingLength": 1.3},
          "wendland": {"Deposit": "wendland", "SmoothingLength": 1.7},
          "narrow kernel": {"Deposit": "wendland", "SmoothingLength": 0.02}}
KERNELS = {"cubic", "wendland", "narrow kernel"}        # their weights come from a table that is good to 1e-7
MAPS = ("MASS", "MASS_NOW", "AGE_M", "AGE_L", "Z_M", "Z_L", "VEL_M", "VEL_L", "LIGHT", "NSTAR", "MASS_OBS",
        "Z_L_OBS", "VEL_L_OBS")
LAM = (5000.0, 5059.0, 1.0)


def setup(bench, s, **kw):
    bench.instrument(n_x=12, n_y=10, pixel=0.5, lam=LAM, lsf_curve=(4.0,), **kw)
    bench.ssp("mixed", fwhm=1.5)
    return bench.particles(s)


def expect(bench, par):
    return oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre=(0, 0, 0), velocity="none",
                          deposit=par["Deposit"],
                          length=par.get("SmoothingLength", 0.0))


def compare(got, want, tolerance, what, table=0.0):
    """table: how good the weights are that a table gives, of a star's whole."""
    peak = np.abs(want.cube).max(axis=(1, 2), keepdims=True)
    assert_close(got["DATA"], want.cube, tolerance, peak, what)
    # a mean in a Gaussian's tail is one of rounding
    inside = want.maps["MASS"] > max(1e-6, 1e5 * table) * want.maps["MASS"].max()
    for name in MAPS:
        floor = 1e-6 * np.abs(want.maps[name][inside]).max() + (300 if name.startswith("VEL") else 0)
        floor += 1e6 * table * np.abs(want.maps[name][inside]).max()
        assert_close(got[name][inside], want.maps[name][inside], 1e-6 + 10 * table, np.abs(want.maps[name][inside]) + floor,
                     f"{what} {name}")
    assert np.array_equal(got["NSTAR"], want.maps["NSTAR"])


@pytest.mark.parametrize("kind", SMOOTH)
def test_against_the_oracle(bench, kind):
    """A galaxy larger than the field, whose stars beyond the border shed light into it; turned and
    off centre; both engines."""
    for seed, psf in ((5, dict(psf="gaussian", psf_curve=(5.0, -8e-4))), (6, {})):
        setup(bench, galaxy(200, seed=seed, radius=3.0), pointing=(0.6, -0.9), roll=33.0, **psf)
        par = {**PLAIN, **SMOOTH[kind], "PointingX": 0.6, "PointingY": -0.9, "Roll": 33.0}
        want = expect(bench, par)
        assert abs(want.maps["MASS"].sum() / want.stars["mass"].sum() - 0.5) < 0.49
        table = 1e-7 if kind in KERNELS else 0.0
        compare(bench.cube("cubix64", Engine="direct", **par), want, 1e-11 + table, f"{kind} twin", table)
        compare(bench.cube(Engine="direct", threads=2, **par), want, 2e-6, f"{kind} direct", table)
        compare(bench.cube(Engine="histogram", ranks=2, **par), want, 1e-4, f"{kind} histogram", table)


def test_no_light_is_made_or_lost(bench):
    setup(bench, galaxy(300, seed=3, radius=0.35))
    want = bench.cube(**PLAIN)["DATA"].sum(axis=(1, 2), dtype=float)
    short = {kind: {"Deposit": kind, "SmoothingLength": length}
             for kind, length in (("gaussian", 0.2), ("cubic", 0.7), ("wendland", 0.8))}
    for kind, par in {**SMOOTH, **short}.items():
        got = bench.cube(**PLAIN, **par)
        assert_close(got["DATA"].sum(axis=(1, 2), dtype=float), want, 1e-6, None, kind)
        assert abs(got["MASS"].sum() / galaxy(300, seed=3, radius=0.35)["mass"].sum() - 1) < 1e-6


def one(x, y):
    """A star x, y spaxels west and north of the field's middle, which is a corner of spaxels."""
    from oracle import cosmology
    from harness import COSMO
    scale = cosmology.scene(Z, *COSMO)[1] * 0.5
    return stars((-x * scale, y * scale, 0, 0, 0, 0, 1e6, 3.0, 0.02))


@pytest.mark.parametrize("place", [(0.5, 0.5), (1.0, 0.5), (2.0, -1.0), (0.25, 0.9)])
def test_one_star(bench, place):
    """In the middle of a spaxel, on an edge, on a corner, anywhere."""
    setup(bench, one(*place))
    light = bench.cube(**PLAIN)["DATA"].sum(dtype=float)
    for kind in ("cic", "tsc"):
        got = bench.cube(**PLAIN, Deposit=kind)
        i, j = np.arange(12) - 6 + 0.5 - place[0], np.arange(10) - 5 + 0.5 - place[1]
        w = {"cic": lambda u: np.clip(1 - np.abs(u), 0, None),
             "tsc": lambda u: np.where(np.abs(u) < 0.5, 0.75 - u**2, 0.5 * np.clip(1.5 - np.abs(u), 0, None)**2)}[kind]
        assert_close(got["DATA"].sum(axis=0, dtype=float) / light, np.outer(w(j), w(i)), 2e-6, np.ones((10, 12)), kind)
        assert got["NSTAR"].sum() == 1 and abs(got["MASS"].sum() / 1e6 - 1) < 1e-6


def test_a_star_beyond_the_border(bench):
    """It sheds into the field what its weights say, and counts as outside; so does a star in the other corner."""
    both = one(0.5, 0.5)
    for x, y in ((6.3, 0.5), (-6.2, -5.4), (8.5, 0.5)):
        both = {key: np.concatenate([both[key], one(x, y)[key]]) for key in both}
    setup(bench, both)
    got, head = (lambda c: (c, c["header"]["PRIMARY"]))(bench.cube(**PLAIN, Deposit="tsc"))
    mass = got["MASS"] / 1e6
    assert abs(mass[5, 11] - 0.75 * 0.5 * 0.7**2) < 1e-6 and abs(mass[0, 0] - 0.5 * 0.8**2 * 0.5 * 0.6**2) < 1e-6
    assert got["NSTAR"].sum() == 1 and head["N_OUT"] == 3 and head["N_FIELD"] == 1
    assert_close(got["DATA"][:, 5, 11] / got["DATA"][:, 5, 6], np.full(60, 0.5 * 0.7**2 / 0.75), 3e-6)


def test_moving_galaxy_and_telescope_alike_changes_nothing(bench):
    s = galaxy(200, seed=8)
    setup(bench, s)
    for kind, par in SMOOTH.items():
        want = bench.cube(**PLAIN, **par)
        scale = float(want["header"]["PRIMARY"]["KPCARC"])
        bench.particles({**s, "pos": s["pos"] + np.array([0.37 * scale, -0.81 * scale, 4.0])}, name="moved.hdf5")
        got = bench.cube(**PLAIN, **par, PointingX=0.37, PointingY=-0.81)
        bench.particles(s)
        assert_close(got["DATA"], want["DATA"], 1e-6, np.abs(want["DATA"]).max(), kind)


def test_lengths_of_its_own(bench):
    """Every star's SmoothingLength, through selection and chunks; one for all overrides it."""
    s = galaxy(3000, seed=9, radius=1.0)
    length = 10**np.random.default_rng(4).uniform(-1.3, -0.4, 3000)
    setup(bench, s)
    plain = bench.file
    par = {**PLAIN, "Deposit": "gaussian"}
    done = run("cubix", [bench.parameters(**par)], cwd=bench.folder)
    assert done.status != 0
    assert "SmoothingLength" in done.err
    assert "/Stars" in done.err
    assert "give a SmoothingLength in kpc" in done.err
    bench.particles(s, name="lengths.hdf5", extra={"SmoothingLength": length})
    few = {**s, **{key: s[key][::10] for key in s}}
    lengths = bench.file
    bench.particles(few, name="few.hdf5", extra={"SmoothingLength": length[::10]})
    compare(bench.cube(**par, SelectRadius=2.0),
            oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre=(0, 0, 0), velocity="none", select=2.0,
                           deposit="gaussian"),
            2e-6, "own lengths")
    bench.file = lengths
    chosen = {**par, "SelectRadius": 2.0, "Engine": "histogram", "Combine": "histogram"}
    want = bench.cube(**chosen)
    one_way = bits(bench.out)
    for ranks, memory in ((1, 2.0), (2, 2.0)):
        got = bench.cube(ranks=ranks, SlabMemory=memory, **chosen)
        assert chunks_said(got["run"]) > 1 and bits(bench.out) == one_way
    assert want["header"]["PRIMARY"]["NOUTRAD"] > 100
    same = bench.cube(**PLAIN, **SMOOTH["gaussian"])
    bench.file = plain
    assert np.array_equal(bench.cube(**PLAIN, **SMOOTH["gaussian"])["DATA"], same["DATA"])


def test_a_snapshot_s_own_lengths(bench):
    """StellarHsml, comoving kpc/h."""
    s = galaxy(100, seed=2, radius=1.0)
    setup(bench, s)
    a, h = 1 / 1.1, 0.6774
    file = write_tng(bench.path("tng.hdf5"), s, 0.1, extra={"PartType4/StellarHsml": np.full(100, 0.4 / a * h)})
    bench.file = write_tng(bench.path("none.hdf5"), s, 0.1)
    want = bench.cube(**PLAIN, Deposit="gaussian", SmoothingLength=0.4)
    bench.file = file
    assert_close(bench.cube(**PLAIN, Deposit="gaussian")["DATA"], want["DATA"], 1e-5, np.abs(want["DATA"]).max())


def test_a_length_without_a_say(bench):
    setup(bench, galaxy(50, seed=2))
    done = bench.cube(**PLAIN, Deposit="tsc", SmoothingLength=0.4)["run"]
    assert "SmoothingLength" in done.err and "belongs to Deposit gaussian, cubic or wendland" in done.err


@pytest.mark.parametrize("deposit", ["cic", "tsc"])
def test_any_ranks_threads_and_chunks(bench, deposit):
    """The same bits with Combine histogram; the audit looks at all of them."""
    n = 9000
    setup(bench, galaxy(n, seed=17, radius=1.6), psf="gaussian", psf_curve=(5.0, -8e-4))
    for engine in ("histogram", "direct"):
        par = {**PLAIN, "Deposit": deposit, "Engine": engine,
               "Combine": "histogram"} if engine == "histogram" else {**PLAIN, "Deposit": deposit, "Engine": engine}
        want = bench.cube(**par)
        assert "voxels recomputed in float64" in want["run"].out
        one_way = bits(bench.out)
        for ranks, threads, memory in ((1, 2, 0), (3, 1, 0), (4, 1, 0), (1, 1, 2.0), (2, 2, 1.5)):
            got = bench.cube(ranks=ranks, threads=threads, SlabMemory=memory, **par)
            assert (chunks_said(got["run"]) > 1) == (memory > 0)
            assert got["header"]["PRIMARY"]["NAUDIT"] > 3
            if engine == "histogram":
                assert bits(bench.out) == one_way, f"{ranks} ranks, {threads} threads, {memory} MB"
            else:
                assert_close(got["DATA"], want["DATA"], 2e-6, local_level(want["DATA"]))
            for name in MAPS:
                assert_close(got[name], want[name], 1e-6, 300.0 if name.startswith("VEL") else None, name, gaps=True)
