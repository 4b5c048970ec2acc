"""The stages: what is made, what is repeated after which change, and their names."""

from __future__ import annotations

import ast
import os
import re
import shutil
from pathlib import Path

import h5py
import pytest
import yaml
from helpers.described_arrays import stages_described
from helpers.parsed_rules import parsed_rules
from helpers.repository import ROOT, files_in
from PIL import Image, ImageOps

from blockscope.io.code_digest import code_digest

LINEARISING = {"classes", "positions", "channels", "drivers", "neuron_groups"}
# Not by default: see test_sprites, test_grids, test_contact.
ABLATION = {"ablation"}  # by its name alone: no panel shows it
SCORES = {"scores"}
RANDOMISED = {"randomised_model", "sanity"}  # see test_randomised
FLOW = {"flow"}  # see test_flow
# See test_datasets, test_exemplars.
DATASETS = {"dataset", "sweep", "exemplars", "exemplar_sheet", "channel_page"}
RENDERING = {"render_sprites", "spritemap", "render_grid", "grid_image", "contact_sheet"}
STAGES = LINEARISING | {"model", "input", "activations", "factors", "panel", "page", "gallery"}
STAGES |= RENDERING | ABLATION | SCORES | RANDOMISED | DATASETS | FLOW
PAGES = {"page", "contact_sheet", "channel_page", "gallery"}
PANELS = 5  # of the finished run
INPUT = "results/tiny/noise/input.png"
FACTORS = "results/tiny/noise/smooth/factors"


def also(*case):
    """Return a case that only the long tests try: each starts Snakemake once more."""
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.slow
def test_one_name_from_the_rule_to_the_benchmark():
    rules = parsed_rules()
    assert {rule.script for rule in rules.values()} == STAGES
    assert {path.stem for path in (ROOT / "workflow" / "scripts").glob("*.py")} == STAGES
    for name, rule in rules.items():
        assert rule.log.startswith(f"logs/{name}/")
        assert rule.benchmark.startswith(f"benchmarks/{name}/")
        assert rule.script in {name, name.replace("group_", ""), name.removeprefix("image_")}
        assert rule.code


def test_every_array_is_described(finished):
    described = stages_described(finished[0].path("results"))
    assert described == LINEARISING | {"activations", "factors"}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_scripts_are_thin_and_never_read_the_settings(stage):
    text = (ROOT / "workflow" / "scripts" / f"{stage}.py").read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) < 30
    assert ast.get_docstring(tree).startswith(f"{stage}: ")
    assert "config" not in {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.BinOp)]


def test_everything_is_made_and_the_last_line_says_where_to_look(finished):
    project, said = finished
    for name in (
        "results/models/tiny/graph.pb",
        "results/models/tiny/model.json",
        "results/tiny/noise/input.png",
        "results/tiny/noise/activations/block~high.zarr.zip",
        "results/tiny/noise/smooth/classes/low.h5",
        f"{FACTORS}/low-2-on-block~high.h5",
        f"{FACTORS}/block~high-2-on-block~high.tsv",
        "results/tiny/noise/groups/low-2.h5",
        *(
            f"results/figures/one/{panel}.pdf"
            for panel in (
                "factors",
                "spatial",
                "channels",
                "channel_methods",
                "neuron_groups",
            )
        ),
        "results/figures/one/index.html",
        "results/index.html",
        "logs/classes/tiny/noise/smooth/block~high.log",
        "benchmarks/classes/tiny/noise/smooth/block~high.tsv",
    ):
        assert project.path(name).stat().st_size > 0, name
    assert said.rstrip().splitlines()[-1] == "Finished. Look at results/index.html"
    with h5py.File(project.path("results/tiny/noise/smooth/classes/block~high.h5")) as made:
        assert made["attribution"].shape == (5, 4, 5)
    assert project.results()


def test_progress_is_seen_and_kept_in_the_log(finished):
    project, said = finished
    assert re.search(r"100%\|", said)
    log = project.path("logs/classes/tiny/noise/smooth/block~high.log").read_text()
    assert log.count("100%|") == 1
    assert "\r" not in log


@pytest.mark.slow
def test_every_module_that_a_job_uses_counts_in_its_digest(finished):
    uncounted = finished[0].uncounted_modules()
    assert set(uncounted) == STAGES - RENDERING - ABLATION - SCORES - RANDOMISED - DATASETS - FLOW
    assert not any(uncounted.values()), uncounted


def test_a_second_run_does_nothing(project):
    before = project.results()
    done = project.snakemake()
    assert "Nothing to be done" in done.stdout
    assert project.results() == before


