"""What the ONNX reader refuses, in words that say where and what is valid."""

from __future__ import annotations

import builtins
import re

import numpy as np
import onnx
import pytest
from helpers.onnx_models import SHAPE, Both, array, ints, model, node, save
from onnx import TensorProto, helper

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader import comparison, registry
from blockscope.models.onnx_reader.read import read_onnx

SIZE = SHAPE[2:]


def refused(folder, made, words, size=SIZE):
    path = save(folder, made)
    with pytest.raises(BadFile, match=words) as error:
        read_onnx(path, size)
    assert str(path) in str(error.value)


NODES = {
    "unknown operation": (
        [node("NonZero", ["x"], name="/head/NonZero")],
        r"node '/head/NonZero' \(NonZero, domain ai.onnx, opset 20\): this operation is not supp"),
    "operation of a newer opset": (
        [node("Attention", ["x", "x", "x"])], "opset 20 has no such operation"),
    "unknown domain": (
        [node("FusedConv", ["x"], domain="com.microsoft", name="f")],
        r"\(FusedConv, domain com.microsoft, opset 20\): .* not supported; valid: ai.onnx"),
    "attribute of another time": (
        [node("Relu", ["x"], slope=0.5)], r"\(Relu.*attribute slope \(0.5\) is not supported"),
    "value of an attribute": (
        [node("Gelu", ["x"], approximate="fast")],
        r"attribute approximate is 'fast'; valid: 'none', 'tanh'"),
    "further input": (
        [node("Relu", ["x", array(1)])], "input 2 is not supported"),
    "further output": (
        [node("MaxPool", ["x"], ["p", "i"], kernel_shape=[2, 2]), node("Cast", ["i"], to=1)],
        r"\(MaxPool.*its output 2 is read; only the first is supported"),
    "dilated max pool": (
        [node("MaxPool", ["x"], kernel_shape=[2, 2], dilations=[2, 2])],
        r"dilations are \[2, 2\]; valid: \[1, 1\]"),
    "SAME where implementations differ": (
        [node("AveragePool", ["x"], kernel_shape=[1, 1], strides=[3, 3], auto_pad="SAME_UPPER")],
        "implementations of ONNX differ; export with explicit pads"),
    "even LRN": ([node("LRN", ["x"], size=2)], "size is 2; valid: odd numbers"),
    "training": (
        [node("BatchNormalization", ["x", *(array(3) for _ in range(4))], training_mode=1)],
        r"training mode; export the network for inference, by model.eval\(\)"),
    "dropout in training": (
        [node("Dropout", ["x", np.float32(0.5), np.array(True)])], "training_mode is true"),
    "half precision": (
        [node("Add", ["x", array(7).astype(np.float16)])],
        r"input 2 holds float16; only float32 networks are supported: export it in float32"),
    "cast to half": (
        [node("Cast", ["x"], "h", to=TensorProto.FLOAT16), node("Cast", ["h"], to=1)],
        r"cast to FLOAT16; valid: FLOAT \(float32\)"),
    "computed weights": (
        [node("Conv", ["x", "x"])], "input 2 depends on the image; only a constant is supported"),
    "one axis": (
        [node("Flatten", ["x"], "f"), node("Conv", ["f", array(2, 3, 1, 1)])],
        r"reads a tensor of shape \[1, 105\] for one image; valid: \[1, channel, row, col\]"),
    "weights that do not fit": (
        [node("Conv", ["x", array(2, 4, 1, 1)])],
        r"weights of shape \[2, 4, 1, 1\] in 1 group do not fit 3 channels"),
    "a kernel larger than the map": (
        [node("MaxPool", ["x"], kernel_shape=[6, 6])],
        r"a kernel over 6 cells does not fit into 5; give a larger image \(models catalogue"),
    "a reshape for another size": (
        [node("Reshape", ["x", ints(1, 3, 49)])],
        r"shape \[1, 3, 49\] does not fit a tensor \[1, 3, 5, 7\].*input.size\); export"),
    "a reshape for a batch": (
        [node("Reshape", ["x", ints(4, 105)])], "export the network with a batch of 1"),
    "no such axis": (
        [node("Softmax", ["x"], axis=4)], "axis 4 of a tensor with 4 axes; valid: -4 to 3"),
    "nearest of another kind": (
        [node("Resize", ["x", None, None, ints(1, 3, 8, 8)], nearest_mode="floor")],
        "nearest_mode floor with half_pixel: implementations of ONNX differ"),
    "resized channels": (
        [node("Resize", ["x", None, None, ints(1, 6, 5, 7)])], "valid: other rows and columns"),
    "antialias": (
        [node("Resize", ["x", None, None, ints(1, 3, 3, 3)], antialias=1, mode="linear")],
        "attribute antialias is 1; valid: 0"),
    "random numbers": (
        [node("RandomNormal", [], "r", shape=[7]), node("Add", ["x", "r"])],
        r"\(RandomNormal.*computed from constants alone, for which it is not supported"),
    "a constant's operation": (
        [node("Det", [array(1, 3, 5, 5)], "c"), node("Reshape", ["c", ints(3, 1, 1)], "d"),
         node("Add", ["x", "d"])],
        r"\(Det.*computed from constants alone, for which it is not supported"),
    "a constant by a rule that refuses": (
        [node("LRN", [array(1, 3, 5, 7)], "c", size=2), node("Add", ["x", "c"])],
        r"\(LRN.*size is 2; valid: odd numbers"),
    "a constant's operation of a newer opset": (
        [node("Attention", [array(1, 3, 5, 7)] * 3, "c"), node("Add", ["x", "c"])],
        r"\(Attention.*opset 20 has no such operation"),
    "a huge constant by a rule": (
        [node("Resize", [array(1, 1, 1, 1), None, None, ints(1, 1, 2**16, 2**16)], "c"),
         node("GlobalAveragePool", ["c"], "m"), node("Add", ["x", "m"])],
        r"\(Resize.*makes a constant of 4,294,967,296 values; valid: at most 268,435,456"),
    "a constant's second output": (
        [node("MaxPool", [array(1, 3, 5, 7)], ["p", "i"], kernel_shape=[1, 1]),
         node("Cast", ["i"], "c", to=1), node("Add", ["x", "c"])],
        r"\(MaxPool.*its output 2 is read; only the first is supported"),
    "a huge gathered constant": (
        [node("Expand", [np.zeros((1, 1), np.int64), ints(2**20, 1)], "n"),
         node("GatherND", [array(1, 2**9), "n"], "c"), node("Add", ["x", "c"])],
        r"\(GatherND.*makes a constant of 536,870,912 values"),
    "gather nd by the image": (
        [node("Cast", ["x"], "n", to=TensorProto.INT64), node("GatherND", ["x", "n"])],
        r"\(Cast.*cast to INT64"),
    "gather nd outside": (
        [node("GatherND", ["x", ints([0, 3], [-1, 1])])],
        r"\(GatherND.*indices from -1 to 3 of \[1, 3\] entries"),
    "gather nd of too many axes": (
        [node("GatherND", ["x", ints(0, 0, 0, 0, 0)])],
        r"indices of shape \[5\] for a tensor \[1, 3, 5, 7\]"),
    "gather nd, batch_dims": (
        [node("GatherND", ["x", ints([0], [1])], batch_dims=2)],
        r"batch_dims is 2 for a tensor .* and indices of shape \[2, 1\]; valid: 0 to 1"),
    "gather nd, another batch": (
        [node("GatherND", ["x", ints([0], [1])], batch_dims=1)],
        r"indices of shape \[2, 1\] for a tensor \[1, 3, 5, 7\]"),
    "a huge constant": (
        [node("ConstantOfShape", [ints(2**40)], "c"), node("Add", ["x", "c"])],
        "makes a constant of 1,099,511,627,776 values"),
    "a constant that cannot be": (
        [node("Reshape", [array(6), ints(4)], "c"), node("Add", ["x", "c"])],
        "it cannot be computed from its constants: "),
    "einsum": (
        [node("Einsum", ["x"], equation="bchh->bch")], "valid: every letter once in a term"),
    "nothing of the image": (
        [node("Identity", [array(1, 4)])], "output 'y' does not depend on the image"),
}  # fmt: skip


