"""What jobs are likely to take: seconds as in earlier benchmarks, bytes as in earlier results."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from statistics import median

from blockscope.config.settings import Config
from blockscope.feature_visualization.named_recipes import find_recipe
from blockscope.feature_visualization.unit_selection import read_numbers
from blockscope.io import provenance
from blockscope.io.datasets import ENDINGS
from blockscope.io.errors import BlockscopeError

START = 3.0  # seconds before a forked job renders: the network, tracing
# The words of a result's path that say what it is; the other parts are names.
WORDS = frozenset(
    {"ablation", "activations", "channels", "classes", "datasets", "drivers", "factors", "figures"}
    | {"grids", "groups", "models", "neurons", "positions", "results", "sanity", "scores", "shards"}
    | {"sprites"}
)


@dataclass(frozen=True)
class Job:
    """A job that Snakemake would run.

    Attributes
    ----------
    rule
        Its rule.
    benchmark
        The file of its measurements.
    outputs
        The files that it writes.
    threads
        That it uses.
    gpus
        That it takes.
    """

    rule: str
    benchmark: str
    outputs: tuple[str, ...]
    threads: int = 1
    gpus: int = 0

    @property
    def name(self) -> tuple[str, ...]:
        """The parts of its benchmark's path below the rule, such as network, image and layer."""
        return _name(Path(self.benchmark))


class Estimates:
    """What jobs of this folder took, and what others are likely to take.

    An unknown figure is the median of the most similar known ones: of the same first and last name
    (network and layer), of the same first, of all of their kind, or what comes with the package.
    """

    def __init__(self, settings: Config) -> None:
        self.settings = settings
        self.figures: dict[tuple[object, ...], list[float]] = defaultdict(list)
        self.medians: dict[tuple[object, ...], float] = {}
        for path in sorted(Path("benchmarks").rglob("*.tsv")):
            rule, seconds = path.parts[1], _seconds(path)
            done = _rendered(rule, _name(path)) if seconds is not None else None
            if seconds is not None and done is not None:
                self._note(rule, _name(path), _for_work(seconds, 1 / done))
        for path in Path("results").rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                self._note(*_kind(path), path.stat().st_size)

    def seconds(self, job: Job) -> tuple[float, bool]:
        """Return for how long a job is likely to run, and whether jobs of this folder say so."""
        found = self._find(job.rule, job.name)
        seconds = shipped()[job.rule][0] if found is None else found
        return _for_work(seconds, _to_render(job, self.settings)), found is not None

    def bytes(self, job: Job) -> tuple[float, bool]:
        """Return what a job is likely to add to the disk, and whether results here say so."""
        new = [Path(output) for output in job.outputs if not Path(output).exists()]
        sizes = [self._find(*_kind(path)) for path in new]
        known = [size for size in sizes if size is not None]
        return (sum(known), True) if len(known) == len(new) else (shipped()[job.rule][1], False)

    def _note(self, kind: object, name: tuple[str, ...], figure: float) -> None:
        for key in _keys(kind, name):
            self.figures[key].append(figure)

    def _find(self, kind: object, name: tuple[str, ...]) -> float | None:
        key = next((key for key in _keys(kind, name) if key in self.figures), None)
        if key is not None and key not in self.medians:
            self.medians[key] = median(self.figures[key])
        return None if key is None else self.medians[key]


@cache
def shipped() -> dict[str, tuple[float, float]]:
    """Return seconds and bytes of a job of each rule, as they come with the package."""
    text = resources.files("blockscope.runtime").joinpath("estimates.tsv").read_text("utf-8")
    rows = csv.reader(text.splitlines(), delimiter="\t")
    return {row[0]: (float(row[1]), float(row[2])) for row in rows if row[0][0] != "#"}


def _keys(kind: object, name: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    yield kind, name
    if name:
        yield kind, name[0], name[-1]
        yield kind, name[0]
    yield (kind,)


def _name(benchmark: Path) -> tuple[str, ...]:
    return benchmark.with_suffix("").parts[2:]


def _kind(result: Path) -> tuple[object, tuple[str, ...]]:
    """Return what a result is, and the names in its path."""
    *folders, last = result.parts
    ending = next((e for e in ENDINGS if last.endswith(e)), result.suffix)
    words = tuple(folder for folder in folders if folder in WORDS)
    names = (*(folder for folder in folders if folder not in WORDS), last.removesuffix(ending))
    return (words, ending), names


def _seconds(benchmark: Path) -> float | None:
    try:
        with open(benchmark, encoding="utf-8", newline="") as handle:
            return float(next(csv.DictReader(handle, delimiter="\t"))["s"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None


def _for_work(seconds: float, work: float) -> float:
    """Return the seconds of ``work`` times as much: the start of a job takes the same."""
    return min(START, seconds) + max(seconds - START, 0.0) * work if work != 1 else seconds


def _to_render(job: Job, settings: Config) -> float:
    """Return what a job renders, in images of 64 pixels and 64 steps; 1 for other jobs."""
    grids = settings.grids
    if job.rule == "render_grid":
        return _images(grids.cells_per_step, grids.cell_size, grids.steps)
    if job.rule.startswith("render_") and settings.sprites.recipe != "none":
        recipe = find_recipe(settings.sprites.recipe)
        return _images(len(read_numbers(job.name[-1])), recipe.size, recipe.steps)
    return 1.0


def _rendered(rule: str, name: tuple[str, ...]) -> float | None:
    """Return what a finished job rendered; None if its result is no longer there."""
    if not rule.startswith("render_"):
        return 1.0
    *above, last = name
    path = {
        "render_sprites": Path("results/models", *above[:1], "sprites/shards", *above[1:]),
        "render_group_sprites": Path("results", *above[:2], "groups/shards", *above[2:]),
        "render_grid": Path("results", *above, "grids"),
    }[rule] / (f"{last}.zarr.zip" if rule == "render_grid" else f"{last}.h5")
    try:
        facts = provenance.read(path)
        count = int(facts["cells_per_step"]) if rule == "render_grid" else len(read_numbers(last))
        return _images(count, int(facts["size"]), int(facts["steps"]))
    except (BlockscopeError, OSError, KeyError, ValueError):
        return None


def _images(count: int, size: int, steps: int) -> float:
    return count * (size / 64) ** 2 * (steps / 64)
