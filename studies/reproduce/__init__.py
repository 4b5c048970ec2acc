"""Published numbers, measured again: `python -m studies.reproduce`."""
