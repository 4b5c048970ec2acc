"""Names of result files that carry more than an id."""

from __future__ import annotations

from blockscope.config.settings import FactorChoice

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
