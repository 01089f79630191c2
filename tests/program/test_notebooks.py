"""examples/notebooks: kept without outputs, and run from first to last cell, through nbclient where it is there, else as a script;
what they print is what they should find."""
import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from harness import BUILD, SOURCE, environment, for_python, program, within

NOTEBOOKS = SOURCE / "examples/notebooks"
JUPYTER = all(find_spec(name) for name in ("nbclient", "nbformat", "ipykernel"))
RUN = """
import nbclient, nbformat, sys
book = nbformat.read(sys.argv[1], 4)
nbformat.validate(book)
nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
for cell in book.cells:
    for output in cell.get("outputs", ()):
        print(output.get("text", ""), end="")
"""


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.name)
def test_is_kept_clean(path):
    book = json.loads(path.read_text())
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5) and set(book["metadata"]) == {"kernelspec", "language_info"}
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"]) and book["cells"][0]["source"][0].startswith("# ")
    for cell in book["cells"]:
        assert cell["metadata"] == {}
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)
    assert f"({path.name})" in (NOTEBOOKS / "README.md").read_text()


def cells(name, kind):
    return ["".join(cell["source"]) for cell in json.loads((NOTEBOOKS / name).read_text())["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\(([^)]+)\)", "\n".join(cells(path.name, "markdown")))
    assert links
    for link in links:
        assert link.startswith("https://") or (NOTEBOOKS / link).exists(), link


def execute(name, folder):
    """What the cells print."""
    pytest.importorskip("matplotlib")
    bin_ = folder / "bin"
    bin_.mkdir()
    for path in (program("cubix"), program("cubix-mock"), SOURCE / "scripts/cubix-ssp"):
        (bin_ / Path(path).name).symlink_to(path)
    env = environment(1, {"PATH": f"{bin_}:{Path(sys.executable).parent}:{os.environ['PATH']}", "MPLBACKEND": "Agg",
                          "PYTHONPATH": str(SOURCE / "python"), "PYTHONDONTWRITEBYTECODE": "1", "OPENBLAS_NUM_THREADS": "1",
                          "CUBIX_LIBRARY": str(BUILD / "libcubix.so"), "IPYTHONDIR": str(folder / "ipython"),
                          "JUPYTER_RUNTIME_DIR": str(folder / "jupyter"), "JUPYTER_CONFIG_DIR": str(folder / "jupyter")})
    words = [sys.executable, "-c", RUN, str(NOTEBOOKS / name)]
    if not JUPYTER:
        (folder / "cells.py").write_text("\n".join(cells(name, "code")))
        words = [sys.executable, "cells.py"]
    done = subprocess.run(words, cwd=folder, env=env, text=True, capture_output=True, timeout=500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_a_first_cube(tmp_path):
    said = execute("first-cube.ipynb", tmp_path)
    assert (tmp_path / "first-maps.png").stat().st_size > 10000
    with np.load(tmp_path / "first-spectrum.npz") as file:
        ratio = np.diff(np.log(file["lam"]))
        assert within(ratio, float(file["velscale"]) / 299792.458, rtol=1e-9)
        assert all(len(file[key]) == len(file["lam"]) and file[key].min() > 0 for key in ("galaxy", "noise", "fwhm"))
        assert 2.2 < np.median(file["fwhm"]) < 3.2            # MUSE's, at rest
    assert float(re.search(r"median S/N of a channel: (\S+)", said)[1]) > 60
    found = re.search(r"fit: (\S+) \+- (\S+) km/s, dispersion (\S+) .*truth map: (\S+)", said)
    if not found:
        assert "pip install ppxf" in said and not find_spec("ppxf")
        return
    v, error, sigma, truth = map(float, found.groups())
    assert abs(v - truth) < 4 and 0 < error < 2 and 40 < sigma < 80, said


def test_gradient_and_inference(tmp_path):
    if not for_python():
        pytest.skip("no libcubix.so that Python can load")
    said = execute("gradient.ipynb", tmp_path)
    slopes = re.findall(r"^d chi2 / d (\w+) +(\S+) +by differences +(\S+)", said, re.M)
    assert len(slopes) == 3
    for name, exact, other in slopes:
        assert abs(float(exact) / float(other) - 1) < 1e-3, said
    fit = re.findall(r"^(\w+) +(\S+) \+- (\S+) +truth (\S+)", said, re.M)
    assert [row[0] for row in fit] == [row[0] for row in slopes]
    for name, value, error, truth in fit:
        assert abs(float(value) - float(truth)) < 4 * float(error) < 0.2, said
    ratios = np.array(re.search(r"errors of the fit: \[(.*)\]", said)[1].split(), float)
    assert ratios.shape == (3,) and ratios.min() > 0.7 and ratios.max() < 1.4, said
