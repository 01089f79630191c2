"""The layouts of FITS files: each holds what the plain file holds, under the names, in the units and with the marks
of an instrument's own data products; others' readers and ObservedFile take it as it is."""
import gzip
import importlib.util
import os
import subprocess
import sys
import warnings

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.io import fits

from harness import galaxy, run, within

LAM = (5000.0, 5079.0, 1.0)
N_X, N_Y = 8, 6
NAMES = {"plain": ("DATA", "STAT", "DQ"), "muse": ("DATA", "STAT", "DQ"), "manga": ("FLUX", "IVAR", "MASK"),
         "sami": ("PRIMARY", "VARIANCE", "DQ"), "jwst": ("SCI", "ERR", "DQ")}
BLANK = {"plain": 0.0, "muse": np.nan, "manga": 0.0, "sami": np.nan, "jwst": np.nan}
BITS = {"plain": {1: 1, 2: 2, 8: 8}, "muse": {1: 1, 2: 2, 8: 8}, "sami": {1: 1, 2: 2, 8: 8},
        "manga": {1: 1025, 2: 1024, 8: 0}, "jwst": {1: 513, 2: 1, 8: 0}}
FLUX = u.Unit("1e-20 erg/(s cm2 Angstrom)")


def make(bench, layout, ranks=1, status=0, **parameters):
    """layout.fits and plain.hdf5 of the same run."""
    parameters = {"Redshift": 0.05, "Layout": layout, "MinStars": 2, "KeepNoiseFree": True,
                  "OutputFile": f"{layout}.fits,{layout}.hdf5", **parameters}
    done = run("cubix", [bench.parameters(**parameters)], cwd=bench.folder, ranks=ranks)
    assert done.status == status, done.err
    return done


@pytest.fixture
def ready(bench):
    bench.instrument(N_X, N_Y, 0.5, lam=LAM, medium="vacuum", aperture="circle", area=5e5, throughput=(0.1,),
                     sky=(2e-17,), dark=1e-3, read_noise=3.0, n_pixel=4.0, exposure=900.0)
    bench.ssp()
    bench.particles(galaxy(300, seed=5, radius=1.0))
    return bench


def per_pixel(layout):
    return u.pix if layout in ("manga", "sami") else u.one


def in_flux(layout, value, unit, wave, power=1):
    """What a plane holds, as a flux per wavelength (to its power) in FLUX, by astropy's own conversions."""
    if layout != "jwst":
        return (value * unit).to_value((FLUX / per_pixel(layout))**power)
    per_nu = (value * unit).to(u.erg / u.s / u.cm**2 / u.Hz / u.arcsec**2) * 0.25 * u.arcsec**2
    return per_nu.to_value(FLUX, u.spectral_density(wave[:, None, None] * u.AA))


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("layout", list(NAMES))
def test_what_the_plain_file_holds(ready, layout, ranks):
    make(ready, layout, ranks, Noise="exposure", ExposureTime=2000.0)
    data, stat, dq = NAMES[layout]
    with fits.open(ready.path(f"{layout}.fits")) as hdus, h5py.File(ready.path(f"{layout}.hdf5")) as plain:
        hdus.verify("exception")
        assert [h.name for h in hdus if h.header["NAXIS"] == 3][:3] == [data, stat, dq]
        wave, outside = plain["LSF/WAVELENGTH"][:], plain["DQ"][0] & 1 > 0
        assert outside.any() and not outside.all()
        inside = np.broadcast_to(~outside, plain["DATA"].shape)
        unit = u.Unit(hdus[data].header["BUNIT"], format="fits")
        ours_unit = u.Unit(plain["DATA"].attrs["unit"]).to(FLUX)
        for name, ours in ((data, "DATA"), ("NOISEFREE", "NOISEFREE")):
            got = in_flux(layout, hdus[name].data.astype(float), unit, wave)
            assert within(got[inside], plain[ours][:][inside] * ours_unit, rtol=3e-7)
            blank = hdus[name].data[~inside]
            assert np.isnan(blank).all() if np.isnan(BLANK[layout]) else not blank.any()
        variance = hdus[stat].data.astype(float)
        unit = u.Unit(hdus[stat].header["BUNIT"], format="fits")
        with np.errstate(divide="ignore"):
            got = (in_flux(layout, variance, unit, wave)**2 if stat == "ERR"
                   else 1 / in_flux(layout, variance, unit, wave, -2) if stat == "IVAR"
                   else in_flux(layout, variance, unit, wave, 2))
        assert within(got[inside], plain["STAT"][:][inside] * ours_unit**2, rtol=1e-6)
        ours = plain["DQ"][:]
        assert (ours & 8 > 0).any()
        want = np.zeros_like(ours)
        for bit, theirs in BITS[layout].items():
            want |= np.where(ours & bit > 0, theirs, 0)
        assert np.array_equal(hdus[dq].data, want)
        for name in ("MASS", "VEL_L"):
            assert np.array_equal(hdus[name].data, plain[name][:], equal_nan=True)


