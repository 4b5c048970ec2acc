"""What the profiles name is there: Snakemake takes a name that nothing has without a word."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))


def test_every_group_of_the_profile_for_slurm_is_a_group_of_rules():
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    groups = set(re.findall(r'^ {4}group:\n {8}"(.+)"$', WORKFLOW, re.MULTILINE))
    assert set(profile["group-components"]) <= groups
    assert all(count > 1 for count in profile["group-components"].values())


def test_the_rules_with_a_gpu_are_those_that_the_profile_gives_its_partition():
    text = (ROOT / "profiles/slurm/profile.yaml").read_text()
    named = re.findall(r"^# {3}(\w+):\n# {5}slurm_partition: gpu$", text, re.MULTILINE)
    rules = re.split(r"^(?:use )?rule ", WORKFLOW, flags=re.MULTILINE)[1:]
    with_gpu = [re.match(r"\w+(?: as (\w+))?", rule) for rule in rules if " gpu=" in rule]
    assert sorted(named) == sorted(found[1] or found[0] for found in with_gpu if found)
