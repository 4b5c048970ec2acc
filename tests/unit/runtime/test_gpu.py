"""Which card a job takes, without any: locks, names, and what TensorFlow is asked to show."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from types import SimpleNamespace
from typing import Any

import pytest

from blockscope.io.errors import BadConfig
from blockscope.models import device
from blockscope.runtime import gpu
from blockscope.runtime.gpu import card_names, take_card

# Takes a card, says which, and holds it until its input ends.
HOLDER = """
import sys
from pathlib import Path
from blockscope.runtime.gpu import take_card
print(take_card(sys.argv[2:], lambda text: print(text, flush=True), Path(sys.argv[1])).name)
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.fixture
def job(tmp_path):
    """Return a function that starts a job which takes one of some cards."""
    started = []

    def start(*names):
        command = [sys.executable, "-c", HOLDER, str(tmp_path), *names]
        started.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def free(tmp_path, *names):
    """Return the name of the card that this process would take, and let go of it."""
    taken = take_card(names, pytest.fail, tmp_path)
    os.close(taken.lock)
    return taken.name


def test_jobs_at_the_same_time_take_different_cards(job, tmp_path):
    jobs = [job("7", "3", "5") for _ in range(2)]
    assert {each.stdout.readline() for each in jobs} == {"7\n", "3\n"}
    assert free(tmp_path, "7", "3", "5") == "5"


def test_forked_jobs_take_different_cards_too(tmp_path, monkeypatch):
    """Each has temporary files of its own; the locks are where all jobs look."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    script = tmp_path / "script.py"
    script.write_text(
        "import tempfile, time\n"
        "from blockscope.runtime.gpu import take_card\n"
        "taken = take_card(['7', '3'], print)\n"
        "print(taken.name, tempfile.gettempdir(), flush=True)\n"
        "time.sleep(60)\n"
    )
    run = (
        "import sys\n"
        "from multiprocessing import Pipe\n"
        "from pathlib import Path\n"
        "from blockscope.runtime.forked_job import run_script\n"
        f"run_script(Pipe()[1], {str(script)!r}, None, Path(sys.argv[1]))\n"
    )
    commands = [[sys.executable, "-c", run, str(tmp_path / name)] for name in "ab"]
    jobs = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in commands]
    try:
        lines = [job.stdout.readline().split() for job in jobs]
    finally:
        for job in jobs:
            job.kill()
            job.communicate()
    assert {name for name, _ in lines} == {"7", "3"}
    assert [folder for _, folder in lines] == [str(tmp_path / name) for name in "ab"]


def test_a_killed_job_lets_go_of_its_card(job, tmp_path):
    first = job("0", "1")
    assert first.stdout.readline() == "0\n"
    assert free(tmp_path, "0", "1") == "1"
    first.kill()
    first.wait()
    assert free(tmp_path, "0", "1") == "0"


def test_a_job_waits_where_all_cards_are_taken(job):
    first = job("0")
    assert first.stdout.readline() == "0\n"
    second = job("0")
    assert second.stdout.readline().startswith("waiting for a GPU: all 1 are taken")
    first.kill()
    assert second.stdout.readline() == "0\n"


def test_a_lock_file_of_another_user_is_enough(tmp_path):
    (tmp_path / "blockscope-gpu-0.lock").touch(mode=0o444)
    assert free(tmp_path, "0") == "0"


@pytest.mark.parametrize(
    ("environment", "seen", "names"),
    [
        ({}, 3, ["0", "1", "2"]),
        ({"CUDA_VISIBLE_DEVICES": "2, 0"}, 2, ["2", "0"]),
        ({"CUDA_VISIBLE_DEVICES": "2,0,-1,1"}, 2, ["2", "0"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-5b,GPU-3a"}, 2, ["GPU-5b", "GPU-3a"]),
        ({"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_ID": "91"}, 1, ["91-0"]),
        ({"SLURM_JOB_ID": ""}, 2, ["0", "1"]),
    ],
)
def test_cards_have_the_names_by_which_others_know_them(environment, seen, names):
    assert card_names(environment, seen) == names


@pytest.fixture
def cards(monkeypatch, tmp_path):
    """Make TensorFlow believe in three cards; return what it was asked to do."""
    seen = ["card a", "card b", "card c"]
    asked: list[tuple[Any, ...]] = []
    experimental = SimpleNamespace(
        set_memory_growth=lambda card, on: asked.append(("growth", card, on)),
    )
    config = SimpleNamespace(
        list_physical_devices=lambda kind: seen if kind == "GPU" else pytest.fail(kind),
        set_visible_devices=lambda shown, kind: asked.append((kind, list(shown))),
        experimental=experimental,
    )
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))
    monkeypatch.setattr(device, "gpu_name", lambda: f"name of {asked[0][1][0]}")
    monkeypatch.setattr(gpu, "_held", [])
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    for name in (gpu.VISIBLE, *gpu.SCHEDULERS):
        monkeypatch.delenv(name, raising=False)
    yield asked
    for taken in gpu._held:
        os.close(taken.lock)


def test_the_others_are_hidden_and_the_log_says_which_it_is(cards, job, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6,5")
    assert job("4").stdout.readline() == "4\n"
    gpu.use_gpu(True)
    assert cards == [("GPU", ["card b"]), ("growth", "card b", True)]
    assert capsys.readouterr().out == "GPU 6 of 3: name of card b\n"


def test_a_process_takes_one_card_however_often_it_asks(cards):
    gpu.use_gpu(True)
    gpu.use_gpu(True)
    assert [taken.name for taken in gpu._held] == ["0"]


def test_a_job_that_asks_for_none_sees_none(cards):
    gpu.use_gpu(False)
    assert cards == [("GPU", [])]
    assert gpu._held == []


def test_a_gpu_that_is_not_there_is_reported_with_what_was_seen(monkeypatch):
    config = SimpleNamespace(list_physical_devices=lambda _: [])
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    match = r"compute.gpu: true .* sees 0 GPUs \(CUDA_VISIBLE_DEVICES is '-1'\).* to false"
    with pytest.raises(BadConfig, match=match):
        gpu.use_gpu(True)
