"""Attribution to channels: against loops, and what must hold for any network."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, in_tensorflow, inception_like, network_of, sequence, weights
from oracles.channels import channels, score_and_gradient

from blockscope.attribution.all_labels import attribute_labels
from blockscope.attribution.channels import named_channels
from blockscope.attribution.contrasts import LOGSUMEXP, NO_REFERENCE, Contrast, find_contrasts
from blockscope.attribution.grad_x_activation import attribute_labels_to_channels
from blockscope.attribution.integrated_gradients import FIXED_STEPS, ChannelPaths, draw_noise
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.gradients import Gradients
from blockscope.autodiff.linear_map import LinearMap
from blockscope.config.result_paths import DEFAULT_REQUEST, requested_channels
from blockscope.config.settings import RunRow
from blockscope.io.errors import BadFile, UnknownName
from blockscope.io.labels import Labels

SHAPE = (7, 9, 3)
CONTRASTS = {
    Contrast(1, 3): (1, 3),
    Contrast(4, LOGSUMEXP): (4, "logsumexp"),
    Contrast(2, NO_REFERENCE): (2, None),
}


def gradients_of(build, x, override="none", layer="input") -> Gradients:
    network = network_of(build, x.shape, tf.as_dtype(x.dtype))
    return Gradients(network, x[None], layer, "output", OVERRIDES[override])


def linear_of(build, x, layer="input", target="output", override="none") -> LinearMap:
    network = network_of(build, x.shape, tf.as_dtype(x.dtype))
    return LinearMap(network, x[None], layer, target, OVERRIDES[override])


@pytest.fixture
def x(rng):
    return rng.normal(0.5, 1, SHAPE)


@pytest.mark.parametrize(
    ("override", "rule"), [("none", "max"), ("smooth", "smooth"), ("smooth-blur", "smooth-blur")]
)
def test_every_method_equals_the_formula_in_loops(override, rule, x, rng):
    gradients = gradients_of(in_tensorflow(sequence()), x, override)
    paths = ChannelPaths(gradients, list(CONTRASTS))
    noise = rng.random((4, 3)) * 1.3
    found = {
        "linear": (paths.linear(), [x]),
        "left": (paths.left(4), [x * n / 4 for n in range(4)]),
        "stochastic": (paths.stochastic(noise), [x * n / 4 * noise[n] for n in range(4)]),
    }
    for name, (attribution, points) in found.items():
        for row, (a, b) in enumerate(CONTRASTS.values()):
            expected = channels(sequence(rule), x, a, b, points)
            message = f"{name} {a} {b}"
            np.testing.assert_allclose(
                attribution.values[row], expected, 1e-9, 1e-12, True, message
            )
    for row, (a, b) in enumerate(CONTRASTS.values()):
        assert paths.scores[row] == pytest.approx(score_and_gradient(sequence(), x, a, b)[0])
        assert paths.at_zero[row] == pytest.approx(score_and_gradient(sequence(), 0 * x, a, b)[0])


def test_the_path_is_complete_and_near_the_sum_of_many_steps(x):
    paths = ChannelPaths(gradients_of(in_tensorflow(sequence()), x), list(CONTRASTS))
    found = paths.path(1e-3)
    assert np.abs(paths.completeness_error(found.values)).max() <= 1e-3
    many = paths.left(4000).values
    assert np.abs(found.values - many).max() < 0.02 * np.abs(many).max()
    assert np.abs(paths.completeness_error(paths.linear().values)).max() > 1e-2


def test_an_override_that_takes_part_has_fixed_steps(x):
    paths = ChannelPaths(gradients_of(in_tensorflow(sequence()), x, "smooth"), list(CONTRASTS))
    found = paths.path()
    assert found.steps.tolist() == [FIXED_STEPS] * 3
    assert np.isnan(found.quadrature_error).all()
    without = [layer for layer in sequence() if layer[0] != "pool"]
    assert gradients_of(in_tensorflow(without), x, "smooth").exact


@pytest.mark.parametrize("method", ["linear", "left"])
def test_a_contrast_is_the_difference_of_its_labels(method, x):
    paths = ChannelPaths(
        gradients_of(in_tensorflow(sequence()), x),
        [Contrast(1, 3), Contrast(1, NO_REFERENCE), Contrast(3, NO_REFERENCE)],
    )
    both, first, second = getattr(paths, method)().values
    np.testing.assert_allclose(both, first - second, atol=1e-12)


def test_channels_in_another_order_are_the_same_channels(x):
    order = [2, 0, 1]
    network = sequence()
    turned = [("conv", network[0][1][:, :, order], *network[0][2:]), *network[1:]]
    one = ChannelPaths(gradients_of(in_tensorflow(network), x), [Contrast(1, 3)])
    other = ChannelPaths(gradients_of(in_tensorflow(turned), x[..., order]), [Contrast(1, 3)])
    found, expected = other.path().values, one.path().values[:, order]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_one_step_of_left_is_the_gradient_at_zero(x):
    gradients = gradients_of(in_tensorflow(sequence()), x)
    contrast = Contrast(1, 3)
    _, (at_zero,) = gradients.at(0 * x[None], lambda t: [contrast.score(t)])
    expected = (at_zero.numpy()[0] * x).sum((0, 1))
    np.testing.assert_allclose(ChannelPaths(gradients, [contrast]).left(1).values[0], expected)


def test_a_dead_layer_gives_zero_and_no_nan(x):
    paths = ChannelPaths(gradients_of(in_tensorflow(sequence()), 0 * x), list(CONTRASTS))
    noise = draw_noise(1, 3)
    for found in (paths.linear(), paths.path(), paths.left(), paths.stochastic(noise)):
        np.testing.assert_array_equal(found.values, 0)
        np.testing.assert_array_equal(paths.completeness_error(found.values), 0)


def test_logsumexp_survives_large_logits():
    logits = tf.constant([[2000.0, 1000.0, 2000.0]])
    assert Contrast(0, LOGSUMEXP).score(logits).numpy() == pytest.approx(-np.log(2), abs=1e-3)


def reshaped(x):
    """A dilated kernel, and a network where the layer is not all there is."""
    layer = conv(x, 4, (3, 3), 2, seed=3, name="layer")
    wide = tf.nn.conv2d(layer, weights((3, 3, 4, 5), 4), 1, "SAME", dilations=2)
    flat = tf.reshape(wide, [-1, 4 * 5 * 5]) @ weights((100, 6), 6)
    return flat + tf.reduce_mean(tf.square(x), [1, 2]) @ weights((3, 6), 7)


def test_batches_survive_a_way_around_the_layer(x):
    gradients = gradients_of(reshaped, x, layer="layer")
    points = np.random.default_rng(1).random((3, 4, 5, 4))
    contrast = Contrast(1, 3)
    scores, (together,) = gradients.at(points, lambda t: [contrast.score(t)])  # type: ignore[arg-type]
    for number, point in enumerate(points):
        score, (alone,) = gradients.at(point[None], lambda t: [contrast.score(t)])
        np.testing.assert_allclose(together[number], alone[0], atol=1e-12)
        np.testing.assert_allclose(scores[0, number], score[0, 0])
    linear = linear_of(reshaped, x, "layer")
    found = ChannelPaths(gradients, [Contrast(0, NO_REFERENCE)]).linear().values[0]
    np.testing.assert_allclose(found, attribute_labels_to_channels(linear, [0])[0], atol=1e-12)


def test_memory_bounds_the_batches_and_changes_nothing(x, monkeypatch):
    gradients = gradients_of(in_tensorflow(sequence()), x)
    ample = ChannelPaths(gradients, list(CONTRASTS)).left(30).values
    monkeypatch.setattr(gradients, "bytes_per_point", 10**7)
    sizes = []
    at = gradients.at
    monkeypatch.setattr(gradients, "at", lambda p, s: sizes.append(len(p)) or at(p, s))
    scarce = ChannelPaths(gradients, list(CONTRASTS), memory_mb=100).left(30).values
    assert max(sizes) == 3
    np.testing.assert_allclose(scarce, ample, atol=1e-12)


@pytest.mark.parametrize("override", OVERRIDES)
@pytest.mark.parametrize("wanted", [[7, 0], range(9)], ids=["reverse", "forward"])
def test_all_labels_sum_to_the_attribution_of_positions(override, wanted, rng):
    image = rng.normal(0.5, 1, (41, 33, 2)).astype(np.float32)
    linear = linear_of(inception_like, image, "pooled", override=override)
    found = attribute_labels_to_channels(linear, wanted)
    assert found.shape == (len(wanted), 6)
    positions = attribute_labels(linear, wanted).sum((1, 2))
    np.testing.assert_allclose(found.sum(1), positions, atol=1e-5 * np.abs(found).max())
    paths = ChannelPaths(
        gradients_of(inception_like, image, override, "pooled"),
        [Contrast(w, NO_REFERENCE) for w in wanted],
    )
    np.testing.assert_allclose(found, paths.linear().values, atol=1e-5 * np.abs(found).max())


LABELS = Labels(["none", "crane", "kite", "crane", "dog"], skip=1)


def test_contrasts_as_they_are_requested():
    logits = np.array([9, 1, 5, 3, 4], np.float32)
    asked = ["", "kite | dog", "dog|logsumexp", "1", "2|4", "3|dog"]
    found = find_contrasts(asked, logits, LABELS)
    assert found == [(2, 4), (4, LOGSUMEXP), (1, NO_REFERENCE), (3, 4)]
    names = [contrast.named(LABELS) for contrast in found]
    assert names == ["kite|dog", "dog|logsumexp", "1", "3|dog"]


@pytest.mark.parametrize(
    "names",
    [
        ["3", "cat", "dog", "dog"],
        ["3", "[3]", "dog", "dog"],
        ["logsumexp", "cat", "logsumexp", "2"],
        ["logsumexp", "cat", "0"],
        ["a|b", "a", "b", "0"],
        ["1", "2", "3"],
    ],
)
def test_no_two_contrasts_are_called_the_same(names):
    labels, count = Labels(names), len(names)
    seconds = [LOGSUMEXP, NO_REFERENCE, *range(count)]
    every = [Contrast(a, b) for a in range(count) for b in seconds]
    assert len({one.named(labels) for one in every}) == len(every)
    plain = Contrast(1, LOGSUMEXP).named(labels)
    assert plain == f"{names[1]}|logsumexp"


@pytest.mark.parametrize("text", ["kit|dog", "crane|dog", "dog|"])
def test_unknown_labels_are_told(text):
    with pytest.raises(UnknownName, match=r"unknown label|give its index"):
        find_contrasts([text], np.zeros(5, np.float32), LABELS)


@pytest.mark.parametrize(("head", "kind"), [("sigmoid", "the head sigmoid"), ("none", "no head")])
def test_logsumexp_needs_a_softmax(head, kind):
    words = f"cannot be compared with logsumexp, .* the network has {kind}; valid: .A.B. or .A."
    with pytest.raises(BadFile, match=words):
        find_contrasts(["dog|logsumexp"], np.zeros(5, np.float32), LABELS, head)
    assert find_contrasts(["dog|kite"], np.zeros(5, np.float32), LABELS, head) == [(4, 2)]


def test_one_label_is_attributed_alone():
    found = find_contrasts([""], np.zeros(1, np.float32), Labels(["crane"]), "sigmoid")
    assert found == [(0, NO_REFERENCE)]


def test_noise_is_seeded_and_has_the_notebooks_distribution():
    noise = draw_noise(3, 400)
    assert noise.shape == (100, 400)
    np.testing.assert_array_equal(noise, draw_noise(3, 400))
    assert np.abs(noise - draw_noise(4, 400)).max() > 0.5
    assert noise.mean() == pytest.approx(2 / 3, abs=0.01)
    assert noise.var() == pytest.approx(2 / 12 / 1.5**2, rel=0.05)
    assert noise.min() >= 0
    assert noise.max() <= 4 / 3


def test_named_axes_tell_how_each_row_was_made(x):
    paths = ChannelPaths(
        gradients_of(in_tensorflow(sequence()), x), [Contrast(1, 3), Contrast(2, NO_REFERENCE)]
    )
    methods = ["linear", "path", "path-left-100", "stochastic"]
    dataset = named_channels(paths, methods, draw_noise(0, 3), 1e-3, Labels(list("abcde")))
    assert dict(dataset.sizes) == {"pair": 2, "method": 4, "channel": 3, "step": 100}
    assert dataset["pair"].to_numpy().tolist() == ["b|d", "c"]
    row = dataset.sel(pair="b|d")
    assert row["steps"].to_numpy().tolist()[::2] == [1, 100]
    rise = row["score"] - row["score_at_zero"]
    error = (row["attribution"].sum("channel") - rise) / abs(rise)
    np.testing.assert_allclose(row["completeness_error"], error, atol=1e-5)
    assert abs(row["completeness_error"].sel({"method": "path"})) < 1e-3
    again = paths.stochastic(dataset["noise"].to_numpy()).values
    np.testing.assert_allclose(
        dataset["attribution"].sel({"method": "stochastic"}), again, rtol=1e-6
    )


def test_a_file_serves_all_runs_that_read_its_layer():
    def row(run, layer1="a/low", layer2="high", **more):
        return RunRow(run=run, model="m", image="i", layer1=layer1, layer2=layer2, **more)

    runs = {
        "one": row("one", classes="x|y", methods="path"),
        "two": row("two", layer1="other", layer2="a/low", classes="x|logsumexp"),
        "three": row("three"),
        "elsewhere": row("elsewhere", override="smooth", classes="p|q", methods="stochastic"),
    }
    asked = requested_channels(runs)["m", "i", "none", "a~low"]
    assert asked == {"pairs": ["", "x|logsumexp", "x|y"], "methods": ["linear", "path"]}
    assert ("m", "i", "none", "mid") not in requested_channels(runs)
    assert DEFAULT_REQUEST == {"pairs": [""], "methods": ["linear"]}


def test_what_runs_ask_is_found_in_one_pass_over_them():
    class Counted(dict):
        passes = 0

        def values(self):
            self.passes += 1
            return super().values()

    rows = Counted()
    for n in range(300):
        rows[f"r{n}"] = RunRow(
            run=f"r{n}",
            model="m",
            image=f"i{n}",
            layer1="low",
            layer2="high",
            panels="channel_methods",
        )
    asked = requested_channels(rows)
    assert rows.passes == 1
    assert len(asked) == 600
    assert asked["m", "i7", "none", "low"]["methods"] == ["linear", "path", "stochastic"]
    assert asked["m", "i7", "none", "high"]["methods"] == ["linear"]
