"""Made-up result files of one run, in the form that the stages write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from blockscope.attribution.scores.sanity import RandomisedMaps, compare_maps
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.config.settings import RunRow
from blockscope.figures.data.panel_files import PanelFiles, Paths
from blockscope.io import datasets, images, provenance
from blockscope.io.json_files import write_facts
from helpers.copies import written_once

SHAPES = ("star", "disc", "cross", "ring", "arrow", "square", "moon", "drop", "heart", "bar")
FILLS = ("plain", "striped", "dotted", "checked", "hatched")
COLOURS = ("red", "green", "blue", "amber")
LABELS = [f"{colour} {fill} {shape}" for colour in COLOURS for fill in FILLS for shape in SHAPES]
FACTS = {"model": "blocks1000", "image": "two_blocks", "override": "smooth"}


def input_pixels(rows: int = 96, cols: int = 96) -> NDArray[np.uint8]:
    """A soft background with a red disc and a blue square."""
    row, col = np.mgrid[:rows, :cols] / max(rows, cols)
    canvas = np.stack([0.86 - 0.2 * row, 0.84 - 0.1 * col, 0.8 + 0.1 * row], axis=-1)
    canvas[np.hypot(row - 0.35, col - 0.3) < 0.18] = [0.8, 0.2, 0.15]
    canvas[(abs(row - 0.65) < 0.15) & (abs(col - 0.7) < 0.15)] = [0.15, 0.3, 0.75]
    return (255 * np.clip(canvas, 0, 1)).astype(np.uint8)


def bumps(rng: np.random.Generator, rows: int, cols: int, factors: int) -> NDArray[np.float32]:
    """One bump per factor, around a circle, with noise: (row, col, factor)."""
    row, col = np.mgrid[:rows, :cols]
    row, col = (row + 0.5) / rows, (col + 0.5) / cols
    spatial = np.empty((rows, cols, factors), np.float32)
    for factor in range(factors):
        angle = 2 * np.pi * factor / factors + 0.9
        centre = 0.5 + 0.26 * np.array([np.sin(angle + np.pi), np.cos(angle + np.pi)])
        distance = np.hypot(row - centre[0], col - centre[1])
        spatial[..., factor] = (1 + 0.3 * factor) * np.exp(-((distance / 0.17) ** 2))
    return spatial * rng.uniform(0.6, 1.0, spatial.shape).astype(np.float32)


def classes(
    rng: np.random.Generator, rows: int = 7, cols: int = 7, labels: Sequence[str] = LABELS
) -> xr.Dataset:
    chance = rng.dirichlet(np.full(len(labels), 0.05))
    return xr.Dataset(
        {
            "attribution": (
                ("label", "row", "col"),
                rng.normal(0, 1, (len(labels), rows, cols)).astype("f4"),
            )
        },
        coords={
            "label": list(labels),
            "index": ("label", 1 + np.arange(len(labels))),
            "logit": ("label", np.log(chance + 1e-9).astype("f4")),
            "probability": ("label", chance.astype("f4")),
        },
        attrs=FACTS | {"layer": "mixed5a"},
    )


def factors(
    rng: np.random.Generator,
    layer: str,
    grid: tuple[int, int],
    count: int = 2,
    *,
    fit_layer: str = "",
    method: str = "nmf",
    tops: int = 5,
    labels: Sequence[str] = LABELS,
) -> xr.Dataset:
    weights = rng.gamma(0.3, 0.4, (count, len(labels))).astype("f4")
    spatial = bumps(rng, *grid, count)
    if method == "pca":
        weights -= 0.2
        spatial -= 0.3
    order = np.argsort(-weights, axis=1)[:, :tops]
    return xr.Dataset(
        {
            "spatial": (("row", "col", "factor"), spatial),
            "labels": (("factor", "label"), weights),
            "top_label": (("factor", "rank"), np.array(labels, dtype=object)[order]),
            "top_index": (("factor", "rank"), order + 1),
            "top_weight": (("factor", "rank"), np.take_along_axis(weights, order, axis=1)),
        },
        coords={"label": list(labels)},
        attrs=FACTS
        | {
            "layer": layer,
            "fit_layer": fit_layer or layer,
            "method": method,
            "recipe": "joint" if fit_layer else "alone",
            "n": count,
            "relative_error": 0.31,
        },
    )


def positions(
    rng: np.random.Generator, first: tuple[int, int], second: tuple[int, int]
) -> xr.Dataset:
    """Attribution between the positions of two layers, signed: (row2, col2, row1, col1)."""
    values = rng.normal(0.2, 1, (*second, *first)).astype("f4")
    return xr.Dataset(
        {"attribution": (("row2", "col2", "row1", "col1"), values)},
        attrs=FACTS | {"layer1": "mixed4d", "layer2": "mixed5a"},
    )


def activations(rng: np.random.Generator, layer: str, shape: tuple[int, int, int]) -> xr.Dataset:
    """Activations (row, col, channel), a third of them zero."""
    values = np.maximum(rng.normal(0.4, 1, shape), 0).astype("f4")
    facts = {key: FACTS[key] for key in ("model", "image")}
    return xr.Dataset(
        {"activations": (("row", "col", "channel"), values)}, attrs=facts | {"layer": layer}
    )


def channels(
    rng: np.random.Generator,
    layer: str,
    count: int,
    pairs: Sequence[tuple[int, int]] = ((1, 2),),
    methods: Sequence[str] = ("linear", "path", "stochastic"),
    labels: Sequence[str] = LABELS,
) -> xr.Dataset:
    """Attribution of pairs, by the indexes of their labels, to channels."""
    values = rng.normal(0, 1, (len(pairs), len(methods), count)).astype("f4")
    values[..., :: max(count // 3, 2)] = 0
    score = rng.normal(3, 1, len(pairs)).astype("f4")
    error = rng.normal(0, 0.1, values.shape[:2]).astype("f4")
    by_method = ("pair", "method")
    return xr.Dataset(
        {
            "attribution": ((*by_method, "channel"), values),
            "completeness_error": (by_method, error),
            "quadrature_error": (by_method, np.full(error.shape, np.nan, "f4")),
            "steps": (by_method, np.full(error.shape, 100)),
            "score": ("pair", score),
            "score_at_zero": ("pair", np.zeros_like(score)),
            "label_attribution": (
                ("label", "channel"),
                rng.normal(0, 1, (len(labels), count)).astype("f4"),
            ),
        },
        coords={
            "pair": [f"{a}|{b}" for a, b in pairs],
            "method": list(methods),
            "index_a": ("pair", [a for a, _ in pairs]),
            "index_b": ("pair", [b for _, b in pairs]),
            "label": list(labels),
            "index": ("label", 1 + np.arange(len(labels))),
        },
        attrs=FACTS | {"layer": layer},
    )


def neuron_groups(
    rng: np.random.Generator,
    layer: str,
    grid: tuple[int, int],
    count: int = 4,
    channels: int = 11,
    labels: Sequence[str] = LABELS,
) -> xr.Dataset:
    """Neuron groups with their effects on all labels."""
    effect = rng.normal(0, 1, (count, len(labels))).astype("f4")
    return xr.Dataset(
        {
            "spatial": (("row", "col", "factor"), bumps(rng, *grid, count)),
            "channels": (("factor", "channel"), rng.gamma(0.3, 1, (count, channels)).astype("f4")),
            "magnitude": ("factor", rng.gamma(3, 9, count).astype("f4")),
            "effect": (("factor", "label"), effect),
        },
        coords={"label": list(labels), "index": ("label", 1 + np.arange(len(labels)))},
        attrs=FACTS
        | {"layer": layer, "override": "none", "n": count, "relative_error": 0.42, "clipped": 0.0},
    )


def sanity(
    rng: np.random.Generator,
    layer: str,
    override: str,
    labels: Sequence[str] = LABELS,
    grid: tuple[int, int] = (5, 7),
) -> xr.Dataset:
    """Likeness to networks with other weights: three places, two seeds at the first."""
    own = rng.normal(0, 1, (len(labels), *grid)).astype("f4")
    places = [("mixed5a", "cascading", 0), ("mixed5a", "cascading", 1)]
    places += [("input", "cascading", 0), ("mixed4d", "independent", 4)]
    others = [
        RandomisedMaps(
            f"r.{above}.{kind}.{seed}", above, kind, seed, above == "input",
            (own + rng.normal(0, 0.5 + seed, own.shape)).astype("f4"),
        )
        for above, kind, seed in places
    ]  # fmt: skip
    found = compare_maps(own, others)
    found = found.assign_coords(
        label=list(labels), index=("label", 1 + np.arange(len(labels), dtype=int))
    )
    return found.assign_attrs(FACTS | {"layer": layer, "override": override})


def ablation(
    layer: str,
    grid: tuple[int, int],
    channels: int = 11,
    groups: int = 4,
    labels: Sequence[str] = LABELS,
) -> xr.Dataset:
    """Losses of all labels without positions, channels, groups and sets of groups."""
    rng = np.random.default_rng(29)
    count = len(labels)
    shapes = {"positions": grid, "channels": (channels,), "groups": (groups,)}
    axes = {"positions": ("row", "col"), "channels": ("channel",), "groups": ("factor",)}
    made: dict[str, object] = {}
    for kind, shape in shapes.items():
        linear = rng.normal(0, 1, (count, *shape)).astype("f4")
        made[f"{kind}_linear"] = (("label", *axes[kind]), linear)
        made[kind] = (("label", *axes[kind]), 0.8 * linear + rng.normal(0, 0.2, linear.shape))
    members = (np.arange(2**groups)[:, None] >> np.arange(groups)) & 1 == 1
    made["sets"] = (("label", "set"), rng.normal(0, 2, (count, 2**groups)).astype("f4"))
    made["member"] = (("set", "factor"), members)
    made["all"] = ("label", rng.normal(8, 1, count).astype("f4"))
    facts = {"layer": layer, "override": "none", "baseline": "zero"}
    return xr.Dataset(
        made,
        coords={"label": list(labels), "index": ("label", 1 + np.arange(count))},
        attrs=FACTS | facts,
    )


def scores(
    layer: str, grid: tuple[int, int], indexes: Sequence[int], labels: Sequence[str] = LABELS
) -> xr.Dataset:
    """Maps of six methods for labels of some indexes, and their scores; the first has an object."""
    rng = np.random.default_rng(17)
    names = ["attribution", "hires_cam", "grad_cam", "layer_cam", "gradient"]
    names.append("integrated_gradients")
    over, positions = (len(names), len(indexes)), grid[0] * grid[1]
    baselines = ["blur", "mean", "grey", "layer"]
    by_map, by_base = ("map", "label"), ("label", "baseline")
    drawn = {
        name: (by_map, rng.normal(2, 1, over).astype("f4"))
        for name in ("sparseness", "sensitivity", "infidelity")
    }
    for name in ("pointing_game", "mass_accuracy", "rank_accuracy", "average_precision"):
        values = rng.random(over).astype("f4")
        values[:, 1:] = np.nan
        drawn[name] = (by_map, values)
    share = np.where(np.arange(over[1]) == 0, 0.21, np.nan)
    return xr.Dataset(
        {
            "maps": ((*by_map, "row", "col"), rng.normal(0, 1, (*over, *grid)).astype("f4")),
            **{
                f"{kind}_area": (
                    (*by_map, "baseline"),
                    rng.normal(5, 9, (*over, 4)).astype("f4"),
                    {"units": "logit"},
                )
                for kind in ("deletion", "insertion")
            },
            **{
                kind: (
                    (*by_map, "baseline", "share"),
                    rng.normal(3, 4, (*over, 4, 11)).astype("f4"),
                )
                for kind in ("deletion", "insertion")
            },
            "random_mean": (
                (*by_base, "share"),
                np.linspace(9, -2, over[1] * 44).reshape(over[1], 4, 11),
            ),
            "random_sd": ((*by_base, "share"), rng.random((over[1], 4, 11)).astype("f4")),
            "random_area_mean": (by_base, rng.normal(5, 1, (over[1], 4)).astype("f4")),
            "random_area_sd": (by_base, rng.random((over[1], 4)).astype("f4")),
            "object_share": ("label", share.astype("f4")),
            **drawn,
        },
        coords={
            "map": names,
            "baseline": baselines,
            "index": ("label", list(indexes)),
            "label": [labels[index - 1] for index in indexes],
            "share": np.rint(np.linspace(0, positions, 11)) / positions,
        },
        attrs=FACTS | {"layer": layer},
    )


def flow(
    layers: Sequence[str], groups: int = 4, labels: Sequence[str] = LABELS, override: str = "smooth"
) -> xr.Dataset:
    """Flow between groups of layers, in which constants make up what enters and leaves."""
    rng, count = np.random.default_rng(31), len(labels)
    last = rng.normal(0.3, 1, (groups + 2, count))
    steps: list[NDArray[np.float64]] = []
    leaving = last
    for _ in layers[1:]:
        step = rng.normal(0.1, 0.4, (groups + 2, groups + 1, count))
        step[-1] = leaving[:-1] - step[:-1].sum(0)
        steps.insert(0, step)
        leaving = step.sum(1)
    parts = [*(str(group + 1) for group in range(groups)), "unexplained", "constants"]
    return xr.Dataset(
        {
            "flow": (("step", "source", "target", "label"), np.stack(steps).astype("f4")),
            "contribution": (("source", "label"), last.astype("f4")),
            "unexplained": ("layer", rng.uniform(0.2, 0.5, len(layers)).astype("f4")),
        },
        coords={
            "label": list(labels),
            "index": ("label", 1 + np.arange(count)),
            "layer": list(layers),
            "source": parts,
            "target": parts[:-1],
        },
        attrs=FACTS | {"layer": layers[-1], "override": override, "n": groups},
    )


def drivers(rng: np.random.Generator, first: int, second: int) -> xr.Dataset:
    """How much each channel of one layer counts for those of another: (channel2, channel1)."""
    return xr.Dataset(
        {"attribution": (("channel2", "channel1"), rng.normal(0, 5, (second, first)).astype("f4"))},
        attrs=FACTS | {"layer1": "mixed4d", "layer2": "mixed5a"},
    )


def activation_grid(
    rng: np.random.Generator, layer: str, grid: tuple[int, int], side: int = 12, crop: int = 2
) -> xr.Dataset:
    """An activation grid whose cells have a colour each, lighter in their left upper quarter."""
    rows, cols = grid
    cells = np.empty((rows, cols, side, side, 3), np.float32)
    cells[:] = rng.uniform(0.1, 0.7, (rows, cols, 1, 1, 3))
    cells[:, :, : side // 2, : side // 2] += 0.25
    # What is left out shows when it is not.
    for edge in (slice(0, crop), slice(side - crop, side)):
        cells[:, :, edge] = cells[:, :, :, edge] = 0
    over = ("row", "col")
    facts = {key: FACTS[key] for key in ("model", "image")}
    return xr.Dataset(
        {
            "cells": ((*over, "y", "x", "rgb"), cells),
            "objective": (over, rng.normal(9, 2, grid).astype("f4")),
            "magnitude": (over, rng.gamma(3, 5, grid).astype("f4")),
            "diverged_step": (over, np.full(grid, -1)),
        },
        coords={"rgb": list("rgb")},
        attrs=facts | {"layer": layer, "method": "coherent", "crop": crop, "size": side},
    )


def write_sprites(folder: Path, layer: str, count: int, tile: int = 6, wrap: int = 4) -> list[Path]:
    """Write a spritemap whose tile n is of one colour, `sprite_colour(n)`; returns its files."""
    sheet = np.zeros((-(-count // wrap) * tile, wrap * tile, 3), np.uint8)
    for channel in range(count):
        row, col = (tile * place for place in divmod(channel, wrap))
        sheet[row : row + tile, col : col + tile] = sprite_colour(channel)
    return write_sprite_sheet(folder / f"{layer}-sprites", sheet, tile, wrap)


def write_sprite_sheet(
    name: Path, sheet: NDArray[np.uint8], tile: int, wrap: int, **facts: object
) -> list[Path]:
    """Write a sheet of sprites and what its tiles are, both called ``name``; returns the files."""
    files = [name.with_suffix(".png"), name.with_suffix(".json")]
    images.write_png(files[0], sheet, provenance.record("spritemap"))
    write_facts(files[1], {"tile": tile, "wrap": wrap, **facts})
    return files


def sprite_colour(channel: int) -> list[int]:
    """The colour of a channel's made-up sprite."""
    return [40 + 17 * channel % 200, 220 - 19 * channel % 180, 30 + 61 * channel % 210]


