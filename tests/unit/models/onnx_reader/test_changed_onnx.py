"""ONNX files that were changed anywhere are read, or refused in words: never a traceback."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from helpers.onnx_models import SHAPE, array, ints, model, node, save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.read import read_onnx

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "50"))
CONTENT = model(
    node("Conv", ["x", array(2, 3, 2, 2), array(2)], "c", pads=[0, 1, 1, 0], strides=[2, 1]),
    node("MaxPool", ["c"], "p", kernel_shape=[2, 2], ceil_mode=1),
    node("Shape", ["p"], "s"), node("Gather", ["s", ints(0)], "n"),
    node("Concat", ["n", ints(-1)], "t", axis=0), node("Reshape", ["p", "t"], "f"),
    node("Softmax", ["f"], axis=1),
).SerializeToString()  # fmt: skip
CHANGE = st.tuples(
    st.integers(0, len(CONTENT) - 1), st.integers(0, 9), st.binary(min_size=1, max_size=3)
)


@settings(
    max_examples=EXAMPLES,
    deadline=timedelta(seconds=20),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(CHANGE, min_size=1, max_size=3))
def test_a_changed_file(tmp_path, changes):
    content = CONTENT
    for at, length, piece in changes:
        content = content[:at] + piece + content[at + length :]
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    words = str(path)
    try:
        read_onnx(path, SHAPE[2:])
    except BadFile as error:
        words = str(error)
    assert str(path) in words
    assert "Traceback" not in words


def test_an_output_that_nothing_computes(tmp_path):
    made = model(node("Relu", ["x"]))
    made.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    with pytest.raises(BadFile, match="output 'z' is not computed by any node"):
        read_onnx(save(tmp_path, made), SHAPE[2:])
