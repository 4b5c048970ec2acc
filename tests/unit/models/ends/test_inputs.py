"""How images and other values enter a network: every kind computes what its file computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, weights

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.feature_visualization.network_view import View
from blockscope.feature_visualization.objectives import channel
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.network import Network
from blockscope.stages.network.model import write_model
from blockscope.stages.result_files import describe

SIZE = (10, 14)
INPUT = {"tensor": "input", "size": SIZE, "range": (0.0, 255.0)}
Read = Callable[..., tuple[ModelCard, Network]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function: network file -> its card and the network in normal form."""

    def made(graph: Path, **keys) -> tuple[ModelCard, Network]:
        (tmp_path / "labels.json").write_text(json.dumps(list("abcd")))
        content = {"graph": str(graph), "input": INPUT, "logits": "logits"}
        entry = ModelEntry.model_validate(
            content | keys | {"labels": str(tmp_path / "labels.json")}
        )
        folder = tmp_path / "made"
        write_model(
            entry=entry, name="net", downloads=tmp_path,
            graph_path=folder / "graph.pb", card_path=folder / "model.json",
        )  # fmt: skip
        card = ModelCard.read(folder / "model.json")
        return card, Network.load(folder / "graph.pb", card)

    return made


def freeze(build: Callable, path: Path, shape=(None, *SIZE, 3), dtype=tf.float32) -> Path:
    graph = tf.Graph()
    with graph.as_default():
        build(tf.compat.v1.placeholder(dtype, shape, name="input"))
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def of_file(path: Path, **feeds) -> np.ndarray:
    """Run a frozen graph the ordinary way."""
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        tf.import_graph_def(definition, name="")
        found = session.run(
            "logits:0", {graph.get_tensor_by_name(f"{n}:0"): v for n, v in feeds.items()}
        )
        return np.asarray(found)


def photo() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def logits_of(network: Network, pixels: np.ndarray) -> np.ndarray:
    feeds = {network.spec.tensor: network.values(pixels)}
    return network.run(feeds, [network.logits])[network.logits].numpy()


def head(x, channels: int = 6, name: str = "logits"):
    return tf.matmul(x, weights((channels, 4), 3).astype(np.float32), name=name)


def body(x):
    return tf.reduce_mean(conv(x / 64, 6, name="a"), [1, 2])


@pytest.mark.parametrize("filters", [6, 8])  # 6 divide by 3: a grouped convolution of colours
def test_a_grey_network_reads_luminance(tmp_path, read, filters) -> None:
    def build(x):
        head(tf.reduce_mean(conv(x / 64, filters, name="a"), [1, 2]), filters)

    path = freeze(build, tmp_path / "net.pb", (None, *SIZE, 1))
    card, network = read(path)
    grey = (photo() @ [0.299, 0.587, 0.114])[None, ..., None]
    np.testing.assert_allclose(logits_of(network, photo()), of_file(path, input=grey), rtol=1e-5)
    assert "10 x 14 pixels, values 0 to 255 of grey\n" in describe(tmp_path / "made/model.json")
    assert card.layer("a").shape == (*SIZE, filters)


def test_channels_first_are_turned(tmp_path, read) -> None:
    path = freeze(
        lambda x: head(body(tf.transpose(x, [0, 2, 3, 1]))), tmp_path / "net.pb", (None, 3, *SIZE)
    )
    with pytest.raises(
        BadFile, match=r"\(any, 3, 10, 14\): its channels come first; give layout: c"
    ):
        read(path)
    card, network = read(path, input=INPUT | {"layout": "channels_first", "order": "bgr"})
    given = photo()[None, ..., ::-1].transpose(0, 3, 1, 2)
    np.testing.assert_allclose(logits_of(network, photo()), of_file(path, input=given), rtol=1e-5)
    assert card.input.tensor == "input_image"


def without_shape(path: Path) -> Path:
    """Let a frozen graph's input say nothing of its shape, as some tools leave it."""
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    for node in definition.node:
        if node.op == "Placeholder":
            del node.attr["shape"]
    path.write_bytes(definition.SerializeToString())
    return path


