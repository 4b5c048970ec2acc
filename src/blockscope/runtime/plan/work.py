"""How much a job renders, for the stages whose time follows from their recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blockscope.config.settings import Config
from blockscope.feature_visualization.recipes import find_recipe
from blockscope.feature_visualization.unit_selection import read_numbers
from blockscope.io import provenance
from blockscope.io.errors import BlockscopeError

RENDERING = ("render", "render_groups")
START = 3.0  # seconds before a forked job renders: the network, tracing


def work_to_do(rule: str, name: tuple[str, ...], settings: Config) -> float:
    """Return what a job renders in units of one picture of 64 pixels and 64 steps; 1 for others.

    ``name``: the parts of its benchmark's path below the rule.
    """
    if rule in RENDERING and settings.sprites.recipe != "none":
        recipe = find_recipe(settings.sprites.recipe)
        return _pictures(len(read_numbers(name[-1])), recipe.size, recipe.steps)
    if rule == "cells":
        return _pictures(
            settings.grids.cells_per_step, settings.grids.cell_size, settings.grids.steps
        )
    return 1.0


def work_done(rule: str, name: tuple[str, ...]) -> float | None:
    """Return what a finished job rendered; None where its result is no longer there."""
    if rule not in (*RENDERING, "cells"):
        return 1.0
    *above, last = name
    if rule == "cells":
        model, image = above
        path = Path("results", model, image, "grids", f"{last}.zarr.zip")
    elif rule == "render":
        path = Path("results/models", above[0], "sprites/shards", *above[1:], f"{last}.h5")
    else:
        path = Path("results", *above[:2], "groups/shards", *above[2:], f"{last}.h5")
    try:
        facts: Mapping[str, Any] = provenance.read(path)
        count = int(facts["drawn"]) if rule == "cells" else len(read_numbers(last))
        return _pictures(count, int(facts["size"]), int(facts["steps"]))
    except (BlockscopeError, OSError, KeyError, ValueError):
        return None


def _pictures(count: int, size: int, steps: int) -> float:
    return count * (size / 64) ** 2 * (steps / 64)