@pytest.mark.parametrize("layout", list(NAMES))
def test_without_noise(ready, layout):
    """No plane says that the variance is 0: there is none, or NaN where readers need a plane."""
    make(ready, layout)
    stat = NAMES[layout][1]
    with fits.open(ready.path(f"{layout}.fits")) as hdus, h5py.File(ready.path(f"{layout}.hdf5")) as plain:
        assert "STAT" not in plain
        if layout in ("manga", "jwst"):
            assert np.isnan(hdus[stat].data).all()
        else:
            assert stat not in hdus and hdus[1 if layout == "sami" else 2].name == "LSF"


@pytest.mark.parametrize("layout", list(NAMES))
def test_a_cube_without_noise_is_an_observed_file(ready, layout):
    """One without a variance: every voxel counts, and none is masked for a NaN that means that there is none."""
    make(ready, layout, MinStars=0)
    done = run("dump_observed", [ready.path("dump"), 0, -1, f"Instrument={ready.inst_file}",
                                 f"ObservedFile={layout}.fits", "Lsf=none", "Likelihood=cosine"], cwd=ready.folder)
    assert done.status == 0, done.err
    n_y, n_x, n_l, has_variance, n_used = map(int, done.out.split())
    assert not has_variance and n_used > 0.5 * n_x * n_y * n_l


def test_auto_is_the_instruments_own(bench, tmp_path):
    for name, first in (("MUSE", "DATA"), ("MaNGA", "FLUX")):
        bench.ssp()
        bench.particles(galaxy(30, seed=5, radius=1.0))
        bench.inst_file = name
        make(bench, "auto", Instrument=name, FieldOfView=3, LambdaMin=6000, LambdaMax=6050)
        with fits.open(bench.path("auto.fits")) as hdus:
            assert hdus[1].name == first


def test_fits_of_every_layout_are_observed_files(ready):
    """What Mode fit reads of them is what it reads of the plain file."""
    want = None
    for layout in NAMES:
        make(ready, layout, Noise="exposure", ExposureTime=2000.0, MinStars=0)
        out = ready.path("dump")
        done = run("dump_observed", [out, 0, -1, f"Instrument={ready.inst_file}", f"ObservedFile={layout}.fits",
                                     "Lsf=none"], cwd=ready.folder, threads=2)
        assert done.status == 0, done.err
        n_y, n_x, n_l, has_variance, _ = map(int, done.out.split())
        got = np.fromfile(out)[:2 * n_y * n_x * n_l]
        want = got if want is None else want
        # in another unit (manga) float32 rounds the sums of light and noise otherwise
        assert has_variance and (got != 0).any() and within(got, want, rtol=2e-5 if layout == "manga" else 1e-6)


def test_manga_is_in_the_unit_that_its_readers_take_for_granted(ready):
    make(ready, "manga")
    with fits.open(ready.path("manga.fits")) as hdus:
        assert hdus["FLUX"].header["BUNIT"].startswith("10**(-17)*erg")
    said = make(ready, "manga", FluxUnit=-20).err
    assert "FluxUnit = -20" in said and "1e-17" in said
    assert "FluxUnit" not in make(ready, "muse", FluxUnit=-20).err


