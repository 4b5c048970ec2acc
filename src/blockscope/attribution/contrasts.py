"""Which labels are compared: one against another, against all, or against nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.io.labels import Labels

LOGSUMEXP, NOTHING = -1, -2  # in place of a label's position in the logits


class Contrast(NamedTuple):
    """Two positions in the logits whose scores are compared; ``b`` may be one of the above."""

    a: int
    b: int

    def score(self, logits: tf.Tensor) -> tf.Tensor:
        """Return f(a) - f(b), (batch), from logits (batch, logit).

        f is a label's logit, or the log of the sum of exp over all logits, named or not, or zero.
        """
        first = logits[:, self.a]
        if self.b == NOTHING:
            return first
        return first - (
            tf.reduce_logsumexp(logits, 1) if self.b == LOGSUMEXP else logits[:, self.b]
        )

    def named(self, labels: Labels) -> str:
        """Return ``A|B``, ``A|logsumexp`` or ``A``; an index stands for a name that is repeated."""
        repeated = labels.repeated()
        first, second = (
            "logsumexp" if i == LOGSUMEXP else str(i) if labels.name(i) in repeated
            else labels.name(i) for i in self
        )  # fmt: skip
        return first if self.b == NOTHING else f"{first}|{second}"


def find_contrasts(
    asked: Sequence[str], logits: npt.NDArray[np.float32], labels: Labels
) -> list[Contrast]:
    """Return the pairs that texts ask for, each once: ``A|B``, ``A|logsumexp``, ``A``.

    An empty text asks for the two most probable labels. Raises ``UnknownName`` for a label that is
    not there or is ambiguous.
    """
    pairs: dict[Contrast, None] = {}
    for text in asked:
        if not text:
            real = np.array(labels.indexes)
            first, *others = real[np.argsort(-logits[real], kind="stable")].tolist()
            pairs[Contrast(first, others[0] if others else NOTHING)] = None
            continue
        head, bar, tail = (part.strip() for part in text.partition("|"))
        against = LOGSUMEXP if tail == "logsumexp" else labels.find(tail) if bar else NOTHING
        pairs[Contrast(labels.find(head), against)] = None
    return list(pairs)
