"""How cells are rendered: as sprites are, but seen without a border; as in the notebook by its."""

from __future__ import annotations

from dataclasses import replace

import pytest

from blockscope.feature_visualization.named_recipes import RECIPES, cell_recipe
from blockscope.feature_visualization.recipes import LUCID_TRANSFORMS, cell_crop
from blockscope.io.errors import UnknownName


@pytest.mark.parametrize(
    ("size", "seen", "crop"), [(48, 36, 6), (41, 31, 5), (10, 8, 1), (7, 7, 2)]
)
@pytest.mark.parametrize("name", ["draft", "paper"])
def test_the_network_sees_the_middle_of_a_cell(name, size, seen, crop):
    recipe = cell_recipe(name, size, 9, 3)
    assert (recipe.size, recipe.steps, recipe.seed) == (size, 9, 3)
    assert recipe.size + recipe.transforms.margin == seen
    assert cell_crop(recipe) == crop
    assert recipe.transforms.jitters == RECIPES[name].transforms.jitters


def test_the_notebook_s_recipe_is_as_there():
    recipe = cell_recipe("lucid", 48, 1024, 0)
    assert recipe == replace(RECIPES["lucid"], size=48, steps=1024)
    assert recipe.transforms == LUCID_TRANSFORMS
    assert cell_crop(recipe) == 2


def test_cells_are_opaque(monkeypatch):
    clear = replace(RECIPES["paper"], alpha=True, alpha_cost=0.5)
    monkeypatch.setattr("blockscope.feature_visualization.named_recipes.RECIPES", {"clear": clear})
    recipe = cell_recipe("clear", 48, 9, 0)
    assert (recipe.alpha, recipe.alpha_cost) == (False, 0.0)


def test_an_unknown_recipe_is_told_with_the_valid_ones():
    with pytest.raises(
        UnknownName, match=r"'drafty'; valid: draft, paper, lucid \(key grids.recipe"
    ):
        cell_recipe("drafty", 48, 9, 0)
