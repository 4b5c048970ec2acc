"""Gradients that a network defines by itself, and that a graph of operations does not hold.

TensorFlow notes ``tf.custom_gradient`` as the name of a function of the running program. Most
define what the operations give anyway, only cheaper (Keras' swish); straight-through estimators,
quantised weights and gradient reversal do not.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework.node_def_pb2 import NodeDef

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.rewrites.calls import inline_calls

CUSTOM = "_gradient_op_type"
SAME = 0.05  # of the gradient's length; a unit at its kink changes less, another gradient more
AT_ONCE = 50  # operations: preparing a run takes longer than the run, but memory is bounded


def custom_gradients(definition: graph_pb2.GraphDef) -> list[str]:
    """Return the nodes that have a gradient of their own, in functions too."""
    return [node.name for node in _nodes(definition) if CUSTOM in node.attr]


def with_plain_gradients(
    definition: graph_pb2.GraphDef, inputs: Sequence[str], output: str, function: Any
) -> graph_pb2.GraphDef:
    """Return a graph whose gradients are those of its operations, if that changes none.

    Where TensorFlow cannot tell, the graph is returned as it is, with gradients of its own.

    Parameters
    ----------
    definition
        The graph, frozen.
    inputs
        Its placeholders, in the order in which the function takes them.
    output
        The tensor that the function returns first.
    function
        Computes the same with the network's own gradients: a concrete function.

    Returns
    -------
    plain
        The graph without gradients of its own.

    Raises
    ------
    BadFile
        One is another gradient than that of what its operation computes.
    """
    names = custom_gradients(definition)
    if not names:
        return definition
    plain = graph_pb2.GraphDef()
    plain.CopyFrom(definition)
    for node in _nodes(plain):
        if CUSTOM in node.attr:
            del node.attr[CUSTOM]
    other = _other_gradients(function.graph)
    if other is None:
        try:
            changed = _changes_the_gradient(plain, inputs, output, function)
        except tf.errors.OpError:  # on a processor, grouped convolutions have no gradient
            return definition
        other = names if changed else []
    if other:
        raise BadFile(
            f"the gradient that the network defines for {counted(len(other), 'operation')} "
            f"('{other[0]}' is the first), as straight-through estimators, quantised layers and "
            "gradient reversal do, is not that of what they compute; valid: networks without "
            "tf.custom_gradient, or those where it changes no gradient"
        )
    return plain


def _other_gradients(graph: tf.Graph) -> list[str] | None:
    """Return the operations whose own gradient is not that of what they compute.

    Each by itself, at random numbers: through a deep network rounding may grow until its gradient
    says nothing. None where one cannot be taken by itself.
    """
    if any(
        CUSTOM in node.attr for f in graph.as_graph_def().library.function for node in f.node_def
    ):
        return None
    moving = _behind_placeholders(graph)
    own = [op for op in graph.get_operations() if CUSTOM in op.node_def.attr]
    try:
        with graph.as_default():
            pairs = [_pair(op, moving) for op in own]
        with tf.compat.v1.Session(graph=graph) as session:
            found = [
                both
                for start in range(0, len(pairs), AT_ONCE)
                for both in _run(session, pairs[start : start + AT_ONCE])
            ]
    except (tf.errors.OpError, ValueError, TypeError, LookupError):
        return None
    return [op.name for op, both in zip(own, found, strict=True) if not _same(*map(_vector, both))]


class _Pair(NamedTuple):
    """Both gradients of an operation by its arguments, and what its arguments are fed with."""

    own: list[tf.Tensor]
    plain: list[tf.Tensor]
    fed: dict[str, npt.NDArray[Any]]


def _run(session: tf.compat.v1.Session, pairs: Sequence[_Pair]) -> list[Any]:
    """Return both gradients of some operations; with fed arguments none depends on another."""
    fed = dict(ChainMap(*(pair.fed for pair in pairs)))
    found: list[Any] = session.run([(pair.own, pair.plain) for pair in pairs], fed)
    return found


def _pair(op: tf.Operation, moving: Collection[str]) -> _Pair:
    """Return the gradients of a random mix of its results by the arguments that the image moves.

    ``tf.custom_gradient`` puts an IdentityN behind a function, which takes its results and then its
    arguments; only results are read by others.
    """
    if op.type != "IdentityN":
        raise ValueError(f"'{op.name}' ({op.type}) is not what tf.custom_gradient makes")
    read = [bool(tensor.consumers()) for tensor in op.outputs]
    results = [n for n, is_read in enumerate(read) if is_read]
    taken = [tensor for tensor, is_read in zip(op.inputs, read, strict=True) if not is_read]
    asked = [x for x in taken if x.dtype.is_floating and x.op.name in moving]
    random = np.random.default_rng(0)
    fed = {tensor.name: _normal(tensor, random) for tensor in taken}
    weights = [
        tf.cast(tf.random.stateless_normal(tf.shape(op.inputs[n]), [0, n]), op.inputs[n].dtype)
        for n in results
    ]
    own, plain = (
        tf.gradients(
            [tensors[n] for n in results], asked, weights, stop_gradients=taken,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        for tensors in (op.outputs, op.inputs)
    )  # fmt: skip
    return _Pair(own, plain, fed)


def _normal(tensor: tf.Tensor, random: np.random.Generator) -> npt.NDArray[Any]:
    """Return random numbers of a tensor's shape, for two images where it has any number."""
    first, *others = tensor.shape.as_list() or [1]
    if None in others:
        raise ValueError(f"the shape of '{tensor.name}' is not known")
    shape = [2 if first is None else first, *others] if tensor.shape.rank else []
    return np.asarray(random.normal(size=shape)).astype(tensor.dtype.as_numpy_dtype)


