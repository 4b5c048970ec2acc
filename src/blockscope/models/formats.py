"""Reading a network from the files that people have: frozen graph, Keras file, SavedModel."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from blockscope.io.errors import BadFile
from blockscope.io.hdf5_links import check_self_contained
from blockscope.io.memory import check_fits
from blockscope.models.saved_model_operations import check_saved_model

MOST_BYTES = 2**31  # of a frozen graph: more, protobuf does not read


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
    if not (source.is_file() or source.is_dir()):
        raise BadFile(f"model file '{source}' is no file or folder")  # a pipe may never end
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
    if source.stat().st_size >= MOST_BYTES:
        raise BadFile(
            f"model file '{source}' has {source.stat().st_size:,} bytes; a frozen graph has less "
            f"than {MOST_BYTES:,}"
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
        _check_weights(source)
        model = keras.models.load_model(source, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds
        raise BadFile(f"Keras file '{source}' cannot be loaded: {error}") from error
    inputs, outputs = model.inputs or [], model.outputs or []
    if len(inputs) != 1 or len(outputs) != 1:
        raise BadFile(
            f"Keras file '{source}' has {len(inputs)} inputs and {len(outputs)} "
            "outputs; only networks with one image in and one vector out are supported"
        )
    image = tf.TensorSpec([None, *size, 3], tf.float32, name="input")

    @tf.function(input_signature=[image], autograph=False)
    def forward(batch: tf.Tensor) -> tf.Tensor:
        return model(batch, training=False)

    try:
        function = forward.get_concrete_function()
    except Exception as error:  # Keras raises many kinds
        raise BadFile(
            f"Keras file '{source}' cannot be computed for colour images of {size[0]} x {size[1]} "
            f"pixels (models catalogue: input.size): {_first_line(error)}"
        ) from error
    return _freeze(function)


def _check_weights(source: Path) -> None:
    """Refuse weights that are links to another file, which Keras would read."""
    if source.suffix != ".keras":
        check_self_contained(source)
        return
    with zipfile.ZipFile(source) as archive:
        for member in archive.namelist():
            if member.endswith((".h5", ".hdf5")):
                check_fits(source / member, archive.getinfo(member).file_size)
                # Read once: where HDF5 looks around in a compressed member, it is unpacked anew.
                check_self_contained(source / member, io.BytesIO(archive.read(member)))


def _read_saved_model(source: Path) -> Graph:
    description = source / "saved_model.pb"
    if not description.is_file():
        raise BadFile(f"folder '{source}' is not a SavedModel: it has no file saved_model.pb")
    check_saved_model(description)
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


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _freeze(function: Any) -> Graph:
    inputs = len(function.inputs) - len(function.captured_inputs)
    if inputs != 1 or len(function.outputs) != 1:
        raise BadFile(
            f"the model has {inputs} inputs and {len(function.outputs)} outputs; "
            "only networks with one image in and one vector out are supported"
        )
    try:
        frozen = convert_variables_to_constants_v2(function)
    except Exception as error:  # TensorFlow raises many kinds
        raise BadFile(f"the variables of the model cannot be frozen: {error}") from error
    return Graph(frozen.graph.as_graph_def(), frozen.inputs[0].op.name, frozen.outputs[0].op.name)
