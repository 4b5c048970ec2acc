"""The side of a forked job: where its temporary files go, and its answer to Ctrl-C."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from blockscope.runtime.forked_job import run_script
from snakemake_executor_plugin_forkserver import interrupts_blocked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def run(folder: Path, scratch: Path, interrupted: bool = False) -> int | None:
    """Run a script that tells its temporary folder, and return how its process ended.

    Interrupted: by a Ctrl-C that comes before the process allows any.
    """
    script = folder / "page.py"
    script.write_text(
        f"import tempfile\nopen({str(folder / 'told')!r}, 'w').write(tempfile.gettempdir())"
    )
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=run_script, args=(sender, str(script), SimpleNamespace(), scratch)
    )
    with interrupts_blocked():
        process.start()
    if interrupted:
        os.kill(process.pid or 0, signal.SIGINT)
    process.join(120)
    sender.close()
    receiver.close()
    return process.exitcode


def test_the_folder_of_temporary_files_is_made_where_it_is_not_there(tmp_path):
    scratch = tmp_path / "not/there/scratch"
    assert run(tmp_path, scratch) == 0
    assert (tmp_path / "told").read_text() == str(scratch)
    assert not scratch.exists()


def test_one_that_cannot_be_made_is_told_in_a_sentence(tmp_path, capfd):
    (tmp_path / "file").touch()
    assert run(tmp_path, tmp_path / "file/scratch") == 1
    said = capfd.readouterr().err
    assert "no folder for temporary files can be made in" in said
    assert "Traceback" not in said
    assert not (tmp_path / "told").exists()


def test_an_interrupt_in_its_first_moments_ends_it_without_a_word(tmp_path, capfd):
    """Its answer would otherwise be a traceback on the terminal, as it has no log yet."""
    assert run(tmp_path, tmp_path / "scratch", interrupted=True) == 128 + signal.SIGINT
    assert capfd.readouterr().err == ""
    assert not (tmp_path / "told").exists()
