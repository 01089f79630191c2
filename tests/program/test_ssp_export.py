"""cubix-ssp export and get: what pPXF, GIST and nGIST read, with the rules of these readers written again
here, and with pPXF itself where it is installed; and libraries out of wheels that are made here."""
import os
import re
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
from astropy.io import fits

import harness
from harness import within

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "cubix-ssp")
LSUN = 3.828e33                    # what harness.write_ssp states
SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
WAVE = np.concatenate((np.arange(4500.0, 5000.0, 0.5), np.arange(5000.0, 6000.0, 0.8)))
LINES = ((4700.0, 0.5), (5500.0, 0.3))
AGES, METALS = (0.00005, 0.1, 1.0, 10.0), (0.004, 0.02)


def run(*words):
    done = subprocess.run([sys.executable, TOOL] + [str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


def spectrum(i, j, wave, fwhm):
    """A slope and two lines of one width, each of its own area."""
    flux = (1 + i + 2 * j) * (1 + 1e-4 * (wave - 5000.0))
    for at, depth in LINES:
        flux = flux - depth * (1 + i) * 2.5 / fwhm * np.exp(-0.5 * ((wave - at) * SIGMA / fwhm) ** 2)
    return flux


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "ssp.hdf5"
    light = np.array([[spectrum(i, j, WAVE, 2.5) for j in range(len(AGES))] for i in range(len(METALS))]) * 1e-5 * LSUN
    harness.write_ssp(path, WAVE, light, ages=AGES, metals=METALS, fwhm=2.5)
    with h5py.File(str(path), "r+") as f:
        f["SurvivingMass"] = np.array([[1.0, 0.8, 0.7, 0.6], [1.0, 0.81, 0.71, 0.61]])
        f["SurvivingMass"].attrs["unit"], f["SurvivingMass"].attrs["description"] = np.bytes_("1"), np.bytes_("left")
        for name, text in (("Name", "lines"), ("IMF", "Kroupa"), ("Reference", "none"), ("Licence", "none"),
                           ("Program", "test")):
            f.attrs[name] = np.bytes_(text)
    return path


def test_npz_of_ppxf(library, tmp_path):
    code, _, text = run("export", "ppxf", "--z-sun", "0.02", library, tmp_path / "x.npz")
    assert code == 0, text
    with np.load(str(tmp_path / "x.npz")) as f:
        assert sorted(f) == ["ages", "fwhm", "lam", "masses", "metals", "templates"]
        assert f["templates"].shape == (WAVE.size, 4, 2) and within(f["lam"], WAVE,
                                                                    rtol=1e-12) and np.all(f["fwhm"] == 2.5)
        assert within(f["ages"], AGES, rtol=1e-12) and within(f["metals"], np.log10(np.array(METALS) / 0.02),
                                                              rtol=1e-12, atol=1e-12)
        assert f["masses"][3, 1] == 0.61 and f["masses"].shape == (4, 2)
        for i in range(2):
            for j in range(4):
                assert within(f["templates"][:, j, i], 1e-5 * spectrum(i, j, WAVE, 2.5), rtol=2e-6)


def test_broadened_to_a_number_and_to_a_table(library, tmp_path):
    """A Gaussian of FWHM 2.5 AA becomes one of 4 AA, its area kept."""
    assert run("export", "ppxf", "--fwhm", "4.0", "--range", "4600", "5900", library, tmp_path / "x.npz")[0] == 0
    with np.load(str(tmp_path / "x.npz")) as f:
        wave = f["lam"]
        assert wave[0] >= 4600 and wave[-1] <= 5900 and np.all(f["fwhm"] == 4.0)
        for i, j in ((0, 0), (1, 3)):
            assert within(f["templates"][:, j, i], 1e-5 * spectrum(i, j, wave, 4.0), rtol=3e-4)
    (tmp_path / "lsf.txt").write_text("4500 3\n6000 3\n")
    code, _, text = run("export", "ppxf", "--fwhm", tmp_path / "lsf.txt", library, tmp_path / "y.npz")
    with np.load(str(tmp_path / "y.npz")) as f:
        assert code == 0 and within(f["templates"][:, 1, 1], 1e-5 * spectrum(1, 1, WAVE, 3.0), rtol=1e-3), text
    code, _, text = run("export", "ppxf", "--fwhm", "2", library, tmp_path / "z.npz")
    with np.load(str(tmp_path / "z.npz")) as f:
        assert code == 0 and "broader than that" in text and np.all(f["fwhm"] == 2.5)


def test_air_is_the_inverse_of_what_convert_does(library, tmp_path):
    assert run("export", "ppxf", "--medium", "air", "--z-sun", "0.02", library, tmp_path / "x.npz")[0] == 0
    assert run("convert", "ppxf", "--medium", "air", "--z-sun", "0.02", "--imf", "Kroupa", tmp_path / "x.npz",
               tmp_path / "y.hdf5")[0] == 0
    with h5py.File(str(tmp_path / "y.hdf5"), "r") as ours, h5py.File(str(library), "r") as theirs:
        assert within(ours["Wavelength"][()], WAVE, rtol=1e-9) and within(ours["LsfFwhm"][()], 2.5, rtol=1e-9)
        assert within(ours["Metallicity"][()], METALS, rtol=1e-12) and within(ours["Age"][()], AGES, rtol=1e-12)
        assert within(ours["SurvivingMass"][()], theirs["SurvivingMass"][()], rtol=1e-12)
        assert within(ours["Luminosity"][()] * (3.828 / 3.826), theirs["Luminosity"][()], rtol=1e-6)


def test_ppxf_itself_reads_it(library, tmp_path):
    sps_util = pytest.importorskip("ppxf.sps_util", reason="ppxf is not installed")
    assert run("export", "ppxf", library, tmp_path / "x.npz")[0] == 0
    sps = sps_util.sps_lib(str(tmp_path / "x.npz"), 50.0,
                           {"lam": np.array([4400.0, 6100.0]), "fwhm": np.array([5.0, 5.0])}, age_range=[0.01, 20])
    assert sps.templates.shape[1:] == (3, 2) and within(sps.age_grid[:, 0], AGES[1:], rtol=1e-12)
    want = spectrum(1, 2, sps.lam_temp, 5.0)
    mine = sps.templates[:, 1, 1] / sps.templates[50, 1, 1] * want[50]
    inner = slice(20, -20)
    assert within(mine[inner], want[inner], rtol=0.02)       # its pixels are 0.8 to 1 AA wide


def test_a_finer_npz_keeps_lines_narrow(library, tmp_path):
    """pPXF takes points for pixels: those of 1 AA broaden lines by their width, finer ones by next to nothing."""
    sps_util = pytest.importorskip("ppxf.sps_util", reason="ppxf is not installed")
    worst = {}
    for step in (1.0, 0.1):
        out = tmp_path / ("%g.npz" % step)
        code, _, text = run("export", "ppxf", "--step", step, library, out)
        assert code == 0, text
        with np.load(str(out)) as f:
            assert within(np.diff(f["lam"]), step, rtol=1e-6) and f["fwhm"].shape == f["lam"].shape
            assert f["lam"][-1] > WAVE[-1] - step
        sps = sps_util.sps_lib(str(out), 50.0, age_range=[0.01, 20])
        edge = np.exp(np.log(sps.lam_temp)[:, None] + 50.0 / 299792.458 * (np.arange(41) / 40 - 0.5))
        want = spectrum(1, 2, edge, 2.5).mean(axis=1)                        # of a pixel
        near = np.abs(sps.lam_temp - 5500.0) < 10
        mine = sps.templates[:, 1, 1] / np.median(sps.templates[:, 1, 1]) * np.median(want)
        worst[step] = np.abs(mine / want - 1)[near].max()
    assert worst[0.1] < 2e-3 and worst[1.0] > 3 * worst[0.1], worst


# ---- a folder for nGIST --------------------------------------------------------------------------
def of_name(name):
    """Age and [M/H] as age_metal_alpha of nGIST's prepareTemplates/miles.py finds them."""
    t = name.find("T")
    metal = name[name.find("Z") + 1:t]
    assert name.find("baseFe") != -1 and metal[0] in "pm"
    return float(name[t + 1:t + 8]), float(metal[1:]) * (1 if metal[0] == "p" else -1)


def test_folder_of_ngist(library, tmp_path):
    code, _, text = run("export", "ppxf", "--fwhm", "4.0", "--z-sun", "0.02", "--step", "0.7", "--range", "4600",
                        "5900", library,
                        "%s/gist/" % tmp_path)
    assert code == 0 and "0.00 is named 0.01" in text, text
    names = sorted(os.listdir(str(tmp_path / "gist")))
    assert len(names) == 6 and "1 of 4 ages are left out" in text
    found = {of_name(name) for name in names}
    assert {age for age, _ in found} == {0.1, 1.0, 10.0} and {metal for _, metal in found} == {-0.7, 0.01}
    for name in names:
        age, metal = of_name(name)
        i, j = int(metal == 0.01), list(AGES).index(age)
        header, data = fits.getheader(str(tmp_path / "gist" / name)), fits.getdata(str(tmp_path / "gist" / name))
        at = header["CRVAL1"] + header["CDELT1"] * np.arange(header["NAXIS1"])
        assert header["CDELT1"] == 0.7 and header["FWHM"] == 4.0 and at[0] == pytest.approx(4600.0,
                                                                                            abs=1) and at[-1] > 5898
        assert within(data, 1e-5 * spectrum(i, j, at, 4.0), rtol=1e-3)
    code, _, text = run("export", "ppxf", library, "%s/gist/" % tmp_path)
    assert code == 4 and "FITS files already" in text


def test_lsf_of_a_library_and_refusals(library, tmp_path):
    assert run("export", "lsf", library, tmp_path / "lsf.txt")[0] == 0
    table = np.genfromtxt(str(tmp_path / "lsf.txt"), comments="#")                    # as getLSF of GIST does
    assert table.shape == (WAVE.size, 2) and within(table[:, 0], WAVE, rtol=1e-8) and np.all(table[:, 1] == 2.5)
    assert run("export", "lsf", "--fwhm", "3", library, tmp_path / "lsf3.txt")[0] == 0
    assert np.all(np.genfromtxt(str(tmp_path / "lsf3.txt"))[:, 1] == 3.0)
    for words, status, say in ((("ppxf", "--range", "100", "200", library, tmp_path / "a.npz"), 3, "no points between"),
                               (("ppxf", "--step", "0", library, tmp_path / "a.npz"), 2, "must be above 0"),
                               (("ppxf", "--step", "1e-7", library, tmp_path / "a.npz"), 2, "take a wider step"),
                               (("ppxf", tmp_path / "no.hdf5", tmp_path / "a.npz"), 3, "no such file"),
                               (("ppxf", library, tmp_path / "no" / "a.npz"), 4, "cannot be written"),
                               (("lsf", tmp_path / "no.hdf5", tmp_path / "a.txt"), 3, "no such file")):
        code, _, text = run("export", *words)
        assert code == status and say in text, (words, text)
        assert len([line for line in text.splitlines() if "error" in line]) == 1
    assert not (tmp_path / "a.npz").exists()


def test_lsf_of_a_cube(tmp_path):
    bench = harness.Bench(tmp_path)
    bench.instrument()
    bench.ssp(fwhm=1.0)
    bench.particles(harness.galaxy(20))
    bench.cube()
    path = bench.out
    assert run("export", "lsf", path, tmp_path / "lsf.txt")[0] == 0
    with fits.open(str(path)) as hdus:
        table = np.genfromtxt(str(tmp_path / "lsf.txt"))
        assert within(table[:, 1], hdus["LSF"].data["FWHM_CUBE"], rtol=1e-4) and within(table[:, 0],
                                                                                        hdus["LSF"].data["WAVELENGTH"],
                                                                                        rtol=1e-7)


# ---- get -----------------------------------------------------------------------------------------
def test_get_takes_what_it_wants_out_of_a_wheel(tmp_path):
    wave = 3326.0 + np.arange(5969)
    with zipfile.ZipFile(str(tmp_path / "sdss_mangadap-4.5.0-py3-none-any.whl"), "w") as wheel:
        for age, level in ((1.0, 1.9e-4), (10.0, 2e-5)):
            hdu = fits.PrimaryHDU(np.full(5969, level))
            hdu.header.update({"Z": 0.02, "AGE": age, "FWHM": 2.3, "CRPIX1": 1, "CRVAL1": 3326.0, "CDELT1": 1.0})
            hdu.writeto(str(tmp_path / "one.fits"), overwrite=True)
            wheel.write(str(tmp_path / "one.fits"),
                        "mangadap/data/spectral_templates/bc03_mpajhu/BC03_z0.020_a%06.3f.fits" % age)
        wheel.writestr("mangadap/data/spectral_templates/miles/BC03_no.fits", "no")
    code, _, text = run("get", "bc03-mpajhu", tmp_path / "x.hdf5", "--wheel",
                        tmp_path / "sdss_mangadap-4.5.0-py3-none-any.whl")
    assert code == 0 and "is not the wheel" in text and "licence: " in text and "cite: Bruzual" in text, text
    with h5py.File(str(tmp_path / "x.hdf5"), "r") as f:
        assert f["Luminosity"].shape == (1, 2, wave.size)
    code, _, text = run("get", "bpass", tmp_path / "y.hdf5", "--wheel",
                        tmp_path / "sdss_mangadap-4.5.0-py3-none-any.whl")
    assert code == 3 and "holds no *.fits" in text and not (tmp_path / "y.hdf5").exists()


def test_fastar(tmp_path):
    """At 1 and 10 Gyr it must shine as MILES models of the same IMF do (sanity table: E-MILES)."""
    pytest.importorskip("fastar", reason="fastar-astro is not installed")
    code, _, text = run("get", "fastar", "--imf", "salpeter", tmp_path / "x.hdf5")
    assert code == 0 and "licence: MIT" in text and "20 Myr" in text and "warning" not in text, text
    with h5py.File(str(tmp_path / "x.hdf5"), "r") as f:
        wave, z, age = f["Wavelength"][()], f["Metallicity"][()], f["Age"][()]
        band = (wave > 5400) & (wave < 5600)
        i = np.argmin(abs(np.log(z / 0.0153)))
        for at, want in ((1.0, 1.2297e-4), (10.0, 1.6651e-5)):
            mean = np.exp(np.interp(np.log(at), np.log(age), np.log(f["Luminosity"][i][:, band].mean(axis=1))))
            assert mean / 3.826e33 == pytest.approx(want, rel=0.2)


def test_fastar_says_what_it_lacks(tmp_path):
    if re.search("fastar", " ".join(os.listdir(os.path.dirname(os.path.dirname(h5py.__file__))))):
        pytest.skip("fastar is installed")
    code, _, text = run("get", "fastar", tmp_path / "x.hdf5")
    assert code == 2 and "pip install fastar-astro" in text
    code, _, text = run("get", "fastar", "--imf", "mine", tmp_path / "x.hdf5")
    assert code == 2 and "chabrier, kroupa, salpeter" in text