def test_words_that_marvin_needs(ready):
    """Those without which its Cube does not open a file, and the one of its files' spectra that is ours."""
    make(ready, "manga", SkyRa=201.5, SkyDec=-43.25)
    with fits.open(ready.path("manga.fits")) as hdus:
        head = hdus[1].header
        assert (head["OBJRA"], head["OBJDEC"]) == (201.5, -43.25) and head["VERSDRP3"] == "v3_1_1"
        assert head["PLATEIFU"] == head["MANGAID"] == "0-0" and "APOGEE" not in head["SRVYMODE"]
        assert hdus["SPECRESD"].data.shape == hdus["SPECRES"].data.shape and not hdus["SPECRESD"].data.any()


def test_header_words(ready):
    make(ready, "plain", SkyRa=201.5, SkyDec=-43.25, Object='"NGC 1"', DateObs="2026-01-31T22:00:00")
    with fits.open(ready.path("plain.fits")) as hdus:
        head = hdus[0].header
        assert head["OBJECT"] == "NGC 1" and head["DATE-OBS"] == "2026-01-31T22:00:00"
        assert hdus["DATA"].header["CRVAL1"] == 201.5 and hdus["MASS"].header["CRVAL2"] == -43.25
    for date in ("2024-02-29", "2016-12-31T23:59:60.5"):
        make(ready, "plain", DateObs=date)
    for date in ("31.1.2026", "2026-13-01", "2026-01-31 22:00", "2026-01-31T25:00:00", "today", "2026-02-30",
                 "2026-04-31", "2026- 1- 5", "-026-01-31", "2026-1-5", "2026-01-31T22:00:1e1", "2026-01-31T22:00:0x1F"):
        said = make(ready, "plain", status=2, DateObs=f'"{date}"').err
        assert "DateObs" in said and date in said and "2026-01-31T22:00:00" in said


@pytest.mark.parametrize("layout", list(NAMES))
def test_one_plane_is_the_flux(ready, layout):
    """jdaviz takes a cube for one of fluxes by DISPAXIS, and leaves variance, quality and light before noise alone."""
    make(ready, layout, Noise="exposure", ExposureTime=2000.0)
    with fits.open(ready.path(f"{layout}.fits")) as hdus:
        assert [h.name for h in hdus if h.header.get("DISPAXIS") == 3] == [NAMES[layout][0]]


# ---- other people's readers ----------------------------------------------------------------------

