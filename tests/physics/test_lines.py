"""Emission lines: against the oracle, source by source; closed forms; any number of ranks; the tables."""
import math
import re

import h5py
import numpy as np
import pytest

from harness import COSMO, assert_close, chunks_said, galaxy, refused, shared, stars, within
from oracle import cosmology, dust, lines, maps, psf
from oracle import gas as dust_of_gas
from oracle.constants import C, MPC_CM

Z = 0.02
PLAIN = dict(Redshift=Z, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none", Lines="sfr", FluxUnit=-20)
BAND = (6600.0, 6899.0, 1.0)        # Ha, [NII], [SII] at Z


def gas_of(n=40, seed=5, spread=1.2):
    rng = np.random.default_rng(seed)
    return {"pos": rng.normal(0, spread, (n, 3)), "vel": rng.normal(0, 120, (n, 3)), "amount": 10**rng.uniform(-4, -1, n),
            "z": 10**rng.uniform(-3.5, -1.4, n), "length": rng.uniform(0.2, 1.5, n)}


def add_gas(path, g, **change):
    """The group Gas of a canonical file."""
    n = len(g["amount"])
    columns = {"Position": (g["pos"], "kpc"), "Velocity": (g["vel"], "km/s"), "Mass": (np.full(n, 1e5), "Msun"),
               "StarFormationRate": (g["amount"], "Msun/yr"), "Metallicity": (g["z"], "1"),
               "SmoothingLength": (g["length"], "kpc"), "Density": (np.full(n, 1e6), "Msun/kpc^3"),
               "Temperature": (np.full(n, 1e4), "K"), **change}
    with h5py.File(path, "r+") as f:
        for name, column in columns.items():
            if column is not None:
                f.create_dataset("Gas/" + name, data=np.asarray(column[0], float)).attrs["unit"] = column[1]


def setup(bench, g=None, lam=BAND, n_x=8, n_y=7, dark=True, s=None, change=None, **kw):
    """An instrument, stars that hardly shine, and gas."""
    kw = {"lsf_curve": (2.5,), "medium": "vacuum", **kw}
    bench.instrument(n_x, n_y, 0.6, lam=lam, **kw)
    wave = np.arange(4500.0, 9000.0, 1.5)
    bench.ssp(lam=wave, luminosity=np.full((5, 6, len(wave)), 1e12 if dark else 1e29))
    bench.particles(s or galaxy(60, seed=2, radius=1.0))
    g = g or gas_of()
    add_gas(bench.file, g, **(change or {}))
    return g


def want_of(bench, g, t, log_u=-3.0, mode="sfr", library=None, **kw):
    d_l, scale = cosmology.scene(Z, *COSMO)[:2]
    per_flux = 1e20 / (4 * math.pi * (d_l * MPC_CM)**2)
    return lines.paint(bench.inst, t, g, lines.per_source(t, log_u, mode, library), Z, scale, per_flux, **kw)


def close_to_peak(got, want, tolerance):
    """Lines are right relative to the peak channel of their spaxel; stars are 1e-12 of them."""
    assert np.abs(got - want).max(axis=0).max() > 0
    assert np.all(np.abs(got - want) <= tolerance * want.max(axis=0) + 1e-12 * want.max())


def crop(image, margin):
    return image[..., margin:-margin, margin:-margin] if margin else image


@pytest.mark.parametrize("case", ["plain", "air", "log", "list", "gaps", "sharp", "pixel", "wide channels", "sinc",
                                  "sinc, air", "broad", "broad sinc"])
def test_against_the_oracle(bench, case):
    kw = {"plain": {}, "air": dict(medium="air"), "log": dict(grid="log", lam=(6600.0, 6899.0, 6e-5)),
          "list": dict(grid="list", listed=6600 + 280 * np.linspace(0, 1, 260)**1.2),
          "gaps": dict(gaps=(6690.0, 6712.0)), "sharp": dict(lsf_curve=None),
          "pixel": dict(lsf_pixel_included=False, lsf_curve=(1.2,)), "wide channels": dict(lam=(6600.0, 6896.0, 4.0),
                                                                                         lsf_curve=(6.0,)),
          "sinc": dict(lsf_curve=(2.2,), lsf_shape="sinc", lsf_pixel_included=False),
          "sinc, air": dict(lsf_curve=(-18.5, 3e-3), lsf_shape="sinc", lsf_pixel_included=False, medium="air"),
          "broad": dict(lsf_curve=(60.0,)), "broad sinc": dict(lsf_curve=(22.0,), lsf_shape="sinc",
                                                               lsf_pixel_included=False)}[case]
    g = setup(bench, **kw)
    got = bench.cube("cubix64", Engine="histogram", **PLAIN)
    cube, flux = want_of(bench, g, lines.demo())
    if case == "gaps":
        cube[~bench.inst.open()] = 0
    close_to_peak(got["DATA"], cube, 1e-4)
    for name in ("Ha", "NII6585", "SII6733"):
        assert within(got["LINE_" + name], flux[lines.demo().names.index(name)], rtol=1e-12, atol=1e-12 * flux.max())
    assert got["header"]["PRIMARY"]["LINECERT"] <= 5e-5
    exact = bench.cube("cubix64", Engine="direct", **PLAIN)
    close_to_peak(exact["DATA"], cube, 1e-11)


def test_a_lobe_is_below_zero(bench):
    """A line of a Fourier transform spectrograph, narrow gas in narrow channels: -0.217 of the peak in the first lobe."""
    g = {"pos": np.zeros((1, 3)), "vel": np.zeros((1, 3)), "amount": np.ones(1), "z": np.array([0.0012]),
         "length": np.ones(1)}
    setup(bench, g, lam=(6660.0, 6730.0, 0.25), n_x=1, n_y=1, lsf_curve=(3.0,), lsf_shape="sinc",
          lsf_pixel_included=False, s=stars((0, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02)))
    for engine in ("histogram", "direct"):
        y = bench.cube("cubix64", LineTurbulence=0.0, LineLogU=-1.0, Engine=engine, **PLAIN)["DATA"][:, 0, 0]
        x = (bench.inst.centres() - 6564.608 * (1 + Z)) * 1.2067091288032284 / 3.0
        assert within(y / y.max(), np.sinc(x), rtol=0, atol=0.03)
        assert abs(y.min() / y.max() + 0.217) < 0.01


@pytest.mark.parametrize("engine", ["histogram", "direct"])
@pytest.mark.parametrize("deposit", ["cic", "tsc", "gaussian", "cubic", "wendland"])
def test_deposits_and_the_psf(bench, deposit, engine):
    g = setup(bench, psf="gaussian", psf_curve=(1.1,))
    own = dict(SmoothingLength=0.5) if deposit in ("gaussian", "cubic", "wendland") else {}
    got = bench.cube("cubix64", Engine=engine, Deposit=deposit, **own, **PLAIN)
    cube, flux = want_of(bench, g, lines.demo(), deposit=deposit, length=0.5)
    close_to_peak(got["DATA"], psf.apply(bench.inst, cube), 1e-4)
    ha = flux[lines.demo().names.index("Ha")]
    rtol = 2e-4 if deposit in ("cubic", "wendland") else 1e-9           # kernels come from a table
    assert within(got["LINE_Ha"], crop(ha, psf.margin(bench.inst)), rtol=rtol, atol=1e-13 * flux.max())
    assert within(got["LINE_Ha_OBS"], maps.see(bench.inst, ha), rtol=rtol, atol=1e-12 * flux.max())


def test_cells_have_their_own_kernels(bench):
    """SmoothingLength file: the radius of the cell's kernel."""
    s = galaxy(60, seed=2, radius=1.0)
    g = setup(bench, s=s)
    with h5py.File(bench.file, "r+") as f:
        f.create_dataset("Stars/SmoothingLength", data=np.full(60, 0.5)).attrs["unit"] = "kpc"
    got = bench.cube("cubix64", Deposit="cubic", SmoothingLength="file", **PLAIN)
    close_to_peak(got["DATA"], want_of(bench, g, lines.demo(), deposit="cubic")[0], 1e-4)


def test_kennicutt(bench):
    """L(Ha) = SFR/5.37e-42 at every metallicity, and Ha/Hb = 2.86."""
    g = setup(bench, lam=(4900.0, 6800.0, 1.0), n_x=60, n_y=60)
    got = bench.cube(**PLAIN)
    d_l = cosmology.scene(Z, *COSMO)[0]
    area = 4 * math.pi * (d_l * MPC_CM)**2
    assert within(got["LINE_Ha"].sum() * 1e-20 * area, g["amount"].sum() / 5.37e-42, rtol=1e-12)
    lit = got["LINE_Ha"] > 0
    assert within(got["LINE_Ha"][lit] / got["LINE_Hb"][lit], 2.86, rtol=1e-12)
    assert within(got["SFR"].sum(), g["amount"].sum(), rtol=1e-12)
    assert within(got["header"]["PRIMARY"]["S_FIELD"], g["amount"].sum(), rtol=1e-12)
    assert "Kennicutt & Evans 2012" in got["run"].err


def test_motion_of_the_gas(bench):
    g = setup(bench)
    got = bench.cube(**PLAIN)
    flux = want_of(bench, g, lines.demo())[1]
    moments = []
    for power in (0, 1, 2):
        weighted = dict(g, amount=g["amount"] * g["vel"][:, 2]**power)
        moments.append(want_of(bench, weighted, lines.demo())[1][8])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = moments[1] / moments[0]
        spread = np.sqrt(moments[2] / moments[0] - mean**2 + lines.sigma(lines.demo())[8]**2)
    lit = flux[8] > 0
    assert np.array_equal(np.isfinite(got["VEL_GAS"]), lit) and lit.any() and not lit.all()
    assert within(got["VEL_GAS"][lit], mean[lit], rtol=0, atol=1e-9)
    assert within(got["SIG_GAS"][lit], spread[lit], rtol=0, atol=1e-6)


@pytest.mark.parametrize("turbulence", [0.0, 12.0, 30.0, 80.0])
def test_one_cell(bench, turbulence):
    """Flux, centroid and width of one line, for all widths of the gas."""
    g = {"pos": np.zeros((1, 3)), "vel": np.array([[0, 0, 37.3]]), "amount": np.ones(1), "z": np.array([0.0012]),
         "length": np.ones(1)}
    setup(bench, g, lam=(6660.0, 6730.0, 0.1), n_x=1, n_y=1, lsf_curve=(0.8,), s=stars((0, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02)))
    got = bench.cube("cubix64", LineTurbulence=turbulence, LineLogU=-1.0, Tolerance=1e-6, Engine="histogram", **PLAIN)
    lam, flux = bench.inst.centres(), got["DATA"][:, 0, 0] * 0.1
    mu = 6564.608 * (1 + Z) * math.exp(37.3 / C)
    near = np.abs(lam - mu) < 10           # [NII] 6585 is 21 AA away
    mean = (flux * lam)[near].sum() / flux[near].sum()
    spread = math.sqrt((flux * (lam - mean)**2)[near].sum() / flux[near].sum())
    own = math.sqrt(lines.K_PER_U * 1e4 / 1.008 + turbulence**2) * mu / C
    want = math.sqrt((0.8 / 2.3548200450309493)**2 + own**2)
    assert within(flux[near].sum(), got["LINE_Ha"][0, 0], rtol=1e-7 if turbulence < 50 else 2e-6)
    assert abs(mean - mu) / mu * C < 0.01
    assert within(spread**2, want**2, rtol=1e-4)


def test_ranks(bench):
    """The same bits on any number of ranks and threads, maps included; Combine cube to rounding."""
    setup(bench, gas_of(300), dark=False, psf="gaussian", psf_curve=(1.1,))
    kw = dict(Engine="histogram", Combine="histogram", Deposit="tsc", **PLAIN)
    one = bench.cube(**kw)
    assert (one["LINE_Ha"] > 0).any()
    for ranks, threads in ((2, 1), (3, 1), (1, 2)):
        other = bench.cube(ranks=ranks, threads=threads, **kw)
        for name in ("DATA", "LINE_Ha", "SFR", "VEL_GAS", "SIG_GAS", "LINE_NII6585_OBS"):
            assert np.array_equal(one[name], other[name], equal_nan=True), (name, ranks, threads)
    for extra in (dict(Combine="cube"), dict(Engine="direct", Combine="cube")):
        other = bench.cube(ranks=2, **{**kw, **extra})
        assert_close(other["DATA"], one["DATA"], 2e-4, one["DATA"].max(axis=0))


def test_lines_beside_stars(bench):
    """The cube is that of the stars and that of the lines; the audit holds; without lines nothing changes."""
    g = setup(bench, gas_of(60), dark=False)
    both = bench.cube("cubix64", **PLAIN)
    without = bench.cube("cubix64", **{**PLAIN, "Lines": "none"})
    cube = want_of(bench, g, lines.demo())[0]
    close_to_peak(both["DATA"] - without["DATA"], cube, 1e-4)
    assert both["header"]["PRIMARY"]["AUDIT"] < 1e-4 and both["header"]["PRIMARY"]["NAUDIT"] > 10
    assert "LINES" not in without["header"]["PRIMARY"] and "LINE_Ha" not in without


@pytest.mark.parametrize("engine", ["direct", "histogram"])
def test_spaxels_of_gas_alone_are_audited(bench, engine):
    """No star leads there: they are drawn by themselves, the same ones on any number of ranks."""
    setup(bench, gas_of(60), s=galaxy(60, seed=2, radius=0.01), dark=False)
    told = []
    for ranks in (1, 3):
        got = bench.cube(ranks=ranks, Engine=engine, Combine="cube", **PLAIN)
        told.append(re.search(r"audit: (\d+) voxels .* stars; (\d+) of gas alone", got["run"].out).groups())
        assert got["header"]["PRIMARY"]["AUDIT"] < 1e-4
    assert told[0] == told[1] and 8 < int(told[0][1]) < int(told[0][0]), told


def test_fast_cells(bench):
    """Cells faster than the grid are painted by themselves."""
    g = gas_of(30)
    g["vel"][::5, 2] = 2400.0
    setup(bench, g, lam=(6600.0, 6999.0, 1.0))
    got = bench.cube("cubix64", **PLAIN)
    close_to_peak(got["DATA"], want_of(bench, g, lines.demo())[0], 1e-4)


def test_screens_and_escape(bench):
    """DustScreen, birth clouds, escape and dust inside HII regions, by line; the decrement gives A(V) back."""
    g = setup(bench, lam=(4900.0, 6800.0, 1.0))
    bare = bench.cube("cubix64", **PLAIN)
    kw = dict(Dust="screen", DustScreen=1.7, LineEscape=0.2, LineDust=0.1)
    got = bench.cube("cubix64", **kw, **PLAIN)
    t = lines.demo()
    k = dust.k("G23", t.lam, 3.1)
    for name in ("Ha", "Hb", "OIII5008"):
        i, lit = t.names.index(name), bare["LINE_" + name] > 0
        want = 0.8 * 0.9 * 10**(-0.4 * 1.7 * k[i])
        assert within(got["LINE_" + name][lit] / bare["LINE_" + name][lit], want, rtol=1e-11)
    ha = np.abs(bench.inst.centres() - 6564.608 * (1 + Z)) < 8
    for y, x in zip(*np.nonzero(bare["LINE_Ha"])):
        want = 0.8 * 0.9 * 10**(-0.4 * 1.7 * dust.k("G23", bench.inst.centres()[ha] / (1 + Z), 3.1))
        assert within(got["DATA"][ha, y, x], bare["DATA"][ha, y, x] * want, rtol=1e-9, atol=1e-12 * bare["DATA"].max())
    lit = got["LINE_Ha"] > 0
    excess = 2.5 * np.log10(got["LINE_Ha"][lit] / got["LINE_Hb"][lit] / 2.86)
    assert within(excess / (k[t.names.index("Hb")] - k[t.names.index("Ha")]), 1.7, rtol=1e-6)
    clouds = bench.cube("cubix64", BirthCloudTau=0.7, BirthCloudSlope=0.9, **PLAIN)
    lit = bare["LINE_Hb"] > 0
    assert within(clouds["LINE_Hb"][lit] / bare["LINE_Hb"][lit], math.exp(-0.7 * (4862.683 / 5500)**-0.9), rtol=1e-11)


@pytest.mark.parametrize("a_v", [30, 60])
def test_behind_very_much_dust(bench, a_v):
    """On the grid of velocities light is added up in integers, which are as fine as what dust leaves; the star formation
    rate does not know of dust."""
    h, weight = 2.0, dust_of_gas.weight(0.3 * 0.01)
    g = {"pos": np.array([[0.3, 0.1, 0], [0.3, 0.1, -6]]), "vel": np.full((2, 3), 30.0), "amount": np.array([0.2, 0]),
         "z": np.full(2, 0.01), "length": np.array([0.2, h])}
    mass = np.array([0, a_v * h**2 / 1.7507043740108488 / weight])
    setup(bench, g, n_x=5, n_y=5, change={"Mass": (mass, "Msun"), "Temperature": (np.full(2, 1e3), "K")})
    kw = {**PLAIN, "Dust": "gas"}
    exact, got = (bench.cube("cubix64", Engine=engine, **kw) for engine in ("direct", "histogram"))
    lit = exact["SFR"] > 0
    assert lit.sum() == 1 and within(got["SFR"], exact["SFR"], rtol=1e-12) and within(got["SFR"].sum(), 0.2, rtol=1e-12)
    for name in ("LINE_Ha", "LINE_SII6733"):
        assert within(got[name], exact[name], rtol=1e-9)
    assert within(got["VEL_GAS"][lit], 30, rtol=1e-9)
    dimmed = exact["LINE_Ha"].max() / bench.cube("cubix64", Engine="direct", **PLAIN)["LINE_Ha"].max()
    assert within(-2.5 * math.log10(dimmed), a_v * dust.k("G23", np.array([6564.608]), 3.1)[0], rtol=1e-6)


@pytest.mark.parametrize("mode", ["sfr", "stars"])
def test_behind_dust(bench, mode):
    """A source is behind the same dust as a star at its place, by the law at the line."""
    s = stars((0.3, 0.1, 0, 0, 0, 30, 1e6, 0.002, 0.01))
    g = {"pos": np.array([[0.3, 0.1, 0], [0.5, 0.1, -2], [0.2, 0, -3]]), "vel": np.full((3, 3), 30.0),
         "amount": np.array([0.2, 0, 0]), "z": np.full(3, 0.01), "length": np.array([0.2, 1.5, 2.0])}
    setup(bench, g, n_x=5, n_y=5, s=s, change={"Mass": (np.array([1e5, 1e9, 1e9]), "Msun"),
                                                       "Temperature": (np.full(3, 1e3), "K")})
    kw = {**PLAIN, "Lines": mode, "Engine": "direct"}
    bare, got = bench.cube("cubix64", **kw), bench.cube("cubix64", Dust="gas", **kw)
    at = np.unravel_index(bare["LINE_Ha"].argmax(), bare["LINE_Ha"].shape)
    a_v = got["AV_M"][at]
    assert 0.3 < a_v < 30
    for name, lam in (("Ha", 6564.608), ("SII6733", 6732.674)):
        ratio = got["LINE_" + name][at] / bare["LINE_" + name][at]
        assert within(ratio, 10**(-0.4 * a_v * dust.k("G23", np.array([lam]), 3.1)[0]), rtol=1e-9)
    both = bench.cube("cubix64", Dust="gas", DustScreen=0.5, **kw)
    ratio = both["LINE_Ha"][at] / got["LINE_Ha"][at]
    assert within(ratio, 10**(-0.4 * 0.5 * dust.k("G23", np.array([6564.608]), 3.1)[0]), rtol=1e-9)


# ---- tables --------------------------------------------------------------------------------------

def write_table(path, t, **change):
    columns = {"Metallicity": (t.z, "mass fraction"), "LogU": (t.log_u, "1"), "Age": (t.age, "Gyr"),
               "Wavelength": (t.lam, "AA"), "IonMass": (t.mass, "u"), "Luminosity": (t.light, "erg"), **change}
    with h5py.File(path, "w") as f:
        for key, value in {"CubixFile": np.bytes_("lines"), "Version": 1, "Name": np.bytes_("test"),
                           "Reference": np.bytes_("tests"), "Licence": np.bytes_("none"), "Demo": 0,
                           "SolarMetallicity": t.sun[0], "SolarOxygen": t.sun[1]}.items():
            f.attrs[key] = value
        for name, column in columns.items():
            if column is not None:
                f.create_dataset(name, data=np.asarray(column[0], float)).attrs["unit"] = np.bytes_(column[1])
        if "Wavelength" in f:
            f["Wavelength"].attrs["lines"] = np.bytes_(" ".join(t.names))
    return path


def table(seed=3):
    """Three axes of no special shape."""
    rng = np.random.default_rng(seed)
    t = lines.Table()
    t.z, t.log_u, t.age = np.array([5e-4, 4e-3, 0.014, 0.03]), np.array([-4.0, -3.2, -2.0]), np.array([5e-4, 2e-3, 5e-3,
                                                                                                      0.01, 0.02])
    t.names, t.lam, t.mass = ["Hb", "Ha", "NII6585", "S_6700"], np.array([4862.683, 6564.608, 6585.27, 6700.0]), np.array(
        [1.008, 1.008, 14.007, 32.06])
    t.sun, t.light = (0.0142, 4.9e-4), 1e-12 * 10**rng.uniform(-3, 0, (4, 3, 5, 4))
    return t


def library(bench, ages=(0.0005, 0.002, 0.006, 0.02, 1.0), metals=(1e-3, 0.01, 0.03)):
    """A library that states ionising photons."""
    wave = np.arange(4500.0, 9000.0, 1.5)
    q = 10**np.random.default_rng(8).uniform(45, 47, (len(metals), len(ages)))
    bench.ssp(lam=wave, luminosity=np.full((len(metals), len(ages), len(wave)), 1e12), ages=np.array(ages),
              metals=np.array(metals))
    with h5py.File(bench.ssp_file, "r+") as f:
        f["IonizingPhotons"] = q
        f["IonizingPhotons"].attrs["unit"], f["IonizingPhotons"].attrs["description"] = "1/s/Msun", "Q"
    return np.array(ages), np.array(metals), q


@pytest.mark.parametrize("log_u", [-3.2, -2.7, -4.0])
def test_table_and_library(bench, log_u):
    """At nodes and between: log-linear in Z and U; photons of the library, averaged over 10 Myr."""
    g = setup(bench)
    g["z"][:4] = [5e-4, 4e-3, 0.014, 0.03]
    with h5py.File(bench.file, "r+") as f:
        f["Gas/Metallicity"][:] = g["z"]
    t, q = table(), library(bench)
    got = bench.cube("cubix64", LineFile=write_table(bench.path("t.hdf5"), t), LineLogU=log_u, **PLAIN)
    flux = want_of(bench, g, t, log_u, library=q)[1]
    for name in ("Ha", "NII6585"):
        i = t.names.index(name)
        assert within(got["LINE_" + name], flux[i], rtol=1e-11, atol=1e-14 * flux.max())
    assert "LINE_S_6700" not in got and got["header"]["PRIMARY"]["NLINE"] == 3
    beyond = (g["z"] < t.z[0]) | (g["z"] > t.z[-1])
    assert within(got["header"]["PRIMARY"]["S_CLAMPZ"], g["amount"][beyond].sum(), rtol=1e-12)
    assert got["header"]["PRIMARY"]["LINEQSSP"]


def test_lines_far_from_the_band(bench):
    """An LSF that is a polynomial says nothing about a line at 600 um, which must not reach into the band."""
    g = setup(bench, lsf_curve=(6.040, -9.187e-4, 5.866e-8))
    t = table()
    t.names, t.lam, t.mass = t.names + ["C_6095900"], np.append(t.lam, 6.0959e6), np.append(t.mass, 12.011)
    t.light = np.concatenate([t.light, t.light[..., :1]], axis=-1)
    got = bench.cube("cubix64", LineFile=write_table(bench.path("t.hdf5"), t), **PLAIN)
    assert got["header"]["PRIMARY"]["NLINE"] == 3
    t.names, t.lam, t.mass, t.light = t.names[:4], t.lam[:4], t.mass[:4], t.light[..., :4]
    close_to_peak(got["DATA"], want_of(bench, g, t)[0], 1e-4)


def test_oxygen(bench):
    """Where gas has oxygen and hydrogen, O/H is what counts."""
    n = 40
    x, o = np.full(n, 0.7), 10**np.random.default_rng(1).uniform(-3.5, -2, n)
    g = setup(bench, change={"HydrogenFraction": (x, "1"), "OxygenFraction": (o, "1")})
    got = bench.cube("cubix64", **PLAIN)
    t = lines.demo()
    flux = want_of(bench, dict(g, z=t.sun[0] * o / (16 * x) / t.sun[1]), t)[1]
    assert within(got["LINE_NII6585"], flux[t.names.index("NII6585")], rtol=1e-11, atol=1e-14 * flux.max())


@pytest.mark.parametrize("chunks", [1, 3])
def test_young_stars(bench, chunks):
    """Lines stars: particles younger than 10 Myr, by their own age and metallicity."""
    s = galaxy(3000, seed=6, radius=1.0)
    s["age"][::3] = np.random.default_rng(2).uniform(1e-4, 0.0125, 1000)
    setup(bench, s=s)
    t, q = table(), library(bench)
    kw = {**PLAIN, "Lines": "stars"}
    got = bench.cube("cubix64", LineFile=write_table(bench.path("t.hdf5"), t),
                     **({"SlabMemory": 0.2} if chunks > 1 else {}), **kw)
    young = s["age"] <= 0.01
    g = {"pos": s["pos"][young], "vel": s["vel"][young], "amount": s["mass"][young], "z": s["z"][young],
         "age": s["age"][young]}
    cube, flux = want_of(bench, g, t, mode="stars", library=q)
    assert within(got["LINE_Ha"], flux[1], rtol=1e-11, atol=1e-14 * flux.max())
    assert within(got["SFR"].sum(), bench_sum(bench, g) / 1e7, rtol=1e-9)
    close_to_peak(got["DATA"], cube, 2e-4)
    assert got["header"]["PRIMARY"]["N_SOURCE"] == young.sum()


@pytest.mark.parametrize("ranks", [1, 2])
def test_young_stars_behind_dust_in_chunks(bench, ranks):
    """Sources of every chunk have the dust that is in front of them."""
    s = galaxy(6000, seed=6, radius=1.0)
    s["age"][::3] = np.random.default_rng(2).uniform(1e-4, 0.0095, 2000)
    setup(bench, gas_of(60), s=s, change={"Mass": (np.full(60, 1e8), "Msun")})
    kw = {**PLAIN, "Lines": "stars"}
    bare, whole = bench.cube(**kw), bench.cube(Dust="gas", **kw)
    got = bench.cube(Dust="gas", ranks=ranks, SlabMemory=0.2, **kw)
    assert chunks_said(got["run"]) > 1
    lit = bare["LINE_Ha"] > 0
    assert (whole["LINE_Ha"][lit] < 0.7 * bare["LINE_Ha"][lit]).any()
    assert within(got["LINE_Ha"], whole["LINE_Ha"], rtol=1e-12, atol=1e-14 * whole["LINE_Ha"].max())
    assert_close(got["DATA"], whole["DATA"], 2e-4, whole["DATA"].max(axis=0))


def test_photons_of_young_stars_fade(bench):
    """Stars of all ages to 10 Myr shine in Ha as gas with their star formation rate, also by a table with one age."""
    age = (np.arange(400) + 0.5) * 2.5e-5
    setup(bench, n_x=3, n_y=3, s=stars(*[(0, 0, 0, 0, 0, 0, 1e5, t, 0.01) for t in age]))
    got = bench.cube("cubix64", **{**PLAIN, "Lines": "stars"})
    area = 4 * math.pi * (cosmology.scene(Z, *COSMO)[0] * MPC_CM)**2
    assert within(got["LINE_Ha"].sum() * 1e-20 * area, 400e5 / 1e7 / 5.37e-42, rtol=6e-3)


def bench_sum(bench, g):
    """Amount in the field."""
    unit = lines.Table()
    unit.names, unit.lam, unit.mass = ["Ha"], np.array([6564.608]), np.array([1.008])
    return lines.paint(bench.inst, unit, g, lambda z, age: np.ones(1), Z, cosmology.scene(Z, *COSMO)[1], 1.0)[1].sum()


def test_no_young_star(bench):
    setup(bench, s=stars(*[(0.1 * i, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02) for i in range(5)]))
    got = bench.cube(**{**PLAIN, "Lines": "stars"})
    assert "no star is younger than 10 Myr" in got["run"].err and got["LINE_Ha"].max() == 0


# ---- bad input -----------------------------------------------------------------------------------

@pytest.mark.parametrize("what, words", [
    ({"Luminosity": (-table().light, "erg")}, ("Luminosity", "above 0")),
    ({"Luminosity": (np.where(table().light == table().light.max(), np.nan, table().light), "erg")}, ("nan",)),
    ({"Luminosity": (table().light[:3], "erg")}, ("dimension 0", "must be 4", "Metallicity")),
    ({"Luminosity": (table().light, "erg/s")}, ("unit", "erg/s")),
    ({"LogU": (table().log_u[::-1], "1")}, ("LogU", "increase")),
    ({"Age": (table().age * 1e3, "Gyr")}, ("Age", "another unit")),
    ({"IonMass": None}, ("IonMass",)),
    ({"Wavelength": (table().lam[:3], "AA")}, ("4", "3")),
])
def test_bad_tables(bench, what, words):
    setup(bench)
    path = write_table(bench.path("bad.hdf5"), table(), **what)
    refused(bench, 3, "bad.hdf5", *words, LineFile=path, **PLAIN)


def test_other_files(bench):
    setup(bench)
    refused(bench, 3, "CubixFile", "cubix-lines", LineFile=bench.ssp_file, **PLAIN)
    refused(bench, 3, "nowhere.hdf5", LineFile="nowhere.hdf5", **PLAIN)


@pytest.mark.parametrize("ranks", [1, 2])
def test_bad_gas(bench, ranks):
    g = setup(bench)
    for name, value, words in (("StarFormationRate", np.nan, ("nan",)), ("Metallicity", -0.1, ("row 7", "from 0 to 1"))):
        with h5py.File(bench.file, "r+") as f:
            keep = f["Gas/" + name][7]
            f["Gas/" + name][7] = value
        refused(bench, 3, *words, ranks=ranks, **PLAIN)
        with h5py.File(bench.file, "r+") as f:
            f["Gas/" + name][7] = keep
    with h5py.File(bench.file, "r+") as f:
        del f["Gas/Metallicity"]
    refused(bench, 3, "etallicit", ranks=ranks, **PLAIN)
    assert len(g["amount"]) == 40


def test_no_gas(bench):
    setup(bench)
    with h5py.File(bench.file, "r+") as f:
        del f["Gas"]
    refused(bench, 3, "gas", **PLAIN)


def test_what_cannot_be(bench):
    setup(bench, lam=(7600.0, 7700.0, 1.0))
    refused(bench, 2, "none of the 12 lines", **PLAIN)


# ---- tables of Byler et al. ----------------------------------------------------------------------

def byler(tmp_path):
    """cubix-lines convert, and the same file read by numpy."""
    import subprocess
    import sys

    from harness import SOURCE
    path = shared("data/nebular/ZAU_ND_mist.lines")
    out = tmp_path / "byler.hdf5"
    done = subprocess.run([sys.executable, SOURCE / "scripts" / "cubix-lines", "convert", "fsps", path, out],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = path.read_text().split("\n")
    wave = np.array(rows[1].split(), float)
    light = np.array([rows[3 + 2 * i].split() for i in range(770)], float).reshape(11, 10, 7, 166)
    return lines.read(out), wave, light


def test_byler(tmp_path):
    """Check values of the tables, ratios that atomic physics fixes, and wavelengths of MaNGA's pipeline."""
    t, wave, light = byler(tmp_path)
    at = lambda lam: int(np.argmin(np.abs(wave - lam)))
    name = t.names.index
    assert light.min() >= 0 and (light == 0).any() and t.light.min() > 0 and t.light.shape == (11, 7, 10, 166)
    for n, lam in (("Ha", 6564.7), ("Hb", 4862.76), ("OIII5008", 5008.3), ("OII3730", 3730.12), ("SIII9533", 9533.4)):
        raw = 3.839e33 * light[..., at(lam)].transpose(0, 2, 1)
        floor = 1e-8 * 3.839e33 * light[..., at(4862.76)].transpose(0, 2, 1)
        assert within(t.light[..., name(n)], np.maximum(raw, floor), rtol=1e-13)
    # logZ 0, 1 Myr, log U -3, over Hb; the numbers are those that python-fsps gives
    beta = t.light[8, 2, 1, name("Hb")]
    assert within(beta, 4.642e-13, rtol=1e-3)
    for n, want in (("OII3727", 1.299), ("OII3730", 1.753), ("NeIII3870", 0.204), ("Hg", 0.467), ("OIII5008", 1.337),
                    ("HeI5877", 0.163), ("OI6302", 0.100), ("NII6585", 1.180), ("Ha", 2.987), ("SII6718", 0.588),
                    ("SII6733", 0.455), ("SIII9533", 1.196), ("Paa", 0.386), ("Pab", 0.172), ("Brg", 0.0298)):
        assert abs(t.light[8, 2, 1, name(n)] / beta - want) < 6e-4 * max(1, want), n
    for one, other, want in (("OIII5008", "OIII4960", 3.01), ("NII6585", "NII6550", 2.951), ("OI6302", "OI6366", 3.136),
                             ("SIII9533", "SIII9071", 2.480), ("NeIII3870", "NeIII3969", 3.318)):
        ratio = (t.light[..., name(one)] / t.light[..., name(other)])[8, 2, :9]
        assert within(ratio, want, rtol=5e-4), one
    for n, want in (("Ha", 6564.608), ("Hb", 4862.683), ("OIII5008", 5008.240), ("OII3730", 3729.875),
                    ("NII6585", 6585.27), ("SII6718", 6718.295)):
        assert t.lam[name(n)] == want
    assert within(t.z, 0.0142 * 10**np.array([-1.98, -1.5, -.98, -.58, -.39, -.3, -.2, -.1, 0, .1, .2]), rtol=1e-12)


def test_star_forming_galaxies(bench, tmp_path):
    """In the plane of [NII]/Ha and [OIII]/Hb gas at log U = -3 lies below the line of Kauffmann et al. 2003; L(Ha) of the
    Sun's metallicity is within 5 % of Kennicutt & Evans'."""
    t = byler(tmp_path)[0]
    for source in (lines.demo(), t):
        light = lines.per_source(source, -3.0, "sfr")
        for log_z in np.arange(-0.7, 0.2, 0.05):
            at = light(0.0142 * 10**log_z, None)
            of = lambda n: at[source.names.index(n)]
            n2, o3 = math.log10(of("NII6585") / of("Ha")), math.log10(of("OIII5008") / of("Hb"))
            assert o3 < 0.61 / (n2 - 0.05) + 1.3 and n2 < 0.05, (log_z, n2, o3)
        assert within(light(0.0142, None)[source.names.index("Ha")] * 5.37e-42, 1, rtol=0.05)
    g = setup(bench)
    got = bench.cube("cubix64", LineFile=tmp_path / "byler.hdf5", **PLAIN)
    flux = want_of(bench, g, t)[1]
    for name in ("Ha", "NII6585", "SII6718"):
        assert within(got["LINE_" + name], flux[t.names.index(name)], rtol=1e-10, atol=1e-14 * flux.max())
