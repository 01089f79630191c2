"""The whole chain against the oracle: every voxel, every map, every flag, of galaxies seen through
quite different spectrographs.

`cubix` (float32 cube) agrees to 2e-6 of the spectrum's local level; `cubix64`, its float64 twin, to
1e-12 (after the PSF's FFT: 1e-11 of the image's peak)."""
import numpy as np
import pytest
from astropy.io import fits

from harness import COSMO, assert_close, galaxy, local_level, stars
from oracle import cosmology
from oracle import cube as oracle

N_STAR = 300
SEEN = ("MASS", "MASS_NOW", "AGE_M", "AGE_L", "Z_M", "Z_L", "VEL_M", "VEL_L", "SIG_M", "SIG_L", "LIGHT")
MAPS = (*SEEN, "NSTAR", *(name + "_OBS" for name in SEEN))


def mixed_lsf(lam):
    """The library's own FWHM: sharper than the instrument in the blue, broader in the red."""
    return np.where(lam < 5000, 1.2, 1.2 + 0.05 * (lam - 5000))


LISTED = 5000.0 + np.cumsum(np.random.default_rng(4).uniform(0.7, 1.6, 200))
# what of the instrument and of the library; parameters of the program; the same for the oracle
CASES = {
    "plain": (dict(lam=(5000.0, 5239.0, 1.0)), dict(kind="uniform"), dict(SystemicVelocity="none", Centre=(0, 0, 0)),
              dict(velocity="none", centre=(0, 0, 0))),
    "linear": (dict(lam=(5000.0, 5299.0, 1.3)), dict(kind="log"), dict(TemplateSemantic="linear", Centre="median"),
               dict(semantic="linear", centre="median")),
    "air": (dict(lam=(5000.0, 5350.0, 1.25), medium="air", lsf=(8.0, -1.0e-3), pointing=(0.6, -0.9), roll=33.0),
            dict(kind="mixed", fwhm=mixed_lsf),
            dict(Orientation="inclined", Inclination=55.0, PositionAngle=130.0, PointingX=0.6, PointingY=-0.9,
                 Roll=33.0),
            dict(orientation="inclined", inclination=55.0, position_angle=130.0)),
    "pchip": (dict(lam=(5000.0, 5299.0, 1.5), lsf=(4.0,), lsf_pixel_included=False), dict(kind="mixed", fwhm=1.5),
              dict(SspInterpolation="pchip", Orientation="angles", Alpha=20.0, Beta=-40.0, Gamma=75.0),
              dict(interpolation="pchip", orientation="angles", angles=(20, -40, 75))),
    "linear-lsf": (dict(lam=(5000.0, 5299.0, 1.5), lsf=(2.0, 4e-4), medium="air"), dict(kind="log", fwhm=1.5),
                   dict(TemplateSemantic="linear"), dict(semantic="linear")),
    "gaussian": (dict(lam=(5000.0, 5199.0, 1.0), psf="gaussian"), dict(kind="uniform"),
                 dict(Orientation="faceon", AlignWith="angularmomentum"),
                 dict(orientation="faceon", align_with="angularmomentum")),
    "moffat": (dict(lam=(5000.0, 5199.0, 1.0), psf="moffat", psf_beta=2.8, aperture="hexagon", lsf=(5.0,)),
               dict(kind="log", fwhm=1.5),
               dict(Orientation="edgeon", PositionAngle=-20.0, AlignRadius=4.0, MinStars=2),
               dict(orientation="edgeon", position_angle=-20.0, align_radius=4.0, min_stars=2)),
    "elongated": (dict(lam=(5000.0, 5059.0, 1.0), psf="gaussian", psf_axis_ratio=0.6, psf_angle=35.0), dict(), dict(),
                  dict()),
    "elongated moffat": (dict(lam=(5000.0, 5059.0, 1.0), psf="moffat", psf_beta=(-2.2, 1e-3), psf_axis_ratio=0.7,
                              psf_angle=-50.0), dict(), dict(), dict()),
    # so broad that the library's step is below 0.02 sigma, where fewer points will do
    "broad": (dict(lam=(5000.0, 5059.0, 1.0), lsf=(600.0,)), dict(lo=4400.0, hi=6000.0, step=3.0), dict(), dict()),
    "sinc": (dict(lam=(5000.0, 5239.0, 1.0), lsf=(2.0, 4e-4), lsf_shape="sinc", lsf_pixel_included=False),
             dict(kind="mixed", fwhm=1.5), dict(), dict()),
    "log": (dict(lam=(5000.0, 5239.0, 9e-5), grid="log", medium="air", lsf=(8.0, -1.0e-3), psf="gaussian"),
            dict(kind="mixed", fwhm=1.5), dict(), dict()),
    "list": (dict(lam=(0.0, 0.0, 0.0), grid="list", listed=LISTED, lsf=(5.0,), gaps=()), dict(kind="log", fwhm=1.5),
             dict(), dict()),
    "steps": (dict(lam=(5000.0, 5239.0, 0.0), grid="steps", listed=(-4.0, 1e-3), medium="air", lsf=(5.0,),
                   gaps=(5050.0, 5071.0, 5200.0, 5203.0)),
              dict(kind="mixed", fwhm=1.5), dict(), dict()),
}
PSF = {"gaussian": (5.0, -8e-4), "moffat": (-0.25, 2.0e-4)}     # arcsec, of the wavelength


