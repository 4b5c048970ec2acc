"""Which class differentiates which operation."""

from __future__ import annotations

from collections.abc import Callable

from blockscope.autodiff.gradient_overrides import (
    GradientRule,
    Override,
    blurred_smooth_pool,
    smooth_pool,
)
from blockscope.autodiff.linear_ops.convolution import (
    Convolution,
    DepthwiseConvolution,
    TransposedConvolution,
)
from blockscope.autodiff.linear_ops.double_backprop import OneByOne, Overridden
from blockscope.autodiff.linear_ops.elementwise import LRN, BatchNorm, Elementwise, Softmax
from blockscope.autodiff.linear_ops.linear_op import LinearOp, OpPoint, has_image_axis
from blockscope.autodiff.linear_ops.pooling import AveragePooling, MaxPooling
from blockscope.autodiff.linear_ops.products import Einsum, MatMul, Product
from blockscope.autodiff.linear_ops.rearrange import Rearrange
from blockscope.autodiff.linear_ops.shape_ops import (
    Add,
    AlreadyLinear,
    Broadcast,
    Concat,
    Identity,
    Pad,
    Reduce,
    Reshape,
)
from blockscope.autodiff.linear_ops.smooth_pooling import BlurredSmoothPooling, SmoothPooling

LINEAR_OPS: dict[str, type[LinearOp]] = {
    "Conv2D": Convolution,
    "DepthwiseConv2dNative": DepthwiseConvolution,
    "Conv2DBackpropInput": TransposedConvolution,
    "MatMul": MatMul,
    "Einsum": Einsum,
    "MaxPool": MaxPooling,
    "AvgPool": AveragePooling,
    "LRN": LRN,
    "Softmax": Softmax,
    "ConcatV2": Concat,
    "Mean": Reduce,
    "Sum": Reduce,
    "BroadcastTo": Broadcast,
    **dict.fromkeys(("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), Product),
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), BatchNorm),
    **dict.fromkeys(("Add", "AddV2", "AddN", "Sub"), Add),
    **dict.fromkeys(("Pad", "PadV2"), Pad),
    **dict.fromkeys(("Reshape", "Squeeze", "ExpandDims"), Reshape),
    **dict.fromkeys(("Identity", "BiasAdd", "Snapshot", "EnsureShape"), Identity),
    **dict.fromkeys(
        ("ResizeBilinear", "ResizeBicubic", "ResizeNearestNeighbor", "SpaceToDepth",
         "DepthToSpace", "Neg", "Cast"),
        AlreadyLinear,
    ),
    **dict.fromkeys(
        ("MirrorPad", "Transpose", "Split", "SplitV", "Slice", "StridedSlice", "GatherV2", "Tile",
         "Cumsum", "ReverseV2"), Rearrange,
    ),
    **dict.fromkeys(
        ("Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Softsign",
         "Exp", "Expm1", "Log", "Log1p", "Sqrt", "Rsqrt", "Square", "Abs", "Erf", "Erfc",
         "Reciprocal", "Inv", "Sin", "Cos", "Tan", "Atan", "Mul", "RealDiv", "Div", "DivNoNan",
         "Maximum", "Minimum", "Pow", "SquaredDifference", "ClipByValue", "Sinh", "Cosh", "Asin",
         "Acos", "Asinh", "Acosh", "Atanh", "Atan2", "Xlogy", "Xlog1py", "Xdivy", "Erfinv",
         "Lgamma", "Digamma"),
        Elementwise,
    ),
}  # fmt: skip

# Overrides whose transpose is written out, because that is faster and takes windows.
FAST_OVERRIDES: dict[GradientRule, Callable[[OpPoint], LinearOp]] = {
    smooth_pool: SmoothPooling,
    blurred_smooth_pool: BlurredSmoothPooling,
}


def linearise(point: OpPoint, override: Override) -> LinearOp:
    """Return the derivative of one operation, by an override's rule where it has one."""
    rule = override.rules.get(point.node.op)
    if rule is not None:
        return FAST_OVERRIDES[rule](point) if rule in FAST_OVERRIDES else Overridden(point, rule)
    known = fitting(point)
    return known(point) if known else OneByOne(point)


def fitting(point: OpPoint) -> type[LinearOp] | None:
    """Return the class that differentiates an operation for any batch at once, if there is one."""
    known = LINEAR_OPS.get(point.node.op)
    values = [point.output, *(point.inputs[number] for number in point.moving)]
    plain = all(has_image_axis(value) for value in values)
    return known if known and plain and known.fits(point) else None
