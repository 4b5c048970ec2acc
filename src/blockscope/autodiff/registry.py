"""Which class differentiates which operation."""

from __future__ import annotations

from collections.abc import Callable

from blockscope.autodiff.convolution import Convolution, DepthwiseConvolution, MatMul
from blockscope.autodiff.double_backprop import DoubleBackprop, Overridden
from blockscope.autodiff.elementwise import LRN, BatchNorm, Elementwise, Softmax
from blockscope.autodiff.gradient_overrides import (
    GradientRule,
    Override,
    blurred_smooth_pool,
    smooth_pool,
)
from blockscope.autodiff.linear_op import LinearOp, OpPoint
from blockscope.autodiff.pooling import (
    AveragePooling,
    BlurredSmoothPooling,
    MaxPooling,
    SmoothPooling,
)
from blockscope.autodiff.shape_ops import (
    Add,
    AlreadyLinear,
    Concat,
    Identity,
    Pad,
    Reduce,
    Reshape,
)

LINEAR_OPS: dict[str, Callable[[OpPoint], LinearOp]] = {
    "Conv2D": Convolution,
    "DepthwiseConv2dNative": DepthwiseConvolution,
    "MatMul": MatMul,
    "MaxPool": MaxPooling,
    "AvgPool": AveragePooling,
    "LRN": LRN,
    "Softmax": Softmax,
    "ConcatV2": Concat,
    "Mean": Reduce,
    "Sum": Reduce,
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), BatchNorm),
    **dict.fromkeys(("Add", "AddV2", "AddN", "Sub"), Add),
    **dict.fromkeys(("Pad", "PadV2"), Pad),
    **dict.fromkeys(("Reshape", "Squeeze", "ExpandDims"), Reshape),
    **dict.fromkeys(("Identity", "BiasAdd", "StopGradient", "Snapshot", "EnsureShape"), Identity),
    **dict.fromkeys(
        ("ResizeBilinear", "ResizeNearestNeighbor", "MirrorPad", "SpaceToDepth", "DepthToSpace",
         "SpaceToBatchND", "BatchToSpaceND", "Neg", "Cast"), AlreadyLinear,
    ),
    **dict.fromkeys(
        ("Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Softsign",
         "Exp", "Log", "Log1p", "Sqrt", "Rsqrt", "Square", "Abs", "Erf", "Reciprocal",
         "Mul", "RealDiv", "DivNoNan", "Maximum", "Minimum", "Pow", "SquaredDifference"),
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
    known = LINEAR_OPS.get(point.node.op) if point.number == 0 else None
    return (known or DoubleBackprop)(point)
