"""Graphs made for one image, layouts and layers: what is found, and that the numbers stay."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, weights

from blockscope.attribution.all_labels import attribute_labels
from blockscope.attribution.contrasts import Contrast
from blockscope.attribution.integrated_gradients import ChannelPaths
from blockscope.autodiff.batches import Mode
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels
from blockscope.models.card import InputSpec
from blockscope.models.card_builder import build_card
from blockscope.models.files.formats import Graph
from blockscope.models.network import Network
from blockscope.models.normal_form import normalise
from blockscope.models.preparation import prepare
from blockscope.models.rewrites.channels_last import apply_in_any_layout

SIZE = (10, 14)


def w(*shape, seed=1):
    return weights(shape, seed).astype(np.float32)


class Case:
    """A network of TensorFlow's operations, brought into normal form."""

    def __init__(self, build, batch=None, change=lambda graph: graph):
        self.build = build
        graph = tf.Graph()
        with graph.as_default():
            x = tf.compat.v1.placeholder(tf.float32, [batch, *SIZE, 3], "input")
            tf.identity(build(x), name="logits")
        definition = change(graph.as_graph_def())
        normal = normalise(Graph(definition, "input"), "net", logits="logits")
        spec = InputSpec(tensor="input", size=SIZE, range=(-1, 1))
        self.prepared = prepare(normal, spec, "net")
        names = Labels([f"l{i}" for i in range(4)])
        self.card = build_card(self.prepared, "net", labels=names, head=normal.head)
        self.network = Network(self.prepared.definition, self.prepared.spec, self.prepared.logits)
        image = np.random.default_rng(3).integers(0, 256, (*SIZE, 3), np.uint8)
        self.x = self.network.values(image)

    @property
    def layers(self):
        return {layer.name: layer.shape for layer in self.card.layers}

    def linear(self, layer):
        return LinearMap(self.network, self.x, layer, "logits", OVERRIDES["none"])

    def gradients(self, layer):
        return Gradients(self.network, self.x, layer, "logits", OVERRIDES["none"])

    def terms(self, watched):
        """Activation times gradient of each logit, by TensorFlow from ``build`` alone."""
        held: dict[str, tf.Tensor] = {}

        def keep(name, value):
            if name == watched:
                tape.watch(value)
                held["value"] = value
            return value

        found = []
        for label in range(4):
            with tf.GradientTape() as tape:
                logit = self.build(tf.constant(self.x), keep)[0, label]
            found.append((tape.gradient(logit, held["value"]) * held["value"]).numpy()[0])
        return np.array(found)

    def check(self, layer, terms):
        """Compare all labels, and sums over positions, with terms (label, row, col, channel)."""
        scale = np.abs(terms).max()
        found = attribute_labels(self.linear(layer), range(4))
        np.testing.assert_allclose(found, terms.sum(-1), rtol=0, atol=2e-5 * scale)
        paths = ChannelPaths(self.gradients(layer), [Contrast(0, 1)])
        np.testing.assert_allclose(
            paths.linear().values[0], (terms[0] - terms[1]).sum((0, 1)), rtol=0, atol=1e-4 * scale
        )
        path = paths.path()
        assert abs(paths.completeness_error(path.values)[0]) < 2e-3


def tagged(name, value, keep):
    return keep(name, tf.identity(value, name=name)) if keep else tf.identity(value, name=name)


def head(x):
    return tf.reduce_mean(x, [1, 2]) @ w(x.shape[-1], 4, seed=9)


def of_one_image(x, keep=None):
    """As an exporter writes it that knows one image: sizes of 1 in reshapes and slices."""
    x = tagged("a", conv(x, 6, seed=2), keep)
    flat = tf.reshape(tf.slice(x, [0, 0, 0, 0], [1, 10, 14, 6]), [1, 840])
    return tf.reshape(flat[0:1], [1, -1]) @ w(840, 4, seed=3)


def test_a_graph_of_one_image_takes_many():
    case = Case(lambda x, keep=None: of_one_image(x, keep))
    assert not case.prepared.spec.one_by_one
    images = np.concatenate([case.x, -case.x, case.x * 0.3])
    together = case.network.run({"input": images}, ["logits"])["logits"]
    for number in range(3):
        alone = case.network.run({"input": images[number : number + 1]}, ["logits"])["logits"]
        np.testing.assert_allclose(together[number], alone[0], atol=1e-5)
    case.check("a", case.terms("a"))


def tokens_first(x, keep=None):
    """Tokens before images, with the number of images times heads written into sizes."""
    x = tagged("a", conv(x, 6, stride=2, seed=2), keep)
    tokens = tf.transpose(tf.reshape(x, [1, 35, 6]), [1, 0, 2])
    heads = tf.transpose(tf.reshape(tokens @ w(6, 8, seed=3), [35, 2, 4]), [1, 0, 2])
    mixed = tf.nn.softmax(tf.matmul(heads, heads, transpose_b=True)) @ heads
    back = tf.transpose(tf.reshape(tf.transpose(mixed, [1, 0, 2]), [35, 1, 8]), [1, 2, 0])
    return tf.reduce_mean(back, 2) @ w(8, 4, seed=4)


def test_a_graph_that_takes_one_image_only_is_computed_one_by_one():
    case = Case(tokens_first)
    assert case.prepared.spec.one_by_one
    images = np.concatenate([case.x, -case.x])
    together = case.network.run({"input": images}, ["logits"])["logits"]
    alone = case.network.run({"input": images[1:]}, ["logits"])["logits"]
    np.testing.assert_array_equal(together[1], alone[0])
    case.check("a", case.terms("a"))


