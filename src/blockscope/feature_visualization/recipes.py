"""Recipes: all the settings of an optimization that decide its image, under a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Transforms:
    """The small random changes that an image is seen through, drawn again at every step.

    Attributes
    ----------
    margin
        Pixels by which the network's view is larger than the image, both sides together.
    jitters
        For each: a shift by 0 to this many whole pixels, minus half of it; the first before scale
        and rotation, the others after them.
    scales
        Factors, of which one is drawn.
    angles
        Degrees, of which one is drawn.
    """

    margin: int = 0
    jitters: tuple[int, ...] = ()
    scales: tuple[float, ...] = (1.0,)
    angles: tuple[float, ...] = (0.0,)


# Lucid's standard set: 12 pixels of grey on each side, jitter 8, scale, rotation (0 six times as
# often as the rest), jitter 4. Source: lucid/optvis/transform.py.
LUCID_TRANSFORMS = Transforms(
    margin=12,
    jitters=(8, 4),
    scales=tuple(1 + (step - 5) / 50 for step in range(11)),
    angles=(*(float(degrees) for degrees in range(-10, 11)), *(0.0,) * 5),
)


@dataclass(frozen=True)
class Recipe:
    """How images are optimized; the defaults are Lucid's.

    Attributes
    ----------
    size
        Side of the image in pixels.
    steps
        Steps of Adam.
    learning_rate
        Of Adam.
    beta1
        Adam's decay of the mean gradient.
    beta2
        Adam's decay of the mean squared gradient.
    weight_decay
        Share by which all parameters shrink at every step; bounds the contrast.
    decay_fraction
        Share of the steps, the last ones, over which the learning rate falls linearly to zero.
    transforms
        See there.
    parameterization
        ``fourier`` (coefficients) or ``pixel`` (values).
    decay_power
        Fourier coefficients are divided by frequency^decay_power.
    init_std
        Standard deviation of the initial parameters.
    alpha
        Whether the image has an opacity.
    alpha_cost
        Share of the objective that a wholly opaque image loses.
    redirected_relu_steps
        First steps in which a ReLU that blocks all of an image's gradient passes it.
    seed
        Of all random numbers.
    name
        That of the recipe it was made from, for provenance; it decides nothing.
    """

    size: int = 128
    steps: int = 512
    learning_rate: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0
    decay_fraction: float = 0.0
    transforms: Transforms = LUCID_TRANSFORMS
    parameterization: str = "fourier"
    decay_power: float = 1.0
    init_std: float = 0.01
    alpha: bool = False
    alpha_cost: float = 0.0
    redirected_relu_steps: int = 16
    seed: int = 0
    name: str = field(default="", compare=False)

    def lr_factor(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0, relative to the recipe's."""
        left, last = self.steps - step, self.decay_fraction * self.steps
        return min(1.0, left / last) if last else 1.0

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, which ``from_dict`` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """Read what ``to_dict`` returned, also after a passage through JSON."""
        transforms: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in dict(data["transforms"]).items()
        }
        return cls(**{**data, "transforms": Transforms(**transforms)})

    def facts(self) -> dict[str, str | int | float]:
        """Return the recipe in words and numbers, for provenance.

        Keys: ``recipe`` (its name, where it is a named one or that of a grid's cells), ``size``,
        ``steps``, ``seed``, and ``recipe_`` with the field for the rest.
        """
        fields = self.to_dict()
        fields |= fields.pop("transforms")
        plain = {key: fields.pop(key) for key in ("size", "steps", "seed")}
        name = fields.pop("name")
        return {
            **({"recipe": name} if name else {}),
            **plain,
            **{f"recipe_{key}": _fact(value) for key, value in fields.items()},
        }


def _fact(value: str | float | tuple[float, ...]) -> str | int | float:
    if isinstance(value, tuple):
        return ",".join(f"{number:.12g}" for number in value)
    return int(value) if isinstance(value, bool) else value


NOTEBOOK_CROP = 2


def cell_crop(recipe: Recipe) -> int:
    """Return how many pixels a grid's image leaves out on each side of a cell: the seldom seen."""
    margin = recipe.transforms.margin
    return NOTEBOOK_CROP if margin >= 0 else -margin // 2
