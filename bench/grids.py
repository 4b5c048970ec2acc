"""Activation grids, plain and coherent: likeness of neighbouring cells, objective and cost.

The objective is the mean under unseen transforms. The coherent grid is rendered twice: with as many
steps as the plain one, each of which changes only some cells, and with as many passes through the
network.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from blockscope.feature_visualization.recipes import Recipe
    from blockscope.models.network import Network

LAYER, CELL_SIZE = "mixed4d", 48
NEURON_GROUPS, CELLS_PER_STEP, COSINE_POWER = 6, 64, 2.0
SCENE = Path("src/blockscope/resources/scenes/two.png")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument(
        "--grid-steps", type=int, default=48, help="steps of each cell of the plain grid"
    )
    parser.add_argument("--grid-recipe", default="draft", help="recipe of the cells")


def run(options: argparse.Namespace) -> None:
    """Print how cells of each grid differ, their objective and seconds, then the cost of a step."""
    import numpy as np

    from blockscope.feature_visualization.activation_grid import activation_grid
    from blockscope.feature_visualization.named_recipes import cell_recipe
    from blockscope.io.images import read_image
    from studies.blocks1000.scoring import load

    network = load(Path("src/blockscope/resources/blocks1000/graph.pb"))
    values = network.values(np.array(read_image(SCENE)))
    seen = network.run({network.spec.tensor: values}, [LAYER])[LAYER].numpy()[0]
    cells = seen.shape[0] * seen.shape[1]
    steps = options.grid_steps
    recipe = cell_recipe(options.grid_recipe, CELL_SIZE, steps, seed=0)
    print(
        f"Activation grids of {LAYER}, {SCENE.name}: {cells} cells of {CELL_SIZE} px, "
        f"recipe {options.grid_recipe}"
    )
    first = None
    for method, taken in (
        ("plain", steps),
        ("coherent", steps),
        ("coherent", round(steps * cells / CELLS_PER_STEP)),
    ):
        began = time.perf_counter()
        chosen = replace(recipe, steps=taken)
        grid = activation_grid(
            network,
            LAYER,
            seen,
            chosen,
            method,
            neuron_groups=NEURON_GROUPS,
            cells_per_step=CELLS_PER_STEP,
            cosine_power=COSINE_POWER,
        )
        seconds = time.perf_counter() - began
        passes = taken * (cells if method == "plain" else CELLS_PER_STEP)
        difference, objective = neighbour_difference(grid.cells), float(grid.objective.mean())
        first = first or (difference, objective)
        print(
            f"  {method:8} {taken:4d} steps, {passes:6d} passes {seconds:6.1f} s"
            f"   neighbours differ by {difference:.4f} ({difference / first[0]:.2f} of plain)"
            f"   objective {objective:7.3f} ({objective / first[1] - 1:+.1%})",
            flush=True,
        )
    _cost(network, seen, recipe)


def neighbour_difference(cells: npt.NDArray[np.float32]) -> float:
    """Return the mean absolute difference of neighbouring cells (row, col, y, x, rgb)."""
    import numpy as np

    pairs = [np.abs(np.diff(cells, axis=axis)).ravel() for axis in (0, 1)]
    return float(np.concatenate(pairs).mean())


def _cost(network: Network, seen: npt.NDArray[np.float32], recipe: Recipe) -> None:
    """Print the fastest of twenty steps, for more cells and for more cells per step, in turns."""
    import numpy as np

    from blockscope.feature_visualization.activation_grid import group_weights
    from blockscope.feature_visualization.coherent_grid import CoherentGrid

    warm = 3
    recipe = replace(recipe, steps=warm + 20, redirected_relu_steps=0)
    cases = [(1, 32), (4, 32), (1, 64)]
    runs, cheapest = [], [np.inf] * len(cases)
    for times, cells_per_step in cases:
        wide = np.tile(seen, (1, times, 1))
        vectors, weights = wide.reshape(-1, wide.shape[2]), group_weights(wide, NEURON_GROUPS)
        given = LAYER, vectors, weights, cells_per_step, recipe
        runs.append(CoherentGrid(network, *given, cosine_power=COSINE_POWER).run())
    for step in range(recipe.steps):
        for place, steps in enumerate(runs):
            began = time.process_time()
            next(steps)
            if step >= warm:
                cheapest[place] = min(cheapest[place], time.process_time() - began)
    for (times, cells_per_step), seconds in zip(cases, cheapest, strict=True):
        cells = times * seen.shape[0] * seen.shape[1]
        print(
            f"  a step of {cells_per_step} of {cells} cells: {1e3 * seconds:.0f} ms CPU",
            flush=True,
        )
