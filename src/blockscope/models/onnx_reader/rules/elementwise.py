"""Operations on every entry alone: activations, arithmetic, comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node
from blockscope.models.onnx_reader.tensor import Constant, Tensor

Rule = Callable[[Builder, Node], Tensor | list[Tensor]]
SELU = (1.67326319217681884765625, 1.05070102214813232421875)  # what TensorFlow's Selu has


def number(value: float) -> Constant:
    """Return a constant of one entry."""
    return np.array(value, np.float32)


def identity(_build: Builder, node: Node) -> Tensor:
    """Identity, and Dropout outside of training."""
    node.ignore("seed", "ratio")
    training = node.constant(2) if node.op == "Dropout" else None
    if node.op == "Dropout":
        node.constant(1)
    if training is not None and training.any():
        raise BadFile("training_mode is true; export the network for inference")
    return node.tensor()


def cast(build: Builder, node: Node) -> Tensor:
    """Cast to float32, which changes nothing."""
    from onnx import TensorProto

    node.ignore("saturate", "round_mode")
    to, x = node.attribute("to"), node.tensor()
    if to == TensorProto.FLOAT and x.value.dtype in (tf.float32, tf.bool):
        return x if x.value.dtype == tf.float32 else build.unary("Cast", x, DstT=tf.float32)
    kind = TensorProto.DataType.Name(to)
    raise BadFile(
        f"a tensor that depends on the image is cast to {kind}; valid: FLOAT (float32), so export "
        "the network in float32"
    )


def plain(kind: str, argument: str = "x") -> Rule:
    """Return the rule of an operation that TensorFlow has under another name."""

    def rule(build: Builder, node: Node) -> Tensor:
        return build.unary(kind, node.tensor(), argument)

    return rule


def with_alpha(default: float, plain_kind: str) -> Rule:
    """Return the rule of Elu and LeakyRelu."""

    def rule(build: Builder, node: Node) -> Tensor:
        alpha, x = node.attribute("alpha", default), node.tensor()
        if plain_kind == "LeakyRelu":
            return build.unary("LeakyRelu", x, "features", alpha=alpha)
        if alpha == 1:
            return build.unary("Elu", x, "features")
        # alpha (exp(x) - 1) where x is negative: an Elu does not overflow where x is not.
        below = build.scaled(build.unary("Elu", x, "features"), alpha)
        return _where_positive(build, x, x, below)

    return rule


def _where_positive(build: Builder, x: Tensor, above: Tensor, below: Tensor) -> Tensor:
    positive = build.op("Greater", x=x.value, y=build.constant(0.0))
    value = build.op("SelectV2", condition=positive, t=above.value, e=below.value)
    return Tensor(value, x.shape, x.axes, x.roles)


def celu(build: Builder, node: Node) -> Tensor:
    """Celu: alpha * elu(x / alpha) where x is negative."""
    alpha, x = node.attribute("alpha", 1.0), node.tensor()
    return build.scaled(build.unary("Elu", build.scaled(x, 1 / alpha), "features"), alpha)


def selu(build: Builder, node: Node) -> Tensor:
    """Selu with the constants that everyone uses."""
    found = node.attribute("alpha", SELU[0]), node.attribute("gamma", SELU[1])
    if not np.allclose(found, SELU, rtol=1e-6):
        raise BadFile(f"alpha and gamma are {found}; valid: {SELU}")
    return build.unary("Selu", node.tensor(), "features")


def prelu(build: Builder, node: Node) -> Tensor:
    """PRelu: a slope where x is negative."""
    x, slope = node.tensor(0), node.needed_constant(1)
    if np.broadcast_shapes(x.shape, slope.shape) != x.shape:
        raise BadFile(f"slopes of shape {list(slope.shape)} for a tensor {list(x.shape)}")
    if slope.size == 1:
        return build.unary("LeakyRelu", x, "features", alpha=float(slope.reshape(-1)[0]))
    (value, factor), like = build.aligned(x, slope)
    return _where_positive(
        build,
        Tensor(value, like.shape, like.axes, like.roles),
        Tensor(value, like.shape, like.axes, like.roles),
        Tensor(build.op("Mul", x=value, y=factor), like.shape, like.axes, like.roles),
    )


def clip(build: Builder, node: Node) -> Tensor:
    """Clip; as Relu and Relu6 where it is one, whose gradient at the bounds is that of PyTorch."""
    x, low, high = node.tensor(0), node.constant(1), node.constant(2)
    bounds = [None if c is None else float(c.reshape(-1)[0]) for c in (low, high)]
    if bounds[0] == 0 and (bounds[1] is None or bounds[1] == math.inf):
        return build.unary("Relu", x, "features")
    if bounds == [0, 6]:
        return build.unary("Relu6", x, "features")
    for kind, bound in zip(("Maximum", "Minimum"), bounds, strict=True):
        if bound is not None:
            x = build.elementwise(kind, x, number(bound))
    return x


def hard_sigmoid(build: Builder, node: Node) -> Tensor:
    """HardSigmoid: min(max(alpha x + beta, 0), 1), as a sixth of Relu6."""
    alpha, beta = node.attribute("alpha", 0.2), node.attribute("beta", 0.5)
    steep = 6 * float(alpha)
    steep = 1.0 if abs(steep - 1) < 3e-6 else steep  # a sixth, as exporters write it
    x = build.shifted(build.scaled(node.tensor(), steep), number(6 * beta))
    return build.scaled(build.unary("Relu6", x, "features"), 1 / 6)


def hard_swish(build: Builder, node: Node) -> Tensor:
    """HardSwish: x relu6(x + 3) / 6."""
    x = node.tensor()
    gate = build.unary("Relu6", build.shifted(x, number(3)), "features")
    return build.elementwise("Mul", x, build.scaled(gate, 1 / 6))


def swish(build: Builder, node: Node) -> Tensor:
    """Swish: x sigmoid(alpha x)."""
    x = node.tensor()
    gate = build.unary("Sigmoid", build.scaled(x, node.attribute("alpha", 1.0)))
    return build.elementwise("Mul", x, gate)


def mish(build: Builder, node: Node) -> Tensor:
    """Mish: x tanh(softplus(x))."""
    x = node.tensor()
    gate = build.unary("Tanh", build.unary("Softplus", x, "features"))
    return build.elementwise("Mul", x, gate)


def gelu(build: Builder, node: Node) -> Tensor:
    """Gelu, exact or by tanh."""
    x = node.tensor()
    if node.attribute("approximate", "none", ("none", "tanh")) == "none":
        gate = build.unary("Erf", build.scaled(x, math.sqrt(0.5)))
    else:
        cube = build.scaled(build.elementwise("Mul", build.unary("Square", x), x), 0.044715)
        inner = build.scaled(build.elementwise("AddV2", x, cube), math.sqrt(2 / math.pi))
        gate = build.unary("Tanh", inner)
    half = build.scaled(x, 0.5)
    return build.elementwise("Mul", half, build.shifted(gate, number(1)))


def add(build: Builder, node: Node) -> Tensor:
    """Add and Sub."""
    a, b = node.operand(0), node.operand(1)
    if isinstance(a, Tensor) and not isinstance(b, Tensor):
        return build.shifted(a, b if node.op == "Add" else -b)
    if isinstance(b, Tensor) and not isinstance(a, Tensor) and node.op == "Add":
        return build.shifted(b, a)
    return build.elementwise("AddV2" if node.op == "Add" else "Sub", a, b)


def binary(kind: str) -> Rule:
    """Return the rule of an operation of two operands."""

    def rule(build: Builder, node: Node) -> Tensor:
        return build.elementwise(kind, node.operand(0), node.operand(1))

    return rule


def power(build: Builder, node: Node) -> Tensor:
    """Pow; a square where it is one, which has a gradient at negative numbers too."""
    base, exponent = node.operand(0), node.operand(1)
    if isinstance(base, Tensor) and not isinstance(exponent, Tensor) and (exponent == 2).all():
        return build.unary("Square", base)
    if not isinstance(exponent, Tensor):
        exponent = exponent.astype(np.float32)
    return build.elementwise("Pow", base, exponent)


def variadic(kind: str, *, mean: bool = False) -> Rule:
    """Return the rule of Sum, Mean, Max and Min of any number of operands."""

    def rule(build: Builder, node: Node) -> Tensor:
        operands = [node.operand(i) for i in range(len(node.inputs))]
        operands.sort(key=lambda operand: not isinstance(operand, Tensor))
        found = operands[0]
        for operand in operands[1:]:
            found = build.elementwise(kind, found, operand)
        if not isinstance(found, Tensor):
            raise BadFile("no input depends on the image")
        return build.scaled(found, 1 / len(operands)) if mean else found

    return rule


def where(build: Builder, node: Node) -> Tensor:
    """Where: one of two operands, by a condition."""
    (condition, t, e), like = build.aligned(*(node.operand(i) for i in range(3)))
    value = build.op("SelectV2", condition=condition, t=t, e=e)
    return Tensor(value, like.shape, like.axes, like.roles)
