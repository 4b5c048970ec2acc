"""The pass over a data set: against everything computed one by one, and divided in any way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, inception_like, network_of, weights

from blockscope.exemplars import sweep as sweeping
from blockscope.exemplars.responses import Probe, Responses
from blockscope.exemplars.statistics import LayerStatistics
from blockscope.exemplars.sweep import Sweep, part_of, sweep
from blockscope.io.errors import BadFile
from blockscope.models.network import Network

SHAPE, IMAGES, BLOCK, K = (13, 18, 3), 75, 32, 6
INDEXES = range(1, 9)  # logit 0 is no label
RNG = np.random.default_rng(0)
# Of many colours, so that more than one label is predicted.
NOISE = RNG.integers(0, 256, (IMAGES, *SHAPE)) * RNG.uniform(0, 1, (IMAGES, 1, 6, 3)).repeat(3, 2)
PIXELS = (NOISE * RNG.integers(0, 2, (IMAGES, 1, 1, 3))).astype(np.uint8)
PIXELS[40] = PIXELS[7]  # a tie
DIRECTIONS = np.linalg.qr(np.random.default_rng(1).normal(size=(11, 4)))[0].astype(np.float32)
PROBES = [Probe("mixed", "mixed"), Probe("early", "early"), Probe("groups", "mixed", DIRECTIONS)]


def bright_and_dark(x: tf.Tensor) -> tf.Tensor:
    """A layer that is no ReLU's, with grouped and dilated convolutions behind it."""
    x = conv(x, 6, (3, 2), 2, seed=1, relu=False)
    x = tf.identity(x, name="signed")
    x = tf.nn.relu(tf.nn.conv2d(x, weights((3, 3, 6, 4), 2).astype(np.float32), 1, "SAME",
                                dilations=2))  # fmt: skip
    x = tf.nn.conv2d(x, weights((3, 3, 2, 4), 3).astype(np.float32), 1, "VALID")
    return tf.reduce_mean(x, [1, 2]) @ weights((4, 9), 4).astype(np.float32)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "BLOCK", BLOCK)


@pytest.fixture(scope="module")
def network() -> Network:
    def build(x: tf.Tensor) -> tf.Tensor:
        # Colours decide the label, which would be the same for all images.
        return inception_like(x) + 5 * tf.reduce_mean(x, [1, 2]) @ weights((3, 9), 8).astype("f4")

    return network_of(build, SHAPE, tf.float32)


def empty(
    probes: Sequence[Probe], units: Sequence[int], first: int = 0, relevance: bool = True
) -> Sweep:
    made = {
        probe.name: LayerStatistics(
            count,
            9,
            K,
            vectors=0 if probe.directions is not None else 25,
            seed=3,
            relevance=relevance,
            moments=probe.directions is None,
        )
        for probe, count in zip(probes, units, strict=True)
    }
    return Sweep(made, first)


UNITS = [11, 6, 4]


def swept(responses: Responses, first: int = 0, stop: int = IMAGES, **options) -> Sweep:
    state = empty(responses.probes, UNITS, first, responses.relevance)
    sweep(responses, state, stop, options.pop("read", PIXELS.__getitem__), **options)
    return state


def same(one: Sweep, other: Sweep) -> bool:
    """Compare what is written, not how it is held."""
    own, more = described(one), described(other)
    return own.keys() == more.keys() and all(
        np.asarray(own[key]).tobytes() == np.asarray(more[key]).tobytes() for key in own
    )


def described(state: Sweep) -> dict[str, object]:
    found: dict[str, object] = {"predicted": state.predicted, "damaged": list(state.damaged)}
    for name, one in state.statistics.items():
        for ranking, top in one.rankings.items():
            found |= {f"{name} {ranking} {key}": part for key, part in vars(top).items()}
        found[f"{name} histogram"] = one.histogram
        found[f"{name} mean"] = one.mean()
        found[f"{name} moment"] = one.second_moment()
        found[f"{name} labels"] = one.relevance_by_label()
        found[f"{name} vectors"] = one.reservoir.vector
        found[f"{name} sampled"] = one.reservoir.number
    return found


