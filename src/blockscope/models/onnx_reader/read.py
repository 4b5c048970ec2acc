"""Reading an ONNX classifier as a frozen TensorFlow graph."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tensorflow.core.framework import graph_pb2

from blockscope.io.errors import BadFile
from blockscope.models.card import InputSpec
from blockscope.models.graph.graphs import tensor_name
from blockscope.models.network import Network
from blockscope.models.onnx_reader.builder import OUTSIDE, Builder
from blockscope.models.onnx_reader.comparison import (
    MOST,
    MOST_ROUNDING,
    OF_ROUNDING,
    Compared,
    largest_difference,
    other_outputs,
    outputs_of,
    own_difference,
)
from blockscope.models.onnx_reader.file import open_onnx, opset_of
from blockscope.models.onnx_reader.names import clean, free_name, layer_names
from blockscope.models.onnx_reader.tensor import MAP, Shape, Tensor, wide
from blockscope.models.onnx_reader.walk import walk

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Converted:
    """An ONNX network as a TensorFlow graph.

    Attributes
    ----------
    definition
        The graph, from (image, row, col, channel) on.
    input
        Its placeholder.
    outputs
        The tensors of the outputs, by their names in the file.
    hidden
        Tensors that are no layers: steps inside of one operation, and tensors of four axes that
        are not known to be (image, row, col, channel).
    compared
        With what the outputs were compared, and the largest difference, as the card says it.
    """

    definition: graph_pb2.GraphDef
    input: str
    outputs: dict[str, str]
    hidden: frozenset[str]
    compared: Compared


def read_onnx(source: Path, size: tuple[int, int], output: str | None = None) -> Converted:
    """Read an ONNX classifier, and compare what it computes with onnxruntime.

    Parameters
    ----------
    source
        The file; its weights may be in a file beside it.
    size
        Rows and columns of the image.
    output
        That which is wanted; others may then need what cannot be read.

    Returns
    -------
    converted
        The graph, for any number of images of this size.

    Raises
    ------
    BadFile
        The file cannot be read, or not rightly.
    """
    model = open_onnx(source)
    opset = opset_of(model, source)
    try:
        try:
            return _converted(model, opset, source, size)
        except BadFile:
            names = outputs_of(model)
            if len(names) < 2 or output is None or names.count(output) != 1:
                raise
            return _without_others(model, opset, source, size, output)
    except BadFile as error:
        raise BadFile(f"ONNX file '{source}': {error}") from error


def _without_others(
    model: onnx.ModelProto, opset: int, source: Path, size: tuple[int, int], output: str
) -> Converted:
    """Read one output, and of the others those that can be read: its head may be among them."""
    every = list(model.graph.output)
    kept = [one for one in every if one.name == output]
    _set_outputs(model, kept)
    found = _converted(model, opset, source, size)
    for other in every:
        if other.name != output:
            _set_outputs(model, [*kept, other])
            with suppress(BadFile):
                found = _converted(model, opset, source, size)
                kept.append(other)
    return found


def _set_outputs(model: onnx.ModelProto, outputs: list[onnx.ValueInfoProto]) -> None:
    del model.graph.output[:]
    model.graph.output.extend(outputs)


def _converted(
    model: onnx.ModelProto, opset: int, source: Path, size: tuple[int, int]
) -> Converted:
    build = Builder()
    name, shape, axes = _image(model, size)
    taken = {clean(name).lower()}
    start = build.op("Placeholder", dtype="float32", shape=[1, *(shape[a] for a in axes)])
    roles = MAP if axes[-1] == 1 else ("", "row", "col", "channel")
    image = Tensor(start, shape, axes, roles)
    values, made = walk(model, opset, build, name, image, source.parent)
    build.node = OUTSIDE
    results = {}
    for output, value in values.items():
        if not isinstance(value, Tensor):
            raise BadFile(f"output '{output}' does not depend on the image")
        flat = wide(range(value.rank), value.shape) or [max(value.rank - 1, 0)]
        end = build.arranged(value, flat) if value.rank else value.value
        # A tensor has the name of its node only where it is the first output of it.
        results[output] = (build.op("Identity", input=end) if end.value_index else end).op.name
    names = layer_names([model.graph.node[number] for number in made], taken)
    finals = {op: layer for op, layer in zip(made.values(), names, strict=True) if op}
    renamed = {start.op.name: clean(name)} | finals
    owners = dict(zip(made, names, strict=True))
    definition = build.definition()
    for node in definition.node:
        if node.name not in renamed:
            number, _, kind = node.name.partition("/")
            owner = owners.get(int(number[1:]), "") or "output"
            renamed[node.name] = free_name(f"{owner}/{kind.split('_')[0]}", taken)
    _rename(definition, renamed)
    definition.node[[n.name for n in definition.node].index(clean(name))].attr["shape"].shape.dim[
        0
    ].size = -1
    shapes = {op.name: op.outputs[0].shape for op in build.graph.get_operations()}
    steps = set(renamed) - set(finals)
    # One with an axis of one entry may be tokens, whose axes are known by where they come from.
    wide_ones = {op for op in finals if len(shapes[op]) == 4 and 1 not in shapes[op][1:3]}
    no_maps = wide_ones - build.maps
    hidden = {renamed[op] for op in steps | no_maps}
    outputs = {output: renamed[op] for output, op in results.items()}
    network = Network(definition, InputSpec(tensor=clean(name), size=size, range=(0, 1)), "")
    compared = _compared(network, outputs, model, source, opset, name, image)
    return Converted(definition, clean(name), outputs, frozenset(hidden), compared)


def _compared(
    network: Network,
    outputs: Mapping[str, str],
    model: onnx.ModelProto,
    source: Path,
    opset: int,
    name: str,
    image: Tensor,
) -> Compared:
    """Compare the outputs for two images at once with those of another implementation, for each.

    Two, so that a batch is tried, which the file may not allow: of noise, and of coarse squares,
    which a network does not take for the same.
    """
    rows, cols, channels = image.sizes
    random = np.random.default_rng(0)
    noise = random.standard_normal((rows, cols, channels), np.float32)
    squares = random.standard_normal((-(-rows // 16), -(-cols // 16), channels), np.float32)
    coarse = squares.repeat(16, 0).repeat(16, 1)[:rows, :cols]
    values = np.stack([noise, coarse])
    order = np.argsort(image.axes)
    others = [one.transpose(order)[None] for one in values]
    by, expected = other_outputs(model, source, opset, name, others)
    if expected is None:
        return {"with": by}
    if all(np.array_equal(a, b) for a, b in zip(*expected, strict=True)):
        return {"with": f"nothing: by {by}, the outputs are the same for two images"}
    found = network.run({network.spec.tensor: values}, list(outputs.values()))
    arrays = [found[output].numpy() for output in outputs.values()]

    def largest(most: float) -> float:
        return max(
            largest_difference([array[i] for array in arrays], one, list(outputs), most)
            for i, one in enumerate(expected)
        )

    try:
        return {"with": by, "largest_difference": largest(MOST)}
    except BadFile:
        rounding = own_difference(expected, source, list(outputs), name, others)
        if rounding * OF_ROUNDING <= MOST:
            raise
    most = min(rounding * OF_ROUNDING, MOST_ROUNDING)
    return {"with": by, "largest_difference": largest(most), "rounding": rounding}


def _image(model: onnx.ModelProto, size: tuple[int, int]) -> tuple[str, Shape, Shape]:
    """Return the input's name, its shape for one image, and the axes rows, columns, channels."""
    from onnx import TensorProto

    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in weights]
    if len(inputs) != 1:
        found = ", ".join(f"'{entry.name}'" for entry in inputs) or "none"
        raise BadFile(f"inputs found: {found}; valid: one, the image")
    held = inputs[0].type.tensor_type
    name = inputs[0].name
    if held.elem_type != TensorProto.FLOAT:
        kind = TensorProto.DataType.Name(held.elem_type)
        raise BadFile(f"input '{name}' holds {kind}; valid: FLOAT (float32)")
    dims = [
        d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in held.shape.dim
    ]
    shown = "(" + ", ".join(str(dim or "any") for dim in dims) + ")"
    if len(dims) != 4:
        raise BadFile(f"input '{name}' has the shape {shown}; valid: (1, channel, row, col)")
    if dims[0] not in (None, 1):
        raise BadFile(
            f"input '{name}' has the shape {shown}, a batch of {dims[0]}; export the network with "
            "a batch of 1"
        )
    for channel, axes in ((1, (2, 3, 1)), (3, (1, 2, 3))):
        fits = all(dims[a] in (None, s) for a, s in zip(axes, size, strict=False))
        if fits and dims[channel] is not None:
            shape = dict(zip(axes, (*size, dims[channel]), strict=True))
            return name, (1, *(int(shape[a] or 0) for a in (1, 2, 3))), axes
    raise BadFile(
        f"input '{name}' has the shape {shown}, which no image of {size[0]} x {size[1]} pixels "
        "fits (models catalogue: input.size); valid: (1, channel, row, col) with a fixed number of "
        "channels"
    )


def _rename(definition: graph_pb2.GraphDef, renamed: Mapping[str, str]) -> None:
    for node in definition.node:
        node.name = renamed[node.name]
        edges = []
        for edge in node.input:
            before = tensor_name(edge)
            edges.append(edge.replace(before, renamed[before], 1))
        del node.input[:]
        node.input.extend(edges)