@pytest.mark.parametrize("losvd", [0, 100])
@pytest.mark.parametrize("layout", list(NAMES))
def test_spectral_cube(ready, layout, losvd):
    spectral_cube = pytest.importorskip("spectral_cube")
    make(ready, layout, Losvd=losvd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(ready.path(f"{layout}.fits")) as hdus:
            cube = spectral_cube.SpectralCube.read(hdus[NAMES[layout][0]])
        assert within(cube.spectral_axis.to_value(u.AA), np.arange(5000.0, 5080.0), rtol=1e-12)
        assert cube.unit.is_equivalent(u.MJy / u.sr if layout == "jwst" else FLUX / per_pixel(layout))


@pytest.mark.parametrize("losvd", [0, 100])
def test_specutils_finds_a_manga_cube(ready, losvd):
    specutils = pytest.importorskip("specutils")
    make(ready, "manga", Noise="exposure", ExposureTime=2000.0, Losvd=losvd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = specutils.Spectrum.read(ready.path("manga.fits"))  # found out, not told
    with fits.open(ready.path("manga.fits")) as hdus:
        flux, ivar, mask = (hdus[name].data for name in NAMES["manga"])
    for a, b in ((got.flux.value, flux), (got.uncertainty.array, ivar), (got.mask, mask != 0)):
        assert np.array_equal(a, b)
    assert within(got.spectral_axis.to_value(u.AA), np.arange(5000.0, 5080.0), rtol=1e-9)


def test_mpdaf_without_noise(ready):
    """No variance at all, and no voxel masked but those outside the aperture: the library's own width does not mask."""
    obj = pytest.importorskip("mpdaf.obj")
    ready.ssp(fwhm=9.0)                                          # far broader than the instrument
    make(ready, "muse", MinStars=0, Losvd=100)
    cube = obj.Cube(str(ready.path("muse.fits")))
    assert cube.var is None
    with fits.open(ready.path("muse.fits")) as hdus:
        assert hdus[0].header["NBROAD"] == 80 or (hdus["LSF"].data["FWHM_INSTRUMENT"] == 0).all()
        assert np.array_equal(np.ma.getmaskarray(cube.data), hdus["DQ"].data != 0)
        assert (hdus["DQ"].data != 0).mean() < 0.5


MARVIN = """
import sys, numpy as np
from marvin.tools.cube import Cube
cube = Cube(filename=sys.argv[1])
np.savez(sys.argv[2], flux=cube.flux.value, ivar=cube.flux.ivar, mask=cube.flux.mask, wave=cube.flux.wavelength.value,
         res=cube.spectral_resolution.value, place=[cube.ra, cube.dec], unit=str(cube.flux.unit))
"""


def test_marvin(ready):
    """Which takes compressed files only, and writes where HOME and SAS_BASE_DIR say."""
    if not importlib.util.find_spec("marvin"):
        pytest.skip("needs sdss-marvin")
    make(ready, "manga", Noise="exposure", ExposureTime=2000.0, SkyRa=201.5, Lsf="instrument")
    with open(ready.path("manga.fits"), "rb") as plain, gzip.open(ready.path("m-LOGCUBE.fits.gz"), "wb") as packed:
        packed.write(plain.read())
    home = {"HOME": str(ready.folder), "SAS_BASE_DIR": str(ready.folder)}
    done = subprocess.run([sys.executable, "-c", MARVIN, "m-LOGCUBE.fits.gz", "got.npz"], cwd=ready.folder,
                          env={**os.environ, **home}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    got = np.load(ready.path("got.npz"))
    with fits.open(ready.path("manga.fits")) as hdus:
        for name, hdu in (("flux", "FLUX"), ("ivar", "IVAR"), ("mask", "MASK"), ("wave", "WAVE"), ("res", "SPECRES")):
            assert np.array_equal(got[name], hdus[hdu].data)
    assert got["place"][0] == 201.5 and str(got["unit"]).startswith("1e-17 erg")


@pytest.mark.parametrize("layout", [name for name in NAMES if name != "sami"])  # jdaviz wants no flux in the first HDU
def test_jdaviz(ready, layout):
    """Its importer finds flux and, under names that it knows, standard deviation and quality by itself."""
    jdaviz = pytest.importorskip("jdaviz")
    specutils = pytest.importorskip("specutils")
    make(ready, layout, Noise="exposure", ExposureTime=2000.0)
    path = ready.path(f"{layout}.fits")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app = jdaviz.App()
        app.load(str(path), format="3D Spectrum")
        got = {d.label: d.get_object(specutils.Spectrum, statistic=None) for d in app._app.data_collection}
    third = {"manga": ["[MASK]"], "jwst": ["[DQ]"]}.get(layout, ["[DQ]"])
    known = ["[UNC]"] if layout in ("manga", "jwst") else []
    assert sorted(got) == sorted([layout, f"{layout} (sum)"] + [f"{layout} {name}" for name in known + third])
    with fits.open(path) as hdus:
        flux, second = (np.array(hdus[name].data, float) for name in NAMES[layout][:2])
        scale = u.Unit(hdus[NAMES[layout][0]].header["BUNIT"]).scale
    assert within(got[layout].spectral_axis.to_value(u.AA), np.arange(5000.0, 5080.0), rtol=1e-9)
    assert within(np.nan_to_num(got[layout].flux.value), np.nan_to_num(flux * scale), rtol=1e-6)
    if known:
        inside = np.isfinite(second) & (second > 0)
        sigma = second**-0.5 if layout == "manga" else second
        assert within(got[f"{layout} [UNC]"].flux.value[inside], sigma[inside] * scale, rtol=1e-5)


@pytest.mark.parametrize("layout", list(NAMES))
def test_the_quick_look_shows_them_all(ready, layout):
    pytest.importorskip("matplotlib")
    make(ready, layout, Noise="exposure", ExposureTime=2000.0)
    from test_plot import run as plot
    done = plot(ready.path(f"{layout}.fits"))
    assert done[0] == 0, done
    assert ready.path(f"{layout}.png").stat().st_size > 10000
