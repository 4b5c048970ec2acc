"""HDF5 files that hold what they state: no part is in another file, and all fit into memory."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import h5py

from blockscope.io.errors import BadFile
from blockscope.io.memory import check_fits


def check_self_contained(source: Path, content: IO[bytes] | None = None) -> None:
    """Raise ``BadFile`` where a part of a file is somewhere else, or its arrays exceed the memory.

    Parameters
    ----------
    source
        The file.
    content
        What to read instead of it, where it is a member of an archive.

    Raises
    ------
    BadFile
        Names the link and where it leads, or the sizes. What h5py raises for a damaged file is
        raised too.
    """
    with h5py.File(content or source, "r", locking=False) as file:
        check_open_file(source, file)


def check_open_file(source: Path, file: h5py.File) -> None:
    """The same for a file that is open; raises what `check_self_contained` raises."""
    sizes: list[int] = []

    def examine(name: str, item: object) -> str | None:
        sizes.append(item.nbytes if isinstance(item, h5py.Dataset) else 0)
        return _data_outside(name, item)

    # Values, as h5py loses an exception on its way through HDF5.
    found = file.visititems_links(_link_outside) or file.visititems(examine)
    if found:
        raise BadFile(
            f"'{source}': {found}; a file must hold all of its data itself (h5repack or h5copy "
            "makes one that does)"
        )
    check_fits(source, sum(sizes))


def _link_outside(name: str, link: object) -> str | None:
    if isinstance(link, h5py.ExternalLink):
        return f"'{name}' is a link to '{link.path}' in '{link.filename}'"
    return None


def _data_outside(name: str, item: object) -> str | None:
    if isinstance(item, h5py.Dataset) and item.external:
        return f"'{name}' has its data in '{item.external[0][0]}'"
    if isinstance(item, h5py.Dataset) and item.is_virtual:
        return f"'{name}' is put together from datasets of other files"
    return None
