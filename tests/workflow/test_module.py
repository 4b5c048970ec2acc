"""The workflow as a module of another one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from helpers.repository import ROOT, files_in
from helpers.tiny_project import Project

OTHER = """
configfile: "config/config.yaml"


module blockscope:
    snakefile:
        "workflow/Snakefile"
    config:
        config


use rule * from blockscope as other_*


rule mine:
    default_target: True
    input:
        "results/tiny/noise/activations/low.zarr.zip",
        "copy",


rule at_once:
    output:
        temp("at_once"),
    params:
        value=1,
    shell:
        "touch {output}"


rule last:
    input:
        "at_once",
    output:
        "copy",
    shell:
        "cp {input} {output}"
"""
MINE = {"mine": 1, "at_once": 1, "last": 1}


@pytest.mark.slow
def test_another_workflow_may_use_the_rules_under_names_of_its_own(workflow_copy, tmp_path):
    project = workflow_copy.unmade(tmp_path / "copy")
    project.write("Snakefile", OTHER)
    with project.path("config/config.yaml").open("a") as settings:
        settings.write("image: {background: [0010, 0, 0]}\n")  # YAML's octal numbers, as it likes
    made = {"other_model": 1, "other_input": 1, "other_activations": 1}
    assert project.planned() == {**made, **MINE}
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    assert project.planned() == {}
    project.path("results/tiny/noise/input.png").unlink()
    del made["other_model"]
    assert project.planned() == {**made, "mine": 1}


OUTER = """
configfile: "config/config.yaml"


module blockscope:
    snakefile:
        "{snakefile}"
    config:
        config
{prefix}

use rule * from blockscope as blockscope_*
"""
PREFIX = '    prefix:\n        "maps/of them"\n'
# A workflow of one's own has no profile; its jobs would each import TensorFlow.
FORKED = ("--executor", "forkserver")


@pytest.fixture
def outer(workflow_copy, tmp_path):
    """Return what makes a project of three lines beside the workflow, with its settings alone."""

    def make(snakefile: Path | str, prefix: str = "") -> Project:
        project = Project(tmp_path / "outer", workflow_copy.folder)
        shutil.copytree(workflow_copy.path("config"), project.path("config"))
        for name in ("noise.png", "tiny.pb", "labels.json"):
            shutil.copy2(workflow_copy.path(name), project.folder)
        known = Path(".snakemake/blockscope")  # the network's card
        shutil.copytree(workflow_copy.path(str(known)), project.path(str(known)))
        project.write("Snakefile", OUTER.format(snakefile=snakefile, prefix=prefix))
        return project

    return make


def made(project: Project) -> set[str]:
    """Return the folders, at the top, of all that a command made."""
    there = {path.name for path in project.folder.iterdir()}
    return there - {"config", "noise.png", "tiny.pb", "labels.json", "Snakefile", ".snakemake"}


@pytest.mark.slow
def test_a_prefix_is_followed_by_all_that_is_made_and_by_every_link(workflow_copy, outer):
    project = outer(workflow_copy.path("workflow/Snakefile"), PREFIX)
    with project.path("config/config.yaml").open("a") as settings:
        settings.write("sprites: {recipe: draft}\n")
    done = project.snakemake(*FORKED)
    assert done.returncode == 0, done.stdout
    assert made(project) == {"maps", "used"}  # the latter is what the tests record
    folders = {path.name for path in project.path("maps/of them").iterdir()}
    assert folders == {"results", "logs", "benchmarks"}
    assert project.planned() == {}
    pages = list(files_in(project.path("maps/of them/results"), "*.html"))
    links = [
        page.parent / unquote(link)
        for page in pages
        for text in re.split("<script.*?</script>", page.read_text(), flags=re.DOTALL)
        for link in re.findall(r'href="([^"#:]+)[^":]*"', text)
    ]
    assert len(links) > len(pages) > 2
    assert [link for link in links if not link.exists()] == []


# As in profiles/default. The trigger "code" of Snakemake cannot read such a repository.
CHOSEN = ("--rerun-triggers", "input", "mtime", "params", "software-env", "--")
TAGGED = "maps/of them/results/models/tiny/model.json"


@pytest.fixture
def tagged(workflow_copy, outer, tmp_path):
    """Return a project of three lines whose rules are those of a repository at a tag."""
    repository = tmp_path / "repository"
    shutil.copytree(workflow_copy.path("workflow"), repository / "workflow")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(repository)]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"], ["tag", "v1.0"]):
        subprocess.run([*git, *command], check=True)
    return outer(f"git+file://{repository}/workflow/Snakefile@v1.0", PREFIX)


def test_rules_from_a_repository_at_a_tag(tagged):
    assert tagged.planned(*CHOSEN, TAGGED) == {"blockscope_model": 1}


@pytest.mark.slow
def test_jobs_from_a_repository_at_a_tag(tagged):
    target = "maps/of them/results/tiny/noise/activations/low.zarr.zip"
    done = tagged.snakemake(*CHOSEN, target)
    assert done.returncode == 0, done.stdout
    assert tagged.path(target).is_file()
    assert tagged.planned(*CHOSEN, target) == {}


TWO = "results/blocks1000/two/input.png"


@pytest.fixture
def embedded(workflow_copy, tmp_path):
    """Return a project of three lines beside the workflow, with a copy of the default settings."""
    project = Project(tmp_path, workflow_copy.folder)
    shutil.copytree(ROOT / "config", project.path("config"))
    snakefile = workflow_copy.path("workflow/Snakefile")
    project.write("Snakefile", OUTER.format(snakefile=snakefile, prefix=""))
    return project


@pytest.mark.slow
def test_copied_settings_look_for_embedded_files_in_the_package(embedded):
    embedded.edit("config/images.tsv", "blockscope:scenes/two.png", "blockscope:scenes/tow.png")
    done = embedded.snakemake("--dry-run", TWO)
    assert "1 mistake in the configuration; nothing was run." in done.stdout  # others are found
    assert "no file 'scenes/tow.png' comes with the package" in done.stdout


@pytest.mark.slow
def test_copied_settings_find_the_embedded_network_in_the_package(embedded):
    done = embedded.snakemake(TWO)
    assert done.returncode == 0, done.stdout
    assert embedded.path(TWO).is_file()
    assert embedded.planned(TWO) == {}


SETTINGS = {
    "models": "config/models.yaml", "images": "config/images.tsv", "runs": "config/runs.tsv",
    "neuron_groups": {"count": 2},
}  # fmt: skip
SECTION = "    config:\n        config['maps']\n"
MODULE = """
module {name}:
    snakefile:
        "{snakefile}"
{options}