def batch_norm(x):
    one = np.array([0.5], "f4")
    return tf.compat.v1.nn.fused_batch_norm(x, one, one, one, one, is_training=False)[0]


def first_and_back(x):
    x = tf.pad(tf.transpose(x, [0, 3, 1, 2]), [[0, 0], [0, 0], [1, 2], [0, 1]])
    return tf.transpose(x, [0, 2, 3, 1])


PREPARATIONS = {
    "nothing": lambda x: x,
    "padding": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]]),
    "padding by a value": lambda x: tf.pad(x, [[0, 0], [1, 0], [2, 1], [0, 0]], constant_values=3),
    "mirrored padding": lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], "REFLECT"),
    "transposition": first_and_back,
    "batch norm": batch_norm,
    "crop": lambda x: x[:, 1:-1, 2:],
    "crop of all axes": lambda x: x[:, 1:9, 2:12, :],
    "crop by sizes": lambda x: tf.slice(x, [0, 1, 2, 0], [-1, 8, 9, -1]),
    "turned channels": lambda x: x[..., ::-1],
    "channels turned by their axis": lambda x: tf.reverse(x, [3]),
    "scaled from the left": lambda x: 2.0 - np.float32(0.5) * x,
    "pooling": lambda x: tf.nn.avg_pool2d(x, 2, 1, "VALID"),
    "resized": lambda x: tf.image.resize(x, [9, 13]),
    "minus its mean": lambda x: x - tf.reduce_mean(x, [1, 2], keepdims=True),
    "clipped": lambda x: tf.clip_by_value(x, 20.0, 200.0),
}


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("preparation", PREPARATIONS)
def test_a_grey_network_without_the_shape_of_its_input(
    preparation, depthwise, tmp_path, read
) -> None:
    def build(x):
        x = PREPARATIONS[preparation](x) / 64
        if depthwise:
            kernel = weights((3, 3, 1, 6), 1).astype(np.float32)
            x = tf.nn.relu(tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME"))
        else:
            x = conv(x, 6, name="a")  # 6 divide by 3: a grouped convolution of colours
        head(tf.reduce_mean(x, [1, 2]))

    path = without_shape(freeze(build, tmp_path / "net.pb", (None, *SIZE, 1)))
    words = (
        r"convolution '.+' reads 1 channel of the input 'input', which is fed 3, and whose shape "
        r"does not say how many it has; for a grey network give order: grey; valid: images of 3"
    )
    for order in ({}, {"order": "bgr"}):
        with pytest.raises(BadFile, match=words):
            read(path, input=INPUT | order)
    _, network = read(path, input=INPUT | {"order": "grey"})
    grey = (photo() @ [0.299, 0.587, 0.114])[None, ..., None]
    np.testing.assert_allclose(
        logits_of(network, photo()), of_file(path, input=grey), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("preparation", sorted(PREPARATIONS.keys() - {"batch norm"}))
def test_a_network_of_colours_without_the_shape_of_its_input(preparation, tmp_path, read) -> None:
    path = without_shape(
        freeze(lambda x: head(body(PREPARATIONS[preparation](x))), tmp_path / "net.pb")
    )
    _, network = read(path)
    expected = of_file(path, input=photo()[None])
    np.testing.assert_allclose(logits_of(network, photo()), expected, rtol=1e-5, atol=1e-5)
    words = (
        r"convolution '.+' reads 3 channels of the input 'input', which is fed 1, .*; for a network"
        " of colours give order: rgb or bgr; valid"
    )
    with pytest.raises(BadFile, match=words):
        read(path, input=INPUT | {"order": "grey"})


OTHER_CHANNELS = {
    "repeated": lambda x: tf.concat([x, x, x], 3),
    "tiled": lambda x: tf.tile(x, [1, 1, 1, 3]),
    "with a number for each": lambda x: x * np.array([0.5, 1.0, 2.0], "f4"),
    "padded": lambda x: tf.pad(x, [[0, 0], [0, 0], [0, 0], [1, 1]]),
    "columns moved to channels": lambda x: tf.reshape(x, [-1, 10, 7, 2]),
}


@pytest.mark.parametrize("channels", OTHER_CHANNELS)
def test_a_grey_network_that_makes_channels_of_its_own(channels, tmp_path, read) -> None:
    path = freeze(
        lambda x: head(body(OTHER_CHANNELS[channels](x))), tmp_path / "net.pb", (None, *SIZE, 1)
    )
    _, network = read(without_shape(path), input=INPUT | {"order": "grey"})
    grey = (photo() @ [0.299, 0.587, 0.114])[None, ..., None]
    np.testing.assert_allclose(logits_of(network, photo()), of_file(path, input=grey), rtol=1e-5)


def test_a_grey_network_of_channels_first_without_a_shape(tmp_path, read) -> None:
    path = freeze(
        lambda x: head(body(tf.transpose(x, [0, 2, 3, 1]))), tmp_path / "net.pb", (None, 1, *SIZE)
    )
    given = INPUT | {"layout": "channels_first"}
    with pytest.raises(BadFile, match="reads 1 channel of the input 'input', which is fed 3, and"):
        read(without_shape(path), input=given)
    _, network = read(path, input=given | {"order": "grey"})
    grey = (photo() @ [0.299, 0.587, 0.114])[None, None]
    np.testing.assert_allclose(logits_of(network, photo()), of_file(path, input=grey), rtol=1e-5)


def test_groups_of_colours_are_those_that_a_file_states(tmp_path, read) -> None:
    def build(x):
        kernel = weights((3, 3, 1, 6), 1).astype(np.float32)
        head(tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(x / 64, kernel, 1, "SAME")), [1, 2]))

    path = freeze(build, tmp_path / "net.pb")
    _, network = read(path)
    expected = of_file(path, input=photo()[None])
    np.testing.assert_allclose(logits_of(network, photo()), expected, rtol=1e-5)


