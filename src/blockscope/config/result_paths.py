"""Names of result files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.config.panels import PANELS
from blockscope.config.settings import FactorChoice, RunRow
from blockscope.io.contained_paths import files_below, inside
from blockscope.models.entry import ModelEntry

RESULTS = "results"
MOST_NAME = 240  # characters; file systems take 255 bytes, and some endings are longer

# Optional parts of the name of a file of factors: the layer it was fitted on, the method.
RECIPE_PATTERN = r"(-on-[^/]+?)?(-pca)?"

GALLERY = "results/index.html"
BETWEEN = "--"  # the layers of a flow in its name


def model_folder(name: str, results: str = RESULTS) -> Path:
    """Return the folder of a network in normal form: ``graph.pb``, ``model.json``, ``source``."""
    return inside(results, "models", name)


def image_folder(model: str, image: str, results: str = RESULTS) -> Path:
    """Return the folder of what a network makes of an image."""
    return inside(results, model, image)


CHANNELS_PER_PAGE = 96  # with two times nine exemplars of each, a page has some 2 MB

SWEPT_LAYERS = "_runs"  # no name of a layer: all that the runs show, in one pass


def swept_layers(runs: Iterable[RunRow], model: str, dataset: str) -> list[str]:
    """Return the layers that runs of a network show with the images of a data set, sorted."""
    rows = [row for row in runs if (row.model, row.dataset) == (model, dataset)]
    return sorted({layer for row in rows for layer in row.layers})


def exemplars_file(model: str, dataset: str, layer: str) -> str:
    """Return the file of a layer's exemplars."""
    return str(model_folder(model) / "datasets" / dataset / f"{layer_in_path(layer)}.h5")


def exemplar_sheet(model: str, dataset: str, layer: str) -> str:
    """Return the name of the crops of a layer's exemplars, without its endings."""
    return exemplars_file(model, dataset, layer).removesuffix(".h5")


def group_exemplars_folder(row: RunRow) -> str:
    """Return the folder of the exemplars of neuron groups in a run's data set."""
    return str(image_folder(row.model, row.image) / "groups" / "exemplars" / row.dataset)


