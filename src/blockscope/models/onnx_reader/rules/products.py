"""Products of matrices."""

from __future__ import annotations

import numpy as np

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder, Operand
from blockscope.models.onnx_reader.node import Node
from blockscope.models.onnx_reader.tensor import Constant, Tensor, arranged_constant


def matmul(build: Builder, node: Node) -> Tensor:
    """MatMul, with the batches of NumPy."""
    return product(build, node.operand(0), node.operand(1))


def product(build: Builder, a: Operand, b: Operand) -> Tensor:
    """Multiply two operands of two axes or more."""
    if min(len(a.shape), len(b.shape)) < 2:
        raise BadFile(f"shapes {list(a.shape)} and {list(b.shape)}; valid: two axes or more")
    if a.shape[-1] != b.shape[-2]:
        raise BadFile(f"shapes {list(a.shape)} and {list(b.shape)} do not fit")
    if isinstance(a, Tensor) and not isinstance(b, Tensor) and b.ndim == 2:
        return linear(build, a, b)
    if isinstance(b, Tensor) and not isinstance(a, Tensor) and a.ndim == 2:
        order = [*range(b.rank - 2), b.rank - 1, b.rank - 2]
        return linear(build, b.transposed(order), a.T).transposed(order)
    rank = max(len(a.shape), len(b.shape))
    shapes = [(1,) * (rank - len(x.shape)) + tuple(x.shape) for x in (a, b)]
    batch = np.broadcast_shapes(shapes[0][:-2], shapes[1][:-2])
    lead = [axis for axis in range(rank - 2) if batch[axis] != 1]
    values = []
    for operand in (a, b):
        axes = (*lead, rank - 2, rank - 1)
        if isinstance(operand, Tensor):
            values.append(build.arranged(operand.with_rank(rank), axes))
        else:
            values.append(build.constant(arranged_constant(operand, rank, axes)))
    value = build.op("BatchMatMulV2", x=values[0], y=values[1])
    shape = (*batch, shapes[0][-2], shapes[1][-1])
    return Tensor(value, shape, (*lead, rank - 2, rank - 1), ("",) * rank)


def linear(build: Builder, x: Tensor, weights: Constant) -> Tensor:
    """Multiply the last axis by weights (in, out); on a map as a convolution of one cell."""
    last = x.rank - 1
    axes = (*(axis for axis in x.axes if axis != last), last)
    value = build.arranged(x, axes)
    held = weights.astype(np.float32)
    if len(axes) == 1:
        value = build.op("MatMul", a=value, b=build.constant(held))
    elif len(axes) == 3:
        value = build.op(
            "Conv2D", input=value, filter=build.constant(held[None, None]), strides=[1, 1, 1, 1],
            padding="VALID",
        )  # fmt: skip
    else:
        value = build.op("BatchMatMulV2", x=value, y=build.constant(held))
    return Tensor(value, (*x.shape[:-1], weights.shape[1]), axes, x.roles)


def gemm(build: Builder, node: Node) -> Tensor:
    """Gemm: alpha A B + beta C."""
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    flips = [node.attribute(name, 0, (0, 1)) for name in ("transA", "transB")]
    a, b = (_flipped(node.operand(i)) if flip else node.operand(i) for i, flip in enumerate(flips))
    if isinstance(a, Tensor) and not isinstance(b, Tensor):
        found = product(build, a, (b * np.float32(alpha)).astype(np.float32))
    else:
        found = build.scaled(product(build, a, b), alpha)
    c = node.operand(2) if node.given(2) else None
    if c is None or beta == 0:
        return found
    if np.broadcast_shapes(tuple(c.shape), found.shape) != found.shape:
        raise BadFile(
            f"C has the shape {list(c.shape)}; valid: what broadcasts to {list(found.shape)}"
        )
    if isinstance(c, Tensor):
        return build.elementwise("AddV2", found, build.scaled(c, beta))
    return build.shifted(found, (c * np.float32(beta)).astype(np.float32))


def _flipped(operand: Operand) -> Operand:
    if len(operand.shape) != 2:
        raise BadFile(f"a matrix has the shape {list(operand.shape)}; valid: two axes")
    return operand.transposed([1, 0]) if isinstance(operand, Tensor) else operand.T


def einsum(build: Builder, node: Node) -> Tensor:
    """Einsum of one or two operands, each letter once in a term."""
    equation = node.attribute("equation").replace(" ", "")
    terms, arrow, result = equation.partition("->")
    letters = terms.split(",")
    if not arrow or "." in equation or len(letters) != len(node.inputs) or len(letters) > 2:
        raise BadFile(f"equation is '{equation}'; valid: one or two terms, '->' and a result")
    if any(len(set(term)) != len(term) for term in (*letters, result)):
        raise BadFile(f"equation is '{equation}'; valid: every letter once in a term")
    operands = [node.operand(i) for i in range(len(letters))]
    sizes: dict[str, int] = {}
    for term, operand in zip(letters, operands, strict=True):
        if len(term) != len(operand.shape):
            raise BadFile(f"term '{term}' for a tensor {list(operand.shape)}")
        for letter, size in zip(term, operand.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise BadFile(f"'{letter}' has {sizes[letter]} and {size} entries; valid: one size")
    image = next(c for c in "nabcdefghijklmopqrstuvwxyz" if c not in equation)
    values, written = [], []
    for term, operand in zip(letters, operands, strict=True):
        if isinstance(operand, Tensor):
            values.append(operand.value)
            written.append(image + "".join(term[axis] for axis in operand.axes))
        else:
            values.append(build.constant(operand.astype(np.float32)))
            written.append(term)
    axes = tuple(i for i, c in enumerate(result) if any(c in term for term in written))
    right = image + "".join(result[axis] for axis in axes)
    value = build.op("Einsum", inputs=values, equation=f"{','.join(written)}->{right}")
    return Tensor(value, tuple(sizes[c] for c in result), axes, ("",) * len(result))
