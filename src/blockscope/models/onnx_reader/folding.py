"""Computing what depends on no image, with ONNX's reference, while the file is read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.tensor import Constant

if TYPE_CHECKING:
    import onnx

# What the reference computes rightly, since which opset. Not: pools, LRN, and batch norm and
# softmax of older opsets, in which it differs from onnxruntime.
FOLDED = dict.fromkeys(
    """Abs Add And Cast CastLike Ceil Clip Concat Constant ConstantOfShape Cos CumSum Div Equal Erf
    Exp Expand Flatten Floor Gather GatherND Gelu Gemm Greater GreaterOrEqual Identity Less
    LessOrEqual Log MatMul Max Min Mod Mul Neg Not Or Pad Pow Range Reciprocal ReduceL2 ReduceMax
    ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Round ScatterND Shape Sigmoid Sign Sin
    Size Slice Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Trilu Unsqueeze Where""".split(),
    11,
) | {"BatchNormalization": 14, "Softmax": 13, "LayerNormalization": 17}
BROADCAST = frozenset({
    "Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min",
    "Mod", "Mul", "Or", "Pow", "Sub", "Sum", "Where",
})  # fmt: skip
MOST_VALUES = 2**28  # of a computed constant: 1 GiB of float32


def fold(proto: onnx.NodeProto, inputs: list[Constant | None], opset: int) -> list[Constant]:
    """Return the outputs of a node, all of whose inputs are constants.

    Raises ``BadFile`` where the reference cannot compute them, or not rightly.
    """
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    if opset < FOLDED.get(proto.op_type, math.inf):
        raise BadFile("it is computed from constants alone, for which it is not supported")
    _check_size(proto.op_type, inputs)
    names = [name for name in dict.fromkeys(proto.input) if name]
    given = dict(zip(proto.input, inputs, strict=True))
    infos = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in names]
    outs = [
        helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in proto.output if n
    ]
    graph = helper.make_graph([proto], "folded", infos, outs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(model).run(None, {name: given[name] for name in names})
    except Exception as error:
        words = str(error).strip().splitlines() or [type(error).__name__]
        raise BadFile(f"it cannot be computed from its constants: {words[0]}") from error
    found = iter(results)
    return [np.asarray(next(found)) if name else np.zeros(0) for name in proto.output]


def _check_size(op: str, inputs: list[Constant | None]) -> None:
    """Refuse a constant that would fill the memory."""
    arrays = [array for array in inputs if array is not None]
    values = 1.0
    if op in {"ConstantOfShape", "Expand"}:
        values = math.prod(map(int, arrays[-1].reshape(-1)))
    elif op == "Tile":
        values = arrays[0].size * math.prod(map(int, arrays[1].reshape(-1)))
    elif op == "Range":
        start, limit, step = (float(array.reshape(-1)[0]) for array in arrays[:3])
        values = (limit - start) / step if step else math.inf
    elif op == "Pad":
        pads = arrays[1].reshape(2, -1).sum(0)
        values = math.prod(map(int, np.maximum(np.array(arrays[0].shape)[-len(pads) :] + pads, 0)))
    elif op == "Concat":
        values = sum(array.size for array in arrays)
    elif op == "MatMul" and min(array.ndim for array in arrays) > 1:
        lead = np.broadcast_shapes(*(array.shape[:-2] for array in arrays))
        values = math.prod((*lead, arrays[0].shape[-2], arrays[1].shape[-1]))
    elif op in {"Gather", "GatherND"}:
        values = _gathered(op, *arrays[:2])
    elif len(arrays) > 1 and op in BROADCAST:
        values = math.prod(np.broadcast_shapes(*(array.shape for array in arrays)))
    if values > MOST_VALUES:
        raise BadFile(
            f"it makes a constant of {values:,.0f} values; valid: at most {MOST_VALUES:,}"
        )


def _gathered(op: str, data: Constant, indices: Constant) -> float:
    """Return the most values that indices can take."""
    if op == "Gather":  # at most one slice of the longest kind for each index
        return indices.size * data.size / max(1, min(data.shape, default=1))
    axes = indices.shape[-1] if indices.ndim else 0
    return indices.size / max(1, axes) * math.prod(data.shape[axes:])
