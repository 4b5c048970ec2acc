"""Comparing a converted network with another implementation of ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from blockscope.io.errors import BadFile, first_line
from blockscope.models.onnx_reader.file import INSTALL

if TYPE_CHECKING:
    import onnx
Compared = dict[str, Any]
MOST = 1e-4  # of the largest output
# Of how far onnxruntime is from itself, computing in another order: where that is more than MOST,
# the network answers rounding so strongly, and this much more is still no fault of the reader.
OF_ROUNDING = 3.0
MOST_ROUNDING = 1e-2


def largest_difference(
    found: list[npt.NDArray[Any]],
    expected: list[npt.NDArray[Any]],
    names: list[str],
    most: float = MOST,
) -> float:
    """Return the largest difference of any output, relative to that output's largest entry.

    Raises ``BadFile`` where it is above ``most``, or an output is not finite.
    """
    worst = 0.0
    for name, a, b in zip(names, found, expected, strict=True):
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            raise BadFile(f"output '{name}' is not finite for an image of random numbers")
        difference = _difference(a, b)
        if difference > most:
            raise BadFile(
                f"output '{name}' differs by {difference:.2g} of its largest value from what "
                f"another implementation of ONNX computes; valid: up to {most:g}. Please report "
                "the operations of this network"
            )
        worst = max(worst, difference)
    return worst


def _difference(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    left, right = (x.reshape(-1).astype(np.float64) for x in (a, b))  # of truth values too
    scale = float(np.abs(right).max())
    return float(np.abs(left - right).max()) / (scale or 1.0)


def own_difference(
    expected: list[list[npt.NDArray[Any]]],
    source: Path,
    outputs: list[str],
    name: str,
    images: list[npt.NDArray[np.float32]],
) -> float:
    """Return how far the outputs of onnxruntime are from those without its optimisations.

    That is the network's own answer to rounding. 0 where onnxruntime is not there.
    """
    try:
        plain = _by_onnxruntime(source, outputs, name, images, optimised=False)
    except ImportError:
        return 0.0
    pairs = zip(expected, plain, strict=True)
    return max(_difference(a, b) for one, two in pairs for a, b in zip(one, two, strict=True))


def other_outputs(
    model: onnx.ModelProto,
    source: Path,
    opset: int,
    name: str,
    images: list[npt.NDArray[np.float32]],
) -> tuple[str, list[list[npt.NDArray[Any]]] | None]:
    """Compute the outputs of each image, by onnxruntime or, where that is right, ONNX's reference.

    Parameters
    ----------
    model
        The model, with the outputs that are wanted.
    source
        Its file.
    opset
        The version of its operations.
    name
        Its input.
    images
        What the input is given, one after the other.

    Returns
    -------
    by
        What computed them, or why nothing did.
    outputs
        For each image, its outputs.
    """
    try:
        import onnxruntime
    except ImportError:
        return _by_reference(model, source, opset, name, images)
    try:
        found = _by_onnxruntime(source, outputs_of(model), name, images)
    except Exception as error:  # noqa: BLE001 - onnxruntime raises many kinds
        return f"nothing: onnxruntime cannot run this network: {first_line(error)}", None
    return f"onnxruntime {onnxruntime.__version__}", found


def outputs_of(model: onnx.ModelProto) -> list[str]:
    """Return the names of a model's outputs."""
    return [output.name for output in model.graph.output]


def _by_onnxruntime(
    source: Path,
    outputs: list[str],
    name: str,
    images: list[npt.NDArray[np.float32]],
    optimised: bool = True,
) -> list[list[npt.NDArray[Any]]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return [session.run(outputs, {name: image}) for image in images]


def _by_reference(
    model: onnx.ModelProto,
    source: Path,
    opset: int,
    name: str,
    images: list[npt.NDArray[np.float32]],
) -> tuple[str, list[list[npt.NDArray[Any]]] | None]:
    import onnx
    from onnx.reference import ReferenceEvaluator

    wrong = sorted({n.op_type for n in model.graph.node if _wrong_in_reference(n, opset)})
    if wrong:
        words = (
            f"nothing: onnxruntime is not installed ({INSTALL}), and onnx is wrong for {wrong[0]}"
        )
        return words, None
    evaluator = ReferenceEvaluator(onnx.load(str(source)))
    found = [
        list(map(np.asarray, evaluator.run(outputs_of(model), {name: image}))) for image in images
    ]
    return f"onnx {onnx.__version__}", found


def _wrong_in_reference(node: onnx.NodeProto, opset: int) -> bool:
    attributes = {a.name: a for a in node.attribute}
    if node.op_type == "MaxPool":
        ceil = "ceil_mode" in attributes and attributes["ceil_mode"].i
        return bool(ceil) or ("auto_pad" in attributes and attributes["auto_pad"].s != b"NOTSET")
    if node.op_type in {"Softmax", "LogSoftmax"}:
        return opset < 13
    if node.op_type == "BatchNormalization":
        return opset < 14
    return node.op_type in {"LRN", "Pad", "Resize"}
