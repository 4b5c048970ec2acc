"""``measure``: its arithmetic on a clock of our own, and a real network once; what follows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers.tiny_rendering import CHANNELS, SHORT, tiny_network

from blockscope.feature_visualization.named_recipes import find_recipe
from blockscope.feature_visualization.optimizer import LARGEST
from blockscope.io.errors import BadFile
from blockscope.runtime import measure
from blockscope.runtime.measure import Timing, forward_flop, report, time_layer

BEGIN, REDIRECTED, STEP, IMAGES, EVALUATION = 10.0, 5.0, 2.0, 1.0, 3.0  # seconds
TRACE = 100.0
NO_NETWORK: Any = None


class Clock:
    now = 0.0
    taken: list[list[int]]

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """A clock, and stand-ins that only let it run; what is traced takes ``TRACE`` more."""
    clock, known, taken = Clock(), set(), []

    def take(what, seconds):
        clock.now += seconds + (TRACE if what not in known else 0)
        known.add(what)

    class Optimizer:
        batch = 8

        def __init__(self, network, objective, units, recipe, memory_mb):
            self.recipe = recipe

        def iterate(self, indices):
            taken.append(list(indices))
            clock.now += BEGIN
            for step in range(self.recipe.steps):
                first = step < self.recipe.redirected_relu_steps
                take(first, REDIRECTED if first else STEP)
                yield self.seen

        def seen(self):
            take("images", IMAGES)
            return np.zeros((1, 2, 2, 3), np.float32)

    class Evaluator:
        def __init__(self, *arguments, memory_mb):
            pass

        def evaluate(self, images, indices):
            take("evaluation", EVALUATION)

    clock.taken = taken
    monkeypatch.setattr(measure, "time", clock)
    monkeypatch.setattr(measure, "Optimizer", Optimizer)
    monkeypatch.setattr(measure, "Evaluator", Evaluator)
    monkeypatch.setattr(measure, "forward_flop", lambda *given: 7 * given[2])
    return clock


def test_a_batch_is_its_start_both_kinds_of_steps_and_its_evaluation(clock):
    recipe = find_recipe("paper")
    found = time_layer(NO_NETWORK, "mixed", 11, recipe, 2048, steps=4)
    assert found.step == STEP
    assert found.seconds == BEGIN + 16 * REDIRECTED + (192 - 16) * STEP + IMAGES + EVALUATION
    assert found.flop == 192 * 2 * 7 * (128 + 12), "forward and back, for what the network sees"
    assert found.rate == 8 * 2 * 7 * (128 + 12) / STEP
    assert (found.layer, found.channels, found.batch) == ("mixed", 11, 8)
    assert clock.taken == [list(range(8))] * 2


def test_what_is_traced_counts_once_for_a_job(clock):
    assert time_layer(NO_NETWORK, "mixed", 5, find_recipe("draft"), 2048, 3).start == 4 * TRACE
    assert clock.taken == [list(range(5))] * 2


def test_more_steps_than_the_recipe_has_are_not_taken(clock):
    found = time_layer(NO_NETWORK, "mixed", 11, SHORT, 2048, steps=100)
    assert found.seconds == BEGIN + 2 * REDIRECTED + 4 * STEP + IMAGES + EVALUATION


def test_a_layer_is_timed_as_a_job_renders_it():
    network = tiny_network()
    found = time_layer(network, "mixed", CHANNELS, SHORT, 2048, 2)
    assert found.batch == LARGEST
    assert found.flop == 6 * 2 * forward_flop(network, ["mixed"], 22)
    assert 0 < found.step < found.seconds
    assert found.start > found.step, "two functions are traced"


def test_a_layer_that_cannot_be_rendered_says_so():
    tiny = replace(SHORT, size=1)
    with pytest.raises(BadFile, match="'late' is too deep for images of 3 x 3"):
        time_layer(tiny_network(), "late", 7, tiny, 2048)


def test_the_processor_has_a_name(monkeypatch, tmp_path):
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor\t: 0\nmodel name\t: Some 9 Chip\n\nmodel name\t: Some 9 Chip\n")
    monkeypatch.setattr(measure, "PROCESSORS", listed)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    assert measure.device_words() == "Some 9 Chip, 1 thread"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert measure.device_words() == "Some 9 Chip, 3 threads"


# 132 channels in batches of 64 are 3 batches of 400 s, and 1500 s hold 3 of them.
LAYER = Timing(
    "mixed4d", 132, batch=64, start=30.0, step=2.0, seconds=400.0, flop=576 * 10**9, rate=96e9
)


def test_a_batch_that_is_not_full_takes_as_long():
    assert LAYER.batches == 3
    assert (LAYER.channels_per_job, LAYER.jobs) == (192, 1)
    assert LAYER.whole == 30 + 3 * 400


def test_a_job_has_whole_batches_that_fit_with_its_start():
    larger = replace(LAYER, channels=832)
    assert (larger.channels_per_job, larger.jobs, larger.batches) == (3 * 64, 5, 13)
    assert larger.whole == 13 * 400 + 5 * 30
    assert replace(larger, start=301.0).channels_per_job == 2 * 64


def test_a_job_is_no_larger_than_its_layer():
    assert replace(LAYER, seconds=100.0).channels_per_job == 192


def test_a_job_has_a_batch_however_long_it_takes():
    slow = replace(LAYER, seconds=9000.0)
    assert (slow.channels_per_job, slow.jobs) == (64, 3)


def rows(*layers: Timing) -> list[list[str]]:
    return [re.split(r"  +", line.strip()) for line in report(layers).splitlines()]


def test_the_table_says_all_of_it():
    names, row, _, advice = rows(replace(LAYER, channels=832))
    assert dict(zip(names, row, strict=True)) == {
        "layer": "mixed4d",
        "channels": "832",
        "batch": "64",
        "ms/step": "2000.0",
        "s/sprite": "6.25",
        "GFLOP/sprite": "576.00",
        "GFLOP/s": "96.0",
        "start": "30 s",
        "whole layer": "89 min",
        "channels_per_job": "192",
    }
    assert advice[0] == "sprites: {channels_per_job: 192}"
    assert "25 min" in advice[1]


@pytest.mark.parametrize(("other", "most"), [(832, 192), (60, 132)])
def test_the_advice_is_the_least_of_layers_that_need_several_jobs(other, most):
    table = rows(LAYER, replace(LAYER, layer="mixed5b", channels=other))
    assert table[1][-1] == "all"
    assert table[-1][0] == f"sprites: {{channels_per_job: {most}}}"
