"""Every shipped instrument: a line and a point of light come out as wide as its file says and where they were put,
and those whose sensitivity is published reach it."""
import re
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.optimize import curve_fit

from harness import SOURCE, program, read_cube, run, run_words, stars, within, write_parameters, write_particles, write_ssp
from oracle import spectral
from oracle.constants import FWHM

NAMES = sorted(path.stem for path in (SOURCE / "parameterfiles/instruments").glob("*.cfg"))
LIGHT = 299792458.0
KPC_PER_ARCSEC = 10e3 / 206264.80624709636                      # at 10 Mpc, for a redshift of next to nothing


def settings(name):
    """What the file says, read by other eyes than the program's."""
    text = (SOURCE / f"parameterfiles/instruments/{name}.cfg").read_text()
    for _ in range(2):
        text = re.sub(r'@include "(.*)"', lambda m: (SOURCE / "parameterfiles/instruments" / m[1]).read_text(), text)
    text = re.sub(r"#.*", "", text)
    sections = dict(re.findall(r"(\w+):\s*\{(.*?)\n\};", text, re.S))

    def curve(section, key):
        found = re.search(r"\b%s = (\{.*?\}|.*?);" % key, sections[section], re.S)
        if not found:
            return None
        numbers = [np.array(re.findall(r"[-+]?\d[\d.]*(?:e[-+]?\d+)?", part), float)
                   for part in found[1].split("value =")]
        if len(numbers) == 2:
            return lambda x: np.interp(x, *numbers)
        return lambda x: np.polynomial.polynomial.polyval(x, numbers[0])
    return sections, curve


def narrow(centres, lo, hi, fwhm=1.0):
    """A library of lines that are sharp for any of the instruments; knots in its lines, others that are close enough
    for what an instrument of this FWHM makes of them, and a few between."""
    width = 2e-6 * np.asarray(centres)
    fine = [c + w * np.linspace(-8, 8, 65) for c, w in zip(centres, width)]
    fine += [c + s * np.linspace(-25, 25, 1001) for c, s in zip(centres, np.broadcast_to(fwhm, len(centres)))]
    lam = np.unique(np.concatenate([np.linspace(lo, hi, 2000), *fine]))
    line = sum(np.exp(-0.5 * ((lam - c) / w)**2) / w for c, w in zip(centres, width))
    return lam, np.broadcast_to(1e30 * line + 1e22, (5, 6, len(lam)))


class Sight:
    """An instrument, a star, and a library of a few sharp lines."""

    def __init__(self, folder, name):
        self.folder, self.name, self.n = folder, name, 0
        self.sections, self.curve = settings(name)
        self.air = '"air"' in self.sections["spectrum"].split("medium =")[1].split(";")[0]

    def cube(self, offset=(0.0, 0.0), lines=(), lo=0.0, hi=0.0, fwhm=1.0, **parameters):
        self.n += 1
        lam, light = narrow(lines, lo, hi, fwhm)
        write_ssp(self.folder / "ssp.hdf5", lam, light)
        write_particles(self.folder / "star.hdf5",
                        stars((*[KPC_PER_ARCSEC * x for x in offset], 0, 0, 0, 0, 1e6, 4.0, 0.02)))
        file = write_parameters(self.folder / f"p{self.n}.param", InputFile="star.hdf5", SspFile="ssp.hdf5",
                                OutputFile="out.fits", Instrument=self.name, Redshift=1e-9, Distance=10.0,
                                Centre=(0.0, 0.0, 0.0), SystemicVelocity="none", Engine="direct", TruthMaps=False, Layout="plain",
                                **parameters)
        done = run("cubix", [file], cwd=self.folder)
        assert done.status == 0, done.err
        return read_cube(self.folder / "out.fits")

    def empty(self, **parameters):
        """A field with noise: wavelengths, variance of a voxel in erg/s/cm2/AA squared."""
        got = self.cube(lines=[9000.0], lo=3000.0, hi=60000.0, Noise="exposure", KeepNoiseFree=True, **parameters)
        unit = 10.0**got["header"]["PRIMARY"]["FLUXUNIT"]
        return got["LSF"]["WAVELENGTH"], got["LSF"]["WIDTH"], got["STAT"][:, 1, 1] * unit**2


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("instruments")