def test_layouts_that_are_named_wrongly_are_refused(tmp_path, read) -> None:
    path = freeze(lambda x: head(body(x)), tmp_path / "net.pb")
    with pytest.raises(BadFile, match="its channels come last; give layout: channels_last"):
        read(path, input=INPUT | {"layout": "channels_first"})


@pytest.mark.parametrize("dtype", [tf.float16, tf.float64, tf.bfloat16])
def test_other_floats_are_cast_from_float32(tmp_path, read, dtype) -> None:
    path = freeze(lambda x: head(body(tf.cast(x, tf.float32))), tmp_path / "net.pb", dtype=dtype)
    _, network = read(path)
    given = photo()[None].astype(dtype.as_numpy_dtype)
    np.testing.assert_allclose(logits_of(network, photo()), of_file(path, input=given), rtol=1e-5)
    assert network.nodes[network.spec.tensor].attr["dtype"].type == tf.float32


@pytest.mark.parametrize("dtype", [tf.uint8, tf.int32])
@pytest.mark.parametrize("batched", [False, True])
def test_whole_numbers_become_floats_and_keep_their_gradient(
    tmp_path, read, dtype, batched
) -> None:
    def build(x):
        x = tf.reshape(x, [-1, *SIZE, 3]) if batched else x
        head(body(tf.cast(x, tf.float32)))

    path = freeze(build, tmp_path / "net.pb", dtype=dtype)
    _, network = read(path)
    np.testing.assert_allclose(
        logits_of(network, photo()), of_file(path, input=photo()[None]), rtol=1e-5
    )
    values = tf.constant(network.values(photo()))
    with tf.GradientTape() as tape:
        tape.watch(values)
        score = network.run({network.spec.tensor: values}, ["logits"])["logits"][0, 1]
    assert np.count_nonzero(tape.gradient(score, values)) > 100


