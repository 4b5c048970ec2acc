"""The network in normal form, and the image as it sees it."""
