"""The light by velocity, and h3 and h4 of the Gauss-Hermite series that fits it."""
import warnings

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.special import erfinv

from harness import assert_close, galaxy, read_cube, run, stars
from oracle import cube as oracle
from oracle import losvd

Z = 0.05
PLAIN = dict(Redshift=Z, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none", Losvd=20)
FITS = ("V_GH", "SIG_GH", "H3_L", "H4_L")


def setup(bench, s, n_x=4, n_y=3, pixel=0.8, **kw):
    bench.instrument(n_x, n_y, pixel, lam=(5000.0, 5099.0, 1.0), lsf_curve=(4.0,), **kw)
    bench.ssp("mixed", fwhm=1.5)
    bench.particles(s)


def both(bench, **par):
    """The FITS file, and of the HDF5 file the light by velocity, which is the same in both."""
    done = run("cubix", [bench.parameters(**{**par, "OutputFile": "wide.fits,wide.hdf5"})], cwd=bench.folder)
    assert done.status == 0, done.err
    got = read_cube(bench.path("wide.fits"))
    with h5py.File(bench.path("wide.hdf5")) as file:
        for name in ("LOSVD", "LOSVD_OBS", "LOSVD_VELOCITY"):
            if name != "LOSVD_VELOCITY":
                assert np.array_equal(file[name][:], got[name])
            got[name], got["header"][name] = file[name][:], dict(file[name].attrs)
        for name in FITS:
            assert np.array_equal(file[name][:], got[name], equal_nan=True)
    return got


def column(v, mass=1e4):
    """Stars of one spaxel with these velocities."""
    return stars(*((0.0, 0.0, 0.0, 0.0, 0.0, x, mass, 4.0, 0.02) for x in v))


def quantiles(n, h3=0.0, h4=0.0, mean=0.0, sigma=1.0):
    """n velocities whose distribution is the series."""
    v = mean + sigma * np.linspace(-6, 6, 40001)
    sum_ = np.cumsum(losvd.series((1.0, mean, sigma, h3, h4), v))
    return np.interp((np.arange(n) + 0.5) / n, sum_ / sum_[-1], v)


@pytest.mark.parametrize("h3, h4", [(0.0, 0.0), (0.1, 0.05), (-0.12, 0.08)])
def test_the_series_that_was_put_in(bench, h3, h4):
    setup(bench, column(quantiles(4000, h3, h4, 35.0, 110.0)), n_x=1, n_y=1)
    got = both(bench, **PLAIN)
    assert abs(got["V_GH"][0, 0] - 35) < 0.3 and abs(got["SIG_GH"][0, 0] / 110 - 1) < 3e-3
    assert abs(got["H3_L"][0, 0] - h3) < 3e-3 and abs(got["H4_L"][0, 0] - h4) < 3e-3
    # moments are another thing: h4 > 0 has long tails
    assert h4 == 0 or got["SIG_L"][0, 0] > 1.05 * got["SIG_GH"][0, 0]


@pytest.mark.parametrize("psf", [{}, dict(psf="gaussian", psf_curve=(6.0, -6e-4))])
def test_against_the_oracle(bench, psf):
    setup(bench, galaxy(3000, seed=4, radius=2.5), **psf)
    got = both(bench, LosvdMax=250, **PLAIN)
    seen = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre=(0, 0, 0), velocity="none")
    raw, obs, v = losvd.histogram(seen, 20.0, 250.0)
    assert np.array_equal(got["LOSVD_VELOCITY"], v) and len(v) == 27
    assert_close(got["LOSVD"], raw, 1e-6, raw.max())
    assert_close(got["LOSVD_OBS"], obs, 1e-6, obs.max())
    assert ((got["LOSVD_OBS"] > 0) == (obs > 0)).all()
    for ending, light in (("", raw), ("_OBS", obs)):
        maps = np.array([got[name + ending] for name in FITS])
        n = 0
        for j, i in np.ndindex(maps.shape[1:]):
            want = losvd.fit(light[:, j, i], v)
            if np.isfinite(maps[:, j, i]).all():
                n += 1
                assert_close(maps[:, j, i], want, 1e-4, np.array([want[1], want[1], 1, 1]), f"{ending} {i} {j}")
        assert n >= 8
    assert got["header"]["LOSVD"]["unit"] == "10**(-20)*erg/s/cm**2/(km/s)"
    assert got["header"]["LOSVD_OBS"]["axes"] == "velocity y x" and got["header"]["LOSVD_OBS"]["PSFLAM"] == 5049.5
    assert got["header"]["H3_L"]["BANDMIN"] == 4999.5


