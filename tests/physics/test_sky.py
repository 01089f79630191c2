"""The sky in every channel: lines through the LSF, SkyCalc's tables, and the instrument's own unit of flux."""
import numpy as np
import pytest
from astropy.io import fits
from scipy.special import ndtr

from harness import assert_close, galaxy, refused, shared, within
from oracle import spectral
from oracle.constants import FWHM, HC

LAM = (7000.0, 7099.0, 1.0)
NOISE = dict(area=5e5, throughput=(0.3,), dark=1e-3, read_noise=3.0, n_pixel=4.0, exposure=900.0)
TIME = 1800.0


def setup(bench, sky=None, **more):
    inst = bench.instrument(6, 5, 0.5, **{"lam": LAM, "lsf_curve": (3.0,), **NOISE, **more})
    bench.ssp(lo=6300.0, hi=7200.0, fwhm=1.0)
    bench.particles(galaxy(100, seed=5, radius=0.8))
    if sky:
        text = bench.inst_file.read_text()
        start = text.index("sky = ")
        bench.inst_file.write_text(text[:start] + text[text.index("dark = ", start):] + sky)
    return inst


def brightness(bench, inst, **parameters):
    """erg/s/cm2/AA/arcsec2 of the sky, from the variance of the cube."""
    got = bench.cube("cubix64", Redshift=0.05, Noise="exposure", ExposureTime=TIME, KeepNoiseFree=True, **parameters)
    lam, unit = inst.centres(), 10.0**got["header"]["PRIMARY"]["FLUXUNIT"]
    gain = inst.area * inst.throughput(lam) * TIME * inst.widths() * lam / HC
    electrons = got["STAT"][:, 2, 2] * (gain * unit)**2 - gain * got["NOISEFREE"][:, 2, 2] * unit
    return (electrons - inst.n_pixel * (inst.dark * TIME + 2 * inst.read_noise**2)) / gain / 0.25


def seen(inst, lines, fwhm=3.0, own=0.0):
    """Of lines (wavelength in the instrument's medium, light): Gaussians of the LSF's width before the pixel, over
    each channel."""
    border, width = inst.borders(), inst.widths()
    out = np.zeros(len(width))
    for x, light in lines:
        sigma = np.sqrt((fwhm**2 - own**2) / FWHM**2 - width**2 / 12 * inst.lsf_pixel_included)
        out += light * (ndtr((border[1:] - x) / sigma) - ndtr((border[:-1] - x) / sigma)) / width
    return out


@pytest.mark.parametrize("medium", ["air", "vacuum"])
@pytest.mark.parametrize("grid", ["linear", "log"])
def test_lines_and_continuum(bench, medium, grid):
    lines = [(7010.0, 3e-16), (7050.3, 1e-16), (7051.0, 2e-17), (7110.0, 5e-15), (6500.0, 1e-12)]
    inst = setup(bench, 'sky = { medium = "%s"; continuum = { polynomial = ( -1e-16, 2e-20, "erg/s/cm2/AA/arcsec2" ); };'
                 ' lines = { lambda = ( 6500, 7010, 7050.3, 7051, 7110, "AA" ); '
                 'value = ( 1e-12, 3e-16, 1e-16, 2e-17, 5e-15, "erg/s/cm2/arcsec2" ); }; };' % medium, medium="air",
                 grid=grid, lam=LAM if grid == "linear" else (7000.0, 7099.0, 7e-5))
    lam = inst.centres()
    if medium == "vacuum":
        lines, lam = [(float(spectral.vacuum_to_air(x)), y) for x, y in lines], spectral.air_to_vacuum(lam)
    assert_close(brightness(bench, inst), 2e-20 * lam - 1e-16 + seen(inst, lines), 1e-6)


def skycalc(path, lam, flux, comments=(), unit=None, drop=(), flux_unit=None, **more):
    columns = [fits.Column("lam", "D", array=lam, unit=unit), fits.Column("flux", "D", array=flux, unit=flux_unit),
               fits.Column("trans", "D", array=np.ones(len(lam)))]
    table = fits.BinTableHDU.from_columns([c for c in columns if c.name not in drop])
    for line in comments:
        table.header["COMMENT"] = line
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    return path


def per_photon(lam, brightness):
    """erg/s/cm2/AA/arcsec2 -> photons/s/m2/um/arcsec2."""
    return brightness / (HC / lam) * 1e8


