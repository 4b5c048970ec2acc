"""A sweep over many images that is killed at random moments, beside one that is not.

JPEG files of random colours, two layers of a tiny network, activations and relevance. The command
is killed (SIGKILL, with all of its jobs) as often as asked, and started again; the other one has
another number of jobs. Both must end with the same results, bit for bit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from helpers.tiny_project import Project, prepare
from PIL import Image

from bench.compare_results import compare_folders
from bench.comparison import words_of
from blockscope.config.result_paths import exemplars_file

MODEL, DATASET, LAYERS = "tiny", "photos", ("low", "block/high")
TARGETS = [exemplars_file(MODEL, DATASET, layer) for layer in LAYERS]
RESULTS = f"results/models/{MODEL}/datasets/{DATASET}"
PER_FOLDER = 1000
AT_WORK = 15.0  # seconds: by then a command has begun to look at images


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the number of images and of kills."""
    parser.add_argument("--killed-images", type=int, default=3000, help="of a sweep that is killed")
    parser.add_argument("--kills", type=int, default=10, help="of that sweep")


def run(options: argparse.Namespace) -> None:
    """Print time, memory and whether the results are equal."""
    count, kills = options.killed_images, options.kills
    print(f"\nSweep over {count:,} images, {kills} kills beside none")
    with tempfile.TemporaryDirectory(prefix="blockscope-killed-") as name:
        folder = Path(name)
        _write_images(folder / "images", count)
        whole = Project(folder / "whole")
        prepare(whole, added_to_jobs="")
        head, first, *_ = whole.path("config/runs.tsv").read_text().splitlines()
        whole.write("config/runs.tsv", f"{head}\tdataset\n{first}\t{DATASET}\n")
        killed = whole.copied(folder / "killed")
        for project, jobs in ((whole, 3), (killed, 4)):
            row = f"{DATASET}\t{folder / 'images'}\t{jobs}"
            project.write("config/datasets.tsv", f"dataset\tpath\tjobs\n{row}\n")
        began = time.monotonic()
        _finish(whole)
        seconds = time.monotonic() - began
        used = pd.concat(map(pd.read_table, whole.path("benchmarks/sweep").rglob("*.tsv")))
        print(
            f"  3 jobs, not killed: {seconds:.0f} s, {used['cpu_time'].sum():.0f} s of CPU time; "
            f"at most {used['max_rss'].max():.0f} MiB a job",
            flush=True,
        )
        # Twice the mean: the kills are spread over the whole sweep, which goes on each time.
        latest = max(2 * seconds / kills, AT_WORK)
        moments = np.random.default_rng(0).uniform(0, latest, kills)
        for place, moment in enumerate(moments):
            while not _killed_after(killed, moment):  # it had ended: from the beginning, and sooner
                shutil.rmtree(killed.path(RESULTS))
                moment /= 2
            moments[place] = moment
        _finish(killed)
        for project in (whole, killed):
            shutil.rmtree(project.path(f"{RESULTS}/shards"))  # of which there are 3, and 4
        report = compare_folders(whole.path(RESULTS), killed.path(RESULTS), {})
        same = not (report.differ or report.texts or report.provenance)
        print(
            f"  4 jobs, killed after {', '.join(f'{moment:.0f}' for moment in moments)} s: "
            f"{'the same results' if same else words_of(report, ignore_texts=False)}",
            flush=True,
        )


def _write_images(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number // PER_FOLDER:03d}" / f"{number:07d}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((120, 96)).save(path, quality=90)


def _finish(project: Project) -> None:
    done = project.snakemake(*TARGETS)
    if done.returncode:
        raise SystemExit(f"the sweep failed:\n{done.stdout[-3000:]}")


def _killed_after(project: Project, seconds: float) -> bool:
    """Start the command, kill it and all of its jobs; False where it had ended before."""
    process = subprocess.Popen(
        [*project.command, *TARGETS], cwd=project.folder, env=project.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    with suppress(subprocess.TimeoutExpired):
        if process.wait(seconds):
            raise SystemExit("the sweep failed before it was killed")
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    project.snakemake("--unlock")
    return True
