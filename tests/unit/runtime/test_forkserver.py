"""Jobs that the executor ``forkserver`` forks: what they see, how they end, what ends them."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.repository import ROOT

from snakemake_executor_plugin_forkserver import interrupts_blocked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

# The scripts have names of stages, by which the executor knows those that it may fork.
SNAKEFILE = """
rule all:
    input: expand("{name}.txt", name=config["names"].split(","))
""" + "\n".join(
    f"""
rule {name}_rule:
    output: "{name}.txt"
    log: "{name}.log"
    benchmark: "{name}.tsv"
    params: place="{name}"
    resources: amount=7
    threads: {threads}
    script: "{name}.py"
"""
    for name, threads in {
        "page": 1,
        "panel": 1,
        "gallery": 1,
        "input": 1,
        "factors": 2,
        "other": 1,
    }.items()
)
TELL = """
import os, sys
smk = snakemake
threads = len(os.listdir("/proc/self/task"))
facts = [
    os.getppid(), open("/proc/self/comm").read().strip(), "colorsys" in sys.modules,
    smk.rule, smk.params.place, smk.resources.amount, smk.threads, smk.log[0],
    dict(smk.output.items()), dict(smk.wildcards.items()), os.environ["OMP_NUM_THREADS"],
    os.path.basename(os.getcwd()),
]
open(smk.output[0], "w").write(repr(facts))
"""
SLEEP = """
import os, signal, sys, time
from blockscope.runtime.job import stop
signal.signal(signal.SIGTERM, stop)
try:
    open("pid.new", "w").write(f"{os.getpid()} {os.getppid()}")
    os.rename("pid.new", "pid")
    time.sleep(100)
finally:
    open("tidied", "w").close()
"""


class Workflow:
    """A folder with a workflow, and a copy of the package whose forkserver starts fast."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "Snakefile").write_text(SNAKEFILE)
        source = ROOT / "src"
        shutil.copytree(source, folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
        self.preload('LIBRARIES = ("colorsys",)')

    def preload(self, libraries: str) -> None:
        path = self.folder / "src/blockscope/runtime/preload.py"
        text = path.read_text()
        start = text.index("LIBRARIES = (")
        path.write_text(f"{text[:start]}{libraries}\n\n{text[text.index('# Ctrl-C', start) :]}")

    def command(self, *arguments: str, **scripts: str) -> subprocess.Popen[str]:
        for name, text in scripts.items():
            (self.folder / f"{name}.py").write_text(text)
        flags = (
            "--executor",
            "forkserver",
            "--cores",
            "4",
            "--keep-going",
            "--workflow-profile",
            "none",
        )
        names = f"names={','.join(scripts)}"
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *flags, *arguments, "--config", names],
            cwd=self.folder, env={**os.environ, "PYTHONPATH": str(self.folder / "src")},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0,
        )  # fmt: skip

    def run(self, *arguments: str, **scripts: str) -> tuple[int, str]:
        with self.command(*arguments, **scripts) as process:
            said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def facts(self, name: str) -> list[object]:
        return list(eval((self.folder / f"{name}.txt").read_text()))

    def benchmark(self, name: str) -> dict[str, str]:
        with open(self.folder / f"{name}.tsv", newline="") as handle:
            return next(csv.DictReader(handle, delimiter="\t"))


@pytest.fixture
def workflow(tmp_path) -> Workflow:
    return Workflow(tmp_path)


def until(found: Callable[[], bool], seconds=60.0) -> bool:
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


def test_forks_share_their_imports_and_see_their_job(workflow):
    code, said = workflow.run(page=TELL, panel=TELL, factors=TELL, other=TELL)
    assert code == 0, said
    facts = {name: workflow.facts(name) for name in ("page", "panel", "factors", "other")}
    server = facts["page"][0]
    for name in ("page", "panel"):
        assert facts[name] == [
            server, name, True, f"{name}_rule", name, 7, 1, f"{name}.log", {},
            {}, "1", workflow.folder.name,
        ]  # fmt: skip
    # Several threads, and scripts of others, are not for it.
    for name, threads in {"factors": 2, "other": 1}.items():
        assert facts[name][0] != server
        assert facts[name][2:7] == [False, f"{name}_rule", name, 7, threads]
    assert until(lambda: not alive(server))


def test_a_job_that_fails_or_is_killed_fails_alone(workflow):
    code, said = workflow.run(
        page="import sys; sys.exit(3)",
        panel="raise KeyError('a')",
        gallery="import os; os.kill(os.getpid(), 9)",
        input=TELL,
    )
    assert code == 1
    assert "KeyError: 'a'" in said
    assert "A job of rule gallery_rule was killed by SIGKILL." in said
    for name in ("page", "panel", "gallery"):
        assert f"Error in rule {name}_rule" in said
        assert not (workflow.folder / f"{name}.tsv").exists()
    assert workflow.facts("input")[2] is True


CUT = """
from multiprocessing import forkserver

whole, calls = forkserver.read_signed, []


def cut(sentinel):
    calls.append(sentinel)
    if len(calls) == 3:  # after the start and the end of the first process, which only looks
        raise EOFError("unexpected EOF")
    return whole(sentinel)


forkserver.read_signed = cut
"""


