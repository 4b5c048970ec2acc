"""A frozen graph of named nodes: walking it, reading, running, checking and making operations."""
