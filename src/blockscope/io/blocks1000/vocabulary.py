"""The thousand labels: ten colours x ten fills x ten shapes, such as "red striped star"."""

from __future__ import annotations

from typing import Final, NamedTuple

from blockscope.io.errors import UnknownName, unknown_name

SHAPES: Final = (
    "circle",
    "square",
    "triangle",
    "star",
    "heart",
    "cross",
    "ring",
    "moon",
    "arrow",
    "flower",
)
FILLS: Final = (
    "solid",
    "framed",
    "striped",
    "checkered",
    "dotted",
    "gridded",
    "rippled",
    "rayed",
    "zigzag",
    "faded",
)
# sRGB, 0..255; far apart in hue or lightness, and all darker than the white next to them
COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (206, 32, 41),
    "orange": (244, 118, 22),
    "yellow": (246, 200, 18),
    "green": (58, 158, 62),
    "teal": (18, 165, 170),
    "blue": (34, 84, 196),
    "purple": (122, 54, 166),
    "pink": (240, 118, 170),
    "brown": (122, 72, 38),
    "black": (44, 44, 50),
}
# values of each head of the network; a label's logit is the sum of one value from each
HEADS: Final = (len(SHAPES), len(FILLS), len(COLOURS))


class Kind(NamedTuple):
    """The look of a block: positions in SHAPES, FILLS and COLOURS."""

    shape: int
    fill: int
    colour: int


def label_of(kind: Kind) -> int:
    """Return the label (position in the logits, 0..999) of a kind of block."""
    return (kind.shape * len(FILLS) + kind.fill) * len(COLOURS) + kind.colour


def kind_of(label: int) -> Kind:
    """Return the kind of block of a label (0..999); the inverse of `label_of`."""
    if not 0 <= label < len(SHAPES) * len(FILLS) * len(COLOURS):
        raise UnknownName(f"blocks1000 has no label {label}; valid: 0 to 999")
    rest, colour = divmod(label, len(COLOURS))
    shape, fill = divmod(rest, len(FILLS))
    return Kind(shape, fill, colour)


def name_of(kind: Kind) -> str:
    """Return the name of a kind of block: colour, fill, shape."""
    return f"{tuple(COLOURS)[kind.colour]} {FILLS[kind.fill]} {SHAPES[kind.shape]}"


LABELS: Final = tuple(name_of(kind_of(label)) for label in range(1000))


def kind_named(name: str) -> Kind:
    """Return the kind of block named "colour fill shape"."""
    if name not in LABELS:
        raise unknown_name("block", name, LABELS)
    return kind_of(LABELS.index(name))
