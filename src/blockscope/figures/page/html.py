"""HTML from the templates beside this file: text escaped, unknown names refused."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from blockscope.figures import captions
from blockscope.io.atomic_files import atomic_write_text


def write_html(path: str | os.PathLike[str], template: str, **content: object) -> None:
    """Fill a template and write the page, whole or not at all."""
    atomic_write_text(path, as_html(template, **content))


def as_html(template: str, **content: object) -> str:
    """Fill a template."""
    return _templates().get_template(template).render(article=captions.ARTICLE, **content)


def script(name: str) -> Markup:
    """Return a script that stands beside the templates, to be put into a page as it is."""
    # By its name alone: a path would make every page depend on all files of the folder.
    text, *_ = _loader().get_source(_templates(), name)
    return Markup(text)  # noqa: S704 - our own file


def link(target: str | os.PathLike[str], page: str | os.PathLike[str]) -> str:
    """Return the address of a file as seen from a page, so that both can be moved together."""
    relative = os.path.relpath(Path(target).absolute(), Path(page).absolute().parent)
    return quote(Path(relative).as_posix())


@functools.cache
def _loader() -> PackageLoader:
    return PackageLoader("blockscope.figures.page")


@functools.cache
def _templates() -> Environment:
    return Environment(
        loader=_loader(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
