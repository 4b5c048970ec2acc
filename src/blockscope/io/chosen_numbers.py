"""Numbers of labels or channels that a caller chooses, checked before they are looked up.

A number that nothing has would otherwise give zeros, or count from the end.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable

from blockscope.io.errors import UnknownName

MOST = 5  # of the numbers that a message shows


def chosen_numbers(what: str, numbers: object, count: int, argument: str) -> list[int]:
    """Return numbers that a caller chose among ``count`` things, in the order given.

    Parameters
    ----------
    what
        They are, in the plural, as in "labels".
    numbers
        Integers of any kind, at least one; each may occur more than once.
    count
        How many things there are.
    argument
        That the numbers were given by, for the message.

    Returns
    -------
    numbers
        Integers from 0 to ``count - 1``.

    Raises
    ------
    UnknownName
        One of them is no such integer, or there is none.
    """
    given = list(numbers) if isinstance(numbers, Iterable) else None
    wrong = [one for one in given or () if not _is_place(one, count)]
    if not given or wrong:
        found = ", ".join(repr(one) for one in wrong[:MOST]) or ("none" if given == [] else numbers)
        more = ", ..." if len(wrong) > MOST else ""
        valid = (
            f"valid: integers from 0 to {count - 1}, at least one" if count else "there are none"
        )
        raise UnknownName(
            f"{what} are given by a list of their numbers, found {found}{more}; {valid} (argument "
            f"'{argument}')"
        )
    return [operator.index(one) for one in given]


def _is_place(one: object, count: int) -> bool:
    """Tell whether this is an integer below ``count`` that does not count from the end."""
    try:
        return not isinstance(one, bool) and 0 <= operator.index(one) < count  # type: ignore[arg-type]
    except TypeError:
        return False
