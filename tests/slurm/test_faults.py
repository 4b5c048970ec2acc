"""What a cluster does to jobs: afterwards one more command completes the results.

Nothing that was finished is computed again, no file is lost or half written, no two jobs work on
the same file at a time, and a render goes on behind the last batch that it finished.
"""

from __future__ import annotations

import os
import re
import signal
from itertools import pairwise
from pathlib import Path

import numpy as np
from slurm.submitted import LIVE, Submitted, asked

from blockscope.io import datasets

SHARDS = "results/models/tiny/sprites/shards/block~high"
SHEET = "results/models/tiny/sprites/block~high.zarr.zip"
CLASSES = "results/tiny/noise/smooth/classes/low.h5"
ACTIVATIONS = "results/tiny/noise/activations/low.zarr.zip"
ONCE = ("--retries", "0")


def begin_and_hold(project: Submitted, *arguments: str) -> dict[str, int]:
    """Submit both shards, and return what is finished when each has its first batch and waits."""
    project.hold("batch")
    project.begin(SHEET, *arguments)
    progress = project.path("results/models/tiny/sprites/progress")
    project.until(lambda: len(list(progress.rglob("*.npz"))) == 2, "both shards have a batch")
    return {path: when for path, when in project.results().items() if "/progress/" not in path}


def render_of(project: Submitted, numbers: str) -> str:
    """Return the number of the submission that renders some channels now."""
    (job,) = [j for j in project.jobs() if j.state in LIVE and j.what.endswith(f"__{numbers}")]
    return str(job.number)


def completes(project: Submitted, finished: dict[str, int], undisturbed: Path) -> None:
    """Give the command once more and look at everything that must hold afterwards."""
    done = project.snakemake(SHEET)
    assert done.returncode == 0, done.stdout
    is_complete(project, finished, undisturbed)


def is_complete(project: Submitted, finished: dict[str, int], undisturbed: Path) -> None:
    """Look at everything that must hold once a command has ended well."""
    results = project.results()
    assert {path: results[path] for path in finished} == finished
    assert not [path for path in results if "/progress/" in path]
    np.testing.assert_array_equal(
        datasets.read(project.path(SHEET)).sprites, datasets.read(undisturbed / SHEET).sprites
    )
    for what in {job.what for job in project.jobs()}:
        same = [job for job in project.jobs() if job.what == what]
        assert not {job.state for job in same} & LIVE
        assert all(first.ended <= second.began for first, second in pairwise(same))


def went_on(project: Submitted) -> bool:
    """Tell from the last attempt's log whether channel 0, the first batch, was not done again."""
    log = project.path("logs/render_sprites/tiny/block~high/0-2.log").read_text()
    assert "channel 2 of" in log
    return "channel 0 of" not in log


def states(project: Submitted, what: str) -> list[str]:
    return [job.state for job in project.jobs() if what in job.what]


def test_a_render_that_is_cancelled_goes_on_where_it_was(project, undisturbed):
    begin_and_hold(project, *ONCE)
    asked("scancel", render_of(project, "0-2"))
    project.release("batch")
    assert project.ended() != 0
    assert states(project, "0-2") == ["CANCELLED"]
    finished = project.results()
    assert f"{SHARDS}/3-4.h5" in finished
    assert f"{SHARDS}/0-2.h5" not in finished
    completes(project, {f"{SHARDS}/3-4.h5": finished[f"{SHARDS}/3-4.h5"]}, undisturbed)
    assert went_on(project)
    assert states(project, "3-4") == ["COMPLETED"]


def kill_held(project: Submitted, stage: str) -> None:
    """Kill the script of a stage that waits, and let later ones of the stage run."""
    project.wait_for_hold(stage)
    (job,) = [str(job.number) for job in project.jobs() if job.state == "RUNNING"]
    processes = [
        int(line.split()[0]) for line in asked("scontrol", "listpids", job).split("\n")[1:-1]
    ]
    (script,) = [p for p in processes if Path(f"/proc/{p}/comm").read_text() == f"{stage}\n"]
    os.kill(script, signal.SIGKILL)
    project.release(stage)


def test_a_job_that_is_killed_leaves_the_rest_of_its_submission(project):
    project.hold("classes")
    project.begin(CLASSES, *ONCE)
    kill_held(project, "classes")
    assert project.ended() != 0
    assert "  classes was killed by SIGKILL" in project.said()
    assert "    log: logs/classes/tiny/noise/smooth/low.log\n" in project.said()
    finished = project.results()
    assert ACTIVATIONS in finished
    assert CLASSES not in finished
    done = project.snakemake(CLASSES)
    assert done.returncode == 0, done.stdout
    results = project.results()
    assert {path: results[path] for path in finished} == finished
    assert CLASSES in results


def test_a_submission_that_is_repeated_computes_nothing_twice(project):
    project.hold("classes")
    project.begin(CLASSES)
    kill_held(project, "classes")
    assert project.ended() == 0, project.said()
    assert len(states(project, "attribution")) == 2
    log = project.path("logs/activations/tiny/noise/low.log").read_text()
    assert log.startswith("taken from what an earlier attempt finished: ")
    log = project.path("logs/classes/tiny/noise/smooth/low.log").read_text()
    assert not log.startswith("taken from")
    assert {ACTIVATIONS, CLASSES} <= set(project.results())
    assert not project.path(".snakemake/blockscope/finished").exists()
    assert project.planned(CLASSES) == {}


