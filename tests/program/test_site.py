"""The documents as a whole: links lead somewhere, every page stands in the site's navigation, and the site builds (make html)."""
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from harness import BUILD, SOURCE

SITE = SOURCE / "doc/site"
PAGES = [p for pattern in ("*.md", "doc/*.md", "doc/benchmarks/*.md", "packaging/*.md", "python/*.md", "examples/**/*.md",
                           "src/*/README.md", "mpi/*/README.md", "cuda/README.md", "tests/**/README.md")
         for p in sorted(SOURCE.glob(pattern))]
LINK = re.compile(r"\[(?:[^]\\]|\\.)*\]\(([^)\s]+)\)")


def text_of(page):
    """Without fenced code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M)


def anchors(page):
    """Those that GitHub and MyST make of headings."""
    heads = re.findall(r"^#+ +(.*)", text_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_links_of_a_page_lead_somewhere(page):
    for link in LINK.findall(text_of(page)):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("http", "https", "mailto"), link
            continue
        to = page.parent / unquote(parts.path) if parts.path else page
        assert to.exists(), f"{page}: {link}"
        if parts.fragment:
            assert parts.fragment in anchors(to), f"{page}: {link}: {sorted(anchors(to))}"


def test_there_are_links():
    assert len(PAGES) > 40 and sum(len(LINK.findall(text_of(p))) for p in PAGES) > 150


def test_every_page_is_in_the_navigation():
    """A page that doc/site/index.md does not name would be found by nobody."""
    named = set(re.findall(r"^(?:.*<)?([\w./-]+?)>?$", (SITE / "index.md").read_text(), re.M))
    for page in [*SOURCE.glob("doc/*.md"), *SOURCE.glob("examples/**/README.md")]:
        assert str(page.relative_to(SOURCE).with_suffix("")) in named, f"{page}: name it in doc/site/index.md"


def test_what_is_missing_is_said(tmp_path):
    done = subprocess.run([sys.executable, "-I", "-S", str(SITE / "build.py"), str(SOURCE), str(tmp_path), "0.1.0"],
                          text=True, capture_output=True)
    assert done.returncode == 1
    for word in ("sphinx", "myst-parser", "furo", "breathe", "pip install -r", "requirements.txt"):
        assert word in done.stderr
    assert not any(tmp_path.iterdir())


class Links(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.to, self.ids = [], set()
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.to += [attributes[key] for key in ("href", "src") if attributes.get(key)]
        self.ids.add(attributes.get("id"))


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    missing = [name for name in ("sphinx", "myst_parser", "furo", "breathe") if find_spec(name) is None]
    missing += [] if shutil.which("doxygen") else ["doxygen"]
    if missing:
        pytest.skip(f"the site needs {', '.join(missing)}: doc/site/requirements.txt")
    out = tmp_path_factory.mktemp("site")
    headers = subprocess.run(["make", "-s", "--no-print-directory", "-f", "Makefile", "-f", "-", "print-headers"], text=True,
                             input="print-headers: ; @echo $(public_headers)", cwd=BUILD, capture_output=True).stdout.split()
    assert len(headers) > 50
    done = subprocess.run([sys.executable, str(SITE / "build.py"), str(SOURCE), str(out), "0.1.0", *headers], text=True,
                          capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr        # a warning is an error
    return out / "html"


def test_the_site_has_its_pages_and_their_links_lead_somewhere(html):
    pages = {page: Links(page) for page in html.rglob("*.html")}
    assert len(pages) > 50
    for page, links in pages.items():
        for link in links.to:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            to = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert to.exists(), f"{page}: {link}"
            if parts.fragment and to in pages:
                assert unquote(parts.fragment) in pages[to].ids, f"{page}: {link}"


def test_the_site_has_the_interface_and_can_be_searched(html):
    chain = (html / "api/mpi-pipeline.html").read_text()
    assert "cubix_mpi_chain_open" in chain and "a leaf on which the cube does not depend" in chain
    assert "arcsec east, arcsec north" in (html / "api/src-instrument.html").read_text()      # a comment behind a member
    index = (html / "searchindex.js").read_text()
    index = json.loads(index[index.index("(") + 1:index.rindex(")")])
    for word in ("muse", "inclin", "cubix_mpi_chain_open"):
        assert any(word in key.lower() for key in (*index["terms"], *index["titleterms"], *map(str, index["objects"].get("", ()))) ), word
