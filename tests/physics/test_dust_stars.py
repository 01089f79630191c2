"""Stars behind dust of their own, painted by either engine, against the exponential star by star."""
import h5py
import numpy as np
import pytest

from harness import assert_close, bits, galaxy, local_level, run, stars, within
from oracle import cube as oracle
from oracle import dust as laws
from oracle import gas as dust

Z = 0.05
PLAIN = {"Redshift": Z, "Centre": (0, 0, 0), "SystemicVelocity": "none", "DustGas": "starforming"}
UNITS = {"Position": "kpc", "Velocity": "km/s", "Mass": "Msun", "SmoothingLength": "kpc", "Metallicity": "1",
         "StarFormationRate": "Msun/yr"}


def clouds(n=400, mass=3e6, depth=0.3, behind=0.0):
    rng = np.random.default_rng(8)
    return {"Position": rng.normal(0, 1, (n, 3)) * [1.5, 1.5, depth] + [0, 0, behind], "Velocity": np.zeros((n, 3)),
            "Mass": mass * rng.uniform(0, 1, n)**2, "SmoothingLength": rng.uniform(0.05, 1, n),
            "Metallicity": rng.uniform(0, 0.04, n), "StarFormationRate": np.full(n, 0.01)}


def setup(bench, gas, n=400, lam=(5000.0, 5299.0, 1.0), fast=False, lsf=(4.0,), **library):
    bench.instrument(12, 10, 0.5, lam=lam, lsf_curve=lsf)
    bench.ssp("mixed", **{"fwhm": 1.5, **library})
    s = galaxy(n, seed=17, radius=1.6)
    if fast:
        s["vel"][:3, 2] = 3000, -2500, 1900
    bench.particles(s)
    with h5py.File(bench.file, "a") as f:
        for name, x in gas.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = UNITS[name]


def want_of(bench, gas, **more):
    return oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre=(0, 0, 0), velocity="none", gas=gas, **more)


def test_directly(bench):
    gas = clouds()
    setup(bench, gas)
    want = want_of(bench, gas)
    assert np.median(want.stars["screen"]) > 0.1 and want.stars["screen"].max() > 1.5
    for name, tolerance in (("cubix", 2e-6), ("cubix64", 1e-10)):
        got = bench.cube(name, Dust="gas", Engine="direct", **PLAIN)
        assert_close(got["DATA"], want.cube, tolerance, local_level(want.cube), name)
        assert "DUSTERR" not in got["header"]["PRIMARY"]


@pytest.mark.parametrize("effect", ["extinction", "absorption", "mixed"])
def test_a_screen_far_in_front(bench, effect):
    """On top of the gas, whose scattered light counts as DustEffect says: a screen's is lost."""
    setup(bench, clouds(), lam=(5000.0, 9000.0, 40.0), lo=4500.0, hi=9500.0, step=4.0, fwhm=6.0)
    par = dict(Dust="gas", Engine="direct", DustEffect=effect, **PLAIN)
    bare, dim = (bench.cube("cubix64", DustScreen=a, **par)["DATA"] for a in (0.0, 1.3))
    left = laws.screen("G23", bench.inst.edges(), Z, 1.3, 3.1)
    lit = bare[0] > 0
    assert lit.any() and within(dim[:, lit], bare[:, lit] * left[:, None], rtol=1e-6)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, 1e-5])
@pytest.mark.parametrize("lam", [(5000.0, 5299.0, 1.0), (5000.0, 9000.0, 12.0)])
def test_by_histogram(bench, lam, tolerance):
    """A narrow band, where three functions serve in a tile, and a wide one, where the nodes do; some stars are fast."""
    gas = clouds()
    wide = lam[1] > 6000
    setup(bench, gas, lam=lam, fast=True, n=600, lsf=(40.0,) if wide else (4.0,),
          **({"lo": 4500.0, "hi": 9500.0, "step": 4.0, "fwhm": 6.0} if wide else {}))
    want = want_of(bench, gas)
    got = bench.cube(Dust="gas", Engine="histogram", Tolerance=tolerance, **PLAIN)
    head = got["header"]["PRIMARY"]
    assert head["ENGINE"] == "histogram" and head["NBEYOND"] > 0
    assert 0 <= head["DUSTERR"] <= 0.1 * tolerance and head["DUSTNODE"] > 4
    assert head["AUDIT"] <= tolerance and head["NAUDIT"] >= 3
    good = (got["DQ"] & 3) == 0
    assert good.any()
    assert_close(got["DATA"][good], want.cube[good], tolerance)


