"""What a whole layer takes, and how large its jobs should be."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from blockscope.feature_visualization.timing import Timing
from blockscope.runtime.plan.spritemap import Cost, report

# 132 channels in batches of 64 are 3 batches of 400 s, and 1500 s hold 3 of them.
LAYER = Timing("mixed4d", 132, pictures=64, start=30.0, step=2.0, batch=400.0, flop=3 * 10**9)


def test_a_batch_that_is_not_full_takes_as_long():
    cost = Cost(LAYER, steps=192)
    assert cost.batches == 3
    assert cost.picture == 400 / 64
    assert cost.rate == 64 * 3e9 / 2
    assert (cost.block, cost.jobs) == (192, 1)
    assert cost.seconds == 30 + 3 * 400


def test_a_job_has_whole_batches_that_fit_with_its_start():
    cost = Cost(replace(LAYER, channels=832), 192)
    assert (cost.block, cost.jobs, cost.batches) == (3 * 64, 5, 13)
    assert cost.longest == 30 + 3 * 400
    assert cost.seconds == 13 * 400 + 5 * 30
    late = Cost(replace(LAYER, channels=832, start=301.0), 192)
    assert late.block == 2 * 64


def test_a_job_is_no_larger_than_its_layer():
    cost = Cost(replace(LAYER, batch=100.0), 192)
    assert (cost.block, cost.jobs) == (192, 1)
    assert cost.longest == 30 + 3 * 100


def test_a_job_has_a_batch_however_long_it_takes():
    cost = Cost(replace(LAYER, batch=9000.0), 192)
    assert (cost.block, cost.jobs) == (64, 3)


def rows(*layers: Timing) -> list[list[str]]:
    text = report("net", "paper", 128, 192, "Card 7", layers)
    return [re.split(r"  +", line) for line in text.splitlines()]


def test_the_table_says_all_of_it():
    head, _, names, row, _, advice = rows(replace(LAYER, channels=832))
    assert head == ["net, recipe paper (128 pixels, 192 steps), on: ModelCard 7"]
    assert dict(zip(names, row, strict=True)) == {
        "layer": "mixed4d",
        "channels": "832",
        "batch": "64",
        "ms a step": "2000.0",
        "s a picture": "6.25",
        "GFLOP a step": "192",
        "a picture": "576",
        "GFLOP/s": "96",
        "start": "30 s",
        "whole layer": "89 min",
        "hours": "1.49",
        "block": "192",
        "jobs": "5 of 20 min",
    }
    assert advice[0] == "sprites: {block: 192}"
    assert "25 min" in advice[1]


@pytest.mark.parametrize(("other", "block"), [(832, 192), (60, 132)])
def test_the_advice_is_the_least_block_of_layers_that_need_several_jobs(other, block):
    table = rows(LAYER, replace(LAYER, layer="mixed5b", channels=other))
    assert table[3][-2:] == ["all", "1 of 20 min"]
    assert table[-1][0] == f"sprites: {{block: {block}}}"
