"""Names of result files that carry more than an id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blockscope.config.settings import FactorChoice, ModelEntry, RunRow

# What a file of factors may carry after the number: the layer it was fitted on, the method.
RECIPE_PATTERN = r"(-on-[^/]+?)?(-pca)?"


def layer_in_path(layer: str) -> str:
    """Return a layer's name as it stands in a path: ``a/b`` is ``a~b``."""
    return layer.replace("/", "~")


def layer_from_path(text: str) -> str:
    """Return the layer whose name stands in a path."""
    return text.replace("~", "/")


def factors_name(layer: str, choice: FactorChoice, deepest: str) -> str:
    """Return the name of a file of factors, without its ending.

    ``deepest`` is the layer that a joint factorisation is fitted on; examples: ``mixed4d-2``,
    ``mixed4d-2-pca``, ``mixed4d-3-on-mixed5a``, ``mixed4d-3-on-mixed5a-pca``.
    """
    fitted = f"-on-{layer_in_path(deepest)}" if choice.joint else ""
    method = "" if choice.method == "nmf" else f"-{choice.method}"
    return f"{layer_in_path(layer)}-{choice.n}{fitted}{method}"


def fitted_on(recipe: str) -> str | None:
    """Return the layer (as in a path) that the rest of a factors name says it was fitted on."""
    text = recipe.removesuffix("-pca")
    return text.removeprefix("-on-") if text.startswith("-on-") else None


def method_of(recipe: str) -> str:
    """Return the method that the rest of a factors name says: ``nmf`` or ``pca``."""
    return "pca" if recipe.endswith("-pca") else "nmf"


def local_files(entry: ModelEntry) -> list[str]:
    """Return the files on this machine that a network is made from; all files of a folder."""
    files: list[str] = []
    for source in (entry.graph, entry.labels):
        if source.path is None:
            continue
        path = Path(source.path)
        inner = sorted(str(member) for member in path.rglob("*") if member.is_file())
        files += inner or [str(path)]
    return files


def run_files(row: RunRow) -> dict[str, Any]:
    """Return the files that the figure of a run is drawn from.

    ``picture`` the input, ``classes`` the attributions at the later layer, ``factors`` a list:
    those of the earlier and of the later layer.
    """
    picture = f"results/{row.model}/{row.image}"
    gradient = f"{picture}/{row.override}"
    factors = (factors_name(layer, row.factors, row.layer2) for layer in (row.layer1, row.layer2))
    return {
        "picture": f"{picture}/input.png",
        "classes": f"{gradient}/classes/{layer_in_path(row.layer2)}.h5",
        "factors": [f"{gradient}/factors/{name}.h5" for name in factors],
    }


def channels_asked(
    runs: Mapping[str, RunRow], model: str, image: str, override: str, layer: str
) -> dict[str, list[str]]:
    """Return what all runs together ask of a layer's channels: ``pairs`` and ``methods``.

    ``layer`` as it stands in a path. A pair is ``A|B`` as written, empty for the two most probable
    classes. A layer that no run reads has the two most probable and the linear method.
    """
    place = (model, image, override)
    reading = [
        row
        for row in runs.values()
        if (row.model, row.image, row.override) == place
        and layer in (layer_in_path(row.layer1), layer_in_path(row.layer2))
    ]
    pairs = {"|".join(row.classes) for row in reading}
    methods = {method for row in reading for method in row.methods}
    # Sorted: another order of the rows is no reason to compute anew.
    return {"pairs": sorted(pairs) or [""], "methods": sorted(methods) or ["linear"]}


def gallery_runs(runs: Mapping[str, RunRow]) -> list[dict[str, Any]]:
    """Return what the gallery tells of each run, and the files of its figure."""
    shown = []
    for row in runs.values():
        figure = f"results/figures/{row.run}"
        shown.append(
            {
                "run": row.run,
                "model": row.model,
                "image": row.image,
                "layers": [row.layer1, row.layer2],
                "override": row.override,
                "factors": str(row.factors),
                "page": f"{figure}/index.html",
                "png": f"{figure}/groups.png",
                "files": {
                    kind.upper(): f"{figure}/groups.{kind}" for kind in ("pdf", "svg", "png")
                },
            }
        )
    return shown
