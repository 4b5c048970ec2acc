"""What stays where weights are drawn anew: constants that are not learned."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
from helpers.onnx_models import array, ints, model, node, save
from helpers.tiny_network import conv

from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.graph.making import constant
from blockscope.models.graph.weight_cells import MARK, marked, weight_cells
from blockscope.models.network import Network
from blockscope.models.randomisation import draw_weights, shuffled
from blockscope.models.randomised_entry import Randomise
from blockscope.stages.network.model import write_model

SIZE = (5, 7)
FIRST = [node("Conv", ["x", array(6, 3, 3, 3)], "c", pads=[1, 1, 1, 1])]
HEAD = array(4, 6, seed=2)


def normal_form(folder, path, **keys) -> Network:
    (folder / "labels.json").write_text(json.dumps(list("abcd")))
    image = {"size": SIZE, "range": (0, 1)} | ({"tensor": "x"} if path.suffix == ".pb" else {})
    entry = {"graph": str(path), "input": image, "labels": str(folder / "labels.json"), **keys}
    graph, card = folder / "graph.pb", folder / "model.json"
    write_model(
        entry=ModelEntry.model_validate(entry), name="net", downloads=folder, graph_path=graph,
        card_path=card,
    )  # fmt: skip
    return Network.load(graph, ModelCard.read(card))


def of_onnx(folder, *nodes, pooled=True) -> Network:
    """Return a network of a convolution ``c`` (6 channels), nodes up to ``m``, a dense head."""
    last = [node("GlobalAveragePool", ["m"], "g"), node("Flatten", ["g"], "f")] if pooled else []
    head = node("Gemm", ["f" if pooled else "m", HEAD], "y", transB=1)
    return normal_form(folder, save(folder, model(*FIRST, *nodes, *last, head)))


def of_graph(folder, make) -> Network:
    """Return a network of a convolution, what ``make`` does to it, a dense head."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, *SIZE, 3], name="x")
        y = tf.reduce_mean(make(conv(x, 6, seed=1, name="c")), [1, 2])
        tf.matmul(y, HEAD.T, name="y")
    (folder / "net.pb").write_bytes(graph.as_graph_def().SerializeToString())
    return normal_form(folder, folder / "net.pb", logits="y")


