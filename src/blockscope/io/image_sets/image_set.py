"""A data set of images, opened by its index: any image by its number, from any thread."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from blockscope.io import provenance
from blockscope.io.atomic_files import FilePath
from blockscope.io.errors import BadFile
from blockscope.io.image_sets.archive import Archive, archive_digest
from blockscope.io.image_sets.drawn import draw
from blockscope.io.image_sets.listing import Member, digest_of
from blockscope.io.image_sets.source import ARCHIVES, KINDS, Kind
from blockscope.io.images import decode_image, read_image

WHITE = (255, 255, 255)


class ImageSet:
    """The images of a data set, numbered from 0; thread-safe.

    A million images with names of 60 characters take 250 MB.

    Parameters
    ----------
    index
        The file that the rule ``dataset`` writes.

    Attributes
    ----------
    kind
        folder, list, table, tar, zip or drawn.
    source
        Where the images are.
    seed
        Of the sample, or of the drawing.
    facts
        What else the index records.
    """

    kind: Kind
    source: str
    seed: int
    facts: provenance.Facts

    def __init__(self, index: FilePath) -> None:
        import h5py  # planning lists images, but reads no index

        from blockscope.io.datasets import read_text
        from blockscope.io.hdf5_links import check_self_contained

        self.facts = provenance.read(index)
        if self.facts.get("kind") not in KINDS:
            raise BadFile(f"'{index}' is not the index of a data set; the rule dataset makes one")
        self.kind = self.facts["kind"]  # type: ignore[assignment]
        self.source = str(self.facts["source"])
        self.seed = int(self.facts["seed"])
        check_self_contained(Path(index))
        # xarray would pad all names to the longest.
        with h5py.File(index, "r", locking=False) as content:
            self._paths, self._labels = (read_text(content[name]) for name in ("path", "label"))
            if self.kind in ARCHIVES:
                columns = [content[name][...] for name in Member._fields]
                self._members = np.stack(columns, axis=1)
        self._archive = self._open_archive(index) if self.kind in ARCHIVES else None

    @classmethod
    def open(cls, index: FilePath) -> ImageSet:
        """Open a data set by its index; raises ``BadFile`` where it, or an archive, has changed."""
        return cls(index)

    def _open_archive(self, index: FilePath) -> Archive:
        if not os.path.isfile(self.source):
            raise BadFile(f"archive '{self.source}' is not there (looked in {Path.cwd()})")
        if archive_digest(self.source) != self.facts["digest"]:
            raise BadFile(
                f"archive '{self.source}' has changed since '{index}' was made of it; repeat the "
                "command, which makes it again"
            )
        return Archive(self.source, self.kind)

    @property
    def digest(self) -> str:
        """A digest that changes with any image, and with which of them are taken."""
        return digest_of([str(self.facts["digest"]), str(self.seed), str(len(self))])

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._paths)

    def names(self, numbers: Iterable[int]) -> list[str]:
        """Return the names of some images: their paths, or "scene 7"."""
        return [self._paths[number] for number in numbers]

    def labels(self, numbers: Iterable[int]) -> list[str]:
        """Return the labels of some images; empty for one that has none."""
        return [self._labels[number] for number in numbers]

    def read(self, number: int, background: tuple[int, int, int] = WHITE) -> Image.Image:
        """Read an image as RGB, upright, as `blockscope.io.images.read_image` does.

        Parameters
        ----------
        number
            Its number, from 0.
        background
            Colour (red, green, blue; 0 to 255) shown where it is transparent.

        Returns
        -------
        image
            The image, mode ``RGB``.

        Raises
        ------
        BadFile
            Names the image, which is damaged or gone.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"no image {number}; valid: 0 to {len(self) - 1}")
        name = self._paths[number]
        if self.kind == "drawn":
            return draw(self.seed, int(number))
        if self._archive is not None:
            called = f"{self.source}/{name}"
            member = Member(*map(int, self._members[number]))
            content = self._archive.read(member, f"image file '{called}'")
            return decode_image(io.BytesIO(content), called, background)
        path = os.path.join(self.source, name) if self.kind == "folder" else name
        return read_image(path, background)
