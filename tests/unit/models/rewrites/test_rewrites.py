"""Each rewriting of a graph against the graph as it was, and what it refuses."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import weights
from tensorflow.core.framework import graph_pb2, types_pb2

from blockscope.io.errors import BadFile
from blockscope.models.card import InputSpec
from blockscope.models.graph.making import constant, operation, transpose, with_nodes
from blockscope.models.graph.node_attributes import attribute
from blockscope.models.network import Network
from blockscope.models.rewrites.calls import inline_calls
from blockscope.models.rewrites.channels_last import with_channels_last
from blockscope.models.rewrites.constants import fold_constants
from blockscope.models.rewrites.dense_on_maps import with_products_of_channels
from blockscope.models.rewrites.dilation import as_dilated
from blockscope.models.rewrites.fake_quant import without_fake_quant
from blockscope.models.rewrites.fused import unfuse
from blockscope.models.rewrites.max_pools import with_plain_pools
from blockscope.models.rewrites.precision import as_float32, other_floats

SHAPE = (5, 7, 3)


def graph_of(build, dtype=tf.float32, shape=SHAPE) -> graph_pb2.GraphDef:
    graph = tf.Graph()
    with graph.as_default():
        tf.identity(build(tf.compat.v1.placeholder(dtype, [None, *shape], "input")), name="output")
    return graph.as_graph_def()


def run(definition, x, fetch="output"):
    spec = InputSpec(tensor="input", size=x.shape[1:3], range=(0, 1))
    return Network(definition, spec, "output").run({"input": x}, [fetch])[fetch].numpy()


def ops_of(definition) -> Counter[str]:
    return Counter(node.op for node in definition.node)


@pytest.fixture
def x(rng):
    return rng.normal(size=(2, *SHAPE)).astype(np.float32)


def kernel(*shape, seed=1):
    return weights(shape, seed).astype(np.float32)


def test_what_does_not_depend_on_the_image_becomes_constant(x):
    def build(values):
        bias = tf.squeeze(tf.reshape(tf.constant(kernel(4)) * 2, [1, 1, 1, 4]), [0, 1, 2])
        split = tf.split(tf.constant(kernel(3, 3, 3, 8)), 2, 3)  # the second output is read
        return tf.nn.conv2d(values, split[1], 1, "SAME") + bias

    definition = graph_of(build)
    folded = fold_constants(definition, "input")
    assert set(ops_of(folded)) == {"Placeholder", "Const", "Conv2D", "AddV2", "Identity"}
    np.testing.assert_array_equal(run(folded, x), run(definition, x))


def test_a_constant_that_cannot_be_computed_is_named():
    node = operation("MatMul", "wrong", ["a", "b"], transpose_a=False, transpose_b=False)
    start = operation("Placeholder", "input", [], ("dtype",))
    total = operation("AddV2", "total", ["input", "wrong"])
    held = [constant("a", np.ones((2, 3), "f4")), constant("b", np.ones((2, 3), "f4"))]
    with pytest.raises(BadFile, match=r"node 'wrong' \(MatMul\) cannot be computed: "):
        fold_constants(with_nodes(graph_pb2.GraphDef(), [start, *held, node, total]), "input")


def test_a_constant_that_would_fill_the_memory_is_refused_before():
    node = operation("Fill", "wide", ["sizes", "one"])
    node.attr["index_type"].type = types_pb2.DT_INT32
    start = operation("Placeholder", "input", [], ("dtype",))
    total = operation("AddV2", "total", ["input", "wide"])
    held = [constant("sizes", np.array([2**20, 2**20], "i4")), constant("one", np.float32(1))]
    with pytest.raises(BadFile, match=r"'wide' \(Fill\) makes a constant of 1,099,511,627,776"):
        fold_constants(with_nodes(graph_pb2.GraphDef(), [start, *held, node, total]), "input")


def test_functions_that_grow_without_end_are_refused_at_once():
    definition = graph_pb2.GraphDef()
    for level in range(6):
        function = definition.library.function.add()
        function.signature.name = f"level{level}"
        function.signature.input_arg.add(name="a", type=types_pb2.DT_FLOAT)
        for number in range(200):
            op = f"level{level + 1}" if level < 5 else "Identity"
            function.node_def.add(name=f"n{number}", op=op, input=["a"])
    definition.node.add(name="input", op="Placeholder")
    definition.node.add(name="call", op="level0", input=["input"])
    with pytest.raises(BadFile, match="more than 1,000,000 nodes when written out"):
        inline_calls(definition)


@pytest.mark.parametrize("dilations", [[1, 2, -5, 1], [1, 30000, 30000, 1]])
def test_dilations_that_no_kernel_has_are_refused(dilations):
    node = operation(
        "DepthwiseConv2dNative", "output", ["input", "w"], **CONV | {"dilations": dilations}
    )
    with pytest.raises(
        BadFile, match=r"convolution 'output' has the dilations \[1, .*; valid: from 1"
    ):
        as_dilated(graph_with(node, w=kernel(3, 3, 3, 2)))


def test_two_nodes_of_one_name_are_refused():
    with pytest.raises(BadFile, match="2 nodes have the name 'a'"):
        with_nodes(graph_pb2.GraphDef(), [constant("a", 1.0), constant("a", 2.0)])


@pytest.mark.parametrize(("kind", "name"), [(tf.float16, "float16"), (tf.float64, "float64")])
def test_other_precisions_become_float32(kind, name, x):
    def build(values):
        half = tf.cast(values, kind)
        y = tf.nn.conv2d(half, tf.cast(kernel(3, 3, 3, 4), kind), 1, "SAME")
        shapes = tf.shape_n([y, y])
        return tf.cast(tf.reshape(tf.nn.relu(y), shapes[0]), tf.float32)

    definition = graph_of(build)
    assert other_floats(definition) == [name]
    raised = as_float32(definition)
    assert other_floats(raised) == []
    wanted = tf.nn.relu(tf.nn.conv2d(x, kernel(3, 3, 3, 4), 1, "SAME")).numpy()
    np.testing.assert_allclose(run(raised, x), wanted, atol=2e-3)


def called(stateful=False):
    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE])] * 2)
    def inner(a, b):
        first, second = tf.split(a * 2, [1, 2], 3)
        return tf.concat([second, first], 3), b + 1

    @tf.function(input_signature=[tf.TensorSpec([None, *SHAPE])])
    def outer(values):
        swapped, more = inner(values, tf.nn.relu(values))
        return swapped - more

    return outer


def test_calls_of_functions_are_written_out(x):
    outer = called()
    definition = outer.get_concrete_function().graph.as_graph_def()
    for node in definition.node:
        node.name = "input" if node.op == "Placeholder" else node.name
        node.input[:] = ["input" if edge == "values" else edge for edge in node.input]
    assert {"PartitionedCall", "StatefulPartitionedCall"} & set(ops_of(definition))
    flat = inline_calls(definition)
    assert not {"PartitionedCall", "StatefulPartitionedCall"} & set(ops_of(flat))
    (end,) = [n.name for n in flat.node if n.op == "Identity" and not _read(flat, n.name)]
    np.testing.assert_array_equal(run(flat, x, end), outer(x).numpy())


def _read(definition, name: str) -> bool:
    return any(edge.partition(":")[0] == name for node in definition.node for edge in node.input)


def test_a_function_that_calls_itself_is_refused():
    definition = graph_pb2.GraphDef()
    function = definition.library.function.add()
    function.signature.name = "again"
    function.signature.input_arg.add(name="a", type=types_pb2.DT_FLOAT)
    function.signature.output_arg.add(name="b", type=types_pb2.DT_FLOAT)
    inner = function.node_def.add(name="inner", op="again", input=["a"])
    function.ret["b"] = "inner:b:0"
    assert inner.op == "again"
    definition.node.add(name="input", op="Placeholder")
    definition.node.add(name="call", op="again", input=["input"])
    with pytest.raises(BadFile, match="call each other more than 50 deep, the last one 'call"):
        inline_calls(definition)


def fused(op, inputs, words, **attributes):
    node = operation(op, "output", inputs, num_args=len(inputs) - 2, **attributes)
    node.attr["fused_ops"].list.s[:] = [word.encode() for word in words]
    return node


def graph_with(node, **held):
    start = operation("Placeholder", "input", [], ("dtype",))
    constants = [constant(name, value) for name, value in held.items()]
    return with_nodes(graph_pb2.GraphDef(), [start, *constants, node])


CONV = {"strides": [1, 2, 2, 1], "padding": "SAME", "data_format": "NHWC", "dilations": [1] * 4}
FIRST: dict[str, Any] = {"strides": [1] * 4, "data_format": "NCHW"}


def test_a_fused_convolution_is_taken_apart(x):
    w, b, side = kernel(3, 3, 3, 4), kernel(4, seed=2), kernel(3, 4, 4, seed=3)
    node = fused("_FusedConv2D", ["input", "w", "b", "side"], ["BiasAdd", "Add", "Relu"], **CONV)
    plain = unfuse(graph_with(node, w=w, b=b, side=side))
    wanted = tf.nn.relu(tf.nn.conv2d(x, w, 2, "SAME") + b + side).numpy()
    assert set(ops_of(plain)) == {"Placeholder", "Const", "Conv2D", "BiasAdd", "AddV2", "Relu"}
    np.testing.assert_allclose(run(plain, x), wanted, atol=1e-6)


def test_a_fused_batch_norm_is_taken_apart(x):
    w = kernel(3, 3, 3, 4)
    scale, offset, mean, variance = (np.abs(kernel(4, seed=n)) + 0.1 for n in range(4))
    names = ["input", "w", "scale", "offset", "mean", "variance"]
    node = fused("_FusedConv2D", names, ["FusedBatchNorm", "LeakyRelu"], **CONV)
    node.attr["epsilon"].f, node.attr["leakyrelu_alpha"].f = 1e-2, 0.3
    held = {"scale": scale, "offset": offset, "mean": mean, "variance": variance}
    plain = unfuse(graph_with(node, w=w, **held))
    y = tf.nn.batch_normalization(
        tf.nn.conv2d(x, w, 2, "SAME"), mean, variance, offset, scale, 1e-2
    )
    np.testing.assert_allclose(run(plain, x), tf.nn.leaky_relu(y, 0.3).numpy(), atol=1e-6)


def test_a_parametric_relu_is_written_out(x):
    slope = kernel(3, seed=4)
    node = operation("Prelu", "output", ["input", "slope"])
    found = run(unfuse(graph_with(node, slope=slope)), x)
    np.testing.assert_allclose(found, np.where(x > 0, x, slope * x), atol=1e-6)


def channels_first_of(nodes, **held):
    """A graph whose "output" is the last node with channels last; it reads "first"."""
    start = operation("Placeholder", "input", [], ("dtype",))
    turned = transpose("first", "input", (0, 3, 1, 2))
    back = transpose("output", nodes[-1].name, (0, 2, 3, 1))
    constants = [constant(name, value) for name, value in held.items()]
    return with_nodes(graph_pb2.GraphDef(), [start, *turned, *constants, *nodes, *back])


def run_channels_first(definition, x):
    return run(with_channels_last(fold_constants(unfuse(definition), "input")), x)


@pytest.mark.parametrize("channels", [5, 7])  # 7 are the columns, too: the wrong axis has room
@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("word", ["BiasAdd", "FusedBatchNorm", "Prelu"])
def test_what_is_fused_to_channels_first_meets_the_channels(word, depthwise, channels, rng):
    x = rng.normal(size=(2, 5, 7, channels if depthwise else 3)).astype(np.float32)
    w = kernel(3, 3, channels, 1) if depthwise else kernel(3, 3, 3, channels)
    conv = tf.nn.depthwise_conv2d if depthwise else tf.nn.conv2d
    y = conv(x, w, [1, 1, 1, 1], "SAME")
    vectors = [np.abs(kernel(channels, seed=n)) + 0.1 for n in range(4)]
    scale, offset, mean, variance = vectors
    if word == "BiasAdd":
        wanted, vectors = y + scale, [scale]
    elif word == "FusedBatchNorm":
        wanted = tf.nn.batch_normalization(y, mean, variance, offset, scale, 1e-2)
    else:
        wanted, vectors = np.where(y > 0, y, scale * y), [scale]
    held = {f"v{n}": vector for n, vector in enumerate(vectors)}
    op = "_FusedDepthwiseConv2dNative" if depthwise else "_FusedConv2D"
    node = fused(op, ["first", "w", *held], [word], **CONV | FIRST)
    node.name, node.attr["epsilon"].f = "y", 1e-2
    found = run_channels_first(channels_first_of([node], w=w, **held), x)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_fused_batch_norm_of_channels_first_adds_and_rectifies(rng):
    x = rng.normal(size=(2, 5, 7, 7)).astype(np.float32)
    scale, offset, mean, variance = (np.abs(kernel(7, seed=n)) + 0.1 for n in range(4))
    names = ["first", "scale", "offset", "mean", "variance", "first"]
    node = operation(
        "_FusedBatchNormEx", "y", names, ("T", "U"), num_side_inputs=1, is_training=False,
        activation_mode="Relu", data_format="NCHW", epsilon=1e-2,
    )  # fmt: skip
    held = {"scale": scale, "offset": offset, "mean": mean, "variance": variance}
    y = tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-2)
    found = run_channels_first(channels_first_of([node], **held), x)
    np.testing.assert_allclose(found, tf.nn.relu(y + x), atol=1e-5)


@pytest.mark.parametrize("shape", [(7,), (7, 1, 1), (1,), (7, 5, 7)])
def test_the_slopes_of_a_parametric_relu_behind_channels_first_meet_the_channels(shape, x):
    slope, w = kernel(*shape, seed=4), kernel(3, 3, 3, 7)
    conv = operation("Conv2D", "conv", ["first", "w"], **CONV | FIRST)
    bias = operation("BiasAdd", "bias", ["conv", "b"], data_format="NCHW")
    twice = operation("AddV2", "twice", ["bias", "bias"])
    node = operation("Prelu", "y", ["twice", "slope"])
    definition = channels_first_of([conv, bias, twice, node], w=w, b=kernel(7), slope=slope)
    y = 2 * (tf.nn.conv2d(x, w, 1, "SAME") + kernel(7)).numpy().transpose(0, 3, 1, 2)
    meeting = slope[:, None, None] if slope.ndim == 1 else slope
    wanted = np.where(y > 0, y, meeting * y).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(run_channels_first(definition, x), wanted, atol=1e-5)


def test_fused_filters_in_another_order_are_refused():
    node = fused("_FusedConv2D", ["input", "w"], ["Relu"], **CONV, filter_format="OIHW")
    with pytest.raises(
        BadFile, match=r"'output' .* has filters in the order OIHW; valid: HWIO; exp"
    ):
        unfuse(graph_with(node, w=kernel(3, 3, 3, 3)))


def test_computed_slopes_behind_channels_first_are_refused():
    conv = operation("Conv2D", "conv", ["first", "w"], **CONV | FIRST)
    slope = operation("Neg", "turned", ["slope"])
    node = operation("Prelu", "y", ["conv", "turned"])
    held = {"w": kernel(3, 3, 3, 7), "slope": kernel(7)}
    words = r"'y' has channels first and slopes that are computed \('turned'\), .*; valid: slopes"
    with pytest.raises(BadFile, match=words):
        unfuse(channels_first_of([conv, slope, node], **held))


@pytest.mark.parametrize("scaled", [False, True])
def test_the_batch_norm_of_2015_is_an_ordinary_one(x, scaled):
    mean, variance, offset, factor = (np.abs(kernel(3, seed=n)) + 0.1 for n in range(4))
    node = operation(
        "BatchNormWithGlobalNormalization", "output", ["input", "m", "v", "b", "g"],
        variance_epsilon=1e-2, scale_after_normalization=scaled,
    )  # fmt: skip
    plain = unfuse(graph_with(node, m=mean, v=variance, b=offset, g=factor))
    wanted = (x - mean) / np.sqrt(variance + 1e-2) * (factor if scaled else 1) + offset
    np.testing.assert_allclose(run(plain, x), wanted, atol=1e-5)


def test_a_text_that_is_none_is_no_valid_value():
    node = operation("Conv2D", "c", ["x", "w"], strides=[1, 1, 1, 1], padding="SAME")
    node.attr["padding"].s = b"SA\x80E"
    assert attribute(node, "padding") == r"SA\x80E"
    assert attribute(node, "data_format") == "NHWC"


def test_a_pooling_is_one_where_no_one_reads_its_places(x):
    def build(values, read=False):
        found = tf.nn.max_pool_with_argmax(values, 2, 2, "SAME", include_batch_in_index=read)
        places = tf.cast(found[1], tf.float32) if read else 0.0
        return found[0] + places

    plain = unfuse(graph_of(build))
    assert "MaxPool" in ops_of(plain)
    np.testing.assert_array_equal(run(plain, x), tf.nn.max_pool2d(x, 2, 2, "SAME"))
    assert "MaxPoolWithArgmax" in ops_of(unfuse(graph_of(lambda values: build(values, True))))


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: tf.raw_ops.MaxPoolV2(
            input=x, ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="SAME"
        ),
        lambda x: tf.nn.max_pool2d(x, 3, 2, [[0, 0], [1, 0], [0, 2], [0, 0]]),
    ],
    ids=["sizes as inputs", "explicit padding"],
)
def test_max_poolings_are_of_one_operation_that_pads_nothing(x, pool):
    """So that overrides find them: in a graph with MaxPoolV2 they did nothing."""
    plain = with_plain_pools(graph_of(pool))
    (found,) = (node for node in plain.node if "Pool" in node.op)
    assert (found.op, len(found.input)) == ("MaxPool", 1)
    assert found.attr["padding"].s in (b"SAME", b"VALID")
    np.testing.assert_array_equal(run(plain, x), pool(tf.constant(x)))


QUANTISERS = {
    "args": lambda x: tf.quantization.fake_quant_with_min_max_args(x, -0.71, 1.33, 5),
    "narrow": lambda x: tf.quantization.fake_quant_with_min_max_args(x, 0.3, 1.4, 8, True),
    "negative": lambda x: tf.quantization.fake_quant_with_min_max_args(x, -2, -0.2, 4),
    "vars": lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -1.2, 0.9, 3),
    "channels": lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(
        x, [-1.0, -0.2, -1.7], [0.4, 1.3, 1.9], 4
    ),
}


@pytest.mark.parametrize("kind", QUANTISERS)
def test_quantisation_has_the_values_and_the_gradient_of_tensorflow(x, kind):
    plain = without_fake_quant(fold_constants(graph_of(QUANTISERS[kind]), "input"))
    assert not [op for op in ops_of(plain) if "Quant" in op]
    given = tf.constant(
        np.concatenate([x, np.linspace(-2, 2, 105).reshape(1, 5, 7, 3)]), tf.float32
    )
    network = Network(plain, InputSpec(tensor="input", size=(5, 7), range=(0, 1)), "output")
    gradients = []
    for function in (
        QUANTISERS[kind],
        lambda values: network.run({"input": values}, ["output"])["output"],
    ):
        with tf.GradientTape() as tape:
            tape.watch(given)
            found = function(given)
        gradients.append((found, tape.gradient(found, given, tf.square(given))))
    (wanted, wanted_gradient), (found, found_gradient) = gradients
    assert len(np.unique(wanted)) < 100 < np.size(wanted) / 3
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_array_equal(found_gradient, wanted_gradient)


@pytest.mark.parametrize(
    ("most", "message"),
    [
        (tf.reduce_max, r"'q' .* has a range that depends on the image; valid: const"),
        (
            lambda _: tf.constant(-1.0),
            r"'q' \(FakeQuantWithMinMaxVars\) has no range: from -1.0 to",
        ),
    ],
)
def test_a_quantisation_without_a_range_is_refused(most, message):
    definition = graph_of(
        lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -1.0, most(x), name="q")
    )
    with pytest.raises(BadFile, match=message):
        without_fake_quant(fold_constants(definition, "input"))


@pytest.mark.parametrize(
    ("words", "inputs", "message"),
    [
        (["BiasAdd", "Magic"], ["b"], "fuses 'Magic'; valid: BiasAdd, Add, FusedBatchNorm"),
        (["BiasAdd"], [], "lacks an input for BiasAdd"),
        (["BiasAdd"], ["b", "b"], "has 1 input more than"),
    ],
)
def test_a_fusion_that_is_not_known_is_refused(words, inputs, message):
    node = fused("_FusedConv2D", ["input", "w", *inputs], words, **CONV)
    with pytest.raises(BadFile, match=message):
        unfuse(graph_with(node, w=kernel(3, 3, 3, 4), b=kernel(4)))


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("depthwise", [False, True])
def test_a_convolution_of_interleaved_images_becomes_dilated(padding, depthwise, rng):
    x = rng.normal(size=(2, 8, 11, 3)).astype(np.float32)

    def build(values):
        # 8 + 1 + 3 rows and 11 + 2 + 2 columns, in blocks of 2 x 3
        apart = tf.space_to_batch(values, [2, 3], [[1, 3], [2, 2]])
        if depthwise:
            apart = tf.nn.depthwise_conv2d(apart, kernel(3, 2, 3, 2), [1, 1, 1, 1], padding)
        else:
            apart = tf.nn.conv2d(apart, kernel(3, 2, 3, 4), 1, padding)
        return tf.nn.relu(tf.batch_to_space(apart, [2, 3], [[0, 1], [2, 0]]))

    definition = fold_constants(graph_of(build, shape=(8, 11, 3)), "input")
    dilated = as_dilated(definition)
    assert not {"SpaceToBatchND", "BatchToSpaceND"} & set(ops_of(dilated))
    np.testing.assert_allclose(run(dilated, x), run(definition, x), atol=1e-6)


def channels_first(values):
    first = tf.transpose(values, [0, 3, 1, 2])
    y = tf.nn.conv2d(
        first, kernel(3, 2, 3, 4), [1, 1, 2, 1], [[0, 0], [0, 0], [2, 1], [0, 1]], "NCHW"
    )
    y = tf.nn.relu(tf.nn.bias_add(y, kernel(4), "NCHW"))
    scaled = y * kernel(4, 1, 1, seed=3) + tf.constant(0.5)
    y = tf.concat([scaled, tf.nn.max_pool2d(y, 3, 1, "SAME", "NCHW")], 1)
    flat = tf.reshape(y, [-1, y.shape[1] * y.shape[2] * y.shape[3]])
    means = tf.reduce_mean(tf.transpose(y, [0, 2, 3, 1]), [1, 2])
    return flat @ kernel(flat.shape[1], 5, seed=5) + means @ kernel(8, 5, seed=6)


def test_channels_come_last(x):
    definition = fold_constants(graph_of(channels_first), "input")
    last = with_channels_last(definition)
    formats = {n.attr["data_format"].s for n in last.node if "data_format" in n.attr}
    assert formats == {b"NHWC"}
    y = tf.nn.conv2d(x, kernel(3, 2, 3, 4), [1, 2, 1, 1], [[0, 0], [2, 1], [0, 1], [0, 0]])
    y = tf.nn.relu(y + kernel(4))
    scaled = y * kernel(4, 1, 1, seed=3)[:, 0, 0] + 0.5
    y = tf.concat([scaled, tf.nn.max_pool2d(y, 3, 1, "SAME")], 3)
    flat = tf.reshape(tf.transpose(y, [0, 3, 1, 2]), [2, -1])
    wanted = flat @ kernel(flat.shape[1], 5, seed=5) + tf.reduce_mean(y, [1, 2]) @ kernel(
        8, 5, seed=6
    )
    np.testing.assert_allclose(run(last, x), wanted.numpy(), atol=1e-5)
    assert ops_of(last)["Transpose"] <= 2  # one before the flattening; none between operations


@pytest.mark.parametrize("axes", [3, 4])
def test_a_dense_layer_on_positions_is_a_product_over_channels(axes, x):
    x = x if axes == 4 else x.reshape(2, 35, 3)

    def build(values):
        values = tf.transpose(values, list(range(axes)))  # moves nothing, as Keras writes it
        flat = tf.reshape(values, [-1, 3]) @ tf.transpose(tf.constant(kernel(4, 3)))
        return tf.nn.relu(tf.reshape(flat, [-1, *values.shape[1:-1], 4]))

    definition = fold_constants(graph_of(build, shape=x.shape[1:]), "input")
    shapes = {}
    for node in definition.node:
        shapes[node.name] = run(definition, x[:1], node.name).shape
    product = with_products_of_channels(definition, shapes)
    assert ops_of(product)["Reshape"] == ops_of(product)["MatMul"] == 0
    assert ops_of(product)["Conv2D" if axes == 4 else "BatchMatMulV2"] == 1
    np.testing.assert_allclose(run(product, x), run(definition, x), atol=1e-6)


def test_a_dense_layer_over_rows_stays_as_it_is(x):
    def build(values):
        flat = tf.reshape(tf.transpose(values, [0, 1, 3, 2]), [-1, 7]) @ tf.constant(kernel(7, 3))
        return tf.reshape(flat, [-1, 5, 3, 3])

    definition = fold_constants(graph_of(build), "input")
    shapes = {node.name: run(definition, x[:1], node.name).shape for node in definition.node}
    product = with_products_of_channels(definition, shapes)
    np.testing.assert_allclose(run(product, x), run(definition, x), atol=1e-6)
