"""Opening an ONNX file, with the weights that lie beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.registry import OLDEST

if TYPE_CHECKING:
    import onnx

DOMAINS = ("", "ai.onnx")
MOST_BYTES = 2**31  # of a file, and of all weights: more, no graph of TensorFlow holds
INSTALL = "pip install onnx onnxruntime"


def open_onnx(source: Path) -> onnx.ModelProto:
    """Read an ONNX file; its weights stay where they are.

    Raises ``BadFile`` where the package ``onnx`` or a file is missing, or the file is of a kind
    that is not supported.
    """
    try:
        import onnx
    except ImportError as error:
        raise BadFile(
            f"reading '{source}' needs the package onnx, which is not installed: {INSTALL}"
        ) from error
    _check_bytes(source, source.stat().st_size)
    try:
        model = onnx.load_model_from_string(source.read_bytes())
    except Exception as error:  # protobuf raises many kinds
        raise BadFile(f"model file '{source}' is not an ONNX file: {error}") from error
    if not model.graph.node:
        raise BadFile(f"model file '{source}' contains no ONNX graph")
    if model.functions:
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    if model.graph.sparse_initializer:
        raise BadFile(f"model file '{source}' has sparse weights, which are not supported")
    _check_weights(model, source)
    return model


def opset_of(model: onnx.ModelProto, source: Path) -> int:
    """Return the version of ONNX's operations that a file is written in."""
    from onnx import defs

    found = [entry.version for entry in model.opset_import if entry.domain in DOMAINS]
    newest = defs.onnx_opset_version()
    if len(found) != 1 or not OLDEST <= found[0] <= newest:
        raise BadFile(
            f"model file '{source}' is of opset {found[0] if found else 'none'}; valid: {OLDEST} "
            f"to {newest}, the newest that the installed onnx {_version()} knows"
        )
    return int(found[0])


def _version() -> str:
    import onnx

    return str(onnx.__version__)


def weights_files(model: onnx.ModelProto) -> list[str]:
    """Return the names of the files that hold a model's weights, relative to it."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    names = [ExternalDataInfo(t).location for t in _tensors(model) if uses_external_data(t)]
    return sorted(set(names))


def _check_bytes(source: Path, found: int) -> None:
    if found >= MOST_BYTES:
        raise BadFile(
            f"model file '{source}' and its weights have {found:,} bytes; valid: less than "
            f"{MOST_BYTES:,}"
        )


def _tensors(model: onnx.ModelProto) -> list[Any]:
    attributes = [a.t for node in model.graph.node for a in node.attribute if a.HasField("t")]
    return [*model.graph.initializer, *attributes]


def _check_weights(model: onnx.ModelProto, source: Path) -> None:
    """Refuse a model whose weights are not beside it; exporters write them into an own file.

    The name of that file stands in the model: renaming the model alone does no harm, renaming the
    weights does.
    """
    for name in weights_files(model):
        if Path(name).name != name or name in {"", ".", ".."}:
            raise BadFile(
                f"model file '{source}' has its weights in '{name}'; valid: a file in its own "
                "folder"
            )
        if not name.endswith("data"):  # the others are not looked at when results may be old
            raise BadFile(
                f"model file '{source}' has its weights in '{name}'; valid: a name that ends in "
                "'data', as exporters write it, or one file for all: "
                "onnx.save_model(..., save_as_external_data=False)"
            )
        beside = source.parent / name
        if beside.is_symlink() or not beside.is_file():
            raise BadFile(
                f"model file '{source}' has its weights in the file '{name}', which is no file "
                f"in the folder '{source.parent}'; put it there under this name, or export one "
                "file: torch.onnx.export(..., external_data=False)"
            )
    files = [source, *(source.parent / name for name in weights_files(model))]
    _check_bytes(source, sum(file.stat().st_size for file in files))