def places(folder, axis):
    """World coordinates of the channels [AA], or of the spaxels [arcsec east, north of the galaxy]."""
    with fits.open(folder / "out.fits") as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(hdus["DATA"].header, fobj=hdus)
        n_l, n_y, n_x = hdus["DATA"].shape
        if axis == 3:
            at = np.column_stack([np.zeros(n_l), np.zeros(n_l), np.arange(n_l)])
            return wcs.all_pix2world(at, 0)[:, 2] * (1e10 if wcs.wcs.cunit[2] == "m" else 1.0)
        y, x = np.mgrid[:n_y, :n_x]
        at = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
        ra, dec = wcs.all_pix2world(at, 0)[:, :2].T
        head = hdus["DATA"].header
        east = ((ra - head["CRVAL1"] + 180) % 360 - 180) * np.cos(np.radians(dec))
        return 3600 * east.reshape(y.shape), 3600 * (dec - head["CRVAL2"]).reshape(y.shape)


def check_lines(sight):
    """Three lines over the whole range: width and place."""
    first = sight.cube(lines=[5000.0], lo=1000.0, hi=300000.0, FieldOfView=3 * max(sight.pixel), PixelScale=max(sight.pixel),
                       Psf="none")["LSF"]
    centre, width, fwhm = (first[name] for name in ("WAVELENGTH", "WIDTH", "FWHM_INSTRUMENT"))
    want = sight.curve("lsf", "fwhm") or (lambda x: x / sight.curve("lsf", "resolving_power")(x))
    assert within(fwhm, want(centre), rtol=1e-4), sight.name
    gaps = sight.curve("spectrum", "gaps") and np.array(re.findall(r"[\d.]+", re.search(r"gaps = (.*?);", sight.sections[
        "spectrum"])[1]), float)
    at = [centre[int(f * len(centre))] + 0.3 * width[int(f * len(centre))] for f in (0.15, 0.4, 0.85)]
    if gaps is not None:
        assert all(x < gaps[0] - 20 * want(x) or x > gaps[1] + 20 * want(x) for x in at), (sight.name, at, gaps)
    vacuum = spectral.air_to_vacuum(at) if sight.air else np.array(at)
    got = sight.cube(lines=vacuum, lo=0.99 * centre[0], hi=1.01 * centre[-1], fwhm=[want(x) for x in at], FieldOfView=3 * max(sight.pixel),
                     PixelScale=max(sight.pixel), Psf="none")
    flux, lam = got["DATA"][:, 1, 1] * width, places(sight.folder, 3)
    assert within(lam, centre, rtol=1e-8), sight.name
    for x in at:
        reach = 6 * want(x) if "sinc" not in sight.sections["lsf"] else 3 * want(x)
        near = np.abs(lam - x) < reach
        y, z = flux[near], lam[near]
        mean = (y * z).sum() / y.sum()
        k = np.argmin(np.abs(lam - x))
        if "sinc" in sight.sections["lsf"]:
            fine = np.linspace(z[0], z[-1], 4001)
            half = fine[np.interp(fine, z, y) > 0.5 * y.max()]
            assert within(half[-1] - half[0], want(x), rtol=0.04), (sight.name, x)       # with the channel
            assert abs(0.5 * (half[-1] + half[0]) - x) < 0.1 * width[k], (sight.name, x, half)
            continue
        assert abs(mean - x) < 0.03 * width[k], (sight.name, x, mean)                    # PRISM's R varies within a line
        # on channels the second moment of a Gaussian seen through them is exact, however few they are
        measured = FWHM * np.sqrt((y * (z - mean)**2).sum() / y.sum())
        assert within(measured, want(x), rtol=0.01), (sight.name, x, measured, want(x))


