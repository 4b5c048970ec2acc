"""Measure what the documentation states: `make bench`, or `python -m bench.run SECTION ...`."""

from __future__ import annotations

import argparse
import itertools

from bench import (
    ablation_speed,
    all_labels,
    checksums,
    data_sets,
    exemplar_truth,
    file_sizes,
    first_result,
    grids,
    ground_truth,
    hard_ground_truth,
    job_memory,
    positions_and_channels_speed,
    random_orders,
    randomised,
    rendering,
    scores_speed,
    sweep_speed,
    truth_channels,
    truth_positions,
)
from bench.faults import killed_sweep

SECTIONS = {
    "speed": (
        all_labels, positions_and_channels_speed, first_result, ablation_speed, scores_speed,
    ),
    "render": (rendering,),
    "grids": (grids,),
    "files": (checksums, file_sizes),
    "memory": (job_memory,),
    "datasets": (data_sets, sweep_speed),
    "exemplars": (exemplar_truth,),
    "killed": (killed_sweep,),
    "truth": (ground_truth, hard_ground_truth, truth_positions, truth_channels),
    "orders": (random_orders,),
    "randomised": (randomised,),
}  # fmt: skip


def main() -> None:
    """Run the chosen sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help=f"any of {', '.join(SECTIONS)} (default: all)",
    )
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
