"""Reading a network from the files that people have.

A frozen graph, a Keras file, a SavedModel or an ONNX file.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from blockscope.io.errors import BadFile, first_line
from blockscope.io.hdf5_links import check_self_contained
from blockscope.io.memory import check_fits
from blockscope.models.entry import InputSettings, ModelEntry
from blockscope.models.files.custom_gradients import with_plain_gradients
from blockscope.models.files.drawn_seeds import drawn_seeds
from blockscope.models.files.keras_layers import Noted, noted_layers
from blockscope.models.files.saved_models import read_saved_model
from blockscope.models.graph.raw_graph import Graph, choose_image, choose_output
from blockscope.models.layers.layer_names import with_short_names

__all__ = ["Graph", "read_graph"]

MOST_BYTES = 2**31  # of a frozen graph: more, protobuf does not read


def read_graph(path: str | Path, entry: ModelEntry) -> Graph:
    """Read a network as a frozen graph.

    Parameters
    ----------
    path
        A frozen GraphDef (``.pb``), a Keras file (``.keras``, ``.h5``), an ONNX file (``.onnx``)
        or a SavedModel folder.
    entry
        What the catalogue says of it: the size where a Keras or ONNX file leaves it open, and which
        of several inputs, outputs and signatures.

    Returns
    -------
    graph
        The graph.

    Raises
    ------
    BadFile
        The file is missing, of another kind or cannot be loaded.
    UnknownName
        It has no such signature or output.
    """
    source = Path(path)
    if not source.exists():
        raise BadFile(f"model file '{source}' does not exist")
    if not (source.is_file() or source.is_dir()):
        raise BadFile(f"model file '{source}' is no file or folder")  # a pipe may never end
    if source.is_dir():
        return read_saved_model(source, entry)
    if source.suffix in {".keras", ".h5", ".hdf5"}:
        return _read_keras(source, entry)
    if source.suffix == ".onnx":
        return _read_onnx(source, entry)
    return _read_frozen(source)


def check_bytes(source: Path) -> None:
    """Refuse a frozen graph that is larger than what protobuf reads."""
    if source.stat().st_size >= MOST_BYTES:
        raise BadFile(
            f"model file '{source}' has {source.stat().st_size:,} bytes; a frozen graph has less "
            f"than {MOST_BYTES:,}"
        )


def _read_frozen(source: Path) -> Graph:
    if source.name == "saved_model.pb":
        raise BadFile(
            f"'{source}' is part of a SavedModel; give its folder '{source.parent}' instead"
        )
    check_bytes(source)
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


def _read_keras(source: Path, entry: ModelEntry) -> Graph:
    import keras  # costs seconds, and only Keras files need it

    try:
        _check_weights(source)
        model = keras.models.load_model(source, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds
        raise BadFile(f"Keras file '{source}' {_not_loaded(first_line(error))}") from error
    words = f"Keras file '{source}'"
    inputs, outputs = (getattr(model, key, None) or [] for key in ("inputs", "outputs"))
    if not inputs or not outputs:
        raise BadFile(f"{words} has no fixed inputs and outputs; export it by model.export(folder)")
    shapes = {tensor.name: tuple(tensor.shape) for tensor in inputs}
    image = choose_image(shapes, entry.input.tensor, words)
    names = list(getattr(model, "output_names", [tensor.name for tensor in outputs]))
    place = choose_output(names, entry.output, words)
    if place is None and entry.logits is None:
        raise BadFile(
            f"{words} has {len(names)} outputs: {', '.join(names)}; choose one by output (models "
            "catalogue)"
        )
    specs = []
    for tensor in inputs:
        shape = (None, *tensor.shape[1:])
        name = re.sub(r"\W", "_", tensor.name)
        if tensor.name == image:
            shape, name = _image_shape(shape, entry.input, words), "input"
        specs.append(tf.TensorSpec(shape, tf.as_dtype(tensor.dtype), name=name))

    # A functional model takes its inputs as it was built from them, as a list or mapping.
    taken = inputs[0] if isinstance(model, keras.Sequential) else model.input
    layers: Noted = {}

    @tf.function(input_signature=specs, autograph=False)
    def forward(*batch: tf.Tensor) -> list[tf.Tensor]:
        given = keras.tree.pack_sequence_as(taken, batch)
        with noted_layers() as noted, drawn_seeds():
            flat = keras.tree.flatten(model(given, training=False))
        layers.update(noted)
        ends = flat if place is None else [flat[place], *flat[:place], *flat[place + 1 :]]
        made = [*ends, *(tensor for tensors in noted.values() for tensor in tensors)]
        # A tensor has the name of its node only where it is the first output of it.
        return [tf.identity(tensor) if tensor.value_index else tensor for tensor in made]

    try:
        function = forward.get_concrete_function()
    except Exception as error:  # Keras raises many kinds
        scope = re.search(r"'(.*)' is not a valid (?:root )?scope name", str(error))
        if scope is not None:
            raise BadFile(
                f"{words} has a layer '{scope[1]}', a name that TensorFlow does not take; valid: "
                "letters, digits and . _ \\ / > -; give its layers other names (layer.name) and "
                "save it again"
            ) from error
        rows, cols = entry.input.size
        raise BadFile(
            f"{words} cannot be computed for images of {rows} x {cols} pixels (models catalogue: "
            f"input.size): {first_line(error)}"
        ) from error
    try:
        frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    except Exception as error:  # TensorFlow raises many kinds
        raise BadFile(f"the variables of the model cannot be frozen: {error}") from error
    nodes = [tensor.op.name for tensor in frozen.inputs]
    nodes_of = dict(zip((tensor.name for tensor in inputs), nodes, strict=True))
    output = None if place is None else frozen.outputs[0].op.name
    first = frozen.outputs[0].name
    definition = with_plain_gradients(frozen.graph.as_graph_def(), nodes, first, function)
    left = iter(frozen.outputs[-sum(map(len, layers.values())) :])
    tensors = {name: [next(left).op.name for _ in found] for name, found in layers.items()}
    return Graph(
        definition, nodes_of[image], output, nodes_of,
        layers=with_short_names(tensors),
        given=frozenset(tensor.op.name for tensor in frozen.outputs[: len(outputs)]),
    )  # fmt: skip


def _not_loaded(told: str) -> str:
    """Say why Keras does not load a file, and what to do; ``told``: what Keras says."""
    if told.startswith("No model config found"):
        return "holds weights alone; save the whole model, by model.save(file.keras)"
    missing = re.match(r"(?:Could not locate|Unknown) (\w+):? '([^']*)'", told)
    if missing is not None:
        what = f"needs the {missing[1]} '{missing[2]}', which is not part of Keras"
    elif "Lambda" in told:
        what = "has a Lambda layer, whose function is Python code, which is not run"
    else:
        return f"cannot be loaded: {told}"
    return f"{what}; export the model where its code is, by model.export(folder)"


def _image_shape(
    shape: tuple[int | None, ...], image: InputSettings, words: str
) -> tuple[int | None, ...]:
    """Return the shape of an image in a Keras file, of the size that the catalogue gives."""
    if len(shape) != 4:
        return shape  # refused later, with its shape
    first = image.layout == "channels_first"
    given = shape[2:] if first else shape[1:3]
    fitting = [known or size for known, size in zip(given, image.size, strict=True)]
    if fitting != list(image.size):
        known, size = (" x ".join(str(n or "any") for n in sizes) for sizes in (given, image.size))
        raise BadFile(
            f"{words} is made for images of {known} pixels, not of {size}; give input.size: "
            f"{fitting}, or input.layout where the channels come first (models catalogue)"
        )
    return (None, shape[1], *image.size) if first else (None, *image.size, shape[3])


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


def _read_onnx(source: Path, entry: ModelEntry) -> Graph:
    from blockscope.models.onnx_reader.read import read_onnx  # only ONNX files need it

    # Logits that the entry names may lie beside its output.
    read = read_onnx(source, entry.input.size, None if entry.logits else entry.output)
    names = list(read.outputs)
    place = choose_output(names, entry.output, f"ONNX file '{source}'")
    if place is None and entry.logits is None:
        raise BadFile(
            f"ONNX file '{source}' has {len(names)} outputs: {', '.join(names)}; choose one by "
            "output (models catalogue)"
        )
    output = None if place is None else read.outputs[names[place]]
    return Graph(read.definition, read.input, output, hidden=read.hidden, compared=read.compared)
