"""What Snakemake's own linter says of the workflow."""

from __future__ import annotations

import re
import subprocess
import sys

from helpers.repository import ROOT

# Jobs run in the environment in which Snakemake was started: it has the package itself, which an
# environment that Snakemake makes for a rule would not have.
ACCEPTED = {"Specify a conda environment or container for each rule."}


def test_the_linter_finds_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert "Lints for rule model" in done.stdout, done.stdout
    assert set(re.findall(r"^    \* (.+):$", done.stdout, re.MULTILINE)) == ACCEPTED
