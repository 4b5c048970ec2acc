#!/bin/sh
# TensorFlow 2.21.0 with Keras 3.15.1: tf.saved_model.save of a Keras model writes each variable twice. The
# operation that restores the file assigns to copies (Variable, Variable_1, ...), while the signature reads
# the originals, so that a session that loads the folder has variables without values. tf.saved_model.load
# goes by the graph of objects and computes rightly; model.export writes a folder that both load.
# So blockscope looks for the values of variables that are not restored in the graph of objects.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 2>/dev/null ||
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1 2>/dev/null
cat >"$folder/try.py" <<'PY'
import sys

import keras
import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
x = np.ones((1, 3), "f4")
expected = model(x).numpy()
tf.saved_model.save(model, f"{sys.argv[1]}/saved")
model.export(f"{sys.argv[1]}/exported", verbose=False)
found = {}
for name in ("saved", "exported"):
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, ["serve"], f"{sys.argv[1]}/{name}").signature_def["serving_default"]
        (given,), (wanted,) = signature.inputs.values(), signature.outputs.values()
        try:
            value = session.run(wanted.name, {given.name: x})
            found[name] = f"right: {np.allclose(value, expected)}"
        except tf.errors.OpError as error:
            found[name] = type(error).__name__
objects = tf.saved_model.load(f"{sys.argv[1]}/saved").signatures["serving_default"]
(value,) = objects(tf.constant(x)).values()
print(f"tensorflow {tf.__version__}, keras {keras.__version__}, in a session: {found};", end=" ")
print(f"by objects, right: {np.allclose(value, expected)}")
assert found["saved"] != "right: True" and found["exported"] == "right: True"
assert np.allclose(value, expected)
PY
CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" "$folder/try.py" "$folder" 2>/dev/null
# Seen: tensorflow 2.21.0, keras 3.15.1, in a session: {'saved': 'FailedPreconditionError',
# 'exported': 'right: True'}; by objects, right: True
