"""The log of a job, its progress, and its last words."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blockscope.config.stages import STAGES
from blockscope.runtime.job import THREADS, TeeStream, success_message


@pytest.fixture
def both():
    terminal, log = io.StringIO(), io.StringIO()
    return TeeStream(terminal, log), terminal, log


def test_the_terminal_sees_every_state_of_a_bar_and_the_log_the_last(both):
    stream, terminal, log = both
    text = "\rbar 0%\rbar 50%\rbar 100%\nnext\n"
    for letter in text:
        stream.write(letter)
    assert terminal.getvalue() == text
    assert log.getvalue() == "bar 100%\nnext\n"


def test_a_long_bar_shows_in_the_log_now_and_then(both):
    stream, _, log = both
    stream.write("\rbar 1%")
    stream.shown -= 31
    stream.write("\rbar 2%\rbar 3%")
    stream.finish()
    assert log.getvalue() == "bar 1%\nbar 3%\n"


def run(folder: Path, body: str, rule="stage", output="", **options) -> subprocess.Popen[str]:
    """Run a stage whose main has the given body; its log is `stage.log`."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    code = (
        "from types import SimpleNamespace\nimport os, sys, time\n"
        "from blockscope.io.errors import BadFile\nfrom blockscope.runtime.job import run\n"
        "from blockscope.io.atomic_files import atomic_write\n"
        f"def main(smk):\n{lines}\n"
        f"run(SimpleNamespace(rule='{rule}', threads=1, log=['logs/stage.log'], "
        f"output={[output] if output else []}, params={{}}), main)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, text=True, env={**os.environ, **options},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def outcome(folder: Path, body: str, rule="stage", output="") -> tuple[int, str, str]:
    with run(folder, body, rule, output) as process:
        _, said = process.communicate(timeout=60)
    return process.returncode, said, (folder / "logs" / "stage.log").read_text()


def test_output_of_every_kind_goes_to_the_log(tmp_path):
    body = "print('out')\nos.write(2, b'from C\\n')\nprint('warned', file=sys.stderr)"
    code, said, log = outcome(tmp_path, body)
    assert code == 0
    assert said == "warned\n"
    assert sorted(log.splitlines()) == ["from C", "out", "warned"]


def test_a_mistake_of_the_users_is_one_line_for_him_and_a_traceback_for_the_log(tmp_path):
    code, said, log = outcome(tmp_path, "raise BadFile(\"image 'a.png' is broken\")")
    assert code == 1
    assert said == "stage: image 'a.png' is broken\n"
    assert "Traceback" in log
    assert log.endswith("\n\nFailed: image 'a.png' is broken\n")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{}['a']", "stage: KeyError: 'a' (details: logs/stage.log)\n"),
        ("open('gone')", "stage: No such file or directory 'gone' (details: logs/stage.log)\n"),
        (
            "open('/dev/full', 'wb', 0).write(b'a')",
            (
                "stage: No space left on device; make room there and repeat the command, which "
                "goes on from what is finished (details: logs/stage.log)\n"
            ),
        ),
    ],
)
def test_other_errors_name_the_log(tmp_path, body, words):
    code, said, log = outcome(tmp_path, body)
    assert (code, said) == (1, words)
    assert "Traceback" in log


def test_a_job_whose_results_would_be_elsewhere_does_nothing(tmp_path):
    folder = tmp_path / "project"
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "net").symlink_to(tmp_path)
    status, said, _ = outcome(folder, "open('made', 'w')", output="results/net/dog/a.h5")
    assert status == 1
    assert said.startswith("stage: 'results/net/dog/a.h5' leads to '")
    assert "a symbolic link below the folder must not lead out of it" in said
    assert not (folder / "made").exists()
    (folder / "results" / "net").unlink()
    assert outcome(folder, "open('made', 'w')", output="results/net/dog/a.h5")[0] == 0


def test_a_job_that_is_told_to_stop_takes_its_unfinished_file_away(tmp_path):
    body = "with atomic_write('result') as path:\n    path.write_text('half')\n    time.sleep(60)\n"
    process = run(tmp_path, body)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".result.*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.glob(".result.*"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


LIMITED = """
from blockscope.runtime import job
job.MINUTE, job.GRACE = 0.01, 0.5
kept = job.limited(SimpleNamespace(rule='stage', resources=SimpleNamespace(runtime=5)))
kept.__enter__()
print('begun')
"""
ENDED = (
    "stage took more than 50 minutes, 10 times its runtime, and was ended; if it needs longer: "
    "snakemake --set-resources stage:runtime=MINUTES\n"
)


