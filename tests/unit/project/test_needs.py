"""What every rule asks of a machine, and what the profiles may not ask of Snakemake."""

from __future__ import annotations

import re

import pytest
import yaml
from helpers.repository import ROOT

FILES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
RULES = {
    found[1]: found[2]
    for path in FILES
    for found in re.finditer(r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(), re.MULTILINE)
}


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text())


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_says_its_threads_and_what_grows_with_the_attempt(rule):
    assert re.search(r"^    threads: \d+$", RULES[rule], re.MULTILINE)
    assert re.search(r"^        mem_mb=(growing\(.+\)|NETWORK_MB),$", RULES[rule], re.MULTILINE)
    assert re.search(r"^        runtime=growing\(\d+\),$", RULES[rule], re.MULTILINE)


def test_no_rule_repeats_itself_or_names_a_partition():
    assert len(RULES) > 12
    for body in RULES.values():
        assert not re.search(r"^    retries:|slurm", body, re.MULTILINE)


def test_the_profile_of_a_cluster_stands_alone():
    here, there = profile("default"), profile("slurm")
    assert set(here) - set(there) == {"resources"}
    different = {"cores"}
    assert {key for key in set(here) & set(there) if here[key] != there[key]} == different


def test_repetition_and_states_on_a_cluster():
    chosen = profile("slurm")
    assert chosen["retries"] >= 1
    assert "retries" not in profile("default")
    assert chosen["slurm-no-requeue"] is True
    assert chosen["slurm-status-command"] == "squeue"
    assert chosen["keep-incomplete"] is True
    assert not [key for key in chosen if "array" in key]


def test_two_renders_of_a_workstation_share_no_card():
    assert profile("default")["resources"] == {"gpu": 1}


def test_every_group_of_the_profile_for_a_cluster_is_a_group_of_rules():
    text = "\n".join(path.read_text() for path in FILES)
    groups = set(re.findall(r'^    group:\n        "(.+)"$', text, re.MULTILINE))
    components = profile("slurm")["group-components"]
    assert set(components) <= groups  # Snakemake takes others without a word
    assert all(count > 1 for count in components.values())


def test_the_profile_for_a_cluster_names_the_rules_that_take_a_gpu():
    text = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
    named = re.findall(r"^#   (\w+):\n#     slurm_partition: gpu$", text, re.MULTILINE)
    rules = "\n".join(path.read_text() for path in FILES)
    bodies = re.split(r"^(?:use rule \w+ as|rule) (\w+)", rules, flags=re.MULTILINE)[1:]
    asking = {name for name, body in zip(bodies[::2], bodies[1::2], strict=True) if " gpu=" in body}
    assert set(named) == asking
