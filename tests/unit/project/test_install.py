"""The installer: says what is wrong with a Python, does nothing twice, trusts nothing half done.

Real installations take a minute and a package index; here both Pythons are stand-ins that write
down how they were called.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.repository import ROOT

# `-c` runs in the real Python behind a prelude; `-m venv` makes an environment that logs its pip.
BASE_PYTHON = """#!/bin/sh
case "$1" in
-c) exec {real} -I -S -c "import sys
{prelude}
$2" ;;
-m) mkdir -p .venv/bin && cp logging-python .venv/bin/python ;;
esac
"""
LOGGING_PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "$*" >>pip.log
case "$*" in *"${FAIL_AT:-nothing fails}"*) exit 1 ;; esac
"""
SUPPORTED = "sys.version_info = (3, 12, 1, 'final', 0); sys._base_executable = '{python}'"


class Checkout:
    """A folder with the installer, small locks and two stand-ins for Python."""

    def __init__(self, folder: Path, prelude: str = SUPPORTED) -> None:
        self.folder = folder
        (folder / "requirements").mkdir(parents=True)
        (folder / "src" / "blockscope").mkdir(parents=True)
        (folder / "src/blockscope/__init__.py").write_text("")
        (folder / "pyproject.toml").write_text("")
        shutil.copy(ROOT / "requirements" / "install.sh", folder / "requirements")
        for lock in ("build", "cpu", "gpu", "dev", "docs"):
            (folder / f"requirements/{lock}.txt").write_text(f"{lock} 1\n")
        self.python = folder / "base-python"
        prelude = prelude.format(python=self.python)
        self.script("base-python", BASE_PYTHON.format(real=sys.executable, prelude=prelude))
        self.script("logging-python", LOGGING_PYTHON)

    def script(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def install(self, *words: str, python: str | None = None, **env: str) -> tuple[int, str]:
        """Return the exit code and what the installer wrote."""
        result = subprocess.run(
            ["sh", str(self.folder / "requirements" / "install.sh"), *words],
            env={**os.environ, "PYTHON": python or str(self.python), **env},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return result.returncode, result.stdout + result.stderr

    def installed(self) -> list[str]:
        """Return what pip was asked for since the last question."""
        log = self.folder / "pip.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line.split()[-1] for line in lines if " install " in line]


WHOLE = ["requirements/build.txt", "requirements/cpu.txt", "."]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a folder")


def test_installs_once(checkout: Checkout) -> None:
    assert checkout.install("cpu", "run")[0] == 0
    assert checkout.installed() == WHOLE
    assert checkout.install("cpu", "run") == (0, "")
    assert checkout.installed() == []


def test_every_package_is_checked_and_nothing_unlocked_builds(checkout: Checkout) -> None:
    checkout.install("cpu", "dev")
    lines = (checkout.folder / "pip.log").read_text().splitlines()
    assert len(lines) == 4  # the build tool, the packages, the tools, the project
    for line in lines:
        assert "--no-build-isolation" in line
        assert "--require-hashes" in line or line.endswith(
            "--no-deps --no-build-isolation --editable ."
        )


def test_tools_are_added_and_not_begun_again(checkout: Checkout) -> None:
    checkout.install("cpu", "run")
    checkout.installed()
    checkout.install("cpu", "dev")
    assert checkout.installed() == ["requirements/dev.txt"]
    checkout.install("cpu", "run")
    checkout.install("cpu", "dev")
    assert checkout.installed() == []


def test_the_tools_for_the_site_come_on_top(checkout: Checkout) -> None:
    checkout.install("cpu", "dev")
    checkout.installed()
    checkout.install("cpu", "docs")
    assert checkout.installed() == ["requirements/docs.txt"]
    checkout.install("cpu", "docs")
    checkout.install("cpu", "dev")
    assert checkout.installed() == []


@pytest.mark.parametrize("where", ["build.txt", "cpu.txt", "dev.txt", "--editable"])
def test_a_broken_off_installation_begins_again(checkout: Checkout, where: str) -> None:
    assert checkout.install("cpu", "dev", FAIL_AT=where)[0] != 0
    checkout.installed()
    assert checkout.install("cpu", "dev")[0] == 0
    again = checkout.installed()
    assert again[-1] == "requirements/dev.txt"
    assert again[:-1] == (["."] if where == "--editable" else WHOLE)


def test_another_lock_or_folder_makes_it_new(checkout: Checkout, tmp_path: Path) -> None:
    checkout.install("cpu", "run")
    (checkout.folder / "requirements/cpu.txt").write_text("cpu 2\n")
    checkout.installed()
    assert "changed since .venv was made" in checkout.install("cpu", "run")[1]
    assert checkout.installed() == WHOLE

    checkout.install("gpu", "run")
    assert checkout.installed() == ["requirements/build.txt", "requirements/gpu.txt", "."]
    assert (checkout.folder / ".venv/.installed/lock").read_text() == "gpu\n"

    moved = tmp_path / "moved"
    checkout.folder.rename(moved)
    checkout.folder = moved
    said = checkout.install("gpu", "run", python=str(moved / "base-python"))[1]
    assert "changed since .venv was made" in said


def test_a_changed_project_file_installs_only_the_package(checkout: Checkout) -> None:
    checkout.install("cpu", "run")
    checkout.installed()
    (checkout.folder / "pyproject.toml").write_text("# another entry point\n")
    checkout.install("cpu", "run")
    assert checkout.installed() == ["."]


@pytest.mark.parametrize(
    ("prelude", "words"),
    [
        (
            "sys.version_info = (3, 9, 18)",
            ["needs Python 3.11 to 3.13", "is Python 3.9", "PYTHON="],
        ),
        (
            "sys.version_info = (3, 14, 0)",
            [
                "needs Python 3.11 to 3.13, for which TensorFlow has releases",
                "is Python 3.14",
                "~/uv/bin/pip install uv && ~/uv/bin/uv python install 3.13\n",
                'make figures PYTHON="$(~/uv/bin/uv python find 3.13)"\n',
                "docs/environments.md says more",
            ],
        ),
        (
            "sys.version_info = (3, 11, 2); sys.modules['ensurepip'] = None",
            ["no venv module", "apt install python3.11-venv"],
        ),
    ],
)
def test_an_unfit_python_is_refused(tmp_path: Path, prelude: str, words: list[str]) -> None:
    checkout = Checkout(tmp_path / "checkout", prelude)
    code, said = checkout.install("cpu", "run")
    assert code == 1
    assert [word for word in words if word not in said] == []
    assert not (checkout.folder / ".venv").exists()


def test_what_is_said_of_an_unfit_python_is_what_the_page_says(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout", "sys.version_info = (3, 14, 0)")
    said = checkout.install("cpu", "run", python=str(checkout.python))[1]
    page = (ROOT / "docs" / "environments.md").read_text()
    for line in said.replace(str(checkout.python), "python3").splitlines():
        if line.startswith("    "):
            for command in line.strip().split(" && "):
                assert command in page


def test_a_missing_python_or_lock_is_named(checkout: Checkout) -> None:
    code, said = checkout.install("cpu", "run", python="python0")
    assert (code, "'python0' does not run" in said) == (1, True)
    assert "docs/environments.md says how" in said
    code, said = checkout.install("tpu", "run")
    assert (code, "no lock 'tpu'" in said, "valid: cpu, gpu" in said) == (1, True, True)