@pytest.mark.parametrize(
    ("new", "wanted"),
    [
        ({"override": "none"}, {"classes": 2, "factors": 2, "panel": 1, "page": 1, "gallery": 1}),
        also({}, {"panel": 1, "page": 1, "gallery": 1}),
        # The channels of a layer are one file for all classes that are compared there.
        ({"classes": "elk"}, {"channels": 2, "panel": 3, "page": 2, "gallery": 1}),
        also({"factors": "3"}, {"factors": 2, "panel": 1, "page": 1, "gallery": 1}),
        also({"factors": "2 joint pca"}, {"factors": 2, "panel": 1, "page": 1, "gallery": 1}),
        also(
            {"layer2": "pool"},
            {"activations": 1, "classes": 1, "factors": 2, "panel": 1, "page": 1, "gallery": 1},
        ),
    ],
)
def test_a_new_row_makes_only_what_is_new(project, run_row, new, wanted):
    with project.path("config/runs.tsv").open("a") as table:
        table.write(run_row("two", **new))
    assert project.planned() == wanted


@pytest.mark.parametrize(
    ("section", "options", "changed"),
    [
        ("figure", {"opacity": 0.5}, {"panel"}),
        also("compute", {"memory_mb": 4096}, set()),
        also("factors", {"top_labels": 3}, {"factors"}),
        also("channels", {"completeness_tolerance": 0.01}, {"channels"}),
        also("image", {"background": [0, 0, 0]}, {"input"}),
    ],
)
def test_an_option_repeats_what_it_is_about(project, section, options, changed):
    settings = yaml.safe_load(project.path("config/config.yaml").read_text())
    project.write("config/config.yaml", yaml.safe_dump({**settings, section: options}))
    planned, found = project.planned_and_changed()
    assert found == changed
    if section == "figure":
        assert planned == {"panel": PANELS, "page": 1, "gallery": 1}


PACKAGE = "src/blockscope"


def digests(project) -> dict[str, str]:
    return {
        stage: code_digest(project.path(f"workflow/scripts/{stage}.py"), project.path(PACKAGE))
        for stage in STAGES
    }


@pytest.fixture(scope="module")
def before(code_copy) -> dict[str, str]:
    """Return the digests of the code as it is."""
    return digests(code_copy)


def change(project, file: str) -> None:
    """Add a statement to a module of the package."""
    path = project.path(f"{PACKAGE}/{file}")
    path.write_text(path.read_text() + "\nCHANGED = 1\n")


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("io/atomic_files.py", STAGES),
        ("models/normal_form.py", {"model"}),
        ("autodiff/linear_map.py", LINEARISING | ABLATION | SCORES | FLOW),
        (
            "attribution/all_labels.py",
            {"classes", "channels", "neuron_groups", "ablation", "flow"},
        ),
        ("attribution/ablation.py", ABLATION),
        ("attribution/flow.py", FLOW),
        ("attribution/quadrature.py", {"channels", "scores"}),
        ("attribution/scores/curves.py", SCORES),
        ("attribution/rivals.py", SCORES),
        ("io/correlation.py", {"ablation", "sanity", "panel", "page", "gallery"}),
        ("models/randomisation.py", {"randomised_model"}),
        ("attribution/factors.py", {"factors", "neuron_groups", "render_grid", "ablation", "flow"}),
        ("feature_visualization/optimizer.py", {"render_sprites", "render_grid"}),
        ("feature_visualization/coherent_grid.py", {"render_grid"}),
        # The registry of panels names the modules that draw them.
        ("figures/print/spatial.py", {"panel", "page", "gallery"}),
        ("figures/page/payload.py", {"page"}),
        ("figures/page/contact_sheet.py", {"contact_sheet"}),
        ("figures/page/gallery.py", {"gallery"}),
        ("figures/page/channel_page.py", {"channel_page"}),
        ("exemplars/receptive_field.py", {"exemplar_sheet"}),
        ("stages/network/input.py", {"input"}),
        ("io/image_sets/folder.py", {"dataset"}),
        ("io/blocks1000/fills.py", DATASETS - {"channel_page"}),
        ("stages/feature_visualization/render_grid.py", {"render_grid"}),
        ("stages/result_files.py", set()),
        ("config/checks.py", set()),
        ("runtime/job.py", set()),
        ("__init__.py", set()),
    ],
)
def test_a_changed_module_counts_for_the_stages_that_use_it(code, before, file, changed):
    change(code, file)
    after = digests(code)
    assert {stage for stage in STAGES if after[stage] != before[stage]} == changed


