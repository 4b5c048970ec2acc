"""Snakemake's own linter has nothing to say but one thing that is meant."""

from __future__ import annotations

import re
import subprocess
import sys

from helpers.repository import ROOT

# A run has one environment, in which the package is installed: none of a rule could have it.
MEANT = "Specify a conda environment or container for each rule."


def test_the_linter_finds_only_what_is_meant() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.findall(r"^    \* (.+):$", done.stderr, re.MULTILINE)
    assert set(found) == {MEANT}, done.stderr