def test_world_coordinates_of_the_fits_file(bench):
    """Its third axis is the velocity, and the sky is that of the maps."""
    setup(bench, galaxy(3000, seed=4, radius=2.5))
    both(bench, LosvdMax=250, **PLAIN)
    with fits.open(bench.path("wide.fits")) as hdus, h5py.File(bench.path("wide.hdf5")) as file:
        hdus.verify("exception")
        head = hdus["LOSVD_OBS"].header
        assert head["BUNIT"] == "10**(-20)*erg/s/cm**2/(km/s)" and head["PSFLAM"] == 5049.5
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            axes, sky = WCS(head), WCS(hdus["LIGHT_OBS"].header)
        v = axes.all_pix2world(np.zeros(27), np.zeros(27), np.arange(27), 0)[2]
        v *= u.Unit(axes.wcs.cunit[2]).to(u.km / u.s)
        assert_close(v, file["LOSVD_VELOCITY"][:], 0, 1e-9)
        assert_close(np.array(axes.all_pix2world(2, 1, 3, 0)[:2]), np.array(sky.all_pix2world(2, 1, 0)), 1e-12)


def test_light_of_all_bins_and_of_fast_stars(bench):
    v = [-300.0, -210.1, -209.9, -10.1, -9.9, 0.0, 9.9, 10.1, 209.9, 210.1, 5000.0]
    setup(bench, column(v), n_x=1, n_y=1)
    got = both(bench, LosvdMax=200, **PLAIN)
    light = got["LOSVD"][:, 0, 0] * 20
    one = got["LIGHT"][0, 0] / len(v)
    want = np.zeros(21)
    want[[0, 9, 20]] = 1, 1, 1
    want[10], want[11] = 3, 1
    assert_close(light, want * one, 1e-12, one)
    wide = both(bench, LosvdMax=6000, **PLAIN)
    assert abs(wide["LOSVD"].sum() * 20 / wide["LIGHT"].sum() - 1) < 1e-12


def test_few_stars_have_no_fit(bench):
    setup(bench, column([0.0, 30.0, 60.0, 90.0]), n_x=1, n_y=1)
    got = both(bench, **PLAIN)
    assert all(np.isnan(got[name]).all() for name in FITS)


def test_ranks_threads_and_chunks(bench):
    setup(bench, galaxy(6000, seed=4, radius=2.5), psf="gaussian", psf_curve=(6.0, -6e-4))
    par = dict(Engine="histogram", **PLAIN)
    want = bench.cube(**par)
    assert np.isfinite(want["H3_L_OBS"]).sum() >= 8
    for ranks, threads, memory in ((1, 2, 0), (2, 1, 0), (3, 1, 0), (1, 1, 0.5)):
        got = bench.cube(ranks=ranks, threads=threads, SlabMemory=memory, **par)
        for name in FITS:
            for ending in ("", "_OBS"):
                assert_close(got[name + ending], want[name + ending], 1e-6, 1.0, name, gaps=True)
                if ranks == 1 and not memory:
                    assert np.array_equal(got[name + ending], want[name + ending], equal_nan=True)


def test_none_unless_wanted(bench):
    setup(bench, column([0.0, 30.0]), n_x=1, n_y=1)
    assert not any(name in bench.cube(**{**PLAIN, "Losvd": 0}) for name in FITS)
    assert not any(name in bench.cube(TruthMaps="no", **PLAIN) for name in FITS)
