"""Jobs that are forks of one process: what they see, how they end, and what ends with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from snakemake import benchmark

from blockscope.runtime.forks.measured import measure_forks
from blockscope.runtime.forks.offered import LIBRARIES, VARIABLE, offer, run_script

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")

# What a job is in these tests: it asks for a fork, and runs by itself where it gets none.
JOB = """
import os, sys, time
from blockscope.runtime.forks.offered import FORKED, run_script
status = run_script(sys.argv, "some", {"some": ["colorsys"]})
if status is not None:
    sys.exit(status)
where = "fork" if FORKED in os.environ else "alone"
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
    (tmp_path / "forks").mkdir()
    (tmp_path / "work").mkdir()
    offered = {VARIABLE: f"{owner.pid}:{tmp_path / 'forks'}"}

    def start(body: str, *arguments: str, group: bool = False, **more: str):
        script = tmp_path / f"tmp{len(list(tmp_path.iterdir()))}.stage.py"
        script.write_text(JOB + body)
        return subprocess.Popen(
            [sys.executable, str(script), *arguments], cwd=tmp_path / "work", text=True,
            env={**os.environ, **offered, **more},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            process_group=0 if group else None,
        )  # fmt: skip

    return start


def end(process: subprocess.Popen[str], typed: str | None = None) -> tuple[int, str, str]:
    said, complained = process.communicate(typed, timeout=60)
    return process.returncode, said, complained


def test_a_fork_has_the_libraries_and_the_surroundings_of_its_job(job):
    body = (
        "print(open('/proc/self/comm').read(), end='')\n"
        "print(where, 'colorsys' in sys.modules, sys.argv[1:], os.getcwd()[-5:], os.environ['A'])\n"
        "print(input() + '!')\nprint('seen', file=sys.stderr)\n"
    )
    done = end(job(body, "x", "y z", A="b"), "typed\n")
    assert done == (0, "stage\nfork True ['x', 'y z'] /work b\ntyped!\n", "seen\n")


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
    gone = job("print(where)", **{VARIABLE: "1:/gone"})
    assert end(gone)[1] == "alone\n"


def test_a_process_that_does_not_start_leaves_all_jobs_to_themselves(tmp_path, owner, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"{owner.pid}:{tmp_path}")
    libraries = {"some": ["no_such_library"]}
    assert run_script(["script.py"], "some", libraries) is None
    said = (tmp_path / "some.log").read_text()
    assert "no_such_library" in said
    assert run_script(["script.py"], "some", libraries) is None
    assert (tmp_path / "some.log").read_text() == said, "it was tried once more"


def test_libraries_that_start_threads_are_not_forked(tmp_path, owner, monkeypatch):
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=[9], daemon=True)"
    (tmp_path / "library_with_a_thread.py").write_text(f"{code}.start()")
    monkeypatch.setenv(VARIABLE, f"{owner.pid}:{tmp_path}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert run_script(["script.py"], "some", {"some": ["library_with_a_thread"]}) is None
    assert "started 1 threads" in (tmp_path / "some.log").read_text()


def test_nothing_is_asked_where_nothing_is_offered(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert run_script(["script.py"], "network") is None


def test_the_address_of_an_offer_is_short_wherever_temporary_files_lie(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("long" * 20)))
    (tmp_path / ("long" * 20)).mkdir()
    monkeypatch.setenv(VARIABLE, "")
    offer()
    folder = Path(os.environ[VARIABLE].partition(":")[2])
    assert folder.is_dir()
    assert max(len(str(folder / f"{kind}.new")) for kind in LIBRARIES) <= 107
    assert not list((tmp_path / ("long" * 20)).iterdir())


def test_a_process_that_nobody_asks_ends_and_the_next_job_gets_another(job, owner, tmp_path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom blockscope.runtime.forks import server\n"
        "server.IDLE = 0.1\nserver.Server(Path(sys.argv[1]), int(sys.argv[2])).serve()\n"
    )
    path = tmp_path / "forks" / "some"
    subprocess.run([sys.executable, "-c", code, path, str(owner.pid)], check=True, timeout=60)
    assert not path.exists()
    assert end(job("print(where)"))[1] == "fork\n"


def test_what_ends_the_group_of_a_job_ends_its_fork_and_the_process_behind_it(job, tmp_path):
    body = (
        "from blockscope.runtime.job import _stop\nimport signal\n"
        "signal.signal(signal.SIGTERM, _stop)\n"
        "try:\n    open('pid', 'w').write(f'{os.getpid()} {os.getppid()}.')\n    time.sleep(100)\n"
        "finally:\n    open('tidied', 'w').close()\n"
    )
    process, told = job(body, group=True), tmp_path / "work" / "pid"
    assert until(lambda: told.exists() and told.read_text().endswith("."))
    os.killpg(process.pid, signal.SIGTERM)
    pids = [int(pid) for pid in told.read_text()[:-1].split()]
    assert end(process)[0] == 143
    assert until(lambda: not any(map(alive, pids)))
    assert (tmp_path / "work" / "tidied").exists()


def test_ctrl_c_is_for_the_fork_and_the_job_ends_as_it_does(job, tmp_path):
    body = (
        "try:\n    open('pid', 'w').write(f'{os.getpid()} {os.getppid()}.')\n    time.sleep(100)\n"
        "except KeyboardInterrupt:\n    sys.exit(7)\n"
    )
    process, told = job(body, group=True), tmp_path / "work" / "pid"
    assert until(lambda: told.exists() and told.read_text().endswith("."))
    os.killpg(process.pid, signal.SIGINT)
    assert end(process) == (7, "", "")
    assert alive(int(told.read_text()[:-1].split()[1]))


@pytest.mark.parametrize("short", [False, True])
def test_snakemake_measures_the_fork_and_not_who_waits(job, owner, tmp_path, monkeypatch, short):
    monkeypatch.setenv(VARIABLE, f"{owner.pid}:{tmp_path / 'forks'}")
    monkeypatch.setattr(benchmark, "BenchmarkTimer", benchmark.BenchmarkTimer)
    if short:  # no sample is taken while the fork runs
        monkeypatch.setattr(benchmark, "BENCHMARK_INTERVAL_SHORT", 60)
    measure_forks()
    process = job(
        "a = bytearray(90 << 20)\nbegan = time.process_time()\n"
        "while time.process_time() - began < 0.8: pass\ntime.sleep(1)\n"
    )
    with benchmark.benchmarked(process.pid) as record:
        assert end(process)[0] == 0
    assert record.data_collected
    assert 90 < record.max_rss < 200
    assert 0.8 < record.cpu_time < 2
    assert record.mean_load() == pytest.approx(100 * record.cpu_time / record.running_time)
    if short:
        assert record.max_uss is None
    else:
        assert 90 < record.max_uss <= record.max_rss
    assert not (tmp_path / "forks" / f"{process.pid}.fork").exists()


def test_a_job_that_was_not_forked_is_measured_as_ever(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"1:{tmp_path}")
    monkeypatch.setattr(benchmark, "BenchmarkTimer", benchmark.BenchmarkTimer)
    measure_forks()
    code = "import time; a = bytearray(60 << 20); time.sleep(1.5)"
    with (
        subprocess.Popen([sys.executable, "-c", code]) as process,
        benchmark.benchmarked(process.pid) as record,
    ):
        assert process.wait() == 0
    assert 60 < record.max_rss < 120
