"""Derivatives of matrix products, with constants or of two tensors that depend on the layer."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from blockscope.autodiff.linear_ops.linear_op import LinearOp, OpPoint, single_tangent
from blockscope.models.graph.operations import apply


class MatMul(LinearOp):
    """MatMul of the tangent (batch, in) with constant weights (in, out)."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """The first factor has an image axis, which a transposed one loses."""
        return point.moving == (0,) and not point.attribute("transpose_a")

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Multiply the tangent by the weights."""
        transpose = self.point.attribute("transpose_b")
        return tf.matmul(single_tangent(tangents), self.point.inputs[1], transpose_b=transpose)

    def cost(self, cells: int) -> int:
        """Count the weights."""
        return int(self.point.inputs[1].shape.num_elements())


class Product(LinearOp):
    """BatchMatMul: matrices by matrices, whose leading axes are broadcast; the product rule."""

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """The image axis is none of a matrix, and whatever moves has as many axes as the result."""
        rank = point.output.shape.rank
        return rank > 2 and all(point.inputs[i].shape.rank == rank for i in point.moving)

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Multiply each tangent by the other factor and add."""
        (left, right), (a, b) = self.point.inputs, tangents
        turned = {"adj_x": self.point.attribute("adj_x"), "adj_y": self.point.attribute("adj_y")}
        parts = []
        if a is not None:
            parts.append(tf.raw_ops.BatchMatMulV2(x=a, y=right, **turned))
        if b is not None:
            parts.append(tf.raw_ops.BatchMatMulV2(x=left, y=b, **turned))
        return tf.add_n(parts)

    def cost(self, cells: int) -> int:
        """Count multiplications of one product."""
        rows = self.point.output.shape[-2]
        return rows * int(self.point.inputs[1].shape.num_elements())


class Einsum(LinearOp):
    """Einsum of one tensor with constants, or of two; the product rule.

    Every term of what moves, and the result, begin with the letter of the image axis.
    """

    @classmethod
    def fits(cls, point: OpPoint) -> bool:
        """The image axis comes first, is summed over nowhere, and no constant has it."""
        equation = str(point.attribute("equation")).replace(" ", "")
        inputs, arrow, output = equation.partition("->")
        if not arrow or "." in equation or not output:
            return False
        terms, image = inputs.split(","), output[0]
        return all(
            term.startswith(image) and term.count(image) == 1
            if number in point.moving
            else image not in term
            for number, term in enumerate(terms)
        )

    def jvp(self, tangents: Sequence[tf.Tensor | None]) -> tf.Tensor:
        """Replace each factor by its tangent in turn and add."""
        batch = tf.shape(next(t for t in tangents if t is not None))[0]
        values = [
            tf.repeat(value, batch, 0) if number in self.point.moving else value
            for number, value in enumerate(self.point.inputs)
        ]
        parts = []
        for number, tangent in enumerate(tangents):
            if tangent is not None:
                factors = [*values[:number], tangent, *values[number + 1 :]]
                parts.append(apply(self.point.node, factors)[0])
        return tf.add_n(parts)

    def cost(self, cells: int) -> int:
        """Count multiplications of a product with the second factor."""
        return cells * int(self.point.inputs[-1].shape.num_elements())
