#!/usr/bin/env python3
"""build.py SOURCE OUT VERSION HEADER... -- the site of CUBIX in OUT/html: `make html` calls it.

What is read is staged in OUT/source: a copy of the documents and of what they link to, and pages of the C interface, a page for
each room, with what Doxygen finds in the installed headers.  Warnings, such as a link that leads nowhere, are errors.
Nothing is installed: what is missing is said."""
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENTS = "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "COPYING", "doc", "packaging", "python", \
            "examples", "tests", "scripts", "parameterfiles", "src", "mpi", "cuda"
NOT_READ = "*.o", "*.a", "*.so", "*.trs", "*.log", ".*", "__pycache__", "build"


def check_tools():
    modules = {"sphinx": "sphinx", "myst_parser": "myst-parser", "furo": "furo", "breathe": "breathe"}
    missing = [package for module, package in modules.items() if find_spec(module) is None]
    if missing:
        sys.exit(f"make html: {sys.executable} lacks {', '.join(missing)}: {sys.executable} -m pip install -r "
                 f"{HERE / 'requirements.txt'}; or name another Python, as in: make html PYTHON=venv/bin/python")
    if not shutil.which("doxygen"):
        sys.exit("make html: doxygen is not in the PATH: apt-get install doxygen, or as your system has it")


def doxygen(source, out, headers):
    """The XML of the headers, in whose index they have their paths: Breathe knows them by these."""
    settings = (HERE / "Doxyfile").read_text()
    settings += "INPUT = " + " ".join(f'"{source / h}"' for h in headers if h.endswith(".h")) + "\n"
    settings += f'OUTPUT_DIRECTORY = "{out}"\nXML_OUTPUT = doxygen\nINCLUDE_PATH = "{source / "src"}" "{source}"\n'
    settings += f'INPUT_FILTER = "sed -E -f {HERE / "comments.sed"}"\n'
    subprocess.run(["doxygen", "-"], input=settings, text=True, check=True)
    index = xml.parse(out / "doxygen/index.xml")
    for file in index.iterfind("compound[@kind='file']"):
        compound = xml.parse(out / "doxygen" / (file.get("refid") + ".xml"))
        file.find("name").text = compound.find("compounddef/location").get("file")
    # an enumeration without a name: "@0" is what Breathe knows it by, and what Doxygen called it up to 1.9.4
    for page in (out / "doxygen").glob("*_8h.xml"):
        text = page.read_text(encoding="utf-8")
        named = re.sub(r'(<memberdef kind="enum"[^>]*>\s*<type></type>\s*)<name></name>', r"\1<name>@0</name>", text)
        if named != text:
            page.write_text(named, encoding="utf-8")
    index.write(out / "doxygen/index.xml")


def what_it_says(header):
    """The first comment of a header, behind its name, as paragraphs."""
    comment = re.match(r"/\*\*?(.*?)\*/", header.read_text(), re.S)
    lines = [re.sub(r"^ ?\* ?", "", line).strip() for line in comment[1].strip().splitlines()] if comment else []
    lines[:1] = [re.sub(r"^\S+ -- ", "", lines[0])] if lines else []
    text = "\n".join(lines)
    return re.sub(r"([*_<>\[\]`|\\])", r"\\\1", text[:1].upper() + text[1:])


def interface(source, stage, headers):
    """A page for each room of headers: what each says of itself, then what Doxygen found in it."""
    (stage / "api").mkdir()
    rooms = [(room, list(files)) for room, files in groupby(sorted(h for h in headers if h.endswith(".h")),
                                                            lambda h: str(Path(h).parent))]
    for room, files in rooms:
        name = room.replace("/", "-")
        text = [f"# {room}\n"]
        for header in files:
            shown = header.removeprefix("src/")
            shown = shown if shown.count("/") else f"cubix/{shown}"
            text += [f"## {shown}\n", what_it_says(source / header) + "\n",
                     f"```{{doxygenfile}} {header}\n```\n"]
        (stage / "api" / f"{name}.md").write_text("\n".join(text))
    shutil.copy(HERE / "api.md", stage / "api" / "index.md")


def stage_documents(source, stage):
    for name in DOCUMENTS:
        if (source / name).is_dir():
            shutil.copytree(source / name, stage / name, ignore=shutil.ignore_patterns(*NOT_READ))
        else:
            shutil.copy(source / name, stage / name)
    shutil.copy(HERE / "index.md", stage / "index.md")


def main():
    source, out, version, *headers = sys.argv[1:]
    source, out = Path(source).resolve(), Path(out).resolve()
    check_tools()
    stage = out / "source"
    for folder in stage, out / "doxygen", out / "doctrees", out / "html":
        shutil.rmtree(folder, ignore_errors=True)
    stage.mkdir(parents=True)
    stage_documents(source, stage)
    doxygen(source, out, headers)
    interface(source, stage, headers)
    done = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(HERE), "-b", "html",
                           "-d", str(out / "doctrees"), str(stage), str(out / "html")],
                          env={**os.environ, "CUBIX_VERSION": version, "CUBIX_DOXYGEN": str(out / "doxygen")})
    if done.returncode == 0:
        print(f"the site is in {out / 'html' / 'index.html'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
