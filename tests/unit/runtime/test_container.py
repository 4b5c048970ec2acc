"""A job in a container refuses to run with other code than the workflow has counted."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from helpers.repository import ROOT

from blockscope.io.code_digest import code_digest
from blockscope.runtime.container import MOUNTED, OtherCodeError, check_same_code

SCRIPT = ROOT / "workflow" / "scripts" / "input.py"


def job(code: str | None) -> SimpleNamespace:
    return SimpleNamespace(params={} if code is None else {"code": code})


def test_other_code_in_a_container_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, f"{MOUNTED}item_0"])
    check_same_code(job(code_digest(SCRIPT)), SCRIPT)
    check_same_code(job(None), SCRIPT)  # a rule of another workflow
    with pytest.raises(OtherCodeError, match=r"asks for abcdef; build the image again .*container"):
        check_same_code(job("abcdef"), SCRIPT)


def test_elsewhere_nothing_is_read():
    assert check_same_code(job("abcdef"), "no/such/script.py") is None


def test_the_script_that_snakemake_writes_counts_as_the_script(tmp_path):
    written = tmp_path / "tmp1.input.py"
    written.write_text(f"import sys; sys.path.extend([]);\n{SCRIPT.read_text()}")
    assert code_digest(written) == code_digest(SCRIPT)
