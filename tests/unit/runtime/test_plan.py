"""The plan: what jobs and results that are not there yet are likely to take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import xarray as xr
from helpers.parsed_rules import parsed_rules

from blockscope.config.settings import Config
from blockscope.io import datasets
from blockscope.runtime.estimates import Estimates, Job, shipped
from blockscope.runtime.plan import in_bytes, in_hours, in_time, report

TABLES = {"models": "m", "images": "i", "runs": "r"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def estimates(**settings) -> Estimates:
    return Estimates(Config(**TABLES, **settings))


def write_benchmark(path: str, seconds: float) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\t700\n")


def classes(image: str, layer: str, override="none", model="net", **more) -> Job:
    name = f"{model}/{image}/{override}"
    return Job(
        "classes",
        f"benchmarks/classes/{name}/{layer}.tsv",
        (f"results/{name}/classes/{layer}.h5",),
        **more,
    )


def test_seconds_are_those_of_the_most_similar_jobs():
    for name, seconds in {
        "net/dog/none/early": 40, "net/cat/none/early": 60, "net/cat/none/late": 3,
        "other/dog/none/late": 1000,
    }.items():  # fmt: skip
        write_benchmark(f"benchmarks/classes/{name}.tsv", seconds)
    Path("benchmarks/classes/net/dog/none/half.tsv").write_text("s\th:m:s\n")
    found = estimates()
    assert found.seconds(classes("dog", "early")) == (40, True)
    assert found.seconds(classes("fox", "early", "smooth")) == (50, True)
    assert found.seconds(classes("fox", "middle")) == (40, True)
    assert found.seconds(classes("fox", "late", model="more")) == (50, True)
    positions = Job("positions", "benchmarks/positions/net/dog/none/a--b.tsv", ())
    assert found.seconds(positions) == (shipped()["positions"][0], False)


def render(numbers: str) -> Job:
    return Job("render_sprites", f"benchmarks/render_sprites/net/early/{numbers}.tsv", ())


def test_what_renders_more_takes_longer_but_starts_once():
    draft = estimates(sprites={"recipe": "draft"})
    paper = estimates(sprites={"recipe": "paper"})
    start = 3
    one = draft.seconds(render("3"))[0] - start
    assert one > 0
    assert draft.seconds(render("0-9,17"))[0] - start == pytest.approx(11 * one)
    assert paper.seconds(render("0-9,17"))[0] - start == pytest.approx(11 * one * 4 * 3)


def test_a_recorded_render_is_scaled_by_what_it_rendered():
    write_benchmark(render("0-9").benchmark, 3 + 10 * 4 * 0.5)  # 128 pixels, 64 steps
    assert estimates(sprites={"recipe": "draft"}).seconds(render("0-4"))[1] is False
    shard = Path("results/models/net/sprites/shards/early/0-9.h5")
    facts = {"created_by": "render_sprites", "size": 128, "steps": 64}
    datasets.write_h5(shard, xr.Dataset(attrs=facts))
    found = estimates(sprites={"recipe": "draft"}).seconds(render("0-4"))
    assert found[0] == pytest.approx(3 + 5 * 0.5)
    assert found[1]


def test_a_grid_is_estimated_by_its_steps_cells_and_pixels():
    grid = Job("render_grid", "benchmarks/render_grid/net/dog/early-coherent.tsv", ())
    seconds = [
        estimates(grids={"cells_per_step": n, "cell_size": size, "steps": steps}).seconds(grid)[0]
        for n, size, steps in ((10, 64, 64), (20, 64, 64), (10, 32, 64), (10, 64, 128))
    ]
    rendering = [each - 3 for each in seconds]
    assert [each / rendering[0] for each in rendering] == pytest.approx([1, 2, 1 / 4, 2])


def test_bytes_are_those_of_results_of_the_same_kind():
    sizes = {"classes/early.h5": 4000, "classes/late.h5": 600, "channels/early.h5": 70}
    for name, size in sizes.items():
        path = Path("results/net/dog/none", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    found = estimates()
    assert found.bytes(classes("fox", "early")) == (4000, True)
    assert found.bytes(classes("fox", "late", "smooth")) == (600, True)
    assert found.bytes(classes("dog", "late")) == (0, True), "it is there and takes no more"
    activations = Job("activations", "", ("results/net/dog/activations/early.zarr.zip",))
    assert found.bytes(activations) == (shipped()["activations"][1], False)


def test_hours_are_those_for_which_cores_and_gpus_are_held():
    write_benchmark("benchmarks/page/one.tsv", 3600)
    write_benchmark("benchmarks/classes/net/dog/none/early.tsv", 1800)
    Path("results/figures/one").mkdir(parents=True)
    Path("results/figures/one/index.html").write_bytes(bytes(1500))
    jobs = [classes(image, "early", threads=3, gpus=2) for image in ("dog", "cat")]
    jobs.append(Job("page", "benchmarks/page/two.tsv", ("results/figures/two/index.html",)))
    text = report(jobs, estimates(), cores=4)
    rows = [re.split(r"  +", line) for line in text.splitlines()]
    assert rows[0] == ["rule", "jobs", "s/job", "CPU hours", "GPU hours", "disk"]
    size = 2 * shipped()["classes"][1]
    assert rows[1] == ["classes", "2", "1800.0", "3.00", "2.00", f"{in_bytes(size)}*"]
    assert rows[2] == ["page", "1", "3600.0", "1.00", "-", "1.5 kB"]
    assert rows[3] == ["total", "3", "2400.0", "4.00", "2.00", in_bytes(size + 1500)]
    assert "At least 60 min on the 4 cores" in text
    assert "estimates that come with the package" in text


def test_a_plan_from_figures_of_this_folder_says_nothing_of_others():
    write_benchmark("benchmarks/page/one.tsv", 3600)
    assert "*" not in report([Job("page", "benchmarks/page/one.tsv", ())], estimates(), 2)
    assert "Nothing to do" in report([], estimates(), 2)


def test_every_rule_has_estimates_that_come_with_the_package():
    assert set(shipped()) == set(parsed_rules())
    assert all(min(figures) > 0 for figures in shipped().values())


def test_numbers_are_in_the_unit_that_reads_well():
    assert [in_bytes(n) for n in (12, 3400, 5.6e6, 7.8e9)] == ["12 B", "3.4 kB", "5.6 MB", "7.8 GB"]
    assert [in_time(n) for n in (12, 600, 36000)] == ["12 s", "10 min", "10.0 h"]
    assert [in_hours(n) for n in (0, 20, 5400)] == ["-", "<0.01", "1.50"]
