"""Each rule of the ONNX reader against onnxruntime: values of two images at once, and gradient."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.onnx_models import SHAPE, Both, array, ints, model, node, spread_image

OPSETS = (11, 13, 17, 20, 22)


def conv(channels, kernel, group=1, bias=True, seed=1, **attributes):
    weights = array(channels, SHAPE[1] // group, *kernel, seed=seed)
    return [node("Conv", ["x", weights, array(channels, seed=2) if bias else None],
                 group=group, **attributes)]  # fmt: skip


def one(op, *inputs, **attributes):
    return [node(op, ["x", *inputs], **attributes)]


def chain(*steps):
    """Return nodes that follow each other: (op, further inputs, attributes)."""
    nodes, before = [], "x"
    for i, (op, inputs, attributes) in enumerate(steps):
        output = "y" if i == len(steps) - 1 else f"t{i}"
        nodes.append(node(op, [before, *inputs], output, **attributes))
        before = output
    return nodes


def positive(*steps):
    """Return nodes that see values above a half."""
    return chain(("Abs", [], {}), ("Add", [np.float32(0.5)], {}), *steps)


def grid(rows, cols):
    """Return the numbers (row, col) of some rows in some columns."""
    return np.stack(np.broadcast_arrays(*np.ix_(np.ravel(rows), np.ravel(cols))), -1).reshape(
        (*np.shape(rows), *np.shape(cols), 2)
    )


POOL = {"kernel_shape": [2, 3]}
CASES = {
    # Convolution
    "conv": (OPSETS, conv(4, (3, 2), pads=[1, 0, 2, 1])),
    "conv, no bias": (20, conv(4, (1, 1), bias=False)),
    "conv, strides": (20, conv(4, (3, 3), strides=[2, 1], pads=[1, 1, 1, 1])),
    "conv, symmetric stride 2": (20, conv(4, (3, 3), strides=[2, 2], pads=[1, 1, 1, 1])),
    "conv, stride skips": (20, conv(4, (1, 1), strides=[2, 2])),
    "conv, SAME_UPPER": (20, conv(4, (2, 3), strides=[2, 2], auto_pad="SAME_UPPER")),
    "conv, SAME_LOWER": (20, conv(4, (2, 2), strides=[2, 2], auto_pad="SAME_LOWER")),
    "conv, VALID": (20, conv(4, (2, 2), auto_pad="VALID")),
    "depthwise, two filters a channel": (20, conv(6, (3, 3), group=3, pads=[1, 1, 1, 1])),
    "depthwise": (20, conv(3, (3, 3), group=3, pads=[1, 1, 1, 1], strides=[2, 2])),
    "depthwise, unequal strides": (20, conv(3, (3, 3), group=3, pads=[1, 1, 1, 1], strides=[2, 1])),
    "depthwise, dilated": (20, conv(3, (2, 2), group=3, dilations=[2, 3], pads=[1, 1, 1, 1])),
    "grouped convolution": (20, [
        node("Conv", ["x", array(4, 3, 1, 1)], "c"),
        node("Conv", ["c", array(6, 2, 2, 2, seed=3), array(6)], group=2, dilations=[2, 1]),
    ]),
    # Pooling
    "max pool": (OPSETS, one("MaxPool", **POOL)),
    "max pool, pads": (20, one("MaxPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])),
    "max pool, ceil": (20, one("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
    "max pool, ceil, pads": (
        20, one("MaxPool", kernel_shape=[3, 3], strides=[1, 2], ceil_mode=1, pads=[1, 1, 1, 1])),
    "max pool, SAME_UPPER": (20, one("MaxPool", strides=[2, 2], auto_pad="SAME_UPPER", **POOL)),
    "max pool, SAME_LOWER": (20, one("MaxPool", strides=[2, 2], auto_pad="SAME_LOWER", **POOL)),
    "average pool": (OPSETS, one("AveragePool", strides=[1, 2], **POOL)),
    "average pool, 1x1": (20, one("AveragePool", kernel_shape=[1, 1])),
    "average pool, pads": (20, one("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])),
    "average pool, pads count": (
        20, one("AveragePool", kernel_shape=[3, 3], pads=[1, 0, 1, 1], count_include_pad=1)),
    "average pool, SAME_UPPER": (
        20, one("AveragePool", strides=[2, 2], auto_pad="SAME_UPPER", **POOL)),
    "average pool, ceil": (
        20, one("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)),
    "average pool, ceil, pads count": (
        20, one("AveragePool", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1,
                pads=[1, 1, 1, 1], count_include_pad=1)),
    "average pool, dilated": (
        22, one("AveragePool", kernel_shape=[2, 2], dilations=[2, 3], pads=[0, 1, 1, 0])),
    "global average": (OPSETS, one("GlobalAveragePool")),
    "global max": (20, one("GlobalMaxPool")),
    "lrn": (OPSETS, one("LRN", size=3, alpha=0.3, beta=0.6, bias=1.5)),
    # Normalisation
    "batch norm": (OPSETS, one("BatchNormalization", array(3, seed=1), array(3, seed=2),
                               array(3, seed=3), array(3, seed=4, low=0.5), epsilon=1e-3)),
    "batch norm of a vector": (20, chain(
        ("Flatten", [], {}),
        ("BatchNormalization", [array(105, seed=1), array(105, seed=2), array(105, seed=3),
                                array(105, seed=4, low=0.5)], {}))),
    "layer norm": ((17, 20), one("LayerNormalization", array(7), array(7, seed=1), axis=-1)),
    "layer norm from axis 1": (20, one("LayerNormalization", array(3, 5, 7), axis=1, epsilon=0.01)),
    "layer norm of channels": (20, chain(
        ("Transpose", [], {"perm": [0, 2, 3, 1]}),
        ("LayerNormalization", [array(3), array(3, seed=1)], {}),
        ("Transpose", [], {"perm": [0, 3, 1, 2]}))),
    "instance norm": (OPSETS, one("InstanceNormalization", array(3), array(3, seed=1))),
    **{f"group norm, {many} scales": (opset, [
        node("Conv", ["x", array(6, 3, 1, 1)], "c"),
        node("GroupNormalization", ["c", array(many), array(many, seed=1)], num_groups=2)])
       for opset, many in ((18, 2), (21, 6))},
    "softmax": (OPSETS, one("Softmax")),
    "softmax of channels": (OPSETS, one("Softmax", axis=1)),
    "log softmax": (OPSETS, one("LogSoftmax", axis=2)),
    "lp normalization": (20, one("LpNormalization", axis=1)),
    # Products
    "gemm": (OPSETS, chain(
        ("Flatten", [], {}), ("Gemm", [array(4, 105), array(4)], {"transB": 1}))),
    "gemm, factors": (20, chain(
        ("Flatten", [], {}), ("Gemm", [array(105, 4), array(1, 4)], {"alpha": 0.5, "beta": 2.0}))),
    "gemm, no bias": (20, chain(("Flatten", [], {}), ("Gemm", [array(105, 4)], {}))),
    "gemm, transposed": (20, chain(
        ("Reshape", [ints(35, 3)], {}), ("Gemm", [array(35, 4), array(3, 1)], {"transA": 1}))),
    "matmul of a map": (20, one("MatMul", array(7, 4))),
    "matmul of tokens": (20, chain(
        ("Reshape", [ints(1, 3, 35)], {}), ("MatMul", [array(35, 4)], {}))),
    "matmul, constant first": (20, [node("MatMul", [array(4, 5), "x"])]),
    "matmul of both": (20, [
        node("Transpose", ["x"], "t", perm=[0, 1, 3, 2]), node("MatMul", ["x", "t"])]),
    "matmul, batched constant": (20, one("MatMul", array(3, 7, 2))),
    "einsum": (20, [node("Einsum", ["x", "x"], equation="BCHW,BCVW->BCHV")]),
    "einsum with a constant": (20, one("Einsum", array(7, 2), equation="bchw,wd->bdhc")),
    # Activations
    **{op.lower(): ((11, 20), one(op)) for op in (
        "Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "Softplus",
        "Softsign", "Tanh", "Abs", "Ceil", "Floor", "Cos", "Sin", "Exp", "Erf", "Neg", "Sign",
        "Round", "Identity")},
    **{op.lower(): (22, one(op)) for op in ("HardSwish", "Mish", "Gelu")},
    **{op.lower(): ((11, 20), positive((op, [], {}))) for op in ("Log", "Sqrt", "Reciprocal")},
    "leaky relu, slope": (20, one("LeakyRelu", alpha=0.3)),
    "elu, alpha": (20, one("Elu", alpha=0.7)),
    "celu": ((12, 28), one("Celu")),
    "celu, alpha": (20, one("Celu", alpha=0.7)),
    "gelu, tanh": (20, one("Gelu", approximate="tanh")),
    "hard sigmoid of PyTorch": (20, one("HardSigmoid", alpha=0.166667)),
    "clip": ((11, 20), one("Clip", np.float32(-0.52), np.float32(1.03))),
    "clip, low": (20, one("Clip", np.float32(0))),
    "clip, high": (20, one("Clip", None, np.float32(0.53))),
    "relu6": (20, chain(
        ("Mul", [np.float32(4)], {}), ("Clip", [np.float32(0), np.float32(6)], {}))),
    "clip, min above max": (20, one("Clip", np.float32(2), np.float32(1))),
    "prelu": ((11, 20), one("PRelu", array(3, 1, 1))),
    "prelu of columns": (20, one("PRelu", array(7))),
    "prelu, one slope": (20, one("PRelu", array(1))),
    "dropout": ((11, 20), one("Dropout")),
    # Several operands
    "add a bias": (OPSETS, one("Add", array(3, 1, 1))),
    "add to columns": (20, one("Add", array(7))),
    "add first": (20, [node("Add", [array(1, 3, 1, 7), "x"])]),
    "subtract": (20, one("Sub", array(5, 1))),
    "subtract from": (20, [node("Sub", [array(5, 7), "x"])]),
    "multiply": (20, one("Mul", array(3, 5, 1))),
    "divide": (20, one("Div", array(1, 3, 1, 1, low=0.5))),
    "broadcast both": (20, [
        node("GlobalAveragePool", ["x"], "g"), node("Mul", ["x", "g"])]),
    "ranks differ": (20, [
        node("ReduceMean", ["x", ints(0, 1)], "m", keepdims=0), node("Add", ["x", "m"])]),
    "new axis": (20, one("Add", array(2, 1, 1, 1, 1))),
    "square": (20, one("Pow", np.float32(2))),
    "power": (20, positive(("Pow", [np.float32(1.5)], {}))),
    "sum": ((11, 20), [node("Sum", ["x", array(7), "x"])]),
    "mean of three": (20, [node("Mean", [array(5, 1), "x", "x"])]),
    "max": (20, one("Max", array(3, 1, 1), np.float32(0.21))),
    "min": (20, one("Min", np.float32(0.21))),
    "where": (20, [node("Where", [array(3, 5, 7) > 0, "x", array(7)])]),
    "where, compared": (20, [
        node("Greater", ["x", np.float32(0.2)], "g"), node("Not", ["g"], "n"),
        node("Where", ["n", "x", np.float32(0.1)])]),
    # Along axes
    "reduce mean, attribute": ((11, 13, 17), one("ReduceMean", axes=[-1, 2], keepdims=0)),
    "reduce mean": ((18, 20), one("ReduceMean", ints(-1, -2), keepdims=1)),
    "reduce mean of channels": (20, one("ReduceMean", ints(1), keepdims=0)),
    "reduce all": (20, one("ReduceSum", keepdims=0)),
    "reduce nothing": (20, one("ReduceSum", noop_with_empty_axes=1)),
    "reduce sum": ((13, 20), one("ReduceSum", ints(0, 3), keepdims=0)),
    "reduce max": (20, one("ReduceMax", ints(2))),
    "reduce min": (20, one("ReduceMin", ints(1))),
    "reduce l1": (20, one("ReduceL1", ints(1))),
    "reduce l2": (20, one("ReduceL2", ints(-1), keepdims=0)),
    "reduce squares": (20, one("ReduceSumSquare", ints(2, 3))),
    "reduce product": (20, one("ReduceProd", ints(1))),
    "reduce log sum": (20, chain(("Abs", [], {}), ("ReduceLogSum", [ints(1, 3)], {}))),
    "reduce log sum exp, attribute": ((11, 13, 17), one("ReduceLogSumExp", axes=[1], keepdims=0)),
    "reduce log sum exp": ((18, 20), chain(
        ("Mul", [np.float32(300)], {}), ("ReduceLogSumExp", [ints(2, 1)], {}))),
    "reduce log sum exp of all": (20, one("ReduceLogSumExp", keepdims=0)),
    "reduce log sum exp of nothing": (20, one("ReduceLogSumExp", noop_with_empty_axes=1)),
    "sums so far": (OPSETS, one("CumSum", ints(2))),
    "sums so far, from the end": (20, one("CumSum", ints(-1), reverse=1)),
    "sums before": (20, one("CumSum", ints(1), exclusive=1)),
    "sums before the only one": (20, one("CumSum", ints(0), exclusive=1)),
    # Shapes
    **{f"flatten {axis}": (20, one("Flatten", axis=axis)) for axis in (0, 1, 2, 3, 4, -1, -3)},
    "reshape": (OPSETS, one("Reshape", ints(0, -1))),
    "reshape, a batch of one": (20, one("Reshape", ints(1, 105), allowzero=1)),
    "reshape to tokens": (20, chain(
        ("Reshape", [ints(1, 3, 35)], {}), ("Transpose", [], {"perm": [0, 2, 1]}),
        ("MatMul", [array(3, 4)], {}))),
    "reshape across axes": (20, one("Reshape", ints(1, 7, 15))),
    "shuffle of channels": (20, [
        node("Conv", ["x", array(6, 3, 1, 1)], "c"),
        node("Reshape", ["c", ints(1, 2, 3, 5, 7)], "r"),
        node("Transpose", ["r"], "t", perm=[0, 2, 1, 3, 4]),
        node("Reshape", ["t", ints(1, 6, 5, 7)])]),
    "windows in the batch": (20, [
        node("Pad", ["x", ints(0, 0, 0, 0, 0, 0, 1, 1)], "p"),
        node("Reshape", ["p", ints(1, 3, 3, 2, 4, 2)], "r"),
        node("Transpose", ["r"], "t", perm=[0, 2, 4, 3, 5, 1]),
        node("Reshape", ["t", ints(12, 4, 3)], "w"),
        node("MatMul", ["w", array(3, 5)], "m"),
        node("Softmax", ["m"], "s", axis=1),
        node("Reshape", ["s", ints(1, 3, 4, 2, 2, 5)], "v"),
        node("Transpose", ["v"], "u", perm=[0, 5, 1, 3, 2, 4]),
        node("Reshape", ["u", ints(1, 5, 6, 8)])]),
    "images behind tokens": (20, [
        node("Reshape", ["x", ints(1, 3, 35)], "r"), node("Transpose", ["r"], "t", perm=[2, 0, 1]),
        node("MatMul", ["t", array(3, 6)], "m"), node("Reshape", ["m", ints(35, 2, 3)], "h"),
        node("Transpose", ["h"], "y", perm=[1, 0, 2])]),
    "transpose": (20, one("Transpose")),
    "squeeze": ((13, 20), chain(("GlobalAveragePool", [], {}), ("Squeeze", [ints(2, -1)], {}))),
    "squeeze, attribute": (11, chain(
        ("GlobalAveragePool", [], {}), ("Squeeze", [], {"axes": [2, 3]}))),
    "unsqueeze": (20, one("Unsqueeze", ints(1, -1))),
    "squeeze and excite": (20, [
        node("ReduceMean", ["x", ints(2, 3)], "m", keepdims=0),
        node("MatMul", ["m", array(3, 3)], "f"), node("Reshape", ["f", ints(1, 3, 1, 1)], "s"),
        node("Sigmoid", ["s"], "g"), node("Mul", ["x", "g"])]),
    "concat of channels": (OPSETS, [node("Concat", ["x", "x"], axis=1)]),
    "concat of rows": (20, [node("Concat", ["x", "x"], axis=-2)]),
    "concat with constants": (20, [
        node("Concat", [array(1, 2, 5, 7), "x", array(1, 1, 5, 7), array(1, 3, 5, 7), "x"],
             axis=1)]),
    "a class token": (20, [
        node("Reshape", ["x", ints(1, 3, 35)], "r"), node("Transpose", ["r"], "t", perm=[0, 2, 1]),
        node("Concat", [array(1, 1, 3), "t"], "c", axis=1),
        node("Add", ["c", array(1, 36, 3)], "p"),
        node("Gather", ["p", np.array(0, np.int64)], axis=1)]),
    "split": ((13, 20), [node("Split", ["x", ints(2, 3)], ["a", "b"], axis=2),
                         node("Concat", ["b", "a"], axis=2)]),
    "split, equal": (11, [node("Split", ["x"], ["a", "b", "c"], axis=1), node("Mul", ["c", "a"])]),
    "split into": (20, [node("Split", ["x"], ["a", "b", "c"], axis=3, num_outputs=3),
                        node("Concat", ["c", "a"], axis=3)]),
    "slice": ((11, 20), one("Slice", ints(1, -4), ints(2**62, -1), ints(2, 3), ints(2, 1))),
    "slice backwards": (20, one("Slice", ints(-1, 3), ints(-(2**62), 0), ints(3, 2), ints(-2, -1))),
    "gather, one": (20, one("Gather", np.array(-2, np.int64), axis=1)),
    "gather, any": (20, one("Gather", ints(6, 0, 0, 3), axis=3)),
    "gather, many": (20, one("Gather", ints(0, 2, 1, 0).reshape(2, 2), axis=1)),
    "gather nd, a grid": (OPSETS, [
        node("Transpose", ["x"], "t", perm=[2, 3, 0, 1]),
        node("GatherND", ["t", grid([[0, 1], [1, 4], [-1, 3]], [[5, 2, 2, 0]])], "g"),
        node("Transpose", ["g"], perm=[4, 5, 0, 1, 2, 3])]),
    "gather nd, rows": (20, chain(
        ("Transpose", [], {"perm": [2, 1, 3, 0]}), ("GatherND", [ints([3], [-5], [3])], {}))),
    "gather nd, pairs": ((11, 20), chain(
        ("Transpose", [], {"perm": [3, 1, 0, 2]}),
        ("GatherND", [ints([[6, -1], [0, 1]], [[3, 0], [6, 2]], [[1, 1], [-7, 0]])], {}))),
    "gather nd, a grid in the other order": (20, chain(
        ("Transpose", [], {"perm": [2, 3, 1, 0]}),
        ("GatherND", [grid([4, 0, 2], [1, 6]).swapaxes(0, 1)], {}))),
    "gather nd, one entry": (20, one("GatherND", ints(0, 2, -2, 5))),
    "gather nd, of each image": ((12, 20), one(
        "GatherND", ints([[2, 4], [0, 1], [1, -1], [2, 4]])[None], batch_dims=1)),
    "gather nd, of each channel": (20, one(
        "GatherND", ints([[3, 1], [0, -7]], [[2, 2], [4, 6]], [[-1, 0], [2, 5]])[None],
        batch_dims=2)),
    "expand": (20, chain(("GlobalAveragePool", [], {}), ("Expand", [ints(1, 3, 2, 4)], {}))),
    "tile": (20, one("Tile", ints(1, 2, 1, 2))),
    "pad": ((11, 20), one("Pad", ints(0, 1, 2, 0, 0, 0, 1, 3), np.float32(0.3))),
    "pad, zero": (20, one("Pad", ints(0, 0, 2, 0, 0, 0, 1, 3))),
    "pad, axes": (20, one("Pad", ints(1, 2), None, ints(-1))),
    "pad, crop": (20, one("Pad", ints(0, 0, -1, 0, 0, 0, 1, -2))),
    **{f"pad, {mode}": (20, one("Pad", ints(0, 0, 2, 1, 0, 0, 1, 3), mode=mode))
       for mode in ("reflect", "edge", "wrap")},
    "pad, reflect and crop": (20, one("Pad", ints(0, 0, 2, -1, 0, 0, 1, 3), mode="reflect")),
    "pad, reflect, turned": (20, chain(
        ("Transpose", [], {"perm": [3, 0, 2, 1]}),
        ("Pad", [ints(2, 0, 1, 1, 3, 0, 0, 2)], {"mode": "reflect"}))),
    "pad, reflect, many axes": (20, chain(
        ("Reshape", [ints(1, 3, 1, 5, 7)], {}),
        ("Pad", [ints(0, 1, 0, 2, 1, 0, 1, 0, 0, 3)], {"mode": "reflect"}))),
    **{f"depth to space, {mode}": (20, [
        node("Conv", ["x", array(8, 3, 1, 1)], "c"),
        node("DepthToSpace", ["c"], blocksize=2, mode=mode)]) for mode in ("DCR", "CRD")},
    "space to depth": (20, chain(
        ("Slice", [ints(0, 0), ints(4, 6), ints(2, 3)], {}),
        ("SpaceToDepth", [], {"blocksize": 2}))),
    "attention": (23, [
        node("Reshape", ["x", ints(1, 3, 5, 7)], "r"),
        node("Attention", ["r", "x", "x"], scale=0.3)]),
    "attention in heads": (23, [
        node("Reshape", ["x", ints(1, 15, 7)], "r"), node("MatMul", ["r", array(7, 6)], "q"),
        node("MatMul", ["r", array(7, 3, seed=1)], "k"),
        node("MatMul", ["r", array(7, 3, seed=2)], "v"),
        node("Attention", ["q", "k", "v"], q_num_heads=2, kv_num_heads=1, is_causal=1)]),
    # Computed from constants alone, by the rule
    **{f"constant {op.lower()}": (OPSETS, [
        node(op, [array(1, 3, 5, 7, seed=8), *more], "c", **attributes), node("Mul", ["x", "c"])])
       for op, more, attributes in (
           ("Conv", [array(3, 3, 3, 3, seed=1), array(3)], {"pads": [1, 1, 1, 1]}),
           ("MaxPool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
           ("LRN", [], {"size": 3, "alpha": 0.3}),
           ("Softmax", [], {"axis": 1}),
           ("Elu", [], {"alpha": 0.7}),
           ("BatchNormalization", [array(3), array(3, seed=1), array(3, seed=2),
                                   array(3, seed=3, low=0.5)], {}))},
    "constant resize": (20, [
        node("Resize", [array(1, 3, 3, 4), None, None, ints(1, 3, 5, 7)], "c", mode="cubic"),
        node("Add", ["x", "c"])]),
    # Resizing
    **{f"resize, {mode}, {how}": (20, one("Resize", None, None, ints(1, 3, 8, 4), mode=mode,
                                          coordinate_transformation_mode=how))
       for mode in ("linear", "cubic") for how in (
           "half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric")},
    "resize, cubic, outside": (20, one(
        "Resize", None, None, ints(1, 3, 8, 10), mode="cubic", exclude_outside=1)),
    "resize, linear, scales": ((11, 20), one(
        "Resize", array(0), np.array([1, 1, 2.5, 1.4], np.float32), mode="linear")),
    "resize, nearest of PyTorch": ((11, 20), one(
        "Resize", array(0), np.array([1, 1, 2, 3], np.float32), mode="nearest",
        nearest_mode="floor", coordinate_transformation_mode="asymmetric")),
    **{f"resize, nearest, {how}, {near}": (20, one(
        "Resize", None, None, ints(1, 3, 8, 4), mode="nearest", nearest_mode=near,
        coordinate_transformation_mode=how))
       for how in ("half_pixel", "align_corners", "asymmetric")
       for near in ("round_prefer_floor", "round_prefer_ceil")},
}  # fmt: skip


def _cases():
    for name, (opsets, nodes) in CASES.items():
        for opset in opsets if isinstance(opsets, tuple) else (opsets,):
            yield pytest.param(nodes, opset, id=f"{name} [{opset}]")


# TensorFlow has no gradient of it on a processor; that of autodiff has tests of its own.
WITHOUT_GRADIENT = "grouped convolution"


@pytest.mark.parametrize(("nodes", "opset"), list(_cases()))
def test_values_and_gradient_are_those_of_onnxruntime(nodes, opset, tmp_path, request):
    both = Both.of(tmp_path, model(*nodes, opset=opset))
    images = np.concatenate([spread_image(seed=0), spread_image(seed=1)])
    found = both.tensorflow(images).numpy().reshape(2, -1)
    expected = [both.onnxruntime(image[None]).reshape(-1) for image in images]
    np.testing.assert_allclose(found, expected, atol=3e-6 * max(1, np.abs(expected).max()))
    if request.node.callspec.id.startswith(WITHOUT_GRADIENT):
        return
    weights = array(expected[0].size, seed=5)
    gradient = both.gradient(images[:1], weights)
    differences = both.differences(images[:1], weights)
    # A step in float32: 1e-7 of the outputs over 8e-3, and the curvature.
    np.testing.assert_allclose(gradient, differences, atol=2e-3 * max(1, np.abs(differences).max()))