def test_a_process_to_fork_from_that_ends_as_a_job_begins_is_told(workflow):
    plugin = workflow.folder / "src/snakemake_executor_plugin_forkserver/__init__.py"
    plugin.write_text(plugin.read_text() + CUT)
    status, said = workflow.run(page="open(snakemake.output[0], 'w').close()\n")
    assert status != 0
    words = "page_rule was not begun: the process that it was to be forked from ended"
    assert f"A job of rule {words}." in said
    assert "EOFError" not in said
    assert (workflow.folder / "page.log").read_text() == f"\nFailed: {words}\n"


@pytest.mark.slow
def test_python_does_not_answer_an_interrupt_as_that_process_begins():
    with interrupts_blocked():
        process = subprocess.Popen(
            [sys.executable, "-c", "print('begun', end='')"], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said, errors) == (0, "begun", "")
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_the_process_to_fork_from_begins_with_interrupts_blocked():
    """Also the first one, with which multiprocessing starts a process of its own."""
    code = (
        "import multiprocessing, os, signal\n"
        "from multiprocessing import forkserver\n"
        "from pathlib import Path\n"
        "from snakemake_executor_plugin_forkserver import interrupts_blocked\n"
        "if __name__ == '__main__':\n"
        "    with interrupts_blocked():\n"
        "        multiprocessing.get_context('forkserver').Process(target=os.getpid).start()\n"
        "    number = forkserver._forkserver._forkserver_pid\n"
        "    lines = Path(f'/proc/{number}/status').read_text().splitlines()\n"
        "    blocked = int(next(s for s in lines if s.startswith('SigBlk')).split()[1], 16)\n"
        "    print(bool(blocked >> (signal.SIGINT - 1) & 1))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.slow
def test_benchmarks_are_those_of_the_fork(workflow):
    work = (
        "import time\na = bytearray(90 << 20)\nbegan = time.process_time()\n"
        "while time.process_time() - began < 0.8: pass\ntime.sleep(0.5)\n"
    )
    code, said = workflow.run(page=work + TELL, panel=TELL)
    assert code == 0, said
    large, small = (workflow.benchmark(name) for name in ("page", "panel"))
    assert 0.8 < float(large["cpu_time"]) < 2
    assert float(large["s"]) > 1.3
    assert float(large["mean_load"]) == pytest.approx(
        100 * float(large["cpu_time"]) / float(large["s"]), abs=1
    )
    assert 85 < float(large["max_rss"]) - float(small["max_rss"]) < 120


@pytest.fixture
def temporary_folder(monkeypatch):
    """A short path, since that of a socket has at most 107 characters."""
    with tempfile.TemporaryDirectory() as name:
        monkeypatch.setenv("TMPDIR", name)
        yield Path(name)


@pytest.mark.slow
def test_temporary_files_of_a_job_end_with_it(workflow, temporary_folder):
    leave = (
        "import atexit, os, tempfile\nfile = tempfile.NamedTemporaryFile(delete=False)\n"
        "atexit.register(os.remove, file.name)\nopen('name', 'w').write(file.name)\n"
    )
    code, said = workflow.run(page=leave + TELL)
    assert code == 0, said
    assert (workflow.folder / "name").read_text().startswith(f"{temporary_folder}/blockscope-")
    assert not list(temporary_folder.glob("blockscope-*"))


@pytest.mark.slow
def test_where_no_process_can_be_forked_jobs_start_by_themselves(
    workflow, temporary_folder, monkeypatch
):
    long = temporary_folder / ("long" * 30)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    code, said = workflow.run(page=TELL)
    assert code == 0, said
    assert "Jobs are not forked, so that each takes seconds longer: AF_UNIX path too long" in said


@pytest.mark.slow
def test_where_imports_start_threads_jobs_start_by_themselves(workflow):
    library = "import threading, time\nthreading.Thread(target=time.sleep, args=[9], daemon=True)"
    (workflow.folder / "src" / "with_a_thread.py").write_text(f"{library}.start()")
    workflow.preload('LIBRARIES = ("colorsys", "with_a_thread")')
    code, said = workflow.run(page=TELL)
    assert code == 0, said
    assert "imports started 1 threads, so that jobs are not forked" in said
    assert workflow.facts("page")[1:3] == ["python", False]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (lambda head: os.kill(head, signal.SIGKILL), -9),
        (lambda head: os.killpg(head, signal.SIGTERM), 1),
        (lambda head: os.killpg(head, signal.SIGINT), 1),
    ],
    ids=["head killed", "group stopped", "Ctrl-C"],
)
def test_forks_end_with_the_command_and_tidy_up(workflow, stop, status):
    with workflow.command(page=SLEEP) as head:
        told = workflow.folder / "pid"
        assert until(told.exists)
        pids = [int(pid) for pid in told.read_text().split()]
        stop(head.pid)
        head.communicate(timeout=60)
    assert head.returncode == status
    assert until(lambda: not any(map(alive, pids)))
    assert (workflow.folder / "tidied").exists()
