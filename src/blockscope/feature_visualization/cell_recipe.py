"""How the cells of an activation grid are rendered: as by a recipe of the sprites, with changes."""

from __future__ import annotations

from dataclasses import replace

from blockscope.feature_visualization.recipes import Recipe, find_recipe

# One part in so many of a cell, on each of its sides, is seen only where a transform brings it into
# view. A view that reaches beyond the cell sees the picture's edge, and what it shows lies there.
AROUND = 8
NOTEBOOK, NOTEBOOK_CROP = "lucid", 2


def cell_recipe(name: str, size: int, steps: int, seed: int) -> Recipe:
    """Return a recipe for cells of ``size`` pixels, opaque.

    The network sees less than a cell, but with the notebook's recipe more, as there. Raises
    ``UnknownName`` for an unknown recipe.
    """
    found = find_recipe(name, "key grids.recipe of the settings")
    moves = found.transforms
    if name != NOTEBOOK:
        moves = replace(moves, margin=-2 * (size // AROUND))
    return replace(
        found, size=size, steps=steps, seed=seed, transforms=moves, alpha=False, alpha_cost=0.0
    )


def crop_of(recipe: Recipe) -> int:
    """Return how many pixels a drawing leaves out on each side of a cell: those seldom seen."""
    margin = recipe.transforms.margin
    return NOTEBOOK_CROP if margin >= 0 else -margin // 2
