"""Provenance: what made a result file, recorded when it is written and read back from it."""

from __future__ import annotations

import functools
import html
import json
import os
import re
import subprocess
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import blockscope
from blockscope.io.atomic_files import require_file
from blockscope.io.checksums import check_seal
from blockscope.io.errors import BadFile

Facts = dict[str, str | int | float]
KEY = "blockscope"  # PNG text chunk, HTML element and PDF keyword that hold the facts as JSON
STAGE_KEY = "created_by"
ABOUT_FORMAT = "Conventions"  # an attribute of the same arrays that is no provenance
INHERITED = (
    "model", "model_sha256", "graph_sha256", "image", "image_sha256", "input_size", "input_range",
    "layer", "override", "settings",
)  # fmt: skip
PACKAGES = ("numpy", "scikit-learn")  # whose version may change numbers, beside TensorFlow's


def record(
    stage: str, software: Mapping[str, str] | None = None, /, **facts: str | int | float | None
) -> Facts:
    """Return what a file of ``stage`` records: the given facts and the software that made it.

    Keys: created_by (stage), blockscope (version), git_commit ("none" outside a checkout,
    "+changes" appended where files differ from it), versions of ``PACKAGES``, ``software`` (that of
    ``models.device.software_facts`` where TensorFlow computes), seed (0: every stage is
    deterministic unless it says otherwise).
    """
    known = {key: value for key, value in facts.items() if value is not None}
    own: Facts = {"blockscope": blockscope.__version__, "git_commit": git_commit()}
    own |= {name.replace("-", "_"): _version(name) for name in PACKAGES}
    return {STAGE_KEY: stage, **known, **own, **(software or {}), "seed": known.get("seed", 0)}


def inherited(facts: Mapping[str, str | int | float]) -> Facts:
    """Return the facts that a later stage takes over: those of the model and the image."""
    return {key: facts[key] for key in INHERITED if key in facts}


def check_origin(
    facts: Mapping[str, object], path: object, wanted: Mapping[str, object], place: str = ""
) -> None:
    """Raise ``BadFile`` where a result file's facts are not those wanted, of a model, layer, ...

    ``place``: what needs the file, for the message.
    """
    for key, value in wanted.items():
        found = facts.get(key)
        if found != value:
            raise BadFile(
                f"{place}'{path}' is from {key} '{found}', expected '{value}'; regenerate it"
            )


@functools.cache
def _version(package: str) -> str:
    return version(package)


@functools.cache
def git_commit() -> str:
    """Return the commit of the checkout that this package runs from.

    "none" outside of one, before the first commit and without git; "unknown" where git cannot be
    asked, as on a machine that is too busy.
    """
    folder = Path(blockscope.__file__).resolve().parent
    if not (folder.parents[1] / ".git").exists():
        return "none"
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (FileNotFoundError, subprocess.CalledProcessError):  # no git, no commit
        return "none"
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str:
    # A hook of another checkout sets GIT_DIR, which would win over the folder.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(
        ["git", "--no-optional-locks", "-C", str(folder), *arguments],
        check=True, capture_output=True, text=True, timeout=120, env=environment,
    )  # fmt: skip
    return done.stdout.strip()


def tsv_header(facts: Mapping[str, object]) -> str:
    """Return the facts as the first lines of a table, ``# key: value``.

    Text that looks like a number, or has more than one line, is quoted as in JSON.
    """
    return "".join(f"# {key}: {_to_line(value)}\n" for key, value in facts.items())


def _to_line(value: object) -> str:
    text = str(value)
    plain = not isinstance(value, str) or (_from_line(text) == text and text.isprintable())
    return text if plain else json.dumps(value)


def _from_line(text: str) -> str | int | float:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (str, int, float)) and not isinstance(value, bool) else text


def read(path: str | os.PathLike[str]) -> Facts:
    """Return the provenance of a result file; numbers come back as numbers.

    Reads .h5, .zarr.zip, .png, .svg, .pdf, .html, .tsv and .json files. Raises ``BadFile`` where
    the file is missing, damaged, of another kind, or has no provenance.
    """
    source = require_file(path, "file")
    reader = next((r for ending, r in _READERS.items() if source.name.endswith(ending)), None)
    if reader is None:
        raise BadFile(f"'{source}' is not a result file; valid endings: {', '.join(_READERS)}")
    if source.name.endswith(SEALED):
        check_seal(source)
    try:
        facts = reader(source)
    except Exception as error:  # libraries raise many kinds for a damaged file
        raise BadFile(f"'{source}' cannot be read: {error}") from error
    if STAGE_KEY not in facts:
        raise BadFile(f"'{source}' has no provenance record: it was not made by blockscope")
    return facts


def _facts(text: str | bytes) -> Facts:
    """Read the JSON of our files; ignore what another program wrote there."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _of_h5(path: Path) -> Facts:
    import h5py

    with h5py.File(path, "r", locking=False) as content:
        known = {key: _plain(content.attrs[key]) for key in content.attrs if key[0] != "_"}
    return {key: value for key, value in known.items() if key != ABOUT_FORMAT}


def _plain(value: object) -> str | int | float:
    if isinstance(value, bytes):
        return value.decode()
    item = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "size", 1) == 1 else str(value)


def _of_zarr(path: Path) -> Facts:
    with zipfile.ZipFile(path) as content:
        known = json.loads(content.read("zarr.json"))["attributes"]
    return {key: value for key, value in known.items() if key != ABOUT_FORMAT}


def _of_png(path: Path) -> Facts:
    from PIL import Image

    with Image.open(path, formats=["PNG"]) as image:
        return _facts(image.info.get(KEY, "{}"))


def _of_json(path: Path) -> Facts:
    content = json.loads(path.read_text(encoding="utf-8"))
    found = content.get("provenance") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}


def _of_tsv(path: Path) -> Facts:
    pairs: Facts = {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("# "):
                break
            key, _, value = line[2:].rstrip("\n").partition(": ")
            pairs[key] = _from_line(value)
    return pairs


def _of_markup(path: Path) -> Facts:
    """Read HTML (an element with the id blockscope-provenance) or SVG (dc:description): JSON."""
    text = path.read_text(encoding="utf-8")
    for pattern in (
        r'id="blockscope-provenance"[^>]*>(.*?)</',
        r"<dc:description>(.*?)</dc:description>",
    ):
        if found := re.search(pattern, text, re.DOTALL):
            return _facts(html.unescape(found[1]).removeprefix("<![CDATA[").removesuffix("]]>"))
    return {}


def _of_pdf(path: Path) -> Facts:
    """Read the JSON in the document's Keywords."""
    found = re.search(rb"/Keywords\s*\((.*?)(?<!\\)\)", path.read_bytes(), re.DOTALL)
    return _facts(re.sub(rb"\\([()\\])", rb"\1", found[1])) if found else {}


SEALED = (".h5", ".zarr.zip")  # with a checksum at their end
_READERS = {
    ".h5": _of_h5,
    ".zarr.zip": _of_zarr,
    ".png": _of_png,
    ".json": _of_json,
    ".tsv": _of_tsv,
    ".html": _of_markup,
    ".svg": _of_markup,
    ".pdf": _of_pdf,
}