@pytest.mark.parametrize("name", NODES)
def test_a_node_that_would_be_read_wrongly_is_refused(name, tmp_path):
    nodes, words = NODES[name]
    refused(tmp_path, model(*nodes), words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"opset": 10}, r"opset 10; valid: 11 to \d+, the newest that the installed onnx"),
        ({"opset": 99}, r"opset 99; valid: 11 to "),
        (
            {"shape": (1, 3, 224, 224)},
            r"224, 224\), which no image of 5 x 7 pixels fits \(models catalogue: input.size\)",
        ),
        ({"shape": (4, 3, 5, 7)}, "a batch of 4; export the network with a batch of 1"),
        ({"shape": (1, "c", 5, 7)}, "with a fixed number of channels"),
        ({"shape": (1, 105)}, r"shape \(1, 105\); valid: \(1, channel, row, col\)"),
        ({"kind": TensorProto.FLOAT16}, r"input 'x' holds FLOAT16; valid: FLOAT \(float32\)"),
    ],
)
def test_an_input_that_is_no_image_is_refused(changes, words, tmp_path):
    refused(tmp_path, model(node("Relu", ["x"]), **changes), words)


def test_a_second_input_is_refused(tmp_path):
    made = model(node("Add", ["x", "age"]))
    made.graph.input.append(helper.make_tensor_value_info("age", TensorProto.FLOAT, [1]))
    refused(tmp_path, made, "inputs found: 'x', 'age'; valid: one, the image")


