#!/bin/sh
# TensorFlow 2.21.0, on a processor: tf.nn.conv2d convolves groups of channels in every type, but its
# gradient exists in float32 only, and only where oneDNN's kernels are switched on. TensorFlow switches
# them on by itself on processors with the newer instructions, so that the same training step or saliency
# map works on one machine and raises on another, and float64 raises on all. Compiled by XLA it works.
# So blockscope convolves backwards by itself (autodiff/convolution.py: convolve_groups).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 2>/dev/null ||
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 2>/dev/null
cat >"$folder/try.py" <<'PY'
import numpy as np
import tensorflow as tf

random = np.random.default_rng(0)


def gradient(compute, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = compute(x)
    return tape.gradient(y, x)


def outcome(kind, compiled=False):
    x, w = (tf.constant(random.normal(size=s), kind) for s in ((1, 8, 8, 4), (3, 3, 2, 6)))
    split = lambda v: tf.concat([tf.nn.conv2d(a, b, 1, "SAME") for a, b in zip(tf.split(v, 2, 3), tf.split(w, 2, 3))], 3)
    whole = lambda v: tf.nn.conv2d(v, w, 1, "SAME")
    assert float(tf.reduce_max(tf.abs(whole(x) - split(x)))) < 1e-5
    try:
        found = tf.function(gradient, jit_compile=True)(whole, x) if compiled else gradient(whole, x)
    except tf.errors.InvalidArgumentError:
        return "raises"
    return "right" if float(tf.reduce_max(tf.abs(found - gradient(split, x)))) < 1e-4 else "wrong"


print("float32", outcome("float32"), "float64", outcome("float64"), "XLA", outcome("float32", True))
PY
for on in 1 0; do
    found=$(CUDA_VISIBLE_DEVICES=-1 TF_ENABLE_ONEDNN_OPTS=$on "$folder/venv/bin/python" "$folder/try.py" 2>/dev/null)
    echo "tensorflow 2.21.0, oneDNN $on: $found"
    case "$on $found" in
        "1 float32 right float64 raises XLA right" | "0 float32 raises float64 raises XLA right") ;;
        *) exit 1 ;;
    esac
done
# Seen: oneDNN 1: float32 right float64 raises XLA right
#       oneDNN 0: float32 raises float64 raises XLA right
