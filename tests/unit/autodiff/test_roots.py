"""Roots of what a ReLU has turned off: no NaN in any mode, the same numbers elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.operations import point
from helpers.tiny_network import linear_of, network_of, weights

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients

EXPONENTS = np.array([0.5, 0.25, 2.0, 1.0], np.float64)
ROOTS = {  # and the slope where the base is above 0
    "Sqrt": (tf.sqrt, lambda r: 0.5 * r**-0.5),
    "Pow": (lambda r: tf.pow(r, tf.constant(0.25, r.dtype)), lambda r: 0.25 * r**-0.75),
    "Pow by channel": (
        lambda r: tf.pow(r, tf.constant(EXPONENTS, r.dtype)),
        lambda r: EXPONENTS * r ** (EXPONENTS - 1),
    ),
    "Sqrt of tokens": (  # one image as one row: image by image
        lambda r: tf.reshape(tf.sqrt(tf.reshape(r, [-1, 4])), tf.shape(r)),
        lambda r: 0.5 * r**-0.5,
    ),
}
KERNEL = weights((3, 4), 1)


def root_of_relu(root):
    def build(x):
        y = tf.tensordot(x, tf.constant(KERNEL, x.dtype), 1)
        return ROOTS[root][0](tf.nn.relu(y, name="rectified"))

    return build


def jacobian_product(root, x, v):
    """Return J v by the formula."""
    y = x @ KERNEL
    slope = np.zeros(y.shape)
    with np.errstate(divide="ignore"):
        slope[y > 0] = ROOTS[root][1](np.where(y > 0, y, 1))[y > 0]
    return slope * (v @ KERNEL)


@pytest.mark.parametrize("root", ROOTS)
def test_roots_behind_a_relu_have_a_derivative_in_both_modes(root, rng):
    x = point((5, 7, 3))
    assert (x @ KERNEL < 0).any()
    linear = linear_of(root_of_relu(root), x)
    v, u = rng.normal(size=(2, *x.shape)), rng.normal(size=(2, 5, 7, 4))
    pushed = linear.jvp(tf.constant(v)).numpy()
    np.testing.assert_allclose(pushed, jacobian_product(root, x, v), rtol=1e-9, atol=1e-12)
    pulled = linear.vjp(tf.constant(u)).numpy()
    left, right = np.einsum("arcq,brcq->ab", u, pushed), np.einsum("arcq,brcq->ab", pulled, v)
    np.testing.assert_allclose(left, right, rtol=1e-9)


@pytest.mark.parametrize("root", ROOTS)
def test_gradients_at_any_point_have_no_nan_either(root, rng):
    x = point((5, 7, 3)).astype(np.float32)
    network = network_of(root_of_relu(root), x.shape, tf.float32)
    found = Gradients(network, x[None], "input", "output", OVERRIDES["none"])
    u = rng.normal(size=(5, 7, 4)).astype(np.float32)
    _, (gradient,) = found.at(x[None], lambda value: [tf.reduce_sum(value * u, [1, 2, 3])])
    for v in rng.normal(size=(2, *x.shape)):
        wanted = np.sum(u * jacobian_product(root, x.astype(np.float64), v))
        np.testing.assert_allclose(np.sum(gradient * v), wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("root", ["Sqrt", "Pow"])
def test_values_stay_what_tensorflow_computes(root, rng):
    x = rng.normal(size=(5, 7, 3)).astype(np.float32)
    network = network_of(root_of_relu(root), x.shape, tf.float32)
    found = Gradients(network, x[None], "input", "output", OVERRIDES["none"]).values_at(x[None])
    wanted = root_of_relu(root)(tf.constant(x[None]))
    np.testing.assert_array_equal(found, wanted)
