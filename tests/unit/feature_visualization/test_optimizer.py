"""The optimizer: objectives rise, and an image does not depend on its batch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, network_of, weights
from helpers.tiny_rendering import CHANNELS, MOVES, tiny_network

from blockscope.feature_visualization import objectives
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.image_choice import of_images
from blockscope.feature_visualization.named_recipes import RECIPES, find_recipe
from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import Objective, Term
from blockscope.feature_visualization.optimizer import LARGEST, Optimizer, batch_size
from blockscope.feature_visualization.recipes import LUCID_TRANSFORMS, Recipe, Transforms
from blockscope.feature_visualization.redirected_relu import redirected
from blockscope.io.errors import BadFile, UnknownName

SHORT = Recipe(size=24, steps=6, learning_rate=0.1, transforms=MOVES)


@pytest.fixture(scope="module")
def network():
    return tiny_network()


def rendered(network, objective, recipe=SHORT, indices=None, memory_mb=64):
    """Render an objective; return images, their objectives and the optimizer."""
    optimizer = Optimizer(network, objective, range(len(objective)), recipe, memory_mb)
    batches = list(optimizer.run(indices or range(len(objective))))
    joined = [np.concatenate([getattr(b, f) for b in batches]) for f in ("images", "objective")]
    return *joined, optimizer


def along(seed):
    return np.abs(np.random.default_rng(seed).normal(size=(3, CHANNELS)))


OBJECTIVES = {
    "channel": objectives.channel("mixed", [2, 6, 7], CHANNELS),
    "neuron": objectives.neuron("mixed", [2, 6, 7], CHANNELS),
    "direction": objectives.direction("mixed", along(1)),
    "direction at": Objective(
        (Term("mixed", along(2).astype(np.float32), np.array([(0, 1), (2, 3), (4, 4)], np.int32)),)
    ),
    "cosine": objectives.direction("mixed", along(3), None),
    "dot times cosine": objectives.direction("mixed", along(4), 2.0),
    "sum": objectives.channel("mixed", [2, 6, 7], CHANNELS)
    + 0.3 * objectives.channel("early", [3, 0, 3], 6),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_rises(network, name):
    evaluator = Evaluator(network, OBJECTIVES[name], range(3), SHORT.size)
    still, _, _ = rendered(network, OBJECTIVES[name], replace(SHORT, steps=0))
    risen, _, _ = rendered(network, OBJECTIVES[name], replace(SHORT, steps=12))
    rise = evaluator.evaluate(risen, range(3)) - evaluator.evaluate(still, range(3))
    assert (rise > 1e-3).all()


def test_a_batch_gives_what_one_by_one_gives_bit_for_bit(network):
    """Batches always have the same number of places, so that the same kernels run."""
    objective = OBJECTIVES["direction"]
    together, scores, optimizer = rendered(network, objective)
    assert optimizer.batch > 3
    for image in (2, 0):
        alone, score, _ = rendered(network, objective, indices=[image])
        np.testing.assert_array_equal(alone[0], together[image])
        assert score[0] == scores[image]


def test_other_batch_sizes_give_the_same_image(network, monkeypatch):
    """To 1e-4 after some steps: other kernels may add up in another order, and Adam divides."""
    objective = OBJECTIVES["direction"]
    expected, _, wide = rendered(network, objective)
    monkeypatch.setattr("blockscope.feature_visualization.optimizer.LARGEST", 2)
    found, _, narrow = rendered(network, objective)
    assert (wide.batch, narrow.batch) == (8, 2)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_batches_fit_into_the_memory(network):
    optimizer = rendered(network, OBJECTIVES["direction"], replace(SHORT, steps=0))[2]
    assert optimizer.batch == LARGEST
    assert batch_size(10**6, memory_mb=7) == 2
    assert batch_size(10**9, memory_mb=7) == 1


def test_the_seed_decides(network):
    objective = OBJECTIVES["channel"]
    one, _, _ = rendered(network, objective)
    again, _, _ = rendered(network, objective)
    other, _, _ = rendered(network, objective, replace(SHORT, seed=1))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01


def test_the_unit_decides_where_an_image_starts(network):
    """Not its place: the same target under another name is another image, and the reverse."""
    objective = objectives.channel("mixed", [2, 2, 2], CHANNELS)
    (batch,) = Optimizer(network, objective, ["a", "b", "a"], SHORT).run(range(3))
    np.testing.assert_array_equal(batch.images[0], batch.images[2])
    assert np.abs(batch.images[0] - batch.images[1]).max() > 0.01


def test_a_step_is_traced_once_of_either_kind(network, monkeypatch):
    """For all batches; and once more where their size is changed, as activation grids do."""
    optimizer = Optimizer(network, OBJECTIVES["direction at"], range(3), SHORT)
    optimizer.batch, traced = 2, []
    step = optimizer._adam_step
    monkeypatch.setattr(
        optimizer,
        "_adam_step",
        lambda redirect, *given: traced.append(redirect) or step(redirect, *given),
    )
    optimizer.recipe = replace(SHORT, redirected_relu_steps=2)
    wide = np.concatenate([batch.images for batch in optimizer.run(range(3))])
    assert traced == [True, False]
    optimizer.batch = 1
    (single,) = optimizer.run([2])
    assert traced == [True, False] * 2
    np.testing.assert_allclose(single.images[0], wide[2], atol=1e-4)


def test_nothing_is_traced_around_the_operations_of_a_network(network):
    """``tf.custom_gradient`` puts four operations around each, and a bias has no gradient."""
    optimizer = rendered(network, OBJECTIVES["direction"], replace(SHORT, steps=1))[2]
    (program,) = optimizer._programs.values()
    found = Counter(operation.type for operation in program.graph.get_operations())
    assert found["Relu"] > 2
    assert found["Conv2D"] > 4
    assert found["IdentityN"] <= 1 + found["Rsqrt"], "of the resample, and of normalisations"
    assert found["BiasAddGrad"] == 0


def test_whole_images_are_chosen():
    these = np.array([[1, np.nan], [2, np.nan], [np.inf, 4]], np.float32)
    others = np.array([[np.nan, 5], [6, 7], [8, np.nan]], np.float32)
    found = of_images(tf.constant([True, False, True]), tf.constant(these), tf.constant(others))
    np.testing.assert_array_equal(found, [these[0], others[1], these[2]])


def adam(numbers, gradient_at, rates, decay):
    """Adam restated: updates of ``numbers`` along the gradient, to raise."""
    first = second = np.zeros_like(numbers)
    for step, rate in enumerate(rates, 1):
        gradient = gradient_at(numbers)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        unbiased = first / (1 - 0.9**step), second / (1 - 0.999**step)
        decayed = (1 - decay * rate / rates[0]) * numbers
        numbers = decayed + rate * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
    return numbers


@pytest.mark.parametrize(
    ("given", "rates", "decay"),
    [
        ({}, [0.2] * 4, 0),
        ({"weight_decay": 0.1}, [0.2] * 4, 0.1),
        ({"weight_decay": 0.1, "decay_fraction": 0.75}, [0.2, 0.2, 0.4 / 3, 0.2 / 3], 0.1),
    ],
)
def test_the_steps_are_adams(given, rates, decay):
    """On a linear objective of pixels all steps are restated."""
    kernel = weights((1, 1, 3, 2), 8).astype(np.float32)
    network = network_of(
        lambda x: tf.nn.conv2d(x, kernel, 1, "SAME", name="linear"), (5, 5, 3), tf.float32
    )
    objective = objectives.channel("linear", [1], 2)
    recipe = Recipe(
        size=5,
        steps=4,
        learning_rate=0.2,
        parameterization="pixel",
        transforms=Transforms(),
        redirected_relu_steps=0,
    )
    found, _, optimizer = rendered(network, objective, replace(recipe, **given))
    matrix = np.array([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]) / 0.461952

    def rgb(numbers):
        return 1 / (1 + np.exp(-numbers @ matrix.T))

    def gradient_at(numbers):
        slope = rgb(numbers) * (1 - rgb(numbers))
        return (slope * kernel[0, 0, :, 1]) @ matrix / 25

    start = optimizer._start(0).astype(np.float64)
    expected = rgb(adam(start, gradient_at, rates, decay))
    np.testing.assert_allclose(found[0], expected, atol=2e-5)


def dead_network():
    """A layer whose units are far below zero for every image near grey."""
    kernel = np.abs(weights((3, 3, 3, 4), 5)).astype(np.float32)
    return network_of(
        lambda x: tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") - 2.0, name="dead"),
        (9, 9, 3),
        tf.float32,
    )


def test_a_dead_channel_moves_only_where_the_gradient_is_redirected():
    objective = objectives.channel("dead", [0, 3], 4)
    recipe = replace(SHORT, size=12, transforms=Transforms())
    moved, raised, _ = rendered(dead_network(), objective, recipe)
    still, grey, _ = rendered(dead_network(), objective, replace(recipe, redirected_relu_steps=0))
    assert (grey == 0).all()
    assert (raised > 0.01).all()
    assert (moved.std(axis=(1, 2, 3)) > 3 * still.std(axis=(1, 2, 3))).all()


@pytest.mark.parametrize("rectify", [tf.nn.relu, tf.nn.relu6])
def test_only_a_dead_image_has_another_gradient(rectify, rng):
    """The first of two, whose units are all below 0; the ordinary gradient is left bit for bit."""
    network = network_of(lambda x: rectify(x, name="layer"), (5, 7, 3), tf.float32)
    view = View(network, objectives.channel("layer", [0], 3), 5)
    shift = [-9.0, -0.4]  # of what the network reads

    @tf.function(autograph=False)
    def gradients(images, upstream, redirect):
        layer = view.layers_of(images, redirect)["layer"]
        return tf.gradients(layer, images, upstream)[0]

    low, high = view._network.spec.range
    shares = rng.uniform(0, 1, (2, 5, 5, 3)) + np.reshape(shift, (2, 1, 1, 1))
    images = tf.constant((shares - low) / (high - low), tf.float32)
    upstream = tf.constant(rng.normal(size=images.shape), tf.float32)
    off, on = (gradients(images, upstream, redirect).numpy() for redirect in (False, True))
    assert (off[0] == 0).all()
    assert (off[1] == 0).any()
    assert (off[1] != 0).any()
    np.testing.assert_array_equal(on[1], off[1])
    expected = np.maximum(upstream[0], 0) * np.float32(high - low)
    np.testing.assert_allclose(on[0], expected, rtol=1e-6)


def test_redirected_gradients_restated():
    """Triples of input, gradient, and what comes out; the second image has a living unit."""
    x = np.array([[[-1.0, -2.0, 0.0, 7.0]], [[-1.0, 3.0, -2.0, 7.0]]], np.float32)
    upstream = np.array([[[0.5, -0.5, 0.0, 0.0]], [[0.5, 0.7, -0.5, 0.0]]], np.float32)
    found = redirected(tf.constant(x), tf.constant(upstream)).numpy()
    expected = np.array([[[0.5, 0.0, 0.0, 0.0]], [[0.0, 0.7, 0.0, 0.0]]])
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_redirected_gradients_below_a_ceiling():
    x = np.array([[7.0, 8.0, -1.0], [7.0, 3.0, -1.0]], np.float32)
    upstream = np.array([[0.5, -0.5, -0.25], [-0.5, 0.7, 0.5]], np.float32)
    found = redirected(tf.constant(x), tf.constant(upstream), 6.0).numpy()
    expected = np.array([[0.0, -0.5, 0.0], [0.0, 0.7, 0.0]], np.float32)
    np.testing.assert_array_equal(found, expected)


def exploding(x, steep):
    """Not finite in any channel once the image has become red enough."""
    logarithm = tf.math.log(0.53 - tf.reduce_mean(x[..., :1], [1, 2], keepdims=True))
    # The exponential function gives back what is not finite to the gradient too.
    found = tf.exp(logarithm) if steep else logarithm
    return tf.concat([x[..., :2] + 0 * found, x[..., 2:]], 3, name="mixed")


@pytest.mark.parametrize("steep", [False, True])
def test_what_is_not_finite_ends_its_image_and_no_other(steep):
    network = network_of(lambda x: exploding(x, steep), (9, 9, 3), tf.float32)
    recipe = replace(SHORT, size=8, steps=12)
    vectors = np.array([[-1, 0.5, 0], [1, 0, 0], [-0.5, -0.5, 0.5]])
    objective = objectives.direction("mixed", vectors)
    optimizer = Optimizer(network, objective, ["a", "b", "c"], recipe)
    (batch,) = optimizer.run(range(3))
    assert batch.diverged_step[[0, 2]].tolist() == [-1, -1]
    last = int(batch.diverged_step[1])
    assert 0 < last < 12
    assert np.isfinite(batch.images).all()
    assert np.isfinite(batch.objective).all()
    (other,) = optimizer.run([2])
    np.testing.assert_array_equal(other.images[0], batch.images[2])
    after = [images() for images in optimizer.iterate(range(3))]
    np.testing.assert_array_equal(batch.images[1], after[last - 1][1])
    assert (after[last - 2][1] != after[last - 1][1]).any()


def test_a_layer_that_is_too_deep_says_what_it_needs(network):
    def deep(x):
        x = tf.nn.max_pool2d(conv(x, 4), 2, 2, "VALID")
        return tf.nn.avg_pool2d(x, 7, 1, "VALID", name="deep")

    network = network_of(deep, (20, 20, 3), tf.float32)
    with pytest.raises(BadFile, match=r"'deep' is too deep for .* 9 x 9 pixels.*at least 14 x 14"):
        Optimizer(network, objectives.channel("deep", [1], 4), [1], replace(SHORT, size=7))


@pytest.mark.parametrize("size", [2, 4, 6])
def test_images_smaller_than_a_window_are_refused(network, size):
    """Kernels that crash the process on some of these sizes are never called."""
    late = objectives.channel("late", [1], 7)
    with pytest.raises(BadFile, match=rf"'late' is too deep for images of {size + 2} x"):
        Optimizer(network, late, [1], replace(SHORT, size=size))


def test_a_layer_that_no_square_reaches():
    def headed(x):
        return tf.matmul(
            tf.reshape(x, [-1, 75]), weights((75, 2), 1).astype(np.float32), name="head"
        )

    network = network_of(headed, (5, 5, 3), tf.float32)
    with pytest.raises(BadFile, match="from images of 11 x 11 pixels, nor from any other"):
        Optimizer(network, objectives.channel("head", [1], 2), [1], replace(SHORT, size=9))


def test_the_evaluator_does_not_depend_on_batches(network, rng):
    objective = OBJECTIVES["direction"]
    images = rng.uniform(0, 1, (3, 24, 24, 3)).astype(np.float32)
    wide = Evaluator(network, objective, range(3), 24).evaluate(images, range(3))
    narrow = Evaluator(network, objective, range(3), 24, memory_mb=1).evaluate(images, range(3))
    np.testing.assert_allclose(wide, narrow, rtol=1e-5)
    swapped = Evaluator(network, objective, range(3), 24).evaluate(images[[2, 0]], [2, 0])
    np.testing.assert_allclose(swapped, wide[[2, 0]], rtol=1e-6)
    assert len(set(np.round(wide, 6))) == 3


def test_recipes_survive_json_and_are_found_by_name():
    import json

    for recipe in RECIPES.values():
        assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert find_recipe("lucid").transforms == LUCID_TRANSFORMS
    with pytest.raises(UnknownName, match=r"unknown recipe 'papper'; valid: .*paper"):
        find_recipe("papper", "config.yaml")
