"""Recipes: everything that decides what a rendered picture looks like, under a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from blockscope.io.errors import unknown_name


@dataclass(frozen=True)
class Transforms:
    """The small changes that a picture has to survive, drawn anew at every step.

    ``margin``      pixels by which the network's view is larger than the picture, both sides
                    together
    ``jitters``     for each: a shift by a whole number of pixels, 0 to this one, less its middle;
                    the first before scale and rotation, the rest after them
    ``scales``      factors, one is drawn
    ``angles``      degrees, one is drawn
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
    """How pictures are rendered.

    ``size``        side of the picture in pixels
    ``steps``       updates of the picture
    ``rate``        size of an update, as Adam takes it
    ``momentum``    how much of the last steps' direction is kept, as Adam takes it
    ``memory``      the same for the size of the gradient
    ``shrink``      share by which all numbers shrink at every step: bounds the contrast
    ``cooled``      share of the steps, the last ones, in which updates become smaller, evenly down
                    to nothing
    ``transforms``  see there
    ``space``       what is changed: ``fourier`` coefficients, or ``pixel`` values
    ``decay``       how much smaller high frequencies begin and move: divided by frequency^decay
    ``spread``      standard deviation of the start
    ``alpha``       whether the picture has a transparency
    ``alpha_cost``  share of the objective that a wholly opaque picture loses
    ``redirected``  first steps in which a ReLU that lets nothing through is passed all the same
    ``seed``        of all random numbers
    """

    size: int = 128
    steps: int = 512
    rate: float = 0.05
    momentum: float = 0.9
    memory: float = 0.999
    shrink: float = 0.0
    cooled: float = 0.0
    transforms: Transforms = LUCID_TRANSFORMS
    space: str = "fourier"
    decay: float = 1.0
    spread: float = 0.01
    alpha: bool = False
    alpha_cost: float = 0.0
    redirected: int = 16
    seed: int = 0

    def pace(self, step: int) -> float:
        """Return the size of an update at a step, counted from 0, beside that of the first."""
        left, last = self.steps - step, self.cooled * self.steps
        return min(1.0, left / last) if last else 1.0

    def plain(self) -> dict[str, Any]:
        """Return the recipe as plain data, which ``from_plain`` reads."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Recipe:
        """Read what ``plain`` returned, also after a passage through JSON."""
        transforms: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in dict(data["transforms"]).items()
        }
        return cls(**{**data, "transforms": Transforms(**transforms)})


# Lucid's standard set with every move half as far.
HALF_TRANSFORMS = Transforms(
    margin=12,
    jitters=(4, 2),
    scales=tuple((1 + scale) / 2 for scale in LUCID_TRANSFORMS.scales),
    angles=tuple(degrees / 2 for degrees in LUCID_TRANSFORMS.angles),
)
# Found by trying: what the judge sees rises in fewer steps than with Lucid's constants. A short
# memory lets Adam follow a landscape that changes as the picture does; a larger decay leaves less
# to the high frequencies; smaller moves change the gradient less from step to step.
QUICK = Recipe(rate=0.1, momentum=0.5, memory=0.8, decay=1.25, transforms=HALF_TRANSFORMS)
# To be looked at: no noise of high frequency, because of the decay and the larger jitter; colours
# that are not all black, white and pure, because the numbers shrink; no grain, because the updates
# become small in the end, which the judge likes too.
CLEAR = replace(QUICK, rate=0.04, decay=1.75, shrink=0.03, cooled=0.5)

RECIPES: Mapping[str, Recipe] = {
    "draft": replace(
        CLEAR, size=64, steps=64, transforms=replace(LUCID_TRANSFORMS, jitters=(8, 8))
    ),
    "paper": replace(CLEAR, steps=192, transforms=replace(LUCID_TRANSFORMS, jitters=(16, 16))),
    "lucid": Recipe(),
}


def find_recipe(name: str, where: str = "") -> Recipe:
    """Return a recipe by its name; raises ``UnknownName`` that lists the valid ones."""
    try:
        return RECIPES[name]
    except KeyError:
        raise unknown_name("recipe", name, RECIPES, where) from None
