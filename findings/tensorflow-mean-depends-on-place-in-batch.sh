#!/bin/sh
# TensorFlow 2.21.0, on a processor: tf.reduce_mean over rows and columns (global average pooling, the end
# of most image networks) gives an image other bits at another place of the same batch. The batch has the
# same size and the same images, only in another order, and one run after the other gives the same bits: it
# is not the number of threads, and not the choice of a product for another batch size. It shows where an
# image's numbers do not fill whole vectors of the processor (7 x 7 x 100 floats: images at odd places begin
# in the middle of one); with 7 x 7 x 128 the order changes nothing. tf.nn.avg_pool2d over the same
# window, and a convolution, do not depend on the place.
# So "the same batch size" is not enough for the same bits: in blockscope's sweep over a data set every image
# has a fixed place in a fixed batch, however the images are divided among jobs.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 2>/dev/null ||
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 2>/dev/null
cat >"$folder/try.py" <<'PY'
import numpy as np
import tensorflow as tf


def changed(compute, x, by):
    """Tell whether the same images in another order have other results."""
    before, after = compute(x).numpy(), compute(np.roll(x, by, 0)).numpy()
    assert (compute(x).numpy() == before).all()  # the same again
    return bool((np.roll(after, -by, 0) != before).any())


rng = np.random.default_rng(0)
odd, even = (rng.normal(size=(16, 7, 7, depth)).astype("f4") for depth in (100, 128))
kernel = rng.normal(size=(3, 3, 100, 60)).astype("f4")
found = {
    "reduce_mean, moved by 1": changed(lambda a: tf.reduce_mean(a, [1, 2]), odd, 1),
    "moved by 4": changed(lambda a: tf.reduce_mean(a, [1, 2]), odd, 4),
    "128 channels": changed(lambda a: tf.reduce_mean(a, [1, 2]), even, 1),
    "avg_pool2d": changed(lambda a: tf.nn.avg_pool2d(a, 7, 1, "VALID"), odd, 1),
    "conv2d": changed(lambda a: tf.nn.conv2d(a, kernel, 1, "SAME"), odd, 1),
}
print(f"tensorflow {tf.__version__}: other bits at another place:", found)
assert list(found.values()) == [True, False, False, False, False]
PY
CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" "$folder/try.py" 2>/dev/null
# Seen: tensorflow 2.21.0: other bits at another place: {'reduce_mean, moved by 1': True, 'moved by 4': False,
# '128 channels': False, 'avg_pool2d': False, 'conv2d': False}
