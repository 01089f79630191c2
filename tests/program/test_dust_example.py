"""examples/dust, run small as a user runs it: the disc dims its stars, most where it is thickest, and its gas shines."""
import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

from harness import BUILD, SOURCE, environment, program


def example(folder, *words):
    done = subprocess.run([str(SOURCE / "examples/dust/run.sh"), *words], cwd=folder, text=True, capture_output=True,
                          timeout=400, env=environment(1, {"CUBIX_BIN": str(BUILD), "STARS": "60000", "GAS": "30000",
                                                           "CUBIX_PYTHON": str(Path(sys.executable))}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "dusty.png").stat().st_size > 50000
    with fits.open(folder / "dusty.fits") as hdus:
        return {hdu.name: hdu.data.astype(float) for hdu in hdus if hdu.is_image and hdu.data is not None}


def test_the_example(tmp_path):
    program("cubix")
    plain = example(tmp_path, "Dust=none", "BirthCloudTau=0")
    dusty = example(tmp_path)
    left = np.nansum(dusty["DATA"][:200]) / np.nansum(plain["DATA"][:200])
    assert 0.3 < left < 0.95
    assert 0.2 < np.nansum(dusty["LINE_Ha"]) / np.nansum(plain["LINE_Ha"]) < 0.9
    screen = np.where(dusty["MASS"] > 0, dusty["AV_L"], 0)
    assert np.isfinite(screen).all() and screen[60:65].max() > 0.5
    assert screen[60:65].mean() > 2 * np.r_[screen[30:45], screen[80:95]].mean()
    balmer = np.nansum(dusty["LINE_Ha"]) / np.nansum(dusty["LINE_Hb"])
    assert balmer > np.nansum(plain["LINE_Ha"]) / np.nansum(plain["LINE_Hb"]) > 2.8
