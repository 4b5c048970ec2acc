"""Pages to explore in a browser."""
