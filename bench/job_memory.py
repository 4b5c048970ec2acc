"""Peak memory of each rule's jobs beside what the rule asks for, by `compute.memory_mb`.

One row over a network of InceptionV1's full size runs through Snakemake, each job in a process of
its own; few sprites, steps and images, as memory depends on the size of a batch alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from ast import literal_eval
from collections import defaultdict
from pathlib import Path

from bench.all_labels import INPUT, LOGITS
from bench.full_size import write_full_size
from bench.own_process import ROOT
from bench.scale import measured

COLUMNS = {
    "run": "one",
    "model": "full",
    "image": "two",
    "layer1": "mixed4a",
    "layer2": "mixed4d",
    "override": "none",
    "classes": "label 1|label 2",
    "factors": "2 joint",
    "methods": "linear,path",
    "panels": "factors,spatial,channels,channel_methods,neuron_groups,flow,trust",
    "flow": "mixed3b,mixed4a,mixed4d",
    "dataset": "scenes",
}
IMAGE = {
    "image": "two",
    "path": "blockscope:scenes/two.png",
    "mask": "blockscope:scenes/two.mask.png",
    "objects": "#010101=label 1|#020202=label 2",
}
SCENES = {"dataset": "scenes", "path": "drawn:blocks1000", "count": "64", "seed": "0"}
SETTINGS = {
    "sprites": {"recipe": "draft"},
    "neuron_groups": {"count": 2},
    "grids": {"steps": 2},
}
TARGETS = (
    "results/figures/one/factors.png",
    "results/figures/one/spatial.png",
    "results/figures/one/flow.png",
    "results/figures/one/trust.png",
    "results/full/two/none/channels/mixed4d.h5",
    "results/full/two/none/drivers/mixed4a--mixed4d.h5",
    "results/full/two/grids/mixed4d-plain.png",
    "results/full/two/groups/mixed4d-2-sprites.png",
    "results/models/full/sprites/mixed4d-channels-0-15.png",
    "results/models/full/datasets/scenes/mixed4d.png",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this section."""
    parser.add_argument(
        "--limits", type=int, nargs="+", default=[256, 1024, 8192], help="compute.memory_mb"
    )


def run(options: argparse.Namespace) -> None:
    """Print a line for each rule: for each limit the largest peak, and what was asked for."""
    found: dict[str, dict[int, tuple[float, float]]] = defaultdict(dict)
    for limit in options.limits:
        with tempfile.TemporaryDirectory(prefix="blockscope-memory-") as name:
            folder = Path(name)
            _write_project(folder, options.graph, limit)
            command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
            command += ["--cores", "1", "--executor", "local", "--benchmark-extended", *TARGETS]
            measured(command, folder)
            for rule, peaks in _peaks(folder / "benchmarks").items():
                found[rule][limit] = peaks
    print("\nPeak MB of each rule's largest job / MB that it asks for, by compute.memory_mb")
    print(f"  {'rule':24}" + "".join(f"{limit:>16}" for limit in options.limits))
    for rule, by_limit in sorted(found.items()):
        cells = (by_limit.get(limit) for limit in options.limits)
        words = (f"{peak:.0f} / {asked:.0f}" if cell else "-" for cell in cells
                 for peak, asked in [cell or (0, 0)])  # fmt: skip
        over = any(peak > asked for peak, asked in by_limit.values())
        print(f"  {rule:24}" + "".join(f"{one:>16}" for one in words) + "  over" * over)


def _write_project(folder: Path, graph: Path | None, limit: int) -> None:
    full = graph or write_full_size(folder / "full.pb")
    (folder / "labels.json").write_text(json.dumps([f"label {n}" for n in range(1008)]))
    entry = {
        "graph": str(full),
        "input": {"tensor": INPUT, "size": [224, 224], "range": [-117, 138]},
        "logits": LOGITS,
        "labels": str(folder / "labels.json"),
    }
    tables = {"runs": COLUMNS, "images": IMAGE, "datasets": SCENES}
    for name, row in tables.items():
        lines = ("\t".join(row), "\t".join(row.values()))
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    (folder / "models.json").write_text(json.dumps({"full": entry}))
    settings = {"models": "models.json", **{name: f"{name}.tsv" for name in tables}}
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text(
        json.dumps({**settings, **SETTINGS, "compute": {"memory_mb": limit}})
    )


def _peaks(benchmarks: Path) -> dict[str, tuple[float, float]]:
    """Return for each rule its largest peak, and the memory that it asked for, in MB."""
    found: dict[str, tuple[float, float]] = {}
    for path in benchmarks.rglob("*.tsv"):
        (line,) = csv.DictReader(path.open(), delimiter="\t")
        peak, asked = float(line["max_rss"]), float(literal_eval(line["resources"])["mem_mb"])
        rule = line["rule_name"]
        found[rule] = max(found.get(rule, (0.0, 0.0)), (peak, asked))
    return found