def prepare(bench, case):
    ins, lib, par, orc = CASES[case]
    ins = dict(ins)
    lsf = ins.pop("lsf", None)
    bench.instrument(n_x=12, n_y=10, pixel=0.5, lsf_curve=lsf, psf_curve=PSF.get(ins.get("psf")), **ins)
    bench.ssp(**lib)
    bench.particles(galaxy(N_STAR, seed=len(case), radius=1.6, centre=(3, -2, 5), velocity=(120, -310, 55)),
                    redshift=0.1)
    if par.get("Centre") == (0, 0, 0):
        par, orc = {**par, "Centre": (3.0, -2.0, 5.0)}, {**orc, "centre": (3.0, -2.0, 5.0)}
    return par, oracle.observe(bench.file, bench.ssp_file, bench.inst, 0.05, **orc)


@pytest.mark.parametrize("case", CASES)
def test_cube_and_maps(bench, case):
    par, want = prepare(bench, case)
    convolved = bench.inst.psf != "none"
    peak = np.abs(want.cube).max(axis=(1, 2), keepdims=True)
    for name, tolerance in (("cubix", 2e-6), ("cubix64", 1e-11 if convolved else 1e-12)):
        got = bench.cube(name, Redshift=0.05, **par)
        assert (got["header"]["DATA"]["BITPIX"] == -64) == (name == "cubix64")
        assert_close(got["DATA"], want.cube, tolerance, peak if convolved else local_level(want.cube),
                     f"{name} {case} DATA")
        for m in MAPS:
            sig = m.startswith("SIG")
            level = np.maximum(np.abs(want.maps[m]), 300.0) if m.startswith(("VEL", "SIG")) else None
            # a dispersion is the root of a difference: near 0 its error is the root of rounding
            assert_close(got[m]**2 if sig else got[m], want.maps[m]**2 if sig else want.maps[m], 2e-6,
                         level**2 if sig else level, f"{name} {case} {m}", gaps=True)
        assert "STAT" not in got
        assert_close(got["DQ"], want.dq, 0, 0, f"{name} {case} DQ")


def test_the_cases_are_what_they_say():
    """Cases that would pass without testing anything are no cases."""
    from harness import AGES, METALS
    s = galaxy(N_STAR, radius=0.6)
    assert (s["z"] < METALS[0]).any()
    assert (s["z"] > METALS[-1]).any()
    assert (s["age"] > AGES[-1]).any()
    assert (s["age"] < 0.05).any()
    lam = np.linspace(4760, 5095, 50)
    inst = np.polynomial.Polynomial((8.0, -1.0e-3))
    broader = 1.05 * mixed_lsf(lam) > inst(1.05 * lam)
    assert broader.any() and not broader.all()
    # some stars are outside the field
    assert (np.abs(galaxy(N_STAR, seed=5, radius=1.6)["pos"]) > 3.5).any()