@pytest.mark.parametrize(
    "hand_on",
    [
        lambda x: x[..., ::-1],
        lambda x: x[:, 2:, 3:],
        lambda x: tf.gather(x, [2, 1, 0], axis=-1),
        lambda x: tf.stack(tf.unstack(x, axis=-1)[::-1], -1),
        lambda x: tf.concat(tf.split(x, 3, -1)[::-1], -1),
        lambda x: tf.concat(tf.split(x, [2, 1], -1)[::-1], -1),
        lambda x: tf.pad(tf.ensure_shape(x, (None, *SIZE, 3)), [[0, 0], [1, 2], [0, 1], [0, 0]]),
        lambda x: tf.image.resize(x, (9, 9), method="nearest"),
    ],
)
def test_whole_numbers_that_are_handed_on_become_floats(tmp_path, read, hand_on) -> None:
    path = freeze(
        lambda x: head(body(tf.cast(hand_on(x), tf.float32))), tmp_path / "net.pb", dtype=tf.uint8
    )
    _, network = read(path)
    np.testing.assert_allclose(
        logits_of(network, photo()), of_file(path, input=photo()[None]), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("compute", "op"),
    [
        (lambda x: tf.concat([q + q for q in tf.split(x, 3, -1)], -1), "AddV2"),
        (lambda x: tf.stack([q + q for q in tf.unstack(x, axis=-1)], -1), "AddV2"),
        (lambda x: tf.concat([x, x], -1) * np.uint8(2), "Mul"),
        (lambda x: np.uint8(255) - x, "Sub"),
        (lambda x: tf.maximum(np.uint8(128), x), "Maximum"),
        (lambda x: tf.where(np.ones((*SIZE, 3), bool), x, np.uint8(0)), "SelectV2"),
        (lambda x: tf.concat([np.zeros((1, 1, 14, 3), np.uint8), x], 1), "ConcatV2"),
    ],
)
def test_whole_numbers_are_followed_to_every_reader(tmp_path, read, compute, op) -> None:
    """Modulo 256 is no float: behind a split, and as a second operand, too."""
    path = freeze(
        lambda x: head(body(tf.cast(compute(x), tf.float32))), tmp_path / "net.pb", dtype=tf.uint8
    )
    with pytest.raises(BadFile, match=rf"whole numbers \(DT_UINT8\), with which '\w+' \({op}\)"):
        read(path)


