"""Sphinx: the pages of the repository as a site. `make site` builds it; see docs/site/index.rst."""

from __future__ import annotations

from pygments.lexers import PythonLexer, TextLexer
from sphinx.application import Sphinx

import blockscope

project = "blockscope"
author = "The blockscope developers"
version = release = blockscope.__version__
project_copyright = author

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
# The sources are the repository itself: the pages are read on a forge too, where they lie.
include_patterns = [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "frontend/README.md",
    "docs/**/*.md", "docs/*.md", "docs/site/*.rst",
]  # fmt: skip
root_doc = "docs/site/index"
nitpicky = False
html_theme = "furo"
html_title = f"blockscope {version}"
html_copy_source = False
html_show_sourcelink = False

myst_heading_anchors = 4  # as a forge gives them
myst_enable_extensions = ["colon_fence"]
suppress_warnings = ["myst.header"]  # the changelog's versions begin below a page's title

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_rtype = False


def setup(app: Sphinx) -> None:
    """Name the languages of blocks that Pygments does not know."""
    app.add_lexer("snakemake", PythonLexer)
    app.add_lexer("tsv", TextLexer)
