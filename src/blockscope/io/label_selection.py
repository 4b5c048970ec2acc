"""Labels of a dataset chosen by their names or indexes, also where names repeat."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr

from blockscope.io.errors import BlockscopeError, UnknownName, unknown_name


def select_labels(dataset: xr.Dataset, wanted: object, place: str) -> xr.Dataset:
    """Return a dataset with the wanted labels alone, in the order in which they are given.

    Parameters
    ----------
    dataset
        With the axis ``label``, and the coordinate ``index`` along it.
    wanted
        Names, or indexes: positions in the logits. ImageNet has two pairs of equal names, of which
        xarray's ``sel`` finds none in a list.
    place
        Where the dataset is from, for messages.

    Returns
    -------
    dataset
        (label, ...), in memory.

    Raises
    ------
    BlockscopeError
        The dataset has no labels, ``wanted`` is no list, or one of it is no name or index.
    UnknownName
        For a name or an index that is not among the labels, and for a name that occurs twice.
    """
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        raise BlockscopeError(f"labels must be a list, found {wanted!r}; give [{wanted!r}]")
    if "label" not in dataset.dims or "index" not in dataset.coords:
        axes = ", ".join(map(str, dataset.dims))
        raise BlockscopeError(f"'{place}' has no axis 'label' to choose from; its axes: {axes}")
    names = [str(name) for name in dataset["label"].to_numpy()]
    indexes = dataset["index"].to_numpy().tolist()
    return dataset.isel(label=[_place(one, names, indexes, place) for one in wanted])


def _place(one: object, names: list[str], indexes: list[int], place: str) -> int:
    if not isinstance(one, str):
        if isinstance(one, bool) or not isinstance(one, (int, np.integer)):
            raise BlockscopeError(f"labels must be names or indexes, found {one!r}")
        if one not in indexes:
            raise UnknownName(
                f"'{place}' has no label of index {one}; valid: {min(indexes)} to {max(indexes)}"
            )
        return indexes.index(int(one))
    found = [number for number, name in enumerate(names) if name == one]
    if not found and one.isascii() and one.isdecimal() and int(one) in indexes:
        raise UnknownName(
            f"'{place}' has no label '{one}'; the label of that index is given as {int(one)}, "
            "without quotes"
        )
    if not found:
        raise unknown_name("label", one, names, owner=f"'{place}'")
    if len(found) > 1:
        choices = " or ".join(str(indexes[number]) for number in found)
        raise UnknownName(
            f"label '{one}' occurs {len(found)} times in '{place}'; give its index instead: "
            f"{choices}"
        )
    return found[0]
