"""What follows the logits: found in the file, told by the entry, or refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from helpers.brought_network import brought
from helpers.onnx_models import array, ints, model, node, save
from helpers.tiny_network import conv, weights
from onnx import TensorProto

from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels
from blockscope.models.card import InputSpec
from blockscope.models.card_builder import build_card
from blockscope.models.files.formats import Graph
from blockscope.models.flat_logits import with_flat_logits
from blockscope.models.network import Network
from blockscope.models.normal_form import normalise
from blockscope.models.preparation import prepare

SIZE = (10, 14)


def logits_of(x, labels: int = 4):
    pooled = tf.reduce_mean(conv(x, 6, name="a"), [1, 2])
    kernel = weights((6, labels), 3).astype(np.float32)
    return tf.add(tf.matmul(pooled, kernel), np.arange(labels, dtype=np.float32), name="logits")


def graph_of(head, output=None, labels: int = 4) -> Graph:
    """A network of four logits, and what ``head`` makes of them, named "out"."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, *SIZE, 3), name="input")
        tf.identity(head(logits_of(x, labels)), name="out")
    return Graph(graph.as_graph_def(), "input", output)


def built(graph: Graph, labels: int = 4, **ends):
    normal = normalise(graph, "net", **ends)
    spec = InputSpec(tensor="input", size=SIZE, range=(-1, 1))
    prepared = with_flat_logits(prepare(normal, spec, "net"))
    names = Labels([f"label {i}" for i in range(labels)])
    told: dict[str, Any] = {"head": normal.head, "head_in_file": normal.head_in_file}
    return build_card(prepared, "net", labels=names, **told), prepared


def test_a_refusal_names_tensors_as_the_file_does() -> None:
    """Not by the name that a tensor has behind its view."""

    def mean_of_two(x):
        return (tf.sigmoid(x, name="one") + tf.sigmoid(x * 2, name="two")) / 2

    with pytest.raises(BadFile, match=r"are made of the output of '(one|two)' "):
        built(graph_of(mean_of_two, "out"))


def softmax_by_hand(x):
    return tf.exp(x) / tf.reduce_sum(tf.exp(x), -1, keepdims=True)


def softmax_less_maximum(x):
    e = tf.exp(x - tf.stop_gradient(tf.reduce_max(x, -1, keepdims=True)))
    return e / tf.reduce_sum(e, 1, keepdims=True)


def shared_exponential(x):
    e = tf.exp(x)
    return tf.compat.v1.div(e, tf.expand_dims(tf.reduce_sum(e, -1), 1))


def log_softmax_less_maximum(x):
    shifted = x - tf.reduce_max(x, -1, keepdims=True)
    return shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), -1, keepdims=True))


SOFTMAXES = {
    "softmax": tf.nn.softmax,
    "log-softmax": tf.nn.log_softmax,
    "log of softmax": lambda x: tf.math.log(tf.nn.softmax(x)),
    "by hand": softmax_by_hand,
    "by hand, of one exponential": shared_exponential,
    "by hand, less the maximum": softmax_less_maximum,
    "log by hand": lambda x: x - tf.math.log(tf.reduce_sum(tf.exp(x), -1, keepdims=True)),
    "log by hand, less the maximum": log_softmax_less_maximum,
    "logsumexp": lambda x: x - tf.reduce_logsumexp(x, -1, keepdims=True),
}
SIGMOIDS = {
    "sigmoid": tf.nn.sigmoid,
    "log of sigmoid": lambda x: tf.math.log(tf.nn.sigmoid(x)),
}
RESHAPES = {
    "as it is": lambda x: x,
    "reshaped": lambda x: tf.reshape(x, [-1, 2, 2]),
    "squeezed": lambda x: tf.squeeze(tf.reshape(x, [-1, 1, 4]), [1]),
}


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize("reshaped", RESHAPES)
@pytest.mark.parametrize(
    ("head", "kind"),
    [(head, "softmax") for head in SOFTMAXES] + [(head, "sigmoid") for head in SIGMOIDS],
)
def test_the_tensor_before_a_head_is_found(head, kind, reshaped, by_name) -> None:
    operation = (SOFTMAXES | SIGMOIDS)[head]
    graph = graph_of(lambda x: RESHAPES[reshaped](operation(x)), None if by_name else "out")
    found = normalise(graph, "net", logits="out" if by_name else None)
    assert (found.logits, found.head) == ("logits", kind)
    assert found.asked == ("out" if by_name else None)
    assert found.definition.node[-1].name == "logits"


@pytest.mark.parametrize(("head", "kind"), [(tf.nn.softmax, "softmax"), (tf.sigmoid, "sigmoid")])
def test_the_head_that_follows_named_logits_is_found(head, kind) -> None:
    found = normalise(graph_of(head), "net", logits="logits")
    assert (found.logits, found.head, found.asked) == ("logits", kind, None)


