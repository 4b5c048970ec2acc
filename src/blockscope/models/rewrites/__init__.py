"""Rewriting a graph into plain operations, each in a file of its own."""
