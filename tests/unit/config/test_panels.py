"""The registry of panels: whole, and enough to find everything else."""

from __future__ import annotations

from importlib import import_module

import pytest

from blockscope.config.panels import PANELS, Panel
from blockscope.config.settings import METHODS


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_a_panel_is_described_and_drawn(panel: Panel) -> None:
    assert PANELS[panel.name] is panel
    assert panel.title
    assert panel.summary.endswith(".")
    assert set(panel.methods) <= set(METHODS)
    assert callable(import_module(panel.print_module).compose)
    assert panel.print_module.rpartition(".")[2] == panel.name


def test_a_page_leads_to_the_sprites_of_the_layers_that_it_shows() -> None:
    assert PANELS["channels"].sprite_layers == (1, 2)
    assert PANELS["channels"].page_files[-5:] == (
        "drivers", "contact1", "contact2", "channel_page1", "channel_page2",
    )  # fmt: skip
    assert PANELS["neuron_groups"].sprite_layers == (1,)
    assert PANELS["factors"].page_files == PANELS["factors"].inputs
