"""Layers by the names that Keras gives them: the same however the network was saved."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.brought_network import INPUT, SIZE, brought, logits_of, photo, values
from tensorflow.core.framework import graph_pb2

from blockscope.attribution.all_labels import attribute_labels
from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.autodiff.linear_map import LinearMap
from blockscope.io.errors import BadFile, UnknownName
from blockscope.models.card import ModelCard
from blockscope.models.files.scope_names import layers_of_scopes
from blockscope.models.network import Network
from blockscope.stages.result_files import describe

layers = keras.layers

# Keras itself, writing variables with NumPy 2.4.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FORMS = ["net.keras", "exported", "saved"]
# An export takes longest; what it does to names in general is in the quick tests.
MOST_QUICK = ["net.keras", pytest.param("exported", marks=pytest.mark.slow), "saved"]


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(3)


def saved(model: keras.Model, path: Path, **keys) -> tuple[ModelCard, Network]:
    """Save a model in one of the forms and bring it into normal form."""
    if path.suffix:
        model.save(path)
    elif path.name == "exported":
        model.export(path, verbose=False)
    else:
        tf.saved_model.save(model, str(path))
    return brought(path, **keys)


def nested() -> keras.Model:
    """Return a model with one inside, one that is called twice, and dropout."""
    given = keras.Input((None, None, 3))
    y = layers.Dropout(0.3, name="drop")(layers.Conv2D(6, 3, activation="relu", name="one")(given))
    backbone = keras.Model(given, layers.Conv2D(5, 3, name="two")(y), name="backbone")
    image = keras.Input((*SIZE, 3))
    x = layers.ReLU(name="act")(backbone(image))
    parts = [layers.Conv2D(5, 3, padding="same", name="three"), layers.BatchNormalization(name="n")]
    x = keras.Sequential(parts, name="block")(x)
    shared = layers.Conv2D(5, 3, padding="same", activation="relu", name="shared")
    x = layers.Add(name="plus")([x, shared(shared(x))])
    return keras.Model(image, layers.Dense(4)(layers.GlobalAveragePooling2D(name="mean")(x)))


NESTED = {
    "backbone/one": (8, 12, 6), "backbone/two": (6, 10, 5), "backbone": (6, 10, 5),
    "act": (6, 10, 5), "block/three": (6, 10, 5), "block/n": (6, 10, 5), "block": (6, 10, 5),
    "plus": (6, 10, 5), "mean": (1, 1, 5), "one": (8, 12, 6), "two": (6, 10, 5),
    "three": (6, 10, 5), "n": (6, 10, 5),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_layers_inside_of_others(tmp_path: Path, form: str) -> None:
    model = nested()
    card, network = saved(model, tmp_path / form)
    np.testing.assert_allclose(logits_of(network), model(values()), rtol=1e-5)
    names = {layer.name: layer.shape for layer in card.layers}
    assert {name: names.get(name) for name in NESTED} == NESTED
    assert not [name for name in names if "PartitionedCall" in name or "drop" in name]
    inner = model.get_layer("backbone")
    wanted = keras.Model(inner.input, inner.get_layer("one").output)(values())
    found = network.run({network.spec.tensor: values()}, ["backbone/one", "one"])
    for value in found.values():
        np.testing.assert_allclose(value, wanted, atol=1e-6)


@pytest.mark.parametrize("form", MOST_QUICK)
def test_a_layer_that_is_called_twice_has_no_tensor_of_its_own(tmp_path: Path, form: str) -> None:
    card, _ = saved(nested(), tmp_path / form)
    words = r"has several tensors of a layer 'shared'; give one of them: (\S+), (\S+) \(here\)"
    with pytest.raises(UnknownName, match=words):
        card.layer("shared", "here")
    assert len(card.several["shared"]) == 2
    assert {card.layer(name).shape for name in card.several["shared"]} == {(6, 10, 5)}
    shown = describe(tmp_path / "made/model.json")
    assert "\nNames of several tensors (give one of these): shared (2)" in shown


def attention() -> keras.Model:
    """Return two blocks of attention: layers of layers with equal names."""
    image = keras.Input((*SIZE, 3))
    x = layers.Reshape((35, 8), name="tokens")(layers.Conv2D(8, 2, 2, name="patches")(image))
    for number in range(2):
        y = layers.LayerNormalization(name=f"norm{number}")(x)
        x = layers.Add()([x, layers.MultiHeadAttention(2, 4, name=f"attention{number}")(y, y)])
        y = layers.Dense(8, activation="gelu", name=f"dense{number}")(x)
        x = layers.Add(name=f"plus{number}")([x, y])
    return keras.Model(image, layers.Dense(4)(layers.GlobalAveragePooling1D()(x)))


def numbered() -> keras.Model:
    """Return a model whose layers have names like those that TensorFlow gives scopes."""
    x = image = keras.Input((*SIZE, 3))
    for name in ("conv_1", "conv", "conv_2"):
        x = layers.Conv2D(4, 3, activation="relu", name=name)(x)
    x = layers.ReLU(name="re")(layers.ReLU(name="conv_1_1")(x))
    return keras.Model(image, layers.Dense(4)(layers.Flatten()(x)))


def many_kinds() -> keras.Model:
    """Return a model of layers that Keras writes as calls or with gradients of its own."""
    x = image = keras.Input((*SIZE, 3))
    x = layers.Conv2D(4, 3, activation="swish", name="first")(x)
    x = layers.Conv2D(4, 3, groups=2, activation="relu6", name="grouped")(x)
    x = layers.UpSampling2D(name="larger")(layers.Activation("gelu", name="act")(x))
    x = layers.PReLU(name="slope")(layers.SeparableConv2D(5, 3, name="separable")(x))
    return keras.Model(image, layers.Dense(4, activation="softmax")(layers.Flatten()(x)))


class Scaled(keras.Layer):  # type: ignore[misc]
    """A layer that reads the weight of one inside, without calling it."""

    def build(self, shape):
        self.inner = layers.Dense(shape[-1], use_bias=False, name="inner")
        self.inner.build(shape)

    def call(self, x):
        return tf.matmul(x, self.inner.kernel)


def without_scopes() -> keras.Model:
    """Return a model of layers inside of others that open no scope of their own."""
    image = keras.Input((*SIZE, 3))
    x = layers.Conv2D(4, 3, padding="same", name="first")(image)
    strips = layers.Reshape((2, SIZE[0] // 2, SIZE[1], 4), name="strips")(x)
    inside = layers.Conv2D(4, 3, padding="same", name="inside")
    strips = layers.Flatten()(layers.TimeDistributed(inside, name="each")(strips))
    x = layers.ReLU(name="act")(Scaled(name="scaled")(x))
    x = layers.Add()([layers.Dense(4)(layers.Flatten()(x)), layers.Dense(4)(strips)])
    return keras.Model(image, x)


@pytest.mark.parametrize("form", FORMS[1:])
def test_a_layer_without_a_scope_costs_no_other_its_name(tmp_path: Path, form: str) -> None:
    card, _ = saved(without_scopes(), tmp_path / form)
    assert {"first", "scaled", "act"} <= set(card.by_name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "some"),
    [
        (attention, {"patches", "norm0", "attention0", "dense1", "plus1"}),
        (numbered, {"conv_1", "conv", "conv_2", "conv_1_1", "re"}),
        (many_kinds, {"first", "grouped", "act", "separable", "slope"}),
    ],
)
def test_all_names_are_the_same_however_the_network_was_saved(tmp_path, build, some) -> None:
    model = build()
    cards = [saved(model, tmp_path / form)[0] for form in FORMS]
    assert some <= set(cards[0].by_name)
    for card in cards[1:]:
        assert set(card.by_name) == set(cards[0].by_name)
        assert card.several == cards[0].several


def test_layers_inside_of_several_others_are_named_with_these(tmp_path: Path) -> None:
    card, _ = saved(attention(), tmp_path / "net.keras")
    assert "attention0/attention_output" in card.by_name
    with pytest.raises(UnknownName, match=r"several tensors of a layer 'attention_output'; give"):
        card.layer("attention_output")


def test_layers_beside_a_second_input(tmp_path: Path) -> None:
    image, where = keras.Input((*SIZE, 3), name="photo"), keras.Input((2,), name="where")
    x = layers.GlobalAveragePooling2D(name="mean")(layers.Conv2D(6, 3, name="conv")(image))
    x = layers.Dense(5, activation="relu", name="dense")(layers.Concatenate()([x, where]))
    model = keras.Model([where, image], layers.Dense(4)(x))
    card, _ = saved(model, tmp_path / "net.keras", feed={"where": [0.5, 1]})
    assert {"conv", "mean", "dense"} <= set(card.by_name)


@pytest.mark.parametrize("form", MOST_QUICK)
def test_layers_in_half_precision(tmp_path: Path, form: str) -> None:
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        x = image = keras.Input((*SIZE, 3))
        x = layers.Conv2D(6, 3, activation="relu", name="conv")(x)
        x = layers.ReLU(name="act")(layers.BatchNormalization(name="norm")(x))
        x = layers.GlobalAveragePooling2D(name="mean")(x)
        card, _ = saved(keras.Model(image, layers.Dense(4)(x)), tmp_path / form)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert card.floats == ("float16",)
    assert {"conv", "norm", "act", "mean"} <= set(card.by_name)


def small(order: str) -> keras.Model:
    """Return a model with channels first or last, whose weights fit either."""
    key = {"data_format": order}
    image = keras.Input((3, *SIZE) if order == "channels_first" else (*SIZE, 3))
    x = layers.Conv2D(6, 3, activation="relu", name="conv", **key)(image)
    norm = layers.BatchNormalization(axis=1 if order == "channels_first" else 3, name="norm")
    x = layers.MaxPooling2D(name="pool", **key)(layers.ReLU(name="act")(norm(x)))
    x = layers.Add(name="plus")([x, layers.Conv2D(6, 1, name="side", **key)(x)])
    x = layers.GlobalAveragePooling2D(name="mean", **key)(x)
    return keras.Model(image, layers.Dense(4)(x))


@pytest.mark.parametrize("form", MOST_QUICK)
def test_layers_with_channels_first(tmp_path: Path, form: str) -> None:
    model, twin = small("channels_first"), small("channels_last")  # no processor computes the first
    twin.set_weights(model.get_weights())
    card, network = saved(model, tmp_path / form, input=INPUT | {"layout": "channels_first"})
    np.testing.assert_allclose(logits_of(network), twin(values()), rtol=1e-4)
    names = ["conv", "norm", "act", "pool", "side", "plus", "mean"]
    assert [card.layer(name).shape for name in names[:4]] == [(8, 12, 6)] * 3 + [(4, 6, 6)]
    assert set(names) <= set(card.by_name)
    assert "input" not in card.by_name
    pool = twin.get_layer("pool").output
    maps, rest = keras.Model(twin.input, pool)(values()), keras.Model(pool, twin.output)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        logits = rest(maps)[0]
    wanted = np.asarray(tape.jacobian(logits, maps)[:, 0] * maps).sum(-1)
    linear = LinearMap(network, network.values(photo()), "pool", card.logits, OVERRIDES["none"])
    found = attribute_labels(linear, range(4))
    np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())


def chained(*names: str) -> graph_pb2.GraphDef:
    """Return a graph in which each node reads the one before."""
    graph = graph_pb2.GraphDef()
    graph.node.add(name="image", op="Placeholder")
    for name in names:
        graph.node.add(name=name, op="Relu", input=[graph.node[-1].name])
    return graph


@pytest.mark.parametrize(
    ("nodes", "variables", "found"),
    [
        (["m_1/a_1/Relu", "m_1/a_1_2/Relu"], ["a/w"], {"a": 0, "a_1": 1}),
        # A graph whose scopes have the names of the layers: a_1 is another layer.
        (["m/a/Relu", "m/a_1/Relu"], ["a/w", "a_1/w"], {}),
        (["m/a/Relu", "m/b_1/Relu"], ["a/w"], {}),
        (["m_1/a_1/Relu", "m_1/b_1/Relu"], [], {}),
        (["m_1/a_1/Relu", "m_1/b_1/Relu"], ["c/w"], {}),
        # A graph of several names, one of which has no scope, or whose scope has no number.
        (["m_1/a_1/Relu", "m_1/b_1/Relu"], ["a/w", "b/c/w"], {"a": 0, "b": 1}),
        (
            ["m_1/a_1/Relu", "m_1/b_1/c/Mul", "m_1/d_1/Relu"],
            ["a/w", "c/w", "d/w"],
            {"a": 0, "b": 1, "d": 2},
        ),
        (["m/a/Relu", "m/a_1/Relu", "m/b/Relu"], ["a/w", "a_1/w", "b/w", "c/w"], {}),
        (["m/a/Relu", "m/b_1/Relu"], ["a/w", "b/w"], {}),
        # What a layer computes with is no layer.
        (["m_1/a_1/b/Mul", "m_1/a_1/b_1/Mul", "m_1/c_1/Relu"], ["a/w"], {"a": 1, "c": 2}),
        # Two networks.
        (["m_1/a_1/Relu", "n_1/b_1/Relu"], ["m/a/w"], {"m": 0, "m/a": 0, "n": 1, "n/b": 1}),
    ],
)
def test_scopes_are_layers_where_variables_tell_so(nodes, variables, found) -> None:
    layers = layers_of_scopes(chained(*nodes), "image", nodes[-1:], variables)
    assert {name: nodes.index(tensor) for name, (tensor,) in layers.items()} == found


@pytest.mark.parametrize("form", FORMS)
def test_logits_by_the_name_of_their_layer(tmp_path: Path, form: str) -> None:
    x = layers.Conv2D(6, 3, name="conv")(image := keras.Input((*SIZE, 3)))
    x = layers.Dense(4, name="scores")(layers.GlobalAveragePooling2D(name="mean")(x))
    model = keras.Model(image, layers.Softmax(name="shares")(x))
    wanted = keras.Model(image, x)(values())
    for asked in ("scores", "shares"):
        card, network = saved(model, tmp_path / form, logits=asked)
        np.testing.assert_allclose(logits_of(network), wanted, rtol=1e-5)
        assert card.head == "softmax"
    with pytest.raises(UnknownName, match=r"no logits tensor 'score'; nearest of \d+: scores"):
        saved(model, tmp_path / form, logits="score")


@pytest.mark.parametrize("form", MOST_QUICK)
def test_logits_by_the_name_of_a_layer_of_several_tensors(tmp_path: Path, form: str) -> None:
    with pytest.raises(BadFile, match=r"'shared' is the name of 2 tensors: \S+, \S+; give one of"):
        saved(nested(), tmp_path / form, logits="shared")


def test_a_layer_whose_name_no_graph_can_have_is_named(tmp_path: Path) -> None:
    x = layers.Conv2D(6, 3, name="conv 1 (a)")(image := keras.Input((*SIZE, 3)))
    model = keras.Model(image, layers.Dense(4)(layers.Flatten()(x)))
    with pytest.raises(
        BadFile, match=r"has a layer 'conv 1 \(a\)', a name that Tens.* valid: lett"
    ):
        saved(model, tmp_path / "net.keras")


@pytest.mark.parametrize("augment", [layers.MixUp, layers.RandomGrayscale, layers.CutMix])
def test_layers_that_draw_and_change_nothing(tmp_path: Path, augment) -> None:
    x = layers.Conv2D(6, 3, name="conv")(augment()(image := keras.Input((*SIZE, 3))))
    model = keras.Model(image, layers.Dense(4)(layers.Flatten()(x)))
    card, network = saved(model, tmp_path / "net.keras")
    np.testing.assert_allclose(logits_of(network), model(values(), training=False), rtol=1e-5)
    assert "conv" in card.by_name


@keras.saving.register_keras_serializable("tests")
class AlwaysOn(keras.Layer):  # type: ignore[misc]
    """Noise that is added outside of training too."""

    def __init__(self, **keys):
        super().__init__(**keys)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x):
        return x + keras.random.normal((*SIZE, 3), seed=self.seed)


def test_numbers_that_are_drawn_outside_of_training_are_refused(tmp_path: Path) -> None:
    x = layers.Flatten()(AlwaysOn()(image := keras.Input((*SIZE, 3))))
    with pytest.raises(BadFile, match=r"node '\S*always_on\S*' draws random numbers"):
        saved(keras.Model(image, layers.Dense(4)(x)), tmp_path / "net.keras")
