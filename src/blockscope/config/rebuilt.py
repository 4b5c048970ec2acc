"""A config and its tables that make one file again, from what the file says of itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.config.result_paths import RESULTS, layer_in_path
from blockscope.io import provenance
from blockscope.io.atomic_files import atomic_write_text
from blockscope.io.contained_paths import inside
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import Sections, sections_of

IMAGE = {"two": {"path": "blockscope:scenes/two.png"}}  # of a network alone, which needs none
NAMES_OF_DATA_SETS = ("dataset", "datasets")  # facts of files that images of one made
SHAPES: Mapping[str, tuple[type, type]] = {
    "models": (dict, dict), "images": (dict, dict), "runs": (list, dict), "layers": (list, str),
}  # fmt: skip
"""Of the sections that become tables: what each is, and what are its parts."""

SEPARATE = tuple(SHAPES)


def write_config(path: Path, folder: Path) -> str:
    """Write a config that makes a result file again.

    Parameters
    ----------
    path
        The file, below a folder ``results``.
    folder
        Where ``config.yaml`` and its tables are written; it must not be there yet.

    Returns
    -------
    command
        What makes the file with it.

    Raises
    ------
    BadFile
        The file does not say what made it, or lies elsewhere; or the folder exists.
    """
    facts = provenance.read(path)
    sections = sections_of(facts)
    _check_shape(sections, path)
    shown = [row["dataset"] for row in sections.get("runs") or [] if row.get("dataset")]
    shown += [facts[key] for key in NAMES_OF_DATA_SETS if key in facts]
    if shown or "dataset_digest" in facts:
        which = f"the data set '{shown[0]}'" if shown else "a data set"
        raise BadFile(
            f"'{path}' is made from the images of {which}, and no file records the table of data "
            "sets; use the config that it was made with"
        )
    if not sections.get("models"):
        raise BadFile(
            f"'{path}' does not record the settings that made it (stage "
            f"{facts[provenance.STAGE_KEY]}); those of the files that it is made from do"
        )
    parts = path.absolute().parts
    if RESULTS not in parts:
        raise BadFile(
            f"'{path}' is not below a folder '{RESULTS}', so that nothing says what to ask "
            "Snakemake for; give it where it was made"
        )
    start = len(parts) - 1 - parts[::-1].index(RESULTS)
    target = "/".join(parts[start:])
    _check_place(parts[start + 1 :], facts, path)
    if folder.exists():
        raise BadFile(f"'{folder}' exists; give a folder that is not there yet")
    _write(sections, facts, folder)
    # The target first: Snakemake takes what follows the option for more configs.
    return shlex.join(["snakemake", target, "--configfile", f"{folder}/config.yaml"])


def _check_shape(sections: Sections, path: Path) -> None:
    """Refuse sections that are not what a stage writes, as where a table was changed by hand."""
    given = {key: sections[key] for key in SHAPES if sections.get(key)}
    wrong = [key for key, value in given.items() if not _holds(*SHAPES[key], value)]
    images = {} if "images" in wrong else given.get("images", {})
    if not _holds(dict, dict, {name: row.get("objects", {}) for name, row in images.items()}):
        wrong.append("images.objects")
    if wrong:
        raise BadFile(
            f"the settings that '{path}' records are damaged: {', '.join(wrong)} are not what a "
            "job writes there; make the file again"
        )


def _holds(kind: type, part: type, value: Any) -> bool:
    """Tell whether a value is a list, or a mapping, of parts of a kind."""
    parts: Iterable[object] = value.values() if isinstance(value, dict) else value
    return isinstance(value, kind) and all(isinstance(each, part) for each in parts)


def _check_place(parts: Sequence[str], facts: Mapping[str, object], path: Path) -> None:
    """Refuse a file that was copied to where that of another run, network, image or layer belongs.

    ``parts``: its path below the folder of results.
    """
    kind, name, *rest = (*parts, "", "")
    at = {"figures": {"run": name}, "models": {"model": name}}
    places = at.get(kind, {"model": kind, "image": name})
    if rest[0] in OVERRIDES:
        places["override"] = rest[0]
    for key, found in places.items():
        if str(facts.get(key, found)) != found:
            raise _elsewhere(path, key, facts[key])
    for key in ("layer", "layer1", "layer2"):
        layer = facts.get(key)
        known = not layer or kind == "figures" or layer_in_path(str(layer)) in "/".join(rest)
        if not known:
            raise _elsewhere(path, key, layer)


def _elsewhere(path: Path, key: str, value: object) -> BadFile:
    return BadFile(
        f"'{path}' says that it is of {key} '{value}', which its place does not; give the file "
        "where it was made"
    )


def _write(sections: Sections, facts: Mapping[str, object], folder: Path) -> None:
    images: Mapping[str, Any] = sections.get("images") or IMAGE
    runs = sections.get("runs") or [_row(sections, facts, next(iter(images)))]
    rows = [
        {"image": name, **row, **_objects(row)} if "objects" in row else {"image": name, **row}
        for name, row in images.items()
    ]
    tables = {"images": rows, "runs": runs}
    options = {key: value for key, value in sections.items() if key not in SEPARATE}
    named = {"models": str(folder / "models.yaml")}
    named |= {name: str(folder / f"{name}.tsv") for name in tables}
    atomic_write_text(inside(folder, "models.yaml"), _yaml(sections["models"]))
    for name, table in tables.items():
        atomic_write_text(inside(folder, f"{name}.tsv"), _tsv(table))
    atomic_write_text(inside(folder, "config.yaml"), _yaml({**named, **options}))


def _row(sections: Sections, facts: Mapping[str, object], image: str) -> dict[str, str]:
    """Return a row of the table of runs, which needs one, for a file that no run decides."""
    layers = sections.get("layers")
    if not layers or len(layers) < 2:
        raise BadFile(
            f"model '{facts.get('model')}' has no two layers of which one is computed from the "
            "other, so that no table of runs names it"
        )
    chosen = {"layer1": layers[0], "layer2": layers[1]}
    return {
        "run": "rebuilt",
        "model": str(facts.get("model") or next(iter(sections["models"]))),
        "image": image,
        **chosen,
    }


def _objects(row: Mapping[str, Any]) -> dict[str, str]:
    return {"objects": "|".join(f"{colour}={label}" for colour, label in row["objects"].items())}


def _yaml(content: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True)
    return text


def _tsv(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, *([str(row.get(key, "")) for key in columns] for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)