use rule * from {name} as {name}_*
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "modules",
    [
        {
            "one": (SECTION, "results"),
            "more": (SECTION + "    prefix:\n        'more'\n", "more/results"),
            "other": (SECTION + "    replace_prefix:\n        {'results/': 'out/'}\n", "out"),
        },
        {
            "one": ("", "results"),  # the settings in its own config/config.yaml
            "more": (SECTION + "    prefix:\n        'more'\n", "more/results"),
        },
    ],
    ids=["sections", "no config"],
)
def test_settings_of_modules(workflow_copy, outer, modules):
    snakefile = workflow_copy.path("workflow/Snakefile")
    project = outer(snakefile)
    text = [
        MODULE.format(name=name, snakefile=snakefile, options=options)
        for name, (options, _) in modules.items()
    ]
    project.write("Snakefile", f"config['maps'] = {SETTINGS}\n{''.join(text)}")
    targets = [f"{place}/tiny/noise/input.png" for _, place in modules.values()]
    # Without settings of its own, a module has those of the command line, like any workflow.
    mine = ["--config", "mine=[1]"] if all(options for options, _ in modules.values()) else []
    wanted = project.planned(*targets, *mine)
    assert wanted == {f"{name}_{rule}": 1 for name in modules for rule in ("model", "input")}


@pytest.mark.slow
def test_the_handlers_of_a_module_say_why_it_failed(workflow_copy, outer, tmp_path):
    project = outer(workflow_copy.path("workflow/Snakefile"), PREFIX)
    handlers = "\n\nonerror:\n    blockscope.onerror()\n"
    project.write("Snakefile", project.path("Snakefile").read_text() + handlers)
    place = project.path("maps/of them/results/tiny/noise/activations")
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path)
    done = project.snakemake(*FORKED, "--", "maps/of them/results/figures/one/index.html")
    assert done.returncode == 1
    assert "a symbolic link below the folder must not lead out of it" in done.stdout
    assert "Not finished:  1 (one)" in done.stdout
    assert "log: maps/of them/logs/activations/tiny/noise/" in done.stdout
    assert not list(tmp_path.glob("*.zarr.zip"))
