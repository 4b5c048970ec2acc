"""The zoo compares an ONNX file with what its framework left beside it: here TensorFlow."""

import numpy as np
import onnx
import pytest
import tensorflow as tf
from helpers.onnx_models import array, model, node

from bench.zoo.__main__ import QUANTITIES, is_failure, row
from bench.zoo.exported_original import ExportedOriginal
from bench.zoo.one_network import try_network
from bench.zoo.original import IMAGES, noise

SIZE, LABELS = 32, 4
FIRST, SECOND, HEAD = array(5, 3, 3, 3), array(7, 5, 3, 3, seed=1), array(LABELS, 7, seed=2)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network():
    """Return the network as ONNX, with channels first."""
    around = {"pads": [1, 1, 1, 1]}
    return model(
        node("Conv", ["x", FIRST], "first", strides=[2, 2], **around),
        node("Softplus", ["first"], "soft"),
        node("Conv", ["soft", SECOND], "second", **around),
        node("Softplus", ["second"], "late"),
        node("GlobalAveragePool", ["late"], "pooled"),
        node("Flatten", ["pooled"], "flat"),
        node("Gemm", ["flat", HEAD], "y", transB=1),
        shape=(1, 3, SIZE, SIZE),
    )


def computed(image, tape):
    """Return the logits and layers of the same network by TensorFlow, channels last."""
    x = tf.constant(((image / 255 - MEAN) / STD).astype(np.float32)[None])
    around = [[0, 0], [1, 1], [1, 1], [0, 0]]
    first = tf.nn.conv2d(x, FIRST.transpose(2, 3, 1, 0), 2, around)
    tape.watch(first)
    soft = tf.nn.softplus(first)
    late = tf.nn.softplus(tf.nn.conv2d(soft, SECOND.transpose(2, 3, 1, 0), 1, around))
    return tf.reduce_mean(late, [1, 2]) @ HEAD.T, {"first": first, "soft": soft, "late": late}


def exported(folder, factor=1.0):
    """Write the file, and beside it gradients that are ``factor`` times the right ones."""
    said = {"preprocessing": np.array("torchvision/imagenet")}
    for number in range(IMAGES):
        image = noise(number, SIZE)
        with tf.GradientTape(persistent=True) as tape:
            logits, layers = computed(image, tape)
            each = tf.unstack(logits[0])
            length = tf.norm(layers["late"][0, SIZE // 4, SIZE // 4])
        said |= {f"{number}:image": image, f"{number}:logits": logits[0].numpy()}
        for name, value in layers.items():
            slopes = np.concatenate([tape.gradient(one, value) for one in each])
            said[f"{number}:value:{name}"] = value[0].numpy()
            said[f"{number}:gradients:{name}"] = factor * slopes
            said[f"{number}:own:{name}"] = np.array(1e-7)
            if name != "late":
                said[f"{number}:length late:{name}"] = tape.gradient(length, value)[0].numpy()
            said[f"seconds:{name}"] = np.array(0.1)
    onnx.save(network(), folder / "tiny.onnx")
    np.savez(folder / "tiny.npz", allow_pickle=False, **said)
    return ExportedOriginal(folder / "tiny.onnx")


def test_a_right_network_is_right_in_every_quantity(tmp_path):
    found = try_network(exported(tmp_path), tmp_path)
    assert not is_failure(found)
    assert set(found["errors"]) == set(QUANTITIES)
    assert found["known"] == [3, 3]
    assert found["ratio"] > 0
    assert "compiled" not in found


def test_a_wrong_gradient_is_told(tmp_path):
    found = try_network(exported(tmp_path, factor=1.01), tmp_path)
    assert "WRONG" in row("tiny", found)
    assert found["errors"]["reverse"] == pytest.approx(1e-2, rel=0.1)
