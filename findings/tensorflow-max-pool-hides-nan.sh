#!/bin/sh
# TensorFlow 2.21.0, on a processor: tf.nn.max_pool2d hides NaN. A window with one NaN gives the
# largest of its other values, and a window of nothing but NaN gives the lowest float, -3.4e38, so that
# a network with broken weights ends in finite logits. tf.nn.max_pool_with_argmax, tf.reduce_max and
# tf.nn.relu hand NaN on.
# So blockscope looks for NaN before every max pooling when it reads a network, not only at the logits.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 2>/dev/null ||
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 2>/dev/null
cat >"$folder/try.py" <<'PY'
import numpy as np
import tensorflow as tf

one, all_ = np.ones((1, 2, 2, 1), "f4"), np.full((1, 2, 2, 1), np.nan, "f4")
one[0, 1, 0, 0] = np.nan
found = [float(tf.nn.max_pool2d(x, 2, 2, "VALID")[0, 0, 0, 0]) for x in (one, all_)]
other = float(tf.nn.max_pool_with_argmax(all_, 2, 2, "VALID")[0][0, 0, 0, 0])
print(f"tensorflow {tf.__version__}: one NaN of four: {found[0]}; four of four: {found[1]:.3g};", end=" ")
print(f"with argmax: {other}; reduce_max: {float(tf.reduce_max(one))}; relu: {float(tf.nn.relu(all_)[0, 0, 0, 0])}")
assert found == [1.0, float(np.finfo("f4").min)]
assert np.isnan(other) and np.isnan(float(tf.reduce_max(one)))
PY
CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" "$folder/try.py" 2>/dev/null
# Seen: tensorflow 2.21.0: one NaN of four: 1.0; four of four: -3.4e+38; with argmax: nan;
# reduce_max: nan; relu: nan