@pytest.mark.parametrize("shape", [(1, 3, 5, 7), ("n", 3, "h", "w"), (None, 3, None, 7)])
def test_axes_that_a_file_leaves_open_are_those_of_the_catalogue(shape, tmp_path):
    nodes = [
        node("Shape", ["x"], "s"), node("Gather", ["s", ints(0)], "n"),
        node("Concat", ["n", ints(-1)], "t", axis=0), node("Reshape", ["x", "t"], "f"),
        node("MatMul", ["f", array(105, 4)]),
    ]  # fmt: skip
    both = Both.of(tmp_path, model(*nodes, shape=shape))
    assert both.tensorflow(np.ones((2, 3, 5, 7), np.float32)).shape == (2, 4)


def test_channels_last_in_the_file(tmp_path):
    nodes = [
        node("Transpose", ["x"], "t", perm=[0, 3, 1, 2]),
        node("Conv", ["t", array(4, 3, 2, 2)]),
    ]
    path = save(tmp_path, model(*nodes, shape=(1, 5, 7, 3)))
    found = read_onnx(path, SIZE)
    assert found.compared["largest_difference"] < 1e-6
    ops = {n.op for n in found.definition.node}
    assert ops == {"Placeholder", "Const", "Conv2D", "Transpose"}  # the output in ONNX's order


def test_an_operation_that_changed_since_is_refused(tmp_path, monkeypatch):
    old = registry.Known(registry.RULES["Relu"].rule, 13)
    monkeypatch.setitem(registry.RULES, "Relu", old)
    refused(
        tmp_path, model(node("Relu", ["x"])),
        "opset 14 changed this operation; known up to 13: export with opset 13 or older",
    )  # fmt: skip


@pytest.fixture
def weights_apart(tmp_path):
    """Write a model whose weights lie in a file of their own."""
    path = tmp_path / "net.onnx"
    made = model(node("Conv", ["x", array(4, 3, 5, 7)]))
    onnx.save(made, path, save_as_external_data=True, location="net.onnx.data", size_threshold=0)
    return path


def test_weights_in_a_file_of_their_own_are_read_though_the_model_is_renamed(weights_apart):
    renamed = weights_apart.rename(weights_apart.with_name("other.onnx"))
    assert read_onnx(renamed, SIZE).compared["largest_difference"] < 1e-6


def test_missing_weights_are_named(weights_apart):
    weights_apart.with_name("net.onnx.data").rename(weights_apart.with_name("renamed.data"))
    with pytest.raises(
        BadFile, match=re.escape("weights in the file 'net.onnx.data', which is no file")
    ):
        read_onnx(weights_apart, SIZE)


