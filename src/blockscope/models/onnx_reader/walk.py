"""Walking an ONNX graph: each node by its rule, or computed where it depends on no image."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.file import DOMAINS
from blockscope.models.onnx_reader.folding import FOLDED, fold
from blockscope.models.onnx_reader.folding_by_rule import fold_by_rule
from blockscope.models.onnx_reader.registry import RULES
from blockscope.models.onnx_reader.rule_of_node import apply_rule
from blockscope.models.onnx_reader.tensor import Constant, Tensor

if TYPE_CHECKING:
    import onnx

Values = dict[str, Tensor | Constant]


def walk(
    model: onnx.ModelProto, opset: int, build: Builder, name: str, image: Tensor, folder: Path
) -> tuple[Values, dict[int, str | None]]:
    """Read all nodes that the outputs need.

    Parameters
    ----------
    model
        The model.
    opset
        The version of its operations.
    build
        Writes the TensorFlow graph.
    name
        The model's input.
    image
        What that is.
    folder
        Where weights outside of the model lie.

    Returns
    -------
    values
        The outputs by their names.
    made
        For the number of each node that was read, the operation that computes its first output;
        None where it added none.
    """
    from onnx import numpy_helper

    wanted = [output.name for output in model.graph.output]
    numbers = _needed(model, wanted)
    values: Values = {}
    for tensor in model.graph.initializer:
        try:
            values[tensor.name] = numpy_helper.to_array(tensor, str(folder))
        except Exception as error:  # onnx raises many kinds
            raise BadFile(f"weights '{tensor.name}' cannot be read: {error}") from error
    values[name] = image
    readers = Counter(wanted)
    for number in numbers:
        readers.update(model.graph.node[number].input)
    made: dict[int, str | None] = {}
    for number in numbers:
        proto = model.graph.node[number]
        build.node = number
        try:
            results = _results(proto, values, opset, build, readers)
        except BadFile as error:
            raise BadFile(f"{describe(proto, opset)}: {error}") from error
        except Exception as error:  # TensorFlow and NumPy raise many kinds
            words = str(error).strip().splitlines() or [type(error).__name__]
            raise BadFile(f"{describe(proto, opset)} cannot be read: {words[0]}") from error
        made[number] = _made_here(results[0], number)
        build.maps |= {t.value.op.name for t in results[:1] if isinstance(t, Tensor) and t.is_map}
        values.update(zip(proto.output, results, strict=False))
        for read in set(proto.input):
            readers[read] -= list(proto.input).count(read)
            if not readers[read]:
                values.pop(read, None)  # large weights are in the graph already
    missing = [output for output in wanted if output not in values]
    if missing:
        raise BadFile(f"output '{missing[0]}' is not computed by any node")
    return {output: values[output] for output in wanted}, made


def _made_here(result: Tensor | Constant, number: int) -> str | None:
    name = result.value.op.name if isinstance(result, Tensor) else ""
    return name if name.startswith(f"n{number}/") else None


def describe(proto: onnx.NodeProto, opset: int) -> str:
    """Say which node it is."""
    name = proto.name or next((o for o in proto.output if o), "")
    return f"node '{name}' ({proto.op_type}, domain {proto.domain or 'ai.onnx'}, opset {opset})"


def _needed(model: onnx.ModelProto, outputs: list[str]) -> list[int]:
    """Return the numbers of the nodes that the outputs need, in order."""
    maker = {o: i for i, node in enumerate(model.graph.node) for o in node.output if o}
    stack, found = [maker[o] for o in outputs if o in maker], set()
    while stack:
        number = stack.pop()
        if number not in found:
            found.add(number)
            node = model.graph.node[number]
            read = [*node.input, *_read_inside(node)]
            stack += [maker[i] for i in read if i in maker]
    return sorted(found)


def _read_inside(node: onnx.NodeProto) -> list[str]:
    """Return what the bodies of a node read of the graph around them, and maybe more."""
    return [i for a in node.attribute for inner in a.g.node for i in inner.input]


def _results(
    proto: onnx.NodeProto, values: Values, opset: int, build: Builder, readers: Counter[str]
) -> list[Tensor] | list[Constant]:
    unknown = [i for i in proto.input if i and i not in values]
    if unknown:
        raise BadFile(f"it reads '{unknown[0]}', which nothing before it computes")
    inputs = [values[i] if i else None for i in proto.input]
    if proto.domain not in DOMAINS:
        raise BadFile("operations of this domain are not supported; valid: ai.onnx")
    if proto.op_type in {"Shape", "Size"} and isinstance(inputs[0], Tensor):
        inputs = [np.empty(inputs[0].shape, bool)]
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    read = [bool(output) and readers[output] > 0 for output in proto.output]
    last = max((i for i, is_read in enumerate(read) if is_read), default=0)
    outputs = len(proto.output) if proto.op_type == "Split" else last + 1
    results: list[Tensor] | list[Constant]
    if tensors:
        results = apply_rule(proto, inputs, opset, outputs, build)
    else:
        constants = [None if v is None else np.asarray(v) for v in inputs]
        results = _folded(proto, constants, opset, outputs)
    if last >= len(results):
        raise BadFile(f"its output {last + 1} is read; only the first is supported")
    return results


def _folded(
    proto: onnx.NodeProto, inputs: list[Constant | None], opset: int, outputs: int
) -> list[Constant]:
    """Return what a node makes of constants alone: by ONNX's reference or, if not, by its rule."""
    held = inputs[0] if inputs else None
    by_reference = opset >= FOLDED.get(proto.op_type, math.inf)
    if by_reference or proto.op_type not in RULES or held is None or held.dtype != np.float32:
        return fold(proto, inputs, opset)
    return fold_by_rule(proto, inputs, opset, outputs)
