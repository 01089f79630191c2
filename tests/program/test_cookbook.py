"""doc/cookbook.md: its commands and parameters are those of examples/cookbook, whose recipes run, made small."""
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from harness import BUILD, SOURCE, environment, for_python, program

EXAMPLE = SOURCE / "examples/cookbook"
PAGE = (SOURCE / "doc/cookbook.md").read_text()
BLOCKS = re.findall(r"^```\n(.*?)^```", PAGE, re.S | re.M)
RECIPES = dict(re.findall(r"^(\w+)\(\)\n\{\n(.*?)^\}", (EXAMPLE / "run.sh").read_text(), re.S | re.M))


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_page_has_the_recipe(recipe):
    commands = [line.strip() for line in RECIPES[recipe].splitlines() if not line.strip().startswith("[ -e")]
    assert "\n".join(commands) + "\n" in BLOCKS
    if recipe != "inference":
        assert (EXAMPLE / f"{recipe}.param").read_text() in BLOCKS
    picture = SOURCE / f"doc/cookbook/{recipe}.png"
    assert f"(cookbook/{recipe}.png)" in PAGE and 5000 < picture.stat().st_size < 150000


def test_every_block_is_of_a_recipe():
    assert len(RECIPES) == 8 and len(BLOCKS) == 1 + 2 * 8 - 1
    assert {p.stem for p in EXAMPLE.glob("*.param")} == set(RECIPES) - {"inference"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("matplotlib")
    program("cubix")
    return tmp_path_factory.mktemp("cookbook")


def make(folder, recipe):
    if recipe == "gradient" and not for_python():
        pytest.skip("no libcubix.so that Python can load")
    done = subprocess.run([str(EXAMPLE / "run.sh"), recipe], cwd=folder, text=True, capture_output=True, timeout=400,
                          env=environment(1, {"CUBIX_BIN": str(BUILD), "CUBIX_PYTHON": str(Path(sys.executable)),
                                              "STARS": "20000", "GAS": "10000"}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / f"{recipe}.png").stat().st_size > 10000
    return done.stdout


def maps(path):
    with fits.open(path) as hdus:
        return {hdu.name: hdu.data.astype(float) for hdu in hdus if hdu.is_image and hdu.data is not None}


def test_disc(folder):
    make(folder, "disc")
    ranges = []
    for angle in (0, 45, 90):
        cube = maps(folder / f"disc-{angle}.fits")
        ranges.append(np.ptp(np.percentile(cube["VEL_L_OBS"][cube["LIGHT_OBS"] > 0.01 * cube["LIGHT_OBS"].max()], (5, 95))))
    assert ranges[0] < 60 < 150 < ranges[1] < ranges[2], ranges


def test_survey(folder):
    make(folder, "survey")
    cube = maps(folder / "survey.fits")
    good = cube["IVAR"] > 0
    pull = (cube["FLUX"] - cube["NOISEFREE"])[good] * np.sqrt(cube["IVAR"][good])
    assert abs(pull.std() - 1) < 0.01 and abs(pull.mean()) < 0.01


def test_distant(folder):
    make(folder, "distant")
    cube = maps(folder / "distant.fits")
    assert 2.86 < cube["LINE_Ha"].sum() / cube["LINE_Hb"].sum() < 20           # reddened by the dust in front


def test_blue(folder):
    make(folder, "blue")
    assert maps(folder / "blue.fits")["LINE_OII3730"].sum() > 0


def test_losvd(folder):
    make(folder, "losvd")
    cube = maps(folder / "losvd.fits")
    assert abs(20 * cube["LOSVD"].sum() / cube["LIGHT"].sum() - 1) < 1e-3       # no star is faster than LosvdMax


def test_halo(folder):
    make(folder, "halo")
    first, second = (maps(folder / f"halo_{k}.fits")["NSTAR"].sum() for k in (0, 1))
    assert abs(3 * second / first - 1) < 0.02                                  # every third star


def test_gradient(folder):
    said = make(folder, "gradient")
    assert float(re.search(r"from differences: (\S+)", said)[1]) < 0.02


def test_inference_without_sbi(folder):
    if not for_python():
        pytest.skip("no libcubix.so that Python can load")
    pytest.importorskip("matplotlib")
    done = subprocess.run([sys.executable, str(SOURCE / "examples/inference/inference.py"), "--abc", "--simulations", "240",
                           "--stars", "600"], cwd=folder, text=True, capture_output=True, timeout=400,
                          env=environment(1, {"CUBIX_LIBRARY": str(BUILD / "libcubix.so"), "PYTHONPATH": str(SOURCE / "python")}))
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.findall(r"truth +(\S+) +posterior +(\S+) \+- (\S+) +Fisher \+- (\S+)", done.stdout)
    assert len(found) == 2
    for truth, mean, spread, least in (map(float, row) for row in found):
        assert abs(mean - truth) < 5 * least and 0.5 * least < spread < 4 * least, done.stdout
