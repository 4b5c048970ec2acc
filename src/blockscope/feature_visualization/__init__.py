"""Feature visualization: images that raise the response of a channel, neuron or direction.

Arrays in, arrays out; what reads and writes files is in ``blockscope.stages``.
"""