@pytest.mark.parametrize("head", SOFTMAXES)
def test_a_softmax_written_out_is_found_behind_named_logits(head) -> None:
    assert normalise(graph_of(SOFTMAXES[head]), "net", logits="logits").head == "softmax"


def test_a_head_of_groups_of_labels_is_no_softmax_of_all() -> None:
    graph = graph_of(lambda x: tf.nn.softmax(tf.reshape(x, [-1, 2, 2], name="groups")))
    assert normalise(graph, "net", logits="logits").logits == "groups"
    with pytest.raises(BadFile, match=r"shape \(1, 2, 2\), and each of several groups of l"):
        built(graph, logits="logits")


@pytest.mark.parametrize("axis", [0, 2])
def test_a_sum_over_another_axis_makes_no_softmax(axis) -> None:
    def head(x):
        e = tf.exp(tf.reshape(x, [-1, 2, 2]))
        return tf.reshape(e / tf.reduce_sum(e, axis, keepdims=True), [-1, 4])

    assert normalise(graph_of(head), "net", logits="out").head is None


def one_entry(x):
    return tf.nn.softmax(tf.expand_dims(x, -1))


def logarithm_of_one_entry(x):
    return tf.nn.log_softmax(tf.expand_dims(x, -1))


def written_over_one_entry(x):
    e = tf.exp(tf.expand_dims(x, 1))
    return e / tf.reduce_sum(e, 1, keepdims=True)


def logarithm_written_over_one_entry(x):
    x = tf.expand_dims(x, 1)
    return x - tf.reduce_logsumexp(x, 1, keepdims=True)


def less_the_maximum_of_one_entry(x):
    x = tf.expand_dims(x, -1)
    e = tf.exp(x - tf.reduce_max(x, -1, keepdims=True))
    return e / tf.reduce_sum(e, 1, keepdims=True)


OVER_ONE_ENTRY = {
    one_entry: r"\(image, 4, 1\), and the softmax after it is one over axis -1",
    logarithm_of_one_entry: r"\(image, 4, 1\), and the softmax after it is one over axis -1",
    written_over_one_entry: r"\(image, 1, 4\), and the softmax after it is one over axis 1",
    logarithm_written_over_one_entry: r"\(image, 1, 4\), and the softmax after .* over axis 1",
    less_the_maximum_of_one_entry: r"\(image, 4, 1\), and the softmax after .* over axis -1",
}


@pytest.mark.parametrize("ends", [{"logits": "out"}, {}, {"logits": "logits"}], ids=str)
@pytest.mark.parametrize("head", OVER_ONE_ENTRY)
def test_a_softmax_over_an_axis_of_one_entry_is_refused(head, ends) -> None:
    words = (
        r", which is not that of the 4 labels, so that it makes no probabilities of them; .* if "
        r"these are the logits all the same, give logits: 'logits' and head: softmax \(models"
    )
    with pytest.raises(BadFile, match=OVER_ONE_ENTRY[head] + words):
        built(graph_of(head, "out"), **ends)
    card, _ = built(graph_of(head, "out"), logits="logits", head="softmax")
    assert (card.head, card.outputs) == ("softmax", 4)


@pytest.mark.parametrize("axis", [0, 2])
def test_a_softmax_of_images_or_groups_gives_no_logits(axis) -> None:
    def head(x):
        e = tf.exp(tf.reshape(x, [-1, 2, 2]))
        return tf.reshape(e / tf.reduce_sum(e, axis, keepdims=True), [-1, 4])

    words = r"'out' are made of those of '.+' \(Exp\), without weights below 0 .*, and lie from 0"
    with pytest.raises(BadFile, match=words):
        built(graph_of(head), logits="out")


def test_a_reshape_within_a_softmax_by_hand_hides_no_axis_of_one_entry() -> None:
    def head(x):
        e = tf.exp(x)
        return e / tf.reduce_sum(tf.reshape(e, [-1, 4, 1]), -1)

    words = r"'out' are made of those of '.+' \(Exp\), without weights below 0 .*, and lie from 0"
    with pytest.raises(BadFile, match=words):
        built(graph_of(head), logits="out")


SCALED = {
    "divided": lambda x: x / 4.0,
    "multiplied": lambda x: np.arange(1, 5, dtype="f4") * x,
    "shifted": lambda x: x + np.arange(4, dtype="f4"),
    "biased": lambda x: tf.nn.bias_add(x, np.arange(4, dtype="f4")),
    "turned": lambda x: -x,
    "by a computed number": lambda x: x * tf.sqrt(tf.constant(2.0)),
    "twice, in another shape": lambda x: tf.reshape(2.0 * tf.identity(x) - 1.0, [-1, 4]),
    "by a fed number": lambda x: x / tf.compat.v1.placeholder(tf.float32, (), name="T"),
}


