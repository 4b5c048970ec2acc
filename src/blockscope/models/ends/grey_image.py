"""A network run for a grey image: what its tensors are, and whether they are finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from blockscope.io.errors import BadFile
from blockscope.models.card import InputSpec
from blockscope.models.graph import graphs
from blockscope.models.network import Network


def place_of(spec: InputSpec) -> str:
    """Say for which images a network was tried."""
    return f"for an image of {spec.size[0]} x {spec.size[1]} pixels (models catalogue: input.size)"


def tensors_for_grey(network: Network, name: str) -> dict[str, tf.Tensor]:
    """Return the float32 tensors that are computed from the input, for a grey image.

    Raises ``BadFile`` with the node that cannot be computed; ``name`` is the model's id.
    """
    spec = network.spec
    grey = np.full((*spec.size, 3), 128, np.uint8)
    moving = graphs.downstream(network.nodes, spec.tensor) - {spec.tensor}
    wanted = [n for n in network.nodes if n in moving]
    try:
        found = network.named_run({spec.tensor: network.values(grey)}, wanted)
    except BadFile as error:
        raise BadFile(f"model '{name}', {place_of(spec)}: {error}") from error
    return {n: tensor for n, tensor in found.items() if tensor.dtype == tf.float32}


def check_finite(network: Network, name: str, tensors: Mapping[str, tf.Tensor]) -> None:
    """Refuse a network with sick weights before anything is computed from it.

    Max pooling hides a NaN (TensorFlow 2.21 on a processor: the other values' maximum, or the
    lowest float), so its inputs are checked too. Infinity inside is no fault: masks use it.
    """
    logits, nodes = network.logits, network.nodes
    wrong = {n: np.count_nonzero(~np.isfinite(t.numpy())) for n, t in tensors.items()}
    pooled = [graphs.tensor_name(n.input[0]) for n in nodes.values() if n.op.startswith("MaxPool")]
    hidden = [n for n in pooled if n in tensors and np.isnan(tensors[n].numpy()).any()]
    if hidden and not wrong[logits]:
        raise BadFile(
            f"model '{name}': for a grey image tensor '{hidden[0]}' has NaN, which the max pooling "
            "after it hides; check the weights and the input's range (models catalogue: input)"
        )
    if wrong[logits]:
        why = "check the weights and the input's range (models catalogue: input)"
        if _finite_for_noise(network):
            why = (
                "those of an image of noise are finite: where the network divides by what an image "
                "of one colour has not, such as its standard deviation, add a small number to the "
                "divisor in the network; sprites and grids of features begin with a grey image"
            )
        first = next(n.name for n in graphs.toposort(nodes, [logits]) if wrong.get(n.name))
        raise BadFile(
            f"model '{name}': for a grey image {wrong[logits]} of {tensors[logits].shape[1]} "
            f"logits are not finite; the first such values are in tensor '{first}' "
            f"({wrong[first]} of {int(tf.size(tensors[first]))}); {why}"
        )


def _finite_for_noise(network: Network) -> bool:
    """Tell whether the logits of an image of random pixels are finite."""
    noise = np.random.default_rng(0).integers(0, 256, (*network.spec.size, 3), np.uint8)
    found = network.run({network.spec.tensor: network.values(noise)}, [network.logits])
    return bool(np.isfinite(found[network.logits]).all())
