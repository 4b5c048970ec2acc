"""Network files that are wrong on purpose: each ends soon, with words, and nothing is written."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, weights
from tensorflow.core.framework import graph_pb2, types_pb2
from tensorflow.core.protobuf import saved_model_pb2

from blockscope.io.errors import BadFile
from blockscope.models.entry import ModelEntry
from blockscope.stages.network.model import write_model

SIZE = (20, 28)
LIMIT = 10  # seconds


def small() -> graph_pb2.GraphDef:
    """Return a network of a convolution, a pooling and four logits."""
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3), name="input")
        x = tf.nn.max_pool2d(conv(x, 5, name="first"), 4, 4, "VALID", name="pooled")
        x = tf.reduce_mean(x, [1, 2], name="mean")
        kernel = tf.constant(weights((5, 4), 4).astype(np.float32), name="kernel")
        tf.matmul(x, kernel, name="logits")
    return graph.as_graph_def()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., str]:
    """Return a function: graph (a file, or what to change in a small one) -> the error."""

    def error_of(graph: Path | Callable, size=SIZE, logits: str | None = "logits", **keys) -> str:
        if not isinstance(graph, Path):
            definition = small()
            graph({node.name: node for node in definition.node}, definition)
            graph = tmp_path / "net.pb"
            graph.write_bytes(definition.SerializeToString())
        (tmp_path / "labels.json").write_text(json.dumps(list("abcd")))
        content = {
            "graph": str(graph),
            "input": {"tensor": "input" if logits else None, "size": size, "range": (-1.0, 1.0)},
            "logits": logits,
            "labels": str(tmp_path / "labels.json"),
        }
        entry = ModelEntry.model_validate(content | keys)
        made = tmp_path / "made"
        began = time.monotonic()
        with pytest.raises(BadFile) as caught:
            write_model(
                entry=entry, name="net", downloads=tmp_path,
                graph_path=made / "graph.pb", card_path=made / "model.json",
            )  # fmt: skip
        assert time.monotonic() - began < LIMIT
        assert not made.exists()
        return str(caught.value)

    return error_of


def test_the_small_network_is_sound(tmp_path: Path, read) -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        read(lambda *_: None)


def cycle(nodes, _) -> None:
    nodes["mean"].input[0] = "logits"


def own_output(nodes, _) -> None:
    nodes["pooled"].input[0] = "pooled"


def dangling(nodes, _) -> None:
    nodes["mean"].input[0] = "gone"


def no_such_output(nodes, _) -> None:
    nodes["mean"].input[0] = "pooled:1"


def negative_output(nodes, _) -> None:
    nodes["mean"].input[0] = "pooled:-1"


def too_few_inputs(nodes, _) -> None:
    del nodes["logits"].input[1:]


def too_many_inputs(nodes, _) -> None:
    nodes["mean"].input.append("kernel")


def short_constant(nodes, _) -> None:
    tensor = nodes["kernel"].attr["value"].tensor
    tensor.tensor_content = tensor.tensor_content[:-4]


def large_constant(nodes, _) -> None:
    tensor = nodes["kernel"].attr["value"].tensor
    tensor.ClearField("tensor_content")
    tensor.float_val.append(1.0)
    tensor.tensor_shape.dim[0].size = 10**12


def negative_constant(nodes, _) -> None:
    nodes["kernel"].attr["value"].tensor.tensor_shape.dim[0].size = -5


def no_constant(nodes, _) -> None:
    del nodes["kernel"].attr["value"]


def text_constant(nodes, _) -> None:
    nodes["kernel"].attr["value"].tensor.dtype = types_pb2.DT_STRING


def odd_constant(nodes, _) -> None:
    nodes["kernel"].attr["value"].tensor.dtype = 79


def odd_image(nodes, _) -> None:
    nodes["input"].attr["dtype"].type = 79


def second_input(nodes, definition) -> None:
    definition.node.add(name="rate", op="Placeholder").attr["dtype"].type = types_pb2.DT_FLOAT
    nodes["logits"].input[1] = "rate"


def two_of_one_name(nodes, definition) -> None:
    definition.node.add().CopyFrom(nodes["pooled"])


def odd_name(nodes, _) -> None:
    nodes["pooled"].name = "a~b"
    nodes["mean"].input[0] = "a~b"


def dots(nodes, _) -> None:
    nodes["pooled"].name = ".."
    nodes["mean"].input[0] = ".."


def missing_attribute(nodes, _) -> None:
    del nodes["pooled"].attr["ksize"]


def wrong_attribute(nodes, _) -> None:
    nodes["pooled"].attr["padding"].s = b"NONE"


def wrong_shapes(nodes, _) -> None:
    nodes["logits"].attr["transpose_b"].b = True


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cycle, "model 'net': node 'logits' is computed from its own output; a cycle has no order"),
        (own_output, "model 'net': node 'pooled' is computed from its own output"),
        (dangling, "model 'net': node 'mean' reads 'gone', which the graph does not have"),
        (
            no_such_output,
            "'mean' reads output 1 of 'pooled' (MaxPool), which has 1, counted",
        ),
        (negative_output, "node 'mean' reads 'pooled:-1'; an output is a number, as in 'pooled:1'"),
        (too_few_inputs, "node 'logits' (MatMul) has 1 input; valid: 2"),
        (too_many_inputs, "node 'mean' (Mean) has 3 inputs; valid: 2"),
        (short_constant, "constant 'kernel' of shape [5, 4] cannot be read: cannot reshape array"),
        (large_constant, "constant 'kernel' has the shape [1000000000000, 4]; valid: at most 536,"),
        (negative_constant, "constant 'kernel' has the shape [-5, 4]; valid: at most"),
        (no_constant, "constant 'kernel' holds DT_INVALID; only numbers are supported"),
        (text_constant, "constant 'kernel' holds DT_STRING; only numbers are supported"),
        (odd_constant, "constant 'kernel' holds type 79; only numbers are supported"),
        (
            odd_image,
            "input tensor 'input' holds type 79; valid: float32, another type of float, uint8",
        ),
        (
            second_input,
            "the logits also need the input 'rate' (float32 of unknown shape) beside",
        ),
        (two_of_one_name, "2 nodes have the name 'pooled'"),
        (odd_name, "node 'a~b' has a name that TensorFlow does not allow; valid: letters, digits"),
        (dots, "node '..' has a name that TensorFlow does not allow"),
        (missing_attribute, "node 'pooled' (MaxPool) cannot be computed: "),
        (wrong_attribute, "node 'pooled' (MaxPool) cannot be computed: "),
        (wrong_shapes, "node 'logits' (MatMul) cannot be computed: "),
    ],
)
def test_a_wrong_graph_is_told_with_the_node(read, change, words) -> None:
    assert words in read(change)


def test_what_is_wrong_beside_the_logits_does_not_matter(tmp_path: Path, read) -> None:
    def beside(_, definition) -> None:
        definition.node.add(name="a", op="Identity", input=["b"])
        definition.node.add(name="b", op="Identity", input=["a"])
        definition.node.add(name="c~", op="Identity", input=["gone"])

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        read(beside)


def test_an_image_too_small_for_the_network(read) -> None:
    words = read(lambda *_: None, size=(1, 1))
    assert "for an image of 1 x 1 pixels (models catalogue: input.size): " in words
    # TensorFlow gives an empty map on some processors, and on others an error, or no answer.
    assert "node 'pooled' (MaxPool) cannot be computed: it slides a window of " in words

    def wide(nodes, _) -> None:
        nodes["pooled"].attr["ksize"].list.i[1] = 9

    words = read(wide, size=(1, 1))
    assert "for an image of 1 x 1 pixels (models catalogue: input.size): " in words


def test_logits_that_are_the_input(read) -> None:
    assert "the input 'input' and the logits are one tensor" in read(lambda *_: 0, logits="input")


def test_logits_of_another_type(read) -> None:
    def whole(nodes, definition) -> None:
        cast = definition.node.add(name="whole", op="Cast", input=["logits"])
        cast.attr["SrcT"].type, cast.attr["DstT"].type = types_pb2.DT_FLOAT, types_pb2.DT_INT32

    assert "model 'net': logits 'whole' are not float32" in read(whole, logits="whole")


def test_a_graph_file_larger_than_protobuf_reads(tmp_path: Path, read) -> None:
    with (tmp_path / "net.pb").open("wb") as file:
        file.truncate(2**31)
    words = read(tmp_path / "net.pb")
    assert "has 2,147,483,648 bytes; a frozen graph has less than 2,147,483,648" in words


def saved(folder: Path, leak: Callable | None = None) -> Path:
    """Write a SavedModel with a variable; ``leak`` is called in the function that it serves."""

    class Module(tf.Module):  # type: ignore[misc]
        def __init__(self):
            self.kernel = tf.Variable(weights((3, 4), 4).astype(np.float32))

        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE, 3])])
        def __call__(self, x):
            if leak:
                leak()
            return tf.reduce_mean(x, [1, 2]) @ self.kernel

    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return folder


def save_to(path: Path) -> Callable[[], object]:
    return lambda: tf.raw_ops.SaveV2(
        prefix=str(path), tensor_names=["x"], shape_and_slices=[""], tensors=[tf.ones(3)]
    )


def test_a_saved_model_that_writes_when_it_computes(tmp_path: Path, read) -> None:
    path = saved(tmp_path / "saved", save_to(tmp_path / "written"))
    words = read(path, logits=None)
    assert "contains operations that are not allowed: SaveV2 (node '" in words
    assert not list(tmp_path.glob("written*"))


def change(path: Path, how: Callable) -> Path:
    """Change the description of a SavedModel."""
    description = path / "saved_model.pb"
    content = saved_model_pb2.SavedModel.FromString(description.read_bytes())
    how(content.meta_graphs[0])
    description.write_bytes(content.SerializeToString())
    return path


@pytest.mark.parametrize("key", ["saved_model_main_op", "legacy_init_op"])
def test_what_a_saved_model_would_do_when_it_is_loaded_is_not_done(
    tmp_path: Path, read, key: str
) -> None:
    """TensorFlow runs the operation that a collection names: here the one that saves."""

    def swap(meta) -> None:
        saving = meta.saver_def.save_tensor_name.partition(":")[0]
        meta.collection_def[key].node_list.value[:] = [saving]

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        read(change(saved(tmp_path / "saved"), swap), logits=None)
    (variables,) = tmp_path.rglob("*.index")
    assert variables == tmp_path / "saved/variables/variables.index"


def test_a_saved_model_that_writes_when_it_restores(tmp_path: Path, read) -> None:
    def swap(meta) -> None:
        meta.saver_def.restore_op_name = meta.saver_def.save_tensor_name.partition(":")[0]

    words = read(change(saved(tmp_path / "saved"), swap), logits=None)
    assert "SaveV2 (node '" in words


def test_a_saved_model_whose_variables_are_elsewhere(tmp_path: Path, read) -> None:
    path = saved(tmp_path / "saved")
    (path / "variables").rename(tmp_path / "elsewhere")
    (path / "variables").symlink_to(tmp_path / "elsewhere")
    assert "variables' leads to '" in read(path, logits=None)


def test_weights_that_are_a_link_to_another_file(tmp_path: Path, read) -> None:
    weights_file = tmp_path / "model.weights.h5"
    with h5py.File(weights_file, "w") as file:
        file["layers/leak"] = h5py.ExternalLink("/etc/hostname", "x")
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.write(weights_file, "model.weights.h5")
    for path in (tmp_path / "net.keras", weights_file):
        words = read(path, logits=None)
        assert "'layers/leak' is a link to 'x' in '/etc/hostname'" in words


def test_weights_that_exceed_the_memory(tmp_path: Path, read) -> None:
    weights_file = tmp_path / "model.weights.h5"
    with h5py.File(weights_file, "w") as file:
        file.create_dataset("layers/a", (1 << 20, 1 << 20), "f4", chunks=(1, 1 << 10))
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.write(weights_file, "model.weights.h5")
    for path in (tmp_path / "net.keras", weights_file):
        assert "states arrays of 4,398,046,511,104 bytes, and this" in read(path, logits=None)


def test_many_compressed_weights_are_looked_through_soon(tmp_path: Path, read) -> None:
    """Where the archive is searched for each, the time grows with their number squared."""
    weights_file = tmp_path / "model.weights.h5"
    noise = np.random.default_rng(1).integers(0, 256, 4_000_000, np.uint8)
    with h5py.File(weights_file, "w") as file:
        for number in range(600):
            file[f"layers/{number}"] = noise[number * 6000 : number * 6000 + 6000]
        file.create_dataset("layers/last", (3,), "u1", external=[("/etc/hostname", 0, 3)])
    with zipfile.ZipFile(tmp_path / "net.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(weights_file, "model.weights.h5")
    began = time.monotonic()
    assert "'layers/last' has its data in '/etc/ho" in read(tmp_path / "net.keras", logits=None)
    assert time.monotonic() - began < 3


def test_a_saved_model_whose_files_are_links_into_a_store(tmp_path: Path, read) -> None:
    path = saved(tmp_path / "saved")
    store = tmp_path / "blobs"
    store.mkdir()
    for number, file in enumerate(sorted(p for p in path.rglob("*") if p.is_file())):
        file.rename(store / str(number))
        file.symlink_to(store / str(number))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        read(path, logits=None)


# Keras itself, writing variables with NumPy 2.4.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_keras_file_and_an_image_too_small_for_it(tmp_path: Path, read) -> None:
    import keras

    layers = [keras.Input((None, None, 3)), keras.layers.Conv2D(4, 5)]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4)]
    keras.Sequential(layers).save(tmp_path / "net.keras")
    words = read(tmp_path / "net.keras", size=(1, 1), logits=None)
    assert "cannot be computed for images of 1 x 1 pixels (models catalogue: input" in words