@pytest.mark.parametrize(
    ("head", "kind", "other"),
    [
        (tf.nn.softmax, "softmax", "sigmoid"),
        (tf.sigmoid, "sigmoid", "softmax"),
        (log_softmax_less_maximum, "softmax", "none"),
    ],
)
@pytest.mark.parametrize("scaled", SCALED)
def test_constants_between_logits_and_head_are_seen(scaled, head, kind, other) -> None:
    graph = graph_of(lambda x: head(tf.identity(SCALED[scaled](x), name="scaled")))
    words = (
        rf"\(\w+\) is no {kind} of 'logits', but of 'scaled', which is made of it and of constants"
        r", so that the probabilities of 'logits' would be others .*; give logits: 'scaled' \("
    )
    for given in (None, kind):
        with pytest.raises(BadFile, match=words):
            normalise(graph, "net", logits="logits", head=given)
    with pytest.raises(
        BadFile, match=f"says head: {other}, but the file holds .*, the head {kind}"
    ):
        normalise(graph, "net", logits="logits", head=other)
    feed = {"T": 2.0} if "fed" in scaled else None
    assert normalise(graph, "net", logits="scaled", feed=feed).head == kind


WAYS_TO_A_HEAD = {
    "soft cap": lambda x: 3 * tf.tanh(x / 3),
    "length 8": lambda x: 8 * tf.math.l2_normalize(x, -1),
    "rectified": tf.nn.relu,
    "other order": lambda x: tf.gather(x, [3, 2, 1, 0], axis=1),
    "without the first": lambda x: x[:, 1:],
    "one more": lambda x: tf.concat([x, tf.zeros_like(x)[:, :1]], 1),
    "masked": lambda x: tf.where(x > 0, x, -1e9 * tf.ones_like(x)),
    "with others": lambda x: x + tf.square(x),
    "times their largest": lambda x: x * tf.reduce_max(x, 1, keepdims=True),
}


@pytest.mark.parametrize("way", WAYS_TO_A_HEAD)
@pytest.mark.parametrize("output", [None, "out"])
def test_a_head_of_what_is_computed_from_the_named_logits_is_told(way, output) -> None:
    head = WAYS_TO_A_HEAD[way]
    graph = graph_of(lambda x: tf.nn.softmax(head(x)), output)
    words = r"is a softmax of '(.+)', which is computed from 'logits'.* give logits: '\1', or the"
    with pytest.raises(BadFile, match=words):
        normalise(graph, "net", logits="logits")
    assert normalise(graph, "net", logits="logits", head="softmax").logits == "logits"


def test_a_head_beside_what_is_computed_from_the_named_logits_is_none_of_theirs() -> None:
    def two(x):
        tf.nn.softmax(x @ np.eye(4, dtype="f4"), name="main")
        return x[:, ::-1]

    assert normalise(graph_of(two, "out"), "net", logits="logits").head is None


@pytest.mark.parametrize("ends", [{"logits": "logits"}, {"logits": "out"}, {}], ids=str)
@pytest.mark.parametrize(("head", "kind"), [(tf.nn.softmax, "softmax"), (tf.sigmoid, "sigmoid")])
def test_a_head_in_another_precision_is_found(head, kind, ends) -> None:
    def mixed(x):
        return tf.cast(head(tf.cast(tf.cast(x, tf.float16), tf.float64)), tf.float32)

    card, _ = built(graph_of(mixed, "out"), **ends)
    assert (card.head, card.head_assumed, card.outputs) == (kind, False, 4)


def test_a_head_of_the_logits_themselves_goes_before_one_of_scaled_ones() -> None:
    graph = graph_of(lambda x: tf.concat([tf.nn.softmax(x / 4.0), tf.nn.softmax(x)], 0))
    assert normalise(graph, "net", logits="logits").head == "softmax"


BESIDE = {
    "copied": lambda x: tf.identity(x, name="named"),
    "copied twice": lambda x: tf.identity(tf.stop_gradient(x), name="named"),
    "reshaped": lambda x: tf.reshape(x, [-1, 4], name="named"),
    "reshaped to a map": lambda x: tf.reshape(x, [-1, 1, 1, 4], name="named"),
}


