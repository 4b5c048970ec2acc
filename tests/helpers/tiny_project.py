"""A copy of the project with a tiny network, driven by the real Snakemake."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from blockscope.io.code_digest import import_closure
from helpers.parsed_rules import parsed_rules
from helpers.repository import ROOT, files_in

PARTS = ("Snakefile", "workflow", "profiles", "envs", "config", "src")
LIMIT = 900  # seconds for one command, which many others may slow: against hanging alone

# Added to the package of the copy: notes which of its modules each job really uses.
RECORDER = """

_run = run


def run(smk, main):
    import json, sys

    stage = STAGES.get(stage_of(smk.rule))
    if stage is None or stage.library != "none":
        import tensorflow  # before recording, which makes its import slow

    folder = __file__.rsplit("/", 2)[0]
    used = set()

    seen = set()

    def note(frame, event, argument):  # returns None: the lines of the function are not traced
        code = frame.f_code
        if code not in seen:
            seen.add(code)
            file = code.co_filename
            if file.startswith(folder) and file.endswith(".py"):  # no template, which is code too
                used.add(frame.f_globals["__name__"])

    def recorded(smk):
        sys.settrace(note)
        try:
            main(smk)
        finally:
            sys.settrace(None)

    _run(smk, recorded)
    Path("used").mkdir(exist_ok=True)
    name = "-".join([smk.rule, *map(str, smk.wildcards)]).replace("/", "~")
    Path("used", f"{name}.json").write_text(json.dumps([smk.rule, sorted(used)]))
"""
# A job's surroundings, which do not count for its result; and what all of them import.
SURROUNDINGS = {"blockscope", "blockscope.runtime.job"}


class Project:
    """A folder with the workflow, its package and settings, in which snakemake is run.

    The package may be in another folder, ``home``.
    """

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self.folder = folder
        self.home = home or folder

    def unmade(self, folder: Path) -> Project:
        """Copy all but what Snakemake made, also while it is at work here.

        Cards of networks are kept: looking into a network takes seconds, and is tested elsewhere.
        """
        made = shutil.ignore_patterns("results", "logs", "benchmarks", "used", "tmp*")

        def left_out(place: str, names: list[str]) -> set[str]:
            inside = Path(place).name == ".snakemake"
            return set(names) - {"blockscope"} if inside else made(place, names)

        return Project(shutil.copytree(self.folder, folder, ignore=left_out))

    def copied(self, folder: Path) -> Project:
        """Copy all of it, with what is made."""
        return Project(shutil.copytree(self.folder, folder))

    def path(self, relative: str) -> Path:
        return self.folder / relative

    def write(self, relative: str, text: str) -> None:
        self.path(relative).parent.mkdir(parents=True, exist_ok=True)
        self.path(relative).write_text(text)

    def edit(self, relative: str, old: str, new: str) -> None:
        text = self.path(relative).read_text()
        assert old in text, f"'{old}' is not in {relative}"
        self.path(relative).write_text(text.replace(old, new, 1))

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--cores", "2"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.home / "src"), "PYTHONDONTWRITEBYTECODE": "1"}

    def snakemake(self, *arguments: str, **options) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT,
            **options,
        )

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule would run."""
        return self.planned_and_changed(*arguments)[0]

    def planned_and_changed(self, *arguments: str) -> tuple[dict[str, int], set[str]]:
        """Return the jobs of each rule that would run, and the rules with changed code or settings.

        A rule whose input is made anew as well is not among the latter: Snakemake gives that reason
        alone.
        """
        done = self.snakemake("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout
        if "Nothing to be done" in done.stdout:
            return {}, set()
        table = done.stdout.split("total", 1)[0].split("Job stats:", 1)[1]
        jobs = {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
        jobs.pop("all", None)  # the default target, which runs nothing
        found = re.search(r"params have changed since last execution:\n +(.+)\n", done.stdout)
        return jobs, set(found[1].split(", ")) if found else set()

    def asked_and_written(self) -> tuple[list[str], list[str]]:
        """Return the files that the default target asks for, and those that its jobs write."""
        ask = 'Path("asked").write_text("\\n".join(everything(None)))'
        self.write("Snakefile", f"{self.path('Snakefile').read_text()}\n{ask}\n")
        done = self.snakemake("--summary")
        assert done.returncode == 0, done.stdout
        table = [line.split("\t")[0] for line in done.stdout.splitlines() if "\t" in line]
        return self.path("asked").read_text().splitlines(), table[1:]

    def uncounted_modules(self) -> dict[str, set[str]]:
        """Return for each rule what its jobs used of the package without being in its digest."""
        found: dict[str, set[str]] = {}
        for path in files_in(self.path("used"), "*.json"):
            rule, used = json.loads(path.read_text())
            assert len(used) > 1, rule
            found.setdefault(rule, set()).update(used)
        for rule, used in found.items():
            script = self.path(f"workflow/scripts/{parsed_rules()[rule].script}.py")
            used -= {*import_closure(script, self.path("src/blockscope")), *SURROUNDINGS}
        return found

    def results(self) -> dict[str, int]:
        """Return all result files with their times of change; no file that is half written."""
        files = [path for path in self.path("results").rglob("*") if path.is_file()]
        assert not [path for path in files if path.name.endswith(".part")]
        return {str(path.relative_to(self.folder)): path.stat().st_mtime_ns for path in files}


def write_tiny_network(path: Path) -> None:
    """Write a frozen graph: input (160, 200) -> low -> pool -> high -> logits of 6 classes."""
    import tensorflow as tf

    rng = np.random.default_rng(5)

    def weights(*shape: int) -> tf.Tensor:
        return tf.constant(rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1])), tf.float32)

    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None, 160, 200, 3], name="input")
        low = tf.nn.relu(tf.nn.conv2d(x, weights(5, 5, 3, 4), 20, "SAME"), name="low")
        pool = tf.nn.max_pool2d(low, 3, 2, "SAME", name="pool")
        high = tf.nn.relu(tf.nn.conv2d(pool, weights(3, 3, 4, 5), 1, "SAME"), name="block/high")
        logits = tf.matmul(tf.reduce_mean(high, [1, 2]), weights(5, 6) * 3, name="logits")
        tf.nn.softmax(logits, name="softmax")
    path.write_bytes(graph.as_graph_def().SerializeToString())


