"""What a stage of attribution starts from: a layer of a network at one picture, read from files."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from blockscope.attribution.activations import read_activations
from blockscope.autodiff.gradient_overrides import find_override
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import provenance
from blockscope.io.errors import BadFile
from blockscope.io.images import read_input
from blockscope.models.card import ModelCard
from blockscope.models.network import Network


@dataclass(frozen=True, eq=False)
class LayerTask:
    """A layer at one picture, the tensor that responds to it, and the override of its gradients.

    ``values``: the network's input (1, row, col, rgb). ``held``: the layer's activations (row, col,
    channel), as its file has them. ``facts``: where the picture comes from. ``target``: a later
    layer, or the logits.
    """

    card: ModelCard
    facts: provenance.Facts
    network: Network
    values: npt.NDArray[np.float32]
    held: npt.NDArray[np.float32]
    layer: str
    target: str
    override: str

    @classmethod
    def read(
        cls,
        graph_path: str | os.PathLike[str],
        card_path: str | os.PathLike[str],
        input_path: str | os.PathLike[str],
        activations_path: str | os.PathLike[str],
        layer: str,
        override: str,
        later: str | None = None,
    ) -> LayerTask:
        """Read the files; ``activations_path``: those of ``layer``; ``later``: None for the logits.

        Raises ``BadFile`` where ``later`` is not computed from ``layer``, and ``UnknownName`` for a
        layer that the model does not have.
        """
        card = ModelCard.read(card_path)
        card.layer(layer)
        if later is not None and not card.is_after(later, layer):
            raise BadFile(
                f"layer2 '{later}' is not computed from layer1 '{layer}' in model '{card.model}'; "
                "layer2 must come after layer1"
            )
        picture, facts = read_input(input_path)
        network = Network.load(graph_path, card)
        held = read_activations(activations_path)
        target = card.logits if later is None else later
        values = network.values(picture)
        return cls(card, facts, network, values, held, layer, target, override)

    @property
    def to_logits(self) -> bool:
        """Tell whether the target is the logits."""
        return self.target == self.card.logits

    def linear(self) -> LinearMap:
        """Linearise the target's response to the layer; evaluates the network once."""
        rules = find_override(self.override)
        return LinearMap(self.network, self.values, self.layer, self.target, rules, self.held)

    def gradients(self) -> Gradients:
        """Return the target's gradients at any values of the layer; evaluates the network once."""
        rules = find_override(self.override)
        return Gradients(self.network, self.values, self.layer, self.target, rules, self.held)

    def check_finite(self, what: str, array: npt.NDArray[np.floating]) -> None:
        """Raise ``BadFile`` where entries of a result, named by ``what``, are not finite."""
        wrong = np.count_nonzero(~np.isfinite(array))
        if wrong:
            between = f"from '{self.target}' to '{self.layer}'"
            where = f"at layer '{self.layer}'" if self.to_logits else between
            raise BadFile(
                f"{what} {where} of model '{self.card.model}' is not finite in {wrong} of "
                f"{array.size} entries; check the model's weights and input range (models "
                "catalogue)"
            )

    def record(self, stage: str, **facts: str | int | float | None) -> provenance.Facts:
        """Return the provenance of a result: model, picture, layers, override and ``facts``."""
        layers = {"layer": self.layer}
        if not self.to_logits:
            layers = {"layer1": self.layer, "layer2": self.target}
        origin = provenance.inherited(self.facts)
        return provenance.record(stage, **{**origin, **layers, "override": self.override, **facts})