@pytest.mark.parametrize("by_name", [False, True])
@pytest.mark.parametrize(("head", "kind"), [(tf.nn.softmax, "softmax"), (tf.sigmoid, "sigmoid")])
@pytest.mark.parametrize("beside", BESIDE)
def test_a_head_beside_the_named_logits_is_found(beside, head, kind, by_name):
    graph = tf.Graph()
    with graph.as_default():
        x = logits_of(tf.compat.v1.placeholder(tf.float32, (None, *SIZE, 3), name="input"))
        BESIDE[beside](x)
        tf.reshape(head(x), [-1, 2, 2], name="probabilities")
    ends: dict[str, Any] = {"logits": "named"} if by_name else {}
    read = Graph(graph.as_graph_def(), "input", None if by_name else "named")
    card, _ = built(read, **ends)
    assert (card.head, card.head_assumed, card.outputs) == (kind, False, 4)
    assert card.logits in (("named", "logits") if by_name else ("logits",))
    other: Any = {"softmax": "sigmoid", "sigmoid": "softmax"}[kind]
    with pytest.raises(
        BadFile, match=f"says head: {other}, but the file holds .*, the head {kind}"
    ):
        normalise(read, "net", head=other, **ends)


@pytest.mark.parametrize(
    ("head", "asked", "words"),
    [
        (tf.nn.softmax, "sigmoid", r"says head: sigmoid, but the file holds '\w+' \(Softmax\)"),
        (tf.nn.softmax, "none", r"says head: none, but the file holds '\w+' \(Softmax\), the head"),
        (tf.nn.sigmoid, "softmax", r"says head: softmax, .* \(Sigmoid\), the head sigmoid of 'log"),
        (softmax_by_hand, "none", r"says head: none, but the file holds '\w+' \(RealDiv\)"),
    ],
)
@pytest.mark.parametrize("logits", ["out", "logits"])
def test_an_entry_cannot_contradict_its_file(head, asked, words, logits) -> None:
    with pytest.raises(BadFile, match=words):
        normalise(graph_of(head), "net", logits=logits, head=asked)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (lambda x: tf.math.exp(tf.nn.log_softmax(x) + 0.0), "holds values of Exp"),
        (lambda x: tf.linalg.matmul(tf.nn.softmax(x), np.eye(4, dtype="f4")), "never negative and"),
        (lambda x: tf.stack(tf.unstack(tf.nn.log_softmax(x), axis=1), 1), "logarithms of numbers"),
    ],
)
def test_probabilities_are_not_taken_for_logits(head, words) -> None:
    with pytest.raises(BadFile, match=words):
        built(graph_of(head), logits="out")


MADE_OF_PROBABILITIES = {
    "mean of two": lambda x: (tf.sigmoid(x) + tf.sigmoid(2 * x)) / 2,
    "without the background": lambda x: tf.nn.softmax(tf.pad(x, [[0, 0], [1, 0]]))[:, 1:],
    "noisy or": lambda x: 1 - tf.reduce_prod(1 - tf.sigmoid(tf.stack([x, 2 * x], 1)), 1),
    "joined": lambda x: tf.concat([tf.nn.softmax(x[:, :3]), tf.sigmoid(x[:, 3:])], 1),
    "percent by hand": lambda x: 100 * softmax_less_maximum(x),
    "bytes by hand": lambda x: 255.0 * softmax_by_hand(x),
    "by frequency": lambda x: softmax_by_hand(x) / np.array([0.1, 0.2, 0.3, 0.4], "f4"),
    "less chance": lambda x: softmax_less_maximum(x) - 0.25,
    "bits": lambda x: (x - tf.reduce_logsumexp(x, -1, keepdims=True)) / np.float32(np.log(2)),
    "surprise": lambda x: -(x - tf.reduce_logsumexp(x, -1, keepdims=True)),
    "surprise with a floor": lambda x: -tf.math.log(softmax_by_hand(x) + 1e-7),
    "log-odds": lambda x: tf.math.log(tf.nn.softmax(x) / (1 - tf.nn.softmax(x))),
}


@pytest.mark.parametrize("head", MADE_OF_PROBABILITIES)
def test_what_is_made_of_probabilities_is_no_logit(head) -> None:
    graph = graph_of(MADE_OF_PROBABILITIES[head])
    words = (
        r"made of the output of '.+' \(.+\), a (softmax|sigmoid), without weights .*in between.* "
        r"head: none|'.+' holds values of (Soft|Log|Sig)"
    )
    with pytest.raises(BadFile, match=words):
        built(graph, logits="out")
    assert built(graph, logits="out", head="none")[0].head == "none"


def test_shares_of_probabilities_are_none_of_logits() -> None:
    graph = graph_of(lambda x: tf.sigmoid(x) * tf.minimum(tf.abs(x) / 9, 1))
    words = r"made of those of '.+' \(Sigmoid\), without weights below 0 in between, and lie from 0"
    with pytest.raises(BadFile, match=words):
        built(graph, logits="out")