def test_a_graph_of_thirty_two_images_takes_one():
    def build(x, keep=None):
        x = tagged("a", conv(x, 6, seed=2), keep)
        rows = 32 if keep is None and x.shape[0] == 32 else 1
        return tf.reshape(tf.reduce_mean(x, [1, 2]), [rows, 6]) @ w(6, 4, seed=3)

    case = Case(build, batch=32)
    assert not case.prepared.spec.one_by_one
    case.check("a", case.terms("a"))


def test_a_network_for_very_many_images_at_once_is_refused():
    words = "input 'input' takes 300 images at once; valid: any number, or up to 256; export the"
    with pytest.raises(BadFile, match=words):
        Case(lambda x: head(conv(x, 6)), batch=300)


def test_a_product_made_for_several_images_at_once_is_refused_for_its_shape():
    def build(x):
        x = tf.reshape(conv(x, 6, seed=2), [4, 140, 6])
        return tf.reduce_mean(tf.matmul(x, np.repeat(w(1, 6, 5), 4, 0)), 1) @ w(5, 4)

    words = r"logits have the shape \(4, 4\) for one image .* for 4 at once, .*valid: \(1, 4\); exp"
    with pytest.raises(BadFile, match=words):
        Case(build, batch=4)


def test_statistics_of_the_batch_are_refused():
    def build(x):
        x = conv(x, 6, seed=2)
        largest = tf.reduce_max(tf.abs(x), [0, 1, 2])
        return head(tf.nn.relu(x / largest))

    with pytest.raises(BadFile, match=r"depend on the other images of its batch.*training mode"):
        Case(build)


def test_what_is_no_map_is_no_layer():
    def build(x, keep=None):
        x = tagged("a", conv(x, 6, stride=2, seed=2), keep)
        apart = tf.space_to_batch(x, [2, 2], [[1, 0], [1, 0]])  # four entries for each image
        apart = tf.nn.relu(conv(tf.nn.relu(apart), 5, seed=3), name="apart")
        x = tf.batch_to_space(apart * 1.5, [2, 2], [[1, 0], [1, 0]], name="b")
        turned = tf.nn.relu(tf.transpose(x, [0, 2, 1, 3]))
        groups = tf.reshape(x, [-1, 5, 7, 5, 1])
        scores = tf.matmul(
            tf.transpose(groups, [0, 3, 1, 2, 4])[..., 0], w(7, 3, seed=5), name="scores"
        )
        return head(turned) + tf.reduce_mean(scores, [2, 3]) @ w(5, 4, seed=6)

    case = Case(build)
    assert case.layers["a"] == (5, 7, 6)
    assert case.layers["b"] == (5, 7, 5)
    assert not {"apart", "scores"} & set(case.layers)
    case.check("a", case.terms("a"))


def transformer(x, keep=None):
    """Patches, a class token, attention, and the class token's vector to the logits."""
    patches = conv(x, 6, (2, 2), 2, "VALID", seed=2, relu=False)
    tokens = tf.reshape(patches, [-1, 35, 6])
    first = tf.broadcast_to(tf.constant(w(1, 1, 6, seed=3)), [tf.shape(x)[0], 1, 6])
    tokens = tf.concat([first, tokens], 1) + w(1, 36, 6, seed=4)
    tokens = tagged("tokens", tokens, keep)
    query, key, value = (tokens @ w(6, 6, seed=n) for n in (5, 6, 7))
    mixed = tf.nn.softmax(tf.matmul(query, key, transpose_b=True)) @ value
    tokens = tagged("mixed", tokens + tf.nn.relu(mixed), keep)
    return tagged("vector", tf.nn.relu(tokens[:, 0]), keep) @ w(6, 4, seed=8)


def test_tokens_are_a_map_and_the_class_token_a_position_of_its_own():
    case = Case(transformer)
    assert case.layers["tokens"] == (5, 7, 6)
    assert case.layers["tokens_class_token"] == (1, 1, 6)
    assert case.card.is_after("mixed", "tokens_class_token")
    assert not case.card.is_after("tokens", "mixed")
    terms = case.terms("tokens")
    case.check("tokens", terms[:, 1:].reshape(4, 5, 7, 6))
    case.check("tokens_class_token", terms[:, :1].reshape(4, 1, 1, 6))


def beside_one_entry(axis):
    """Tokens as torchvision's encoder has them exported, (image, token, 1, channel), or behind."""

    def build(x, keep=None):
        patches = conv(x, 6, (2, 2), 2, "VALID", seed=2, relu=False)
        tokens = tf.pad(tf.reshape(patches, [-1, 35, 6]), [[0, 0], [1, 2], [0, 0]])
        tokens = tf.expand_dims(tf.nn.relu(tokens + w(1, 38, 6, seed=4)), axis)
        dense = tagged("dense", conv(tokens, 5, (1, 1), seed=5), keep)
        mean = tf.reduce_mean(dense, 3, keepdims=True)
        scaled = dense * tf.math.rsqrt(tf.square(mean) + 1.0)
        tokens = tagged("tokens", tf.nn.relu(tokens + conv(scaled, 6, (1, 1), seed=6)), keep)
        tokens = tf.squeeze(tokens, axis)
        return tf.nn.relu(tf.reduce_mean(tokens[:, 1:9] * tokens[:, 20:28], 1)) @ w(
            6, 4, seed=7
        ) + tf.reduce_mean(tokens**2, 1) @ w(6, 4, seed=8)

    return build


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize(("name", "channels"), [("dense", 5), ("tokens", 6)])
def test_tokens_are_a_map_beside_an_axis_of_one_entry(axis, name, channels):
    case = Case(beside_one_entry(axis))
    assert case.layers[name] == (5, 7, channels)
    assert case.layers[f"{name}_class_token"] == (1, 1, channels)
    assert case.layers[f"{name}_other_tokens"] == (1, 2, channels)
    terms = case.terms(name).reshape(4, 38, channels)
    case.check(name, terms[:, 1:36].reshape(4, 5, 7, channels))
    case.check(f"{name}_class_token", terms[:, :1].reshape(4, 1, 1, channels))
    case.check(f"{name}_other_tokens", terms[:, 36:].reshape(4, 1, 2, channels))


