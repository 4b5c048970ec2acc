"""Scores of maps over a layer's positions, whatever made them: arrays in, numbers out.

``cells``, ``curves``, ``infidelity``, ``sensitivity``, ``ground_truth``, ``sparseness`` judge a
map; ``sanity`` compares it with maps of networks with weights drawn anew.

A map says how much each position matters to a label: (row, col), behind any other axes.
"""
