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
        "results/tiny/noise/input.png",
"""


@pytest.mark.slow
def test_another_workflow_may_use_the_rules_under_names_of_its_own(workflow_copy, tmp_path):
    project = workflow_copy.unmade(tmp_path / "copy")
    project.write("Snakefile", OTHER)
    assert project.planned() == {"other_model": 1, "other_input": 1, "mine": 1}
    done = project.snakemake()
    assert done.returncode == 0, done.stdout
    assert project.planned() == {}
