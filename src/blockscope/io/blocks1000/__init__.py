"""Scenes of toy blocks, drawn by number: the images that the embedded network was made for."""
