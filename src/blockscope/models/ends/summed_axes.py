"""Whether the softmax of a file is one over all labels, by the shape of what it is taken of."""

from __future__ import annotations

import math
from collections.abc import Sequence

from blockscope.io.errors import BadFile


def check_sums_over_labels(
    name: str, shape: Sequence[int], over: Sequence[Sequence[int]], before: str
) -> None:
    """Refuse logits whose labels are not on an axis over which their softmax sums.

    Parameters
    ----------
    name
        The logits, as the softmax reads them.
    shape
        Their shape, the axis of images first.
    over
        Axes, by those over which it sums and maximises.
    before
        A tensor of the same numbers, for the message.

    Raises
    ------
    BadFile
        The softmax is one of images, or of an axis of one entry. Labels on several axes are refused
        where the card is built.
    """
    count = math.prod(shape[1:])
    if count < 2 or max(shape[1:]) != count:
        return
    labels = 1 + list(shape[1:]).index(count)
    for axes in over:
        if labels not in {axis % len(shape) for axis in axes if -len(shape) <= axis < len(shape)}:
            sizes = ", ".join(["image", *map(str, shape[1:])])
            found = " and ".join(map(str, axes))
            raise BadFile(
                f"'{name}' has the shape ({sizes}), and the softmax after it is one over axis "
                f"{found}, which is not that of the {count} labels, so that it makes no "
                "probabilities of them; valid: a softmax over the axis of all labels; if these are "
                f"the logits all the same, give logits: '{before}' and head: softmax (models "
                "catalogue: logits, head)"
            )