def profile(moffat, pixel):
    """The integral over spaxels [8 x 8 points each] of a point's image, as a function of places and FWHM."""
    sub = (np.arange(8) - 3.5) / 8

    def image(xy, fwhm, amplitude, x0, y0):
        x, y = xy
        dx, dy = x[..., None, None] - x0 + pixel[0] * sub[:, None], y[..., None, None] - y0 + pixel[1] * sub[None, :]
        r2 = dx**2 + dy**2
        if moffat:
            a2 = fwhm**2 / (4 * (2**(1 / moffat) - 1))
            value = (1 + r2 / a2)**-moffat
        else:
            value = np.exp(-4 * np.log(2) * r2 / fwhm**2)
        return amplitude * value.mean(axis=(-1, -2)).ravel()
    return image


def check_point(sight, centre, width):
    """A star two spaxels east and one south of the middle, in the middle of the range."""
    k = int(0.4 * len(centre))
    line = spectral.air_to_vacuum(centre[k]) if sight.air else centre[k]
    n = 13 if max(sight.sharp) < 4 else 21
    field = [n * p for p in sight.pixel]
    got = sight.cube(offset=(2 * sight.pixel[0], -sight.pixel[1]), lines=[line], lo=0.9 * centre[k], hi=1.1 * centre[k],
                     FieldOfView=field, PixelScale=sight.pixel, LambdaMin=float(centre[k] - 3 * width[k]),
                     LambdaMax=float(centre[k] + 3 * width[k]))
    assert got["DATA"].shape[1:] == (n, n)
    image, (east, north) = got["DATA"].max(axis=0), places(sight.folder, 2)
    inside = got["DQ"][0] & 1 == 0
    if not inside.all():
        image, east, north = image[inside], east[inside], north[inside]
    beta = sight.curve("psf", "beta")
    beta = float(beta(0.0)) if beta else 0.0
    fwhm = float(sight.curve("psf", "fwhm")(centre[k]))
    model = profile(beta, sight.pixel)
    (got_fwhm, _, x0, y0), _ = curve_fit(model, (east, north), image.ravel() / image.max(),
                                         p0=(1.1 * fwhm, 1.0, 1.5 * sight.pixel[0], -0.5 * sight.pixel[1]))
    assert within(got_fwhm, fwhm, rtol=0.01), (sight.name, got_fwhm, fwhm)
    assert within([x0, y0], [2 * sight.pixel[0], -sight.pixel[1]], rtol=0, atol=0.02 * min(sight.pixel)), sight.name


@pytest.mark.parametrize("name", NAMES)
def test_a_line_and_a_point(folder, name):
    sight = Sight(folder, name)
    pixel = re.findall(r"[\d.]+", re.search(r"pixel = (.*?);", sight.sections["field"])[1])
    sight.pixel = [float(pixel[0]), float(pixel[-1])]
    sight.sharp = [float(sight.curve("psf", "fwhm")(20000.0 if name.startswith(("NIR", "MIRI")) else 6000.0)) / p
                   for p in sight.pixel]
    check_lines(sight)
    with fits.open(folder / "out.fits") as hdus:
        table = hdus["LSF"].data
        centre, width = np.array(table["WAVELENGTH"]), np.array(table["WIDTH"])
    check_point(sight, centre, width)


def test_the_list_is_complete():
    done = run_words([program("cubix"), "--instruments"], 1, None, None, None, 60, None, None)
    assert done.status == 0
    assert [line.split()[0] for line in done.out.splitlines()] == NAMES or sorted(
        line.split()[0] for line in done.out.splitlines()) == NAMES
    assert all(len(line.split()) > 2 for line in done.out.splitlines())


