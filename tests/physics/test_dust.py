"""Extinction laws, screens of dust and birth clouds."""
import math

import h5py
import numpy as np
import pytest

from harness import assert_close, bits, galaxy, local_level, refused, run, stars, templates
from oracle import cube as oracle
from oracle import dust, ssp
from oracle.constants import MPC_CM

SHAPES = {"G23": (2.3, 3.1, 5.6), "CCM89": (2, 3.1, 6), "O94": (2, 3.1, 6), "F99": (2, 3.1, 6), "SMC": (3.1,),
          "Calzetti": (3.1,), "powerlaw": (0, 0.7, 4)}


def law(folder, name, shape, lam):
    """[lam][3]: k, and its derivatives by the shape and by lambda."""
    np.asarray(lam, float).tofile(folder / "lam")
    done = run("dump_law", [name, shape, folder / "lam", folder / "k"], cwd=folder)
    assert done.status == 0, done.err
    return np.fromfile(folder / "k").reshape(-1, 3)


def wavelengths(name, n=5001):
    low, high = (500, 1e6) if name == "powerlaw" else dust.RANGE[name]
    return np.geomspace(low * (1 + 1e-9), high * (1 - 1e-9), n)


@pytest.mark.parametrize("name", SHAPES)
def test_law(tmp_path, name):
    lam = wavelengths(name)
    for shape in SHAPES[name]:
        assert_close(law(tmp_path, name, shape, lam)[:, 0], dust.k(name, lam, shape), 1e-12, None)


@pytest.mark.parametrize("name", ["G23", "CCM89", "O94", "F99", "SMC"])
def test_law_against_dust_extinction(tmp_path, name):
    """The package of K. Gordon, who is an author of two of these laws."""
    pytest.importorskip("dust_extinction")
    from astropy import units
    from dust_extinction import averages, parameter_averages
    lam = wavelengths(name)
    for shape in SHAPES[name]:
        theirs = averages.G03_SMCBar() if name == "SMC" else getattr(parameter_averages, name)(Rv=shape)
        assert_close(law(tmp_path, name, shape, lam)[:, 0], theirs(lam * units.AA), 1e-4, None)


# ---- screens --------------------------------------------------------------------------------------

AT_REST = {"Centre": (0.0, 0.0, 0.0), "SystemicVelocity": "none"}
SCREENS = {"G23": dict(DustRv=4.0), "CCM89": {}, "O94": dict(DustRv=2.5), "F99": dict(DustRv=5.0), "SMC": {},
           "Calzetti": {}, "powerlaw": dict(DustSlope=1.3)}


def shape_of(parameters):
    return parameters.get("DustSlope", 0.7) if parameters["DustLaw"] == "powerlaw" else parameters.get("DustRv", 3.1)


def screen_of(bench, parameters, z):
    return dust.screen(parameters["DustLaw"], bench.inst.edges(), z, parameters["DustScreen"], shape_of(parameters))


@pytest.mark.parametrize("name", SCREENS)
def test_a_star_at_a_node_behind_a_screen(bench, name):
    """Its spectrum is the template rebinned, times exp(-0.4 ln 10 A k), by every program and engine."""
    bench.instrument(1, 1, 2.0, lam=(5000.0, 5299.0, 1.0), medium="air", lsf_curve=(4.0,))
    bench.ssp("mixed")
    bench.particles(stars((0, 0, 0, 0, 0, 213.0, 1e6, 4.0, 0.02)))
    z, par = 0.05, dict(Redshift=0.05, Dust="screen", DustLaw=name, DustScreen=1.7, **SCREENS[name], **AT_REST)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, z, centre=(0, 0, 0), velocity="none",
                          screen=(name, 1.7, shape_of(par))).cube
    bare = bench.cube("cubix64", Redshift=z, **AT_REST)["DATA"]
    assert_close(bench.cube("cubix64", Engine="direct", **par)["DATA"], bare * screen_of(bench, par, z)[:, None, None],
                 1e-12)
    assert_close(bench.cube("cubix64", Engine="direct", **par)["DATA"], want, 1e-11)
    assert_close(bench.cube(Engine="direct", **par)["DATA"], want, 1e-6)
    got = bench.cube(Engine="histogram", **par)
    assert_close(got["DATA"], want, 1e-4)
    assert 0.1 < (want / bare).max() < 0.35 and got["header"]["PRIMARY"]["DUST"] == "screen"


