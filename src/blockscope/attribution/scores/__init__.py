"""Scores of maps over a layer's positions, whatever made them: arrays in, numbers out.

A map says how much each position matters to a label: (row, col), behind any other axes.
"""
