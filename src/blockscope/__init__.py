"""The Building Blocks of Interpretability as a workflow."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blockscope.attribution.all_labels import attribute_labels as attribute_labels
    from blockscope.attribution.contrasts import find_contrasts as find_contrasts
    from blockscope.attribution.factors import factorise as factorise
    from blockscope.attribution.factors import positive_part as positive_part
    from blockscope.attribution.grad_x_activation import attribute_channels as attribute_channels
    from blockscope.attribution.group_effects import attribute_groups as attribute_groups
    from blockscope.attribution.integrated_gradients import ChannelPaths as ChannelPaths
    from blockscope.attribution.layer_scores import LayerScores as LayerScores
    from blockscope.attribution.neuron_groups import group_neurons as group_neurons
    from blockscope.attribution.positions import attribute_positions as attribute_positions
    from blockscope.autodiff.gradient_overrides import find_override as find_override
    from blockscope.autodiff.gradients import Gradients as Gradients
    from blockscope.autodiff.linear_map import LinearMap as LinearMap
    from blockscope.feature_visualization.named_recipes import find_recipe as find_recipe
    from blockscope.feature_visualization.sprites import render_sprites as render_sprites
    from blockscope.feature_visualization.units import channels as channels
    from blockscope.feature_visualization.units import directions as directions
    from blockscope.feature_visualization.units import neurons as neurons
    from blockscope.io.errors import BlockscopeError as BlockscopeError
    from blockscope.models.card import ModelCard as ModelCard
    from blockscope.models.network import Network as Network
    from blockscope.stages.result_files import load as load

__version__ = "0.2.0"

# Imported when they are first used: most need TensorFlow, which takes seconds.
_PUBLIC = {
    "attribution.contrasts": ["find_contrasts"],
    "attribution.factors": ["factorise", "positive_part"],
    "attribution.grad_x_activation": ["attribute_channels"],
    "attribution.group_effects": ["attribute_groups"],
    "attribution.integrated_gradients": ["ChannelPaths"],
    "attribution.all_labels": ["attribute_labels"],
    "attribution.layer_scores": ["LayerScores"],
    "attribution.neuron_groups": ["group_neurons"],
    "attribution.positions": ["attribute_positions"],
    "autodiff.gradient_overrides": ["find_override"],
    "autodiff.gradients": ["Gradients"],
    "autodiff.linear_map": ["LinearMap"],
    "feature_visualization.named_recipes": ["find_recipe"],
    "feature_visualization.sprites": ["render_sprites"],
    "feature_visualization.units": ["channels", "directions", "neurons"],
    "io.errors": ["BlockscopeError"],
    "models.card": ["ModelCard"],
    "models.network": ["Network"],
    "stages.result_files": ["load"],
}
_MODULE_OF = {name: module for module, names in _PUBLIC.items() for name in names}
__all__ = sorted(_MODULE_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