def in_session(
    network: Network, layers: list[str]
) -> Callable[[np.ndarray], tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]]:
    """Return a function from an image to the logits, the layers, and the gradients by them."""
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(network.definition, name="")
        tensors = [graph.get_tensor_by_name(f"{layer}:0") for layer in layers]
        logits = graph.get_tensor_by_name("output:0")
        chosen = tf.compat.v1.placeholder(tf.int32, [])
        gradients = tf.gradients(logits[0, chosen], tensors)
    session = tf.compat.v1.Session(graph=graph)

    def run(pixels: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
        feeds = {"input:0": pixels[None].astype(np.float32) / 255}
        found, values = session.run([logits, tensors], feeds)
        best = 1 + int(found[0, 1:].argmax())
        slopes = session.run(gradients, feeds | {chosen: best})
        return found[0], [v[0] for v in values], [g[0] for g in slopes]

    return run


def test_everything_is_what_one_image_after_the_other_gives(network: Network) -> None:
    state = swept(Responses(network, PROBES, INDEXES))
    one = in_session(network, ["mixed", "early"])
    found = [one(pixels) for pixels in PIXELS]
    best = [1 + int(logits[1:].argmax()) for logits, _, _ in found]
    assert state.predicted == best
    assert len(set(best)) > 1
    for name, place in (("mixed", 0), ("early", 1), ("groups", 0)):
        values = np.stack([activations[place] for _, activations, _ in found])
        slopes = np.stack([gradients[place] for _, _, gradients in found])
        if name == "groups":
            values, slopes = values @ DIRECTIONS, slopes @ DIRECTIONS
        flat = values.reshape(IMAGES, -1, values.shape[-1])
        relevance = (values * slopes).reshape(flat.shape)
        known = state.statistics[name]
        for kind, array in (("activation", flat), ("relevance", relevance)):
            for measure, ranked in (("maximum", array.max(1)), ("mean", array.mean(1))):
                top = known.rankings[f"{kind}_{measure}"]
                order = np.argsort(-ranked, axis=0, kind="stable")[:K]
                want = np.take_along_axis(ranked, order, 0)
                np.testing.assert_allclose(top.value, want, rtol=2e-5, atol=2e-6)
                # Images whose values are as near as rounding may change places.
                at = np.take_along_axis(ranked, top.number, 0)
                np.testing.assert_allclose(at, want, rtol=2e-5, atol=2e-6)
                units = np.arange(ranked.shape[1])
                peak = array[top.number, top.position, units]
                np.testing.assert_allclose(peak, array.max(1)[top.number, units], atol=2e-5)
        np.testing.assert_allclose(known.mean(), flat.mean((0, 1)), rtol=1e-5, atol=1e-6)
        assert known.histogram.sum() == flat.size
        for label in range(9):
            chosen = [image for image in range(IMAGES) if best[image] == label]
            assert known.images_by_label[label] == len(chosen)
            mean = relevance[chosen].sum(1).mean(0) if chosen else np.nan
            np.testing.assert_allclose(known.relevance_by_label()[label], mean, atol=2e-5)
        if name != "groups":
            rows = flat.reshape(-1, flat.shape[-1])
            second = known.second_moment()
            np.testing.assert_allclose(second, rows.T @ rows / len(rows), rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(second, second.T)
            kept = known.reservoir
            np.testing.assert_allclose(kept.vector, flat[kept.number, kept.position], atol=2e-6)


def test_a_tie_goes_to_the_earlier_image(network: Network) -> None:
    numbers = swept(Responses(network, PROBES, INDEXES)).statistics["mixed"].rankings
    for ranking in numbers.values():
        for column in ranking.number.T.tolist():
            assert 40 not in column or column.index(7) == column.index(40) - 1


@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_any_division_gives_the_same_bits(network: Network, parts: int) -> None:
    responses = Responses(network, PROBES, INDEXES)
    whole = swept(responses)
    found = [
        swept(responses, numbers.start, numbers.stop, readers=parts)
        for numbers in (part_of(IMAGES, part, parts) for part in range(parts))
    ]
    for order in (found, found[::-1]):
        joined = empty(PROBES, UNITS)
        for state in order:
            for name, statistics in joined.statistics.items():
                statistics.merge(state.statistics[name])
        joined.predicted = [label for state in found for label in state.predicted]
        assert same(joined, whole)


def test_a_sweep_goes_on_from_what_was_kept(network: Network) -> None:
    responses = Responses(network, PROBES, INDEXES)
    kept = []
    state = empty(PROBES, UNITS)
    sweep(
        responses, state, IMAGES, PIXELS.__getitem__,
        settled=lambda: kept.append(deepcopy(state.to_arrays())),
    )  # fmt: skip
    assert [int(arrays["next"]) for arrays in kept] == [32, 64, IMAGES]
    for arrays in kept:
        again = empty(PROBES, UNITS)
        again.take(arrays)
        sweep(responses, again, IMAGES, PIXELS.__getitem__)
        assert same(again, state)


def reading(broken: set[int]) -> Callable[[int], np.ndarray]:
    def read(number: int) -> np.ndarray:
        if number in broken:
            raise BadFile(f"image file '{number}.png' is damaged")
        return PIXELS[number]

    return read


def test_damaged_images_are_named_and_count_nowhere(network: Network) -> None:
    responses = Responses(network, PROBES, INDEXES)
    state = swept(responses, read=reading({3, 40, 74}), most=3)
    assert state.damaged == {n: f"image file '{n}.png' is damaged" for n in (3, 40, 74)}
    assert [i for i, label in enumerate(state.predicted) if label < 0] == [3, 40, 74]
    known, whole = state.statistics["mixed"], swept(responses).statistics["mixed"]
    assert known.images == IMAGES - 3
    left = whole.positions // IMAGES * (IMAGES - 3)
    assert known.positions == known.histogram[0].sum() == left
    for name, ranking in known.rankings.items():
        assert not {3, 40, 74} & set(ranking.number.ravel().tolist())
        shared = np.isin(ranking.number, whole.rankings[name].number)
        assert np.isin(ranking.value[shared], whole.rankings[name].value).mean() > 0.9
    assert known.images_by_label.sum() == IMAGES - 3


def test_too_many_damaged_images_stop_a_sweep(network: Network) -> None:
    with pytest.raises(BadFile, match=r"3 images .* cannot be read, and at most 2 may be") as error:
        swept(Responses(network, PROBES, INDEXES), read=reading({1, 2, 3}), most=2)
    assert "key sweep.damaged" in str(error.value)
    assert "'2.png'" in str(error.value)


def test_values_that_are_no_numbers_are_refused() -> None:
    def build(x: tf.Tensor) -> tf.Tensor:
        x = tf.identity(x / tf.reduce_min(x, [1, 2, 3], keepdims=True), name="layer")
        return tf.reduce_mean(x, [1, 2]) @ weights((3, 9), 4).astype(np.float32)

    network = network_of(build, SHAPE, tf.float32)
    responses = Responses(network, [Probe("layer", "layer")], INDEXES)
    state = empty(responses.probes, [3])
    with pytest.raises(BadFile, match="layer is not finite for image 2 of the data set"):
        sweep(responses, state, 5, lambda n: (PIXELS[n] | 1) * np.uint8(n != 2))


def branches(x: tf.Tensor) -> tf.Tensor:
    """A concatenation of branches that has a layer before its ReLU, too."""
    before = [conv(x, 3, (1, 1), 2, seed=1, relu=False), conv(x, 4, (3, 3), 2, seed=2, relu=False)]
    after = [tf.nn.relu(part, name=f"branch{place}") for place, part in enumerate(before)]
    tf.concat(before, 3, name="mixed_pre_relu")
    x = tf.concat(after, 3, name="mixed")
    return tf.reduce_mean(x, [1, 2]) @ weights((7, 9), 4).astype(np.float32)


def test_one_pass_gives_the_relevance_of_branches_and_of_what_joins_them() -> None:
    network = network_of(branches, SHAPE, tf.float32)
    layers, valid = ["mixed_pre_relu", "branch0", "branch1", "mixed"], np.ones(5, np.bool_)
    probes = [Probe(layer, layer) for layer in layers]
    relevance = Responses(network, probes, INDEXES).of(PIXELS[:5], valid).relevance
    assert np.abs(relevance["mixed"].values).max() > 0
    joined = np.concatenate([relevance[f"branch{place}"].values for place in (0, 1)], axis=2)
    for whole in (joined, relevance["mixed_pre_relu"].values):
        # Where a ReLU gives zero both are: its input there has a gradient of zero.
        np.testing.assert_allclose(whole, relevance["mixed"].values, rtol=1e-6)


@pytest.mark.parametrize("count", [5, 16])
def test_what_stands_for_no_image_counts_in_no_sum(count: int) -> None:
    def build(x: tf.Tensor) -> tf.Tensor:
        x = tf.identity(x / tf.reduce_max(x, [1, 2, 3], keepdims=True), name="layer")
        return tf.reduce_mean(x, [1, 2]) @ weights((3, 9), 4).astype(np.float32)

    network = network_of(build, SHAPE, tf.float32)  # a black image gives no numbers
    responses = Responses(network, [Probe("layer", "layer")], INDEXES)
    state = empty(responses.probes, [3])
    pixels, read = PIXELS | 1, reading({2})
    sweep(responses, state, count, lambda n: read(n) | np.uint8(1), most=1)
    valid = np.delete(pixels[:count], 2, axis=0).reshape(count - 1, -1, 3).astype(np.float64)
    scaled = (valid / valid.max((1, 2), keepdims=True)).reshape(-1, 3)
    np.testing.assert_allclose(
        state.statistics["layer"].second_moment(), scaled.T @ scaled / len(scaled), rtol=1e-5
    )


def test_products_too_large_for_their_sums_are_refused() -> None:
    def build(x: tf.Tensor) -> tf.Tensor:
        x = tf.identity((x + 1) * np.float32(1e19), name="layer")
        return tf.reduce_mean(x, [1, 2]) @ weights((3, 9), 4).astype(np.float32)

    network = network_of(build, SHAPE, tf.float32)
    responses = Responses(network, [Probe("layer", "layer")], INDEXES)
    with pytest.raises(BadFile, match=r"layer: sums or products of values exceed 3\.4e38"):
        sweep(responses, empty(responses.probes, [3]), 5, PIXELS.__getitem__)


def test_an_image_without_finite_logits_has_no_predicted_label() -> None:
    def build(x: tf.Tensor) -> tf.Tensor:
        layer = tf.identity(x, name="layer")
        x = layer / tf.reduce_max(x, [1, 2, 3], keepdims=True)
        return tf.reduce_mean(x, [1, 2]) @ weights((3, 9), 4).astype(np.float32)

    network = network_of(build, SHAPE, tf.float32)
    responses = Responses(network, [Probe("layer", "layer")], INDEXES, relevance=False)
    state = empty(responses.probes, [3], relevance=False)
    with pytest.raises(BadFile, match="the logits are not finite for image 2 of the data set"):
        sweep(responses, state, 5, lambda n: (PIXELS[n] | 1) * np.uint8(n != 2))


def test_without_relevance(network: Network) -> None:
    with_it = swept(Responses(network, PROBES, INDEXES)).statistics["early"]
    state = swept(Responses(network, PROBES, INDEXES, relevance=False))
    found = state.statistics["early"]
    assert list(found.rankings) == ["activation_maximum", "activation_mean"]
    assert found.relevance_by_label() is None
    assert found.images_by_label.tolist() == with_it.images_by_label.tolist()
    np.testing.assert_allclose(found.mean(), with_it.mean(), rtol=1e-6)


def test_signed_layers_grouped_and_dilated_convolutions() -> None:
    network = network_of(bright_and_dark, SHAPE, tf.float32)
    responses = Responses(network, [Probe("signed", "signed")], INDEXES)
    state = empty(responses.probes, [6])
    sweep(responses, state, 20, PIXELS.__getitem__)
    found = state.statistics["signed"]
    one = network.run({"input": PIXELS[:20].astype(np.float32) / 255}, ["signed"])["signed"].numpy()
    np.testing.assert_allclose(
        found.rankings["activation_maximum"].value[0], one.max((0, 1, 2)), rtol=1e-5
    )
    assert found.histogram[:, :90].sum() == (one < 0).sum()
    by_label = found.relevance_by_label()
    never = found.images_by_label == 0
    assert never.any()
    assert np.isnan(by_label[never]).all()  # a mean of nothing
    assert np.nanmax(np.abs(by_label)) > 0
    assert np.isfinite(by_label[~never]).all()


def test_more_parts_than_blocks_leave_some_empty() -> None:
    ranges = [part_of(IMAGES, part, 7) for part in range(7)]
    assert [i for one in ranges for i in one] == list(range(IMAGES))
    assert any(len(one) == 0 for one in ranges)
    assert all(one.start % BLOCK == 0 for one in ranges if len(one))