def test_what_counts_is_repeated(project):
    change(project, "attribution/quadrature.py")
    template = next(project.path(f"{PACKAGE}/figures/page/templates").glob("page*"))
    template.write_text(template.read_text() + "<!-- changed -->")
    planned, changed = project.planned_and_changed()
    assert changed == {"channels"}
    assert planned == {"channels": 2, "panel": 2, "page": 1, "gallery": 1}


def test_a_changed_template_counts_for_the_pages(code, before):
    template = next(code.path(f"{PACKAGE}/figures/page/templates").glob("page*"))
    template.write_text(template.read_text() + "<!-- changed -->")
    after = digests(code)
    assert {stage for stage in STAGES if after[stage] != before[stage]} == PAGES


def say_otherwise(path: Path) -> None:
    """Change every docstring of a file and add a comment."""
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, kinds) and ast.get_docstring(node):
            at = node.body[0].lineno - 1
            lines[at] = lines[at].replace('"""', '"""Said otherwise: ', 1)
    path.write_text("\n".join(lines) + "\n# a remark\n")
    compile(path.read_text(), path.name, "exec")


@pytest.mark.slow
def test_comments_and_docstrings_repeat_nothing(project, before):
    for path in [
        *files_in(project.path(PACKAGE), "*.py"),
        *files_in(project.path("workflow"), "*.py"),
    ]:
        say_otherwise(path)
    assert digests(project) == before
    assert project.planned() == {}


@pytest.mark.slow
def test_a_touched_picture_repeats_nothing_and_a_changed_one_everything_behind_it(project):
    project.path("noise.png").touch()
    assert project.planned() == {}
    with Image.open(project.path("noise.png")) as picture:
        picture.transpose(Image.Transpose.ROTATE_180).save(project.path("noise.png"))
    assert project.planned() == {
        "input": 1, "activations": 2, "classes": 2, "factors": 2, "positions": 1, "channels": 2,
        "drivers": 1, "neuron_groups": 1, "panel": PANELS, "page": 1, "gallery": 1,
    }  # fmt: skip


def in_other_colours(path: Path) -> None:
    with Image.open(path) as picture:
        ImageOps.invert(picture).save(path)


def with_another_node(path: Path) -> None:
    import tensorflow as tf

    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    definition.node.add(name="unused", op="NoOp")
    path.write_bytes(definition.SerializeToString())


def with_another_label(path: Path) -> None:
    path.write_text(path.read_text().replace("elk", "eel"))


@pytest.mark.parametrize(
    ("file", "change", "first"),
    [
        also("noise.png", in_other_colours, "input"),
        also("tiny.pb", with_another_node, "model"),
        also("labels.json", with_another_label, "model"),
    ],
)
def test_another_file_in_its_place_counts_though_it_is_older(project, file, change, first):
    path, old = project.path(file), project.path(f"old-{file}")
    shutil.copy(path, old)
    change(old)
    os.utime(old, (1_000_000_000, 1_000_000_000))
    old.replace(path)
    planned, changed = project.planned_and_changed()
    assert changed == {first}
    assert {"input", "classes", "page", "gallery"} <= set(planned)
    target = {"input": INPUT, "model": "results/models/tiny/model.json"}[first]
    done = project.snakemake(target)
    assert done.returncode == 0, done.stdout
    assert project.planned(target) == {}
    path.touch()
    assert project.planned(target) == {}


@pytest.mark.slow
def test_any_single_file_can_be_asked_for(project):
    targets = [
        "results/tiny/noise/none/classes/pool.h5",
        "results/tiny/noise/activations/pool.zarr.zip",
        f"{FACTORS}/low-3.h5",
        f"{FACTORS}/low-12-pca.tsv",
        f"{FACTORS}/low-2-on-block~high-pca.h5",
        f"{FACTORS}/pool-3-on-block~high.h5",
        "results/tiny/noise/groups/pool-3.h5",
        "results/tiny/noise/ablation/low.h5",
        "results/tiny/noise/smooth/scores/low.tsv",
        "results/figures/one/factors.svg",
    ]
    made = {"activations": 1, "classes": 2, "factors": 4, "neuron_groups": 1, "ablation": 1}
    made["scores"] = 1
    assert project.planned(*targets) == made
    assert project.planned(targets[-1]) == {}
    of_other_gradients = {"classes": 4, "positions": 2, "panel": 1}
    assert project.planned("results/figures/one/overrides.png") == of_other_gradients


def test_an_unknown_id_in_a_target_is_told_with_what_is_valid(project):
    done = project.snakemake("--dry-run", "results/tiny/noice/input.png")
    assert done.returncode != 0
    assert "unknown image 'noice'; valid: noise (listed in config/images.tsv)" in done.stdout
