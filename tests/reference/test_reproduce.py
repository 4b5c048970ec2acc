"""The comparison with published numbers, proved on numbers that Lucid itself computed.

They are printed as the notebooks print, from the arrays of a network that has InceptionV1's nodes
and a quarter of its channels.
"""

from __future__ import annotations

import dataclasses
import re
import warnings

import numpy as np
import pytest
import tensorflow as tf
from helpers.lucid_cases import MODELS
from helpers.repository import ROOT
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.io.images import read_png
from blockscope.models.card import ModelCard
from blockscope.models.network import Network
from studies.reproduce import __main__ as command
from studies.reproduce.comparison import Compared, compare_all, exit_status, printed_interval
from studies.reproduce.computed import Subject, compute
from studies.reproduce.published import COUNT, DRAWN, EXACT, GROUPS, NUMBERS, RECIPE, SINGLE
from studies.reproduce.quantities import Printing, Published, Question

CASE = "synthetic_dog_cat_mixed4d_mixed5a"
GROUP_COUNT = 3


def number(question, statistic, at, text, printing=Printing.ROUNDED, tolerance=SINGLE):
    return Published(question, statistic, tuple(map(int, at)), text, printing, tolerance, "Lucid")


def index(question, statistic, at, found):
    return number(question, statistic, at, str(found), Printing.WHOLE, EXACT)


def of_channels(question, array):
    yield number(question, "sum", (), f"{array.sum(dtype=float):.6f}")
    yield number(question, "largest", (), f"{array.max():.6f}")
    yield number(question, "smallest", (), f"{array.min():.6f}")
    zeros = str(np.count_nonzero(array == 0))
    yield number(question, "zeros", (), zeros, Printing.WHOLE, COUNT)
    for statistic, order in (
        ("strongest", np.argsort(-array)),
        ("most negative", np.argsort(array)),
    ):
        for rank, channel in enumerate(order[:4]):
            yield index(question, statistic, (rank,), channel)
            cut = str(float(array[channel]))[:5]
            yield number(question, "value", (channel,), cut, Printing.CUT)


def of_one_draw(question, array):
    totals = {"sum": array.sum(), "largest": array.max(), "smallest": array.min()}
    for statistic, value in totals.items():
        yield number(question, statistic, (), f"{value:.2f}", Printing.UNKNOWN, DRAWN)


def of_activations(question, array):
    row, col, _ = np.unravel_index(array.argmax(), array.shape)
    yield index(question, "peak row", (), row)
    yield index(question, "peak col", (), col)
    for position in ((row, col), (3, 9)):
        for rank, channel in enumerate(np.argsort(-array[position])[:4]):
            yield index(question, "strongest", (*position, rank), channel)
            text = f"{array[position][channel]:.3f}"
            yield number(question, "value", (*position, channel), text)


