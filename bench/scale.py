"""How long planning takes for a long table of runs: `make bench-scale`.

Each size is a project of random images, planned by `snakemake -n` with the workflow and with a bare
workflow of the same jobs and files (`bare_workflow.smk`), which shows what Snakemake itself needs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from bench.own_process import ROOT
from blockscope.config.result_paths import Files, page_files, panel_files, printed_files
from blockscope.config.settings import RunRow

OVERRIDES = ("none", "smooth", "smooth-blur")
LAYERS = (("mixed4d", "mixed5a"), ("mixed4a", "mixed4d"))
PANELS = "factors,spatial,channels"
COLUMNS = ("run", "model", "image", "layer1", "layer2", "override", "panels")


@dataclass(frozen=True)
class Measured:
    """What a command took (seconds, CPU seconds, peak MiB) and printed."""

    wall: float
    cpu: float
    peak: float
    output: str


def main() -> None:
    """Print a line for each number of rows, planned by the workflow and by the bare one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 300, 1000], metavar="N")
    parser.add_argument("--images", type=int, help="different images (default: one for each row)")
    parser.add_argument("--images-checked", type=int, default=10000, metavar="N")
    options = parser.parse_args()
    print(
        "Planning with snakemake -n: seconds (CPU seconds), peak MiB; rows of blocks1000, "
        f"{len(OVERRIDES)} overrides, {len(LAYERS)} pairs of layers, panels {PANELS}"
    )
    print(f"{'rows':>6} {'jobs':>7}   {'workflow':^24}   {'bare workflow':^24}   ratio")
    for rows in options.rows:
        with tempfile.TemporaryDirectory(prefix="blockscope-scale-") as name:
            folder = Path(name)
            write_project(folder, rows, options.images or rows)
            plan(folder, ROOT / "Snakefile", "results/figures/r0/factors.png")  # makes the card
            ours = plan(folder, ROOT / "Snakefile")
            bare = plan(folder, ROOT / "bench" / "bare_workflow.smk")
        print(
            f"{rows:6d} {jobs_in(ours.output):7d}   {_words(ours)}   {_words(bare)}   "
            f"{ours.cpu / bare.cpu:.2f} (of {jobs_in(bare.output)} jobs)",
            flush=True,
        )
    with tempfile.TemporaryDirectory(prefix="blockscope-scale-") as name:
        print_checks(Path(name), options.images_checked)


def write_project(folder: Path, rows: int, images: int) -> None:
    """Write the config, its tables and small images."""
    noise = np.random.default_rng(3)
    (folder / "config").mkdir()
    table = ["image\tpath"]
    for number in range(images):
        pixels = noise.integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"i{number}.png")
        table.append(f"i{number}\ti{number}.png")
    (folder / "config" / "images.tsv").write_text("\n".join(table) + "\n")
    resources = ROOT / "src/blockscope/resources" / "blocks1000"
    entry = {
        "graph": str(resources / "graph.pb"),
        "input": {"tensor": "input", "size": [224, 224], "range": [-117, 138]},
        "logits": "softmax2_pre_activation",
        "labels": str(resources / "labels.json"),
    }
    (folder / "config" / "models.yaml").write_text(json.dumps({"blocks1000": entry}))
    settings = {name: f"config/{name}.tsv" for name in ("images", "runs")}
    (folder / "config" / "config.yaml").write_text(
        json.dumps({"models": "config/models.yaml", **settings})
    )
    found = [_row(number, images) for number in range(rows)]
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(row.values()) for row in found]
    (folder / "config" / "runs.tsv").write_text("\n".join(lines) + "\n")
    (folder / "runs.json").write_text(json.dumps({row["run"]: _files(row) for row in found}))


def _row(number: int, images: int) -> dict[str, str]:
    """Return a row; rows of the same image differ in override and layers."""
    image, turn = number % images, number // images + number % images
    earlier, later = LAYERS[turn // len(OVERRIDES) % len(LAYERS)]
    cells = (f"r{number}", "blocks1000", f"i{image}", earlier, later)
    return dict(zip(COLUMNS, (*cells, OVERRIDES[turn % len(OVERRIDES)], PANELS), strict=True))


def _files(row: dict[str, str]) -> dict[str, object]:
    """Return what the bare workflow has to know of a run: its files, but no config."""
    run = RunRow.model_validate(row)

    def flat(files: Files) -> list[str]:
        listed = [path if isinstance(path, list) else [path] for path in files.values()]
        return list(dict.fromkeys(path for paths in listed for path in paths))

    return {
        "panels": {panel: flat(panel_files(run, panel, 6)) for panel in run.panels},
        "files": flat(page_files(run, 6)),
        "printed": printed_files(run),
        "page": f"results/figures/{run.run}/index.html",
    }


def plan(folder: Path, snakefile: Path, *targets: str) -> Measured:
    """Plan a project with a workflow; raises ``SystemExit`` with its output if it fails."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--cores", "2"]
    command += ["--snakefile", str(snakefile), "--directory", str(folder), *targets]
    return measured(command, folder)


def measured(command: Sequence[str], folder: Path, status: int = 0) -> Measured:
    """Run a command in a folder and measure its time and memory, children included."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryFile("w+") as captured:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=captured, stderr=captured
        )
        _, ended, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(ended)
        captured.seek(0)
        text = captured.read()
    if process.returncode != status:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{text[-3000:]}")
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text)


def jobs_in(output: str) -> int:
    """Return the number of jobs that a dry run counts."""
    found = re.search(r"^total +(\d+)$", output, re.MULTILINE)
    return int(found[1]) if found else 0


def _words(one: Measured) -> str:
    return f"{one.wall:6.1f} s ({one.cpu:5.1f}) {one.peak:5.0f} MiB"


def print_checks(folder: Path, images: int) -> None:
    """Print what checking as many rows and images takes: new ones, cached ones, wrong ones."""
    write_project(folder, images, images)
    check = (
        "import json, blockscope.config.checks as c\n"
        "try: print(len(c.load_project(json.load(open('config/config.yaml'))).runs), 'sound')\n"
        "except c.BadConfig as error: print(str(error).splitlines()[0])"
    )
    command = [sys.executable, "-c", check]
    runs = folder / "config" / "runs.tsv"
    lines = runs.read_text()
    runs.write_text("".join(lines.splitlines(keepends=True)[:2]))
    measured(command, folder)  # makes the network's card
    runs.write_text(lines)
    print(f"Checking {images} rows with as many images")
    for what in ("not in the cache", "in the cache"):
        print(f"  {what:18} {_words(measured(command, folder))}")
    runs.write_text(lines.replace("\tmixed5a\t", "\tmixed9\t"))
    wrong = measured(command, folder)
    print(f"  {'half of them wrong':18} {_words(wrong)}: {wrong.output.strip()}")


if __name__ == "__main__":
    main()