def test_whole_numbers_with_which_a_network_computes_are_refused(tmp_path, read) -> None:
    path = freeze(
        lambda x: head(body(tf.cast(x // 2, tf.float32))), tmp_path / "net.pb", dtype=tf.uint8
    )
    with pytest.raises(
        BadFile, match=r"whole numbers \(DT_UINT8\), with which 'floordiv' \(FloorDiv"
    ):
        read(path)
    path = freeze(lambda x: head(body(tf.cast(x, tf.float32))), path, dtype=tf.uint8)
    with pytest.raises(BadFile, match=r"DT_UINT8\); valid: range \[0, 255\] without mean and std"):
        read(path, input=INPUT | {"range": (-1, 1)})


def test_text_is_no_image(tmp_path, read) -> None:
    path = freeze(
        lambda x: head(body(tf.reshape(tf.io.decode_raw(x, tf.float32), [-1, *SIZE, 3]))),
        tmp_path / "net.pb", [None], tf.string,
    )  # fmt: skip
    with pytest.raises(
        BadFile, match=r"input tensor 'input' has the shape \(any\): it is not an image"
    ):
        read(path)


def with_rate(shape, dtype=tf.float32):
    def build(x):
        rate = tf.compat.v1.placeholder(dtype, shape, name="rate")
        x = conv(x / 64, 6, name="a")
        head(tf.reduce_mean(conv(x, 6, name="b") / tf.cast(rate, tf.float32), [1, 2]))

    return build


@pytest.mark.parametrize("shape", [(), None])
def test_a_number_is_fed(tmp_path, read, shape) -> None:
    path = freeze(with_rate(shape), tmp_path / "net.pb")
    words = (
        r"the logits also need the input 'rate' \(float32 (one number|of unknown shape)\) beside "
        r"the image 'input'; give a value, as in feed: \{rate: 1\}, .*\(models catalogue: feed\)"
    )
    with pytest.raises(BadFile, match=words):
        read(path)
    card, network = read(path, feed={"rate": 0.8})
    expected = of_file(path, input=photo()[None], rate=0.8)
    np.testing.assert_allclose(logits_of(network, photo()), expected, rtol=1e-5)
    assert card.input.fed == {"rate": 0.8}
    assert "Fed: rate = 0.8\n" in describe(tmp_path / "made/model.json")


def test_values_of_one_image_are_repeated_for_a_batch(tmp_path, read) -> None:
    def build(x):
        meta = tf.compat.v1.placeholder(tf.float32, [None, 2], name="meta")
        head(tf.concat([body(x), meta], 1), 8)

    path = freeze(build, tmp_path / "net.pb")
    _, network = read(path, feed={"meta": [0.5, -2]})
    for count in (1, 3):
        images = np.stack([photo()[::step] for step in (1, -1, 1)][:count])
        found = network.run({network.spec.tensor: images.astype("f4")}, ["logits"])["logits"]
        expected = of_file(path, input=images, meta=[[0.5, -2]] * count)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    values = network.values(photo())
    linear = LinearMap(network, values, "a", "logits", OVERRIDES["none"])
    tangent = np.random.default_rng(0).normal(size=linear.value.shape).astype("f4")
    gradients = Gradients(network, values, "a", "logits", OVERRIDES["none"])
    points = np.concatenate([linear.value, linear.value + tangent / 64])
    first, second = gradients.values_at(points).numpy()
    np.testing.assert_allclose(
        first, of_file(path, input=photo()[None], meta=[[0.5, -2]])[0], rtol=1e-5
    )
    moved = linear.jvp(tangent / 64).numpy()[0]
    np.testing.assert_allclose(second - first, moved, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "dtype", "feed", "words"),
    [
        (
            (),
            tf.float32,
            {"rat": 1},
            "feed names 'rat', which is no input that the logits need; inp",
        ),
        (
            (),
            tf.float32,
            {"input": 1},
            "feed names 'input', which is the image; inputs beside the i",
        ),
        (
            (),
            tf.float32,
            {"rate": [1, 2]},
            r"feed gives \[1, 2\] .*, whose shape is one number; fou",
        ),
        (
            (None, 6),
            tf.float32,
            {"rate": [1]},
            r"is \(any, 6\), of which one image has \(6\); foun",
        ),
        ((6,), tf.float32, {"rate": [[1], [1, 2]]}, "which is no array"),
        ((), tf.int32, {"rate": 0.5}, "feed gives 0.5 for the input 'rate', which holds int32"),
        (
            (),
            tf.float32,
            {"rate": True},
            "feed gives True for the input 'rate', which holds float32",
        ),
        ((), tf.bool, {"rate": 1}, "1 for the input 'rate', which holds bool; .* {rate: false}"),
    ],
)
def test_values_that_do_not_fit_are_refused(tmp_path, read, shape, dtype, feed, words) -> None:
    path = freeze(with_rate(shape, dtype), tmp_path / "net.pb")
    with pytest.raises(BadFile, match=f"model 'net': .*{words}"):
        read(path, feed=feed)


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (
            lambda x: x / 255.0,
            r"multiplies its input by 0.00392 \('truediv'\), so that .* be 0.0078",
        ),
        (
            lambda x: x * np.float32(1 / 127.5) - 1,
            r"by 0.00784 \('mul'\), .*; it seems to be scaled",
        ),
    ],
)
def test_a_network_that_scales_is_not_scaled_twice(tmp_path, read, operation, words) -> None:
    def build(x):
        head(tf.reduce_mean(conv(operation(x), 6), [1, 2]))

    path = freeze(build, tmp_path / "net.pb")
    with pytest.raises(BadFile, match=words):
        read(path, input=INPUT | {"range": (-1, 1)})
    assert read(path)


@pytest.mark.parametrize("batch", [1, 32])
def test_a_placeholder_of_a_fixed_batch_takes_one_image(tmp_path, read, batch) -> None:
    path = freeze(lambda x: head(body(x)), tmp_path / "net.pb", (batch, *SIZE, 3))
    _, network = read(path)
    expected = of_file(path, input=np.repeat(photo()[None], batch, 0))[:1]
    np.testing.assert_allclose(logits_of(network, photo()), expected, rtol=1e-5)

    def reshaped(x):
        x = conv(x / 64, 6, name="a")
        head(tf.reshape(tf.reduce_mean(x, [1, 2]), [batch, 6]))

    path = freeze(reshaped, tmp_path / "net.pb", (batch, *SIZE, 3))
    _, network = read(path)
    expected = of_file(path, input=np.repeat(photo()[None], batch, 0))[:1]
    np.testing.assert_allclose(logits_of(network, photo()), expected, rtol=1e-5)


