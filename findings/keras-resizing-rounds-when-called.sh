#!/bin/sh
# Keras 3.15.1 on TensorFlow 2.21.0: a model that begins with Resizing and takes images as whole numbers gives other
# results called directly than by predict. The symbolic output of the layer is float32, and so it is in predict and in
# a tf.function: fractions are kept. Called directly, on a tensor or an array, the layer returns uint8, rounded: up to
# half a level apart, in every mode but "nearest". Images given as floats agree.
# Whoever checks a served or exported model against model(x) compares two preprocessings.
# blockscope reads the graph, which is that of predict (docs/networks.md).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 2>/dev/null ||
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1 2>/dev/null
cat >"$folder/try.py" <<'PY'
import keras
import numpy as np
import tensorflow as tf

image = np.random.default_rng(0).integers(0, 256, (1, 9, 11, 3), dtype=np.uint8)
print(f"keras {keras.__version__}, tensorflow {tf.__version__}; largest difference from predict, in levels:")
for mode in ("nearest", "bilinear", "bicubic", "area"):
    given = keras.Input((9, 11, 3), dtype="uint8")
    model = keras.Model(given, keras.layers.Resizing(6, 7, interpolation=mode)(given))
    called = model(tf.constant(image))
    predicted = model.predict(image, verbose=0)
    traced = tf.function(model)(tf.constant(image)).numpy()
    apart = float(np.abs(np.asarray(called).astype(float) - predicted).max())
    print(f"  {mode}: output {model.output.dtype}, called {called.dtype.name}, predict {predicted.dtype}: {apart:.2f}")
    assert (model.output.dtype, called.dtype.name, str(predicted.dtype)) == ("float32", "uint8", "float32")
    assert np.array_equal(traced, predicted)
    assert apart == 0 if mode == "nearest" else 0.4 < apart <= 0.5
    given = keras.Input((9, 11, 3))
    floats = keras.Model(given, keras.layers.Resizing(6, 7, interpolation=mode)(given))
    values = image.astype("float32")
    assert np.allclose(floats(values), floats.predict(values, verbose=0), atol=1e-3)
PY
KERAS_BACKEND=tensorflow CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" "$folder/try.py" 2>/dev/null
# Seen: keras 3.15.1, tensorflow 2.21.0; largest difference from predict, in levels:
#   nearest: output float32, called uint8, predict float32: 0.00
#   bilinear: output float32, called uint8, predict float32: 0.50
#   bicubic: output float32, called uint8, predict float32: 0.49
#   area: output float32, called uint8, predict float32: 0.48
