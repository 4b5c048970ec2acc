"""Sums without rounding, so that their order and grouping change no bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Indexes = npt.NDArray[np.integer] | slice

LIMB: Final = 32  # bits of one limb: int64 leaves room for 2**31 additions
LOWEST: Final = -149  # exponent of the smallest float32
LIMBS: Final = 9  # hold every float32
_DIGIT: Final = np.int64(2**LIMB - 1)
EVERYWHERE: Final = slice(None)


class ExactSum:
    """Sums of many numbers of float32, each a long fixed-point number: adding is associative.

    Most of the limbs of such a number are never needed, and only those that are take memory: some
    32 bytes a sum.
    """

    def __init__(self, size: int, limbs: Mapping[int, npt.NDArray[np.int64]] | None = None) -> None:
        """Begin ``size`` sums at zero, or with the ``limbs`` of others."""
        self.size = size
        self.limbs = {number: np.array(limb, np.int64) for number, limb in (limbs or {}).items()}

    def add(self, values: Floats, at: Indexes = EVERYWHERE) -> None:
        """Add to some of the sums (each at most once) finite numbers, rounded to float32.

        Raises ``OverflowError`` where one is larger than float32 can hold.
        """
        with np.errstate(over="ignore"):
            rounded = np.asarray(values, np.float32)
        if not np.isfinite(rounded).all():
            raise OverflowError("sums or products of values exceed 3.4e38, the range of float32")
        share, exponent = np.frexp(rounded)
        whole = np.ldexp(share, 24).astype(np.int64)
        place = np.where(whole == 0, 0, np.maximum(exponent - 24 - LOWEST, 0))
        # Subnormal numbers have fewer bits; their last one stays where it is.
        whole >>= np.where(whole == 0, 0, np.maximum(LOWEST - (exponent - 24), 0))
        limb, shift = place // LIMB, place % LIMB
        whole <<= shift
        for number in np.unique(limb).tolist():
            here = np.where(limb == number, whole, 0)
            self._limb(number)[at] += here & _DIGIT
            self._limb(number + 1)[at] += here >> LIMB

    def merge(self, other: ExactSum) -> None:
        """Add the sums of another one of the same size."""
        for number, limb in other.limbs.items():
            self._limb(number)[:] += limb

    def total(self) -> npt.NDArray[np.float64]:
        """Return the sums, to the last bits of float64: the same for the same numbers added."""
        digits, sign = self._digits(1)
        negative = sign < 0
        total = _from_digits(digits, sign)
        if negative.any():
            digits, sign = self._digits(-1)
            total[negative] = -_from_digits(digits, sign)[negative]
        return total

    def _limb(self, number: int) -> npt.NDArray[np.int64]:
        if number not in self.limbs:
            self.limbs[number] = np.zeros(self.size, np.int64)
        return self.limbs[number]

    def _digits(
        self, factor: int
    ) -> tuple[dict[int, npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
        """Return digits of 32 bits and what is above them, times 1 or -1."""
        digits = {}
        carry = np.zeros(self.size, np.int64)
        for number in range(LIMBS + 1):
            held = carry + factor * self.limbs[number] if number in self.limbs else carry
            digits[number] = held & _DIGIT
            carry = held >> LIMB
        return digits, carry


def _from_digits(
    digits: Mapping[int, npt.NDArray[np.int64]], above: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return numbers of float64, which is only exact enough for digits of one sign."""
    total = np.ldexp(above.astype(np.float64), LIMB * len(digits) + LOWEST)
    for number in sorted(digits, reverse=True):
        total += np.ldexp(digits[number].astype(np.float64), LIMB * number + LOWEST)
    return total
