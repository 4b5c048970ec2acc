"""Measure what the documentation claims: `make bench`, or `python bench/run.py SECTION ...`."""

from __future__ import annotations

import argparse

import all_labels
import ground_truth
import truth_channels
import truth_positions

SECTIONS = {
    "speed": all_labels,
    "truth": ground_truth,
    "truth-positions": truth_positions,
    "truth-channels": truth_channels,
}


def main() -> None:
    """Run the chosen sections, by default all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    for section in SECTIONS.values():
        section.add_options(parser)
    options = parser.parse_args()
    for name in options.sections or SECTIONS:
        if name not in SECTIONS:
            parser.error(f"unknown section '{name}'; valid: {', '.join(SECTIONS)}")
        SECTIONS[name].run(options)


if __name__ == "__main__":
    main()
