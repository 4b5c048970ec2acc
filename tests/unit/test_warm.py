"""Jobs that are forks of one process: what they see, how they end, and what ends with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blockscope import warm

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")

# What a job is in these tests: it asks for a fork, and runs by itself where it gets none.
JOB = """
import os, sys, time
from blockscope import warm
status = warm.run_script(sys.argv, ["colorsys"])
if status is not None:
    sys.exit(status)
where = "fork" if warm.FORKED in os.environ else "alone"
"""


def until(found, seconds=20.0):
    """Wait for a condition; return its value."""
    deadline = time.monotonic() + seconds
    while not found() and time.monotonic() < deadline:
        time.sleep(0.02)
    return found()


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.fixture
def owner():
    """Return a process that offers its jobs a process to fork from, until it is ended."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@pytest.fixture
def job(tmp_path, owner):
    """Return a function that starts a job with the given body."""
    (tmp_path / "warm").mkdir()
    (tmp_path / "work").mkdir()
    offered = {warm.VARIABLE: f"{owner.pid}:{tmp_path / 'warm'}"}

    def start(body: str, *arguments: str, **more: str) -> subprocess.Popen[str]:
        script = tmp_path / f"{len(list(tmp_path.iterdir()))}.py"
        script.write_text(JOB + body)
        return subprocess.Popen(
            [sys.executable, str(script), *arguments], cwd=tmp_path / "work", text=True,
            env={**os.environ, **offered, **more},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


def end(process: subprocess.Popen[str], typed: str | None = None) -> tuple[int, str, str]:
    said, complained = process.communicate(typed, timeout=60)
    return process.returncode, said, complained


def test_a_fork_has_the_libraries_and_the_surroundings_of_its_job(job):
    body = (
        "print(where, 'colorsys' in sys.modules, sys.argv[1:], os.getcwd()[-5:], os.environ['A'])\n"
        "print(input() + '!')\nprint('seen', file=sys.stderr)\n"
    )
    done = end(job(body, "x", "y z", A="b"), "typed\n")
    assert done == (0, "fork True ['x', 'y z'] /work b\ntyped!\n", "seen\n")


def test_jobs_share_one_process_and_run_at_once(job, tmp_path):
    body = (
        "open(sys.argv[1], 'w').close()\n"
        "while not all(os.path.exists(n) for n in 'abc'): time.sleep(0.01)\nprint(os.getppid())\n"
    )
    parents = [end(process) for process in [job(body, name) for name in "abc"]]
    assert {code for code, _, _ in parents} == {0}
    assert len({said for _, said, _ in parents}) == 1


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('no room')", 1, "no room\n"),
        ("raise KeyError('a')", 1, "KeyError: 'a'\n"),
        ("os.kill(os.getpid(), 9)", 137, ""),
    ],
)
def test_the_end_of_a_fork_is_the_end_of_its_job(job, body, status, words):
    code, _, complained = end(job(body))
    assert code == status
    assert complained.endswith(words)
    assert end(job("print(where)"))[1] == "fork\n"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_that_is_stopped_takes_its_fork_along(job, tmp_path, how):
    body = (
        "import signal\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "try:\n    open('pid', 'w').write(str(os.getpid()) + '.')\n    time.sleep(100)\n"
        "finally:\n    open('tidied', 'w').close()\n"
    )
    process, told = job(body), tmp_path / "work" / "pid"
    assert until(lambda: told.exists() and told.read_text().endswith("."))
    fork = int(told.read_text()[:-1])
    process.send_signal(how)
    assert end(process)[0] == (143 if how is signal.SIGTERM else -9)
    assert until(lambda: not alive(fork))
    assert (tmp_path / "work" / "tidied").exists()


def test_forks_end_with_the_process_that_offered_them(job, owner, tmp_path):
    body = "open('pid', 'w').write(f'{os.getpid()} {os.getppid()}.')\ntime.sleep(100)\n"
    process, told = job(body), tmp_path / "work" / "pid"
    assert until(lambda: told.exists() and told.read_text().endswith("."))
    owner.kill()
    pids = [int(pid) for pid in told.read_text()[:-1].split()]
    assert end(process)[0] == 128 + signal.SIGTERM
    assert until(lambda: not any(map(alive, pids)))


def test_a_job_whose_offer_is_gone_runs_by_itself(job):
    gone = job("print(where)", **{warm.VARIABLE: "1:/gone"})
    assert end(gone)[1] == "alone\n"


def test_a_process_that_does_not_start_leaves_the_job_to_itself(tmp_path, owner, monkeypatch):
    monkeypatch.setenv(warm.VARIABLE, f"{owner.pid}:{tmp_path}")
    assert warm.run_script(["script.py"], ["no_such_library"]) is None
    assert "no_such_library" in (tmp_path / "log").read_text()


def test_nothing_is_offered_or_asked_by_default(monkeypatch):
    monkeypatch.delenv(warm.VARIABLE, raising=False)
    assert warm.run_script(["script.py"]) is None


def test_a_process_that_nobody_asks_ends_and_the_next_job_gets_another(job, owner, tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom blockscope import warm\nwarm.IDLE = 0.1\n"
        "warm.Server(Path(sys.argv[1]), int(sys.argv[2])).serve()\n"
    )
    folder = tmp_path / "warm"
    subprocess.run([sys.executable, "-c", code, folder, str(owner.pid)], check=True, timeout=60)
    assert not (folder / "socket").exists()
    assert end(job("print(where)"))[1] == "fork\n"