def test_attention_to_scores_gives_logits() -> None:
    """Weights that a softmax gives to something else are no head."""

    def pooled(x):
        shares = tf.nn.softmax(tf.stack([x, 2 * x], 1), 1)
        return tf.reduce_sum(shares * tf.stack([x, 3 * x], 1), 1)

    assert built(graph_of(pooled), logits="out")[0].head == "softmax"


def of_experts(x):
    """Three lists of probabilities, (image, expert, label)."""
    return tf.sigmoid(tf.stack([x, 2 * x, -x], 1))


def shares_of_experts(x):
    return tf.nn.softmax(x[:, :3])


def without_nan(p):
    return tf.where(tf.math.is_nan(p), tf.zeros_like(p), p)


def scattered(p):
    places, shape = [[1], [0], [3], [2]], tf.stack([4, tf.shape(p)[0]])
    return tf.transpose(tf.scatter_nd(places, tf.transpose(p), shape))


def in_a_line(p, kernel):
    return tf.reshape(tf.nn.conv2d(tf.reshape(p, (-1, 1, 4, 1)), kernel, 1, "SAME"), (-1, 4))


ORDER = np.eye(4, dtype="f4")[[2, 0, 1, 3]]
MADE_OF_HEADS = {
    "without nan": lambda x: without_nan(tf.sigmoid(x)),
    "above a threshold": lambda x: tf.where(tf.sigmoid(x) > 0.3, tf.sigmoid(x), 0.0),
    "cumulated": lambda x: tf.cumsum(tf.nn.softmax(x), axis=1),
    "cumulated product": lambda x: tf.math.cumprod(tf.sigmoid(x), axis=1),
    "cumulated logarithms": lambda x: tf.cumsum(tf.math.log_sigmoid(x), axis=1),
    "experts": lambda x: tf.einsum("be,bek->bk", shares_of_experts(x), of_experts(x)),
    "experts by a product": lambda x: tf.matmul(shares_of_experts(x)[:, None], of_experts(x))[:, 0],
    "in another order": lambda x: tf.matmul(tf.sigmoid(x), ORDER),
    "in another order, einsum": lambda x: tf.einsum("bk,kj->bj", tf.sigmoid(x), ORDER),
    "mixed": lambda x: tf.sigmoid(x) @ np.full((4, 4), 0.2, "f4"),
    "by a convolution": lambda x: in_a_line(tf.sigmoid(x), np.full((1, 1, 1, 1), 0.9, "f4")),
    "reversed": lambda x: tf.reverse(tf.sigmoid(x), [1]),
    "rolled": lambda x: tf.roll(tf.sigmoid(x), 1, 1),
    "rounded": lambda x: tf.round(tf.sigmoid(x) * 100) / 100,
    "largest": lambda x: tf.nn.top_k(tf.sigmoid(x), 4)[0],
    "padded": lambda x: tf.pad(tf.sigmoid(x)[:, :3], [[0, 0], [1, 0]]),
    "tiled": lambda x: tf.tile(tf.sigmoid(x)[:, :2], [1, 2]),
    "gathered": lambda x: tf.transpose(
        tf.gather_nd(tf.transpose(tf.sigmoid(x)), [[1], [0], [3], [2]])
    ),
    "scattered": lambda x: scattered(tf.sigmoid(x)),
    "unstacked": lambda x: tf.stack(tf.unstack(tf.sigmoid(x), axis=1)[::-1], 1),
    "distance": lambda x: tf.abs(tf.sigmoid(x) - 0.5),
    "squared": lambda x: tf.math.squared_difference(tf.sigmoid(x), 1.0),
    "divided": lambda x: tf.math.divide_no_nan(tf.sigmoid(x), 1.0 + tf.sigmoid(x)),
    "less one": lambda x: tf.math.expm1(tf.math.log_sigmoid(x) + tf.math.log_sigmoid(2 * x)),
    "shares and values": lambda x: tf.concat([tf.nn.softmax(x[:, :2]), 3 * x[:, 2:]], 1),
}


@pytest.mark.parametrize("head", MADE_OF_HEADS)
def test_no_operation_without_weights_makes_logits_of_a_head(head) -> None:
    graph = graph_of(MADE_OF_HEADS[head])
    words = (
        r"made of the output of '\w+' \(\w+\), a (softmax|sigmoid), without weights .*in "
        r"between: no head of theirs is known to be meant; give the tensor before .* head: none .*"
        r"\(models catalogue"
    )
    with pytest.raises(BadFile, match=words):
        built(graph, logits="out")
    assert built(graph, logits="out", head="none")[0].head == "none"


def test_a_product_of_exponentials_within_0_and_1_is_no_logit() -> None:
    graph = graph_of(lambda x: -tf.math.expm1(-tf.exp(x)))  # a complementary log-log
    words = r"'out' are made of those of '.+' \(Exp\), without weights below 0 .*, and lie from 0"
    with pytest.raises(BadFile, match=words):
        built(graph, logits="out")


