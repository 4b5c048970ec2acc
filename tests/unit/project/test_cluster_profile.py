"""What profiles/cluster tells PBS, LSF and SGE, and what it makes of their answers."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from helpers import schedulers
from helpers.repository import ROOT

PROFILE = ROOT / "profiles" / "cluster"
ASKED = {
    "pbs": "qsub -N blockscope_classes -j oe -o {logs}/ -l select=1:ncpus=1:mem=3548mb:ngpus=1 "
    "-l walltime=18000 {script}",
    "lsf": "bsub -J blockscope_classes -oo {logs}/%J.log -n 1 -R span[hosts=1] "
    "-R rusage[mem=3548MB] -M 3548MB -W 300 -gpu num=1",
    "sge": "qsub -terse -N blockscope_classes -j y -o {logs}/ -S /bin/sh -cwd -l mem_free=3548M "
    "-l h_rt=18000 -l gpu=1 {script}",
}
TEMPLATE = (PROFILE / "jobscript.sh").read_text()


class Cluster:
    """A folder on a cluster with one scheduler."""

    def __init__(self, folder: Path, scheduler: str) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.programs = folder / "programs"
        schedulers.install(scheduler, self.programs)

    def run(self, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
        found = f"{self.programs}:/usr/bin:/bin" if path is None else path
        return subprocess.run(
            [str(PROFILE / "jobs.sh"), *words],
            cwd=self.folder,
            env={"PATH": found, "PATIENCE": "0"},
            capture_output=True,
            text=True,
            check=False,
        )

    def submit(self, command: str, threads: int = 1, gpus: int = 1) -> str:
        script = self.folder / "job.sh"
        script.write_text(
            TEMPLATE.format(properties="{}", exec_job=f"cd {self.folder} && {command}")
        )
        done = self.run("submit", str(threads), "3548", "300", str(gpus), "classes", str(script))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def status(self, number: str) -> str:
        done = self.run("status", number)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def settled(self, number: str) -> str:
        for _ in range(200):
            found = self.status(number)
            if found != "running":
                return found
            time.sleep(0.05)
        return "running"

    def asked(self) -> list[str]:
        return (self.programs / "asked").read_text().splitlines()


@pytest.fixture(params=["pbs", "lsf", "sge"])
def scheduler(request) -> str:
    return request.param


@pytest.fixture
def cluster(scheduler, tmp_path) -> Cluster:
    return Cluster(tmp_path, scheduler)


def test_what_a_rule_asks_for_is_told_in_the_words_of_the_scheduler(cluster, scheduler):
    number = cluster.submit("true")
    wanted = ASKED[scheduler].format(
        logs=cluster.folder / "logs/cluster", script=cluster.folder / "job.sh"
    )
    assert cluster.asked()[0] == wanted
    assert number == {"pbs": "101.head", "lsf": "101", "sge": "101"}[scheduler]
    cluster.submit("true", threads=4, gpus=0)
    again = next(line for line in cluster.asked()[1:] if "sub" in line.split()[0])
    assert "gpu" not in again
    assert {"pbs": "ncpus=4", "lsf": "-n 4", "sge": "-pe smp 4"}[scheduler] in again


def test_how_a_job_ended_is_told(cluster):
    assert cluster.settled(cluster.submit("exit 0 || exit 1")) == "success"
    assert cluster.settled(cluster.submit("false && exit 0 || exit 1")) == "failed"


def test_a_job_that_waits_for_something_runs(cluster):
    number = cluster.submit("while [ ! -e go ]; do sleep 0.02; done; exit 0")
    assert cluster.status(number) == "running"
    (cluster.folder / "go").touch()
    assert cluster.settled(number) == "success"


def test_a_job_that_was_killed_has_failed(cluster):
    (cluster.programs / "kill").touch()
    assert cluster.status(cluster.submit("true")) == "failed"


def test_a_scheduler_that_does_not_answer_ends_no_job(cluster):
    number = cluster.submit("sleep 60")
    (cluster.programs / "down").touch()
    assert cluster.status(number) == "running"
    (cluster.programs / "down").unlink()
    assert cluster.run(number).returncode == 0
    assert cluster.settled(number) == "failed"


def test_jobs_are_cancelled_together(cluster):
    numbers = [cluster.submit("sleep 60") for _ in range(2)]
    assert cluster.run(*numbers).returncode == 0
    assert cluster.asked()[-1].split()[1:] == numbers
    assert [cluster.settled(number) for number in numbers] == ["failed"] * 2


def test_a_number_that_is_used_again_is_another_job(cluster, scheduler):
    mark = (
        cluster.folder / "logs/cluster" / ("101.head.ended" if scheduler == "pbs" else "101.ended")
    )
    mark.parent.mkdir(parents=True)
    mark.write_text("0\n")
    os.utime(mark, (0, 0))
    (cluster.programs / "kill").touch()
    assert cluster.status(cluster.submit("true")) == "failed"


def test_a_job_that_is_not_taken_has_no_number(cluster):
    (cluster.programs / "down").touch()
    done = cluster.run("submit", "1", "500", "5", "0", "input", os.devnull)
    assert done.returncode != 0
    assert done.stdout == ""


def test_a_machine_without_a_scheduler_is_named(tmp_path):
    cluster = Cluster(tmp_path, "pbs")
    done = cluster.run("status", "1", path="/usr/bin:/bin")
    assert done.returncode == 1
    assert "LSF (bsub), SGE (qsub and qconf) and PBS (qsub), and PATH has none" in done.stderr


def test_what_both_clusters_need_is_the_same():
    ours, slurm = (
        yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text())
        for name in ("cluster", "slurm")
    )
    for key, value in slurm.items():
        if key != "executor" and not key.startswith("slurm-"):
            assert ours[key] == value
    assert ours["executor"] == "cluster-generic"
