"""Every command of every page is run, here or by another test, or is excused with a reason: page_rules.py says which."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import BUILD, SOURCE, environment, for_python, program
from program.page_rules import EVERYWHERE, RULES

# of CHANGELOG.md only the newest is true
PAGES = sorted({str(p.relative_to(SOURCE)) for pattern in ("README.md", "CONTRIBUTING.md", "doc/**/*.md", "examples/*/README.md",
                                                           "packaging/README.md", "python/README.md", "src/*/README.md",
                                                           "mpi/*/README.md", "cuda/README.md", "tests/**/README.md")
                for p in SOURCE.glob(pattern)})
PROGRAM = re.compile(r"(?:cubix(?:-\w+)*|mpirun|srun|make|man|pip|jupyter|python3?|cc|mpi(?:cc|cxx|fort)|mkdir|spack|conda|"
                     r"docker|apptainer|eb|(?:\.\./|\./)*(?:scripts|examples|build)/\S+|(?:\.\./)+configure)(?= |$)")
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```", re.S | re.M)
INDENTED = re.compile(r"(?<=\n\n)((?: {4}\S.*\n)(?: {4}.*\n|\n(?= {4}))*)")


def lines_of(block):
    """The commands of a block of shell: continued lines joined, comments and a column of explanations gone."""
    for line in block.replace("\\\n", " ").splitlines():
        line = re.sub(r"\s+#.*| {3,}.*", "", re.sub(r"(?<=\S)  +(?=-|[A-Z]\w+=)", " ", line.strip()))
        if line and not line.startswith("#"):
            yield line


def items(page):
    """(kind, text) in the order of the page: kind shell, or what stands behind the fence."""
    text, found = (SOURCE / page).read_text(), []
    for m in FENCED.finditer(text):
        kind, block = m[1], m[2]
        if not kind and PROGRAM.match(block.lstrip()):
            found += [(m.start(), "shell", line) for line in lines_of(block)]
        elif not kind.startswith("{"):                       # Sphinx' own
            found.append((m.start(), kind or "text", block))
    text = FENCED.sub(lambda m: re.sub(r"[^\n]", "x", m[0]), text)
    for m in INDENTED.finditer(text):
        block = re.sub(r"^ {4}", "", m[1], flags=re.M)
        found += [(m.start(), "shell", line) for line in lines_of(block)] if PROGRAM.match(block) else [(m.start(), "text", block)]
    text = INDENTED.sub(lambda m: re.sub(r"[^\n]", "x", m[0]), text)
    found += [(m.start(), "shell", " ".join(m[1].split())) for m in re.finditer(r"`([^`]+)`", text)
              if PROGRAM.match(m[1]) and " " in m[1].strip()]
    return [item[1:] for item in sorted(found, key=lambda item: item[0])]


def verdict(page, text):
    for pattern, what in RULES.get(page, []) + EVERYWHERE:
        if re.search(pattern, text):
            return what
    return None


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_passed_over(page):
    for kind, text in items(page):
        assert verdict(page, text), f"{page}: neither run nor excused:\n{text}\n(page_rules.py says what can be done)"


@pytest.mark.parametrize("page", PAGES)
def test_no_rule_is_left_over(page):
    texts = [text for _, text in items(page)]
    rules = RULES.get(page, [])
    for k, (pattern, what) in enumerate(rules):
        assert any(re.search(pattern, text) and not any(re.search(earlier, text) for earlier, _ in rules[:k])
                   for text in texts), f"{page}: {pattern!r} ({what}) is the rule of nothing"


def test_pages_and_items():
    assert set(RULES) <= set(PAGES) and len(PAGES) > 80
    assert sum(len(items(page)) for page in PAGES) > 230
    assert items("doc/installing.md")[0] == ("shell", "scripts/quickstart.sh")
    assert ("shell", "cubix a.param OutputFile=m.fits Deposit=tsc Psf=moffat PsfFwhm=1.8 Mode=gradient ObservedFile=observed.fits "
            "Parameters=mass,age,PsfFwhm") in items("doc/gradients.md")


HEADERS = "\n".join(p.read_text() for room in ("src", "mpi") for p in (SOURCE / room).rglob("*.h")) + \
    (SOURCE / "mpi/insitu/cubix.f90").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_what_others_do(page):
    """Tests that are named are there and speak of it; functions are declared; options and targets exist."""
    for kind, text in items(page):
        what = verdict(page, text) or ""
        if what.startswith("test "):
            _, file, word = what.split(" ", 2)
            assert word in (SOURCE / "tests" / file).read_text(), what
        elif what == "functions":
            for name in re.findall(r"\bcubix_\w+(?=\()", text):
                assert re.search(rf"\b{name}\b", HEADERS), f"{page}: {name}"
        elif what == "target":
            assert re.search(rf"^(?:\.PHONY: .*)?{text.split()[1]}\b.*:|^\.PHONY:.*\b{text.split()[1]}\b",
                             (BUILD / "Makefile").read_text(), re.M), text
        elif what == "options":
            name, *words = text.split()
            place = BUILD / name if (BUILD / name).exists() else SOURCE / "scripts" / name
            done = subprocess.run([*([] if place.parent == BUILD else [sys.executable]), str(place), "--help"], text=True,
                                  capture_output=True, env=environment(1))
            assert done.returncode == 0, done.stderr
            more = "".join(re.findall(r"add_argument\((.*)", "\n".join(p.read_text() for p in
                                      (SOURCE / "scripts" / name.replace("-", "_")).glob("*.py"))))
            for word in words:
                assert word.split("=")[0] in done.stdout + more, f"{page}: {text}"


# ---- what is run here ----------------------------------------------------------------------------

SMALL = {"FieldOfView": "1.6", "LambdaMin": "5000", "LambdaMax": "5040"}
FILES = """InputFile galaxy.hdf5
SspFile ssp.hdf5
OutputFile cube.fits
"""
PARAMETERS = FILES + """Redshift 0.02
Instrument MUSE
Orientation inclined
Inclination 50
"""
# what a page's commands, and its Python, take for granted
FIRST = {"doc/python.md": "cubix-extract galaxy.param InputFile=cutout.hdf5 OutputFile=stars.hdf5 && mv stars.hdf5 galaxy.hdf5",
         "doc/running.md": "cubix muse.param FieldOfView=2 LambdaMin=5000 LambdaMax=5040 OutputFile=muse.fits"}
BEFORE = {
    "doc/formats.md": "import h5py, numpy as np\nx = np.random.default_rng(1)\npos, vel = x.normal(0, 1, (2, 50, 3))\n"
                      "formed, mass, age, z = np.full((4, 50), [[1e5], [6e4], [3], [0.02]])\n",
    "doc/python.md": "SMALL, observed, variance = {'LambdaMin': 5000, 'LambdaMax': 5040}, 0.0, 1.0\n",
}
# Python that would take long here: what is put in its place
SHORTER = [(r"\(1000, 2\)", "(3, 2)"), (r"range\(1000\)", "range(4)"), (r"\"FieldOfView\": 10,", '"FieldOfView": 2, **SMALL,'),
           (r"cubix\.Chain\(\"muse\.param\",", 'cubix.Chain("muse.param", FieldOfView=2, LambdaMin=5000, LambdaMax=5040,')]


def small(words):
    """The command, with fewer stars, ranks and channels."""
    text = re.sub(r"-np \d+", "-np 2", words)
    text = re.sub(r" --(map-by|bind-to) \S+", "", text)
    text = re.sub(r"--stars \S+", "--stars 3000", text)
    text = re.sub(r"--gas [1-9]\S*", "--gas 500", text)
    if re.search(r"\bcubix(-batch)? .*(\.param|-usedvalues)\b", text) and "usedvalues" not in text:
        text += "".join(f" {name}={value}" for name, value in SMALL.items()
                        if f" {name}=" not in text and not (name == "FieldOfView" and "Sampling=fibres" in text))
    return text


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A folder as a user has it who followed the page so far."""
    pytest.importorskip("matplotlib")
    program("cubix")
    folder = tmp_path_factory.mktemp("pages")
    bin_ = folder / "bin"
    bin_.mkdir()
    for path in [*BUILD.glob("cubix*"), *(SOURCE / "scripts").glob("cubix-*")]:
        if path.is_file() and os.access(path, os.X_OK):
            (bin_ / path.name).symlink_to(path)
    if os.environ.get("CUBIX_MPIRUN"):
        (bin_ / "mpirun").symlink_to(os.environ["CUBIX_MPIRUN"])
    world = environment(1, {"PATH": f"{bin_}:{Path(sys.executable).parent}:{os.environ['PATH']}", "MPLBACKEND": "Agg",
                            "PYTHONPATH": str(SOURCE / "python"), "PYTHONDONTWRITEBYTECODE": "1",
                            "CUBIX_LIBRARY": str(BUILD / "libcubix.so")})
    work = folder / "made"
    work.mkdir()
    sh("cubix-mock --stars 3000 --gas 500 --seed 1 galaxy.hdf5 && cubix-ssp demo ssp.hdf5", work, world)
    shutil.copy(work / "galaxy.hdf5", work / "cutout.hdf5")
    shutil.copy(work / "ssp.hdf5", work / "bc03.hdf5")
    for name in ("my", "muse", "galaxy", "a"):
        (work / f"{name}.param").write_text(PARAMETERS)
    return work, world