@pytest.mark.parametrize("says", ["nothing", "um", "column", "Angstroms", "metres", "angstrom", "air"])
def test_a_table_of_skycalc(bench, says):
    """A sharp line and a continuum at R 1e5: what is seen is the line through the LSF."""
    inst = setup(bench)
    lam = 6950.0 * np.exp(np.arange(3000) * 1e-5)
    at = lam[1700]
    width = 0.5 * (lam[1701] - lam[1699])
    continuum = 2e-18 * (lam / 7000)
    flux = per_photon(lam, continuum + np.where(lam == at, 4e-17 / width, 0.0))
    factor, comments, unit = {"nothing": (10.0, (), None), "um": (1e4, (), None), "column": (10.0, (), "nm"),
                              "Angstroms": (1.0, (), "ANGSTROM"), "metres": (1e10, (), "m"),
                              "angstrom": (1.0, ("column lam:     vacuum wavelength in Angstrom",), None),
                              "air": (10.0, ("column lam:     Air wavelength in nm", '"vacair": "air",'), None)}[says]
    path = skycalc(bench.path("sky.fits"), lam / factor, flux, comments, unit)
    if says == "air":
        at, lam = float(spectral.air_to_vacuum(at)), spectral.air_to_vacuum(lam)
    want = np.interp(inst.centres(), lam, continuum) + seen(inst, [(at, 4e-17)])
    assert_close(brightness(bench, inst, SkyFile=path), want, 5e-4)


def test_what_skycalc_has_broadened_is_not_broadened_again(bench):
    inst = setup(bench)
    lam = np.arange(6900.0, 7200.0, 0.5)
    own = 2.0                                                            # 4 points of 0.5 AA
    line = 4e-17 * np.exp(-0.5 * ((lam - 7050.0) / (own / FWHM))**2) / (own / FWHM * np.sqrt(2 * np.pi))
    comments = ("column lam:     Vacuum wavelength in nm", '"lsf_type": "Gaussian",', '"lsf_gauss_fwhm": 4.0,')
    path = skycalc(bench.path("sky.fits"), lam / 10, per_photon(lam, 1e-18 + line), comments)
    want = 1e-18 + seen(inst, [(7050.0, 4e-17)])
    assert_close(brightness(bench, inst, SkyFile=path), want, 5e-3)


def test_the_gaps_between_lines_are_dark(bench):
    """MUSE at 8200 to 9200 AA under the dark sky of SkyCalc that its exposure time calculator is delivered with."""
    inst = setup(bench, lam=(8200.0, 9200.0, 1.25), medium="air", lsf_curve=(2.5,))
    bench.ssp(lo=7500.0, hi=9300.0, fwhm=1.0)
    path = shared("data/instruments/etc_muse/ifs_red_darksky_1.2.fits")
    table = fits.getdata(path, 1)
    got = brightness(bench, inst, SkyFile=path)
    lam = spectral.vacuum_to_air(table["lam"] * 10)
    want = np.interp(inst.centres(), lam, table["flux"] * 1e-8 * HC / (table["lam"] * 10))   # broadened already
    assert 0.95 < got.mean() / want.mean() < 1.05
    assert within(np.median(got), np.median(want), rtol=0.1)
    assert np.median(got) < 0.5 * got.mean()                             # a broad band has the mean everywhere


@pytest.mark.parametrize("change, words", [
    (dict(lam=np.arange(700.0, 705.0)), ["covers 7000.0 .. 7040.0 AA in vacuum", "7000.0 .. 7099.0"]),
    (dict(lam=np.r_[690.0, 700.0, 699.0, 720.0]), ["row 3", "must rise"]),
    (dict(drop=("flux",)), ["'lam' and 'flux'"]),
    (dict(unit="furlong"), ["the unit of lam is 'furlong'", "nm, um, Angstrom"]),
    (dict(unit="Mm"), ["the unit of lam is 'Mm'"]),
    (dict(flux_unit="Jy"), ["the unit of flux is 'Jy'", "ph/s/m2/micron/arcsec2"]),
    (dict(flux_unit="erg/s/cm2/AA/arcsec2"), ["the unit of flux", "ph/s/m2/micron/arcsec2"]),
    (dict(lam=np.arange(1.0)), ["2 to"])])
def test_refusals(bench, change, words):
    setup(bench)
    lam = change.pop("lam", np.arange(690.0, 720.0))
    path = skycalc(bench.path("sky.fits"), lam, np.ones(len(lam)), **change)
    refused(bench, 3, "SkyFile", "sky.fits", *words, Redshift=0.05, Noise="exposure", SkyFile=path)
    refused(bench, 3, "SkyFile", "nowhere.fits", Redshift=0.05, Noise="exposure", SkyFile="nowhere.fits")


def test_the_instruments_own_unit(bench):
    setup(bench)
    bench.inst_file.write_text(bench.inst_file.read_text().replace("spectrum = {", "spectrum = { flux_unit = -17;"))
    own, asked = bench.cube(Redshift=0.05), bench.cube(Redshift=0.05, FluxUnit=-20)
    assert own["header"]["DATA"]["BUNIT"] == "10**(-17)*erg/s/cm**2/Angstrom"
    assert asked["header"]["DATA"]["BUNIT"] == "10**(-20)*erg/s/cm**2/Angstrom"
    assert_close(1e3 * own["DATA"], asked["DATA"], 1e-6)
