"""Bad input, killed jobs, full disks, two commands at once: nothing half made looks finished."""

from __future__ import annotations

import os
import resource
import signal
import subprocess

import h5py
import pytest
from helpers.processes import process_of
from PIL import Image

CLASSES = "results/tiny/noise/smooth/classes/block~high.h5"
INPUT = "results/tiny/noise/input.png"
PANEL = "results/figures/one/factors.png"


def test_mistakes_are_told_before_anything_runs(project, run_row):
    before = project.results()
    with project.path("config/runs.tsv").open("a") as table:
        table.write(run_row("two", override="smoth") + run_row("three", layer2="hihg"))
    project.path("noise.png").write_bytes(b"no picture")
    done = project.snakemake()
    assert done.returncode != 0
    assert "3 mistakes in the configuration; nothing was run." in done.stdout
    assert "unknown override 'smoth'; valid: none, smooth, smooth-blur" in done.stdout
    assert "column layer2: model 'tiny' has no layer 'hihg'; valid: " in done.stdout
    assert "block/high" in done.stdout
    assert "image file 'noise.png' is not in a known image format" in done.stdout
    assert "Traceback" not in done.stdout
    assert project.results() == before


def test_wrong_yaml_is_told_with_its_line(project):
    project.write("config/config.yaml", "models: config/models.yaml\nimages: [\nruns: a\n")
    done = project.snakemake("--dry-run")
    assert done.returncode != 0
    assert "config/config.yaml, line 4: is not valid YAML" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_number_that_yaml_reads_otherwise_is_told_also_in_a_file_of_ones_own(project, tmp_path):
    """Snakemake reads such a file before the workflow does, and 0300 as 192."""
    settings = project.path("config/config.yaml").read_text()
    mine = tmp_path / "mine.yaml"
    mine.write_text(settings.replace("dpi: 60", "dpi: 0300"))
    done = project.snakemake("--dry-run", "--configfile", str(mine))
    assert done.returncode != 0
    assert f"{mine}, line" in done.stdout
    assert "YAML reads 0300 as the octal number 192; write 300" in done.stdout
    assert "Traceback" not in done.stdout


def test_nothing_is_written_for_a_network_whose_id_leads_out(project, tmp_path):
    text = project.path("config/models.yaml").read_text()
    project.write("config/models.yaml", text.replace("tiny:", "../../../../x:", 1))
    table = project.path("config/runs.tsv").read_text()
    project.write("config/runs.tsv", table.replace("\ttiny\t", "\t../../../../x\t"))
    before = {path for path in tmp_path.rglob("*") if ".snakemake" not in path.parts}
    done = project.snakemake()
    assert done.returncode != 0
    assert "(model '../../../../x'): must be an id of at most 100 letters" in done.stdout
    assert {path for path in tmp_path.rglob("*") if ".snakemake" not in path.parts} == before


@pytest.mark.slow
def test_settings_of_ones_own_stand_alone(project, tmp_path):
    settings = project.path("config/config.yaml").read_text()
    project.edit("config/config.yaml", "dpi: 60", "dpi: 60, opacity: 0.1")
    mine = tmp_path / "elsewhere.yaml"
    mine.write_text(settings)
    assert project.planned() == {"panel": 5, "page": 1, "gallery": 1}
    assert project.planned("--configfile", str(mine)) == {}
    mine.write_text("models: config/models.yaml\n")
    done = project.snakemake("--dry-run", "--configfile", str(mine))
    assert f"{mine}, key images: is missing" in done.stdout


@pytest.mark.slow
def test_a_killed_job_leaves_nothing_and_loses_nothing(project, tmp_path):
    before = project.results()
    project.path(CLASSES).unlink()
    temporary = tmp_path / "t"
    temporary.mkdir()
    command = subprocess.Popen(
        [*project.command, CLASSES], cwd=project.folder, stdout=subprocess.PIPE,
        env={**project.environment, "TMPDIR": str(temporary)}, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with command:
        os.kill(process_of("classes", project.folder, command), signal.SIGKILL)
        said, _ = command.communicate(timeout=120)
    assert command.returncode != 0
    assert "  classes was killed by SIGKILL, as the system does where memory runs out" in said
    assert "    log: logs/classes/tiny/noise/smooth/block~high.log" in said.splitlines()
    del before[CLASSES]
    assert project.results() == before
    assert not list(temporary.iterdir())
    assert project.planned(CLASSES) == {"classes": 1}


@pytest.mark.slow
def test_a_full_disk_leaves_the_older_file_or_none(project):
    """A file may grow to 60 kB, as on a disk that is nearly full; the picture needs more."""
    before = project.results()
    assert project.path(INPUT).stat().st_size > 90_000

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = project.snakemake("--forcerun", "input", "--", INPUT, preexec_fn=limit)
    assert done.returncode != 0
    assert "input: File too large" in done.stdout
    assert "logs/input/tiny/noise.log" in done.stdout
    before.pop(INPUT)  # Snakemake takes the old file away before the job begins
    assert project.results() == before
    again = project.snakemake(INPUT)
    assert again.returncode == 0, again.stdout
    with Image.open(project.path(INPUT)) as picture:
        assert picture.size == (200, 160)


@pytest.mark.slow
def test_two_commands_at_once_leave_whole_files(project):
    before = project.results()
    commands = [
        subprocess.Popen(
            [*project.command, "--forcerun", "panel", *lock, "--", PANEL],
            cwd=project.folder,
            env=project.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for lock in ([], ["--nolock"])
    ]
    said = [command.communicate(timeout=240)[0] for command in commands]
    assert 0 in {command.returncode for command in commands}, said
    assert set(project.results()) == set(before)
    with Image.open(project.path(PANEL)) as picture:
        picture.load()
    with h5py.File(project.path(CLASSES)) as made:
        assert made["attribution"].shape == (5, 4, 5)
    assert project.planned(PANEL) == {}


@pytest.mark.slow
def test_a_second_command_waits_for_its_turn(project):
    """Snakemake's lock keeps a second command out, with words about what to do."""
    project.path(CLASSES).unlink()
    first = subprocess.Popen(
        [*project.command, CLASSES], cwd=project.folder, env=project.environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with first:
        process = process_of("classes", project.folder, first)
        os.kill(process, signal.SIGSTOP)  # so that it does not end before the second one begins
        second = project.snakemake(CLASSES)
        os.kill(process, signal.SIGTERM)
        os.kill(process, signal.SIGCONT)
        said, _ = first.communicate(timeout=120)
    assert second.returncode != 0
    assert "locked" in second.stdout
    assert first.returncode != 0, said
    assert not project.path(CLASSES).exists()
    assert project.results()