def test_tokens_that_a_kernel_has_shifted_are_no_layer():
    def build(x):
        tokens = tf.reshape(conv(x, 6, (2, 2), 2, "VALID", seed=2), [-1, 35, 1, 6])
        tokens = tf.nn.relu(tokens, name="tokens")
        centred = tf.nn.relu(conv(tokens, 6, (3, 1), seed=3), name="centred")
        causal = tf.pad(tokens, [[0, 0], [2, 0], [0, 0], [0, 0]])
        causal = tf.nn.relu(conv(causal, 6, (3, 1), 1, "VALID", seed=4), name="causal")
        even = tf.nn.relu(conv(tokens, 6, (4, 1), seed=5), name="even")
        listed = tf.nn.relu(tf.reshape(even, [-1, 35, 6]), name="listed")
        return sum(head(part) for part in (centred, causal, even, listed[:, :, None]))

    case = Case(build)
    assert case.layers["tokens"] == case.layers["centred"] == (5, 7, 6)
    assert not {"causal", "even", "listed"} & set(case.layers)


def test_a_class_token_may_be_added_to_padding():
    def build(x, keep=None):
        patches = conv(x, 6, (2, 2), 2, "VALID", seed=2, relu=False)
        tokens = tf.pad(tf.reshape(patches, [-1, 35, 6]), [[0, 0], [1, 2], [0, 0]])
        tokens = tagged("tokens", tf.nn.relu(tokens + w(1, 38, 6, seed=4)), keep)
        kept = tf.slice(tokens, [0, 1, 0], [-1, 35, -1]) * 2.0
        kept = tagged("kept", kept, keep)
        return tf.reduce_mean(kept, 1) @ w(6, 4, seed=7) + tokens[:, 0] @ w(6, 4, seed=8)

    case = Case(build)
    assert case.layers["tokens"] == case.layers["kept"] == (5, 7, 6)
    assert case.layers["tokens_class_token"] == (1, 1, 6)
    assert case.layers["tokens_other_tokens"] == (1, 2, 6)
    terms = case.terms("tokens")
    case.check("tokens", terms[:, 1:36].reshape(4, 5, 7, 6))
    case.check("kept", case.terms("kept").reshape(4, 5, 7, 6))


def test_a_dense_layer_has_one_position():
    case = Case(transformer)
    assert case.layers["vector"] == (1, 1, 6)
    case.check("vector", case.terms("vector").reshape(4, 1, 1, 6))
    to_vector = LinearMap(case.network, case.x, "tokens", "vector", OVERRIDES["none"])
    assert to_vector.output.shape == (1, 1, 1, 6)


def squeezed_and_excited(x, keep=None):
    x = conv(x, 6, seed=2)
    means = tf.reshape(tf.reduce_mean(x, [1, 2]), [-1, 1, 1, 6])
    means = tagged("means", means * 2.0, keep)
    return head(x * tf.sigmoid(conv(means, 6, (1, 1), seed=3, relu=False)))


def test_a_vector_with_axes_of_one_entry_has_one_position():
    case = Case(squeezed_and_excited)
    assert case.layers["means"] == (1, 1, 6)
    case.check("means", case.terms("means"))


def multi_rate(x, keep=None):
    """Dilated convolutions side by side on a small map, and the mean of it all, as in DeepLab."""
    x = tf.nn.max_pool2d(conv(x, 6, seed=2), 2, 2, "SAME")
    branches = [tf.nn.conv2d(x, w(3, 3, 6, 4, seed=n), 1, "SAME", dilations=n) for n in (2, 3)]
    pooled = conv(tf.reduce_mean(x, [1, 2], keepdims=True), 3, (1, 1), seed=5)
    pooled = tagged("pooled", tf.image.resize(pooled, (5, 7)), keep)
    joined = tagged("joined", tf.nn.relu(tf.concat([*branches, pooled], 3)), keep)
    return head(tagged("projected", conv(joined, 5, (1, 1), seed=6), keep))


def group_norm(x, keep=None):
    """Three groups of a map's channels, flattened with its positions, as PyTorch exports it."""
    x = tf.transpose(conv(x, 6, seed=2), [0, 3, 1, 2])
    flat = tf.reshape(x, [-1, 3, 2 * 10 * 14])
    flat -= tf.reduce_mean(flat, 2, keepdims=True)
    x = tf.transpose(tf.reshape(flat * 2.0, [-1, 6, 10, 14]), [0, 2, 3, 1])
    x = tagged("normed", x, keep)
    return head(tagged("after", conv(x, 5, seed=3), keep))


@pytest.mark.parametrize(
    ("build", "layers"),
    [
        (multi_rate, {"joined": (5, 7, 11), "projected": (5, 7, 5)}),
        (group_norm, {"normed": (10, 14, 6), "after": (10, 14, 5)}),
    ],
)
def test_maps_on_their_way_through_many_operations(build, layers):
    case = Case(build)
    for layer, shape in layers.items():
        assert case.layers[layer] == shape
        case.check(layer, case.terms(layer))
    assert "pooled" not in case.layers  # the same at every position


