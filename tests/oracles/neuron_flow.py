"""Flow between parts of layers, in a session of TensorFlow 1 and from the definition.

What parts of an activation are is written as loops, and every Jacobian comes from ``tf.gradients``
of the imported graph, one output at a time: nothing of the package is used.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import tensorflow as tf


def parts(value, spatial, channels):
    """Return the parts of activations (row, col, channel), groups and then the rest, in loops."""
    count = len(channels)
    found = np.zeros((count + 1, *value.shape))
    for place in np.ndindex(value.shape):
        row, col, channel = place
        own = [spatial[row, col, group] * channels[group, channel] for group in range(count)]
        scale = value[place] / max(value[place], sum(own)) if value[place] > 0 else 0
        for group in range(count):
            found[(group, *place)] = own[group] * scale
        found[(count, *place)] = value[place] - sum(own) * scale
    return found


def jacobian(definition, image, layer, target):
    """Return target and layer at an image, and d target / d layer, (target entries, layer)."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(definition, name="")
        x, y = (graph.get_tensor_by_name(f"{name}:0") for name in (layer, target))
        flat = tf.reshape(y, [-1])
        feeds = {"input:0": image}
        reached, value = session.run([y, x], feeds)
        rows = [tf.gradients(flat[i], x)[0] for i in range(reached.size)]
        found = np.stack([row.ravel() for row in session.run(rows, feeds)])
    return reached[0], value[0], found


def flow(definition, image, layers, groups, logits="output"):
    """Return the flow of each step, (source, target, label), and the contribution of the last."""
    found, split = [], {}
    to_logits = {name: jacobian(definition, image, name, logits) for name in layers}
    for name, (spatial, channels) in zip(layers, groups, strict=True):
        split[name] = parts(to_logits[name][1], spatial, channels)
    for earlier, later in pairwise(layers):
        reached, _, between = jacobian(definition, image, earlier, later)
        _, _, slopes = to_logits[later]
        steps = np.zeros((len(split[earlier]) + 1, len(split[later]), len(slopes)))
        pushed = [between @ part.ravel() for part in split[earlier]]
        pushed.append(reached.ravel() - sum(pushed))
        for p, spread in enumerate(pushed):
            for q, part in enumerate(split[later]):
                for label, slope in enumerate(slopes):
                    for i, (value, own) in enumerate(zip(reached.flat, part.flat, strict=True)):
                        # where there is nothing to divide, the last part has it
                        share = own / value if value != 0 else float(q == len(split[later]) - 1)
                        steps[p, q, label] += slope[i] * share * spread[i]
        found.append(steps)
    values, _, slopes = to_logits[layers[-1]]
    last = np.stack([slopes @ part.ravel() for part in split[layers[-1]]])
    return found, np.concatenate([last, (values - last.sum(0))[None]])
