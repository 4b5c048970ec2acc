"""Scripts that measure and compare: run them as `python -m bench.NAME` from the checkout."""
