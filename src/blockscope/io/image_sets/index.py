"""What is at the place of a data set, and the index of the images that are taken of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import xarray as xr

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.io.image_sets.archive import archive_digest, list_tar, list_zip
from blockscope.io.image_sets.drawn import list_drawn
from blockscope.io.image_sets.folder import list_folder
from blockscope.io.image_sets.listing import ENDINGS, Listing, digest_of, in_words
from blockscope.io.image_sets.sampling import sample
from blockscope.io.image_sets.source import ARCHIVES, kind_of
from blockscope.io.image_sets.text import list_paths, list_table

_LISTED_BY = {
    "folder": list_folder,
    "list": list_paths,
    "table": list_table,
    "tar": list_tar,
    "zip": list_zip,
}


@dataclass(frozen=True)
class Found:
    """What is at a place: how many images, a digest, and what else, in words."""

    images: int
    digest: str
    ignored: str


def look(path: str) -> Found:
    """List what is at a place; about 10 s for a folder of a million images.

    Raises ``BadFile`` or ``UnknownName`` with what is wrong there. Not for drawn scenes.
    """
    listing = list_images(path)
    return Found(len(listing.names), listing.digest, in_words(listing.ignored))


def source_digest(path: str, look: Callable[[str], Found] = look) -> str:
    """Return a digest that changes when images are added, removed or written again.

    ``look`` may know what is there already.
    """
    kind = kind_of(path)
    if kind in ARCHIVES:
        return archive_digest(path)
    return digest_of([path]) if kind == "drawn" else look(path).digest


def list_images(path: str) -> Listing:
    """List all images at a place; raises ``BadFile`` where there are none."""
    listing = _LISTED_BY[kind_of(path)](path)
    if not listing.names:
        others = in_words(listing.ignored)
        raise BadFile(
            f"'{path}' has no images" + (f" ({others})" if others else "") + "; valid endings: "
            f"{', '.join(sorted(ENDINGS))}"
        )
    return listing


def make_index(path: str, count: int | None, seed: int, labels: str) -> xr.Dataset:
    """Return the index of a data set.

    Parameters
    ----------
    path
        Where it is, or what is drawn.
    count
        Number of images; None for all.
    seed
        Of the sample, or of the drawing.
    labels
        ``folders``: the folder that an image lies in names its label; otherwise empty.

    Returns
    -------
    index
        ``path`` and ``label`` (image), of an archive also where each image is. Attributes: kind,
        source, seed, labels, found (images before sampling), digest, ignored.

    Raises
    ------
    BadFile
        Says what is wrong at the path, or how many images there are.
    """
    kind = kind_of(path)
    if kind == "drawn":
        if count is None:
            raise BadFile(f"'{path}' has no end; give a count")
        listing = list_drawn(path, count, seed)
    else:
        listing = list_images(path)
    if kind == "table" and labels:
        raise BadFile(f"'{path}' is a table, whose column label names the labels; leave it empty")
    found = len(listing.names)
    if count is not None and count > found:
        raise BadFile(
            f"'{path}' has {counted(found, 'image', ',')}, fewer than the {count:,} asked for"
        )
    chosen = sample(listing.names, found if count is None else count, seed)
    names = [listing.names[at] for at in chosen]
    if labels == "folders":
        named = [PurePosixPath(name).parent.name for name in names]
    else:
        named = [listing.labels[at] for at in chosen] if listing.labels else [""] * len(names)
    index = xr.Dataset(
        {
            "path": ("image", np.array(names, object), {"long_name": "path or name of the image"}),
            "label": ("image", np.array(named, object), {"long_name": "label of the image"}),
        },
        coords={"image": np.arange(len(names))},
    )
    if listing.members:
        table = np.array([listing.members[at] for at in chosen], np.int64)
        told = {"offset": "place", "size": "bytes", "unpacked": "bytes unpacked", "crc": "CRC-32"}
        for column, (name, words) in enumerate(told.items()):
            index[name] = "image", table[:, column], {"long_name": f"{words} in the archive"}
    index.attrs = {
        "kind": kind,
        "source": str(Path(path)) if kind != "drawn" else path,
        "seed": seed,
        "labels": labels,
        "found": found,
        "digest": listing.digest,
        "ignored": in_words(listing.ignored),
    }
    return index
