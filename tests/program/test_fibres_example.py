"""examples/fibres, run small as a user runs it: bins of many spaxels have the same S/N by spaxels and by fibres, single spaxels
do not, as fibres share their light and their noise among them."""
import importlib.util
import subprocess
import sys
from pathlib import Path

from harness import BUILD, SOURCE, environment, program

HERE = SOURCE / "examples/fibres"


def test_the_example(tmp_path):
    program("cubix")
    done = subprocess.run([str(HERE / "run.sh")], cwd=tmp_path, text=True, capture_output=True, timeout=400,
                          env=environment(1, {"CUBIX_BIN": str(BUILD), "STARS": "30000",
                                              "CUBIX_PYTHON": str(Path(sys.executable))}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "fibres.png").stat().st_size > 30000
    spec = importlib.util.spec_from_file_location("picture", HERE / "picture.py")
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    spaxels, rebuilt = [picture.bins(*picture.cube(tmp_path / name)[:2]) for name in ("spaxels.fits", "fibres.fits")]
    assert rebuilt[0] > 2 * spaxels[0]
    at = picture.SIDES.index(6)
    assert abs(rebuilt[at] / spaxels[at] - 1) < 0.2
    assert spaxels[2] / spaxels[0] > 2.4 and rebuilt[2] / rebuilt[0] < 1.6
