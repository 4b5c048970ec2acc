"""Break runs of a tiny project in many ways, and check what comes after: `make bench-faults`.

Each round takes a copy of a finished project without (most of) its results, lets a fault happen,
and runs one command (and `--unlock` where Snakemake says so; a damaged file is deleted where the
message names it). Then every result must equal the undisturbed one bit for bit, no process and no
temporary file may be left, and no command may have printed a traceback.

Printed are for each kind of fault: the rounds tried, those survived, and those whose disturbed
command ended with words that say why. Exit status: 1 where a round was not survived.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from bench.faults.rounds import KINDS, Outcome, Round, play
from bench.faults.trial import Undisturbed


def main() -> int:
    """Run the rounds, kind by kind in turn, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2, help="of each kind")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first round; then one more each"
    )
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND",
                        help=f"any of {', '.join(KINDS)} (default: all)")  # fmt: skip
    parser.add_argument(
        "--at-once", type=int, default=os.cpu_count(), metavar="N", help="rounds (default: cores)"
    )
    options = parser.parse_args()
    # A shell lets what it starts in the background ignore interrupts, and all that this starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="blockscope-faults-"))
    undisturbed = Undisturbed(folder)
    print(f"Undisturbed, without the network: {undisturbed.seconds:.0f} s", flush=True)
    seeds = range(options.seed, options.seed + options.rounds)
    rounds = [Round(kind, seed) for seed in seeds for kind in options.kind]
    seen = []
    try:
        for outcome in _played(undisturbed, rounds, folder, options.at_once):
            print(outcome, flush=True)
            seen.append(outcome)
    except KeyboardInterrupt:
        print("Stopped early.")
    _print_table(seen)
    if any(outcome.broken is not None for outcome in seen):
        return 1
    shutil.rmtree(folder)
    return 0


def _played(
    undisturbed: Undisturbed, rounds: list[Round], folder: Path, at_once: int
) -> Iterator[Outcome]:
    """Yield what comes of each round as it ends; each process plays one at a time.

    Processes, not threads: a round sets the temporary folder of all that its process starts.
    """
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, mp_context=fresh) as players:
        begun = [players.submit(play, undisturbed, one, folder) for one in rounds]
        try:
            for ended in as_completed(begun):
                yield ended.result()
        finally:
            players.shutdown(cancel_futures=True)


def _print_table(seen: list[Outcome]) -> None:
    """Print how many rounds of each kind were tried, survived and told, and those that were not."""
    met = [outcome for outcome in seen if not outcome.missed]
    tried = Counter(outcome.round.kind for outcome in met)
    survived = Counter(outcome.round.kind for outcome in met if outcome.broken is None)
    told = Counter(outcome.round.kind for outcome in met if outcome.told)
    print(f"{'kind':16}  tried  survived  told")
    for kind in tried:
        print(f"{kind:16} {tried[kind]:6d} {survived[kind]:9d} {told[kind]:5d}")
    for outcome in met:
        if outcome.broken is not None:
            one = outcome.round
            print(f"--kind {one.kind} --seed {one.seed} --rounds 1: {outcome.fault}: "
                  f"{outcome.broken}\n    {outcome.folder}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
