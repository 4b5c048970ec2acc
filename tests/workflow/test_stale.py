"""After a failure or a loss no older result passes for finished, and the last lines say what is."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from functools import partial

import pytest
from helpers.processes import process_of

from blockscope.config.panels import PANELS
from blockscope.io import provenance

INPUT = "results/tiny/noise/input.png"
ACTIVATIONS = "results/tiny/noise/activations/low.zarr.zip"
INCOMPLETE = "results/index-incomplete.html"
PAGE = "results/figures/one/index.html"
EVERY = {
    "input": 1, "activations": 2, "classes": 2, "factors": 2, "positions": 1, "channels": 2,
    "drivers": 1, "neuron_groups": 1, "panel": 5, "page": 1, "gallery": 1,
}  # fmt: skip


def files_up_to(size: int) -> None:
    """Let no file grow beyond a size, as on a disk that is nearly full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def with_background(project) -> None:
    settings = project.path("config/config.yaml").read_text()
    project.write("config/config.yaml", f"{settings}\nimage: {{background: [0, 0, 0]}}\n")


@pytest.mark.slow
def test_the_default_target_asks_for_every_file_that_a_job_writes(workflow_copy, run_row, tmp_path):
    project = workflow_copy.unmade(tmp_path / "copy")
    every = ",".join(PANELS)
    with project.path("config/runs.tsv").open("a") as table:
        table.write(run_row("two", "none", "3 pca", panels=every))
        table.write(run_row("three", "smooth-blur", "2 joint", panels=every))
    with project.path("config/models.yaml").open("a") as catalogue:
        catalogue.write("\nshuffled: {from: tiny, randomise: {above: [low], seed: [0, 3]}}\n")
    settings = "\nsprites: {recipe: draft, channels_per_job: 3}\ngrids: {neuron_groups: 2}"
    project.edit("config/config.yaml", "\nneuron_groups:", f"{settings}\nneuron_groups:")
    asked, written = project.asked_and_written()
    assert len(written) > 100
    assert sorted(asked) == sorted(written)


@pytest.mark.slow
def test_what_a_finished_file_was_made_of_is_made_again_where_it_is_gone(project):
    for path in project.path("results/figures/one").iterdir():
        path.unlink()
    assert project.planned() == {"panel": 5, "page": 1, "gallery": 1}
    project.path(ACTIVATIONS).unlink()
    behind = {
        "activations": 1, "classes": 1, "factors": 1, "positions": 1, "channels": 1, "drivers": 1,
        "neuron_groups": 1,
    }  # fmt: skip
    assert project.planned() == {**behind, "panel": 5, "page": 1, "gallery": 1}
    for path in project.path("results/tiny/noise").rglob("*.*"):
        path.unlink()
    assert project.planned() == EVERY


@pytest.mark.slow
def test_a_page_older_than_what_it_shows_is_written_again(project):
    panel, other = (project.path(f"results/figures/one/{n}.png") for n in ("factors", "spatial"))
    panel.write_bytes(other.read_bytes())
    assert project.planned() == {"page": 1, "gallery": 1}
    project.path("results/index.html").unlink()
    assert project.planned(PAGE) == {"page": 1}