def test_axes_stay_known_through_rare_operations():
    def build(x):
        x = tf.quantization.fake_quant_with_min_max_args(conv(x, 6, seed=2), -6, 6)
        x = tf.raw_ops.Concat(concat_dim=3, values=[x, tf.nn.relu(x - 0.1)])
        x = tf.where(tf.math.is_nan(x) | tf.math.is_inf(x), 0.0, x)
        return head(tf.nn.relu(conv(x, 5, seed=3), name="after"))

    assert Case(build).layers["after"] == (10, 14, 5)


def test_what_convolutions_make_of_unknown_axes_is_no_layer():
    def build(x):
        x = conv(x, 6, stride=2, seed=2, name="a")
        flipped = tf.einsum("bhwc,hk->bkwc", x, w(5, 5, seed=4))
        flipped = tf.nn.relu(conv(flipped, 6, seed=3), name="mixed")
        added = tf.nn.relu(x + 0.5 * flipped, name="added")
        tokens = tf.matmul(w(35, 35, seed=5), tf.reshape(x, [-1, 35, 6]))
        tokens = tf.nn.relu(conv(tf.reshape(tokens, [-1, 5, 7, 6]), 6, seed=3), name="tokens")
        dense = tf.reshape(tf.reshape(x, [-1, 210]) @ w(210, 70, seed=6), [-1, 5, 7, 2])
        dense = tf.nn.relu(conv(dense, 6, seed=3), name="decoded")
        return sum(head(part) for part in (added, tokens, dense))

    case = Case(build)
    assert "a" in case.layers
    assert not {"mixed", "added", "tokens", "decoded"} & set(case.layers)


def test_a_layer_behind_which_only_steps_follow_is_refused():
    def build(x):
        return head(tf.round(tf.nn.relu(conv(x, 6, seed=2), name="a") * 9) + x[..., :1] * 0)

    with pytest.raises(BadFile, match=r"does not respond to layer 'a': .* at steps \(Round, Sign"):
        Case(build).linear("a")


def first_channels(x, keep=None):
    x = conv(x, 6, stride=2, seed=2)
    first = tagged("first", tf.transpose(x, [0, 3, 1, 2]), keep)
    return tf.reshape(tf.square(first), [-1, 210]) @ w(210, 4, seed=3)


def test_a_map_whose_channels_come_first_is_shown_with_channels_last():
    case = Case(first_channels)
    assert case.layers["first"] == (5, 7, 6)
    case.check("first", case.terms("first").transpose(0, 2, 3, 1))


def exchanged(x, keep=None):
    """Rows and columns change places before a convolution, as in files of column-major tools."""
    x = tf.transpose(conv(x, 6, stride=2, seed=2), [0, 2, 1, 3])
    x = tagged("convolved", conv(x, 5, seed=3), keep)
    x = tagged("pooled", tf.nn.max_pool2d(x, (2, 1), (2, 1), "SAME"), keep)
    return tf.reshape(tf.square(x), [-1, 100]) @ w(100, 4, seed=4)


def test_rows_and_columns_that_changed_places_are_shown_as_in_the_image():
    case = Case(exchanged)
    assert (case.layers["convolved"], case.layers["pooled"]) == ((5, 7, 5), (5, 4, 5))
    for layer in ("convolved", "pooled"):
        case.check(layer, case.terms(layer).transpose(0, 2, 1, 3))


def upsampled(x, keep=None):
    """A map of twice the size: each entry four times, and four channels side by side."""
    x = conv(x, 8, stride=2, seed=2)
    rows = tf.tile(x[:, :, None], [1, 1, 2, 1, 1])
    rows = tf.reshape(rows, [-1, 10, 7, 8])
    repeated = tf.reshape(rows[:, :, :, None] * np.ones((2, 1), np.float32), [-1, 10, 14, 8])
    repeated = tagged("repeated", tf.nn.relu(repeated), keep)
    shuffled = tf.transpose(tf.reshape(x, [-1, 5, 7, 2, 2, 2]), [0, 1, 3, 2, 4, 5])
    shuffled = tagged("shuffled", tf.nn.relu(tf.reshape(shuffled, [-1, 10, 14, 2])), keep)
    return head(repeated) + head(tf.square(shuffled))


def reduced(x, keep=None):
    """Half the rows by the mean of blocks; the largest of each two channels; every other one."""
    x = conv(x, 8, seed=2)
    blocks = tf.reduce_mean(tf.reshape(x, [-1, 5, 2, 7, 2, 8]), [2, 4])
    blocks = tagged("blocks", blocks, keep)
    largest = tf.reduce_max(tf.reshape(blocks, [-1, 5, 7, 4, 2]), -1)
    largest = tagged("largest", tf.nn.relu(largest), keep)
    first, second = tf.unstack(tf.reshape(x, [-1, 10, 14, 2, 4]), axis=3)
    stacked = tagged("stacked", tf.nn.relu(tf.stack([second, first], 4)), keep)
    stacked = tf.reshape(stacked, [-1, 10, 14, 8])
    joined = tagged("joined", tf.nn.relu(stacked * 1.5), keep)
    return head(largest) + head(joined)


