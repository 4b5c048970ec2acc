"""Names of layers from what the exporters wrote down."""

from __future__ import annotations

import pytest
from onnx import helper

from blockscope.models.onnx_reader.names import SCOPES, layer_names


def scripted(name, op="Relu"):
    return helper.make_node(op, ["x"], [name + "_output_0"], name=name)


def dynamo(number, scopes, op="Relu"):
    node = helper.make_node(op, ["x"], [f"out_{number}"], name=f"node_{number}")
    node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value="File C:/exporter/net.py")
    node.metadata_props.add(key=SCOPES, value=repr(scopes))
    return node


def test_both_exporters_give_the_path_of_the_module():
    by_script = [
        scripted("/layer3/layer3.1/relu/Relu"),
        scripted("/layer3/layer3.1/Add", "Add"),
        scripted("/layer3/layer3.1/relu_1/Relu"),
        scripted("/Concat", "Concat"),
    ]
    by_dynamo = [
        dynamo(1, ["", "layer3", "layer3.1", "layer3.1.relu", "relu_11"]),
        dynamo(2, ["", "layer3", "layer3.1", "add_5"], "Add"),
        dynamo(3, ["", "layer3", "layer3.1", "layer3.1.relu", "relu_12"]),
        dynamo(4, ["", "cat"], "Concat"),
    ]
    expected = ["layer3.1.relu/Relu", "layer3.1/Add", "layer3.1.relu_1/Relu", "Concat"]
    assert layer_names(by_script, set()) == expected
    assert layer_names(by_dynamo, set()) == expected


def test_operations_of_a_block_are_numbered_and_of_a_module_its_calls():
    nodes = [
        dynamo(1, ["", "a", "mul"], "Mul"), dynamo(2, ["", "a", "a.b", "mul_1"], "Mul"),
        dynamo(3, ["", "a", "mul_2"], "Mul"), dynamo(4, ["", "a", "a.b", "mul_3"], "Mul"),
    ]  # fmt: skip
    assert layer_names(nodes, set()) == ["a/Mul", "a.b/Mul", "a/Mul_1", "a.b_1/Mul"]


def test_nothing_of_the_exporting_machine_is_in_a_name():
    (name,) = layer_names([dynamo(1, ["", "a", "relu"])], set())
    assert "exporter" not in name


@pytest.mark.parametrize(
    ("written", "name"),
    [("onnx::Conv_0", "onnx__Conv_0"), ("_hidden", "t_hidden"), ("a b:0", "a_b_0"), ("...", "t..."),
     ("191", "191"), ("", "x_output_0")],
)  # fmt: skip
def test_other_names_are_kept_as_far_as_tensorflow_allows(written, name):
    node = scripted(written)
    node.output[0] = "x_output_0"
    assert layer_names([node], set()) == [name]


def test_names_differ_in_more_than_case():
    found = layer_names([scripted("Relu"), scripted("relu"), scripted("RELU")], {"relu_1"})
    assert found == ["Relu", "relu_2", "RELU_3"]


def test_damaged_scopes_are_no_scopes():
    node = dynamo(1, ["", "a", "relu"])
    node.metadata_props[1].value = "[" * 500
    assert layer_names([node], set()) == ["node_1"]
