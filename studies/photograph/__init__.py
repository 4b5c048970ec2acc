"""A photograph through a network of ImageNet: the figures of the first page and the gallery."""
