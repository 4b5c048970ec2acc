"""How fast a layer is rendered: the arithmetic on a clock of our own, and a real network once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny_rendering import CHANNELS, SHORT, tiny_network

from blockscope.feature_visualization import timing
from blockscope.feature_visualization.flops import forward_flop
from blockscope.feature_visualization.optimizer import LARGEST
from blockscope.feature_visualization.recipes import find_recipe
from blockscope.feature_visualization.timing import time_layer
from blockscope.io.errors import BadFile

BEGIN, REDIRECTED, STEP, PICTURES, JUDGE = 10.0, 5.0, 2.0, 1.0, 3.0  # seconds
TRACE = 100.0


class Clock:
    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """A clock, and an ascent and a judge that only let it run; what is traced takes ``TRACE``."""
    clock, known, taken = Clock(), set(), []

    def take(what, seconds):
        clock.now += seconds + (TRACE if what not in known else 0)
        known.add(what)

    class Optimizer:
        batch = 8

        def __init__(self, network, objective, units, recipe, memory_mb):
            self.recipe = recipe

        def watched(self, images):
            taken.append(list(images))
            clock.now += BEGIN
            for step in range(self.recipe.steps):
                first = step < self.recipe.redirected
                take(first, REDIRECTED if first else STEP)
                yield self.seen

        def seen(self):
            take("pictures", PICTURES)
            return np.zeros((1, 2, 2, 3), np.float32)

    class Evaluator:
        def __init__(self, *arguments, memory_mb):
            pass

        def scores(self, pictures, images):
            take("judge", JUDGE)

    clock.taken = taken
    monkeypatch.setattr(timing, "time", clock)
    monkeypatch.setattr(timing, "Optimizer", Optimizer)
    monkeypatch.setattr(timing, "Evaluator", Evaluator)
    monkeypatch.setattr(timing, "forward_flop", lambda *given: 7 * given[2])
    return clock


def test_a_batch_is_its_start_both_kinds_of_steps_and_its_judge(clock):
    recipe = find_recipe("paper")
    found = time_layer(None, "mixed", 11, recipe, 2048, steps=4)
    assert found.step == STEP
    assert found.batch == BEGIN + 16 * REDIRECTED + (192 - 16) * STEP + PICTURES + JUDGE
    assert found.flop == 2 * 7 * (128 + 12), "forward and back, for what the network sees"
    assert (found.layer, found.channels, found.pictures) == ("mixed", 11, 8)
    assert clock.taken == [list(range(8))] * 2


def test_what_is_traced_counts_once_for_a_job(clock):
    assert time_layer(None, "mixed", 5, find_recipe("draft"), 2048, 3).start == 4 * TRACE
    assert clock.taken == [list(range(5))] * 2


def test_more_steps_than_the_recipe_has_are_not_taken(clock):
    found = time_layer(None, "mixed", 11, SHORT, 2048, steps=100)
    assert found.batch == BEGIN + 2 * REDIRECTED + 4 * STEP + PICTURES + JUDGE


def test_a_layer_is_timed_as_a_job_renders_it():
    network = tiny_network()
    found = time_layer(network, "mixed", CHANNELS, SHORT, 2048, 2)
    assert found.pictures == LARGEST
    assert found.flop == 2 * forward_flop(network, ["mixed"], 22)
    assert 0 < found.step < found.batch
    assert found.start > found.step, "two functions are traced"


def test_a_layer_that_cannot_be_rendered_says_so():
    tiny = replace(SHORT, size=1)
    with pytest.raises(BadFile, match="'late' is too deep for pictures of 3 x 3"):
        time_layer(tiny_network(), "late", 7, tiny, 2048)


def test_the_processor_has_a_name(monkeypatch, tmp_path):
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor\t: 0\nmodel name\t: Some 9 Chip\n\nmodel name\t: Some 9 Chip\n")
    monkeypatch.setattr(timing, "PROCESSORS", listed)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    assert timing.device_name() == "Some 9 Chip, 1 thread"
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert timing.device_name() == "Some 9 Chip, 3 threads"
