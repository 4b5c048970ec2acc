"""The plan: what jobs and results that are not there yet are likely to take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.parsed_rules import parsed_rules

from blockscope.config.settings import Config
from blockscope.runtime.plan.jobs import Job
from blockscope.runtime.plan.likeness import NearestEstimate
from blockscope.runtime.plan.past import Bytes, Seconds, shipped
from blockscope.runtime.plan.table import in_bytes, in_hours, in_time, report
from blockscope.runtime.plan.work import work_to_do

TABLES = {"models": "m", "images": "i", "runs": "r"}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_benchmark(path: str, seconds: float) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\t700\n")


def classes(image: str, layer: str, override="none", **more) -> Job:
    name = f"net/{image}/{override}"
    return Job(
        "classes",
        f"benchmarks/classes/{name}/{layer}.tsv",
        (f"results/{name}/classes/{layer}.h5",),
        **more,
    )


def test_the_figure_of_what_agrees_in_most_parts_of_its_name():
    known = NearestEstimate()
    known.note("classes", ("net", "dog", "early"), 40.0)
    known.note("classes", ("net", "cat", "early"), 60.0)
    known.note("classes", ("net", "cat", "late"), 3.0)
    known.note("other", ("net", "dog", "late"), 1000.0)
    assert known.expect("classes", ("net", "dog", "early")) == 40.0
    assert known.expect("classes", ("net", "fox", "early")) == 50.0
    assert known.expect("classes", ("more", "fox", "late")) == 3.0
    assert known.expect("classes", ("more", "fox", "middle")) == 40.0
    assert known.expect("classes", ("net", "dog")) is None
    assert known.expect("panel", ("net", "dog", "early")) is None


def test_a_figure_that_is_noted_again_counts_once():
    known = NearestEstimate()
    for figure in (1.0, 9.0):
        known.note("a", ("x",), figure)
    known.note("a", ("y",), 3.0)
    assert known.expect("a", ("z",)) == 6.0


def test_seconds_come_from_the_benchmarks_of_this_folder(folder):
    write_benchmark("benchmarks/classes/net/dog/none/early.tsv", 40)
    write_benchmark("benchmarks/classes/net/dog/none/late.tsv", 7)
    Path("benchmarks/classes/net/dog/none/half.tsv").write_text("s\th:m:s\n")
    seconds = Seconds(Config(**TABLES))
    assert seconds.expect(classes("dog", "early")) == (40, True)
    assert seconds.expect(classes("fox", "late", "smooth")) == (7, True)
    positions = Job("positions", "benchmarks/positions/net/dog/none/a--b.tsv", ())
    assert seconds.expect(positions) == (shipped()["positions"].seconds, False)


def test_what_renders_more_takes_longer_but_starts_once(folder):
    def render(numbers: str) -> Job:
        return Job("render_sprites", f"benchmarks/render_sprites/net/early/{numbers}.tsv", ())

    draft = Seconds(Config(**TABLES, sprites={"recipe": "draft"})).expect
    paper = Seconds(Config(**TABLES, sprites={"recipe": "paper"})).expect
    start = 3
    one = draft(render("3"))[0] - start
    assert draft(render("0-9,17"))[0] - start == pytest.approx(11 * one)
    assert paper(render("0-9,17"))[0] - start == pytest.approx(11 * one * 4 * 3)


def test_a_grid_is_measured_by_its_steps_cells_and_pixels():
    grids = {"cells_per_step": 10, "cell_size": 32, "steps": 128}
    name = ("net", "dog", "early-coherent")
    assert work_to_do("render_grid", name, Config(**TABLES, grids=grids)) == 10 / 4 * 2
    assert work_to_do("classes", name, Config(**TABLES, grids=grids)) == 1


def test_bytes_are_those_of_results_of_the_same_kind(folder):
    sizes = {"classes/early.h5": 4000, "classes/late.h5": 600, "channels/early.h5": 70}
    for name, size in sizes.items():
        path = Path("results/net/dog/none", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    found = Bytes()
    assert found.expect(classes("fox", "early")) == (4000, True)
    assert found.expect(classes("fox", "late", "smooth")) == (600, True)
    assert found.expect(classes("dog", "late")) == (0, True), "it is there and takes no more"
    activations = Job("activations", "", ("results/net/dog/activations/early.zarr.zip",))
    assert found.expect(activations) == (shipped()["activations"].bytes, False)


def test_hours_are_those_for_which_cores_and_gpus_are_held():
    jobs = [classes(image, "early", threads=3, gpus=2) for image in ("dog", "cat")]
    jobs.append(Job("page", "benchmarks/page/one.tsv", ()))
    text = report(
        jobs,
        lambda job: (3600.0, job.rule == "page"),
        lambda job: (1500.0, job.rule == "classes"),
        cores=4,
    )
    rows = [re.split(r"  +", line) for line in text.splitlines()]
    assert rows[0] == ["rule", "jobs", "s a job", "CPU hours", "GPU hours", "disk"]
    assert rows[1] == ["classes", "2", "3600.0*", "6.00", "4.00", "3.0 kB"]
    assert rows[2] == ["page", "1", "3600.0", "1.00", "-", "1.5 kB*"]
    assert rows[3] == ["total", "3", "3600.0", "7.00", "4.00", "4.5 kB"]
    assert "At least 1.8 h on the 4 cores" in text
    assert "figures that come with the package" in text


def test_a_plan_from_figures_of_this_folder_says_nothing_of_others():
    text = report([classes("dog", "early")], lambda _: (1.0, True), lambda _: (1.0, True), 2)
    assert "*" not in text
    assert "Nothing to do" in report([], lambda _: (1.0, True), lambda _: (1.0, True), 2)


def test_every_rule_has_a_figure_that_comes_with_the_package():
    assert set(shipped()) == set(parsed_rules())
    assert all(figure.seconds > 0 and figure.bytes > 0 for figure in shipped().values())


def test_numbers_are_in_the_unit_that_reads_well():
    assert [in_bytes(n) for n in (12, 3400, 5.6e6, 7.8e9)] == ["12 B", "3.4 kB", "5.6 MB", "7.8 GB"]
    assert [in_time(n) for n in (12, 600, 36000)] == ["12 s", "10 min", "10.0 h"]
    assert [in_hours(n) for n in (0, 20, 5400)] == ["-", "<0.01", "1.50"]
