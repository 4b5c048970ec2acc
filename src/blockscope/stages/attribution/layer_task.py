"""What every stage of attribution starts from: a layer of a network at one image, from files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from blockscope.attribution.finite import check_finite
from blockscope.attribution.verification import Floats, verify
from blockscope.autodiff.gradient_overrides import find_override
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io import provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.io.images import read_png
from blockscope.models.card import ModelCard
from blockscope.models.device import software_facts
from blockscope.models.network import Network
from blockscope.stages.attribution.activations import read_activations

Computed = npt.NDArray[np.floating]
CANCELS = (
    "contributions add up to zero everywhere, but for rounding, as they do where a layer is only "
    "read through a normalisation; zeros are written"
)


class LayerFiles(TypedDict):
    """Paths of a network's graph and card, an image, and its activations of the (earlier) layer."""

    graph: FilePath
    card: FilePath
    image: FilePath
    activations: FilePath


@dataclass(frozen=True, eq=False)
class LayerTask:
    """A layer at one image, the tensor that responds to it, and the override of its gradients.

    Attributes
    ----------
    card
        The model's card.
    network
        The model's network.
    facts
        Provenance of the image.
    values
        Network input, (1, row, col, rgb).
    activations
        Those of the layer, (row, col, channel), as in their file.
    layer
        Name of the layer.
    target
        Name of a later layer, or of the logits.
    override
        Name of the gradient override.
    """

    card: ModelCard
    network: Network
    facts: provenance.Facts
    values: npt.NDArray[np.float32]
    activations: npt.NDArray[np.float32]
    layer: str
    target: str
    override: str

    @classmethod
    def read(
        cls,
        *,
        graph: FilePath,
        card: FilePath,
        image: FilePath,
        activations: FilePath,
        layer: str,
        override: str = "none",
        later: str | None = None,
    ) -> LayerTask:
        """Read the files of a layer; the target is the layer ``later``, or the logits without one.

        Raises ``BadFile`` if ``later`` is not computed from ``layer`` or the activations are of
        another layer or image, ``UnknownName`` for a layer that the model does not have.
        """
        model = ModelCard.read(card)
        model.layer(layer)
        if later is not None and not model.is_after(later, layer):
            raise BadFile(
                f"layer2 '{later}' is not computed from layer1 '{layer}' in model '{model.model}'; "
                "layer2 must come after layer1"
            )
        pixels, facts = read_png(image)
        origin = _origin(model, facts, layer)
        network = Network.load(graph, model)
        return cls(
            card=model,
            network=network,
            facts=facts,
            values=network.values(pixels),
            activations=read_activations(activations, origin),
            layer=layer,
            target=later or model.logits,
            override=override,
        )

    @property
    def to_logits(self) -> bool:
        """Whether the target is the logits."""
        return self.target == self.card.logits

    @property
    def origin(self) -> dict[str, object]:
        """The facts that other files of this layer and image have."""
        return _origin(self.card, self.facts, self.layer)

    def linear(self) -> LinearMap:
        """Linearise the target's response to the layer; evaluates the network once.

        Raises ``BadFile`` if the target is not finite.
        """
        rules = find_override(self.override)
        linear = LinearMap(
            self.network, self.values, self.layer, self.target, rules, self.activations
        )
        check_finite(f"'{self.target}' of model '{self.card.model}'", linear.output.numpy())
        return linear

    def gradients(self) -> Gradients:
        """Return the target's gradients at any values of the layer; evaluates the network once."""
        rules = find_override(self.override)
        return Gradients(
            self.network, self.values, self.layer, self.target, rules, self.activations
        )

    def check_finite(self, what: str, array: Computed) -> None:
        """Raise ``BadFile`` if entries of a result, called ``what``, are not finite."""
        between = f"from '{self.target}' to '{self.layer}'"
        where = f"at layer '{self.layer}'" if self.to_logits else between
        check_finite(f"{what} {where} of model '{self.card.model}'", array)

    def verify(self, what: str, found: Computed, terms: Floats, axes: tuple[int, ...]) -> bool:
        """Compare a mix of a result with TensorFlow's gradient; see ``attribution.verification``.

        Says on standard error, and returns, whether the result is zero by mathematics.
        """
        name = f"{what} at layer '{self.layer}' of model '{self.card.model}'"
        cancels = verify(name, found, terms, axes)
        if cancels:
            tqdm.write(f"{name}: {CANCELS}", file=sys.stderr)
        return cancels

    def verified(
        self,
        attribution: Computed,
        mixed: Computed,
        terms: Floats,
        axes: tuple[int, ...],
        what: str = "attribution",
    ) -> tuple[Computed, dict[str, int]]:
        """Return an attribution, called ``what``, whose mix is right, and what its record says.

        That is ``cancels`` where it is zero by mathematics: zeros then stand for rounding noise.
        """
        if self.verify(what, mixed, terms, axes):
            return np.zeros_like(attribution), {"cancels": 1}
        return attribution, {}

    def rows(self, contrasts: Sequence[str], methods: Sequence[str]) -> list[dict[str, str]]:
        """Return rows of the table of runs that ask for contrasts at this layer, and no others."""
        names = [layer.name for layer in self.card.layers]
        pairs = [(self.layer, name) for name in names if self.card.is_after(name, self.layer)]
        pairs += [(name, self.layer) for name in names if self.card.is_after(self.layer, name)]
        if not pairs:  # no run can show the only layer of a network
            return []
        layer1, layer2 = pairs[0]
        row = {
            "model": self.card.model,
            "image": str(self.facts["image"]),
            "layer1": layer1,
            "layer2": layer2,
            "override": self.override,
            "methods": ",".join(methods),
            "panels": "factors",
        }
        return [
            {"run": f"contrast-{number}", **row, "classes": contrast}
            for number, contrast in enumerate(contrasts)
        ]

    def record(self, stage: str, **facts: str | int | float | None) -> provenance.Facts:
        """Return the provenance of a result: model, image, layers, override and ``facts``."""
        layers = {"layer": self.layer}
        if not self.to_logits:
            layers = {"layer1": self.layer, "layer2": self.target}
        known = {**provenance.inherited(self.facts), **layers, "override": self.override, **facts}
        return provenance.record(stage, software_facts(), **known)


def _origin(card: ModelCard, facts: provenance.Facts, layer: str) -> dict[str, object]:
    known = {key: facts.get(key) for key in ("image", "image_sha256")}
    return {"model": card.model, "graph_sha256": card.graph_sha256, **known, "layer": layer}
