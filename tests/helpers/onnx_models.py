"""Small ONNX models: what TensorFlow makes of them, and what onnxruntime says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

from blockscope.models.card import InputSpec
from blockscope.models.network import Network
from blockscope.models.onnx_reader.read import Converted, read_onnx

SHAPE = (1, 3, 5, 7)  # one image, channels first, no two sizes equal


def array(*shape, seed=0, low=-1.0, high=1.0):
    """Return random weights."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def ints(*values):
    """Return whole numbers as ONNX wants them."""
    return np.array(values, np.int64)


def node(op, inputs, output="y", **attributes):
    """Return a node whose inputs are tensors' names and constants.

    A constant becomes ``{output}_1`` and so on, by its place; ``constants`` of ``model`` finds it.
    """
    names, held = [], {}
    for place, value in enumerate(inputs):
        if value is None or isinstance(value, str):
            names.append(value or "")
        else:
            names.append(f"{output}_{place}")
            held[names[-1]] = np.asarray(value)
    outputs = [output] if isinstance(output, str) else output
    made = helper.make_node(op, names, outputs, name=attributes.pop("name", ""), **attributes)
    return made, held


def model(
    *nodes, opset=20, shape=SHAPE, kind=TensorProto.FLOAT, outputs=("y",), initial=None, kinds=None
):
    """Return a model from ``x`` to ``outputs`` of nodes that ``node`` made."""
    held = {name: value for _, constants in nodes for name, value in constants.items()}
    held |= initial or {}
    graph = helper.make_graph(
        [made for made, _ in nodes],
        "g",
        [helper.make_tensor_value_info("x", kind, shape)],
        [
            helper.make_tensor_value_info(name, (kinds or {}).get(name, TensorProto.FLOAT), None)
            for name in outputs
        ],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def save(folder, made) -> Path:
    """Write a model into a folder."""
    path = Path(folder) / "net.onnx"
    onnx.save(made, path)
    return path


def spread_image(shape=SHAPE, seed=0):
    """Return an image whose values lie apart from each other, from zero and from whole numbers.

    A step of ``STEP`` then crosses no kink and changes no maximum.
    """
    entries = int(np.prod(shape))
    values = np.linspace(-1.9, 2.1, entries) + 0.0113
    return np.random.default_rng(seed).permutation(values).reshape(shape).astype(np.float32)


STEP = 4e-3


@dataclass
class Both:
    """A model as TensorFlow has it, and in onnxruntime."""

    read: Converted
    network: Network
    session: onnxruntime.InferenceSession

    @classmethod
    def of(cls, folder, made, size=SHAPE[2:]):
        """Read a model both ways."""
        path = save(folder, made)
        read = read_onnx(path, size)
        network = Network(
            read.definition, InputSpec(tensor=read.input, size=size, range=(0, 1)), ""
        )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return cls(read, network, session)

    def tensorflow(self, images):
        """Return the first output for images (image, channel, row, col)."""
        (output, *_) = self.read.outputs.values()
        moved = tf.transpose(images, [0, 2, 3, 1])
        return self.network.run({self.read.input: moved}, [output])[output]

    def onnxruntime(self, image):
        """Return the first output for one image."""
        return self.session.run(None, {"x": image})[0]

    def gradient(self, image, weights):
        """Return the gradient of the weighted sum of outputs, by TensorFlow."""
        start = tf.constant(image)
        with tf.GradientTape() as tape:
            tape.watch(start)
            total = tf.reduce_sum(tf.reshape(self.tensorflow(start), [-1]) * weights)
        return tape.gradient(total, start, unconnected_gradients="zero").numpy()

    def differences(self, image, weights):
        """Return the same by central differences of onnxruntime."""
        found = np.zeros(image.size)
        for i in range(image.size):
            sides = []
            for sign in (1, -1):
                moved = image.copy()
                moved.flat[i] += sign * STEP
                sides.append(self.onnxruntime(moved).reshape(-1).astype(np.float64) @ weights)
                sides.append(float(moved.flat[i]))
            found[i] = (sides[0] - sides[2]) / (sides[1] - sides[3])
        return found.reshape(image.shape)
