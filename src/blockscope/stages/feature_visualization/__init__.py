"""Sprites and activation grids: cells rendered in parts, and put together."""