def test_a_galaxy_behind_a_screen(bench):
    """With a PSF that follows the wavelength, noise, any number of ranks; the maps are those of the light that is
    shed, and the screen does not touch them."""
    z = 0.05
    bench.instrument(9, 8, 0.5, lam=(5000.0, 5299.0, 1.0), psf="gaussian", psf_curve=(5.0, -8e-4), area=4e5,
                     read_noise=3.0, exposure=900.0)
    bench.ssp("mixed")
    bench.particles(galaxy(300, seed=8, radius=1.5))
    par = dict(Redshift=z, Dust="screen", DustLaw="CCM89", DustScreen=0.9, KeepNoiseFree=True, Noise="exposure",
               ExposureTime=3600.0, Deposit="tsc", **AT_REST)
    none = {k: v for k, v in par.items() if not k.startswith("Dust")}
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, z, deposit="tsc", centre=(0, 0, 0), velocity="none",
                          screen=("CCM89", 0.9))
    level = local_level(want.cube)
    bare = bench.cube("cubix64", Engine="direct", **none)
    for name, ranks, engine, tolerance in (("cubix64", 1, "direct", 1e-10), ("cubix", 2, "direct", 2e-6),
                                           ("cubix", 1, "histogram", 1e-4), ("cubix", 3, "histogram", 1e-4)):
        got = bench.cube(name, ranks=ranks, Engine=engine, **par)
        assert_close(got["NOISEFREE"], want.cube, tolerance, level, f"{name} {engine} {ranks}")
        # the photons' noise is that of the light that arrives: STAT = read-out + flux
        assert np.median(got["STAT"] / bare["STAT"]) < 0.9
        for plane in ("LIGHT", "MASS", "AGE_L", "VEL_L"):
            assert_close(got[plane], bare[plane], 1e-6, np.abs(bare[plane][bare["NSTAR"] > 0]).max(), plane, gaps=True)


def test_noise_of_what_arrives(bench):
    """STAT of a dimmed cube is that of stars which are as much fainter, in a channel where the screen takes half."""
    bench.instrument(3, 3, 0.5, lam=(5000.0, 5099.0, 1.0), area=4e5, read_noise=3.0, exposure=900.0)
    bench.ssp("mixed")
    s = galaxy(50, seed=8, radius=0.3)
    par = dict(Redshift=0.05, Noise="exposure", ExposureTime=3600.0, **AT_REST)
    bench.particles(s)
    got = bench.cube("cubix64", Dust="screen", DustLaw="powerlaw", DustSlope=0.0, DustScreen=2.5 * math.log10(2), **par)
    bench.particles({**s, "mass": s["mass"] / 2}, name="fainter.hdf5")
    want = bench.cube("cubix64", **par)
    assert_close(got["STAT"], want["STAT"], 1e-10)
    assert_close(got["DATA"], want["DATA"], 1e-9, np.abs(want["DATA"]).max())


def test_wide_channels(bench):
    """Where a channel is wider than 1 % of its wavelength k is its mean there."""
    z = 0.02
    bench.instrument(1, 1, 2.0, lam=(5000.0, 7000.0, 100.0))
    bench.ssp("uniform", hi=7500.0)
    bench.particles(stars((0, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02)))
    bare = bench.cube("cubix64", Redshift=z, **AT_REST)["DATA"]
    got = bench.cube("cubix64", Redshift=z, Dust="screen", DustLaw="SMC", DustScreen=2.0, **AT_REST)["DATA"]
    k = -np.log((got / bare)[:, 0, 0]) / dust.MAG / 2.0
    edges = bench.inst.edges() / (1 + z)
    fine = np.array([dust.k("SMC", np.linspace(a, b, 20001)).mean() for a, b in zip(edges[:-1], edges[1:])])
    centre = dust.k("SMC", (edges[:-1] + edges[1:]) / 2)
    assert_close(k, fine, 1e-6)
    assert np.abs(k / centre - 1).max() > 5e-5