RUBIX = ["MUSE", "MUSE_WFM", "NIRSpec_PRISM_CLEAR", "NIRSpec_G140M_F070LP", "NIRSpec_G140M_F100LP", "NIRSpec_G235M_F170LP",
         "NIRSpec_G395M_F290LP", "NIRSpec_G140H_F070LP", "NIRSpec_G140H_F100LP", "NIRSpec_G235H_F170LP",
         "NIRSpec_G395H_F290LP", "MaNGA_12", "MaNGA_32", "SAMI", "HECTOR", "CALIFA"]
INSTEAD = {"MUSE_ultraWFM": ("MUSE", dict(FieldOfView=180)),
           "TESTGRADIENT": ("IFU", dict(FieldOfView=2, PixelScale=2, LambdaStep=10))}


def ready(folder, name, **more):
    """The instrument and what the command line says are checked, without a cube."""
    write_particles(folder / "star.hdf5", stars((0, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02)))
    lam, light = narrow([5000.0], 1000.0, 300000.0)
    write_ssp(folder / "ssp.hdf5", lam, light)
    file = write_parameters(folder / "r.param", InputFile="star.hdf5", SspFile="ssp.hdf5", OutputFile="r.fits",
                            Instrument=name, Redshift=1e-9, Distance=10.0, **more)
    done = run("cubix", ["-n", file], cwd=folder)
    assert done.status == 0, done.err


@pytest.mark.parametrize("name", RUBIX + list(INSTEAD))
def test_the_names_of_rubix(folder, name):
    """They work, or the page says what to use instead; that works."""
    page = (SOURCE / "doc/instruments.md").read_text()
    mine, more = INSTEAD.get(name, (name, {}))
    row = [line for line in page.splitlines() if re.search(rf"^\| [^|]*\b{name}\b[^|]*\|", line)]
    assert row and (mine == name or f"| {mine}, " + ", ".join(f"{k} {v}" for k, v in more.items()) in row[0]), row
    ready(folder, mine, **more)


@pytest.mark.parametrize("name", ["MUSE", "MaNGA-N127", "NIFS-K"])
def test_a_copy_elsewhere(folder, name):
    """A user's file may lie in any folder: what it includes, also from what it includes, is found with CUBIX."""
    text = (SOURCE / f"parameterfiles/instruments/{name}.cfg").read_text()
    assert "@include" in text
    (folder / "mine.cfg").write_text(text)
    ready(folder, "./mine.cfg", Noise="exposure")
    (folder / "mine.cfg").write_text(text + "typo: { };\n")
    write_parameters(folder / "t.param", InputFile="star.hdf5", SspFile="ssp.hdf5", OutputFile="r.fits", Instrument="mine.cfg")
    done = run("cubix", ["-n", folder / "t.param"], cwd=folder)
    assert done.status == 3 and f"mine.cfg:{len(text.splitlines()) + 1}: unknown section 'typo'" in done.err, done.err
    (folder / "mine.cfg").write_text(text + '@include "nowhere.inc"\n')
    done = run("cubix", ["-n", folder / "t.param"], cwd=folder)
    assert done.status == 3 and "mine.cfg" in done.err and "./nowhere.inc" in done.err, done.err


SIMSPIN = ["SAMI", "MaNGA_12", "MaNGA_17", "MaNGA_22", "MaNGA_27", "MaNGA_32", "MUSE", "MUSE-NFM", "CALIFA", "Hector",
           "IFU"]


@pytest.mark.parametrize("name", SIMSPIN)
def test_the_telescopes_of_simspin(folder, name):
    table = (SOURCE / "doc/instruments.md").read_text().split("SimSpin's telescopes:")[1].split("\n\n")[1]
    assert re.search(rf"^\|[^|]*\|[^|]*(?<![\w-]){name}(?![\w-])[^|]*\|", table, re.M), table
    ready(folder, name)


