"""Studies, run from a checkout: how blocks1000 was trained, and the article's numbers."""
