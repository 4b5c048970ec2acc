"""Gradient ascent on pictures: what makes a channel, a neuron or a direction of a layer respond.

``climb`` and what it is made of take arrays and return arrays; ``finished``, ``shards`` and
``spritemaps`` are the stages, which read and write files.
"""
