"""Data sets of images: a folder, a list, a table, an archive, or scenes drawn by number."""

from blockscope.io.image_sets.image_set import ImageSet

__all__ = ["ImageSet"]
