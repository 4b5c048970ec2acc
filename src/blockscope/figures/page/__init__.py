"""Pages to explore in a browser. ``packers``: what the panels of a run's page read."""