def test_no_job_that_a_failure_kept_from_running_leaves_an_older_file(project):
    done = project.snakemake(CLASSES)
    assert done.returncode == 0, done.stdout
    settings = project.path("config/config.yaml").read_text()
    project.write("config/config.yaml", f"{settings}\nimage: {{background: [0, 0, 0]}}\n")
    project.hold("activations")
    project.begin(CLASSES, *ONCE)
    kill_held(project, "activations")
    assert project.ended() != 0
    assert not {ACTIVATIONS, CLASSES} & set(project.results())
    assert project.planned(CLASSES) == {"activations": 1, "classes": 1}


def test_a_render_out_of_time_goes_on_where_it_was(project, undisturbed):
    finished = begin_and_hold(project, *ONCE)
    for job in project.jobs():  # a minute is the least that SLURM knows
        asked("scontrol", "update", f"JobId={job.number}", "TimeLimit=1")
    assert project.ended() != 0
    assert states(project, "render_sprites") == ["TIMEOUT", "TIMEOUT"]
    project.release("batch")
    completes(project, finished, undisturbed)
    assert went_on(project)


def test_a_job_out_of_memory_is_submitted_again_with_more(project, undisturbed):
    # Snakemake twice and TensorFlow take about 1000 MB: too much for the first attempt.
    project.edit("workflow/rules/common.smk", "BASE_MB = 1500", "BASE_MB = 400")
    project.edit(
        "config/config.yaml", "\nneuron_groups:", "\ncompute: {memory_mb: 256}\nneuron_groups:"
    )
    finished = project.results()
    done = project.snakemake(SHEET)
    assert done.returncode == 0, done.stdout
    renders = [job for job in project.jobs() if "render_sprites" in job.what]
    first, *_, last = [job for job in renders if job.what.endswith("__0-2")]
    assert (first.state in {"FAILED", "OUT_OF_MEMORY"}, last.state) == (True, "COMPLETED")
    assert int(last.memory[:-1]) >= 2 * int(first.memory[:-1]) == 2 * 656
    is_complete(project, finished, undisturbed)


def test_a_head_process_that_is_killed_leaves_jobs_that_none_may_double(project, undisturbed):
    finished = begin_and_hold(project)
    assert project.head is not None
    os.kill(project.head.pid, signal.SIGKILL)
    assert project.ended() == -signal.SIGKILL
    numbers = [render_of(project, "0-2"), render_of(project, "3-4")]

    locked = project.snakemake(SHEET)
    assert locked.returncode != 0
    assert "--unlock" in locked.stdout
    assert project.snakemake("--unlock").returncode == 0
    refused = project.snakemake(SHEET)
    assert refused.returncode != 0
    told = re.search(r"scancel ([\d ]+)", refused.stdout)
    assert told, refused.stdout
    assert set(told[1].split()) == set(numbers)  # in the order in which SLURM lists them
    assert len(project.jobs()) == 2

    asked("scancel", *numbers)
    project.release("batch")
    project.head = None
    project.until(lambda: not {job.state for job in project.jobs()} & LIVE, "both have ended")
    completes(project, finished, undisturbed)
    assert went_on(project)


def test_a_node_that_fails_and_one_that_is_drained(project, undisturbed):
    site = "# default-resources:\n#   slurm_account: my-project\n#   slurm_partition: cpu\n"
    shaky = "default-resources:\n  slurm_partition: shaky\n"
    project.edit("profiles/slurm/profile.yaml", site, shaky)
    page = "results/tiny/noise/sprites/block~high.html"  # needs the sheet, which is no submission
    begin_and_hold(project, page)
    project.until(lambda: states(project, "attribution") == ["COMPLETED"], "activations are there")

    set_node("DOWN")
    project.until(lambda: states(project, "0-2")[:1] == ["NODE_FAIL"], "the node has failed")
    project.until(lambda: states(project, "0-2")[1:] == ["PENDING"], "the job waits for a node")
    # Known as finished by now, which sets the time of a file once more.
    finished = {path: when for path, when in project.results().items() if "/progress/" not in path}
    set_node("RESUME")
    project.until(lambda: states(project, "0-2")[1:] == ["RUNNING"], "the job has a node again")
    set_node("DRAIN")
    project.release("batch")
    project.until(lambda: states(project, "contact") == ["PENDING"], "the page waits for a node")
    assert states(project, "render_sprites") == ["NODE_FAIL", "NODE_FAIL", "COMPLETED", "COMPLETED"]
    set_node("RESUME")
    assert project.ended() == 0
    assert project.path(page).exists()
    is_complete(project, finished, undisturbed)
    assert went_on(project)


def set_node(state: str) -> None:
    asked("scontrol", "update", "NodeName=shaky", f"State={state}", "Reason=test")


def test_two_renders_have_a_card_each(project):
    project.edit("config/config.yaml", "\nneuron_groups:", "\ncompute: {gpu: true}\nneuron_groups:")
    for line in ("set-resources:", "  render_sprites:", "    slurm_partition: gpu"):
        project.edit("profiles/slurm/profile.yaml", f"# {line}\n", f"{line}\n")
    project.hold("render_sprites")
    project.begin(SHEET, *ONCE)
    cards = project.path("card-render_sprites")
    project.until(lambda: cards.exists() and len(cards.read_text().split()) == 2, "both have begun")
    assert sorted(cards.read_text().split()) == ["0", "1"]
    for job in project.jobs():
        known = asked("scontrol", "show", "job", str(job.number))
        assert "TresPerJob=gres:gpu:1" in known
        assert "Partition=gpu" in known
    # The cards are stand-ins: nothing can compute on them, and the job says so.
    project.release("render_sprites")
    assert project.ended() != 0
    assert (
        "TensorFlow sees 0 GPUs"
        in project.path("logs/render_sprites/tiny/block~high/0-2.log").read_text()
    )
