"""cubix-ssp convert: files of the true layout of each format, written here by other code than the
converters', come out as the numbers that went in; and real spectra, where $CUBIX_SHARED has them, as their
FITS files hold them."""
import gzip
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from astropy.io import fits

import harness
from harness import within
from oracle.spectral import per_vacuum, vacuum

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "cubix-ssp")
LSUN = 3.826e33
Z, AGES = (0.004, 0.02), (0.001, 0.1, 1.0, 10.0)


def run(*words):
    done = subprocess.run([sys.executable, TOOL] + [str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


def convert(*words):
    """The file, read; and what was said."""
    code, _, text = run("convert", *words)
    assert code == 0, text
    with h5py.File(str(words[-1]), "r") as f:
        read = {name: f[name][()] for name in f}
        read.update({name: value.decode() if isinstance(value, bytes) else value for name, value in f.attrs.items()})
        read["about"] = {name: f[name].attrs["description"].decode() for name in f}
    assert run("info", words[-1])[0] == 0
    return read, text


def refused(status, say, *words):
    code, _, text = run("convert", *words)
    lines = [line for line in text.splitlines() if "error" in line]
    assert code == status and len(lines) == 1 and say in lines[0], text
    assert not os.path.exists(str(words[-1]))


def light(z, age, wave):
    """Lsun/AA/Msun: about what populations have."""
    return 2e-5 * (age / 10.0 + 1e-4) ** -0.9 * (0.02 / z) ** 0.1 * (wave / 5500.0) ** (-1.0 + 0.2 * age / 10.0)


def same_light(read, wave, unit=LSUN, zs=Z, ages=AGES, air=False, per=light):
    """Axes and every spectrum, but for the points next to 2000 AA, where air begins."""
    at = vacuum(wave) if air else wave
    plain = (wave < 1995) | (wave > 2005)
    scale = per_vacuum(wave) if air else 1.0
    assert within(read["Wavelength"], at, rtol=5e-8) and within(read["Metallicity"], zs, rtol=1e-9)
    assert within(read["Age"], ages, rtol=1e-7)
    assert read["SourceMedium"] == ("air" if air else "vacuum")
    for i, z in enumerate(zs):
        for j, age in enumerate(ages):
            assert within(read["Luminosity"][i, j][plain], (per(z, age, wave) * unit * scale)[plain], rtol=2e-6), (z,
                                                                                                                   age)


# ---- BC03 ----------------------------------------------------------------------------------------
BC03_WAVE = np.concatenate((np.arange(91.0, 1990.0, 20.0), np.arange(2010.0, 9000.0, 5.0)))


def record(values, digits=8):
    return [str(len(values))] + ["%.*E" % (digits, value) for value in values]


def ised(path, z, wave=BC03_WAVE, cut=None, text="Z=%g"):
    """As GALAXEV writes it: records run on over the ends of lines, which fall anywhere; text between the first two;
    an index record after each spectrum; tables at the end."""
    ages = [0.0] + [age * 1e9 for age in AGES]
    words = []
    for age in [AGES[0]] + list(AGES):
        words += record(light(z, age, wave)) + record(np.full(52, 7.0))
    words += record(np.arange(5.0)) + record(np.arange(5.0))

    def lines(words):
        return "\n".join("  ".join(words[i:i + 7]) for i in range(0, len(words), 7)) + "\n"

    body = (lines(record(ages))
            + "    0.10000  100.00000   2   0\n  T  F\n Chabrier IMF\n Padova 1994 tracks\n S.S.P. "
            + (text % z if "%" in text else text)
            + "  no dust\n" + lines(record(wave) + words))
    path.write_text(body[:cut])


def four_colour(path, fall):
    rows = ["# Chabrier", "#  (1)   (2)  (3)  (4)  (5)  (6)  (7)  (8)  (9)",
            "#log-age-yr Mbol Bmag Vmag M*/Lb M*/Lv M* Mgas Mgalaxy"]
    rows += ["%.6f 1. 2. 3. 0.1 0.2 %.6f %.6f 1." % (np.log10(age * 1e9), 1 - fall * i, fall * i) for i,
             age in enumerate(AGES)]
    path.write_text("\n".join(rows) + "\n")


def test_bc03(tmp_path):
    ised(tmp_path / "bc2003_hr_m62_chab_ssp.ised_ASCII", 0.02)
    ised(tmp_path / "bc2003_hr_m42_chab_ssp.ised_ASCII", 0.004)
    read, text = convert("bc03", tmp_path, tmp_path / "x.hdf5")
    same_light(read, BC03_WAVE, air=True, ages=(0.0,) + AGES, per=lambda z, age, wave: light(z, age or AGES[0], wave))
    assert read["IMF"].startswith("Chabrier") and "SurvivingMass" not in read and "STELIB" in text
    assert np.interp(5000, read["Wavelength"], read["LsfFwhm"]) == pytest.approx(5.0, rel=1e-3)
    lit = BC03_WAVE < 911.75
    photons = np.sum((light(0.02, 1.0, BC03_WAVE) * BC03_WAVE * np.gradient(BC03_WAVE))[lit]) * LSUN / 1.98644586e-8
    assert read["IonizingPhotons"][1, 3] == pytest.approx(photons, rel=0.03)
    packed = tmp_path / "bc2003_hr_m62_chab_ssp.ised_ASCII"
    with gzip.open(str(packed) + ".gz", "wb") as stream:
        stream.write(packed.read_bytes())
    packed.unlink()
    for code, fall in (("m42", 0.11), ("m62", 0.12)):
        four_colour(tmp_path / ("bc2003_hr_%s_chab_ssp.4color" % code), fall)
    read, _ = convert("bc03", tmp_path / "*m?2*.ised_ASCII*", tmp_path / "y.hdf5")
    for i, fall in enumerate((0.11, 0.12)):
        assert within(read["SurvivingMass"][i], [1.0] + [1 - fall * k for k in range(4)], rtol=1e-6)
    assert "remnants" in read["about"]["SurvivingMass"]


def test_bc03_age_zero_that_repeats_the_next_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "AGES", (1e-4, 1.0, 10.0))
    ised(tmp_path / "bc2003_lr_m62_salp_ssp.ised_ASCII", 0.02)
    read, _ = convert("bc03", tmp_path, tmp_path / "x.hdf5")
    assert within(read["Age"], AGES, rtol=1e-9)


def test_bc03_refusals(tmp_path):
    name = tmp_path / "bc2003_hr_m62_chab_ssp.ised_ASCII"
    ised(name, 0.02, cut=40000)
    refused(3, "cut off", "bc03", name, tmp_path / "x.hdf5")
    ised(name, 0.02)
    ised(tmp_path / "bc2003_hr_m52_chab_ssp.ised_ASCII", 0.02)
    refused(3, "both have Z = 0.02", "bc03", tmp_path, tmp_path / "x.hdf5")
    ised(tmp_path / "bc2003_hr_m52_chab_ssp.ised_ASCII", 0.008, wave=BC03_WAVE[:-1])
    refused(3, "other wavelengths", "bc03", tmp_path, tmp_path / "x.hdf5")
    refused(2, "--medium has no meaning", "bc03", name, "--medium", "air", tmp_path / "x.hdf5")
    other = tmp_path / "my.ised_ASCII"
    ised(other, 0.02, text="metal rich")
    refused(3, "states no Z=", "bc03", other, tmp_path / "x.hdf5")


# ---- BPASS ---------------------------------------------------------------------------------------
BPASS_WAVE = np.arange(1.0, 7001.0, 4.0)
BPASS_AGES = 10.0 ** (np.arange(51) * 0.1 - 3)


def bpass(path, z, wave=BPASS_WAVE, n=51):
    step = 0.1 if n == 51 else 0.2
    table = np.column_stack([wave] + [1e6 * light(z, 10.0 ** (step * i - 3), wave) for i in range(n)])
    np.savetxt(str(path), table, fmt="%.7E")


@pytest.mark.parametrize("form", ["spectra-bin-imf135_300.z%s.dat", "spectra-bin-imf135_300.a+02.z%s.dat"])
def test_bpass(tmp_path, form):
    """v2.2, and v2.3 with the abundance of alpha elements in the name."""
    for code, z in (("em4", 1e-4), ("020", 0.02)):
        bpass(tmp_path / (form % code), z)
    for code, loss in (("em4", 0.004), ("020", 0.005)):
        rows = np.column_stack([np.arange(51) * 0.1 + 6, 1e6 * (0.9 - loss * np.arange(51)),
                                1e6 * (0.05 + 0 * np.arange(51.0))])
        np.savetxt(str(tmp_path / (form % code).replace("spectra", "starmass")), rows, fmt="%.7E")
        rows = np.column_stack([np.arange(51) * 0.1 + 6, 52.5 - 0.1 * np.arange(51)] + 3 * [np.zeros(51)])
        np.savetxt(str(tmp_path / (form % code).replace("spectra", "ionizing")), rows, fmt="%.7E")
    read, text = convert("bpass", tmp_path / "spectra*", tmp_path / "x.hdf5")
    same_light(read, BPASS_WAVE, unit=3.848e33, zs=(1e-4, 0.02), ages=BPASS_AGES)
    assert within(read["SurvivingMass"][1], 0.95 - 0.005 * np.arange(51), rtol=1e-6)
    assert within(np.log10(read["IonizingPhotons"][0]), 46.5 - 0.1 * np.arange(51), rtol=1e-6)
    assert "slope -1.35" in read["IMF"] and "0.1-300" in read["IMF"] and ("a+02" in read["Name"]) == ("a+02" in form)
    assert np.all(read["LsfFwhm"] == 4.0) and "1 AA" in text


def test_bpass_refusals_and_half_the_ages(tmp_path):
    bpass(tmp_path / "spectra-sin-imf_chab100.z020.dat", 0.02, n=25)
    read, _ = convert("bpass", tmp_path / "spectra-sin-imf_chab100.z020.dat", tmp_path / "y.hdf5")
    assert within(read["Age"], 10.0 ** (0.2 * np.arange(25) - 3), rtol=1e-8) and "Chabrier" in read["IMF"]
    bpass(tmp_path / "spectra-bin-imf_chab100.z020.dat", 0.02, n=25)
    refused(3, "differs in IMF, binaries", "bpass", tmp_path, tmp_path / "x.hdf5")
    bpass(tmp_path / "spectra-bin-imf_chab100.z020.dat", 0.02, n=26)
    refused(3, "has 26 ages", "bpass", tmp_path / "spectra-bin-imf_chab100.z020.dat", tmp_path / "x.hdf5")
    (tmp_path / "spectra.dat").write_text("1 2\n")
    refused(3, "not one of BPASS", "bpass", tmp_path / "spectra.dat", tmp_path / "x.hdf5")


def test_real_bpass(tmp_path):
    folder = harness.shared("data/ssp/bpass")
    read, _ = convert("bpass", folder, tmp_path / "x.hdf5")
    assert within(read["Metallicity"], [0.008, 0.02, 0.03], rtol=1e-12) and read["Age"].size == 24
    band = (read["Wavelength"] > 5400) & (read["Wavelength"] < 5600)
    # Lsun/AA/Msun, of the files themselves
    for log_age, want in ((-1.2, 1.1283e-3), (0.0, 2.1586e-4), (1.0, 1.6687e-5)):
        j = np.argmin(abs(np.log10(read["Age"]) - log_age))
        assert read["Luminosity"][1, j][band].mean() / 3.848e33 == pytest.approx(want, rel=1e-3)
    raw = fits.getdata(os.path.join(str(folder), "bin-imf135_300-z030-T0.30.fits"))
    assert within(read["Luminosity"][2, np.argmin(abs(np.log10(read["Age"]) - 0.3))], raw / 1e6 * 3.848e33, rtol=1e-6)
    out = run("info", tmp_path / "x.hdf5")[1]
    assert "WARNING" not in out and abs(float(out.split("lines         ")[1].split()[0])) < 10      # it is in vacuum


# ---- FSPS ----------------------------------------------------------------------------------------
FSPS_WAVE = np.concatenate((np.arange(100.0, 3000.0, 20.0), np.arange(3000.0, 9000.0, 0.9)))
C_AA = 2.99792458e18


def fsps(path, names, per_hz=True, change=None):
    with h5py.File(str(path), "w") as f:
        values = (np.log10(Z), np.log10(AGES), FSPS_WAVE,
                  np.array([[light(z, age, FSPS_WAVE) * (FSPS_WAVE ** 2 / C_AA if per_hz else 1) for age in AGES]
                            for z in Z]))
        for name, value in zip(names, values):
            f[name] = value
        if change:
            change(f)


DSPS = ("ssp_lgmet", "ssp_lg_age_gyr", "ssp_wave", "ssp_flux")


@pytest.mark.parametrize("kind, names, per_hz",
                         [("dsps", DSPS, True), ("fsps", ("metallicity", "age", "wavelength", "flux"), True),
                         ("fsps", ("metallicity", "age", "wavelength", "flux"), False)])
def test_fsps_per_hertz_and_per_angstrom(tmp_path, kind, names, per_hz):
    fsps(tmp_path / "f.h5", names, per_hz)
    read, _ = convert(kind, "--imf", "Kroupa 2001", tmp_path / "f.h5", tmp_path / "x.hdf5")
    same_light(read, FSPS_WAVE, unit=3.839e33)
    assert read["IMF"] == "Kroupa 2001" and np.interp(5000, read["Wavelength"], read["LsfFwhm"]) == pytest.approx(2.54)


def test_fsps_refusals(tmp_path):
    fsps(tmp_path / "f.h5", DSPS)
    refused(2, "do not state the IMF", "dsps", tmp_path / "f.h5", tmp_path / "x.hdf5")
    refused(3, "lacks one of the datasets", "fsps", "--imf", "a", tmp_path / "f.h5", tmp_path / "x.hdf5")
    fsps(tmp_path / "f.h5", DSPS, change=lambda f: f["ssp_lgmet"].write_direct(np.array(Z)))
    refused(3, "not log10", "dsps", "--imf", "a", tmp_path / "f.h5", tmp_path / "x.hdf5")
    fsps(tmp_path / "f.h5", DSPS, change=lambda f: f["ssp_flux"].write_direct(f["ssp_flux"][()] * 1e33))
    refused(3, "neither Lsun/AA", "dsps", "--imf", "a", tmp_path / "f.h5", tmp_path / "x.hdf5")
    fsps(tmp_path / "f.h5", DSPS, change=lambda f: f.__setitem__("ssp_emline_wave", np.arange(3.0)))
    assert "emission lines" in convert("dsps", "--imf", "a", tmp_path / "f.h5", tmp_path / "x.hdf5")[1]


# ---- pPXF ----------------------------------------------------------------------------------------
PPXF_WAVE = 3000.0 * np.exp(np.arange(4000) * 2e-4)


def ppxf(path, fwhm=2.51, **change):
    arrays = {"templates": np.array([[light(z, age, PPXF_WAVE) for z in Z] for age in AGES]).transpose(2, 0, 1),
              "lam": PPXF_WAVE,
              "ages": np.array(AGES), "metals": np.log10(np.array(Z) / 0.019),
              "masses": np.array([[0.9, 0.8]] * 4) - 0.1 * np.arange(4)[:, None],
              "fwhm": np.broadcast_to(fwhm, PPXF_WAVE.shape)}
    arrays.update(change)
    np.savez_compressed(str(path), **{name: value for name, value in arrays.items() if value is not None})


def test_ppxf(tmp_path):
    ppxf(tmp_path / "spectra_emiles_9.0.npz", 2.51 + np.arange(4000) / 4000)
    stated = ("--medium", "air", "--z-sun", "0.019", "--imf", "Salpeter")
    read, _ = convert("ppxf", *stated, tmp_path / "spectra_emiles_9.0.npz", tmp_path / "x.hdf5")
    same_light(read, PPXF_WAVE, air=True)
    assert within(read["SurvivingMass"], (np.array([[0.9, 0.8]] * 4) - 0.1 * np.arange(4)[:, None]).T, rtol=1e-12)
    assert within(read["LsfFwhm"], (2.51 + np.arange(4000) / 4000) / per_vacuum(PPXF_WAVE), rtol=1e-7)
    for option, say in (("--medium", "medium"), ("--z-sun", "metal mass fraction"), ("--imf", "IMF")):
        given = [word for pair in zip(stated[::2], stated[1::2]) if pair[0] != option for word in pair]
        refused(2, "do not state the " + say, "ppxf", *given, tmp_path / "spectra_emiles_9.0.npz", tmp_path / "y.hdf5")
    ppxf(tmp_path / "f.npz", masses=None)
    refused(3, "lacks one of the arrays", "ppxf", *stated, tmp_path / "f.npz", tmp_path / "y.hdf5")
    ppxf(tmp_path / "f.npz", lam=PPXF_WAVE[:-1])
    refused(3, "there are 3999 wavelengths", "ppxf", *stated, tmp_path / "f.npz", tmp_path / "y.hdf5")


def test_a_width_that_the_user_states(tmp_path):
    ppxf(tmp_path / "f.npz")
    (tmp_path / "lsf.txt").write_text("# AA AA\n3000 3\n7000 5\n")
    stated = ("--medium", "vacuum", "--z-sun", "0.019", "--imf", "Salpeter")
    read, _ = convert("ppxf", *stated, "--fwhm", tmp_path / "lsf.txt", tmp_path / "f.npz", tmp_path / "x.hdf5")
    assert within(read["LsfFwhm"], np.interp(PPXF_WAVE, [3000, 7000], [3, 5]), rtol=1e-12)
    read, _ = convert("ppxf", *stated, "--fwhm", "1.5", tmp_path / "f.npz", tmp_path / "x.hdf5")
    assert np.all(read["LsfFwhm"] == 1.5)
    refused(2, "must be above 0", "ppxf", *stated, "--fwhm", "0", tmp_path / "f.npz", tmp_path / "y.hdf5")
    refused(3, "cannot be read as columns", "ppxf", *stated, "--fwhm", "no.txt", tmp_path / "f.npz",
            tmp_path / "y.hdf5")


# ---- pyPipe3D ------------------------------------------------------------------------------------
PIPE_WAVE = 2000.0 + 1.5 * np.arange(5000)


def pypipe3d(path, names=("spec_ssp_%s_z%s.spec",), log=False):
    """Rows are 1 at WAVENORM, in an order of their own; NORMi is the luminosity there."""
    rows, head, at = [], fits.Header(), np.argmin(abs(PIPE_WAVE - 5500.0))
    age_words = {0.001: "0.0010", 0.1: "100Myr", 1.0: "1Gyr", 10.0: "10.0"}
    order = [(z, age) for age in (10.0, 0.1, 0.001, 1.0) for z in (0.02, 0.004)]
    for i, (z, age) in enumerate(order):
        flux = light(z, age, PIPE_WAVE)
        rows.append(flux / flux[at])
        head["NAME%d" % i] = names[0] % (age_words[age], ("%.4f" % z)[2:])
        head["NORM%d" % i] = flux[at]
    head["CRVAL1"], head["CDELT1"], head["CRPIX1"], head["WAVENORM"] = 2003.0, 1.5, 3.0, 5500.0
    image = fits.PrimaryHDU(np.array(rows), header=head)
    with gzip.open(str(path), "wb") as stream:
        image.writeto(stream)


def test_pypipe3d(tmp_path):
    name = tmp_path / "MaStar_CB19.slog_1_5.fits.gz"
    pypipe3d(name)
    read, text = convert("pypipe3d", name, tmp_path / "x.hdf5")
    same_light(read, PIPE_WAVE)
    assert "Salpeter" in read["IMF"] and "vacuum" in text and "R = 1800" in text
    assert within(read["LsfFwhm"], PIPE_WAVE / 1800.0, rtol=1e-9)
    pypipe3d(tmp_path / "mine.fits.gz")
    refused(2, "do not state the medium", "pypipe3d", tmp_path / "mine.fits.gz", tmp_path / "y.hdf5")
    pypipe3d(name, names=("ssp-%s-%s",))
    refused(3, "must be like spec_ssp", "pypipe3d", name, tmp_path / "y.hdf5")


# ---- Maraston ------------------------------------------------------------------------------------
def m11(folder, z_word, age, z, ages=None, extra="", head=()):
    wave = 3500.0 + 0.9 * np.arange(4367)
    flux = light(z, age, wave) * LSUN * ((wave > 3560) | (age < 5))
    hdu = fits.PrimaryHDU(flux)
    hdu.header.update({"CRVAL1": 3500.0, "CDELT1": 0.9, "CRPIX1": 1, "FWHM": 2.54, "AGE": age})
    hdu.writeto(str(folder / ("M11_MILES_res2.54_imf_ss_age_%.7f_z_%s%s.fits" % (age, z_word, extra))))
    return wave


def test_m11(tmp_path):
    for z_word, z, ages in (("0.02", 0.02, (0.1, 1.0, 10.0)), ("0.04", 0.04, (1.0, 10.0))):
        for age in ages:
            wave = m11(tmp_path, z_word, age, z)
    m11(tmp_path, "0.02", 10.0, 0.02, extra="_s")
    read, text = convert("m11", tmp_path, tmp_path / "x.hdf5")
    keep = (wave > 3560) & (wave <= 7400)
    same_light(read, wave[keep], zs=(0.02, 0.04), ages=(1.0, 10.0), air=True)
    assert "1 of 3 ages (0.1 to 0.1 Gyr) are left out" in text and within(read["LsfFwhm"], 2.54, rtol=3e-4)
    assert read["IMF"].startswith("Salpeter")
    (tmp_path / "M11_STELIB_res3.40_imf_ss_age_1.0_z_0.02.fits").write_bytes(b"")
    refused(3, "differs in stellar library", "m11", tmp_path, tmp_path / "y.hdf5")


def mastar(folder, age, zh, flux, resolution):
    hdus = fits.HDUList([fits.PrimaryHDU(flux), fits.ImageHDU(resolution, name="SRES")])
    hdus[0].header.update({"CTYPE1": "WAVE-LOG", "CRPIX1": 1, "CRVAL1": 3.5589, "CDELT1": 1e-4})
    hdus.writeto(str(folder / ("MaStar-SSP-A%06.3f-Z%+.2f.fits.gz" % (age, zh))))


def test_a_normalised_library_is_refused_or_marked(tmp_path):
    wave = 10 ** (3.5589 + 1e-4 * np.arange(4562))
    resolution = 1500.0 + 0.1 * (wave - 3600)
    for age in (1.0, 9.0):
        for zh in (-0.33, 0.0):
            mastar(tmp_path, age, zh, light(0.02, age, wave) / light(0.02, age, wave)[2000], resolution)
    refused(3, "normalised", "mastar", tmp_path, tmp_path / "x.hdf5")
    read, text = convert("mastar", "--accept-normalised", tmp_path, tmp_path / "x.hdf5")
    assert within(read["Wavelength"], wave, rtol=1e-12) and within(read["LsfFwhm"], wave / resolution, rtol=1e-12)
    assert within(read["Metallicity"], [0.02 * 10 ** -0.33, 0.02], rtol=1e-5)
    assert read["Demo"] == 1 and "NORMALISED" in read["Name"] and "NORMALISED LIBRARY" in text and "normalised?" in text
    assert "shapes only" in run("info", tmp_path / "x.hdf5")[1]
    shape = read["Luminosity"][0, 1] / light(0.02, 9.0, wave)
    assert within(shape, shape[0], rtol=1e-5)


def test_real_mastar_resolution(tmp_path):
    folder = harness.shared("data/ssp/mastar_ssp_v1.0")
    read, _ = convert("mastar", "--accept-normalised", folder, tmp_path / "x.hdf5")
    with fits.open(os.path.join(str(folder), sorted(os.listdir(str(folder)))[0])) as hdus:
        del hdus
    for at, resolution in ((4000, 1536), (5500, 1845), (7000, 1897), (9000, 2369)):
        assert np.interp(at, read["Wavelength"], read["Wavelength"] / read["LsfFwhm"]) == pytest.approx(resolution,
                                                                                                        rel=2e-3)
    assert read["Luminosity"].shape == (6, 9, 4562)


def test_mpajhu(tmp_path):
    wave = 3326.0 + np.arange(5969)
    for z in Z:
        for age in AGES[1:]:
            hdu = fits.PrimaryHDU(light(z, age, wave))
            hdu.header.update({"Z": z, "AGE": age, "FWHM": 2.3, "CRPIX1": 1, "CRVAL1": 3326.0, "CDELT1": 1.0})
            hdu.writeto(str(tmp_path / ("BC03_z%.3f_a%06.3f.fits" % (z, age))))
    read, text = convert("mpajhu", tmp_path, tmp_path / "x.hdf5")
    same_light(read, wave, ages=AGES[1:], air=True)
    assert within(read["LsfFwhm"], 2.3, rtol=3e-4) and "Chabrier 2003 is assumed" in text


# ---- units that are wrong by factors -------------------------------------------------------------
@pytest.mark.parametrize("factor, say",
                         [(1.0, None), (1e6, "10^6 solar masses"), (LSUN, "Lsun applied twice"),
                          (1 / LSUN, "Lsun not applied"),
                         (1e-11, "per Hz"), (10.0, "per nm"), (2.6, "times what real libraries have")])
def test_info_flags_wrong_units(tmp_path, factor, say):
    ppxf(tmp_path / "f.npz")
    convert("ppxf", "--medium", "vacuum", "--z-sun", "0.019", "--imf", "Salpeter", tmp_path / "f.npz",
            tmp_path / "x.hdf5")
    with h5py.File(str(tmp_path / "x.hdf5"), "r+") as f:
        values = f["Luminosity"][()].astype(float) * factor
        about = dict(f["Luminosity"].attrs)
        del f["Luminosity"]
        f["Luminosity"] = values
        f["Luminosity"].attrs.update(about)
    code, out, _ = run("info", tmp_path / "x.hdf5")
    assert code == 0 and "sanity" in out and "E-MILES" in out
    assert ("WARNING" in out) == (say is not None) and (say is None or say in out), out


@pytest.mark.parametrize("medium, stated, say",
                         [("vacuum", "vacuum", None), ("air", "air", None), ("air", "vacuum", "--medium air"),
                         ("vacuum", "air", "in vacuum before")])
def test_info_flags_air_that_was_taken_for_vacuum(tmp_path, medium, stated, say):
    """Lines that are 82 km/s off; the real libraries of this test's neighbours have less than 10."""
    places = np.array([4862.69, 5174.13, 6564.61, 8544.44])                     # vacuum
    wave = vacuum(PPXF_WAVE) if medium == "air" else PPXF_WAVE
    dips = 1 - 0.5 * np.exp(-0.5 * ((wave[:, None] - places) / 1.2) ** 2).sum(axis=1)
    ppxf(tmp_path / "f.npz",
         templates=np.array([[light(z, age, PPXF_WAVE) * dips for z in Z] for age in AGES]).transpose(2, 0, 1))
    code, _, text = run("convert", "ppxf", "--medium", stated, "--z-sun", "0.019", "--imf", "Salpeter",
                        tmp_path / "f.npz",
                        tmp_path / "x.hdf5")
    assert code == 0 and ("warning" in text) == (say is not None) and (say is None or say in text), text
    out = run("info", tmp_path / "x.hdf5")[1]
    shift = float(out.split("lines         ")[1].split()[0])
    assert abs(shift - {None: 0, "--medium air": -82, "in vacuum before": 82}[say]) < 5


@pytest.mark.parametrize("power, say", [(0.0, "normalised?"), (-1.6, "ages in another unit?")])
def test_info_flags_light_that_does_not_fade_as_populations_do(tmp_path, power, say):
    ppxf(tmp_path / "f.npz",
         templates=np.array([[2e-5 * (age / 10) ** power * np.ones(PPXF_WAVE.size) for z in Z]
                             for age in AGES]).transpose(2, 0, 1))
    code, _, text = run("convert", "ppxf", "--medium", "vacuum", "--z-sun", "0.019", "--imf", "Salpeter",
                        tmp_path / "f.npz",
                        tmp_path / "x.hdf5")
    assert code == 0 and say in text
