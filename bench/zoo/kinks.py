"""How much of a difference in ResNet50's attribution are kinks: `python -m bench.zoo.kinks`.

Where the input of a ReLU is within rounding of zero, single and double precision may differ in its
sign, and with it in whether its gradient passes. The attribution of some labels is computed in
single precision by us, by Keras, and by Keras inside a `tf.function`; by Keras in double precision;
and so with the signs of single precision in place of its own. If kinks are all that differs, ours
is the last one's up to rounding.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from bench.zoo.keras_original import KerasOriginal, held
from bench.zoo.original import LABELS, Array, attribution, difference
from bench.zoo.speed import all_labels, one_pass
from bench.zoo.trial import Trial, read

Signs = Mapping[str, Array]


def main() -> None:
    """Print what differs from what."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layer", default="conv4_block1_3_conv")
    parser.add_argument("--size", type=int, default=224, help="of the image")
    parser.add_argument("--image", type=int, default=0, help="number of the image of noise")
    parser.add_argument("--labels", type=int, default=3, help="that are compared, the first ones")
    options = parser.parse_args()
    layer, labels = options.layer, range(options.labels)
    with tempfile.TemporaryDirectory(prefix="blockscope-zoo-") as name:
        original = KerasOriginal.application("ResNet50", options.size, Path(name), LABELS)
        network, card = read(original, Path(name))
        trial = Trial(original, network, card, options.image)
    fed = original.fed(options.image)
    compiled = tf.function(one_pass, autograph=False)
    single, inputs = attributed(original.model, fed, layer, len(labels))
    fused = np.stack([compiled(original, fed, layer, tf.constant(i)) for i in labels])
    ours = all_labels(network, trial.given, trial.layers[layer], LABELS)[0][: len(labels)]
    double_model = in_double_precision(original.model)
    fed = tf.cast(fed, tf.float64)
    double, exact = attributed(double_model, fed, layer, len(labels))
    with signs_of(double_model, inputs):
        same_signs, _ = attributed(double_model, fed, layer, len(labels))
    print(f"ResNet50, {options.size} px, {options.labels} labels at {layer}; difference of")
    print(f"  ours from Keras {difference(ours, single):.0e}")
    print(f"  Keras compiled from Keras {difference(fused, single):.0e}")
    print(f"  ours from double precision {difference(ours, double):.0e}")
    print(f"  Keras from double precision {difference(single, double):.0e}")
    print(f"  ours from double precision with these signs {difference(ours, same_signs):.0e}")
    other = {relu: (inputs[relu] > 0) != (exact[relu] > 0) for relu in inputs}
    largest = max(np.abs(exact[relu][at]).max(initial=0) for relu, at in other.items())
    count, units = (sum(f(at) for at in other.values()) for f in (np.sum, np.size))
    print(f"signs that differ: {count} of {units} inputs of later ReLUs, the largest {largest:.0e}")


def attributed(model: Any, fed: tf.Tensor, layer: str, labels: int) -> tuple[Array, Signs]:
    """Return the attribution of the first labels, and the inputs of the ReLUs after the layer."""
    relus = relus_after(model, layer)
    tape = tf.GradientTape(persistent=True, watch_accessed_variables=False)
    with tape, held(model, list({layer, *relus.values()}), tape) as values:
        each = tf.unstack(model(fed, training=False)[0, :labels])
    gradients = np.stack([tape.gradient(one, values[layer])[0].numpy() for one in each])
    inputs = {relu: values[name].numpy() for relu, name in relus.items()}
    return attribution(gradients, values[layer].numpy()[0]), inputs


def relus_after(model: Any, layer: str) -> dict[str, str]:
    """Return the layers after one that are ReLUs, each with the layer that it reads."""
    made_by = {one.output.name: one.name for one in model.layers}
    after = model.layers[model.layers.index(model.get_layer(layer)) + 1 :]
    relus = [one for one in after if isinstance(one, keras.layers.Activation)]
    return {relu.name: made_by[relu.input.name] for relu in relus}


def in_double_precision(model: Any) -> Any:
    """Return ResNet50 up to its logits, with the same weights."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    double = keras.applications.ResNet50(
        weights=None, input_shape=model.input_shape[1:], classes=LABELS
    )
    double.set_weights([weight.astype(np.float64) for weight in model.get_weights()])
    double.layers[-1].activation = keras.activations.linear
    return double


@contextmanager
def signs_of(model: Any, inputs: Signs) -> Iterator[None]:
    """Let ReLUs pass what is positive in ``inputs``, instead of what is positive."""
    changed = [(layer, layer.call) for layer in model.layers if layer.name in inputs]
    for layer, _ in changed:
        mask = tf.constant(inputs[layer.name] > 0)
        layer.call = lambda x, _mask=mask: x * tf.cast(_mask, x.dtype)
    try:
        yield
    finally:
        for layer, call in changed:
            layer.call = call


if __name__ == "__main__":
    main()