SIGNED = weights((4, 4), 5).astype("f4")


def attention(x):
    keys = tf.stack([x, 2 * x, -x], 1)
    return tf.matmul(tf.nn.softmax(tf.matmul(keys, keys, transpose_b=True)), keys)[:, 0]


def gates_of_maps(x):
    """Gates at places, their mean and weights."""
    return tf.reduce_mean(of_experts(x), 1) @ SIGNED


def squeeze_and_excitation(x):
    features = tf.stack([x, 2 * x, -x], 1)
    gates = tf.sigmoid(tf.reduce_mean(features, 1) @ SIGNED)
    return tf.reduce_mean(features * gates[:, None], 1)


NOT_MADE_OF_HEADS = {
    "attention": attention,
    "squeeze and excitation": squeeze_and_excitation,
    "swish inside": lambda x: tf.nn.silu(x) @ SIGNED,
    "gated by another": lambda x: x * tf.sigmoid(x @ SIGNED),
    "gated linear unit": lambda x: (x @ SIGNED) * tf.sigmoid(x @ SIGNED.T),
    "experts of logits": lambda x: tf.einsum(
        "be,bek->bk", shares_of_experts(x), tf.stack([x, 2 * x, -x], 1)
    ),
    "gates, pooled and weighted": gates_of_maps,
    "gates, weighted": lambda x: tf.sigmoid(x) @ SIGNED,
    "gates, by weights that are not negative": lambda x: tf.sigmoid(x) @ (9 * np.abs(SIGNED)),
    "gates, convolved": lambda x: in_a_line(tf.sigmoid(x), SIGNED[:1, :3, None, None]),
    "softmax, weighted": lambda x: tf.nn.softmax(x) @ SIGNED,
    "gates beside values, weighted": lambda x: (
        tf.concat([tf.sigmoid(x), x], 1) @ np.concatenate([SIGNED, SIGNED])
    ),
    "the more certain": lambda x: tf.where(tf.sigmoid(x) > 0.5, x, 2 * x),
    "as many zeros as shares": lambda x: x + tf.zeros_like(tf.sigmoid(x)),
    "length 8": lambda x: 8 * tf.math.l2_normalize(x, -1),
}


@pytest.mark.parametrize("way", NOT_MADE_OF_HEADS)
def test_what_is_made_of_more_than_heads_may_be_logits(way) -> None:
    graph = graph_of(NOT_MADE_OF_HEADS[way])
    card, _ = built(graph, logits="out")
    assert (card.head, card.head_assumed) == ("softmax", True)
    assert built(graph, logits="out", head="sigmoid")[0].head == "sigmoid"


PROBABILITIES_ALREADY = {
    "mean of two": lambda x: (tf.sigmoid(x) + tf.sigmoid(2 * x)) / 2,
    "clipped": lambda x: tf.clip_by_value(tf.sigmoid(x), 1e-7, 1 - 1e-7),
    "without nan": lambda x: without_nan(tf.sigmoid(x)),
}


@pytest.mark.parametrize(
    ("labels", "kind"), [(1, "sigmoid"), (4, "sigmoid"), (4, "softmax")], ids=str
)
@pytest.mark.parametrize("way", PROBABILITIES_ALREADY)
def test_a_given_head_makes_no_others_of_probabilities(way, labels, kind) -> None:
    graph = graph_of(PROBABILITIES_ALREADY[way], labels=labels)
    words = (
        rf"a sigmoid, without weights .* lie from 0 to 1 .* head: {kind} would make others; give "
        r"the tensor before that as logits, or head: none to attribute these values as they are \("
    )
    with pytest.raises(BadFile, match=words):
        built(graph, labels, logits="out", head=kind)
    assert built(graph, labels, logits="out", head="none")[0].head == "none"


def test_one_value_made_of_heads_is_told_without_a_head_too() -> None:
    graph = graph_of(PROBABILITIES_ALREADY["mean of two"], labels=1)
    with pytest.raises(
        BadFile, match=r"made of the output of '.+' \(Sigmoid\), a sigmoid, without"
    ):
        built(graph, 1, logits="out")


def test_a_given_head_is_believed_where_the_values_are_no_probabilities() -> None:
    graph = graph_of(MADE_OF_PROBABILITIES["log-odds"])
    assert built(graph, logits="out", head="softmax")[0].head == "softmax"


def test_a_head_in_the_file_is_believed_whatever_it_is_of() -> None:
    graph = graph_of(lambda x: tf.nn.softmax((tf.sigmoid(x) + tf.sigmoid(2 * x)) / 2), "out")
    card, _ = built(graph)
    assert (card.head, card.head_assumed) == ("softmax", False)