@pytest.mark.parametrize(
    ("build", "layers"),
    [
        (upsampled, {"repeated": (10, 14, 8), "shuffled": (10, 14, 2)}),
        (reduced, {"blocks": (5, 7, 8), "largest": (5, 7, 4), "joined": (10, 14, 8)}),
    ],
)
def test_maps_that_reshapes_make(build, layers):
    case = Case(build)
    for layer, shape in layers.items():
        assert case.layers[layer] == shape
        case.check(layer, case.terms(layer))
    assert "stacked" not in case.layers


def test_a_convolution_along_one_axis_makes_no_map():
    def build(x):
        along = tf.nn.conv1d(tf.reshape(x, [-1, 10, 42]), w(3, 42, 6), 1, "SAME")
        mixed = tf.nn.relu(along, name="mixed")
        tall = tf.reshape(mixed, [-1, 10, 6, 1])
        return head(tf.nn.relu(tf.nn.conv2d(tall, w(1, 6, 1, 6), 1, "VALID"), name="tall"))

    assert set(Case(build).layers) == {"Mean", "matmul"}  # vectors


def test_layers_keep_their_order_and_what_they_come_from():
    case = Case(transformer)
    names = list(case.layers)
    assert names.index("tokens") < names.index("mixed") < names.index("vector")
    assert "logits" not in names
    assert not any("/_" in name for name in names)


def test_half_precision_is_told():
    def build(x):
        return head(tf.cast(tf.nn.relu(tf.cast(conv(x, 6, seed=2), tf.float16)), tf.float32))

    graph = tf.Graph()
    with graph.as_default():
        tf.identity(
            build(tf.compat.v1.placeholder(tf.float32, [None, *SIZE, 3], "input")), "logits"
        )
    normal = normalise(Graph(graph.as_graph_def(), "input"), "net", logits="logits")
    assert normal.floats == ("float16",)


def nchw(x, keep=None):
    """Channels first as TensorFlow 1 writes it for a GPU: a split, and two heads."""
    first = tf.transpose(x, [0, 3, 1, 2])
    y = tf.nn.conv2d(first, w(3, 3, 3, 8), 1, "SAME", "NCHW")
    y = tf.nn.relu(tf.nn.bias_add(y, w(8), "NCHW"), name="a")
    one, two = tf.split(y, 2, 1)
    parts = [
        tf.nn.conv2d(part, w(3, 3, 4, 5, seed=n), 2, "SAME", "NCHW")
        for n, part in enumerate((one, two), 5)
    ]
    y = tf.nn.relu(tf.add_n(parts), name="b")
    flat = tf.reshape(tf.nn.max_pool2d(y, 2, 2, "SAME", "NCHW"), [-1, 60])
    return tf.reduce_mean(y, [2, 3]) @ w(5, 4, seed=7) + flat @ w(60, 4, seed=8)


def nhwc(x, keep):
    y = keep("a", tf.nn.relu(tf.nn.conv2d(x, w(3, 3, 3, 8), 1, "SAME") + w(8)))
    parts = [
        tf.nn.conv2d(part, w(3, 3, 4, 5, seed=n), 2, "SAME")
        for n, part in enumerate(tf.split(y, 2, 3), 5)
    ]
    y = keep("b", tf.nn.relu(tf.add_n(parts)))
    pooled = tf.transpose(tf.nn.max_pool2d(y, 2, 2, "SAME"), [0, 3, 1, 2])
    flat = tf.reshape(pooled, [-1, 60])
    return tf.reduce_mean(y, [1, 2]) @ w(5, 4, seed=7) + flat @ w(60, 4, seed=8)


@pytest.mark.parametrize("numbered", [False, True])
def test_channels_first_give_what_channels_last_give(numbered):
    def renumbered(graph):
        for node in graph.node:
            node.input[:] = [e if ":" in e or not numbered else f"{e}:0" for e in node.input]
        return graph

    case = Case(nchw, change=renumbered)
    case.build = nhwc
    assert (case.layers["a"], case.layers["b"]) == ((10, 14, 8), (5, 7, 5))
    assert not any("channels_" in name for name in case.layers)
    for layer in ("a", "b"):
        case.check(layer, case.terms(layer))


def raw(op, order, padding, **given):
    """Return a dilated operation as an optimised graph has it, which no processor computes."""
    sizes = [1, 1, 2, 3] if order == "NCHW" else [1, 2, 3, 1]
    return getattr(tf.raw_ops, op)(
        **given, strides=[1] * 4, padding=padding, data_format=order, dilations=sizes
    )