def drawn(network: Network) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the tensors drawn above ``c``, before and after."""
    found = draw_weights(network, Randomise(above="c", seed=3, kind="cascading"))
    after = {node.name: node for node in found.definition.node}
    return {name: (values(network.nodes[name]), values(after[name])) for name in found.weights}


def values(held) -> np.ndarray:
    return np.asarray(tf.make_ndarray(held.attr["value"].tensor))


def only_other_than_head(network: Network) -> tuple[np.ndarray, np.ndarray]:
    (found,) = [pair for pair in drawn(network).values() if pair[0].shape != (6, 4)]
    return found


def check_grid(before, after, rows, cols, held):
    """Check that the values of a kernel change places, and that the zeros between stay."""
    cells = np.zeros(before.shape, bool)
    cells[::rows, ::cols] = True
    assert np.count_nonzero(cells) == held.size
    assert not after[~cells].any()
    for kernel in (before, after):
        np.testing.assert_array_equal(np.sort(kernel[cells]), np.sort(held, None))
    assert not np.array_equal(before, after)


@pytest.mark.parametrize(("groups", "seed"), [(6, 4), (2, 5)])
def test_zeros_of_a_dilated_kernel_of_onnx_stay(tmp_path, groups, seed):
    kernel = array(6, 6 // groups, 3, 2, seed=seed)
    kernel[1] = 0  # learned zeros are drawn
    dilated = node("Conv", ["c", kernel], "m", group=groups, dilations=[2, 3], pads=[2, 1, 2, 2])
    before, after = only_other_than_head(of_onnx(tmp_path, dilated))
    check_grid(before, after, 2, 3, kernel)
    assert np.count_nonzero((before == 0) != (after == 0))


def test_zeros_of_a_dilated_depthwise_kernel_of_a_graph_stay(tmp_path):
    kernel = array(3, 2, 6, 1, seed=4)

    def dilated(x):
        return tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME", dilations=[2, 2])

    before, after = only_other_than_head(of_graph(tmp_path, dilated))
    check_grid(before, after, 2, 2, kernel)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("AveragePool", ["c"], "m", kernel_shape=[3, 2], pads=[1, 1, 1, 1])],
        [node("AveragePool", ["c"], "m", kernel_shape=[2, 3], dilations=[2, 2])],
        [
            node(
                "Resize", ["c", None, np.array([1, 1, 2, 3], np.float32)], "m", mode="cubic",
                coordinate_transformation_mode="half_pixel",
            )
        ],
    ],
    ids=["average of what is inside", "dilated average", "cubic resize"],
)  # fmt: skip
def test_what_a_rule_of_onnx_computes_with_is_not_drawn(tmp_path, nodes):
    network = of_onnx(tmp_path, *nodes)
    marks = [held for held in network.definition.node if MARK in held.attr]
    assert marks
    assert {pair[0].shape for pair in drawn(network).values()} == {(6, 4)}


def tokens(last="tt"):
    """Return nodes that make tokens (1, 35, 6) of the convolution."""
    turned = node("Reshape", ["c", ints(1, 6, 35)], "t")
    return [turned, node("Transpose", ["t"], last, perm=[0, 2, 1])]


def test_class_tokens_are_drawn_each_in_its_own_row(tmp_path):
    one, two = array(1, 1, 6, seed=9), array(1, 2, 6, seed=10)
    chosen = node("Gather", ["cat", np.array(0, np.int64)], "m", axis=1)
    joined = node("Concat", [one, "tt", two], "cat", axis=1)
    before, after = only_other_than_head(of_onnx(tmp_path, *tokens(), joined, chosen, pooled=False))
    assert before.shape == after.shape == (38, 6)
    assert not after[1:36].any()
    for rows, token in ((slice(0, 1), one), (slice(36, 38), two)):
        np.testing.assert_array_equal(np.sort(after[rows], None), np.sort(token, None))
        assert not np.array_equal(after[rows], before[rows])


@pytest.mark.parametrize(("op", "number"), [("Add", -100), ("Add", -1e9), ("Sub", 1e4)])
def test_masks_are_not_drawn(tmp_path, op, number):
    mask = np.where(np.tri(35) > 0, 0, number).astype(np.float32)
    other = array(35, 35, seed=12)  # a learned one is
    attention = [
        node("MatMul", ["tt", array(6, 6, seed=11)], "q"),
        node("MatMul", ["q", "t"], "s"),
        node("Add", ["s", other], "p"),
        node(op, ["p", mask], "k"),
        node("Softmax", ["k"], "a", axis=-1),
        node("MatMul", ["a", "tt"], "o"),
        node("ReduceMean", ["o", ints(1)], "m", keepdims=0),
    ]
    found = drawn(of_onnx(tmp_path, *tokens(), *attention, pooled=False))
    assert {pair[0].shape for pair in found.values()} == {(6, 6), (35, 35), (6, 4)}
    (bias,) = [before for before, _ in found.values() if before.shape == (35, 35)]
    np.testing.assert_array_equal(bias, other)


def test_two_numbers_that_no_softmax_reads_are_drawn(tmp_path):
    bias = np.where(np.arange(6) < 2, 0, -100).astype(np.float32)
    shifted = node("Add", ["c", bias.reshape(1, 6, 1, 1)], "m")
    before, _ = only_other_than_head(of_onnx(tmp_path, shifted))
    np.testing.assert_array_equal(before, bias)


def test_ranges_of_quantisation_are_not_drawn(tmp_path):
    low, high = array(6, seed=5, low=-2, high=-1), array(6, seed=6, low=1, high=3)

    def quantised(x):
        return tf.quantization.fake_quant_with_min_max_vars_per_channel(x, low, high)

    found = drawn(of_graph(tmp_path, quantised))
    assert {pair[0].shape for pair in found.values()} == {(6, 4)}


def test_a_graph_in_normal_form_says_it_too_when_it_is_read_again(tmp_path):
    kernel = array(6, 1, 3, 3, seed=4)
    dilated = node("Conv", ["c", kernel], "m", group=6, dilations=[2, 2], pads=[2, 2, 2, 2])
    once = of_onnx(tmp_path, dilated)
    (tmp_path / "again").mkdir()
    path = tmp_path / "again" / "net.pb"
    path.write_bytes(once.definition.SerializeToString())
    before, after = only_other_than_head(normal_form(path.parent, path, logits="y"))
    check_grid(before, after, 2, 2, kernel)


def test_a_tensor_whose_blocks_are_even_is_told():
    held = np.arange(12, dtype=np.float32).reshape(3, 4)
    with pytest.raises(ValueError, match="all values of 'b' are equal"):
        shuffled(held, 0, "b", [(slice(0, 1), slice(0, 1)), (slice(2, 3), slice(3, 4))])


def test_a_mark_that_is_none_is_refused():
    held = marked(constant("k", array(5, 7, 3)), [((0, -1, 2),) * 3])
    assert weight_cells(held) == [(slice(0, None, 2),) * 3]
    for numbers in ([0, -1], [0, -1, 0] * 3, [-2, -1, 1] * 3, [0, -2, 1] * 3, [0, -1, 1] * 2):
        held.attr[MARK].list.i[:] = numbers
        with pytest.raises(BadFile, match=r"'k' has the attribute .* each of its 3 axes; bring"):
            weight_cells(held)