def nmf(samples, n):
    model = NMF(n, init="nndsvd", tol=1e-4, max_iter=200, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # ends after 200 rounds, as it did then
        return model.fit_transform(samples.astype(float)), model.components_


def of_probability(question, array):
    for label in np.argsort(-array)[:3]:
        yield number(question, "value", (label,), f"{array[label]:.6f}")


def of_factors(question, maps):
    """From Lucid's attribution of labels (label, row, col)."""
    _, components = nmf(np.maximum(maps, 0).reshape(len(maps), -1).T, question.n)
    for factor, weights in enumerate(components):
        for place in np.argsort(-weights)[:5]:
            at = (factor, question.labels[place])
            yield number(question, "value", at, f"{weights[place]:.2f}", Printing.UNKNOWN, RECIPE)


def of_groups(question, array, gradients):
    """From Lucid's activations, and gradients by reverse mode, (label, row, col, channel)."""
    spatial, channels = nmf(array.reshape(-1, array.shape[-1]), question.n)
    parts = np.einsum("pn,nc->npc", spatial, channels).reshape(question.n, *array.shape)
    effects = np.einsum("nrcx,lrcx->nl", parts, gradients)
    for group, effect in enumerate(effects[np.argsort(effects[:, 1])]):
        for label, value in zip(question.labels, effect, strict=True):
            yield number(question, "value", (group, label), f"{value:.4f}", tolerance=GROUPS)


@pytest.fixture
def golden_and_subject(prepared):
    golden, graph, card_path, input_path = prepared(CASE)
    card = ModelCard.read(card_path)
    return golden, Subject(Network.load(graph, card), card, read_png(input_path)[0])


@pytest.fixture
def printed(golden_and_subject) -> list[Published]:
    golden, subject = golden_and_subject
    labels = tuple(map(int, golden["labels"]))
    a, b = labels[:2]
    activations = golden["acts/mixed4d"]
    gradients = Gradients(
        subject.network, subject.network.values(subject.pixels), "mixed4d", subject.card.logits,
        OVERRIDES["none"],
    )  # fmt: skip
    _, both = gradients.at(activations[None], lambda logits: [logits[:, a], logits[:, b]])

    def question(method, layer="mixed4d", labels=(), **more):
        return Question("dog_cat", method, layer, labels, **more)

    probability = tf.nn.softmax(golden["logits"]).numpy()
    maps = golden["class_spatial/smooth/mixed5a"]
    return [
        *of_channels(question("linear", labels=(a, b)), golden["channel/diff"]),
        *of_channels(question("linear", labels=(a,)), golden["channel/none"]),
        *of_channels(question("path-left-100", labels=(a, b)), golden["channel/path100"]),
        *of_one_draw(question("stochastic", labels=(a, b)), golden["channel/stochastic100"]),
        *of_activations(question("activations"), activations),
        *of_groups(
            question("neuron groups", labels=(a, b), n=GROUP_COUNT), activations,
            np.concatenate([gradient.numpy() for gradient in both]),
        ),
        *of_factors(question("factors", "mixed5a", labels, override="smooth", n=2), maps),
        *of_probability(question("probability", subject.card.logits), probability),
    ]  # fmt: skip


def altered(row: Compared) -> Published:
    """Change a printed number by little more than the width of what may be found."""
    printed = row.published.printed
    decimals = len(printed.partition(".")[2])
    shift = 1.1 * (row.high - row.low) + 10.0**-decimals
    return dataclasses.replace(row.published, printed=f"{float(printed) + shift:.{decimals}f}")


@pytest.mark.slow
def test_lucids_numbers_agree_and_each_altered_one_is_found(golden_and_subject, printed):
    _, subject = golden_and_subject
    questions = dict.fromkeys(one.question for one in printed)
    assert {q.method for q in questions} == {n.question.method for n in NUMBERS}
    found = {question: compute(question, subject) for question in questions}
    compared = compare_all(printed, found, {})
    assert [row.published for row in compared if row.verdict != "ok"] == []
    assert exit_status(compared) == 0
    for place, row in enumerate(compared):
        wrong = compare_all([*printed[:place], altered(row), *printed[place + 1 :]], found, {})
        off = [one.verdict == "OFF" for one in wrong]
        assert (sum(off), off[place]) == (1, True), f"{row} is not found when it is altered"
        assert exit_status(wrong) == 1


@pytest.mark.slow
def test_the_spread_of_draws_is_no_excuse_for_other_noise(golden_and_subject, printed):
    """The path without noise lies outside what draws of it allow."""
    _, subject = golden_and_subject
    question = next(one.question for one in printed if one.question.method == "stochastic")
    draws = compute(question, subject)
    assert len(draws) > 1
    assert len({float(draw.sum()) for draw in draws}) == len(draws)
    plain = compute(dataclasses.replace(question, method="path-left-100"), subject)[0]
    drawn = [one for one in printed if one.question == question]
    wrong = [dataclasses.replace(one, printed=f"{plain.max():.2f}") for one in drawn]
    low, high = printed_interval(wrong[1].printed, Printing.UNKNOWN)
    assert low <= plain.max() <= high
    (row,) = compare_all(wrong[1:2], {question: draws}, {})
    assert row.verdict == "OFF"


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "status"), [(False, 0), (True, 1)])
def test_the_command(shared, printed, monkeypatch, capsys, broken, status):
    monkeypatch.chdir(ROOT)
    files = [f"--{key}={shared(MODELS['synthetic'][key])}" for key in ("graph", "labels")]
    total = f"{float(printed[0].printed) * 1.003:.6f}"
    changed = dataclasses.replace(printed[0], printed=total)
    numbers = [changed, *printed[1:]] if broken else printed
    arguments = [*files, f"--images={shared('images/dog_cat.png').parent}"]
    assert command.main(arguments, numbers) == status
    said = capsys.readouterr().out
    assert "dog_cat.png, the notebooks' file" in said
    assert "not the published graph" in said
    assert len(re.findall(r"  ok$", said, re.MULTILINE)) == len(printed) - broken
    assert len(re.findall(r"  OFF$", said, re.MULTILINE)) == broken
    assert f"{len(printed)} published numbers: {len(printed) - broken} ok" in said


def test_the_command_without_its_image(shared, printed, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    files = [f"--{key}={shared(MODELS['synthetic'][key])}" for key in ("graph", "labels")]
    for more in ([], ["--allow-missing"]):  # nothing at all was compared: that never passes
        assert command.main([*files, f"--images={tmp_path}", *more], printed) == 2
        said = capsys.readouterr().out
        assert "put the notebooks' dog_cat.png (82,724 bytes" in said
        assert f"{len(printed)} not compared" in said
