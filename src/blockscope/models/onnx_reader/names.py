"""Names of layers: the path of the PyTorch module, where the exporter wrote it down.

One exporter names its nodes ``/layer3/layer3.1/relu_1/Relu``; the other numbers them, and keeps the
path ``['', 'layer3', 'layer3.1', 'layer3.1.relu', 'relu_12']`` in the meta data. Both become
``layer3.1.relu/Relu`` and, where a module is called again, ``layer3.1.relu_1/Relu``. Nothing else
of the meta data is read: it holds paths of the exporting machine.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

SCOPES = "pkg.torch.onnx.name_scopes"


def layer_names(nodes: Sequence[onnx.NodeProto], taken: set[str]) -> list[str]:
    """Return a name for each node, in the order of the nodes.

    All differ from each other and from those in ``taken`` (in lower case), to which they are added;
    TensorFlow's names differ in more than upper and lower case.
    """
    paths = [_module_of(node) for node in nodes]
    holding = {path[:i] for path in paths if path for i, c in enumerate(path) if c == "."} | {""}
    calls: Counter[str] = Counter()  # where the search for a free number goes on
    return [
        _free(node, path, holding, taken, calls) for node, path in zip(nodes, paths, strict=True)
    ]


def _free(
    node: onnx.NodeProto,
    path: str | None,
    holding: set[str],
    taken: set[str],
    calls: Counter[str],
) -> str:
    stem, ending = clean(path or ""), f"/{node.op_type}"
    if path is None:
        written = node.name or next((o for o in node.output if o), node.op_type)
        stem, ending = clean(written), ""
    elif path in holding:  # a block: its own operations are numbered
        stem, ending = clean(f"{path}/{node.op_type}".removeprefix("/")), ""
    whole = stem + ending
    while True:
        call = calls[whole]
        calls[whole] += 1
        name = f"{stem}_{call}{ending}" if call else whole
        if name.lower() not in taken:
            taken.add(name.lower())
            return name


def free_name(name: str, taken: set[str]) -> str:
    """Return ``name``, with a number where it is taken, and add it to ``taken``."""
    found, number = name, 0
    while found.lower() in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found.lower())
    return found


def _module_of(node: onnx.NodeProto) -> str | None:
    """Return the dotted path of the module that a node belongs to; None where it is not known."""
    scopes = next((p.value for p in node.metadata_props if p.key == SCOPES), None)
    if scopes is not None:
        try:
            parts = ast.literal_eval(scopes)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        if isinstance(parts, list) and len(parts) > 1 and all(isinstance(p, str) for p in parts):
            return str(parts[-2])
        return None
    if not node.name.startswith("/"):
        return None
    path: list[str] = []
    for part in node.name.split("/")[1:-1]:
        # A member of a sequence carries the sequence's name: layer3/layer3.1 is layer3.1.
        if path and part.startswith(path[-1] + "."):
            path[-1] = part
        else:
            path.append(part)
    return ".".join(path)


def clean(name: str) -> str:
    """Replace what TensorFlow does not allow in a name."""
    found = re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", name).strip("/")
    return found if re.match(r"[A-Za-z0-9.]", found) and set(found) != {"."} else f"t{found}"
