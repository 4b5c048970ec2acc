"""The embedded model: a small network that names toy blocks, and the scenes it was trained on."""