@pytest.mark.parametrize("grating, power", [("RL", 800), ("RM1", 1900), ("RM2", 1900), ("RH1", 4600), ("RH2", 4600),
                                            ("RH3", 4600), ("RH4", 4600)])
def test_the_gratings_of_kcrm(grating, power):
    """Keck's pipeline (KCWI_DRP, kcwi_file_primitives.py, resolution): R with the large slicer, twice that with the
    medium and four times with the small one, at the central wavelength."""
    for slicer, times in (("L", 1), ("M", 2), ("S", 4)):
        sections, curve = settings(f"KCRM-{grating}-{slicer}")
        first, last = (float(re.search(rf"{key} = \( ([\d.]+)", sections["spectrum"])[1]) for key in ("first", "last"))
        assert within((first + last) / 2 / curve("lsf", "fwhm")(0.0), power * times, rtol=1e-2)


# ---- published sensitivities ---------------------------------------------------------------------

def test_muse_finds_the_faintest_lines(folder):
    """Bacon et al. 2017, A&A 608, A1, abstract: lines of a point source of 3.1e-19 erg/s/cm2 have S/N 3 in 10 hours."""
    sight = Sight(folder, "MUSE")
    lam, width, variance = sight.empty(FieldOfView=0.6, ExposureTime=36000.0)
    fwhm = np.polyval([5.866e-8, -9.187e-4, 6.040], lam) / FWHM
    place = 0.2 * (np.arange(15) - 7)
    point = profile(2.8, (0.2, 0.2))(np.meshgrid(place, place), 0.65, 1.0, 0.0, 0.0)
    point = 0.9 * point / point.sum()                           # a tenth of a Moffat lies farther out
    line = width[0] / (fwhm * np.sqrt(2 * np.pi)) * np.exp(-0.5 * (width[0] * (np.arange(9)[:, None] - 4) / fwhm)**2)
    signal = (line**2).sum(axis=0) * (point**2).sum() / width[0]**2
    limit = 3 * np.sqrt(variance / signal)
    red = (lam > 7000) & (lam < 8500)
    between = np.percentile(limit[red], 25)                     # the lines of OH
    assert 0.5 < between / 3.1e-19 < 2, between


@pytest.mark.parametrize("name", ["MaNGA-N127", "MaNGA-N127-LOG"])
def test_manga_reaches_the_outskirts(folder, name):
    """Bundy et al. 2015, ApJ 798, 7, abstract: in 3 hours the r-band S/N is 4 to 8 per AA and 2 arcsec fibre at 23 AB
    mag/arcsec2."""
    lam, width, variance = Sight(folder, name).empty(FieldOfView=1.5, ExposureTime=10800.0)
    r = (lam > 5600) & (lam < 6900)
    flux = 10**(-0.4 * (23 + 48.6)) * LIGHT * 1e10 / lam**2 * np.pi             # of a fibre
    spaxels = np.pi / 0.25
    snr = np.median((flux / np.sqrt(variance * spaxels) * np.sqrt(width))[r])
    assert 0.5 < snr / 5.7 < 2, snr                                             # the middle of 4 to 8


def test_nirspec_sees_what_it_must(folder):
    """Its requirement (STScI, NIRSpec sensitivity page; the IFU "should be comparable"): R 100, 132 nJy at 3 um, S/N
    10 in 10000 s, over 2 pixels in wavelength."""
    lam, width, variance = Sight(folder, "NIRSpec-PRISM").empty(FieldOfView=0.3, ExposureTime=10000.0)
    k = np.argmin(np.abs(lam - 30000))
    flux = 132e-9 * 1e-23 * LIGHT * 1e10 / lam[k]**2
    spaxels = np.pi * 0.15**2 / 0.01
    snr = 0.6 * flux * np.sqrt(2) / np.sqrt(variance[k] * spaxels)              # 0.6 of a point lies within 0.15 arcsec
    assert 0.5 < snr / 10 < 2, snr
