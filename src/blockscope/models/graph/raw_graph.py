"""A graph as it was read from a file, before it is brought into normal form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tensorflow.core.framework import graph_pb2

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile, unknown_name


@dataclass(frozen=True)
class Graph:
    """A graph, with the image's input and the output where the file names them.

    Attributes
    ----------
    definition
        The graph.
    input
        The image.
    output
        What holds the labels' values.
    nodes_of
        The inputs' nodes by the names that the file gives these.
    hidden
        Tensors that are no layers: steps inside of what the file has as one operation.
    compared
        With what a converted network was compared, and how much it differs; for the card.
    layers
        The tensors of the layers by their names in the network's own framework, where these are not
        the names of the graph; several where the framework has several of one name.
    given
        All outputs, where nodes that no other reads may be others.
    """

    definition: graph_pb2.GraphDef
    input: str | None = None
    output: str | None = None
    nodes_of: Mapping[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    compared: Mapping[str, str | float] = field(default_factory=dict)
    layers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    given: frozenset[str] = frozenset()


def choose_output(names: Sequence[str], wanted: str | None, source: str) -> int | None:
    """Return the place of an output by its name; None where there are several and none is wanted.

    Raises ``UnknownName`` for one that the file does not have, ``BadFile`` for one of two.
    """
    if wanted is None:
        return 0 if len(names) == 1 else None
    if wanted not in names:
        raise unknown_name("output", wanted, names, "models catalogue: output", source)
    if names.count(wanted) > 1:
        raise BadFile(
            f"{source} has {names.count(wanted)} outputs '{wanted}'; give logits, the tensor, "
            "instead (models catalogue)"
        )
    return names.index(wanted)


def choose_image(
    shapes: Mapping[str, Sequence[int | None] | None], wanted: str | None, source: str
) -> str:
    """Return the name of the input that is the image: ``wanted``, or the only one of four axes.

    ``shapes`` are those of the inputs, None where it is not known.
    """
    if wanted in shapes:
        return str(wanted)
    images = [name for name, shape in shapes.items() if shape is not None and len(shape) == 4]
    if len(shapes) == 1:
        (images,) = [list(shapes)]
    if len(images) != 1:
        listed = ", ".join(
            f"'{name}' " + ("of unknown shape" if shape is None else _words(shape))
            for name, shape in shapes.items()
        )
        raise BadFile(
            f"{source} has {counted(len(shapes), 'input')}, {len(images)} of four axes: {listed}; "
            "give the image as input.tensor, and values for the others by feed (models catalogue)"
        )
    return images[0]


def _words(shape: Sequence[int | None]) -> str:
    sizes = ("any" if size in (None, -1) else str(size) for size in shape)
    return f"({', '.join(sizes)})"
