"""Units of a layer: their names in paths, what their sprites raise, their random numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import inception_like, network_of
from helpers.tiny_rendering import CHANNELS, tiny_network
from helpers.trace_cache import trace_once

from blockscope.feature_visualization.random_streams import rng_for
from blockscope.feature_visualization.recipes import Recipe, Transforms
from blockscope.feature_visualization.sprites import render_sprites
from blockscope.feature_visualization.unit_selection import (
    channel_count,
    numbers_in_path,
    read_numbers,
    requested_units,
    shard_names,
)
from blockscope.feature_visualization.units import channels, directions, neurons
from blockscope.io.errors import BadFile, UnknownName
from blockscope.models.card import InputSpec, Layer, ModelCard

RECIPE = Recipe(size=20, steps=3, learning_rate=0.1, transforms=Transforms(4, (3,)))


@pytest.fixture(scope="module")
def network():
    return tiny_network()


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr("blockscope.feature_visualization.optimizer.LARGEST", 2)
    trace_once(monkeypatch)


@pytest.mark.parametrize(
    ("text", "kind", "numbers"),
    [
        ("", "channels", [0, 1, 2, 3, 4, 5, 6]),
        ("-channels-1,3-5", "channels", [1, 3, 4, 5]),
        ("-channels-6", "channels", [6]),
        ("-neurons", "neurons", [0, 1, 2, 3, 4, 5, 6]),
        ("-neurons-0,2", "neurons", [0, 2]),
    ],
)
def test_the_name_of_a_sheet_says_its_units(text, kind, numbers):
    assert requested_units(text, 7, "mixed") == (kind, numbers)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-channels-3,1", r"channels '3,1' of layer 'mixed'.* request 'channels-1,3'$"),
        ("-channels-3,3", r"request 'channels-3'$"),
        ("-channels-1,2,3", r"request 'channels-1-3'$"),
        ("-neurons-01", r"neurons '01' .* request 'neurons-1'$"),
        ("-neurons-2-2", r"request 'neurons-2'$"),
        ("-channels-1,x", r"channels of layer 'mixed': '1,x' is not a list; .*'3,17,40-44'"),
        ("-channels-", r"'' is not a list"),
        ("-neurons-", r"neurons of layer 'mixed': '' is not a list"),
        ("-channels-5-3", r"'5-3' in '5-3' runs backwards"),
        ("-channels-2,7", r"7 in '2,7' does not exist; valid: 0 to 6"),
        ("-neurons-3-999999999999", r"999999999999 in .* does not exist; valid: 0 to 6"),
    ],
)
def test_names_that_are_refused(text, words):
    with pytest.raises(BadFile, match=words):
        requested_units(text, 7, "mixed")


def test_numbers_have_one_name():
    """Whatever is requested: reading what is written gives it back, and nothing else does."""
    rng = np.random.default_rng(3)
    seen: dict[str, list[int]] = {}
    for _ in range(300):
        numbers = sorted(rng.choice(12, rng.integers(1, 12), replace=False).tolist())
        name = numbers_in_path(numbers)
        assert read_numbers(name) == numbers
        assert seen.setdefault(name, numbers) == numbers
    assert numbers_in_path([3, 17, 40, 41, 42, 43, 44]) == "3,17,40-44"


def test_shards_hold_at_most_a_block():
    assert shard_names(range(11), 4) == ["0-3", "4-7", "8-10"]
    assert shard_names(range(4), 4) == ["0-3"]
    assert shard_names([1, 3, 4, 5, 9], 3) == ["1,3-4", "5,9"]


def test_ends_of_a_network_are_no_layers():
    card = ModelCard(
        model="tiny", source="", source_sha256="", outputs=9, logits="output", labels=(),
        input=InputSpec(tensor="x", size=(41, 33), range=(0, 1)),
        layers=(Layer(name="mixed", op="ConcatV2", shape=(11, 9, 5), inputs=()),),
    )  # fmt: skip
    assert channel_count(card, "mixed") == 5
    with pytest.raises(
        BadFile, match=r"'output' is the logits of model 'tiny', not a layer.*mixed"
    ):
        channel_count(card, "output")
    with pytest.raises(BadFile, match=r"'x' is the input of model 'tiny'"):
        channel_count(card, "x")
    with pytest.raises(UnknownName, match=r"'mixt'; valid: mixed"):
        channel_count(card, "mixt")


def scores(units, layer):
    arrays = [[tf.constant(a) for a in term] for term in units.objective.targets(range(len(units)))]
    values = tf.constant(np.repeat(layer[None], len(units), 0))
    return units.objective.scores({units.layer: values}, arrays).numpy()


def test_what_each_unit_raises():
    layer = np.random.default_rng(1).normal(size=(5, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(scores(channels("mixed", 3), layer), layer.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(scores(neurons("mixed", 3), layer), layer[2, 4], rtol=1e-5)
    vectors = np.array([[3.0, 0, 4], [0, -2, 0], [0, 0, 0]])
    expected = layer.mean((0, 1)) @ np.array([[0.6, 0, 0.8], [0, -1, 0], [0, 0, 0]]).T
    np.testing.assert_allclose(scores(directions("mixed", vectors), layer), expected, atol=1e-6)


def test_names_of_units():
    """A channel and its neuron share nothing; a direction keeps its name wherever it stands."""
    assert list(channels("mixed", 3).names) == [0, 1, 2]
    assert neurons("mixed", 2).names == ["neuron 0", "neuron 1"]
    vectors = np.array([[0.1, 5, 0.2], [0.1, 0, -9]])
    assert directions("mixed", vectors).names == ["direction +1", "direction -2"]
    assert directions("mixed", vectors[::-1] * 1.0001).names == ["direction -2", "direction +1"]
    drawn = [
        rng_for(0, "mixed", name, "start").normal()
        for name in (1, "neuron 1", "direction +1", "direction -1")
    ]
    assert len(set(drawn)) == 4


def test_the_digest_of_directions_is_that_of_their_lines():
    """Length says nothing, direction does."""
    vectors = np.array([[0.5, 1, 0], [0.0, 2, 4]])
    same = directions("mixed", vectors * [[4], [0.25]])
    assert directions("mixed", vectors).values == same.values
    assert directions("mixed", np.add(vectors, [[0.01, 0, 0]])).values != same.values


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (
            [[1, np.nan]],
            r"directions of layer 'mixed' have the shape \(1, 2\) and 1 entry that is not finite",
        ),
        ([1, 2], r"the shape \(2,\) and 0 entries"),
        (np.zeros((0, 4)), r"the shape \(0, 4\)"),
    ],
)
def test_directions_that_are_none(vectors, words):
    with pytest.raises(BadFile, match=words):
        directions("mixed", vectors)


def test_directions_of_another_layer(network):
    with pytest.raises(BadFile, match=r"direction of layer 'mixed' has 4 entries.* 11 channels"):
        render_sprites(network, directions("mixed", np.eye(4)), RECIPE)


def test_a_direction_along_a_channel_is_evaluated_as_the_channel_is(network):
    """Each sprite raises its own unit; random numbers differ, what is reached nearly does not."""
    longer = replace(RECIPE, steps=40)
    along = render_sprites(network, directions("mixed", 3 * np.eye(CHANNELS)[[2, 8]]), longer)
    same = render_sprites(network, channels("mixed", CHANNELS), longer, [2, 8])
    assert same.sprite.values.tolist() == [2, 8]
    assert along.sprite.values.tolist() == [0, 1]
    assert (along.sprites.values != same.sprites.values).any()
    np.testing.assert_allclose(along.heldout_objective, same.heldout_objective, rtol=0.005)
    start = render_sprites(network, channels("mixed", CHANNELS), replace(RECIPE, steps=1), [2, 8])
    assert (along.heldout_objective.values > start.heldout_objective.values).all()


def test_a_neuron_is_not_its_channel(network):
    whole = render_sprites(network, channels("mixed", CHANNELS), RECIPE, [4])
    middle = render_sprites(network, neurons("mixed", CHANNELS), RECIPE, [4])
    assert (whole.sprites.values != middle.sprites.values).any()


def test_a_sprite_depends_on_no_other(network):
    """The same direction, in another place of another matrix, gives the same bits."""
    vectors = np.abs(np.random.default_rng(2).normal(size=(3, CHANNELS)))
    one = render_sprites(network, directions("mixed", vectors), RECIPE, [1])
    other = render_sprites(network, directions("mixed", vectors[[2, 0, 1]]), RECIPE)
    np.testing.assert_array_equal(one.sprites[0], other.sprites[2])
    assert float(one.heldout_objective[0]) == float(other.heldout_objective[2])


def test_a_direction_of_no_length_stays_grey(network):
    made = render_sprites(network, directions("mixed", np.zeros((1, CHANNELS))), RECIPE)
    assert float(made.objective[0]) == 0
    assert int(made.diverged_step[0]) == -1
    assert abs(made.sprites.values.astype(int) - 127).max() < 30


def test_a_unit_that_is_not_there(network):
    with pytest.raises(UnknownName, match=r"neurons of layer 'mixed' .* found 11; .* 0 to 10"):
        render_sprites(network, neurons("mixed", CHANNELS), RECIPE, [3, 11])


def test_a_line_is_logged_for_each_batch(network):
    logged: list[str] = []
    render_sprites(network, channels("mixed", CHANNELS), RECIPE, [1, 2, 9], log=logged.append)
    assert len(logged) == 2
    assert logged[0].startswith("channels 1-2 of mixed: objective ")
    assert "; 2 of 3 done, about 0:00:" in logged[0]
    assert logged[1].startswith("channel 9 of mixed: ")
    assert logged[1].endswith("; 3 of 3 done, about 0:00:00 left")


def test_a_layer_that_is_too_deep_for_the_recipe(network):
    small = replace(RECIPE, size=4, transforms=Transforms(2))
    with pytest.raises(
        BadFile,
        match=r"layer 'late' is too deep for images of 6 x 6 pixels: it needs at least 9 x 9.*"
        r"a sprite of the recipe has 4 pixels \(key sprites.recipe.*sees it with 2 more",
    ):
        render_sprites(network, channels("late", 7), small)


def test_a_network_without_a_finite_value_is_refused_before_the_first_step(monkeypatch):
    def broken(x):
        inception_like(x)
        return tf.add(x.graph.get_tensor_by_name("mixed:0"), np.float32(np.nan), name="broken")

    network = network_of(broken, (41, 33, 3), tf.float32)
    monkeypatch.setattr("blockscope.feature_visualization.sprites.Optimizer", None)
    words = r"layer 'broken' has no finite value even for a grey image.* weights and input range"
    with pytest.raises(BadFile, match=words):
        render_sprites(network, channels("broken", CHANNELS), RECIPE)


def test_a_sprite_that_diverges_is_named_and_leaves_the_others_alone(network, capsys):
    """A layer that has no value any more once channel 2 of an image responds enough."""
    recipe = replace(RECIPE, steps=8, learning_rate=1.0)
    sound = render_sprites(network, channels("mixed", CHANNELS), recipe, [2, 8])
    first = 1.43  # what grey gives
    limit = (first + float(sound.objective[0])) / 2

    def breaking(x):
        inception_like(x)
        mixed = x.graph.get_tensor_by_name("mixed:0")
        much = tf.reduce_mean(mixed[..., 2:3], [1, 2], keepdims=True) > limit
        return tf.add(mixed, tf.where(much, np.float32(np.nan), np.float32(0)), name="broken")

    breaks = network_of(breaking, (41, 33, 3), tf.float32)
    made = render_sprites(breaks, channels("broken", CHANNELS), recipe, [0, 2, 8])
    assert made.diverged_step.values[[0, 2]].tolist() == [-1, -1]
    step = int(made.diverged_step[1])
    assert 0 < step < 8
    said = capsys.readouterr().err
    assert f"channel 2 of layer 'broken' diverged (NaN or infinity) at step {step} of 8" in said
    alone = render_sprites(breaks, channels("broken", CHANNELS), recipe, [0, 8])
    np.testing.assert_array_equal(made.sprites[[0, 2]], alone.sprites)
    assert np.isfinite(made.heldout_objective[[0, 2]]).all()
