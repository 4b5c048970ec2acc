"""Attention as one operation (opset 23 and newer)."""

from __future__ import annotations

import math

import numpy as np

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.builder import Builder
from blockscope.models.onnx_reader.node import Node
from blockscope.models.onnx_reader.rules.norms import softmax_along
from blockscope.models.onnx_reader.rules.products import product
from blockscope.models.onnx_reader.tensor import Constant, Tensor


def attention(build: Builder, node: Node) -> Tensor:
    """Softmax(scale Q K' + mask) V, in heads; without past keys, caps and other outputs."""
    node.attribute("softcap", 0.0, (0.0,))
    node.attribute("qk_matmul_output_mode", 0, (0,))
    node.attribute("left_window_size", -1, (-1,))
    node.attribute("right_window_size", -1, (-1,))
    node.ignore("softmax_precision")
    if node.outputs > 1:
        raise BadFile("more than its first output is read, which is not supported")
    causal = node.attribute("is_causal", 0, (0, 1))
    heads = node.attribute("q_num_heads"), node.attribute("kv_num_heads")
    flat = len(node.tensor(0).shape) == 3
    q, k, v = (
        _in_heads(build, node.tensor(i), heads[min(i, 1)]) if flat else node.tensor(i)
        for i in range(3)
    )
    mask = node.constant(3)
    if q.shape[1] != k.shape[1]:  # groups of queries share keys and values
        k, v = (_repeated(build, x, q.shape[1] // k.shape[1]) for x in (k, v))
    scale = node.attribute("scale") or 1 / math.sqrt(q.shape[-1])
    scores = product(build, build.scaled(q, scale), k.transposed([0, 1, 3, 2]))
    bias = _bias(mask, bool(causal), scores.shape)
    scores = scores if bias is None else build.shifted(scores, bias)
    found = product(build, softmax_along(build, scores, 3), v)
    if not flat:
        return found
    joined = found.transposed([0, 2, 1, 3])
    return build.reshaped(joined, (*joined.shape[:2], joined.shape[2] * joined.shape[3]))


def _in_heads(build: Builder, x: Tensor, heads: int | None) -> Tensor:
    if not heads or x.shape[2] % heads:
        raise BadFile(f"{heads} heads for a tensor {list(x.shape)}")
    parts = build.reshaped(x, (*x.shape[:2], heads, x.shape[2] // heads))
    return parts.transposed([0, 2, 1, 3])


def _repeated(build: Builder, x: Tensor, times: int) -> Tensor:
    single = build.reshaped(x, (x.shape[0], x.shape[1], 1, *x.shape[2:]))
    ones = np.ones((1, 1, times, 1, 1), np.float32)
    many = build.elementwise("Mul", single, ones)
    return build.reshaped(many, (x.shape[0], x.shape[1] * times, *x.shape[2:]))


def _bias(mask: Constant | None, causal: bool, shape: tuple[int, ...]) -> Constant | None:
    """Return what is added to the scores: 0 or minus infinity, or a mask's own numbers."""
    total = np.zeros(shape[-2:], np.float32)
    if causal and shape[-1] != shape[-2]:
        raise BadFile(f"it is causal, of {shape[-2]} queries and {shape[-1]} keys; valid: as many")
    if causal:
        total = np.where(np.tri(shape[-2], shape[-1]) > 0, total, np.float32(-np.inf))
    if mask is not None:
        added = np.where(mask, np.float32(0), np.float32(-np.inf)) if mask.dtype == bool else mask
        total = total + added
    if np.isneginf(total).all(-1).any():
        raise BadFile("its mask leaves a query without any key")
    return total if total.any() else None