@written_once
def write_run(
    folder: Path,
    rng: np.random.Generator,
    count: int = 2,
    joint: bool = False,
    labels: Sequence[str] = LABELS,
    compared: Sequence[str] = (LABELS[0], LABELS[1]),
    grids: tuple[tuple[int, int], tuple[int, int]] = ((5, 7), (3, 4)),
    channel_counts: tuple[int, int] = (11, 9),
    size: tuple[int, int] = (80, 112),
) -> tuple[RunRow, PanelFiles]:
    """Write the files of all panels of one run; returns its row, and the files by name."""
    layers = ("mixed4d", "mixed5a")
    made: dict[str, xr.Dataset] = {}
    fit = layers[1] if joint else ""
    by_index = {label: 1 + place for place, label in enumerate(labels)}
    pair = [by_index.get(label, -1) for label in compared] + [-2] * (2 - len(compared))
    chance = classes(rng, 1, 1, labels)
    if not compared:  # the two most probable
        pair = (1 + np.argsort(-chance["probability"].to_numpy(), kind="stable")[:2]).tolist()
    for n, layer, grid, channel_count in zip("12", layers, grids, channel_counts, strict=True):
        made[f"factors{n}"] = factors(rng, layer, grid, count, fit_layer=fit, labels=labels)
        made[f"activations{n}"] = activations(rng, layer, (*grid, channel_count))
        made[f"channels{n}"] = channels(
            rng, layer, channel_count, [(pair[0], pair[1])], labels=labels
        )
    made["groups1"] = neuron_groups(rng, layers[0], grids[0], 4, channel_counts[0], labels)
    made["drivers"] = drivers(rng, *channel_counts)
    made["ablation1"] = ablation(layers[0], grids[0], channel_counts[0], 4, labels)
    scored = [index for index in pair if index >= 0]
    made["scores1"] = scores(layers[0], grids[0], scored, labels)
    files: dict[str, Path] = {"image": folder / "input.png"}
    lists: dict[str, list[Path]] = {}
    lists["grids"] = [folder / f"{layer}-coherent.zarr.zip" for layer in layers]
    for path, layer, grid in zip(lists["grids"], layers, grids, strict=True):
        datasets.write_zarr(path, activation_grid(np.random.default_rng(len(layer)), layer, grid))
    through = ("mixed4a", *layers)
    made["flow"] = flow(through, 4, labels)
    lists["flow_groups"] = [folder / f"groups-{layer}.h5" for layer in through]
    for path, layer, grid in zip(lists["flow_groups"], through, (grids[0], *grids), strict=True):
        own = np.random.default_rng(len(path.name) + grid[0])
        datasets.write_h5(path, neuron_groups(own, layer, grid, 4, 8, labels))
    for override in OVERRIDES:
        of_this = {}
        for n, layer, grid in zip("12", layers, grids, strict=True):
            shown = classes(rng, *grid, labels)
            of_this[f"classes{n}"] = shown.assign_coords(chance.coords)
            of_this[f"classes{n}"].attrs |= {"layer": layer}
        of_this["positions"] = positions(rng, *grids)
        of_this["sanity1"] = sanity(
            np.random.default_rng(len(override)), "mixed4d", override, labels
        )
        for name, dataset in of_this.items():
            dataset.attrs["override"] = override
            path = folder / f"{name}-{override}.h5"
            datasets.write_h5(path, dataset)
            lists.setdefault(f"override_{name}", []).append(path)
            if override == FACTS["override"]:
                files[name] = path
    for name, dataset in made.items():
        zarr = name.startswith("activations")
        files[name] = folder / f"{name}{'.zarr.zip' if zarr else '.h5'}"
        (datasets.write_zarr if zarr else datasets.write_h5)(files[name], dataset)
    write_input(files["image"], input_pixels(*size), FACTS)
    row = FACTS | {"run": "a-run", "layer1": layers[0], "layer2": layers[1]}
    run = RunRow.model_validate(row | {"classes": list(compared), "flow": list(through)})
    return run, PanelFiles({**files, **lists})


def changed_run(run: RunRow, **columns: object) -> RunRow:
    """Return a row of the table of runs with some columns changed."""
    return RunRow.model_validate(run.model_dump() | columns)


def changed_files(files: PanelFiles, **paths: Paths) -> PanelFiles:
    """Return the files of a run with some of them replaced or added."""
    return PanelFiles({**files.paths, **paths})


def write_input(path: Path, pixels: NDArray[np.uint8], facts: dict[str, str]) -> None:
    """Write an input image as the stage does, with where it comes from."""
    images.write_png(path, pixels, {"created_by": "input", **facts})
