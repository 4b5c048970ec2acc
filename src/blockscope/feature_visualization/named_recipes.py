"""The named recipes, of which the config chooses one.

Apart from what a recipe is, so that a changed recipe renders nothing again that another one made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from blockscope.feature_visualization.recipes import LUCID_TRANSFORMS, Recipe, Transforms
from blockscope.io.errors import unknown_name

# Lucid's standard set with every move half as far.
HALF_TRANSFORMS = Transforms(
    margin=12,
    jitters=(4, 2),
    scales=tuple((1 + scale) / 2 for scale in LUCID_TRANSFORMS.scales),
    angles=tuple(degrees / 2 for degrees in LUCID_TRANSFORMS.angles),
)
# Reaches a given held-out objective in the fewest steps (found by trial): small betas let Adam
# follow a landscape that changes with the image; a larger decay power leaves less to the high
# frequencies; smaller moves change the gradient less from step to step.
FEWEST_STEPS = Recipe(
    learning_rate=0.1, beta1=0.5, beta2=0.8, decay_power=1.25, transforms=HALF_TRANSFORMS
)
# For images that people look at: the decay power and the larger jitter suppress noise of high
# frequency; weight decay keeps colours from becoming all black, white and pure; the falling
# learning rate removes grain and raises the held-out objective too.
FOR_VIEWING = replace(
    FEWEST_STEPS, learning_rate=0.04, decay_power=1.75, weight_decay=0.03, decay_fraction=0.5
)

_RECIPES = {
    "draft": replace(
        FOR_VIEWING, size=64, steps=64, transforms=replace(LUCID_TRANSFORMS, jitters=(8, 8))
    ),
    "paper": replace(
        FOR_VIEWING, steps=192, transforms=replace(LUCID_TRANSFORMS, jitters=(16, 16))
    ),
    "lucid": Recipe(),
}
RECIPES: Mapping[str, Recipe] = {
    name: replace(recipe, name=name) for name, recipe in _RECIPES.items()
}


def find_recipe(name: str, where: str = "") -> Recipe:
    """Return a recipe by its name; raises ``UnknownName`` that lists the valid ones."""
    try:
        return RECIPES[name]
    except KeyError:
        raise unknown_name("recipe", name, RECIPES, where) from None


# Outer share of a cell, on each of its sides, that the network sees only where a transform brings
# it into view. A view that reaches beyond the cell would see the image's edge, which attracts what
# the cell shows.
UNSEEN = 8  # one part in so many
NOTEBOOK = "lucid"


def cell_recipe(name: str, size: int, steps: int, seed: int) -> Recipe:
    """Return a recipe for the cells of an activation grid, opaque, of ``size`` pixels.

    The network sees less than a cell; with the recipe ``lucid`` more, as in the notebook. Raises
    ``UnknownName`` for an unknown recipe.
    """
    found = find_recipe(name, "key grids.recipe of the config")
    transforms = found.transforms
    if name != NOTEBOOK:
        transforms = replace(transforms, margin=-2 * (size // UNSEEN))
    return replace(
        found, size=size, steps=steps, seed=seed, transforms=transforms, alpha=False, alpha_cost=0.0
    )