@pytest.mark.parametrize("order", ["NHWC", "NCHW"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_dilated_convolutions_of_each_channel(order, padding):
    def build(x):
        x = conv(x, 6, seed=2, name="a")
        x = tf.transpose(x, [0, 3, 1, 2]) if order == "NCHW" else x
        x = raw("DepthwiseConv2dNative", order, padding, input=x, filter=w(3, 3, 6, 2))
        return head(tf.transpose(x, [0, 2, 3, 1]) if order == "NCHW" else x)

    def plain(x, keep):
        x = keep("a", conv(x, 6, seed=2))
        return head(tf.nn.depthwise_conv2d(x, w(3, 3, 6, 2), [1] * 4, padding, dilations=[2, 3]))

    case = Case(build)
    case.build = plain
    case.check("a", case.terms("a"))


@pytest.mark.parametrize("order", ["NHWC", "NCHW"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_dilated_transposed_convolutions(order, padding):
    kernel, (rows, cols) = w(3, 3, 5, 6), (10, 14) if padding == "SAME" else (14, 20)

    def build(x):
        x = tf.identity(conv(x, 6, seed=2), name="a")
        x = tf.transpose(x, [0, 3, 1, 2]) if order == "NCHW" else x
        sizes = [1, 5, rows, cols] if order == "NCHW" else [1, rows, cols, 5]
        x = raw("Conv2DBackpropInput", order, padding, out_backprop=x, filter=kernel,
                input_sizes=sizes)  # fmt: skip
        return head(tf.square(tf.transpose(x, [0, 2, 3, 1]) if order == "NCHW" else x))

    def plain(x, keep):
        """Without dilations: the kernel has the zeros. Of images without edges, transposed."""
        wide = np.zeros((5, 7, 5, 6), np.float32)
        wide[::2, ::3] = kernel
        return head(
            tf.square(
                tf.nn.conv2d_transpose(keep("a", conv(x, 6, seed=2)), wide, [1, rows, cols, 5],
                                       1, padding)
            )
        )  # fmt: skip

    case = Case(build, batch=1)
    case.build = plain
    case.check("a", case.terms("a"))


def test_a_dilated_transposed_convolution_is_the_transpose_of_a_dilated_one():
    kernel = w(3, 3, 4, 6)
    x, y = w(1, 10, 14, 4, seed=5), w(1, *SIZE, 6, seed=6)
    node = tf.compat.v1.NodeDef(name="back", op="Conv2DBackpropInput")
    for key, value in (("strides", [1] * 4), ("dilations", [1, 2, 3, 1])):
        node.attr[key].list.i[:] = value
    node.attr["padding"].s, node.attr["T"].type = b"SAME", tf.float32.as_datatype_enum
    (back,) = apply_in_any_layout(node, [tf.constant([1, 10, 14, 4]), kernel, y])
    forth = tf.nn.conv2d(x, kernel, 1, "SAME", dilations=[2, 3])
    np.testing.assert_allclose(np.vdot(back, x), np.vdot(forth, y), rtol=1e-4)


def quantised(x, keep=None):
    """As trained for whole numbers: filters and activations are rounded."""
    quantise = tf.quantization.fake_quant_with_min_max_vars
    x = tagged("a", tf.nn.conv2d(x, quantise(w(3, 3, 3, 6), -0.4, 0.4), 1, "SAME"), keep)
    x = tagged("b", quantise(x, -0.3, 0.6, name="q"), keep)
    return head(tf.nn.relu(conv(x, 5, seed=3)))


def test_rounding_as_it_is_trained_has_the_gradient_of_clamping():
    case = Case(quantised)
    assert {"a", "b", "q"} <= set(case.layers)
    for layer in ("a", "b"):
        terms = case.terms(layer).sum(-1)
        for mode in Mode:
            found = attribute_labels(case.linear(layer), range(4), mode=mode)
            np.testing.assert_allclose(found, terms, rtol=0, atol=2e-5 * np.abs(terms).max())


def turned(x, keep=None):
    """A map that is turned once, and read by a convolution and as a vector."""
    first = tagged("t", tf.transpose(conv(x, 6, seed=2), [0, 3, 1, 2]), keep)
    flat = tf.reshape(first, [-1, 840]) @ w(840, 4, seed=5)
    if keep:
        y = tf.nn.conv2d(tf.transpose(first, [0, 2, 3, 1]), w(3, 3, 6, 5, seed=3), 1, "SAME")
        return tf.reduce_mean(tf.nn.relu(y), [1, 2]) @ w(5, 4, seed=4) + flat
    y = tf.nn.conv2d(first, w(3, 3, 6, 5, seed=3), 1, "SAME", "NCHW")
    return tf.reduce_mean(tf.nn.relu(y), [2, 3]) @ w(5, 4, seed=4) + flat


def test_a_turned_map_is_a_layer_by_all_that_read_it():
    case = Case(turned, change=without_identity)
    assert case.layers["t"] == (10, 14, 6)
    case.check("t", case.terms("t").transpose(0, 2, 3, 1))


def test_a_vector_that_a_dense_layer_on_a_map_shares_is_a_layer_by_all_that_read_it():
    def build(x, keep=None):
        pooled = tf.reduce_mean(conv(x, 6, seed=2), [1, 2], keepdims=True)
        vector = tf.reshape(pooled, [-1, 6], name="vector")
        vector = keep("vector", vector) if keep else vector
        dense = tf.nn.relu(tf.reshape(vector @ w(6, 5, seed=3), [-1, 1, 1, 5]))
        return tf.reshape(dense, [-1, 5]) @ w(5, 4, seed=4) + vector @ w(6, 4, seed=5)

    case = Case(build)
    case.check("vector", case.terms("vector").reshape(4, 1, 1, 6))


def without_identity(graph):
    """Let the transposition itself have the name "t"."""
    nodes = {node.name: node for node in graph.node}
    nodes["t"].CopyFrom(nodes["transpose"])
    nodes["t"].name = "t"
    graph.node.remove(nodes["transpose"])
    return graph


def test_positions_that_changed_their_places_are_no_map():
    def build(x):
        x = conv(x, 6, seed=2, name="a")
        rolled = tf.identity(tf.concat([x[:, 3:], x[:, :3]], 1), name="rolled")
        mirrored = tf.reverse(x, [2], name="mirrored")
        backwards = tf.identity(x[:, ::-1], name="backwards")
        picked = tf.gather(x, [2, 0, 1], axis=1, name="picked")
        cropped = tf.gather(x, [1, 2, 3, 5, 6, 7, 8], axis=1, name="cropped")
        lower = tf.identity(x[:, 5:], name="lower")
        mixed = tf.nn.relu(tf.concat([x, mirrored], 3), name="mixed")
        added = tf.nn.relu(x + rolled, name="added")
        convolved = tf.nn.relu(conv(backwards, 6, seed=3), name="convolved")
        several = tf.tile(x, [1, 2, 1, 1], name="several")
        parts = (
            rolled,
            mirrored,
            picked,
            cropped,
            mixed[..., :6],
            added,
            convolved,
            several,
            lower,
        )
        return sum(head(part) for part in parts)

    case = Case(build)
    assert {"a", "cropped"} <= set(case.layers)
    moved = {"rolled", "mirrored", "backwards", "picked", "mixed", "added", "convolved"}
    moved |= {"several", "lower"}
    assert not moved & set(case.layers)


def padded_in_steps(x):
    """Each padding moves the rows by an eighth at most, all of them by more than a half."""
    for number in range(4):
        x = tf.pad(x, [[0, 0], [1 + number // 2, 0], [0, 0], [0, 0]], name=f"p{number}")
    return x


def cropped_in_steps(x):
    for number in range(4):
        x = tf.identity(x[:, 1:], name=f"p{number}")
    return x


def causal(x):
    """Windows that see only what is above them."""
    for number in range(4):
        kernel = w(4, 1, 6, 6, seed=number)
        pads = [[0, 0], [3, 0], [0, 0], [0, 0]]
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, pads) + 0.1, name=f"p{number}")
    return x


def between_constants(x):
    for number in range(4):
        x = tf.concat([tf.zeros((1, 2, 14, 6)), x], 1, name=f"p{number}")
    return x


@pytest.mark.parametrize(
    "moving",
    [padded_in_steps, cropped_in_steps, causal, between_constants],
    ids=lambda f: f.__name__,
)
def test_small_shifts_add_up(moving):
    def build(x):
        return head(conv(moving(conv(x, 6, seed=2, name="a")), 5, seed=3, name="z"))

    case = Case(build, batch=1 if moving is between_constants else None)
    assert {"a", "p0"} <= set(case.layers)
    assert not {"p3", "z"} & set(case.layers)


def test_what_windows_take_from_both_ends_alike_moves_nothing():
    """As in LeNet, and where padding comes before windows without it."""

    def build(x):
        x = conv(x, 6, (3, 5), padding="VALID", seed=2, name="first")
        x = conv(x, 6, (5, 5), padding="VALID", seed=3, name="second")
        padded = tf.pad(x, [[0, 0], [3, 3], [3, 3], [0, 0]])
        third = conv(padded, 5, (7, 7), padding="VALID", seed=4, name="third")
        wide = tf.nn.relu(tf.pad(x, [[0, 0], [9, 9], [0, 0], [0, 0]]), name="wide")
        return head(third) + head(wide)

    shapes = {"first": (8, 10), "second": (4, 6), "third": (4, 6)}
    layers = Case(build).layers
    assert {name: layers[name][:2] for name in shapes} == shapes
    assert "wide" not in layers  # more padding than map


def test_padding_for_strides_on_a_small_map_is_a_layer():
    """As in MobileNet: a row and a column of zeros at one end before each stride."""

    def build(x):
        for number in range(3):
            x = tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]], name=f"padded{number}")
            x = conv(x, 6, stride=2, padding="VALID", seed=2, name=f"z{number}")
        return head(x)

    shapes = {"padded0": (11, 15), "z0": (5, 7), "padded2": (3, 4), "z2": (1, 1)}
    layers = Case(build).layers
    assert {name: layers.get(name, ())[:2] for name in shapes} == shapes


def test_crops_that_follow_windows_of_several_sizes_meet():
    """As in a U-Net without padding: the map is cropped to what the windows have left of it."""

    def build(x):
        x = conv(x, 6, seed=2)
        less = conv(x, 6, (5, 5), padding="VALID", seed=3)
        cropped = tf.identity(x[:, 2:-2, 2:-2], name="cropped")
        joined = tf.nn.relu(tf.concat([less, cropped], 3), name="joined")
        return head(joined) + head(conv(joined, 5, seed=4, name="after"))

    assert {"joined", "after"} <= set(Case(build).layers)


@pytest.mark.parametrize("mode", ["REFLECT", "SYMMETRIC"])
def test_mirrored_edges_at_one_end_are_a_shift(mode):
    def build(x):
        x = conv(x, 6, seed=2, name="a")
        both = tf.pad(x, [[0, 0], [1, 1], [2, 2], [0, 0]], mode, name="both")
        one = tf.pad(x, [[0, 0], [0, 7], [0, 0], [0, 0]], mode, name="one")
        convolved = conv(one, 5, seed=3, padding="VALID", name="convolved")
        return head(both) + head(convolved)

    layers = set(Case(build).layers)
    assert {"a", "both"} <= layers
    assert not {"one", "convolved"} & layers


def test_copies_of_one_position_are_no_layer():
    def build(x):
        x = conv(x, 6, seed=2, name="a")
        several = tf.tile(tf.reduce_mean(x, [1, 2], keepdims=True), [1, 10, 14, 1], name="several")
        return head(tf.nn.relu(x + several, name="added")) + head(several)

    layers = set(Case(build).layers)
    assert {"a", "added"} <= layers
    assert "several" not in layers


def test_of_parts_no_one_is_where_it_is_drawn():
    """The second part of a split, though the first one is most of the map."""

    def build(x):
        upper, lower = tf.split(conv(x, 6, seed=2, name="a"), [9, 1], 1)
        return head(upper) + head(tf.nn.relu(lower, name="lower"))

    assert "lower" not in Case(build).layers


def test_positions_within_blocks_are_taken_whole_or_one_of_each():
    def build(x):
        blocks = tf.reshape(conv(x, 6, seed=2), [-1, 2, 5, 14, 6])
        half = tf.nn.relu(tf.reshape(blocks[:, :, :2], [-1, 4, 14, 6]), name="half")
        one = tf.nn.relu(tf.reshape(blocks[:, :, 2], [-1, 2, 14, 6]), name="one")
        return head(half) + head(one)

    layers = set(Case(build).layers)
    assert "one" in layers
    assert "half" not in layers


def test_max_pooling_with_paddings_of_its_own():
    def build(x, keep=None):
        x = tagged("a", conv(x, 6, seed=2), keep)
        pooled = tf.nn.max_pool2d(x - 1.0, (3, 2), 2, [[0, 0], [2, 1], [0, 1], [0, 0]])
        return head(conv(tagged("pooled", pooled, keep), 5, seed=3))

    case = Case(build)
    assert case.layers["pooled"] == (6, 7, 6)
    for layer in ("a", "pooled"):
        case.check(layer, case.terms(layer))


def test_masks_are_no_layers_and_compared_by_equality():
    case = Case(lambda x: head(tf.where(conv(x, 6, seed=2, name="a") > 0.1, x[..., :1], 0.5)))
    assert "a" in case.layers


def test_an_operation_of_several_outputs_is_no_layer():
    def build(x):
        one, two = tf.split(conv(x, 6, seed=2, name="a"), 2, 3, name="parts")
        return head(tf.nn.relu(one - two))

    case = Case(build)
    assert "parts" not in case.layers


def test_a_layer_behind_which_the_gradient_stops_is_refused():
    def build(x):
        return head(tf.nn.relu(tf.stop_gradient(conv(x, 6, seed=2, name="a")), name="b"))

    case = Case(build)
    assert np.abs(attribute_labels(case.linear("b"), range(4))).max() > 0
    with pytest.raises(BadFile, match=r"'logits' does not respond to layer 'a': .* a StopGradient"):
        case.linear("a")


def test_weights_that_are_standardised_are_no_training_mode():
    def build(x):
        kernel = tf.constant(w(3, 3, 3, 6))
        mean, variance = tf.nn.moments(kernel, [0, 1, 2])
        return head(tf.nn.conv2d(x, (kernel - mean) * tf.math.rsqrt(variance), 1, "SAME", name="a"))

    assert "a" in Case(build).layers


def test_a_name_that_begins_with_an_underscore_is_one_of_the_network():
    """What rewriting adds to a node has that node's name before it."""

    def build(x):
        found = tf.nn.conv2d(x, w(3, 3, 3, 5), 2, "SAME", name="net/stem_1/convolution")
        return tf.reduce_mean(tf.nn.relu(found), [1, 2]) @ w(5, 4)

    def renamed(definition):
        for node in definition.node:
            node.name = node.name.replace("net/stem_1", "net/_stem_1")
            node.input[:] = [edge.replace("net/stem_1", "net/_stem_1") for edge in node.input]
        return definition

    assert "net/_stem_1/convolution" in Case(build, change=renamed).layers


def test_what_only_an_image_of_one_colour_makes_infinite_is_refused_with_that_reason():
    def build(x):
        mean, variance = tf.nn.moments(x, [1, 2, 3], keepdims=True)
        return head(conv((x - mean) / tf.sqrt(variance), 6, seed=2))

    words = "for a grey image 4 of 4 logits are not finite; .*; those of an image of noise are fin"
    with pytest.raises(BadFile, match=words) as refused:
        Case(build)
    assert "check the weights" not in str(refused.value)


def of_two_views(x):
    both = tf.stack([conv(x, 6, seed=2), conv(tf.reverse(x, [2]), 6, seed=2)], 0)
    return tf.reduce_mean(both, [0, 2, 3])


def of_rows_first(x):
    return tf.reduce_mean(tf.transpose(conv(x, 6, seed=2), [1, 2, 0, 3]), [0, 1])


def of_one_image_alone(x):
    return tf.reduce_mean(tf.squeeze(conv(x, 6, seed=2), [0]), [0, 1])[None]


def of_each_image(x):
    means = [tf.reduce_mean(one, [0, 1]) for one in tf.unstack(conv(x, 6, seed=2), axis=0)]
    return tf.stack(means, 0)


@pytest.mark.parametrize(
    ("pool", "batch"),
    [(of_two_views, None), (of_rows_first, None), (of_one_image_alone, 1), (of_each_image, 1)],
)
def test_a_mean_over_a_first_axis_that_is_not_of_images_is_no_training_mode(pool, batch):
    case = Case(lambda x: pool(x) @ w(6, 4, seed=9), batch=batch)
    found = case.network.run({"input": case.x}, ["logits"])["logits"]
    np.testing.assert_allclose(found, case.build(tf.constant(case.x)), atol=1e-5)


@pytest.mark.parametrize("axes", [[0, 1, 2], [-4, -3, -2]])
@pytest.mark.parametrize("batch", [None, 1, 4])
@pytest.mark.parametrize("turned", [False, True])
def test_moments_over_the_images_are_refused_in_any_layout(axes, batch, turned):
    order = [1, 2, 0, 3] if turned else [0, 1, 2, 3]

    def build(x):
        mean, variance = tf.nn.moments(tf.transpose(conv(x, 6, seed=2), order), axes)
        return head(tf.nn.batch_normalization(conv(x, 6, seed=2), mean, variance, None, None, 1e-3))

    with pytest.raises(BadFile, match=r"'moments/mean' is a mean over the images .*training mode"):
        Case(build, batch=batch)
