"""What every rule asks of a machine, and what the profiles may not ask of Snakemake."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
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
