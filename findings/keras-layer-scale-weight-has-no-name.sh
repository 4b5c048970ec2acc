#!/bin/sh
# Keras 3.15.1: the weight of ConvNeXt's layer scale has no name of its own. Norms of the same network call
# their weights gamma and beta; that of LayerScale, which papers and other frameworks call gamma too, is
# `variable` with a number that counts on through the process: the second network of the same function has
# other paths of weights than the first. Whatever chooses or matches weights by name (to freeze, to decay, to
# initialise, to copy) leaves these 18 out without a word, and with their start of 1e-6 the blocks of a network
# with random weights then add almost nothing: its gradients pass by them.
# So blockscope's comparison with Keras (bench.zoo) knows the layer by its class.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 2>/dev/null ||
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1 2>/dev/null
cat >"$folder/try.py" <<'PY'
from collections import Counter

import keras
import numpy as np



def paths(model, chosen):
    """Return the ends of the paths of some layers' weights."""
    layers = [layer for layer in model.layers if chosen(layer)]
    return [weight.path.rpartition("/")[2] for layer in layers for weight in layer.weights]


def is_scale(layer):
    return type(layer).__name__ == "LayerScale"


def network():
    return keras.applications.ConvNeXtTiny(weights=None, input_shape=(32, 32, 3), classes=2)


first, second = network(), network()
scales = [paths(model, is_scale) for model in (first, second)]
norms = [paths(model, lambda one: "LayerNorm" in type(one).__name__) for model in (first, second)]
start = {float(np.array(layer.weights[0]).max()) for layer in first.layers if is_scale(layer)}
print(f"keras {keras.__version__}: layer scales {[f'{n[0]} ... {n[-1]}' for n in scales]},")
print("norms", [dict(Counter(one)) for one in norms], "scales begin with", start)
assert scales[0][:2] == ["variable", "variable_1"]
assert len(scales[0]) == 18 and not set(scales[0]) & set(scales[1])
assert norms[0] == norms[1] and set(norms[0]) == {"gamma", "beta"}
assert np.allclose(list(start), 1e-6)
PY
KERAS_BACKEND=tensorflow CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" "$folder/try.py" 2>/dev/null
# Seen: keras 3.15.1: layer scales ['variable ... variable_17', 'variable_18 ... variable_35'],
# norms [{'gamma': 19, 'beta': 19}, {'gamma': 19, 'beta': 19}] scales begin with {9.999999974752427e-07}