def _behind_placeholders(graph: tf.Graph) -> set[str]:
    """Return the operations that depend on what the graph is fed with."""
    moving: set[str] = set()
    for op in graph.get_operations():  # in an order in which each is made from earlier ones
        fed = op.type == "Placeholder" and op.outputs[0].dtype != tf.resource
        if fed or any(tensor.op.name in moving for tensor in op.inputs):
            moving.add(op.name)
    return moving


def _changes_the_gradient(
    plain: graph_pb2.GraphDef, inputs: Sequence[str], output: str, function: Any
) -> bool:
    """Compare the gradient of a random mix of the outputs by the inputs."""
    inline = inline_calls(plain)  # a function that is imported has no gradient
    random = np.random.default_rng(0)
    specs = function.structured_input_signature[0]
    given = [_noise(spec, random) for spec in specs]
    own = _gradient(lambda *values: function(*values)[0], given)

    def imported(*values: tf.Tensor) -> tf.Tensor:
        fed = dict(zip((f"{name}:0" for name in inputs), values, strict=True))
        return tf.import_graph_def(inline, fed, [output], name="")[0]

    found = _gradient(tf.function(imported, autograph=False), given)
    if not np.isfinite([own, found]).all():
        raise BadFile(
            "the gradient that the network defines by itself (tf.custom_gradient) cannot be "
            "compared with that of its operations: at random numbers one of both is NaN or "
            "infinite; valid: networks without tf.custom_gradient, or those where it changes no "
            "gradient"
        )
    return not _same(own, found)


def _same(own: npt.NDArray[np.float64], plain: npt.NDArray[np.float64]) -> bool:
    """Compare two gradients; one that is not finite is the same as none."""
    return bool(np.linalg.norm(own - plain) <= SAME * np.linalg.norm(own))


def _nodes(definition: graph_pb2.GraphDef) -> Iterator[NodeDef]:
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def _noise(spec: tf.TensorSpec, random: np.random.Generator) -> tf.Tensor:
    sizes = [size or 1 for size in spec.shape]
    if spec.dtype.is_floating:
        return tf.constant(random.uniform(0, 1, sizes), spec.dtype)
    return tf.zeros(sizes, spec.dtype)


def _gradient(function: Any, given: Sequence[tf.Tensor]) -> Any:
    """Return the gradient of a random mix of the first output by the inputs, as one vector."""
    with tf.GradientTape() as tape:
        tape.watch(given)
        output = function(*given)
        weights = np.random.default_rng(1).normal(size=output.shape)
        score = tf.reduce_sum(output * tf.constant(weights, output.dtype))
    zero = tf.UnconnectedGradients.ZERO
    found = tape.gradient(score, given, unconnected_gradients=zero)
    return _vector([one.numpy() for one in found])


def _vector(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """Return all numbers of some arrays, one after the other."""
    return np.concatenate([np.empty(0), *(np.ravel(one).astype(np.float64) for one in arrays)])
