"""Rewriting a graph into plain operations on several images, a file for each rewriting."""
