"""Which rule reads which operation, and up to which version of it."""

from __future__ import annotations

from dataclasses import dataclass

from blockscope.models.onnx_reader.rules import (
    attention,
    convolution,
    elementwise,
    gather_nd,
    norms,
    pooling,
    products,
    resizing,
    shapes,
)
from blockscope.models.onnx_reader.rules.elementwise import Rule, binary, plain, variadic
from blockscope.models.onnx_reader.rules.reductions import (
    cumulative_sum,
    log_sum,
    log_sum_exp,
    reduction,
)

OLDEST = 11  # opset


@dataclass(frozen=True)
class Known:
    """A rule, and the newest opset that changed its operation when the rule was written."""

    rule: Rule
    newest: int


RULES: dict[str, Known] = {
    # Convolution and pooling
    "Conv": Known(convolution.conv, 22),
    "MaxPool": Known(pooling.max_pool, 22),
    "AveragePool": Known(pooling.average_pool, 22),
    "GlobalAveragePool": Known(pooling.global_pool("Mean"), 22),
    "GlobalMaxPool": Known(pooling.global_pool("Max"), 22),
    "LRN": Known(pooling.lrn, 13),
    # Normalisation
    "BatchNormalization": Known(norms.batch_norm, 15),
    "LayerNormalization": Known(norms.layer_norm, 17),
    "RMSNormalization": Known(norms.layer_norm, 23),
    "InstanceNormalization": Known(norms.instance_norm, 22),
    "GroupNormalization": Known(norms.group_norm, 21),
    "LpNormalization": Known(norms.lp_normalization, 22),
    "Softmax": Known(norms.softmax, 13),
    "LogSoftmax": Known(norms.softmax, 13),
    # Products
    "MatMul": Known(products.matmul, 13),
    "Gemm": Known(products.gemm, 13),
    "Einsum": Known(products.einsum, 28),
    "Attention": Known(attention.attention, 25),
    # One operand
    "Identity": Known(elementwise.identity, 25),
    "Dropout": Known(elementwise.identity, 22),
    "Cast": Known(elementwise.cast, 28),
    "Relu": Known(plain("Relu", "features"), 14),
    "LeakyRelu": Known(elementwise.with_alpha(0.01, "LeakyRelu"), 16),
    "PRelu": Known(elementwise.prelu, 16),
    "Elu": Known(elementwise.with_alpha(1.0, "Elu"), 22),
    "Celu": Known(elementwise.celu, 28),
    "Selu": Known(elementwise.selu, 22),
    "Clip": Known(elementwise.clip, 13),
    "Sigmoid": Known(plain("Sigmoid"), 13),
    "HardSigmoid": Known(elementwise.hard_sigmoid, 22),
    "HardSwish": Known(elementwise.hard_swish, 22),
    "Swish": Known(elementwise.swish, 24),
    "Mish": Known(elementwise.mish, 22),
    "Gelu": Known(elementwise.gelu, 20),
    "Softplus": Known(plain("Softplus", "features"), 22),
    "Softsign": Known(plain("Softsign", "features"), 22),
    "Tanh": Known(plain("Tanh"), 13),
    "Abs": Known(plain("Abs"), 13),
    "Ceil": Known(plain("Ceil"), 13),
    "Cos": Known(plain("Cos"), 22),
    "Erf": Known(plain("Erf"), 13),
    "Exp": Known(plain("Exp"), 13),
    "Floor": Known(plain("Floor"), 13),
    "Log": Known(plain("Log"), 13),
    "Neg": Known(plain("Neg"), 13),
    "Not": Known(plain("LogicalNot"), 1),
    "Reciprocal": Known(plain("Reciprocal"), 13),
    "Round": Known(plain("Round"), 22),
    "Sign": Known(plain("Sign"), 13),
    "Sin": Known(plain("Sin"), 22),
    "Sqrt": Known(plain("Sqrt"), 13),
    # Several operands
    "Add": Known(elementwise.add, 14),
    "Sub": Known(elementwise.add, 14),
    "Mul": Known(binary("Mul"), 14),
    "Div": Known(binary("RealDiv"), 14),
    "Pow": Known(elementwise.power, 15),
    "And": Known(binary("LogicalAnd"), 7),
    "Or": Known(binary("LogicalOr"), 7),
    "Equal": Known(binary("Equal"), 19),
    "Greater": Known(binary("Greater"), 13),
    "GreaterOrEqual": Known(binary("GreaterEqual"), 16),
    "Less": Known(binary("Less"), 13),
    "LessOrEqual": Known(binary("LessEqual"), 16),
    "Where": Known(elementwise.where, 16),
    "Sum": Known(variadic("AddV2"), 13),
    "Mean": Known(variadic("AddV2", mean=True), 13),
    "Max": Known(variadic("Maximum"), 13),
    "Min": Known(variadic("Minimum"), 13),
    # Along axes
    "ReduceMean": Known(reduction("Mean"), 18),
    "ReduceSum": Known(reduction("Sum", since=13), 13),
    "ReduceMax": Known(reduction("Max"), 20),
    "ReduceMin": Known(reduction("Min"), 20),
    "ReduceProd": Known(reduction("Prod"), 18),
    "ReduceL1": Known(reduction("Sum", "Abs"), 18),
    "ReduceL2": Known(reduction("Sum", "Square", root=True), 18),
    "ReduceSumSquare": Known(reduction("Sum", "Square"), 18),
    "ReduceLogSum": Known(log_sum, 18),
    "ReduceLogSumExp": Known(log_sum_exp, 18),
    "CumSum": Known(cumulative_sum, 14),
    # Shapes
    "Transpose": Known(shapes.transpose, 25),
    "Reshape": Known(shapes.reshape, 25),
    "Flatten": Known(shapes.flatten, 25),
    "Squeeze": Known(shapes.squeeze, 25),
    "Unsqueeze": Known(shapes.unsqueeze, 25),
    "Concat": Known(shapes.concat, 13),
    "Split": Known(shapes.split, 18),
    "Slice": Known(shapes.slice_, 13),
    "Gather": Known(shapes.gather, 13),
    "GatherND": Known(gather_nd.gather_nd, 13),
    "Expand": Known(shapes.expand, 13),
    "Tile": Known(shapes.tile, 13),
    "Pad": Known(shapes.pad, 25),
    "DepthToSpace": Known(shapes.depth_to_space, 28),
    "SpaceToDepth": Known(shapes.depth_to_space, 28),
    "Resize": Known(resizing.resize, 19),
}
