"""Reading a network from the files that people have: frozen graph, Keras file, SavedModel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from blockscope.io.errors import BadFile
from blockscope.models.allowed_operations import ALLOWED, check_ops

# What a SavedModel needs to hold and restore its variables; freezing removes all of it.
SAVED_MODEL_OPS = frozenset(
    """VarHandleOp ReadVariableOp AssignVariableOp VarIsInitializedOp PartitionedCall
    StatefulPartitionedCall RestoreV2 SaveV2 MergeV2Checkpoints ShardedFilename StringJoin
    DisableCopyOnRead StaticRegexFullMatch
    """.split()
)


@dataclass(frozen=True)
class Graph:
    """A graph as it was read, with its only input and output where the file names them."""

    definition: graph_pb2.GraphDef
    input: str | None = None
    output: str | None = None


def read_graph(path: str | Path, size: tuple[int, int]) -> Graph:
    """Read a network as a frozen graph.

    Parameters
    ----------
    path
        A frozen GraphDef (``.pb``), a Keras file (``.keras``, ``.h5``) or a SavedModel folder.
    size
        Rows and columns of the image, used where a Keras file leaves them open.

    Returns
    -------
    graph
        The graph.

    Raises
    ------
    BadFile
        The file is missing, of another kind or cannot be loaded.
    """
    source = Path(path)
    if not source.exists():
        raise BadFile(f"model file '{source}' does not exist")
    if source.is_dir():
        return _read_saved_model(source)
    if source.suffix in {".keras", ".h5", ".hdf5"}:
        return _read_keras(source, size)
    return _read_frozen(source)


def _read_frozen(source: Path) -> Graph:
    if source.name == "saved_model.pb":
        raise BadFile(
            f"'{source}' is part of a SavedModel; give its folder '{source.parent}' instead"
        )
    definition = graph_pb2.GraphDef()
    try:
        definition.ParseFromString(source.read_bytes())
    except DecodeError as error:
        raise BadFile(f"model file '{source}' is not a frozen TensorFlow graph: {error}") from error
    if not definition.node:
        raise BadFile(
            f"model file '{source}' contains no graph; valid: a frozen .pb, a .keras file, "
            "or the folder of a SavedModel"
        )
    return Graph(definition)


def _read_keras(source: Path, size: tuple[int, int]) -> Graph:
    import keras  # costs seconds, and only Keras files need it

    try:
        model = keras.models.load_model(source, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds
        raise BadFile(f"Keras file '{source}' cannot be loaded: {error}") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BadFile(
            f"Keras file '{source}' has {len(model.inputs)} inputs and {len(model.outputs)} "
            "outputs; only networks with one image in and one vector out are supported"
        )
    channels = model.inputs[0].shape[-1]
    image = tf.TensorSpec([None, *size, channels], tf.float32, name="input")

    @tf.function(input_signature=[image], autograph=False)
    def forward(batch: tf.Tensor) -> tf.Tensor:
        return model(batch, training=False)

    return _freeze(forward.get_concrete_function())


def _read_saved_model(source: Path) -> Graph:
    description = source / "saved_model.pb"
    if not description.is_file():
        raise BadFile(f"folder '{source}' is not a SavedModel: it has no file saved_model.pb")
    _check_saved_model(description)
    try:
        loaded = tf.saved_model.load(str(source))
    except Exception as error:  # TensorFlow raises many kinds
        raise BadFile(f"SavedModel '{source}' cannot be loaded: {error}") from error
    signatures = loaded.signatures
    if "serving_default" not in signatures:
        raise BadFile(
            f"SavedModel '{source}' has no signature 'serving_default'; found: {sorted(signatures)}"
        )
    return _freeze(signatures["serving_default"])


def _check_saved_model(description: Path) -> None:
    """Refuse forbidden operations before TensorFlow loads, and so runs, any part of the model."""
    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString(description.read_bytes())
    except DecodeError as error:
        raise BadFile(f"'{description}' is not a SavedModel: {error}") from error
    for meta in saved.meta_graphs:
        nodes = [
            *meta.graph_def.node,
            *(n for f in meta.graph_def.library.function for n in f.node_def),
        ]
        known = ALLOWED | SAVED_MODEL_OPS
        check_ops([(n.name, n.op) for n in nodes if n.op not in known], str(description.parent))


def _freeze(function: Any) -> Graph:
    inputs = len(function.inputs) - len(function.captured_inputs)
    if inputs != 1 or len(function.outputs) != 1:
        raise BadFile(
            f"the model has {inputs} inputs and {len(function.outputs)} outputs; "
            "only networks with one image in and one vector out are supported"
        )
    frozen = convert_variables_to_constants_v2(function)
    return Graph(frozen.graph.as_graph_def(), frozen.inputs[0].op.name, frozen.outputs[0].op.name)