def sh(words, cwd, env):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", words], cwd=cwd, env=env, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, f"{words}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
    return done


def python(page, blocks, cwd, env):
    """A page's Python, block by block, each on top of those before it."""
    text = BEFORE.get(page, "") + "\n".join(blocks)
    for pattern, instead in SHORTER:
        text = re.sub(pattern, instead, text)
    done = subprocess.run([sys.executable, "-c", text], cwd=cwd, env=env, text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, f"{page}\n{text}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("page", [page for page in PAGES if any(verdict(page, text) == "run" for _, text in items(page))])
def test_commands_of(page, prepared, tmp_path):
    work, world = prepared
    cwd = tmp_path / "source" / "empty"                      # as of a source tree, for what says ../
    shutil.copytree(work, cwd, symlinks=True)
    for name in ("scripts", "examples"):
        (cwd.parent / name).symlink_to(SOURCE / name)
    (cwd.parent / "build").mkdir()
    (cwd.parent / "build/mine").symlink_to(BUILD)
    sh(FIRST.get(page, ":"), cwd, world)
    blocks, can = [], for_python() or not any("cubix.Chain" in text for _, text in items(page))
    for kind, text in items(page):
        what = verdict(page, text)
        if what.startswith("file "):
            (cwd / what.split()[1]).write_text(text)
        elif what == "run" and kind == "python":
            lacks = [name for name in ("torch", "jax") if re.search(rf"\b{name}\b", text)
                     and subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True).returncode]
            if not lacks and can:
                blocks.append(text)
                python(page, blocks, cwd, world)
        elif what == "run":
            sh(small(text), cwd, world)
            if "--params=template" in text:                  # which the user fills in
                with open(cwd / "my.param", "a") as file:
                    file.write(FILES)
