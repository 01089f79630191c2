"""doc/tutorial.md: its commands are those of examples/kinematics/run.sh, which is run, and the fits find the truth."""
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import BUILD, SOURCE, environment, program

EXAMPLE = SOURCE / "examples/kinematics"
COMMAND = re.compile(r" *((?:cubix|cubix-mock|cubix-ssp|python3) .*)")
FITS = "manga-fit.txt", "muse-fit.txt"


def commands(path):
    return [m.group(1) for m in map(COMMAND.fullmatch, path.read_text().splitlines()) if m]


def test_the_page_has_the_commands_of_the_example():
    assert len(commands(EXAMPLE / "run.sh")) == 9
    assert commands(SOURCE / "doc/tutorial.md") == commands(EXAMPLE / "run.sh")


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    pytest.importorskip("ppxf", reason="pPXF is not installed: pip install ppxf")
    program("cubix")
    folder = tmp_path_factory.mktemp("kinematics")
    done = subprocess.run([str(EXAMPLE / "run.sh")], cwd=folder, text=True, capture_output=True, timeout=400,
                          env=environment(1, {"CUBIX_BIN": str(BUILD), "CUBIX_PYTHON": str(Path(sys.executable)),
                                              "OPENBLAS_NUM_THREADS": "1"}))
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: np.genfromtxt(folder / name, names=True) for name in FITS}


@pytest.mark.parametrize("name, bright", [(FITS[0], 23), (FITS[1], 103)], ids=["manga", "muse"])
def test_the_fit_finds_the_truth(fits, name, bright):
    row = fits[name]
    assert len(row) > 80 and np.ptp(row["VEL_L_OBS"]) > 180 and np.ptp(row["SIG_L_OBS"]) > 20
    top = row[row["snr"] > 80]
    assert abs(len(top) - bright) <= 0.1 * bright
    v, sigma = top["v"] - top["VEL_L_OBS"], top["sigma"] - top["SIG_L_OBS"]
    assert abs(v.mean()) < 1 and v.std() < 2.5 and abs(v).max() < 8
    assert abs(sigma.mean()) < 3 and sigma.std() < 3
    middle = row[(row["snr"] > 40) & (row["snr"] < 80)]
    for fit, truth, error in (("v", "VEL_L_OBS", "v_error"), ("sigma", "SIG_L_OBS", "sigma_error")):
        pull = (middle[fit] - middle[truth]) / middle[error]
        assert abs(pull.mean()) < 0.5 and 0.6 < pull.std() < 1.6, (fit, pull.mean(), pull.std())


def test_the_truth_is_that_seen_through_the_psf(fits):
    """Under MaNGA's PSF the stars of a bin alone have other velocities."""
    row = fits[FITS[0]]
    seen, raw = (np.std((row["v"] - row[name])[row["snr"] > 80]) for name in ("VEL_L_OBS", "VEL_L"))
    assert raw > 4 * seen