@pytest.mark.parametrize("kind", ["uniform", "log", "mixed"])
@pytest.mark.parametrize("semantic", ["spline", "linear"])
def test_every_velocity(bench, kind, semantic):
    """Channel edges fall anywhere between the library's points, and within rounding of one: 400
    velocities, a spaxel each, float32 against float64."""
    bench.instrument(20, 20, 1.0, lam=(5000.0, 5199.0, 1.25))
    bench.ssp(kind)
    kpc = cosmology.scene(0.05, *COSMO)[1]
    rng = np.random.default_rng(6)
    bench.particles(stars(*[((i - 9.5) * kpc, (j - 9.5) * kpc, 0, 0, 0, v, 1e6, 4.0, 0.02) for (i, j),
                            v in zip(np.ndindex(20, 20), rng.uniform(-900, 900, 400))]))
    par = dict(Redshift=0.05, TemplateSemantic=semantic, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")
    want = bench.cube("cubix64", **par)["DATA"]
    assert (want.min(axis=0) > 0).all()
    assert_close(bench.cube("cubix", **par)["DATA"], want, 2e-6, local_level(want))


def test_elongated_by_parameters(bench):
    """What the instrument's file and the parameters say is the same PSF; its angle turns with the detector."""
    bench.instrument(n_x=14, n_y=12, pixel=0.5, lam=(5010.0, 5012.0, 1.0), psf="gaussian", psf_curve=(1.1,),
                     psf_axis_ratio=0.5, psf_angle=30.0)
    bench.ssp()
    bench.particles(stars((0.01, 0.02, 0, 0, 0, 0, 1e6, 4.0, 0.02)))
    par = dict(Redshift=0.05, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")
    want = bench.cube(**par)
    same = dict(Psf="gaussian", PsfFwhm=1.1, PsfAxisRatio=0.5, PsfPositionAngle=30.0)
    got = bench.cube(**par, **same)
    assert np.array_equal(got["DATA"], want["DATA"])
    assert got["header"]["PRIMARY"]["PSFRATIO"] == 0.5 and got["header"]["PRIMARY"]["PSFANGLE"] == 30
    north, east = np.mgrid[0:12, 0:14] * [[[1]], [[-1]]]
    def moment(image):
        image = image / image.sum()
        dx, dy = east - (image * east).sum(), north - (image * north).sum()
        return (image * dx * dy).sum() / (image * (dy**2 - dx**2)).sum()
    # 2 xy/(yy - xx) = tan(2 PA), PA north through east
    assert abs(2 * moment(got["DATA"][0]) / np.tan(np.radians(60)) - 1) < 0.05
    assert np.array_equal(bench.cube(**par, **{**same, "PsfAxisRatio": 1.0})["DATA"],
                          bench.cube(**par, Psf="gaussian", PsfFwhm=1.1)["DATA"])


def test_psf_from_a_fits_image(bench):
    """A lopsided kernel: the convolution's sense counts.  Row 0 of the image is the southernmost,
    column 0 the most eastern."""
    kernel = np.random.default_rng(5).random((5, 3))
    fits.writeto(bench.path("kernel.fits"), kernel)
    inst = bench.instrument(lam=(5000.0, 5049.0, 1.0))
    inst.psf, inst.psf_kernel = "file", kernel
    bench.ssp()
    bench.particles(galaxy(100, seed=3, radius=0.6), redshift=0.1)
    want = oracle.observe(bench.file, bench.ssp_file, inst, 0.05)
    got = bench.cube("cubix64", Redshift=0.05, Psf="file", PsfFile=bench.path("kernel.fits"))
    assert_close(got["DATA"], want.cube, 1e-11, np.abs(want.cube).max(axis=(1, 2), keepdims=True))


def test_parameters_lie_over_the_instrument(bench):
    """PSF, LSF, field and channels given as parameters equal an instrument that has them."""
    bench.ssp(fwhm=1.0)
    bench.particles(galaxy(100, seed=8, radius=0.6), redshift=0.1)
    bench.instrument(n_x=8, n_y=6, pixel=0.6, lam=(5010.0, 5070.0, 1.5), lsf_curve=(4.0,), psf_curve=(1.1,),
                     psf="gaussian")
    want = bench.cube(Redshift=0.05)
    bench.instrument(n_x=20, n_y=20, pixel=0.2, lam=(4900.0, 5270.0, 1.0), name="other.cfg")
    got = bench.cube(Redshift=0.05, FieldOfView=(4.8, 3.6), PixelScale=0.6, LambdaMin=5010, LambdaMax=5070,
                     LambdaStep=1.5, Psf="gaussian", PsfFwhm=1.1,
                     Lsf="gaussian", LsfFwhm=4.0)
    assert np.array_equal(got["DATA"], want["DATA"])


def test_the_observers_cosmology_and_a_given_distance(bench):
    bench.instrument(lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.particles(galaxy(60, seed=8, radius=0.6), redshift=0.1)
    for par, orc in ((dict(OmegaMatter=0.25, OmegaLambda=0.65, HubbleParam=0.72), dict(cosmo=(0.25, 0.65, 0.72))),
                     (dict(Distance=300.0), dict(distance=300.0))):
        want = oracle.observe(bench.file, bench.ssp_file, bench.inst, 0.05, **orc)
        got = bench.cube("cubix64", Redshift=0.05, **par)
        assert_close(got["DATA"], want.cube, 1e-12, local_level(want.cube))


@pytest.mark.parametrize("shape", ["hexagon", "circle"])
def test_aperture(bench, shape):
    bench.instrument(n_x=13, n_y=13, lam=(5000.0, 5009.0, 1.0), aperture=shape)
    bench.ssp()
    bench.particles(galaxy(300, seed=8, radius=2.0), redshift=0.1)
    want = oracle.observe(bench.file, bench.ssp_file, bench.inst, 0.05)
    got = bench.cube(Redshift=0.05)
    assert 0.5 < bench.inst.inside().mean() < 0.9
    assert np.array_equal(got["DQ"] & 1, np.broadcast_to(~bench.inst.inside(), got["DQ"].shape))
    assert_close(got["DATA"], want.cube, 2e-6, local_level(want.cube))
    assert not got["DATA"][:, ~bench.inst.inside()].any()


def test_flux_unit(bench):
    bench.instrument(lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.particles(galaxy(60, seed=8, radius=0.6), redshift=0.1)
    usual, other = bench.cube(), bench.cube(FluxUnit=-17)
    assert "10**(-20)" in usual["header"]["DATA"]["BUNIT"] and "10**(-17)" in other["header"]["DATA"]["BUNIT"]
    assert_close(other["DATA"] * 1e3, usual["DATA"], 1e-6, local_level(usual["DATA"]))