def test_values_that_are_probabilities_may_be_attributed_as_they_are() -> None:
    card, _ = built(
        graph_of(lambda x: tf.linalg.matmul(tf.nn.softmax(x), np.eye(4, dtype="f4"))),
        logits="out",
        head="none",
    )
    assert (card.head, card.logits) == ("none", "out")


@pytest.mark.parametrize(
    ("head", "op"),
    [
        (tf.nn.relu, "Relu"),
        (tf.tanh, "Tanh"),
        (lambda x: tf.nn.relu6(x + 3.0) / 6.0, "Relu6"),
        (lambda x: tf.clip_by_value(x / 6.0 + 0.5, 0.0, 1.0), "Maximum"),
        (lambda x: 1.0 / (1.0 + tf.exp(-x)), "Exp"),
        (lambda x: 5.0 * tf.sigmoid(x), "Sigmoid"),
        (lambda x: -tf.nn.softplus(-x), "Softplus"),
    ],
)
@pytest.mark.parametrize("by_name", [False, True])
def test_what_an_activation_gives_is_no_logit(head, op, by_name) -> None:
    graph = graph_of(head, None if by_name else "out")
    logits = "out" if by_name else None
    words = rf"'.+' holds values of {op} \('.+'\), which gives no logits; .* or head: none to"
    with pytest.raises(BadFile, match=words):
        normalise(graph, "net", logits=logits)
    assert normalise(graph, "net", logits=logits, head="none").head == "none"


def mish(x):
    return x * tf.tanh(tf.math.softplus(x))


@pytest.mark.parametrize(
    ("head", "op"),
    [
        (tf.nn.silu, "Sigmoid"),
        (lambda x: tf.sigmoid(x) * x, "Sigmoid"),
        (lambda x: 2.0 * tf.identity(x) * tf.sigmoid(1.7 * x), "Sigmoid"),
        (lambda x: x * tf.nn.relu6(x + 3.0) / 6.0, "Relu6"),
        (mish, "Tanh"),
        (tf.nn.gelu, "Erfc"),
        (lambda x: x * (1.0 + tf.math.erf(x / 1.414)) / 2.0, "Erf"),
        (lambda x: tf.nn.gelu(x, approximate=True), "Tanh"),
    ],
)
def test_what_an_activation_with_a_gate_gives_is_no_logit(head, op) -> None:
    graph = graph_of(head, "out")
    words = rf"'.+' holds values of x \* f\(x\) \('.+', f of {op}\), which gives no logits; .* none"
    with pytest.raises(BadFile, match=words):
        normalise(graph, "net")
    assert normalise(graph, "net", head="none").head == "none"


def test_a_softmax_of_bounded_values_has_these_for_logits() -> None:
    graph = graph_of(lambda x: tf.nn.softmax(tf.tanh(x, name="bounded")), "out")
    found = normalise(graph, "net")
    assert (found.logits, found.head) == ("bounded", "softmax")


def test_a_softmax_of_a_softmax_is_refused() -> None:
    graph = graph_of(lambda x: tf.nn.softmax(tf.nn.softmax(x, name="first"), name="second"), "out")
    words = r"'out' is made by 'second' \(Softmax\) from what is already .* 'first' \(Softmax\)"
    with pytest.raises(BadFile, match=words):
        normalise(graph, "net")
    assert normalise(graph, "net", logits="first").logits == "logits"


def test_two_heads_of_the_same_logits_need_a_word() -> None:
    graph = graph_of(lambda x: tf.concat([tf.nn.softmax(x), tf.sigmoid(x)], 0))
    with pytest.raises(BadFile, match=r"follow 'logits'; give head: softmax or head: sigmoid"):
        normalise(graph, "net", logits="logits")
    for kind in ("softmax", "sigmoid"):
        assert normalise(graph, "net", logits="logits", head=kind).head == kind


def test_a_head_is_assumed_only_for_several_labels() -> None:
    for given, kind, assumed in ((None, "softmax", True), ("sigmoid", "sigmoid", False)):
        card = built(graph_of(tf.identity), logits="out", head=given)[0]
        assert (card.head, card.head_assumed) == (kind, assumed)
    assert not built(graph_of(tf.nn.softmax), logits="logits")[0].head_assumed
    one = graph_of(tf.identity, labels=1)
    words = "there is one output, 'out', and what follows it is not known; give head: sigmoid if"
    with pytest.raises(BadFile, match=f"model 'net': {words}"):
        built(one, 1, logits="out")
    for kind in ("sigmoid", "none"):
        assert built(one, 1, logits="out", head=kind)[0].head == kind


