"""What fits into the memory of this machine, asked before anything is allocated."""

from __future__ import annotations

import os

from blockscope.io.errors import BadFile


def check_fits(source: str | os.PathLike[str], size: int) -> None:
    """Raise ``BadFile`` where arrays of ``size`` bytes, as a file states, exceed all memory.

    A few bytes may state any shape: a file need not hold values that are all equal.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise BadFile(
            f"'{source}' states arrays of {size:,} bytes, and this machine has {memory:,} bytes of "
            "memory; use a smaller file, or a machine with more"
        )
