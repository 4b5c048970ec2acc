"""Published numbers, measured again: `python -m blockscope.reproduce`."""
