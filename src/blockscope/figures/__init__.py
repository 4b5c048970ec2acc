"""Figures and pages: what is in the result files, drawn."""