def test_a_job_that_takes_too_long_is_ended_and_takes_its_unfinished_file_away(tmp_path):
    body = "with atomic_write('result') as path:\n    path.write_text('half')\n    time.sleep(60)\n"
    code, said, log = outcome(tmp_path, LIMITED + body)
    assert (code, said) == (128 + signal.SIGTERM, ENDED)
    assert log == f"begun\n{ENDED}\nFailed: {ENDED}"
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_job_that_takes_too_long_in_c_is_ended(tmp_path):
    body = "import ctypes\nwhile ctypes.CDLL(None).sleep(60): pass\n"
    with run(tmp_path, f"{LIMITED}{body}") as process:
        began = time.monotonic()
        _, said = process.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert process.returncode != 0
    assert said == ENDED


def test_a_job_that_keeps_to_its_time_is_not_ended(tmp_path):
    body = (
        "from blockscope.runtime import job\njob.MINUTE = 0.01\n"
        "with job.limited(SimpleNamespace(rule='a', resources=SimpleNamespace(runtime=1))): pass\n"
        "with job.limited(SimpleNamespace(rule='b', resources=SimpleNamespace(runtime='<TBD>'))):\n"
        "    time.sleep(0.4)\n"
    )
    assert outcome(tmp_path, body) == (0, "", "")


def test_what_a_killed_job_left_of_its_file_is_removed(tmp_path):
    body = (
        "with atomic_write('out.h5') as path:\n    path.write_text('half')\n"
        "    os.kill(os.getpid(), 9)"
    )
    with run(tmp_path, body, output="out.h5") as process:
        process.communicate(timeout=60)
    (left,) = tmp_path.glob(".out.h5.*.part")
    assert left.read_text() == "half"
    code, said, _ = outcome(tmp_path, "pass", output="out.h5")
    assert code == 0, said
    assert not left.exists()


def test_the_threads_of_a_job_are_told_to_the_libraries(tmp_path):
    body = f"print(*(os.environ[name] for name in {THREADS}))"
    assert outcome(tmp_path, body)[2] == "1 1 1 1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="threads have names on Linux")
def test_operations_of_a_job_run_in_the_threads_of_the_job(tmp_path):
    """Also those that do not depend on each other."""
    body = (
        "import tensorflow as tf\nfrom pathlib import Path\nx = tf.random.uniform([400, 400])\n"
        "tf.function(lambda x: [x @ (x + i) for i in range(20)])(x)\n"
        "tasks = [path.read_text() for path in Path('/proc/self/task').glob('*/comm')]\n"
        "print(sum(name.startswith('tf_Compute') for name in tasks))"
    )
    assert outcome(tmp_path, body, "classes")[2].splitlines()[-1] == "1"


def test_the_last_line_says_where_to_look(tmp_path):
    page = tmp_path / "index.html"
    assert "The same command without a target makes the gallery" in success_message(str(page))
    page.write_text("")
    assert success_message(str(page)) == f"Finished. Look at {page}"


@pytest.mark.parametrize(
    ("rule", "left_out"), [("classes", "1"), ("model", "None"), ("other_model", "None")]
)
def test_only_a_stage_that_may_read_keras_files_waits_for_keras(tmp_path, rule, left_out):
    body = "print(os.environ.get('TF_USE_LEGACY_KERAS'))"
    assert outcome(tmp_path, body, rule)[2] == f"{left_out}\n"


@pytest.mark.parametrize(
    ("graph", "needed"),
    [
        ({"path": "a/net.pb", "url": None, "member": None}, False),
        ({"path": "net.onnx"}, False),
        ({"path": "net.keras"}, True),
        ({"path": "a/folder"}, True),  # a SavedModel
        ({"path": None, "url": "https://a.org/net.zip", "member": "in/net.pb"}, False),
        ({"path": None, "url": "https://a.org/net.pb", "member": "net.keras"}, True),
    ],
)
def test_frozen_graphs_and_onnx_files_need_no_keras(graph, needed):
    assert STAGES["model"].needs_keras({"graph": graph}) is needed
    assert not STAGES["classes"].needs_keras({"graph": graph})


def test_a_renamed_rule_waits_no_longer_than_its_stage(tmp_path, monkeypatch):
    monkeypatch.setenv("BLOCKSCOPE_STAGES", '{"other_classes": "classes"}')
    body = "print(os.environ.get('TF_USE_LEGACY_KERAS'))"
    assert outcome(tmp_path, body, "other_classes")[2] == "1\n"


@pytest.mark.slow
def test_keras_is_left_out(tmp_path):
    body = "import tensorflow\nprint('keras' in sys.modules, 'matplotlib' in sys.modules)"
    code, said, log = outcome(tmp_path, body, rule="classes")
    assert code == 0, said
    assert log.splitlines()[-1] == "False False"