def test_cut_weights_are_named(weights_apart):
    weights_apart.with_name("net.onnx.data").write_bytes(b"short")
    with pytest.raises(BadFile, match="weights 'y_1' cannot be read"):
        read_onnx(weights_apart, SIZE)


@pytest.mark.parametrize("name", ["../net.onnx.data", "/etc/passwd"])
def test_weights_of_another_folder_are_refused(name, weights_apart):
    made = onnx.load(weights_apart, load_external_data=False)
    made.graph.initializer[0].external_data[0].value = name
    weights_apart.write_bytes(made.SerializeToString())
    with pytest.raises(BadFile, match=f"weights in '{name}'; valid: a file in its own folder"):
        read_onnx(weights_apart, SIZE)


@pytest.mark.parametrize("name", ["net.onnx", "net.onnx.data"])
def test_more_than_a_graph_holds_is_refused(name, weights_apart):
    with open(weights_apart.with_name(name), "ab") as file:
        file.truncate(2**31)
    with pytest.raises(BadFile, match="bytes; valid: less than 2,147,483,648"):
        read_onnx(weights_apart, SIZE)


@pytest.mark.parametrize("content", [b"", b"no model at all", bytes(100)])
def test_another_file_is_refused(content, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=r"is not an ONNX file|contains no ONNX graph"):
        read_onnx(path, SIZE)


def test_without_the_package_one_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    path = save(tmp_path, model(node("Relu", ["x"])))
    _without(monkeypatch, "onnx")
    with pytest.raises(BadFile, match=re.escape("not installed: pip install onnx onnxruntime")):
        read_onnx(path, SIZE)


def _without(monkeypatch, package):
    real = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name == package:
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)


def test_without_onnxruntime_the_reference_compares_where_it_is_right(tmp_path, monkeypatch):
    path = save(tmp_path, model(node("Relu", ["x"])))
    _without(monkeypatch, "onnxruntime")
    found = read_onnx(path, SIZE).compared
    assert found["with"] == f"onnx {onnx.__version__}"
    assert found["largest_difference"] == 0


def test_without_onnxruntime_it_is_said_that_nothing_was_compared(tmp_path, monkeypatch):
    path = save(tmp_path, model(node("LRN", ["x"], size=3)))
    _without(monkeypatch, "onnxruntime")
    (said,) = read_onnx(path, SIZE).compared.values()
    assert re.fullmatch(
        r"nothing: onnxruntime is not installed \(.*\), and onnx is wrong for LRN", said
    )


def test_outputs_that_do_not_change_prove_nothing(tmp_path):
    path = save(tmp_path, model(node("Mul", ["x", np.zeros((), np.float32)])))
    assert "the outputs are the same for two images" in read_onnx(path, SIZE).compared["with"]


def test_a_rule_that_is_wrong_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setitem(registry.RULES, "Cos", registry.RULES["Sin"])
    refused(
        tmp_path, model(node("Cos", ["x"])),
        r"output 'y' differs by .* of its largest value from what another implementation of ONNX "
        "computes; valid: up to 0.0001",
    )  # fmt: skip


def test_a_network_that_answers_rounding_is_read_and_that_is_told(tmp_path):
    """Large numbers that cancel: onnxruntime folds the norm into the convolution."""
    kernel, mean = array(4, 3, 1, 1, seed=1), np.full(4, 20000, np.float32)
    norm = [np.full(4, n, np.float32) for n in (30, 0)] + [mean, np.full(4, 0.01, np.float32)]
    cancelling = [
        node("Conv", ["x", kernel, mean], "c", name="c"),
        node("BatchNormalization", ["c", *norm], name="n"),
    ]
    path = save(tmp_path, model(*cancelling))
    compared = read_onnx(path, SIZE).compared
    assert 1e-4 < compared["largest_difference"] <= 3 * compared["rounding"] < 1e-2


def test_numbers_that_are_not_finite_are_no_agreement():
    nan = np.full(3, np.nan)
    with pytest.raises(BadFile, match="output 'y' is not finite"):
        comparison.largest_difference([nan], [nan], ["y"])
