"""The embedded network, which names toy blocks, and the scenes that it was trained on."""
