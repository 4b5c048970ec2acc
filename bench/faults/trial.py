"""One round of a campaign: a copy of a finished project, and what must hold after its fault."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import time
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

import psutil
from helpers.tiny_project import LIMIT, Project, prepare, row

from bench.compare_results import compare_folders
from bench.comparison import words_of

GONE_WITHIN = 20.0  # seconds: a fork that lost its parent has 10 to remove its files
SETTINGS = "\nsprites: {recipe: draft, channels_per_job: 3}\n"
STARTED, ENDED = "Select jobs to execute", "Complete log(s):"
NETWORK = "results/models/tiny/model.json"


class Broken(Exception):
    """What did not hold."""


class Missed(Exception):
    """The command had ended before the fault."""


class Undisturbed:
    """The project that every round starts from, and how long its results take."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder / "undisturbed")
        prepare(self.project, added_to_jobs="")
        header = self.project.path("config/runs.tsv").read_text().splitlines()[0]
        panels = "spatial,factors,neuron_groups"
        self.project.write("config/runs.tsv", f"{header}\n{row('one', panels=panels)}")
        with self.project.path("config/config.yaml").open("a") as settings:
            settings.write(SETTINGS)
        self._run(NETWORK)
        began = time.monotonic()
        self._run()
        self.seconds = time.monotonic() - began

    def _run(self, *targets: str) -> None:
        done = self.project.snakemake(*targets)
        if done.returncode:
            raise SystemExit(f"the undisturbed run failed:\n{done.stdout}")


class Trial:
    """A folder for one round, its random numbers, and what its commands said.

    Its processes and no others have its temporary folder in their environment.
    """

    def __init__(self, undisturbed: Undisturbed, folder: Path, rng: random.Random) -> None:
        self.undisturbed, self.folder, self.rng = undisturbed, folder, rng
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        os.environ["TMPDIR"] = str(self.temporary)
        self.said: list[str] = []
        self.fault = ""
        self.told = False
        self.unavoidable: tuple[str, ...] = ()  # patterns of what may be left in that folder

    def project(self, name: str = "project", unmade: bool = True) -> Project:
        """Return a copy of the finished project; unmade: without what comes after the network."""
        project = self.undisturbed.project.copied(self.folder / name)
        if unmade:
            for part in ("results/tiny", "results/figures", "results/models/tiny/sprites"):
                shutil.rmtree(project.path(part))
            project.path("results/index.html").unlink()
        return project

    def start(self, project: Project) -> Command:
        """Start the command that makes everything, the head of a group of processes."""
        return Command(self, project)

    def processes(self) -> list[psutil.Process]:
        """Return all processes of this round that are at work."""
        found = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get("TMPDIR") == str(self.temporary)
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def check_all_ended(self) -> None:
        """Wait until all processes are gone, which they must be by themselves."""
        deadline = time.monotonic() + GONE_WITHIN
        while left := self.processes():
            if time.monotonic() > deadline:
                names = [f"{each.pid} {each.name()}" for each in left]
                for process in left:
                    process.kill()
                raise Broken(f"still at work: {', '.join(names)}")
            time.sleep(0.2)

    def note(self, text: str) -> None:
        """Keep what a command said, which must be in words."""
        self.said.append(text)
        if "Traceback (most recent call last)" in text:
            raise Broken("a traceback in the output")

    def finish(self, project: Project, *more: str) -> None:
        """Run one command (after `--unlock`, where it says so), then check everything."""
        self.check_all_ended()
        done = project.snakemake(*more)
        if "--unlock" in done.stdout:
            self.note(done.stdout)
            self.note(project.snakemake("--unlock").stdout)
            done = project.snakemake(*more)
        self.note(done.stdout)
        if done.returncode:
            raise Broken(f"the next command ended with {done.returncode}")
        self.check(project)

    def check(self, project: Project) -> None:
        """Compare all results with those of the undisturbed run; look for what was left behind."""
        self.check_all_ended()
        results = self.undisturbed.project.path("results")
        report = compare_folders(results, project.path("results"), {})
        if report.differ or report.texts or report.provenance:
            self.said.append(words_of(report, ignore_texts=False))
            raise Broken(f"other results: {', '.join([*report.differ, *report.texts][:3])}")
        left = sorted(path.name for path in self.temporary.iterdir())
        left = [name for name in left if not any(map(partial(fnmatch, name), self.unavoidable))]
        if left:
            raise Broken(f"left in the temporary folder: {', '.join(left)}")


class Command:
    """A command at work, whose output goes to a file: no pipe is left full or open."""

    def __init__(self, trial: Trial, project: Project) -> None:
        self.trial = trial
        self.output = trial.folder / f"output-{len(list(trial.folder.glob('output-*')))}"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                project.command, cwd=project.folder, env=project.environment, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def done(self) -> float:
        """Return the share of its jobs that are finished, as it says."""
        found = re.findall(r"^(\d+) of (\d+) steps", self.output.read_text(), re.MULTILINE)
        return int(found[-1][0]) / int(found[-1][1]) if found else 0.0

    def wait(self, own_traceback: str = "") -> int:
        """Wait for its end, and return its exit status.

        A traceback is no fault where it ends in ``own_traceback`` before the first job, or after
        the last: Snakemake's and Python's own answer to an interrupt while they start or end.
        """
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            for process in self.trial.processes():
                process.kill()
            raise Broken(f"the command did not end in {LIMIT} s") from None
        self.text = self.output.read_text()
        before = self.text.partition("Traceback")[0]
        at_work = STARTED in before and ENDED not in before
        if own_traceback and own_traceback in self.text and not at_work:
            self.trial.said.append(self.text)
        else:
            self.trial.note(self.text)
        return status

    def wait_told(self, *words: str) -> None:
        """Wait for its end; a failure must be told in one of the words."""
        if self.wait():
            if not any(word in self.text for word in words):
                raise Broken(f"no word of: {', '.join(words)}")
            self.trial.told = True
