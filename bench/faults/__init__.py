"""A campaign of faults: `make bench-faults`, or `python -m bench.faults`."""

import sys
from pathlib import Path

# What prepares a tiny project is shared with the tests.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
