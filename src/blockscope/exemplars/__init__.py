"""Exemplars: the images of a data set that drive each channel, and how channels respond to all."""
