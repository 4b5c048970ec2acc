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
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.faults.files import ENDINGS, damage
from bench.faults.folders import linked, read_only, two_commands, two_projects, without_locks
from bench.faults.processes import full_disk, kill, small_files
from bench.faults.trial import Broken, Missed, Trial, Undisturbed

KINDS: dict[str, Callable[[Trial], None]] = {
    **{
        f"kill-{victim}": partial(kill, victim=victim)
        for victim in ("head", "job", "server", "group")
    },
    **({} if os.geteuid() else {"full-disk": full_disk}),
    "small-files": small_files,
    **{f"damage{ending}": partial(damage, ending=ending) for ending in ENDINGS},
    "two-commands": two_commands,
    "two-projects": partial(two_projects, damaged=False),
    "damaged-shared": partial(two_projects, damaged=True),
    "read-only": read_only,
    "linked": linked,
    **({"no-locks": without_locks} if shutil.which("cc") else {}),
}


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
    options = parser.parse_args()
    # A shell lets what it starts in the background ignore interrupts, and all that this starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="blockscope-faults-"))
    undisturbed = Undisturbed(folder)
    print(f"Undisturbed, without the network: {undisturbed.seconds:.0f} s", flush=True)
    tried, survived, told = Counter[str](), Counter[str](), Counter[str]()
    failed = []
    try:
        for seed in range(options.seed, options.seed + options.rounds):
            for kind in options.kind:
                rng = random.Random(f"{kind} {seed}")  # noqa: S311 - no secret
                trial = Trial(undisturbed, folder / f"{kind}-{seed}", rng)
                why = _broken(KINDS[kind], trial)
                if why is None:
                    continue
                tried[kind] += 1
                survived[kind] += not why
                told[kind] += trial.told
                if why:
                    failed.append(f"--kind {kind} --seed {seed} --rounds 1: {trial.fault}: {why}")
                    failed.append(f"    {trial.folder}")
    except KeyboardInterrupt:
        print("Stopped early.")
    print(f"{'kind':16}  tried  survived  told")
    for kind in tried:
        print(f"{kind:16} {tried[kind]:6d} {survived[kind]:9d} {told[kind]:5d}")
    print(*failed, sep="\n")
    if not failed:
        shutil.rmtree(folder)
    return int(bool(failed))


def _broken(fault: Callable[[Trial], None], trial: Trial) -> str | None:
    """Let a fault happen; return what did not hold, or None where the fault came too late.

    The folder is kept where anything did not hold.
    """
    why: str | None
    began, why, words = time.monotonic(), "", "survived"
    try:
        fault(trial)
        shutil.rmtree(trial.folder)
        words += ", told" if trial.told else ""
    except Missed:
        why, words = None, "came too late"
        shutil.rmtree(trial.folder)
    except KeyboardInterrupt:
        for process in trial.processes():
            process.kill()
        raise
    except Broken as error:
        why = words = str(error)
        (trial.folder / "said").write_text("\n======\n".join(trial.said))
    seconds = time.monotonic() - began
    print(f"{trial.folder.name} ({seconds:.0f} s): {trial.fault}: {words}", flush=True)
    return why


if __name__ == "__main__":
    sys.exit(main())
