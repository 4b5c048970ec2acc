"""HTML from the templates of this package: text is escaped, unknown names are errors."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from blockscope.figures import captions
from blockscope.io.counts import all_of, counted


class StaticPanel(NamedTuple):
    """A panel that is in its page as HTML, and what it adds to the facts about the run."""

    html: Markup
    summary: Mapping[str, str]


def as_html(template: str, **content: object) -> Markup:
    """Fill a template."""
    return Markup(_templates().get_template(template).render(article=captions.ARTICLE, **content))  # noqa: S704 - escaped


def script(name: str) -> Markup:
    """Return a script from the folder of the templates, to be put into a page as it is."""
    # By its name alone: a path would make every page depend on all files of the folder.
    text, *_ = _loader().get_source(_templates(), name)
    return Markup(text)  # noqa: S704 - our own file


def link(target: str | os.PathLike[str], page: str | os.PathLike[str]) -> str:
    """Return the address of a file relative to a page, so that both can be moved together."""
    relative = os.path.relpath(Path(target).absolute(), Path(page).absolute().parent)
    return quote(Path(relative).as_posix())


@functools.cache
def _loader() -> PackageLoader:
    return PackageLoader("blockscope.figures.page")


@functools.cache
def _templates() -> Environment:
    templates = Environment(
        loader=_loader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"counted": counted, "all_of": all_of}
    return templates