def channel_pages(model: str, layer: str, channels: int = 1) -> list[str]:
    """Return the pages of a layer of so many channels, in their order.

    Behind the first they are in a folder of their own, as the layer ``a-2`` may exist beside ``a``.
    """
    first = str(model_folder(model) / "channels" / layer_in_path(layer))
    count = -(-channels // CHANNELS_PER_PAGE)
    return [f"{first}.html", *(f"{first}/{number}.html" for number in range(2, count + 1))]


def sweep_parts(folder: str, layers: str, jobs: int) -> list[str]:
    """Return the parts that exemplars are put together from; ``layers`` as in a path."""
    return [f"{folder}/shards/{layers}/{part}-of-{jobs}.h5" for part in range(jobs)]


def figure_folder(run: str, results: str = RESULTS) -> Path:
    """Return the folder of the figure of a run."""
    return inside(results, "figures", run)


def dataset_index(dataset: str, results: str = RESULTS) -> str:
    """Return the index of a data set."""
    return str(inside(results, "datasets", f"{dataset}.h5"))


def layer_in_path(layer: str) -> str:
    """Return a layer's name as used in paths: ``a~b`` for ``a/b``."""
    return layer.replace("/", "~")


def layer_from_path(text: str) -> str:
    """Return the layer of a name in a path."""
    return text.replace("~", "/")


def factors_name(layer: str, choice: FactorChoice, deepest: str) -> str:
    """Return the name of a file of factors, without its ending, as in ``mixed4d-3-on-mixed5a-pca``.

    ``deepest`` is the layer that a joint factorisation is fitted on.
    """
    fitted = f"-on-{layer_in_path(deepest)}" if choice.joint else ""
    method = "" if choice.method == "nmf" else f"-{choice.method}"
    return f"{layer_in_path(layer)}-{choice.n}{fitted}{method}"


def fitted_on(recipe: str) -> str | None:
    """Return the layer (as in a path) that the optional parts of a factors name give, if any."""
    text = recipe.removesuffix("-pca")
    return text.removeprefix("-on-") if text.startswith("-on-") else None


def method_of(recipe: str) -> str:
    """Return the method that the optional parts of a factors name give: ``nmf`` or ``pca``."""
    return "pca" if recipe.endswith("-pca") else "nmf"


def local_files(entry: ModelEntry) -> list[str]:
    """Return the local files of a network.

    For a folder all of its files; for an ONNX file also those beside it that may hold its weights,
    whose names only stand inside of it.
    """
    files: list[str] = []
    for source in (entry.graph, entry.labels):
        if source.file is None:
            continue
        path = Path(source.file)
        inner = [str(member) for member in files_below(path)] if path.is_dir() else []
        beside = sorted(map(str, path.parent.glob("*data"))) if path.suffix == ".onnx" else []
        files += inner or [str(path), *(name for name in beside if Path(name).is_file())]
    return files


Files = dict[str, str | list[str]]
"""Files by what they are; Snakemake's input functions return them."""


NONE_MADE: Mapping[str, str] = {}


def panel_files(
    row: RunRow,
    panel: str,
    neuron_groups: int,
    rendered: bool = False,
    made_of: Mapping[str, str] = NONE_MADE,
    group_exemplars: bool = False,
) -> Files:
    """Return the files that a printed panel of a run is drawn from, by what they are.

    A number at the end of a name gives the layer: 1 the earlier, 2 the later. Names that begin with
    ``override_`` are lists, in the order of the overrides; ``grids`` is one in the order of the
    layers whose activation grids are shown; those that begin with ``flow_`` are lists in the
    order of the layers of the flow. ``neuron_groups`` is their number. ``rendered``:
    whether spritemaps are made; without that, no panel has sprites. ``made_of``: networks with
    weights drawn anew, and what each is made of. ``group_exemplars``: whether neuron groups have
    exemplars of their own.
    """
    known = known_files(row, neuron_groups, rendered, made_of, group_exemplars)
    return {name: known[name] for name in ("image", *PANELS[panel].inputs)}


def page_files(
    row: RunRow,
    neuron_groups: int,
    rendered: bool = False,
    made_of: Mapping[str, str] = NONE_MADE,
    group_exemplars: bool = False,
) -> Files:
    """Return the files that the page of a run is made from or leads to, by what they are."""
    known = known_files(row, neuron_groups, rendered, made_of, group_exemplars)
    needed = (name for panel in row.panels for name in PANELS[panel].page_files)
    return {name: known[name] for name in ("image", *needed)}


def known_files(
    row: RunRow,
    neuron_groups: int,
    rendered: bool,
    made_of: Mapping[str, str] = NONE_MADE,
    group_exemplars: bool = False,
) -> Files:
    """Return every file that a panel or page of a run may need, and some behind them, by name."""
    folder = str(image_folder(row.model, row.image))
    model = str(model_folder(row.model))
    layers = {"1": row.layer1, "2": row.layer2}
    paths = {n: layer_in_path(layer) for n, layer in layers.items()}
    between = f"{paths['1']}--{paths['2']}"

    def under(override: str) -> dict[str, str]:
        gradient = f"{folder}/{override}"
        return {
            **{f"classes{n}": f"{gradient}/classes/{path}.h5" for n, path in paths.items()},
            **{f"channels{n}": f"{gradient}/channels/{path}.h5" for n, path in paths.items()},
            **{f"scores{n}": f"{gradient}/scores/{path}.h5" for n, path in paths.items()},
            **{f"scores_table{n}": f"{gradient}/scores/{path}.tsv" for n, path in paths.items()},
            "positions": f"{gradient}/positions/{between}.h5",
            "drivers": f"{gradient}/drivers/{between}.h5",
        }

    known: Files = {"image": f"{folder}/input.png", **under(row.override)}
    for n, layer in layers.items():
        factors = factors_name(layer, row.factors, row.layer2)
        known[f"factors{n}"] = f"{folder}/{row.override}/factors/{factors}.h5"
        known[f"factors_table{n}"] = f"{folder}/{row.override}/factors/{factors}.tsv"
        known[f"activations{n}"] = f"{folder}/activations/{paths[n]}.zarr.zip"
        groups = f"{folder}/groups/{paths[n]}-{neuron_groups}"
        known[f"groups{n}"] = f"{groups}.h5"
        known[f"ablation{n}"] = f"{folder}/ablation/{paths[n]}.h5"
        known[f"group_sprites{n}"] = _sheet(f"{groups}-sprites") if rendered else []
        known[f"group_sprites_zarr{n}"] = [f"{groups}-sprites.zarr.zip"] if rendered else []
        sprites = f"{model}/sprites/{paths[n]}"
        known[f"sprites{n}"] = _sheet(sprites) if rendered else []
        known[f"sprites_zarr{n}"] = [f"{sprites}.zarr.zip"] if rendered else []
        known[f"contact{n}"] = [f"{folder}/sprites/{paths[n]}.html"] if rendered else []
        shown = row.dataset and exemplar_sheet(row.model, row.dataset, layer)
        known[f"exemplars{n}"] = _sheet(shown) if shown else []
        known[f"exemplars_zarr{n}"] = [f"{shown}.zarr.zip"] if shown else []
        own = shown and group_exemplars
        driven = own and f"{group_exemplars_folder(row)}/{paths[n]}-{neuron_groups}"
        known[f"group_exemplars{n}"] = _sheet(driven) if driven else []
        known[f"group_exemplars_zarr{n}"] = [f"{driven}.zarr.zip"] if driven else []
        known[f"group_exemplars_file{n}"] = [f"{driven}.h5"] if driven else []
        known[f"channel_page{n}"] = channel_pages(row.model, layer) if shown else []
    of_grids = [layer_in_path(layer) for layer in row.grid_layers]
    known["grids"] = [f"{folder}/grids/{layer}-coherent.zarr.zip" for layer in of_grids]
    known["grid_activations"] = [f"{folder}/activations/{layer}.zarr.zip" for layer in of_grids]
    through = _flow_parts(row)
    groups_of = [f"{folder}/groups/{layer}-{neuron_groups}" for layer in through]
    known["flow"] = f"{folder}/{row.override}/flow/{BETWEEN.join(through)}-{neuron_groups}.h5"
    known["flow_activations"] = [f"{folder}/activations/{layer}.zarr.zip" for layer in through]
    known["flow_groups"] = [f"{name}.h5" for name in groups_of]
    sheets = itertools.chain(*(_sheet(f"{name}-sprites") for name in groups_of))
    known["flow_sprites"] = list(sheets) if rendered else []
    known["flow_sprites_zarr"] = (
        [f"{name}-sprites.zarr.zip" for name in groups_of] if rendered else []
    )
    for kind in ("classes1", "classes2", "positions"):
        known[f"override_{kind}"] = [under(override)[kind] for override in OVERRIDES]
    others = [name for name, source in made_of.items() if source == row.model]
    for name, ending in (("sanity", "h5"), ("sanity_table", "tsv")):
        of = {one: f"{folder}/{one}/sanity/{paths['1']}.{ending}" for one in OVERRIDES}
        known[f"override_{name}1"] = list(of.values())
        known[f"{name}1"] = [of[row.override]] if others else []
    for kind, overrides in (("own", [row.override]), ("override", list(OVERRIDES))):
        behind = (_behind(other, row, overrides) for other in others)
        known[f"{kind}_randomised1"] = list(itertools.chain(*behind))
    return known


def _behind(other: str, row: RunRow, overrides: Sequence[str]) -> list[str]:
    """Return what a network with weights drawn anew gives for the maps of a run's earlier layer."""
    folder, path = image_folder(other, row.image), layer_in_path(row.layer1)
    maps = [f"{folder}/{override}/classes/{path}.h5" for override in overrides]
    activations = f"{folder}/activations/{path}.zarr.zip"
    return [*network_files(other), f"{folder}/input.png", activations, *maps]


def _flow_parts(row: RunRow) -> list[str]:
    return [layer_in_path(layer) for layer in row.flow_layers]


def parts_of_flow(text: str, runs: Mapping[str, RunRow]) -> list[str]:
    """Return the layers, as they stand in a path, of the part of a flow's name before the number.

    Those of a run with this name, since a layer's own name may have two dashes.
    """
    known = (_flow_parts(row) for row in runs.values())
    return next((parts for parts in known if BETWEEN.join(parts) == text), text.split(BETWEEN))


def network_files(name: str) -> list[str]:
    """Return the files of a network in normal form."""
    return [f"{model_folder(name)}/{file}" for file in ("graph.pb", "model.json")]


DEFAULT_REQUEST: Mapping[str, list[str]] = {"pairs": [""], "methods": ["linear"]}
"""What is computed of channels that no run shows."""


def printed_files(row: RunRow) -> list[str]:
    """Return the printed panels of a run, in all formats."""
    folder = str(figure_folder(row.run))
    return [f"{folder}/{panel}.{kind}" for panel in row.panels for kind in ("pdf", "svg", "png")]


def page_of(run: str) -> str:
    """Return the page of a run."""
    return f"results/figures/{run}/index.html"


def longest_name(row: RunRow) -> str:
    """Return the longest name of a file that a run may need."""
    placed = row.model_copy(
        update={"model": "m", "image": "i", "dataset": row.dataset and "d"}
    )  # whatever these are
    known = known_files(placed, 100, rendered=True, group_exemplars=True).values()
    paths = (path for found in known for path in ([found] if isinstance(found, str) else found))
    return max((path.rpartition("/")[2] for path in paths), key=len)


def _sheet(name: str) -> list[str]:
    """Return a sheet of sprites and its description."""
    return [f"{name}.png", f"{name}.json"]


Place = tuple[str, str, str, str]
"""Model, image, override, and a layer as it stands in a path."""


def requested_channels(runs: Mapping[str, RunRow]) -> dict[Place, dict[str, list[str]]]:
    """Return what all runs together need of the channels at each place: ``pairs`` and ``methods``.

    A pair is ``A|B`` or ``A`` as written, empty for the two most probable labels. What no run needs
    is ``DEFAULT_REQUEST``. One pass over the runs, however many places they have.
    """
    pairs: dict[Place, set[str]] = {}
    methods: dict[Place, set[str]] = {}
    for row in runs.values():
        for layer in row.layers:
            place = (row.model, row.image, row.override, layer_in_path(layer))
            pairs.setdefault(place, set()).add("|".join(row.classes))
            wanted = methods.setdefault(place, set())
            wanted.update(row.methods)
            if layer == row.layer1:
                wanted.update(*(PANELS[panel].methods for panel in row.panels))
    # Sorted: another order of the rows is no reason to compute anything again.
    return {
        place: {"pairs": sorted(pairs[place]), "methods": sorted(methods[place]) or ["linear"]}
        for place in pairs
    }


def gallery_runs(
    runs: Mapping[str, RunRow], placed: Callable[[str], str] = str
) -> list[dict[str, Any]]:
    """Return what the gallery tells of each run, and the files of its figure.

    ``placed`` returns where a file is that has this name, as below the prefix of a module.
    """
    shown = []
    for row in runs.values():
        figure = placed(str(figure_folder(row.run)))
        shown.append(
            {
                "run": row.run,
                "model": row.model,
                "image": row.image,
                "layers": [row.layer1, row.layer2],
                "override": row.override,
                "factors": str(row.factors),
                "panels": list(row.panels),
                "page": placed(page_of(row.run)),
                "png": f"{figure}/{row.panels[0]}.png",
                "files": {
                    kind.upper(): f"{figure}/{row.panels[0]}.{kind}"
                    for kind in ("pdf", "svg", "png")
                },
            }
        )
    return shown