@pytest.mark.parametrize("lam", [(5000.0, 5299.0, 1.0), (5000.0, 9000.0, 12.0)])
def test_a_wrong_coefficient_is_found(bench, lam):
    """One of the nodes' is off by a hundredth, whether nodes or three functions are painted: no cube is written."""
    gas, wide = clouds(), lam[1] > 6000
    setup(bench, gas, lam=lam, lsf=(40.0,) if wide else (4.0,),
          **({"lo": 4500.0, "hi": 9500.0, "step": 4.0, "fwhm": 6.0} if wide else {}))
    par = bench.parameters(Dust="gas", Engine="histogram", Tolerance=1e-3, **PLAIN)
    for ranks in (1, 2):
        done = run("cubix_spoilt", [par], ranks, cwd=bench.folder)
        assert done.status == 1 and "audit: the cube holds" in done.err and "off by" in done.err, done.err
        assert not bench.out.exists()
    assert run("cubix", [par], cwd=bench.folder).status == 0


def test_where_templates_end(bench):
    """A library that ends within the band is painted star by star there."""
    gas = clouds()
    setup(bench, gas, lam=(5000.0, 5699.0, 1.0), lo=4500.0, hi=5350.0)
    want = want_of(bench, gas)
    got = bench.cube(Dust="gas", Engine="histogram", **PLAIN)
    assert got["header"]["PRIMARY"]["ENGINE"] == "histogram"
    good = (got["DQ"] & 3) == 0
    assert_close(got["DATA"][good], want.cube[good], 1e-4)
    direct = bench.cube(Dust="gas", Engine="direct", **PLAIN)
    assert_close(got["DATA"], direct["DATA"], 1e-4, local_level(np.abs(direct["DATA"])))


def test_none_in_front(bench):
    """No nodes, and the bits of a run without dust."""
    gas = clouds(behind=50.0)
    setup(bench, gas)
    bench.cube(Dust="none", Engine="histogram", **PLAIN)
    plain = bits(bench.out)
    got = bench.cube(Dust="gas", Engine="histogram", **PLAIN)
    assert bits(bench.out) == plain
    assert "DUSTNODE" not in got["header"]["PRIMARY"]


def test_so_much_that_no_light_is_left(bench):
    """Behind thousands of magnitudes; the others keep theirs."""
    gas = clouds(mass=3e10, depth=0.05)
    setup(bench, gas)
    want = want_of(bench, gas)
    assert want.stars["screen"].max() > 1000 and (want.stars["screen"] < 1).any()
    got = bench.cube(Dust="gas", Engine="histogram", **PLAIN)
    assert got["header"]["PRIMARY"]["ENGINE"] == "histogram"
    assert_close(got["DATA"], want.cube, 1e-4, np.maximum(want.cube, 1e-9 * want.cube.max()))


def test_a_spaxel_in_the_dark(bench):
    """Whose only star is behind so much dust that nodes in A(V) have nothing left: the audit does not take that for a
    fault, though float32 could hold what the exponential leaves."""
    unit = {"FluxUnit": -30, "Engine": "histogram", **PLAIN}
    nothing = {k: x[:0] for k, x in clouds().items()}
    setup(bench, nothing)
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e8, 4.0, 0.02), (2.6, 0, 0, 0, 0, 0, 1e8, 4.0, 0.02)))
    bare = bench.cube(Dust="none", **unit)["DATA"]
    dark = 2.5 * np.log10(bare.max() / 1e-25)
    assert 80 < dark < 200 and np.count_nonzero(bare[0]) == 2
    gas = {"Position": np.array([[0, 0, -5.0]]), "Velocity": np.zeros((1, 3)), "SmoothingLength": np.ones(1),
           "Mass": np.array([dark / 1.7507043740108488 / dust.weight(0.3 * 0.02)]), "Metallicity": np.full(1, 0.02),
           "StarFormationRate": np.full(1, 0.01)}
    with h5py.File(bench.file, "a") as f:
        for name, x in gas.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = UNITS[name]
    got = bench.cube(Dust="gas", DustLaw="powerlaw", DustSlope=0, **unit)
    assert abs(got["AV_M"][got["NSTAR"] > 0].max() - dark) < 1e-3 * dark
    assert np.count_nonzero(got["DATA"][0]) == 1 and got["header"]["PRIMARY"]["ENGINE"] == "histogram"
    assert got["header"]["PRIMARY"]["NAUDIT"] > 3 and got["header"]["PRIMARY"]["AUDIT"] < 1e-4


def test_a_tolerance_beyond_float32(bench):
    gas = clouds()
    setup(bench, gas)
    got = bench.cube(Dust="gas", Engine="histogram", Tolerance=4e-6, **PLAIN)
    head = got["header"]["PRIMARY"]
    assert head["ENGINE"] == "direct" and "5e-6" in head["ENGINWHY"]
