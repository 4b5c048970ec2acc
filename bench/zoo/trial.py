"""One network of the zoo at one image, compared with what its own framework says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from bench.zoo.original import TOLERANCE, Array, Original, attribution, difference
from blockscope.attribution.all_labels import attribute_labels
from blockscope.attribution.contrasts import Contrast
from blockscope.attribution.integrated_gradients import ChannelPaths
from blockscope.attribution.positions import attribute_positions
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.feature_visualization.named_recipes import FEWEST_STEPS
from blockscope.feature_visualization.recipes import Transforms
from blockscope.feature_visualization.sprites import render_sprites
from blockscope.feature_visualization.units import channels
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.network import Network
from blockscope.stages.network.model import write_model

RIGHT = 1e-4  # the largest relative difference of what is right
DEPTHS = (0.15, 0.5, 0.85)  # early, middle, late, as a share of the layers that both sides have
CONTRAST = Contrast(0, 1)
SPRITE_STEPS = 64
NONE = OVERRIDES["none"]
Errors = dict[str, float]


def read(original: Original, folder: Path) -> tuple[Network, ModelCard]:
    """Bring a network into normal form as the workflow does."""
    labels, graph, path = (folder / name for name in ("labels.txt", "graph.pb", "model.json"))
    labels.write_text("".join(f"label {i}\n" for i in range(len(original.logits(0)))))
    entry = ModelEntry.model_validate({
        "graph": {"path": str(original.file)},
        "labels": {"path": str(labels)},
        "input": {"size": [original.size] * 2, "preprocessing": original.preprocessing},
    })  # fmt: skip
    name = original.file.stem
    write_model(entry=entry, name=name, graph_path=graph, card_path=path, downloads=folder)
    card = ModelCard.read(path)
    return Network.load(graph, card), card


class Trial:
    """A network at one image.

    Attributes
    ----------
    layers
        The layers that both sides have: name of the original, our name.
    theirs
        Their values by the original, (row, col, channel), by its names.
    """

    def __init__(self, original: Original, network: Network, card: ModelCard, number: int) -> None:
        """Find the layers that both sides have, by their values."""
        self.original, self.network, self.number = original, network, number
        self.given = network.values(original.image(number))
        names = [layer.name for layer in card.layers]
        found = network.run({network.spec.tensor: self.given}, [*names, network.logits])
        self._logits = found.pop(network.logits).numpy()[0]
        self.theirs = dict(original.activations(number))
        ours = {name: value.numpy()[0] for name, value in found.items()}
        nearest = {name: _nearest(value, ours) for name, value in self.theirs.items()}
        self.layers = {name: layer for name, layer in nearest.items() if layer}

    def chosen(self) -> list[str]:
        """Return an early, a middle and a late layer, by the original's names."""
        names = list(self.layers)
        return list(dict.fromkeys(names[int(share * len(names))] for share in DEPTHS))

    def middle(self) -> str:
        """Return the middle layer, by the original's name."""
        return self.chosen()[len(self.chosen()) // 2]

    def errors(self) -> Errors:
        """Return the largest difference by quantity, relative to the largest value."""
        if not self.layers:
            return {"activations": float("inf")}
        each = [{"logits": difference(self._logits, self.original.logits(self.number))}]
        each += [self._at(name) for name in self.chosen()]
        each.append(self._between(self.middle(), list(self.layers)[-1]))
        return _largest(each)

    def _at(self, name: str) -> Errors:
        layer, value = self.layers[name], self.theirs[name]
        gradients = self.original.gradients(self.number, name)
        expected = attribution(gradients, value)
        linear = LinearMap(self.network, self.given, layer, self.network.logits, NONE)
        errors = {"activations": difference(linear.value.numpy()[0], value)}
        for mode in Mode:
            found = attribute_labels(linear, range(len(expected)), mode=mode)
            errors[mode.value] = difference(found, expected)
        paths = self._paths(layer, CONTRAST)
        slope = gradients[CONTRAST.a] - gradients[CONTRAST.b]
        errors["channels"] = difference(paths.linear().values[0], (slope * value).sum((0, 1)))
        return errors

    def _paths(self, layer: str, contrast: Contrast) -> ChannelPaths:
        place = (self.network, self.given, layer, self.network.logits, NONE)
        return ChannelPaths(Gradients(*place), [contrast])

    def completeness(self) -> float:
        """Return the completeness error of integrated gradients, largest minus smallest logit.

        At the late layer: from an earlier one the path of a network with random weights crosses so
        many kinks that it takes thousands of points.
        """
        contrast = Contrast(int(self._logits.argmax()), int(self._logits.argmin()))
        paths = self._paths(self.layers[self.chosen()[-1]], contrast)
        return float(abs(paths.completeness_error(paths.path(TOLERANCE).values)[0]))

    def sprite(self) -> tuple[float, float]:
        """Return the objective of a channel before the first step of its sprite, and after them.

        Without transforms: what a network with random weights responds to need not survive them.
        The channel of the middle layer that is the median at the image, of those that respond.
        """
        name = self.middle()
        strength = self.theirs[name].mean((0, 1))
        alive = [int(one) for one in strength.argsort() if strength[one] > 0]
        chosen = alive[len(alive) // 2] if alive else 0
        units = channels(self.layers[name], len(strength))
        margin = FEWEST_STEPS.transforms.margin  # so that views have the network's size
        recipe = replace(
            FEWEST_STEPS, size=self.original.size - margin, transforms=Transforms(margin)
        )
        found = []
        for steps in (1, 1 + SPRITE_STEPS):  # the objective is that before the last step
            done = render_sprites(
                self.network, units, replace(recipe, steps=steps), [chosen], memory_mb=1
            )
            found.append(float(done["objective"][0]))
        return found[0], found[1]

    def _between(self, name: str, later: str) -> Errors:
        """Compare the attribution of the centre of a later layer to the positions of a layer."""
        gradient = self.original.length_gradient(self.number, name, later)
        if gradient is None or name == later:
            return {}
        expected = attribution(gradient[None], self.theirs[name])[0]
        linear = LinearMap(self.network, self.given, self.layers[name], self.layers[later], NONE)
        found = attribute_positions(linear)
        rows, cols = found.shape[:2]
        return {"positions": difference(found[rows // 2, cols // 2], expected)}


def is_right(errors: Mapping[str, float]) -> bool:
    """Tell whether all differences are small."""
    return all(error <= RIGHT for error in errors.values())


def _nearest(value: Array, ours: Mapping[str, Array]) -> str | None:
    """Return our layer of equal values; of several, the last."""
    same = {name: found for name, found in ours.items() if found.shape == value.shape}
    equal = [name for name, found in same.items() if difference(found, value) <= RIGHT]
    return equal[-1] if equal else None


def _largest(each: Iterable[Errors]) -> Errors:
    joined: Errors = {}
    for errors in each:
        for what, error in errors.items():
            joined[what] = max(joined.get(what, 0.0), error)
    return joined
