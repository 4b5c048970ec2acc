"""An old name in a config, a table or on the command line gives an error with the new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from snakemake.cli import parse_config
from snakemake.utils import update_config

from blockscope.config.checks import load_project
from blockscope.config.cli_values import parse_cli_values
from blockscope.config.error_list import settings_at
from blockscope.config.panels import PANELS
from blockscope.config.renamed import REMOVED_KEYS, RENAMED_KEYS, RENAMED_PANELS
from blockscope.config.settings import Config
from blockscope.io.errors import BadConfig

TABLES = {"models": "models.yaml", "images": "images.tsv", "runs": "runs.tsv"}


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that gives the message about a config and the panels of its run."""
    monkeypatch.chdir(tmp_path)
    Path("models.yaml").write_text(
        "tiny: {graph: net.keras, input: {size: [5, 7], range: [-1, 1]}, labels: labels.txt}\n"
    )
    Path("images.tsv").write_text("image\tpath\ndog\tdog.png\n")

    def message(config: dict, panels: str = "spatial", *, check: bool = False) -> str:
        columns = "run\tmodel\timage\tlayer1\tlayer2\tpanels"
        Path("runs.tsv").write_text(f"{columns}\na\ttiny\tdog\tlow\thigh\t{panels}\n")
        with pytest.raises(BadConfig, match="nothing was run") as caught:
            load_project({**TABLES, **config}, ["my.yaml"], check=check)
        return str(caught.value)

    return message


def exists(key: str) -> bool:
    *section, name = key.split(".")
    return name in settings_at(Config, tuple(section))


@pytest.mark.parametrize("key", [*RENAMED_KEYS, *REMOVED_KEYS])
def test_an_old_key_is_explained(refused, key: str) -> None:
    section, name = key.split(".")
    assert not exists(key)
    said = refused({section: {name: 1}})
    if key in RENAMED_KEYS:
        assert exists(RENAMED_KEYS[key])
        assert f"my.yaml: key '{key}' is now called '{RENAMED_KEYS[key]}'" in said
    else:
        assert f"my.yaml: key '{key}' was removed: {REMOVED_KEYS[key]}" in said


@pytest.mark.parametrize("key", [*RENAMED_KEYS, *REMOVED_KEYS])
def test_an_old_key_on_the_command_line_is_explained(refused, key: str) -> None:
    section, name = key.split(".")
    given = parse_config([f"{section}={{{name}: 1}}"])
    config: dict = {}
    update_config(config, given)
    assert f"key '{key}' " in refused(parse_cli_values(config, given))


@pytest.mark.parametrize("name", RENAMED_PANELS)
def test_an_old_panel_is_explained(refused, name: str) -> None:
    new = RENAMED_PANELS[name]
    assert new in PANELS
    assert name not in PANELS
    said = refused({}, f"spatial,{name}", check=True)
    assert f"column panels: panel '{name}' is now called '{new}'" in said


def test_all_old_names_are_explained_at_once(refused) -> None:
    said = refused({"grids": {"drawn": 5, "cosine": 2}, "figure": {"smooth": True}}, "groups")
    for name in ("grids.cells_per_step", "grids.cosine_power", "figure.interpolate"):
        assert name in said
