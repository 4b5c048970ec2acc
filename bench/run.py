"""Measure what the documentation claims: `make bench`, or `python bench/run.py SECTION ...`."""

from __future__ import annotations

import argparse
import itertools

import all_labels
import grids
import ground_truth
import other_speed
import rendering
import truth_channels
import truth_positions

SECTIONS = {
    "speed": (all_labels, other_speed),
    "render": (rendering,),
    "grids": (grids,),
    "truth": (ground_truth, truth_positions, truth_channels),
}


def main() -> None:
    """Run the chosen sections, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    for part in itertools.chain(*SECTIONS.values()):
        part.add_options(parser)
    options = parser.parse_args()
    for name in options.sections or SECTIONS:
        if name not in SECTIONS:
            parser.error(f"unknown section '{name}'; valid: {', '.join(SECTIONS)}")
        for part in SECTIONS[name]:
            part.run(options)


if __name__ == "__main__":
    main()
