"""The rules of the workflow as Snakemake has read them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from helpers.repository import ROOT

SNAKEFILE = """
include: "{root}/workflow/Snakefile"


import json


def attempts(rule):
    asked = {{name: rule.resources[name] for name in {resources} if name in rule.resources}}
    return [
        {{name: amount.evaluate({{}}, attempt=n).value for name, amount in asked.items()}}
        for n in (1, 2, 3)
    ]


rules_read = [
    {{
        "name": rule.name,
        "attempts": attempts(rule),
        "group": rule.ruleinfo.group,
        "script": Path(str(rule.script)).stem,
        "log": str(rule.log[0]),
        "benchmark": str(rule.benchmark),
        "retries": rule.ruleinfo.retries,
        "environment": rule.conda_env or rule.container_img or None,
        "code": rule.params["code"](None) == digest_of(Path(str(rule.script)).stem),
    }}
    for rule in workflow.rules
    if rule.script
]
Path("{answer}").write_text(json.dumps(rules_read))
"""


RESOURCES = ("_cores", "mem_mb", "runtime", "gpu", "batch_mb")


@dataclass(frozen=True)
class Rule:
    """What a rule says: resources for the first three attempts, and names.

    ``code`` tells whether the digest of its own script is among its parameters.
    """

    name: str
    attempts: list[dict[str, Any]]
    group: str | None
    script: str
    log: str
    benchmark: str
    retries: int | None
    environment: str | None
    code: bool


@cache
def parsed_rules() -> dict[str, Rule]:
    """Return the rules of the project's own workflow, with its default config, by their names.

    All but the default target, which runs nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        snakefile, answer = Path(folder, "Snakefile"), Path(folder, "rules.json")
        snakefile.write_text(SNAKEFILE.format(root=ROOT, answer=answer, resources=RESOURCES))
        command = ["snakemake", "--snakefile", str(snakefile), "--cores", "1", "--dry-run"]
        done = subprocess.run(
            [sys.executable, "-m", *command, "results/models/blocks1000/model.json"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return {each["name"]: Rule(**each) for each in json.loads(answer.read_text())}