def row(
    run: str, override="smooth", factors="2 joint", layer2="block/high", classes="bee", panels=""
) -> str:
    cells = (run, "tiny", "noise", "low", layer2, override, factors, classes, panels)
    return "\t".join(cells) + "\n"


@contextmanager
def one_at_a_time(folder: Path, what: str = "lock") -> Iterator[None]:
    """Let one process of the tests in, so that what it makes is made once for all of them."""
    with open(folder / what, "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(project: Project, added_to_jobs: str = RECORDER) -> None:
    """Write the copy, its tiny network, its picture and its settings.

    ``added_to_jobs``: text behind the module that runs every job.
    """
    project.folder.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, project.path(part), ignore=ignore)
        else:
            shutil.copy2(ROOT / part, project.path(part))
    job = (project.path("src/blockscope/runtime/job.py")).read_text()
    project.write("src/blockscope/runtime/job.py", job + added_to_jobs)
    noise = np.random.default_rng(7).integers(0, 256, (160, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(project.path("noise.png"))
    write_tiny_network(project.path("tiny.pb"))
    project.write("labels.json", json.dumps(["none", "ant", "bee", "cow", "dog", "elk"]))
    project.write(
        "config/models.yaml",
        "tiny:\n  graph: tiny.pb\n  input: {tensor: input, size: [160, 200], range: [-1, 1]}\n"
        "  logits: logits\n  labels: labels.json\n  skip_labels: 1\n",
    )
    project.write("config/images.tsv", "image\tpath\nnoise\tnoise.png\n")
    header = "run\tmodel\timage\tlayer1\tlayer2\toverride\tfactors\tclasses\tpanels\n"
    panels = "factors,spatial,channels,channel_methods,neuron_groups"
    project.write("config/runs.tsv", header + row("one", panels=panels))
    settings = project.path("config/config.yaml").read_text()
    settings = settings.replace("sprites:\n  recipe", "# sprites:\n#   recipe")
    # Most of the time of a panel is that of compressing its pixels.
    settings = f"{settings}\nneuron_groups: {{count: 2}}\nfigure: {{dpi: 60}}\n"
    project.write("config/config.yaml", settings)
