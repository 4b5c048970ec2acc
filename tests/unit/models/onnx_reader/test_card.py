"""An ONNX file of the catalogue as a network in normal form with its card."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.onnx_models import array, ints, model, node, save, spread_image
from onnx import TensorProto, helper

from blockscope.config.result_paths import local_files
from blockscope.exemplars.receptive_field import receptive_field
from blockscope.feature_visualization.network_view import View
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.graph.node_attributes import ONE_SIZE
from blockscope.models.network import Network
from blockscope.models.onnx_reader.read import read_onnx
from blockscope.stages.network.model import write_model


def residual():
    """Return a classifier with pooling that is padded, a shortcut and a baked batch of one."""
    return model(
        node("Conv", ["x", array(4, 3, 3, 3), array(4)], "c", pads=[1, 1, 1, 1], name="/stem/Conv"),
        node("MaxPool", ["c"], "p", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2],
             name="/pool/MaxPool"),
        node("Conv", ["p", array(4, 4, 3, 3)], "d", pads=[1, 1, 1, 1], name="/block/conv/Conv"),
        node("Relu", ["d"], "r", name="/block/relu/Relu"),
        node("Add", ["r", "p"], "a", name="/block/Add"),
        node("Transpose", ["a"], "t", perm=[0, 2, 3, 1], name="/block/Transpose"),
        node("MatMul", ["t", array(4, 4)], "m", name="/mix/MatMul"),
        node("ReduceMean", ["m", ints(1, 2)], "g", keepdims=0, name="/mean/ReduceMean"),
        node("Reshape", ["g", ints(1, 4)], "f", name="/Reshape"),
        node("Gemm", ["f", array(4, 4), array(4)], "y", name="/head/Gemm"),
    )  # fmt: skip


@pytest.fixture
def written(tmp_path):
    """Return the card and the network of the residual classifier, and its entry."""
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(["ape", "bee", "cow", "dog"]))
    entry = ModelEntry.model_validate({
        "graph": str(save(tmp_path, residual())),
        "input": {"size": (5, 7), "range": (0.0, 1.0)},
        "labels": str(labels),
    })  # fmt: skip
    paths = {"graph_path": tmp_path / "graph.pb", "card_path": tmp_path / "model.json"}
    write_model(entry=entry, name="net", downloads=tmp_path, **paths)
    card = ModelCard.read(paths["card_path"])
    return card, Network.load(paths["graph_path"], card), entry


def test_layers_are_the_maps_of_the_file_and_no_steps_inside(written):
    card, _, _ = written
    assert [(layer.name, layer.shape) for layer in card.layers] == [
        ("stem/Conv", (5, 7, 4)),
        ("pool/MaxPool", (3, 4, 4)),
        ("block.conv/Conv", (3, 4, 4)),
        ("block.relu/Relu", (3, 4, 4)),
        ("block/Add", (3, 4, 4)),
        ("mix/MatMul", (3, 4, 4)),
        ("mean/ReduceMean", (1, 1, 4)),
    ]
    assert card.by_name["block/Add"].inputs == ("block.relu/Relu", "pool/MaxPool")
    assert (card.input.tensor, card.logits, card.outputs) == ("x", "head/Gemm", 4)


def test_the_card_says_with_what_it_was_compared(written):
    card, _, _ = written
    assert card.compared["with"].startswith("onnxruntime 1.")
    assert 0 <= card.compared["largest_difference"] < 1e-6


def test_a_batch_gives_what_each_image_gives(written):
    card, network, _ = written
    images = np.concatenate([spread_image(seed=seed) for seed in range(3)]).transpose(0, 2, 3, 1)
    together = network.run({"x": images}, [card.logits])[card.logits].numpy()
    alone = [network.run({"x": image[None]}, [card.logits])[card.logits][0] for image in images]
    np.testing.assert_allclose(together, alone, rtol=2e-6)


def test_weights_beside_the_file_are_files_of_the_network(written, tmp_path):
    _, _, entry = written
    (tmp_path / "net.onnx.data").write_bytes(b"")
    names = [str(tmp_path / name) for name in ("net.onnx", "net.onnx.data", "labels.json")]
    assert local_files(entry) == names


def test_tokens_beside_an_axis_of_one_entry_are_layers(tmp_path):
    """torchvision's attention leaves (token, image, channel), which is transposed back."""
    (tmp_path / "labels.json").write_text(json.dumps(["ape", "bee", "cow", "dog"]))
    made = model(
        node("Reshape", ["x", ints(1, 3, 35)], "r"),
        node("Transpose", ["r"], "t", perm=[0, 2, 1]),
        node("Concat", [array(1, 1, 3, seed=1), "t"], "c", axis=1),
        node("Transpose", ["c"], "first", perm=[1, 0, 2]),
        node("Reshape", ["first", ints(36, 3)], "flat"),
        node("Gemm", ["flat", array(3, 4, seed=2), array(4)], "g", name="/out/Gemm"),
        node("Reshape", ["g", ints(36, 1, 4)], "back"),
        node("Transpose", ["back"], "b", perm=[1, 0, 2]),
        node("Relu", ["b"], "relu", name="/block/Relu"),
        node("MatMul", ["relu", array(4, 5, seed=3)], "m", name="/mlp/MatMul"),
        node("Gather", ["m", np.array(0, np.int64)], "first_token", axis=1),
        node("ReduceMean", ["m", ints(1)], "mean", keepdims=0),
        node("Mul", ["first_token", "mean"], "p"),
        node("MatMul", ["p", array(5, 4, seed=4)], "y", name="/head/MatMul"),
    )
    entry = ModelEntry.model_validate({
        "graph": str(save(tmp_path, made)), "input": {"size": (5, 7), "range": (0.0, 1.0)},
        "labels": str(tmp_path / "labels.json"),
    })  # fmt: skip
    paths = {"graph_path": tmp_path / "graph.pb", "card_path": tmp_path / "model.json"}
    write_model(entry=entry, name="net", downloads=tmp_path, **paths)
    card = ModelCard.read(paths["card_path"])
    layers = {layer.name: layer.shape for layer in card.layers}
    assert layers["block/Relu"] == (5, 7, 4)
    assert layers["block/Relu_class_token"] == (1, 1, 4)
    assert layers["mlp/MatMul"] == (5, 7, 5)
    network = Network.load(paths["graph_path"], card)
    image = spread_image(seed=1)
    tokens = np.concatenate([array(1, 1, 3, seed=1)[0], image[0].reshape(3, 35).T])
    expected = np.maximum(tokens @ array(3, 4, seed=2) + array(4), 0) @ array(4, 5, seed=3)
    found = network.run({"x": image.transpose(0, 2, 3, 1)}, ["mlp/MatMul"])["mlp/MatMul"]
    np.testing.assert_allclose(found[0], expected[1:].reshape(5, 7, 5), rtol=1e-5, atol=1e-6)


