"""Shared results: taken only where everything that decides them is equal, whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from blockscope.runtime import result_cache


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return the shared folder of this process, which works in a project beside it."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv(result_cache.VARIABLE, str(tmp_path / "shared"))
    Path("graph.pb").write_text("a network")
    return tmp_path / "shared"


def stage(rule="render_sprites", output="out/0-3.h5", **changed):
    params = {"code": "c0de", "recipe": {"size": 64, "steps": 9}} | changed
    return SimpleNamespace(
        rule=rule, wildcards={"model": "net"}, params=params, input=["graph.pb"], threads=1,
        output=[output, "out/card.json"], log=[f"log/{rule}.log"],
    )  # fmt: skip


def made(smk, text="made here") -> bool:
    """Run a stage and tell whether it computed; its files are new afterwards in any case."""
    calls = []

    def main(given):
        calls.append(given)
        for path in given.output:
            Path(path).parent.mkdir(exist_ok=True)
            Path(path).write_text(f"{path} {text}")

    for path in smk.output:
        Path(path).unlink(missing_ok=True)
    try:
        shared_run(smk, main)
    finally:
        assert all(Path(path).is_file() for path in smk.output)
    return bool(calls)


def shared_run(smk, main) -> None:
    place = result_cache.CacheEntry.shared(smk)
    if place and place.fetch():
        return
    main(smk)
    if place:
        place.store()


def test_an_equal_job_takes_what_the_first_one_made(folder):
    assert made(stage(), "first")
    assert not made(stage(), "second")
    assert Path("out/0-3.h5").read_text() == "out/0-3.h5 first"
    assert Path("out/card.json").read_text() == "out/card.json first"


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": {"size": 64, "steps": 10}},
        {"code": "other"},
        {"rule": "spritemap"},
        {"output": "out/4-7.h5"},
        {"more": None},
    ],
)
def test_whatever_decides_a_result_makes_another(folder, other):
    made(stage())
    assert made(stage(**other))
    assert not made(stage())


def test_another_network_of_the_same_name_is_another_result(folder):
    made(stage(), "of the first")
    Path("graph.pb").write_text("b network")
    assert made(stage(), "of the second")
    Path("graph.pb").write_text("a network")
    assert not made(stage())
    assert Path("out/0-3.h5").read_text().endswith("of the first")


def test_other_versions_of_what_computes_make_another_result(folder, monkeypatch):
    made(stage())
    monkeypatch.setattr("importlib.metadata.version", lambda _: "99")
    assert made(stage())


@pytest.mark.parametrize("package", ["tensorflow", "numpy", "scikit-learn"])
def test_each_package_that_computes_counts(folder, monkeypatch, package):
    made(stage())
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99" if name == package else real(name))
    assert made(stage())


def test_what_a_gpu_computed_is_another_result(folder):
    cpu, gpu = stage(), stage()
    cpu.resources, gpu.resources = {"gpu": 0}, {"gpu": 1}
    assert made(cpu)
    assert made(gpu)
    assert not made(cpu)
    assert not made(gpu)


def test_short_stages_are_not_shared(folder):
    assert made(stage("panel"))
    assert made(stage("panel"))
    assert not list(folder.iterdir())


def test_without_a_shared_folder_nothing_is_shared(folder, monkeypatch):
    monkeypatch.delenv(result_cache.VARIABLE)
    assert made(stage())
    assert made(stage())


def test_a_damaged_file_is_made_anew_and_stored_in_place_of_the_old(folder):
    made(stage(), "first")
    stored = next(path for path in folder.rglob("0-3.h5"))
    stored.write_text("out/0-3.h5 fir")
    assert made(stage(), "second")
    assert stored.read_text() == "out/0-3.h5 second"
    assert not made(stage())
    assert sorted(path.name for path in stored.parent.parent.iterdir()) == [stored.parent.name]


def test_a_result_that_misses_a_file_is_not_taken(folder):
    made(stage())
    next(path for path in folder.rglob("card.json")).unlink()
    assert made(stage())
    assert not made(stage())


OTHER = f'{{"other": "{hashlib.sha256(b"x").hexdigest()}"}}'


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", '["0-3.h5"]', "{}", '{"0-3.h5": 1}', "3", "null", "[" * 100_000),
        *("9" * 5000, '{"0-3.h5": {"a": []}}', "\udcff", OTHER),
    ],
    ids=lambda text: text[:20],
)
def test_a_damaged_list_of_contents_is_replaced(folder, text):
    made(stage(), "first")
    next(path for path in folder.rglob(result_cache.CONTENT)).write_bytes(
        text.encode(errors="surrogateescape")
    )
    next(path for path in folder.rglob("0-3.h5")).with_name("other").write_text("x")
    assert made(stage(), "second")
    assert not made(stage())
    assert Path("out/0-3.h5").read_text() == "out/0-3.h5 second"


@pytest.mark.parametrize("kind", ["file", "pipe", "link", "broken link", "list is a folder"])
def test_an_entry_that_is_no_folder_of_files_is_replaced(folder, tmp_path, kind):
    made(stage(), "first")
    listed = next(path for path in folder.rglob(result_cache.CONTENT))
    place = listed.parent
    if kind == "list is a folder":
        listed.unlink()
        listed.mkdir()
    else:
        place.rename(tmp_path / "elsewhere")
        if kind == "file":
            place.write_text("x")
        elif kind == "pipe":
            os.mkfifo(place)
        else:
            place.symlink_to(tmp_path / ("elsewhere" if kind == "link" else "gone"))
    assert made(stage(), "second")
    assert not made(stage())
    assert Path("out/0-3.h5").read_text() == "out/0-3.h5 second"
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    if kind == "link":
        assert (tmp_path / "elsewhere" / "0-3.h5").read_text() == "out/0-3.h5 first"


def test_nothing_is_stored_where_a_link_leads_out(folder, tmp_path, capsys):
    (tmp_path / "elsewhere").mkdir()
    made(stage())
    (place,) = folder.iterdir()
    place.rename(tmp_path / "old")
    place.symlink_to(tmp_path / "elsewhere")
    assert made(stage())
    assert "not kept: " in (said := capsys.readouterr().out)
    assert "elsewhere/" in said
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_full_or_lost_folder_costs_only_time(folder, monkeypatch, capsys):
    folder.rmdir()
    folder.write_text("a file")
    assert made(stage())
    assert "not kept: Not a directory" in capsys.readouterr().out


def test_jobs_of_several_projects_at_once_leave_one_whole_result(folder):
    code = (
        "import sys, os\nfrom pathlib import Path\n"
        "from blockscope.runtime.result_cache import CacheEntry\n"
        "os.makedirs(sys.argv[1] + '/out')\nos.chdir(sys.argv[1])\n"
        "for name in ('a', 'b'): Path('out', name).write_text(name * 100_000 + sys.argv[2])\n"
        "sys.stdin.read(1)\n"
        "for turn in range(20): CacheEntry(Path(sys.argv[3]), f'{turn:064d}', ['out/a', 'out/b'])"
        ".store()\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, f"p{n}", str(n), str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for n in range(3)
    ]  # fmt: skip
    said = [writer.communicate("\n", timeout=60)[0] for writer in writers]
    assert said == ["", "", ""]
    for turn in range(20):
        place = result_cache.CacheEntry(folder, f"{turn:064d}", ["got/a", "got/b"])
        assert place.fetch()
        ends = [Path(path).read_text()[-1] for path in ("got/a", "got/b")]
        assert ends[0] == ends[1], "files of two writers are mixed"
    assert not list(folder.rglob(".*"))


def test_a_rule_that_another_workflow_renamed_has_the_results_of_its_stage(folder, monkeypatch):
    assert made(stage())
    assert made(stage("maps_render_sprites"))
    monkeypatch.setenv("BLOCKSCOPE_STAGES", '{"maps_render_sprites": "render_sprites"}')
    assert not made(stage("maps_render_sprites"))


def test_the_job_says_where_its_result_comes_from(folder):
    code = (
        "from types import SimpleNamespace\nfrom pathlib import Path\n"
        "from blockscope.runtime.job import run\n"
        "smk = SimpleNamespace(rule='render_sprites', wildcards={}, params={}, input=[], "
        "threads=1, output=['a'], log=['a.log'])\n"
        "run(smk, lambda smk: (print('computed'), Path('a').write_text('x')))\n"
    )
    for expected in ("computed", "taken from the shared results: "):
        subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
        assert Path("a.log").read_text().startswith(expected)


def test_what_a_submission_finished_is_taken_by_its_next_attempt_without_taking_room(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(result_cache.VARIABLE, raising=False)
    monkeypatch.setenv(result_cache.FINISHED_VARIABLE, "")
    Path("in").write_text("i")
    code = (
        "import sys\nfrom types import SimpleNamespace\nfrom pathlib import Path\n"
        "from blockscope.runtime import result_cache\nfrom blockscope.runtime.job import run\n"
        "if sys.argv[1] == 'submitted': result_cache.keep_finished()\n"
        "smk = SimpleNamespace(rule='panel', wildcards={}, params={}, input=['in'], threads=1, "
        "output=['a'], log=['a.log'])\n"
        "run(smk, lambda smk: (print('computed'), Path('a').write_text('x')))\n"
    )

    def log(how: str) -> str:
        Path("a").unlink(missing_ok=True)
        subprocess.run([sys.executable, "-c", code, how], check=True)
        return Path("a.log").read_text()

    assert log("here").startswith("computed")
    assert not result_cache.FINISHED.exists()
    assert log("submitted").startswith("computed")
    assert Path("a").stat().st_nlink == 2
    assert log("submitted").startswith("taken from what an earlier attempt finished: ")
    assert log("here").startswith("computed")
    Path("in").write_text("changed")
    assert log("submitted").startswith("computed")
    result_cache.forget_finished()
    assert not result_cache.FINISHED.exists()


def test_what_is_finished_is_copied_where_links_do_not_reach(folder, tmp_path, monkeypatch, capsys):
    def on_another_disk(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", on_another_disk)
    output = Path("out/0-3.h5")
    output.parent.mkdir()
    output.write_text("first")
    Path("out/card.json").write_text("card")
    entry = result_cache.CacheEntry.finished(stage(), tmp_path / "finished")
    entry.store()
    assert capsys.readouterr().out == ""
    output.write_text("changed afterwards")
    assert entry.fetch()
    assert output.read_text() == "first"
