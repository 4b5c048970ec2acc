"""Gradient ascent on pictures: what makes a channel, a neuron or a direction of a layer respond.

Arrays in, arrays out: nothing here reads or writes a file.
"""
