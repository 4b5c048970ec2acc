"""What every rule asks of a machine, and what the profiles may not ask of Snakemake."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
import yaml
from helpers.parsed_rules import Rule, parsed_rules
from helpers.repository import ROOT


@pytest.fixture(scope="module")
def rules() -> Mapping[str, Rule]:
    return parsed_rules()


def profile(name: str) -> dict:
    return yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text())


def test_a_rule_has_one_thread_and_memory_and_time_that_grow_with_the_attempt(rules):
    for rule in rules.values():
        for attempt, amounts in enumerate(rule.attempts, 1):
            assert amounts["_cores"] == 1, rule.name
            for name in ("mem_mb", "runtime"):
                assert amounts[name] == attempt * rule.attempts[0][name] > 0, rule.name


def test_a_job_with_batches_has_memory_for_them(rules):
    batches = {
        name: rule.attempts[0] for name, rule in rules.items() if "batch_mb" in rule.attempts[0]
    }
    assert len(batches) == 13
    assert all(amounts["mem_mb"] - amounts["batch_mb"] == 1500 for amounts in batches.values())


def test_no_rule_repeats_itself_or_brings_its_own_environment(rules):
    for rule in rules.values():
        assert rule.retries is None, rule.name
        assert rule.environment is None, rule.name


def test_the_profile_of_a_cluster_stands_alone():
    here, there = profile("default"), profile("slurm")
    assert set(here) - set(there) == {"resources", "scheduler"}
    different = {"cores", "executor"}
    assert {key for key in set(here) & set(there) if here[key] != there[key]} == different


def test_repetition_and_states_on_a_cluster():
    chosen = profile("slurm")
    assert chosen["retries"] >= 1
    assert "retries" not in profile("default")
    assert chosen["slurm-no-requeue"] is True
    assert chosen["slurm-status-command"] == "squeue"
    # It would record files of an older setting as made by the jobs that failed.
    assert "keep-incomplete" not in chosen
    assert not [key for key in chosen if "array" in key]


def test_two_renders_of_a_workstation_share_no_card():
    assert profile("default")["resources"] == {"gpu": 1}


def test_every_group_of_the_profile_for_a_cluster_is_a_group_of_rules(rules):
    components = profile("slurm")["group-components"]
    # Snakemake accepts other names silently.
    assert set(components) <= {rule.group for rule in rules.values()}
    assert all(count > 1 for count in components.values())


def test_the_profile_for_a_cluster_names_the_rules_that_take_a_gpu(rules):
    text = (ROOT / "profiles" / "slurm" / "profile.yaml").read_text()
    named = re.findall(r"^#   (\w+):\n#     slurm_partition: gpu$", text, re.MULTILINE)
    assert set(named) == {name for name, rule in rules.items() if "gpu" in rule.attempts[0]}
