"""conf.py -- Sphinx for the site of CUBIX; build.py stages what it reads and calls it."""
import os
import re
from pathlib import Path

project = "CUBIX"
author = "The CUBIX maintainers"
release = version = os.environ["CUBIX_VERSION"]
extensions = ["myst_parser", "breathe"]
breathe_projects = {"cubix": os.environ["CUBIX_DOXYGEN"]}
breathe_default_project = "cubix"
breathe_domain_by_extension = {"h": "c"}
breathe_default_members = ("members", "undoc-members")
breathe_show_include = False
primary_domain = "c"
highlight_language = "text"
include_patterns = ["index.md", "api/*.md", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "doc/*.md",
                    "doc/benchmarks/*.md", "packaging/README.md", "python/README.md", "examples/**/README.md"]
myst_heading_anchors = 4
suppress_warnings = ["duplicate_declaration.c"]    # a structure and a variable of one name
html_theme = "furo"
html_title = f"CUBIX {release}"
html_show_copyright = False
html_copy_source = False


LINK = re.compile(r"(?<!!)\[([^]\n]+)\]\(([^)#:\s]+)\)")


def folders(app, docname, source):
    """A link to a folder leads to the page in it; where it has none, the name stands as text."""
    here = Path(app.env.doc2path(docname)).parent

    def place(link):
        text, to = link.groups()
        if not (here / to).is_dir():
            return link[0]
        return f"[{text}]({to}/README.md)" if (here / to / "README.md").exists() else text
    source[0] = LINK.sub(place, source[0])


def setup(app):
    app.connect("source-read", folders)