def test_batch_norm_by_the_mean_of_a_batch_is_refused(tmp_path, read) -> None:
    def build(x):
        x = conv(x / 64, 6, name="a")
        mean, variance = tf.nn.moments(x, [0, 1, 2])
        head(tf.reduce_mean(tf.nn.batch_normalization(x, mean, variance, None, None, 1e-3), [1, 2]))

    words = "'moments/mean' is a mean over the images of a batch, .* was exported in training mode"
    with pytest.raises(BadFile, match=words):
        read(freeze(build, tmp_path / "net.pb"))


def test_a_mean_of_stacked_branches_is_no_batch_norm(tmp_path, read) -> None:
    def build(x):
        x = tf.reduce_mean(tf.stack([conv(x / 64, 6, seed=n) for n in (1, 2)]), 0, name="mixed")
        head(tf.reduce_mean(x, [1, 2]))

    path = freeze(build, tmp_path / "net.pb")
    found = logits_of(read(path)[1], photo())
    np.testing.assert_allclose(found, of_file(path, input=photo()[None]), rtol=1e-5)


def test_dropout_that_draws_is_refused(tmp_path, read) -> None:
    path = freeze(lambda x: head(tf.nn.dropout(body(x), 0.5)), tmp_path / "net.pb")
    with pytest.raises(BadFile, match=r"draws random numbers \(RandomUniform\), .* training mode"):
        read(path)


@pytest.mark.parametrize("keys", [{"order": "bgr", "mean": (9, 60, 120)}, {"order": "rgb"}])
def test_sprites_are_fed_what_images_are(tmp_path, read, keys) -> None:
    path = freeze(lambda x: head(body(x)), tmp_path / "net.pb")
    _, network = read(path, input=INPUT | keys)
    found = drawn(network, "a")
    feeds = {network.spec.tensor: network.values(photo()[:, :10])}
    np.testing.assert_allclose(found, network.run(feeds, ["a"])["a"], rtol=1e-4, atol=1e-5)


def test_sprites_of_a_grey_network_are_fed_luminance(tmp_path, read) -> None:
    path = freeze(lambda x: head(body(x)), tmp_path / "net.pb", (None, *SIZE, 1))
    _, network = read(path)
    feeds = {network.spec.tensor: network.values(photo()[:, :10])}
    np.testing.assert_allclose(
        drawn(network, "a"), network.run(feeds, ["a"])["a"], rtol=1e-4, atol=1e-5
    )


def drawn(network: Network, layer: str) -> np.ndarray:
    """Return a layer for the left of the photo, as it is computed while an image is drawn."""
    view = View(network, channel(layer, [0], 6), 10)
    images = tf.constant(photo()[None, :, :10] / np.float32(255))
    return tf.function(view.layers_of)(images)[layer].numpy()


def test_another_size_than_a_frozen_graph_is_made_for(tmp_path, read) -> None:
    def build(x):
        x = conv(x / 64, 6, name="a")
        head(tf.reshape(x, [-1, SIZE[0] * SIZE[1] * 6]), SIZE[0] * SIZE[1] * 6)

    words = (
        r"'input' is made for images of 10 x 14 pixels, not of 12 x 14; give input.size: \[10, 14"
    )
    with pytest.raises(BadFile, match=words):
        read(freeze(build, tmp_path / "net.pb"), input=INPUT | {"size": (12, 14)})
    path = freeze(build, tmp_path / "open.pb", (None, None, 14, 3))
    with pytest.raises(
        BadFile, match=r"'input' is made for images of any x 14 pixels, not of 10 x"
    ):
        read(path, input=INPUT | {"size": (10, 12)})
    words = (
        r"for an image of 12 x 14 pixels \(models catalogue: input.size\): node 'Reshape' .* cannot"
    )
    with pytest.raises(BadFile, match=words):
        read(path, input=INPUT | {"size": (12, 14)})
    with pytest.raises(
        BadFile, match=r"logits 'logits' have the shape \(2, 4\) for 1 of them, without"
    ):
        read(path, input=INPUT | {"size": (20, 14)})
