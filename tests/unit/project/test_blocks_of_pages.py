"""Every block of code in the documentation is in a language that is checked here.

Python is compiled here and run in test_code_of_pages.py, test_tensorflowjs_page.py and
tests/unit/stages/test_loading.py, LaTeX in tests/unit/figures/test_panels_in_papers.py; the paths
that commands ask Snakemake for are planned in tests/workflow/test_shipped.py.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from helpers.blocks_of_pages import Block, blocks_of_pages, commands
from helpers.repository import ROOT
from pydantic import BaseModel
from snakemake.cli import get_argument_parser

import blockscope
from blockscope.config.error_list import ErrorList
from blockscope.config.settings import Config, DatasetRow, ImageRow, RunRow
from blockscope.config.tables import parse_catalogue, read_table

BLOCKS = blocks_of_pages()
LANGUAGES = {
    "sh", "console", "python", "pycon", "snakemake", "yaml", "tsv", "text", "bibtex", "latex",
    "js", "octave", "r",
}  # fmt: skip
# Programs that others made, and that no block tells more about than their names.
OTHER_PROGRAMS = {"git", "cd", ".", "srun", "tmux", "ncdump", "h5dump"}
OTHER_PROGRAMS |= {"python3", "~/uv/bin/pip", "~/uv/bin/uv"}  # beside the Python of the machine
CONTAINERS = {"podman", "docker", "apptainer"}


def in_language(*languages: str) -> list[object]:
    return [pytest.param(block, id=block.place) for block in BLOCKS if block.language in languages]


def test_every_block_is_in_a_language_that_is_checked() -> None:
    assert {block.language for block in BLOCKS} <= LANGUAGES
    # 40 commands alone: an empty list of blocks would check nothing.
    assert len(BLOCKS) > 60


@cache
def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def snakemake_options() -> set[str]:
    return {option for action in get_argument_parser()._actions for option in action.option_strings}


def sources_of(module: str) -> str:
    """Return the source of a module, or of the whole package that is run as one."""
    found = importlib.util.find_spec(module)
    assert found is not None, f"there is no module {module}"
    if found.submodule_search_locations is None:
        assert found.origin is not None
        return Path(found.origin).read_text()
    folders = [Path(folder) for folder in found.submodule_search_locations]
    assert any((folder / "__main__.py").is_file() for folder in folders), f"{module} cannot be run"
    return "\n".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))


def check_module(words: list[str]) -> None:
    if words[0] in ("venv", "snakemake"):
        return
    source = sources_of(words[0])
    for option in (word for word in words[1:] if word.startswith("--")):
        assert f'"{option}"' in source, f"{words[0]} has no option {option}"


def check_make(words: list[str]) -> None:
    targets = [word for word in words if "=" not in word]
    assert targets
    assert set(targets) <= make_targets()
    variables = {word.split("=")[0] for word in words if "=" in word}
    assert variables <= {"ARGS", "LOCK", "PYTHON", "SLOW", "WORKERS"}


def check_snakemake(words: list[str]) -> None:
    options = {word.split("=")[0] for word in words if word.startswith("-")}
    assert options <= snakemake_options(), options - snakemake_options()


def check_container(words: list[str]) -> None:
    if "snakemake" in words:
        check_snakemake(words[words.index("snakemake") + 1 :])
    elif "--build-arg" in words:
        name = words[words.index("--build-arg") + 1].split("=")[0]
        assert f"\nARG {name}=" in (ROOT / "Containerfile").read_text()
    else:
        assert words[0] in {"build", "save"}


def check_npm(words: list[str]) -> None:
    if words[0] == "run":
        scripts = json.loads((ROOT / "frontend/package.json").read_text())["scripts"]
        assert words[1] in scripts
    else:
        assert words[0] == "install"


@pytest.mark.parametrize("block", in_language("sh", "console"))
def test_commands_are_there(block: Block) -> None:
    assert commands(block)
    for line in commands(block):
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)
            program, rest = words[0], words[1:]
            if program == "tmux":  # what it starts
                program, *rest = shlex.split(rest[-1])
            if program == "srun":
                program, *rest = rest[next(n for n, w in enumerate(rest) if w[0] != "-") :]
            if program in ("python", "TORCH/bin/python"):
                assert rest[0] == "-m"
                check_module(rest[1:])
            elif program == "make":
                check_make(rest)
            elif program == "snakemake":
                check_snakemake(rest)
            elif program in CONTAINERS:
                check_container(rest)
            elif program == "npm":
                check_npm(rest)
            else:
                assert program in OTHER_PROGRAMS or program == "TORCH/bin/pip", program


@pytest.mark.parametrize("block", in_language("python"))
def test_python_is_python(block: Block) -> None:
    assert ast.parse(block.text).body


@pytest.mark.parametrize("block", in_language("snakemake"))
def test_lines_of_a_snakefile_can_be_read(block: Block) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("snakefmt"), "-"],
        input=block.text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", in_language("yaml"))
def test_yaml_is_settings_or_a_catalogue(block: Block, tmp_path: Path) -> None:
    content = yaml.safe_load(block.text)
    assert isinstance(content, dict)
    if set(content) <= set(Config.model_fields):
        tables = {name: f"config/{name}.tsv" for name in ("models", "images", "runs")}
        assert Config.model_validate({**tables, **content})
        return
    catalogue = tmp_path / "models.yaml"
    # What a randomised network is made from is an entry of the shipped catalogue.
    shipped = yaml.safe_load((ROOT / "config" / "models.yaml").read_text())["blocks1000"]
    catalogue.write_text(f"{yaml.safe_dump({'blocks1000': shipped})}\n{block.text}")
    problems = ErrorList()
    found = parse_catalogue(catalogue, problems)
    problems.raise_if_any()
    for name in content:
        assert [entry for entry in found if entry == name or entry.startswith(f"{name}.")]


TABLES: tuple[type[BaseModel], ...] = (DatasetRow, ImageRow, RunRow)


@pytest.mark.parametrize("block", in_language("tsv"))
def test_a_table_is_one_of_the_config(block: Block, tmp_path: Path) -> None:
    table = tmp_path / "table.tsv"
    table.write_text(block.text)
    columns = set(block.text.splitlines()[0].split("\t"))
    (model,) = (model for model in TABLES if columns <= set(model.model_fields))
    problems = ErrorList()
    rows = read_table(table, model, problems)
    problems.raise_if_any()
    assert rows
    for row in rows:
        problems.parse(model, row.cells, f"line {row.line}")
    problems.raise_if_any()


def test_the_version_to_cite_is_this_one() -> None:
    (block,) = (block for block in BLOCKS if block.language == "bibtex")
    assert f"version = {{{blockscope.__version__}}}" in block.text


def test_the_tag_to_deploy_is_of_this_version() -> None:
    snakefiles = "".join(block.text for block in BLOCKS if block.language == "snakemake")
    assert re.findall(r'tag="(.+?)"', snakefiles) == [f"v{blockscope.__version__}"]