def test_what_the_files_say(bench):
    bench.instrument(2, 2, 1.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp("uniform")
    bench.particles(galaxy(20, seed=1, radius=0.3))
    par = dict(Redshift=0.05, Dust="screen", DustScreen=0.5, BirthCloudTau=0.4, **AT_REST)
    head = bench.cube(**par)["header"]["PRIMARY"]
    assert (head["DUST"], head["DUSTLAW"], head["DUSTRV"], head["DUSTSCRN"]) == ("screen", "G23", 3.1, 0.5)
    assert (head["BIRTHTAU"], head["BIRTHAGE"], head["BIRTHSLP"]) == (0.4, 10.0, 0.7) and "DUSTSLOP" not in head
    head = bench.cube(**{**par, "DustLaw": "powerlaw", "DustSlope": 1.1})["header"]["PRIMARY"]
    assert head["DUSTSLOP"] == 1.1 and "DUSTRV" not in head
    head = bench.cube(Redshift=0.05, **AT_REST)["header"]["PRIMARY"]
    assert not [key for key in head if key.startswith(("DUST", "BIRTH"))]
    out = bench.path("cube.hdf5")
    done = run("cubix", [bench.parameters(OutputFile=out, **par)], cwd=bench.folder)
    assert done.status == 0, done.err
    with h5py.File(out) as f:
        assert f["Provenance/DUSTSCRN"][()] == 0.5 and f["Provenance/DUSTLAW"][()].decode() == "G23"


def test_bad_input(bench):
    bench.instrument(2, 2, 1.0, lam=(5000.0, 5199.0, 1.0))
    bench.ssp("uniform", lo=1000.0)
    bench.particles(galaxy(20, seed=1, radius=0.3))
    par = dict(Redshift=0.05, Dust="screen", DustScreen=0.5)
    refused(bench, 2, "DustRv = 2.2", "p1.param:", "2.3..5.6", "DustLaw G23", **par, DustRv=2.2)
    refused(bench, 2, "DustScreen", "-1", "0..100", **{**par, "DustScreen": -1})
    refused(bench, 2, "DustLaw Calzetti", "1200..22000 AA", "1190.4..1238.0 AA", "choose another DustLaw",
            **{**par, "DustLaw": "Calzetti", "Redshift": 3.2})
    refused(bench, 3, "no light falls into the cube", "shines through Dust screen with DustScreen = 100 mag",
            **{**par, "DustScreen": 100.0, "DustLaw": "powerlaw", "DustSlope": 4.0})
    refused(bench, 2, "Calzetti", "Dust gas", ranks=2, **{**par, "DustLaw": "Calzetti", "Dust": "gas"})


# ---- birth clouds ---------------------------------------------------------------------------------

def test_clouds_against_the_oracle(bench):
    z = 0.05
    bench.instrument(7, 6, 0.5, lam=(5000.0, 5199.0, 1.0), lsf_curve=(4.0,))
    bench.ssp("mixed", fwhm=1.5)
    s = galaxy(200, seed=5, radius=1.0)
    s["age"][::2] = 10**np.random.default_rng(2).uniform(-3.9, -1.5, 100)
    bench.particles(s)
    for more, birth in ((dict(BirthCloudTau=0.9), (0.9,)),
                        (dict(BirthCloudTau=2.0, BirthCloudAge=60.0, BirthCloudSlope=1.3, SspInterpolation="pchip"),
                         (2.0, 60.0, 1.3))):
        want = oracle.observe(bench.file, bench.ssp_file, bench.inst, z, birth=birth, centre=(0, 0, 0), velocity="none",
                              interpolation=more.get("SspInterpolation", "linear"))
        got = bench.cube("cubix64", Redshift=z, Engine="direct", **more, **AT_REST)
        assert_close(got["DATA"], want.cube, 1e-10, local_level(want.cube))
        assert_close(got["LIGHT"], want.maps["LIGHT"], 1e-6, np.abs(want.maps["LIGHT"]).max())
        got = bench.cube(Redshift=z, Engine="direct" if "SspInterpolation" in more else "histogram", **more, **AT_REST)
        assert_close(got["DATA"], want.cube, 1e-4, local_level(want.cube))


def test_clouds_of_stars_and_of_templates(bench):
    """On ages as fine as BC03's a constant star formation rate is the same whether each star leaves its own cloud
    or the templates do."""
    tau, ages = 0.7, np.concatenate([[0.0], 10**np.arange(-3.9, 0.3, 1 / 51)])
    bench.instrument(1, 1, 2.0, lam=(3800.0, 9000.0, 40.0))
    lam = np.arange(3600.0, 9300.0, 10.0)
    bright = ((ages + 0.03) / (ages + 0.001))**0.8              # while they are young
    bench.ssp(lam=lam, luminosity=templates(lam, ages, [0.02]) * bright[:, None], ages=ages, metals=[0.02])
    log_t = np.linspace(-3.5, -1.0, 4000)
    n, t = len(log_t), 10**log_t
    row = np.zeros((n, 9))
    row[:, 6], row[:, 7], row[:, 8] = 1e3 * t, t, 0.02
    bench.particles(stars(*row))
    par = dict(Redshift=0.0, Distance=10.0, Engine="direct", **AT_REST)
    bare = bench.cube("cubix64", **par)["DATA"][:, 0, 0]
    got = bench.cube("cubix64", BirthCloudTau=tau, **par)["DATA"][:, 0, 0]
    lib = ssp.Library.read(bench.ssp_file)
    own = np.zeros(len(lam))
    for mass, age in zip(1e3 * t, t):
        own += mass * ssp.star_template(lib, lib.luminosity, age, 0.02) * dust.birth_cloud(lam, [age], tau)[0]
    own = ssp.integrate(ssp.between(lam, own, "spline"), lam, bench.inst.edges()) / bench.inst.widths()
    own /= 4 * np.pi * (10 * MPC_CM)**2 * 1e-20
    assert_close(got, own, 1e-4)
    assert 0.6 < (got / bare).min() < (got / bare).max() < 0.9


def test_no_clouds_change_no_bit(bench):
    bench.instrument(5, 5, 0.5, lam=(5000.0, 5099.0, 1.0), lsf_curve=(4.0,))
    bench.ssp("mixed")
    bench.particles(galaxy(100, seed=5, radius=1.0))
    made = []
    for more in ({}, dict(BirthCloudTau=0.0, BirthCloudAge=30.0, Dust="screen", DustScreen=0.0)):
        bench.cube(Redshift=0.05, Engine="histogram", **more, **AT_REST)
        made.append(bits(bench.out))
    assert made[0] == made[1]


def test_clouds_have_a_cache_of_their_own(bench):
    bench.instrument(5, 5, 0.5, lam=(5000.0, 5099.0, 1.0), lsf_curve=(4.0,))
    bench.ssp("mixed")
    s = galaxy(100, seed=5, radius=1.0)
    s["age"][::2] = 0.001
    bench.particles(s)
    cache = bench.path("cache")
    cache.mkdir()
    for tau, n in ((0.0, 1), (0.8, 2), (0.8, 2)):
        par = dict(Redshift=0.05, Engine="histogram", BirthCloudTau=tau, **AT_REST)
        got = bench.cube(TemplateCache=cache, **par)["DATA"]
        assert_close(got, bench.cube(**{**par, "Engine": "direct"})["DATA"], 1e-4, local_level(got))
        assert len(list(cache.iterdir())) == n


def test_warned_of_a_library_without_young_stars(bench):
    bench.instrument(2, 2, 1.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp("uniform", ages=np.array([0.063, 1.0, 10.0]))
    bench.particles(galaxy(20, seed=1, radius=0.3))
    par = dict(Redshift=0.05, **AT_REST)
    said = "BirthCloudTau = 0.5 has next to no effect: test library begins at 63 Myr"
    assert said in bench.cube(BirthCloudTau=0.5, **par)["run"].err
    assert "BirthCloudTau" not in bench.cube(BirthCloudTau=0.5, BirthCloudAge=100.0, **par)["run"].err
    assert "BirthCloudTau" not in bench.cube(**par)["run"].err
