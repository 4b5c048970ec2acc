"""Contrasts: which score is attributed, one label against another, against all, or alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.score_gradients import LogitScore
from blockscope.io.label_scores import check_logsumexp
from blockscope.io.labels import Labels
from blockscope.models.entry import Head

LOGSUMEXP, NO_REFERENCE = -1, -2  # in place of B's position in the logits


class Contrast(NamedTuple):
    """Label A against label B, as positions in the logits; ``b`` may be one of the above."""

    a: int
    b: int

    def score(self, logits: tf.Tensor) -> tf.Tensor:
        """Return f(a) - f(b), (batch), from logits (batch, logit).

        f is a label's logit, or the log of the sum of exp over all logits, with or without a label,
        or zero.
        """
        first = logits[:, self.a]
        if self.b == NO_REFERENCE:
            return first
        return first - (
            tf.reduce_logsumexp(logits, 1) if self.b == LOGSUMEXP else logits[:, self.b]
        )

    def of_logits(self, count: int) -> LogitScore:
        """Return the same score as weights of so many logits."""
        weights = np.zeros(count)
        weights[self.a] += 1
        if self.b >= 0:
            weights[self.b] -= 1
        return LogitScore(weights, -1.0 if self.b == LOGSUMEXP else 0.0)

    def named(self, labels: Labels) -> str:
        """Return ``A|B``, ``A|logsumexp`` or ``A``, which no other contrast is called.

        An index stands for a name that is repeated, or that reads as logsumexp or as two labels; in
        brackets, ``[3]``, where a label is called ``3``.
        """
        first = _told_apart(self.a, labels)
        if self.b == NO_REFERENCE:
            return first
        second = "logsumexp" if self.b == LOGSUMEXP else _told_apart(self.b, labels)
        return f"{first}|{second}"


def _told_apart(index: int, labels: Labels) -> str:
    name, names = labels.name(index), [labels.name(i) for i in labels.indexes]
    if names.count(name) < 2 and "|" not in name and name != "logsumexp":
        return name
    text = str(index)
    while text in names:
        text = f"[{text}]"
    return text


def find_contrasts(
    texts: Sequence[str],
    logits: npt.NDArray[np.float32],
    labels: Labels,
    head: Head = "softmax",
) -> list[Contrast]:
    """Return the contrasts that texts request, each once: ``A|B``, ``A|logsumexp``, ``A``.

    An empty text stands for the two most probable labels, those of the largest logits; for one
    label alone where the network has no other. Raises ``UnknownName`` for a label that does not
    exist or is ambiguous, ``BadFile`` for logsumexp where the labels share no softmax.
    """
    contrasts: dict[Contrast, None] = {}
    for text in texts:
        if not text:
            real = np.array(labels.indexes)
            first, *others = real[np.argsort(-logits[real], kind="stable")].tolist()
            contrasts[Contrast(first, others[0] if others else NO_REFERENCE)] = None
            continue
        name, bar, tail = (part.strip() for part in text.partition("|"))
        if tail == "logsumexp":
            check_logsumexp(head, "table of runs: classes")
        against = LOGSUMEXP if tail == "logsumexp" else labels.find(tail) if bar else NO_REFERENCE
        contrasts[Contrast(labels.find(name), against)] = None
    return list(contrasts)
