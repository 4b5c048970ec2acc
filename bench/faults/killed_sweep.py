"""A sweep over many images that is killed at random moments, beside one that is not.

JPEG files of random colours, two layers of a tiny network, activations and relevance. The command
is killed (SIGKILL, with all of its jobs) as often as asked, and started again; the other one has
another number of jobs. Both must end with the same bytes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from helpers.tiny_project import Project, prepare
from PIL import Image

from blockscope.config.result_paths import exemplars_file
from blockscope.io import datasets

MODEL, DATASET, LAYERS = "tiny", "photos", ("low", "block/high")
PER_FOLDER = 1000
LATEST = 0.8  # of the time without a kill: when a kill comes at most


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
        whole, killed = (
            _project(folder, kind, jobs) for kind, jobs in (("whole", 3), ("killed", 4))
        )
        began = time.monotonic()
        _finish(whole)
        seconds = time.monotonic() - began
        used = pd.concat(map(pd.read_table, whole.path("benchmarks/sweep").rglob("*.tsv")))
        print(
            f"  3 jobs, not killed: {seconds:.0f} s, {used['cpu_time'].sum():.0f} s of CPU time; "
            f"at most {used['max_rss'].max():.0f} MiB a job",
            flush=True,
        )
        moments = seconds * np.random.default_rng(0).uniform(0, LATEST, kills)
        late = 0
        for moment in moments:
            while not _killed_after(killed, moment):  # it had ended: from the beginning again
                late += 1
                shutil.rmtree(killed.path(f"results/models/{MODEL}/datasets"))
        _finish(killed)
        same = [_same_bytes(whole, killed, layer) for layer in LAYERS]
        print(
            f"  4 jobs, killed after {', '.join(f'{moment:.0f}' for moment in moments)} s "
            f"(and begun again {late} times, as it had ended before): "
            f"{'the same bytes' if all(same) else 'OTHER RESULTS'}",
            flush=True,
        )


def _write_images(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        path = folder / f"{number // PER_FOLDER:03d}" / f"{number:07d}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((120, 96)).save(path, quality=90)


def _project(folder: Path, name: str, jobs: int) -> Project:
    project = Project(folder / name)
    prepare(project, added_to_jobs="")
    columns = "dataset\tpath\tjobs\n"
    project.write("config/datasets.tsv", f"{columns}{DATASET}\t{folder / 'images'}\t{jobs}\n")
    head, first, *_ = project.path("config/runs.tsv").read_text().splitlines()
    project.write("config/runs.tsv", f"{head}\tdataset\n{first}\t{DATASET}\n")
    return project


def _targets() -> Iterator[str]:
    for layer in LAYERS:
        yield exemplars_file(MODEL, DATASET, layer)


def _finish(project: Project) -> None:
    done = subprocess.run(
        [*project.command, *_targets()], cwd=project.folder, env=project.environment, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"the sweep failed:\n{done.stdout[-3000:]}")


def _killed_after(project: Project, seconds: float) -> bool:
    """Start the command, kill it and all of its jobs; False where it had ended before."""
    process = subprocess.Popen(
        [*project.command, *_targets()], cwd=project.folder, env=project.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    project.snakemake("--unlock")
    return True


def _same_bytes(one: Project, other: Project, layer: str) -> bool:
    path = exemplars_file(MODEL, DATASET, layer)
    first, second = (datasets.read(project.path(path)) for project in (one, other))
    return set(first.variables) == set(second.variables) and all(
        first[name].dims == second[name].dims
        and first[name].to_numpy().tobytes() == second[name].to_numpy().tobytes()
        for name in first.variables
    )
