"""Truth maps as the instrument sees them: sums of mass and light through the PSF, and their ratios."""
import numpy as np
import pytest
from astropy.io import fits

from harness import assert_close, bits, chunks_said, galaxy, stars
from oracle import cosmology, psf

Z = 0.05
SEEN = ("MASS", "MASS_NOW", "AGE_M", "AGE_L", "Z_M", "Z_L", "VEL_M", "VEL_L", "SIG_M", "SIG_L", "LIGHT")
PLAIN = dict(Redshift=Z, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")
CURVE = (5.0, -8e-4)                    # arcsec, of the wavelength: 1 at 5000 AA


def setup(bench, s, n_x=12, n_y=10, lam=(5000.0, 5199.0, 1.0), **kw):
    bench.instrument(n_x, n_y, 0.5, lam=lam, lsf_curve=(4.0,), **kw)
    bench.ssp("mixed", fwhm=1.5)
    bench.particles(s)


def place(bench, i, j):
    """kpc east and north of the centre of spaxel (i, j) of the field."""
    scale = 0.5 * cosmology.scene(Z, 0.3089, 0.6911, 0.6774)[1]
    return ((bench.inst.n_x - 1) / 2 - i) * scale, (j - (bench.inst.n_y - 1) / 2) * scale


def at(bench, *rows):
    """Stars of 1e6 Msun at rest at the centres of spaxels (i, j), with velocities v."""
    return stars(*((*place(bench, i, j), 0.0, 0.0, 0.0, v, 1e6, 4.0, 0.02) for i, j, v in rows))


def middle_kernel(inst, lam=5099.5):
    half = psf.margin(inst)
    return psf.kernel(inst, lam, half, psf.cut(inst)), half


def test_without_a_psf_they_are_the_maps(bench):
    setup(bench, galaxy(400, seed=3, radius=1.6))
    got = bench.cube(**PLAIN)
    for name in SEEN:
        assert np.array_equal(got[name + "_OBS"], got[name], equal_nan=True), name
        assert np.isfinite(got[name]).any()
    assert "NSTAR_OBS" not in got


@pytest.mark.parametrize("kind", ["gaussian", "moffat"])
def test_a_point_is_the_kernel(bench, kind):
    setup(bench, stars((0, 0, 0, 0, 0, 0, 1, 1, 0.02)), psf=kind, psf_curve=CURVE, n_x=41, n_y=35)
    bench.particles(at(bench, (20, 17, 123.0)))
    got = bench.cube(**PLAIN)
    want, half = middle_kernel(bench.inst)
    mass, whole = got["MASS_OBS"], np.zeros((35 + 2 * half, 41 + 2 * half))
    whole[17:17 + 2 * half + 1, 20:20 + 2 * half + 1] = 1e6 * want
    whole = whole[half:half + 35, half:half + 41]
    assert_close(mass, whole, 1e-12, whole.max())
    assert ((mass > 0) == (whole > 0)).all()
    reached = mass > 0
    assert np.abs(got["VEL_L_OBS"][reached] - 123.0).max() < 1e-10
    assert (got["SIG_L_OBS"][reached] == 0).all()
    assert np.isnan(got["AGE_M_OBS"][~reached]).all()
    head = got["header"]["AGE_L_OBS"]
    assert head["PSFLAM"] == 5099.5 and head["BANDMIN"] == 4999.5 and head["BANDMAX"] == 5199.5
    assert "PSFLAM" not in got["header"]["AGE_L"] and "BANDMIN" not in got["header"]["AGE_M_OBS"]
    assert got["header"]["LIGHT"]["BUNIT"] == "10**(-20)*erg/s/cm**2"


def test_a_rotating_sheet(bench):
    """v = a i in every spaxel, beyond the border too: means stay, and the PSF adds its own width in i."""
    setup(bench, stars((0, 0, 0, 0, 0, 0, 1, 1, 0.02)), psf="gaussian", psf_curve=CURVE)
    kernel, half = middle_kernel(bench.inst)
    a = 20.0
    bench.particles(at(bench, *((i, j, a * i) for i in range(-half, 12 + half) for j in range(-half, 10 + half))))
    got = bench.cube(**PLAIN)
    v = np.broadcast_to(a * np.arange(12), (10, 12))
    assert_close(got["MASS_OBS"], np.full((10, 12), 1e6), 1e-12)
    width = np.sqrt((kernel.sum(axis=0) * np.arange(-half, half + 1)**2).sum())
    for letter in "ML":
        assert_close(got[f"VEL_{letter}"], v, 1e-12, 100.0)
        assert_close(got[f"VEL_{letter}_OBS"], v, 1e-12, 100.0)
        assert (got[f"SIG_{letter}"] == 0).all()
        assert_close(got[f"SIG_{letter}_OBS"], np.full((10, 12), a * width), 1e-9)


def test_light_stays_and_comes_from_the_margin(bench):
    setup(bench, stars((0, 0, 0, 0, 0, 0, 1, 1, 0.02)), psf="gaussian", psf_curve=CURVE, n_x=20, n_y=20)
    half = psf.margin(bench.inst)
    bench.particles(at(bench, (8, 9, 0.0), (10, 11, 50.0)))
    inner = bench.cube(**PLAIN)
    assert half < 8
    assert abs(inner["LIGHT_OBS"].sum() / inner["LIGHT"].sum() - 1) < 1e-12
    bench.particles(at(bench, (8, 9, 0.0), (10, 11, 50.0), (20, 11, -80.0)))
    more = bench.cube(**PLAIN)
    assert np.array_equal(more["LIGHT"], inner["LIGHT"])
    came = more["LIGHT_OBS"] - inner["LIGHT_OBS"]
    kernel, half = middle_kernel(bench.inst)
    one = inner["LIGHT"][9, 8]
    assert_close(came[11, 20 - half:], one * kernel[half, :half], 1e-12, one)
    assert -80.0 <= more["VEL_L_OBS"][11, 19] < -79.0


def test_light_is_the_cube_summed_over_channels(bench):
    """Through a kernel without any symmetry, so that it is known to lie as the cube's does."""
    setup(bench, galaxy(300, seed=8, radius=1.6), lam=(5000.0, 5399.0, 1.0))
    kernel = np.random.default_rng(5).uniform(0, 1, (5, 7))
    fits.PrimaryHDU(kernel).writeto(bench.path("kernel.fits"))
    s = galaxy(300, seed=8, radius=1.6)
    s["vel"][:] = 0.0
    bench.particles(s)
    for name, tolerance in (("cubix", 1e-6), ("cubix64", 1e-12)):
        got = bench.cube(name, Psf="file", PsfFile="kernel.fits", Lsf="none", Engine="direct", **PLAIN)
        assert_close(got["LIGHT_OBS"], got["DATA"].sum(axis=0), tolerance, got["LIGHT_OBS"].max())
        assert np.abs(got["LIGHT_OBS"] - got["LIGHT"]).max() > 0.1 * got["LIGHT"].max()


def test_ranks_threads_and_chunks(bench):
    """One rank's bits are the same with any threads; ranks and chunks add in another order."""
    setup(bench, galaxy(6000, seed=17, radius=1.6), psf="gaussian", psf_curve=CURVE)
    par = dict(Engine="histogram", **PLAIN)
    want = bench.cube(**par)
    names = ["DATA", *(name + "_OBS" for name in SEEN)]
    whole = bits(bench.out, names)
    for ranks, threads, memory in ((1, 2, 0), (2, 1, 0), (3, 1, 0), (1, 1, 0.5)):
        got = bench.cube(ranks=ranks, threads=threads, SlabMemory=memory, **par)
        assert (chunks_said(got["run"]) > 1) == (memory > 0)
        if ranks == 1 and not memory:
            assert bits(bench.out, names) == whole
        for name in SEEN:
            level = 300.0 if name[:3] in ("VEL", "SIG") else None
            assert_close(got[name + "_OBS"], want[name + "_OBS"], 1e-11, level, name, gaps=True)


def test_none_unless_wanted(bench):
    setup(bench, galaxy(100, seed=3, radius=1.6), psf="gaussian", psf_curve=CURVE)
    got = bench.cube(TruthMaps="no", **PLAIN)
    assert not any(name.endswith("_OBS") or name in SEEN for name in got)
