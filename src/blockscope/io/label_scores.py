"""What the label axis of a result says of each label: its probability, or the output itself.

Which of both depends on the network's head: a softmax, a sigmoid for each label, or none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from blockscope.io.errors import BadFile

LOGSUMEXP = "logsumexp"
"""What a label may be compared with instead of a second one: all logits together."""


def score_name(labels: xr.Dataset) -> str:
    """Return ``probability``, or ``output`` for a network whose values stand for themselves."""
    return "output" if "output" in labels.coords else "probability"


def unit_name(labels: xr.Dataset) -> str:
    """Return the unit of attributions of these labels: ``logit`` or ``output``."""
    return "output" if score_name(labels) == "output" else "logit"


def head_of(labels: xr.Dataset) -> str:
    """Return the kind of the network's head: ``softmax``, ``sigmoid`` or ``none``."""
    if score_name(labels) == "output":
        return "none"
    return str(labels["probability"].attrs.get("head", "softmax"))


def highest_labels(labels: xr.Dataset, count: int | None = None) -> npt.NDArray[np.intp]:
    """Return the places of the most probable labels, or of the largest outputs, highest first.

    Of equal probabilities, as those that saturate at 0 or 1, the one of the larger logit is first.
    """
    by = [score_name(labels)] + ["logit"] * ("logit" in labels.coords)
    return np.lexsort([-labels[name].to_numpy() for name in reversed(by)])[:count]


def check_logsumexp(head: str, where: str = "") -> None:
    """Refuse a comparison with all logits together for labels that share no softmax."""
    if head != "softmax":
        kind = "no head" if head == "none" else f"the head {head}"
        place = f" ({where})" if where else ""
        raise BadFile(
            f"a label cannot be compared with {LOGSUMEXP}, all logits of a softmax together: the "
            f"network has {kind}; valid: 'A|B' or 'A'{place}"
        )


def described(labels: xr.Dataset) -> dict[str, Any]:
    """Return the coordinates of the label axis that other results keep."""
    return {name: labels[name].variable for name in ("label", "index", score_name(labels))}