@pytest.mark.parametrize("ends", [{"logits": "out"}, {"logits": "logits", "head": "softmax"}])
def test_a_softmax_of_one_logit_is_refused(ends) -> None:
    head = tf.nn.softmax if ends["logits"] == "out" else tf.identity
    with pytest.raises(BadFile, match="one logit, 'logits', whose softmax is always 1; valid: two"):
        built(graph_of(head, labels=1), 1, **ends)


@pytest.mark.parametrize("head", [None, tf.nn.softmax])
def test_logits_of_a_last_convolution_become_a_vector(head) -> None:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, (None, *SIZE, 3), name="input")
        pooled = tf.reduce_mean(conv(x, 6, name="a"), [1, 2], keepdims=True)
        last = tf.nn.conv2d(pooled, weights((1, 1, 6, 4), 3).astype("f4"), 1, "SAME", name="last")
        if head:
            head(last, name="head")
    card, prepared = built(Graph(graph.as_graph_def(), "input", "head" if head else "last"))
    assert (card.logits, card.outputs, card.head) == ("last/flat", 4, "softmax")
    network = Network(prepared.definition, prepared.spec, prepared.logits)
    values = np.random.default_rng(1).normal(size=(2, *SIZE, 3)).astype("f4")
    found = network.run({"input": values}, ["last", "last/flat"])
    np.testing.assert_array_equal(found["last/flat"], found["last"].numpy()[:, 0, 0])


def onnx_of(folder, *nodes, outputs=("y",), opset=20, kinds=None):
    """An ONNX file of a map of four logits "q" and the same as a vector "l", and some nodes."""
    made = model(
        node("Conv", ["x", array(6, 3, 3, 3)], "c", pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", ["c"], "g"),
        node("Conv", ["g", array(4, 6, 1, 1, seed=2)], "q"),
        node("Flatten", ["q"], "l"),
        *nodes,
        outputs=outputs,
        opset=opset,
        kinds=kinds,
    )
    return save(folder, made)


ONNX_INPUT = {"size": (5, 7), "range": (0.0, 1.0)}


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Softmax", ["l"], axis=0)],
        [node("LogSoftmax", ["l"], axis=0)],
        [node("Unsqueeze", ["l", ints(2)], "u"), node("Softmax", ["u"], axis=2)],
        [node("Unsqueeze", ["l", ints(1)], "u"), node("Softmax", ["u"], axis=1)],
        [node("Softmax", ["q"], axis=2)],
    ],
    ids=["images", "images, log", "last of one entry", "middle one", "rows"],
)
def test_a_softmax_of_onnx_over_one_entry_is_refused(nodes, tmp_path) -> None:
    words = r"and the softmax after it is one over axis -1, which is not that of the 4 labels, so"
    with pytest.raises(BadFile, match=words):
        brought(onnx_of(tmp_path, *nodes), input=ONNX_INPUT)


@pytest.mark.parametrize(
    ("nodes", "opset"),
    [
        ([node("Softmax", ["q"], axis=1)], 20),
        ([node("Softmax", ["q"], axis=1)], 11),
        ([node("Softmax", ["l"], axis=0)], 11),
        ([node("Unsqueeze", ["l", ints(2)], "u"), node("Softmax", ["u"], axis=1)], 20),
    ],
    ids=["of maps", "of maps, flattened", "flattened", "before one entry"],
)
def test_a_softmax_of_onnx_over_the_labels_is_one(nodes, opset, tmp_path) -> None:
    card, _ = brought(onnx_of(tmp_path, *nodes, opset=opset), input=ONNX_INPUT)
    assert (card.head, card.head_assumed, card.outputs) == ("softmax", False, 4)


def test_a_head_of_onnx_beside_flattened_logits_is_found(tmp_path) -> None:
    nodes = [node("Sigmoid", ["q"], "s"), node("Flatten", ["s"], "p")]
    path = onnx_of(tmp_path, *nodes, outputs=("l", "p"))
    card, _ = brought(path, input=ONNX_INPUT, output="l")
    assert (card.head, card.head_assumed, card.outputs) == ("sigmoid", False, 4)


@pytest.mark.parametrize("other", ["ArgMax", "NonZero"])
def test_what_another_output_of_onnx_needs_is_not_read(other, tmp_path) -> None:
    nodes = [node(other, ["l"], "other"), node("Sigmoid", ["l"], "p")]
    kinds = {"other": TensorProto.INT64}
    path = onnx_of(tmp_path, *nodes, outputs=("other", "l", "p"), kinds=kinds)
    for output in ("l", "p"):
        card, _ = brought(path, input=ONNX_INPUT, output=output)
        assert (card.head, card.head_assumed) == ("sigmoid", False)
        assert str(card.compared["with"]).startswith("onnxruntime")
    with pytest.raises(BadFile, match=rf"\({other}, "):
        brought(path, input=ONNX_INPUT)
