"""Operations of networks, each as a tiny network with a point to evaluate it at."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from helpers.tiny_network import conv, inception_like, weights

SHAPE = (5, 7, 3)

OPERATIONS = {
    "Conv2D same": lambda x: conv(x, 4, (3, 2), relu=False),
    "Conv2D valid, stride 2": lambda x: conv(x, 4, (3, 3), 2, "VALID", relu=False),
    "Conv2D same, stride 2": lambda x: conv(x, 4, (3, 5), 2, relu=False),
    "Conv2D explicit": lambda x: tf.nn.conv2d(
        x, weights((3, 3, 3, 4), 3), 1, [[0, 0], [2, 0], [1, 2], [0, 0]]
    ),
    "Conv2D dilated": lambda x: tf.nn.conv2d(x, weights((3, 3, 3, 4), 3), 1, "SAME", dilations=2),
    "DepthwiseConv2dNative": lambda x: tf.nn.depthwise_conv2d(
        x, weights((3, 3, 3, 2), 3), [1, 1, 1, 1], "SAME"
    ),
    "DepthwiseConv2dNative stride 2": lambda x: tf.nn.depthwise_conv2d(
        x, weights((3, 3, 3, 2), 3), [1, 2, 2, 1], "SAME"
    ),
    "MaxPool same": lambda x: tf.nn.max_pool2d(x, 3, 2, "SAME"),
    "MaxPool valid": lambda x: tf.nn.max_pool2d(x, 2, 2, "VALID"),
    "MaxPool stride 1": lambda x: tf.nn.max_pool2d(x, 3, 1, "SAME"),
    "MaxPool padded": lambda x: tf.nn.max_pool2d(
        tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=-3.4e38), 3, 2, "VALID"
    ),
    "AvgPool same": lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME"),
    "AvgPool valid": lambda x: tf.nn.avg_pool2d(x, (2, 3), 1, "VALID"),
    "LRN": lambda x: tf.nn.lrn(x, 1, 2.0, 0.3, 0.5),
    "MatrixBandPart": lambda x: tf.linalg.band_part(x, 1, 0),
    "MatrixDiagV3": lambda x: tf.linalg.diag(x)[..., 0],
    "MatrixDiagPartV3": tf.linalg.diag_part,
    "ScatterNd": lambda x: tf.transpose(
        tf.scatter_nd([[2], [0], [5]], tf.transpose(x, [3, 0, 1, 2]), [6, 1, *x.shape[1:3]]),
        [1, 2, 3, 0],
    ),
    "ExtractImagePatches": lambda x: tf.image.extract_patches(
        x, [1, 2, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME"
    ),
    "Cumprod": lambda x: tf.math.cumprod(x, 3),
    "Sinh": tf.sinh,
    "Asinh": tf.asinh,
    "Atan2": lambda x: tf.atan2(x, x * x + 1),
    "Xlogy": lambda x: tf.math.xlogy(x, x * x + 1),
    "Erfinv": lambda x: tf.math.erfinv(tf.tanh(x) / 2),
    "Relu": tf.nn.relu,
    "Relu6": lambda x: tf.nn.relu6(4 * x + 3),
    "LeakyRelu": tf.nn.leaky_relu,
    "Elu": tf.nn.elu,
    "Selu": tf.nn.selu,
    "Sigmoid": tf.sigmoid,
    "Tanh": tf.tanh,
    "Softplus": tf.math.softplus,
    "Exp": tf.exp,
    "Square": tf.square,
    "Erf": tf.math.erf,
    "Neg": tf.negative,
    "swish": lambda x: x * tf.sigmoid(x),
    "Mul by channel": lambda x: x * weights((3,), 5),
    "Mul of two branches": lambda x: conv(x, 2, seed=8) * conv(x, 2, seed=9),
    "squeeze and excite": lambda x: x * tf.sigmoid(tf.reduce_mean(x, [1, 2], keepdims=True)),
    "RealDiv": lambda x: x / (2 + tf.square(conv(x, 3, seed=4))),
    "Maximum": lambda x: tf.maximum(x, conv(x, 3, seed=4)),
    "Minimum": lambda x: tf.minimum(x, weights((3,), 5)),
    "SquaredDifference": lambda x: tf.math.squared_difference(x, weights((3,), 5)),
    "Add": lambda x: x + conv(x, 3, seed=4),
    "Add broadcast": lambda x: x + tf.reduce_mean(x, [1, 2], keepdims=True),
    "AddN": lambda x: tf.add_n([x, conv(x, 3, seed=4), x]),
    "Sub": lambda x: conv(x, 3, seed=4) - x,
    "Concat": lambda x: tf.concat([x, conv(x, 2, seed=4), tf.ones_like(x)], 3),
    "Concat of rows": lambda x: tf.concat([x, x * x], 1),
    "Pad": lambda x: conv(tf.pad(x, [[0, 0], [2, 1], [0, 3], [0, 0]]), 2, padding="VALID"),
    "PadV2": lambda x: tf.pad(x, [[0, 0], [2, 1], [0, 3], [0, 0]], constant_values=7.0),
    "MirrorPad": lambda x: tf.pad(x, [[0, 0], [2, 1], [0, 3], [0, 0]], "REFLECT"),
    "Mean": lambda x: tf.reduce_mean(x, [1, 2]),
    "Mean kept": lambda x: tf.reduce_mean(x, [1, 2], keepdims=True),
    "Mean of channels": lambda x: tf.reduce_mean(x, 3),
    "Sum": lambda x: tf.reduce_sum(x, [1, 2]),
    "Reshape and MatMul": lambda x: tf.reshape(x, [-1, 105]) @ weights((105, 4), 2),
    "MatMul transposed": lambda x: tf.matmul(
        tf.reduce_mean(x, [1, 2]), weights((4, 3), 2), transpose_b=True
    ),
    "Squeeze": lambda x: tf.squeeze(tf.reduce_mean(x, [1, 2], keepdims=True), [1, 2]),
    "ExpandDims": lambda x: tf.expand_dims(tf.reduce_mean(x, [1, 2]), 1),
    "Softmax": lambda x: tf.nn.softmax(tf.reduce_mean(x, [1, 2])),
    "LogSoftmax": lambda x: tf.nn.log_softmax(tf.reduce_mean(x, [1, 2])),
    "ResizeNearestNeighbor": lambda x: tf.raw_ops.ResizeNearestNeighbor(images=x, size=[10, 9]),
    "SpaceToDepth": lambda x: tf.nn.space_to_depth(x[:, :4, :6], 2),
    "DepthToSpace": lambda x: tf.nn.depth_to_space(tf.concat([x, x * x, x, x], 3), 2),
    "Split, second part": lambda x: tf.split(x, 3, 3)[1] * 2 + tf.split(x, 3, 3)[2],
    "Transpose": lambda x: tf.transpose(x, [0, 2, 1, 3]),
    "StridedSlice": lambda x: x[:, 1:4, ::2],
    "Max over channels": lambda x: tf.reduce_max(x, 3),
    "Conv2D 1x1, stride 2": lambda x: conv(x, 4, (1, 1), 2, "VALID", relu=False),
    "Conv2D 2x2, stride 3": lambda x: conv(x, 4, (2, 2), 3, "VALID", relu=False),
    "Conv2D grouped": lambda x: tf.nn.conv2d(conv(x, 4), weights((3, 3, 2, 6), 3), 1, "SAME"),
    "Conv2D grouped, stride 2": lambda x: tf.nn.conv2d(
        conv(x, 4), weights((3, 3, 2, 6), 3), 2, "SAME"
    ),
    "Conv2D by weights from the image": lambda x: tf.nn.conv2d(
        x, tf.reshape(tf.reduce_mean(x, [1, 2]), [1, 1, 3, 1]) * weights((2, 3, 3, 4), 3), 1, "SAME"
    ),
    "MaxPool 1, stride 2": lambda x: tf.nn.max_pool2d(x, 1, 2, "VALID"),
    "Conv2DBackpropInput": lambda x: tf.nn.conv2d_transpose(
        x, weights((3, 2, 4, 3), 3), [1, 10, 14, 4], 2, "SAME"
    ),
    "Conv2DBackpropInput valid": lambda x: tf.nn.conv2d_transpose(
        x, weights((3, 2, 4, 3), 3), [1, 11, 8, 4], (2, 1), "VALID"
    ),
    "SpaceToBatchND and back": lambda x: tf.batch_to_space(
        tf.nn.relu(conv(tf.space_to_batch(x, [2, 2], [[1, 0], [0, 1]]), 4, padding="VALID")),
        [2, 2], [[0, 0], [1, 0]],
    ),
    "dense on a map": lambda x: tf.reshape(
        tf.nn.relu(tf.reshape(x, [-1, 3]) @ weights((3, 4), 2)), [-1, 5, 7, 4]
    ),
    "attention": lambda x: attention(tf.reshape(x, [-1, 35, 3])),
    "attention with tokens first": lambda x: tf.transpose(
        tf.tanh(tf.transpose(tf.reshape(x, [1, 35, 3]), [1, 0, 2])), [1, 2, 0]
    ),
    "mean over tokens that come first": lambda x: tf.reduce_mean(
        tf.square(tf.transpose(tf.reshape(x, [1, 35, 3]), [1, 0, 2])), 0
    ),
    "BatchMatMul transposed": lambda x: tf.linalg.matmul(
        conv(x, 4), conv(x, 4, seed=4), transpose_a=True
    ),
    "Einsum": lambda x: tf.einsum("bijc,cd->bijd", x, weights((3, 4), 2)),
    "Einsum of two": lambda x: tf.einsum("bijc,bikc->bcjk", x, conv(x, 3, seed=4)),
    "Einsum that loses the images": lambda x: tf.einsum("bijc,bijd->cd", x, conv(x, 2, seed=4))[
        None
    ],
    "layer norm": lambda x: (x - tf.reduce_mean(x, 3, keepdims=True))
    * tf.math.rsqrt(tf.math.reduce_variance(x, 3, keepdims=True) + 1e-3),
    "unit length, with a pole": lambda x: x[:, :2]
    * tf.minimum(tf.math.rsqrt(tf.reduce_sum(tf.nn.relu(x[:, :2] - 9.0), 3, keepdims=True)), 1e3),
    "Roll": lambda x: tf.roll(x, [2, 1], [1, 2]),
    "Gather": lambda x: tf.gather(x, [2, 0, 0, 1], axis=3),
    "Gather of an image": lambda x: tf.reshape(tf.gather(x * x, [0, 0], axis=0), [1, 210]),
    "Tile": lambda x: tf.tile(x, [1, 2, 1, 3]),
    "BroadcastTo": lambda x: tf.broadcast_to(tf.reduce_mean(x, 1, keepdims=True), [1, 4, 7, 3]),
    "Cumsum": lambda x: tf.cumsum(x, 2),
    "Reverse": lambda x: tf.reverse(x, [1, 3]),
    "Slice": lambda x: tf.slice(x, [0, 1, 0, 0], [-1, 3, -1, 2]),
    "Slice of one image": lambda x: tf.slice(x, [0, 1, 0, 0], [1, 3, 7, 2]),
    "Pack": lambda x: tf.stack([x, 2 * x], 1),
    "Concat of images": lambda x: tf.reduce_sum(tf.concat([x, x * x], 0), 0, keepdims=True),
    "Add with fewer axes": lambda x: x + tf.reduce_mean(x, [1, 2]),
    "Mul with a number": lambda x: x * tf.reduce_mean(x),
    "ClipByValue": lambda x: tf.raw_ops.ClipByValue(
        t=x, clip_value_min=tf.constant(-0.3, x.dtype), clip_value_max=tf.constant(0.7, x.dtype)
    ),
    "Select": lambda x: tf.where(x > 0, x * x, 3 * x),
    "everything": inception_like,
}  # fmt: skip


def attention(x):
    """Two heads of three tokens' channels, (image, token, channel)."""
    query, key, value = (
        tf.transpose(tf.reshape(x @ weights((3, 8), seed), [-1, 35, 2, 4]), [0, 2, 1, 3])
        for seed in (1, 2, 3)
    )
    found = tf.nn.softmax(tf.matmul(query, key, transpose_b=True)) @ value
    return x + tf.reshape(tf.transpose(found, [0, 2, 1, 3]), [-1, 35, 8]) @ weights((8, 3), 4)


SINGLE = {"LRN", "everything"}  # TensorFlow has no LRN in double precision


def point(shape=None, name=""):
    shape = shape or ((41, 33, 2) if name == "everything" else SHAPE)
    dtype = np.float32 if name in SINGLE else np.float64
    return np.random.default_rng(20180306).normal(0.3, 1, shape).astype(dtype)


def assert_close(actual, desired, single=1e-5, double=1e-9):
    """Compare relative to the largest value, by the precision of what is compared."""
    share = single if np.asarray(actual).dtype == np.float32 else double
    np.testing.assert_allclose(actual, desired, rtol=0, atol=share * np.abs(desired).max() + 1e-30)