@pytest.mark.slow
def test_a_full_disk_after_a_change_leaves_nothing_old_for_finished(project):
    """Neither for the default target nor for a page that is asked for by itself."""
    with_background(project)
    done = project.snakemake(preexec_fn=partial(files_up_to, 60_000))
    assert done.returncode != 0
    assert not project.path(INPUT).exists()
    end = done.stdout.split("Not finished.\n", 1)[1].splitlines()
    assert end == [
        "",
        f"  File too large '{INPUT}'",
        "    log: logs/input/tiny/noise.log",
        "",
        "Finished runs: none",
        "Not finished:  1 (one)",
        "The same command goes on from what is finished.",
    ]
    assert "Traceback" not in done.stdout
    assert len(done.stdout.splitlines()) < 60
    assert project.planned() == EVERY
    assert project.planned(PAGE) == {name: n for name, n in EVERY.items() if name != "gallery"}
    assert project.planned("results/tiny/noise/smooth/classes/low.h5")["classes"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("hooks", [(), ("--no-hooks",)], ids=["hooks", "no hooks"])
def test_a_killed_job_of_another_target_leaves_nothing_old_for_finished(project, hooks):
    """The page was no target of the command that lost what it is made of."""
    wait = "def main(smk):\n    __import__('time').sleep(60)"
    project.edit("workflow/scripts/input.py", "def main(smk):", wait)
    with_background(project)
    command = subprocess.Popen(
        [*project.command, *hooks, INPUT], cwd=project.folder, env=project.environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with command:
        os.kill(process_of("input", project.folder, command), signal.SIGKILL)
        said, _ = command.communicate(timeout=120)
    assert command.returncode != 0
    assert bool(hooks) or said.endswith(
        "\n\nNot finished.\n\n  input was killed by SIGKILL, as the system does where memory runs "
        "out\n    log: logs/input/tiny/noise.log\n\nThe same command goes on from what is "
        "finished.\n"
    )
    assert not project.path(INPUT).exists()
    assert project.planned(PAGE) == {name: n for name, n in EVERY.items() if name != "gallery"}
    assert project.planned() == EVERY


SICK = """

_run_any = run


def run(smk, main):
    def sick(smk):
        if Path("sick").exists() and smk.params.get("override") == "none":
            raise BlockscopeError("model 'tiny' is sick")
        main(smk)

    _run_any(smk, sick)
"""


def make_sick(project, *rows: str) -> None:
    """Let each job of the override `none` fail, which more runs have."""
    job = project.path("src/blockscope/runtime/job.py")
    job.write_text(job.read_text() + SICK)
    project.path("sick").touch()
    with project.path("config/runs.tsv").open("a") as table:
        table.writelines(rows)


@pytest.mark.slow
def test_one_cause_is_told_once_with_what_is_finished_and_a_gallery_of_it(project, run_row):
    make_sick(project, run_row("two", "none"), run_row("three", factors="3"))
    complete = project.path("results/index.html")
    incomplete = project.path(INCOMPLETE)
    before = complete.stat().st_mtime_ns

    done = project.snakemake("--keep-going")
    assert done.returncode != 0
    said = done.stdout.split("\n\nNot finished.\n", 1)[1]
    logs = [f"logs/classes/tiny/noise/none/{layer}.log" for layer in ("block~high", "low")]
    assert said.splitlines() in [
        [
            "",
            "  model 'tiny' is sick",
            f"    log: {log} (and 1 more)",
            "",
            "Finished runs: 2 (one, three)",
            "Not finished:  1 (two)",
            f"The finished runs, in a gallery that is marked incomplete: {INCOMPLETE}",
            "The same command goes on from what is finished.",
        ]
        for log in logs
    ]
    assert "Traceback" not in done.stdout
    shown = incomplete.read_text()
    assert "Incomplete: the finished runs" in shown
    assert "1 of 3 runs is not finished: two" in shown
    assert [run for run in ("one", "two", "three") if f"figures/{run}/" in shown] == [
        "one",
        "three",
    ]
    assert provenance.read(incomplete)["missing_runs"] == 1
    assert complete.stat().st_mtime_ns == before

    project.path("sick").unlink()
    of_two = {"classes": 2, "factors": 2, "panel": 1, "page": 1, "gallery": 1}
    assert project.planned() == of_two
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    assert not incomplete.exists()
    assert "3 runs of 1 image" in complete.read_text()


@pytest.mark.slow
def test_without_keep_going_the_last_lines_lead_to_it(project, run_row):
    make_sick(project, run_row("two", "none"), run_row("three", panels="channels"))
    done = project.snakemake(
        "--cores", "1", "--prioritize", "results/tiny/noise/none/classes/low.h5"
    )
    assert done.returncode != 0
    assert done.stdout.endswith(
        "What does not depend on this is finished by the same command with --keep-going.\n"
        "The same command goes on from what is finished.\n"
    )
    assert "Not finished:  2 (two, three)" in done.stdout
