"""The workflow as a module of another one."""

from __future__ import annotations

import pytest

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