def test_layers_behind_reflecting_pads(tmp_path):
    """As PyTorch exports a blurring that leaves the edges alone."""
    (tmp_path / "labels.json").write_text(json.dumps(["ape", "bee", "cow", "dog"]))
    made = model(
        node("Conv", ["x", array(6, 3, 3, 3)], "c", pads=[1] * 4, name="/conv/Conv"),
        node("Relu", ["c"], "r", name="/relu/Relu"),
        node("Pad", ["r", ints(0, 0, 1, 1, 0, 0, 1, 1)], "p", mode="reflect", name="/pad/Pad"),
        node("Conv", ["p", array(6, 1, 3, 3)], "b", strides=[2, 2], group=6, name="/blur/Conv"),
        node("ReduceMean", ["b", ints(2, 3)], "m", keepdims=0),
        node("Gemm", ["m", array(6, 4), array(4)], "y", name="/head/Gemm"),
    )
    entry = ModelEntry.model_validate({
        "graph": str(save(tmp_path, made)), "input": {"size": (5, 7), "range": (0.0, 1.0)},
        "labels": str(tmp_path / "labels.json"),
    })  # fmt: skip
    paths = {"graph_path": tmp_path / "graph.pb", "card_path": tmp_path / "model.json"}
    write_model(entry=entry, name="net", downloads=tmp_path, **paths)
    card = ModelCard.read(paths["card_path"])
    layers = {layer.name: layer.shape for layer in card.layers}
    assert layers["relu/Relu"] == (5, 7, 6)
    assert layers["blur/Conv"] == (3, 4, 6)
    field = receptive_field(Network.load(paths["graph_path"], card), "blur/Conv")
    assert (field.row.first, field.row.step) == (0.5, 2.0)
    assert field.size == (5, 7)


def test_an_output_of_truth_values_beside_the_logits_is_compared_too(tmp_path):
    path = tmp_path / "net.onnx"
    told = helper.make_tensor_value_info("above", TensorProto.BOOL, None)
    built = model(
        node("GlobalAveragePool", ["x"], "g"),
        node("Flatten", ["g"], "f"),
        node("Gemm", ["f", array(3, 4)], "y"),
        node("Greater", ["y", np.float32(0)], "above"),
    )
    built.graph.output.append(told)
    path.write_bytes(built.SerializeToString())
    found = read_onnx(path, (5, 7))
    assert set(found.outputs) == {"y", "above"}
    assert found.compared["largest_difference"] < 1e-6


def test_what_holds_for_one_size_is_marked_in_the_written_graph(tmp_path):
    """So that sprites, which have other sizes, can be refused there."""
    built = model(
        node("AveragePool", ["x"], "a", kernel_shape=[2, 2], pads=[1, 0, 0, 1], name="/a/Pool"),
        node("Conv", ["a", array(4, 3, 3, 3)], "c", pads=[1] * 4, name="/c/Conv"),
        node("GlobalAveragePool", ["c"], "g"),
        node("Flatten", ["g"], "f"),
        node("Gemm", ["f", array(4, 4)], "y"),
    )
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(["ape", "bee", "cow", "dog"]))
    entry = ModelEntry.model_validate({
        "graph": str(save(tmp_path, built)),
        "input": {"size": (5, 7), "range": (0.0, 1.0)},
        "labels": str(labels),
    })  # fmt: skip
    paths = {"graph_path": tmp_path / "graph.pb", "card_path": tmp_path / "model.json"}
    write_model(entry=entry, name="net", downloads=tmp_path, **paths)
    network = Network.load(paths["graph_path"], ModelCard.read(paths["card_path"]))
    assert any(ONE_SIZE in each.attr for each in network.definition.node)
    objective: Any = SimpleNamespace(layers=["c/Conv"], terms=())
    with pytest.raises(BadFile, match="layer 'c/Conv' is not made from images of 8 x 8 pixels"):
        View(network, objective, 8)
