"""Which rule takes tangents through which operation."""

from __future__ import annotations

from collections.abc import Callable

from blockscope.autodiff.convolution import Convolution, Depthwise, MatrixProduct
from blockscope.autodiff.double_backprop import Overridden, TwiceDifferentiated
from blockscope.autodiff.elementwise import Elementwise, LocalResponse, Scale, Softmax
from blockscope.autodiff.gradient_overrides import (
    Override,
    Rule,
    blurred_smooth_pool,
    smooth_pool,
)
from blockscope.autodiff.linear_op import Linear, Step
from blockscope.autodiff.pooling import (
    AveragePooling,
    BlurredSmoothPooling,
    MaxPooling,
    SmoothPooling,
)
from blockscope.autodiff.shape_ops import Itself, Joined, Padded, Reduced, Reshaped, Same, Sum

RULES: dict[str, Callable[[Step], Linear]] = {
    "Conv2D": Convolution,
    "DepthwiseConv2dNative": Depthwise,
    "MatMul": MatrixProduct,
    "MaxPool": MaxPooling,
    "AvgPool": AveragePooling,
    "LRN": LocalResponse,
    "Softmax": Softmax,
    "ConcatV2": Joined,
    "Mean": Reduced,
    "Sum": Reduced,
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), Scale),
    **dict.fromkeys(("Add", "AddV2", "AddN", "Sub"), Sum),
    **dict.fromkeys(("Pad", "PadV2"), Padded),
    **dict.fromkeys(("Reshape", "Squeeze", "ExpandDims"), Reshaped),
    **dict.fromkeys(("Identity", "BiasAdd", "StopGradient", "Snapshot", "EnsureShape"), Same),
    **dict.fromkeys(
        ("ResizeBilinear", "ResizeNearestNeighbor", "MirrorPad", "SpaceToDepth", "DepthToSpace",
         "SpaceToBatchND", "BatchToSpaceND", "Neg", "Cast"), Itself,
    ),
    **dict.fromkeys(
        ("Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus", "Softsign",
         "Exp", "Log", "Log1p", "Sqrt", "Rsqrt", "Square", "Abs", "Erf", "Reciprocal",
         "Mul", "RealDiv", "DivNoNan", "Maximum", "Minimum", "Pow", "SquaredDifference"),
        Elementwise,
    ),
}  # fmt: skip

# Overrides whose transpose is written out, because it is faster and takes windows.
FAST_OVERRIDES: dict[Rule, Callable[[Step], Linear]] = {
    smooth_pool: SmoothPooling,
    blurred_smooth_pool: BlurredSmoothPooling,
}


def linearise(step: Step, override: Override) -> Linear:
    """Return the linear map of one operation, under an override's rule where it has one."""
    rule = override.rules.get(step.node.op)
    if rule is not None:
        return FAST_OVERRIDES[rule](step) if rule in FAST_OVERRIDES else Overridden(step, rule)
    known = RULES.get(step.node.op) if step.number == 0 else None
    return (known or TwiceDifferentiated)(step)
