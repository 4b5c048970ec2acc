"""Models in normal form: what is read, what is refused, what the card says."""

from __future__ import annotations

import functools
import http.server
import json
import threading
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_network import conv, weights

from blockscope.io.atomic_files import sha256_of
from blockscope.io.errors import BadFile, UnknownName
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.network import Network
from blockscope.stages.network.model import write_model

SIZE = (20, 28)


def classifier(x):
    """Two convolutions, an inception block and four logits under a softmax."""
    x = conv(x, 5, seed=1, name="first")
    branches = [conv(x, 3, (1, 1), seed=2, name="a"), conv(x, 4, seed=3, name="b")]
    axis = tf.constant(3, name="mixed/axis")
    x = tf.raw_ops.ConcatV2(values=branches, axis=axis, name="mixed")
    x = tf.nn.max_pool2d(x, 2, 2, "SAME", name="pooled")
    x = tf.reduce_mean(x, [1, 2])
    logits = tf.matmul(x, weights((7, 4), 4).astype(np.float32), name="logits")
    return tf.nn.softmax(logits, name="softmax")


def freeze(build, path, shape=(None, *SIZE, 3), dtype=tf.float32):
    graph = tf.Graph()
    with graph.as_default():
        build(tf.compat.v1.placeholder(dtype, shape, name="input"))
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def write(entry, folder, downloads):
    write_model(
        entry=entry, name="net", graph_path=folder / "graph.pb", card_path=folder / "model.json",
        downloads=downloads,
    )  # fmt: skip


@pytest.fixture
def entry(tmp_path):
    """Return a function that makes a catalogue entry for a graph file."""

    def make(graph, **changes):
        labels = tmp_path / "labels.json"
        labels.write_text(json.dumps(changes.pop("names", ["none", "cat", "dog", "cow"])))
        content = {
            "graph": {"path": str(graph)} | changes.pop("file", {}),
            "input": {"tensor": "input", "size": SIZE, "range": (-1.0, 1.0)},
            "logits": "logits",
            "labels": str(labels),
            "skip_labels": 1,
        }
        return ModelEntry.model_validate(content | changes)

    return make


@pytest.fixture
def normal(tmp_path, entry):
    """Return a function: graph file -> (card, network) in normal form."""

    def make(graph, **changes):
        folder = tmp_path / "normal"
        write(entry(graph, **changes), folder, tmp_path)
        card = ModelCard.read(folder / "model.json")
        return card, Network.load(folder / "graph.pb", card)

    return make


def image():
    return np.random.default_rng(3).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def probabilities(card, network):
    values = network.values(image())
    logits = network.run({card.input.tensor: values}, [card.logits])[card.logits]
    return tf.nn.softmax(logits).numpy()[0]


def of_frozen(path):
    """Run a frozen graph the ordinary way."""
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        values = (image() / 255 * 2 - 1).astype(np.float32)[None]
        (out,) = tf.import_graph_def(definition, {"input": values}, ["softmax:0"])
        return session.run(out)[0]


def test_normal_form_computes_what_the_file_computes(tmp_path, normal):
    path = freeze(classifier, tmp_path / "net.pb")
    card, network = normal(path)
    np.testing.assert_allclose(probabilities(card, network), of_frozen(path), atol=1e-6)


def test_card_lists_layers_shapes_and_ancestry(tmp_path, normal):
    card, _ = normal(freeze(classifier, tmp_path / "net.pb"))
    assert card.layer("mixed").shape == (20, 28, 7)
    assert card.layer("pooled").shape == (10, 14, 7)
    assert card.layer("pooled").positions == 140
    assert card.is_after("pooled", "mixed")
    assert card.is_after("mixed", "first")
    assert not card.is_after("first", "mixed")
    assert not card.is_after("a", "b")
    assert not card.is_after("a", "a")
    assert "logits" not in card.by_name
    assert card.outputs == 4
    assert list(card.label_table.indexes) == [1, 2, 3]


def test_cut_at_the_logits(tmp_path, normal):
    _, network = normal(freeze(classifier, tmp_path / "net.pb"))
    assert "softmax" not in network.nodes


def test_card_says_where_the_model_comes_from(tmp_path, normal, entry):
    path = freeze(classifier, tmp_path / "net.pb")
    card, _ = normal(path)
    assert card.source_sha256 == sha256_of(path)
    assert card.graph_sha256 == sha256_of(tmp_path / "normal/graph.pb")
    assert card.entry == entry(path).digest
    assert card.provenance["created_by"] == "model"


def test_unknown_layer_is_answered_with_the_nearest(tmp_path, normal):
    card, _ = normal(freeze(classifier, tmp_path / "net.pb"))
    with pytest.raises(UnknownName, match=r"model 'net' has no layer 'mixd'; .*mixed.*row 2"):
        card.layer("mixd", where="runs.tsv, row 2")


def test_pre_relu_of_an_inception_block(tmp_path, normal):
    card, network = normal(freeze(classifier, tmp_path / "net.pb"))
    layer = card.layer("mixed_pre_relu")
    assert layer.shape == (20, 28, 7)
    assert layer.pre_relu_of == "mixed"
    assert card.is_after("mixed", "mixed_pre_relu")
    assert card.is_after("mixed_pre_relu", "first")
    assert not card.is_after("mixed_pre_relu", "mixed")
    values = network.values(image())
    both = network.run({card.input.tensor: values}, ["mixed_pre_relu", "mixed"])
    assert both["mixed_pre_relu"].numpy().min() < 0
    np.testing.assert_array_equal(np.maximum(both["mixed_pre_relu"], 0), both["mixed"])


def test_legacy_concat_loads(tmp_path, normal):
    def legacy(x):
        x = conv(x, 5, seed=1)
        axis = tf.constant(3, name="joined/axis")
        x = tf.raw_ops.Concat(concat_dim=axis, values=[x, conv(x, 2, seed=2)], name="joined")
        logits = tf.matmul(tf.reduce_mean(x, [1, 2]), weights((7, 4), 4).astype("f"), name="logits")
        return tf.nn.softmax(logits, name="softmax")

    path = freeze(legacy, tmp_path / "net.pb")
    card, network = normal(path)
    assert network.nodes["joined"].op == "ConcatV2"
    np.testing.assert_allclose(probabilities(card, network), of_frozen(path), atol=1e-6)


def test_parts_that_the_logits_do_not_need_are_dropped_even_if_forbidden(tmp_path, normal):
    def with_reader(x):
        tf.io.read_file("/etc/hostname", name="thief")
        return classifier(x)

    _, network = normal(freeze(with_reader, tmp_path / "net.pb"))
    assert "thief" not in network.nodes


FORBIDDEN = {
    "ReadFile": lambda: tf.strings.length(tf.io.read_file("/etc/hostname", name="thief")),
    "PyFunc": lambda: tf.compat.v1.py_func(lambda: np.int32(1), [], tf.int32, name="thief"),
    "VarHandleOp": lambda: tf.reduce_sum(
        tf.raw_ops.ReadVariableOp(
            resource=tf.raw_ops.VarHandleOp(dtype=tf.int32, shape=[1], name="thief"), dtype=tf.int32
        )
    ),
    "MatchingFiles": lambda: tf.size(tf.io.matching_files("/etc/*", name="thief")),
}


@pytest.mark.parametrize("op", FORBIDDEN)
def test_operations_that_reach_outside_are_refused_by_name(tmp_path, normal, op):
    def hostile(x):
        leak = tf.reshape(tf.cast(FORBIDDEN[op](), tf.float32), [])
        return classifier(x + 0 * leak)

    path = freeze(hostile, tmp_path / "net.pb")
    with pytest.raises(BadFile, match=rf"operations that are not allowed: .*{op} \(node 'thief'\)"):
        normal(path)
    assert not (tmp_path / "normal/graph.pb").exists()
    assert not (tmp_path / "normal/model.json").exists()


def test_stateful_operations_are_not_on_the_list():
    from tensorflow.python.framework import op_def_registry

    from blockscope.models.graph.allowed_operations import ALLOWED

    for op in ALLOWED:
        definition = op_def_registry.get(op)
        assert definition is not None, op
        assert not definition.is_stateful, op
        assert not any(a.type == tf.resource.as_datatype_enum for a in definition.input_arg), op


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logits": "logit"}, r"model 'net' has no logits tensor 'logit'; .*logits"),
        (
            {"input": {"tensor": "inputs", "size": SIZE, "range": (0.0, 1.0)}},
            r"model 'net' has no input tensor 'inputs'; .*input",
        ),
    ],
)
def test_unknown_tensors_are_answered_with_the_nearest(tmp_path, normal, changes, message):
    with pytest.raises(UnknownName, match=message):
        normal(freeze(classifier, tmp_path / "net.pb"), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"names": list("abcde"), "skip_labels": 0},
            r"5 labels for 4 logits, skip_labels 0, .* if its first 1 are of a background that",
        ),
        ({"names": list("abcde"), "skip_labels": 1}, "5 labels for 4 logits, skip_labels 1"),
        (
            {"names": list("abc"), "skip_labels": 0},
            r"3 labels for 4 logits, .* put 1 before the first entry and set skip_labels: 1; if",
        ),
        (
            {"names": list("abc"), "skip_labels": 1},
            r"skip_labels 1, so that names may be shifted; .*: put 1 before its first one",
        ),
        ({"skip_labels": 4}, "skip_labels 4 leaves no label of 4"),
        (
            {"logits": "first", "head": "none"},
            r"logits 'first' have the shape .* valid: \(image, logit\)",
        ),
        (
            {
                "input": {"tensor": "logits", "size": SIZE, "range": (0.0, 1.0)},
                "logits": "first",
                "head": "none",
            },
            "logits 'first' are not computed from the input 'logits'",
        ),
    ],
)
def test_entries_that_do_not_fit_the_graph_are_refused(tmp_path, normal, changes, message):
    with pytest.raises(BadFile, match=message):
        normal(freeze(classifier, tmp_path / "net.pb"), **changes)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "contains no graph; valid: a frozen .pb, a .keras file"),
        (b"no graph at all", "is not a frozen TensorFlow graph"),
    ],
)
def test_files_that_are_no_graph_are_named(tmp_path, normal, content, message):
    path = tmp_path / "net.pb"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=rf"net\.pb.*{message}"):
        normal(path)


def test_missing_file_is_named(tmp_path, normal):
    with pytest.raises(BadFile, match=r"nowhere\.pb' does not exist"):
        normal(tmp_path / "nowhere.pb")


def test_checksum_of_a_local_file_is_checked(tmp_path, normal):
    path = freeze(classifier, tmp_path / "net.pb")
    with pytest.raises(BadFile, match=f"expected sha256 {'0' * 64}, found {sha256_of(path)}"):
        normal(path, file={"sha256": "0" * 64})
    card, _ = normal(path, file={"sha256": sha256_of(path).upper()})
    assert card.source == str(path)


def test_training_mode_is_refused(tmp_path, normal):
    def training(x):
        x = conv(x, 7, seed=1)
        ones, zeros = tf.ones(7), tf.zeros(7)
        x, *_ = tf.compat.v1.nn.fused_batch_norm(x, ones, zeros, is_training=True, name="norm")
        tf.matmul(tf.reduce_mean(x, [1, 2]), weights((7, 4), 4).astype("f"), name="logits")

    with pytest.raises(BadFile, match=r"batch norm 'norm.*' is in training mode"):
        normal(freeze(training, tmp_path / "net.pb"))


def keras_model():
    import keras

    keras.utils.set_random_seed(7)
    layers = keras.layers
    x = given = keras.Input((*SIZE, 3))
    x = layers.Conv2D(6, 3, 2, "same", activation="relu", name="first")(x)
    x = layers.BatchNormalization(name="norm")(x)
    y = layers.DepthwiseConv2D(3, padding="same", activation="relu6", name="depthwise")(x)
    x = layers.Activation("swish", name="swish")(layers.Add(name="add")([x, y]))
    x = layers.AveragePooling2D(2, name="average")(layers.ZeroPadding2D(1, name="pad")(x))
    x = layers.GlobalAveragePooling2D(name="global")(x)
    model = keras.Model(given, layers.Dense(4, activation="softmax", name="head")(x))
    generator = np.random.default_rng(7)
    for variable in model.get_layer("norm").weights:
        variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return model


# Keras itself, writing variables with NumPy 2.4.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_layers_have_the_names_of_their_framework_however_they_were_saved(tmp_path, normal):
    from blockscope.attribution.all_labels import attribute_labels
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.linear_map import LinearMap

    keras_model().save(tmp_path / "net.keras")
    card, network = normal(tmp_path / "net.keras", **NO_NAMES)
    for name, end in (("add", "add_1/Add"), ("first", "first_1/Relu"), ("global", "global_1/Mean")):
        (other,) = [layer for layer in card.by_name if layer.endswith(end)]
        assert card.by_name[name].shape == card.by_name[other].shape
        assert card.is_after("average", name) == (name != "global")
        found = [
            attribute_labels(
                LinearMap(network, network.values(image()), each, card.logits, OVERRIDES["none"]),
                range(4),
            )
            for each in (name, other)
        ]
        assert np.abs(found[0]).max() > 1e-4
        np.testing.assert_allclose(found[0], found[1], atol=1e-7)
    assert "head" not in card.by_name  # the logits are no layer


NO_NAMES = {"input": {"size": SIZE, "range": (-1.0, 1.0)}, "logits": None}


# Keras itself, writing variables with NumPy 2.4.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("kind", ["keras", "saved_model"])
def test_keras_models_agree_in_values_and_attribution(tmp_path, normal, kind):
    from blockscope.attribution.all_labels import attribute_labels
    from blockscope.autodiff.batches import Mode
    from blockscope.autodiff.gradient_overrides import OVERRIDES
    from blockscope.autodiff.linear_map import LinearMap

    model = keras_model()
    path = tmp_path / ("net.keras" if kind == "keras" else "saved")
    if kind == "keras":
        model.save(path)
    else:
        model.export(path, verbose=False)
    card, network = normal(path, **NO_NAMES)
    values = network.values(image())
    expected = model(values, training=False).numpy()[0]
    np.testing.assert_allclose(probabilities(card, network), expected, atol=1e-6)
    (layer,) = [name for name in card.by_name if name.endswith("first_1/Relu")]
    linear = LinearMap(network, values, layer, card.logits, OVERRIDES["none"])
    maps = [attribute_labels(linear, range(4), mode=mode) for mode in Mode]
    part = tf.keras.Model(model.get_layer("first").output, model.get_layer("head").output)
    part.layers[-1].activation = tf.keras.activations.linear
    with tf.GradientTape() as tape:
        tape.watch(linear.value)
        logits = part(linear.value, training=False)[0]
    jacobian = tape.jacobian(logits, linear.value).numpy()[:, 0]
    reference = (jacobian * linear.value.numpy()).sum(-1)
    for found in maps:
        np.testing.assert_allclose(found, reference, atol=1e-5 * np.abs(reference).max())


def test_saved_model_with_a_reader_is_refused_before_it_is_loaded(tmp_path, normal):
    class Hostile(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([None, *SIZE, 3])])
        def __call__(self, x):
            leak = tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)
            return classifier(x + 0 * leak)

    module = Hostile()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=module.__call__)
    with pytest.raises(BadFile, match=r"not allowed: .*ReadFile"):
        normal(tmp_path / "saved", **NO_NAMES)


def test_folder_and_part_of_a_saved_model_are_explained(tmp_path, normal):
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        BadFile, match=r"empty' is not a SavedModel: it has no file saved_model\.pb"
    ):
        normal(tmp_path / "empty")
    part = tmp_path / "saved_model.pb"
    part.write_bytes(b"x")
    with pytest.raises(BadFile, match="is part of a SavedModel; give its folder"):
        normal(part)


def test_model_by_address_is_loaded_checked_and_recorded(tmp_path, entry):
    """As the article's network is: graph and labels are members of one zip at an address."""
    site = tmp_path / "site"
    site.mkdir()
    graph = freeze(classifier, tmp_path / "net.pb")
    with zipfile.ZipFile(site / "net.zip", "w") as archive:
        archive.write(graph, "inside/net.pb")
        archive.writestr("names.txt", "dummy\ncat\ndog\ncow\n")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/net.zip"
        there = {"url": url, "sha256": sha256_of(site / "net.zip")}
        wanted = entry(graph).model_dump() | {
            "graph": there | {"member": "inside/net.pb"},
            "labels": there | {"member": "names.txt"},
        }
        normal = tmp_path / "normal"
        made = ModelEntry.model_validate(wanted)
        write(made, normal, tmp_path / "downloads")
        wanted["graph"]["sha256"] = "0" * 64
        wrong = ModelEntry.model_validate(wanted)
        with pytest.raises(BadFile, match=f"expected .*{'0' * 64}"):
            write(wrong, tmp_path / "no", tmp_path / "new")
        server.shutdown()
    card = ModelCard.read(normal / "model.json")
    assert card.source == url
    assert card.source_sha256 == sha256_of(graph)
    assert card.label_table.find("dog") == 2
    assert not (tmp_path / "no.json").exists()


def test_broken_keras_file_is_named(tmp_path, normal):
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(BadFile, match=r"Keras file '.*net\.keras' cannot be loaded"):
        normal(path, **NO_NAMES)


def test_feeding_a_layer_cuts_off_what_lies_before(tmp_path, normal):
    card, network = normal(freeze(classifier, tmp_path / "net.pb"))
    zeros = np.zeros((1, 20, 28, 7), np.float32)
    logits = network.run({"mixed": zeros}, [card.logits])[card.logits]
    np.testing.assert_array_equal(logits, np.zeros((1, 4)))


def test_a_graph_that_is_not_the_one_of_its_card_is_refused(tmp_path, normal):
    card, _ = normal(freeze(classifier, tmp_path / "net.pb"))
    graph = tmp_path / "normal/graph.pb"
    content = bytearray(graph.read_bytes())
    content[-100] ^= 1
    graph.write_bytes(content)
    with pytest.raises(BadFile, match=r"graph\.pb' is not the one of its card: expected sha256"):
        Network.load(graph, card)
    with pytest.raises(BadFile, match=r"graph '.*gone\.pb' cannot be read"):
        Network.load(tmp_path / "gone.pb", card)


def test_a_network_whose_logits_are_not_finite_is_refused(tmp_path, normal):
    def sick(x):
        x = conv(x, 5, seed=1, name="first")
        x = tf.nn.bias_add(x, tf.constant([0, 0, np.inf, 0, 0], tf.float32), name="biased")
        return tf.matmul(tf.reduce_mean(x, [1, 2]), tf.ones([5, 4]), name="logits")

    words = (
        r"model 'net': for a grey image 4 of 4 logits are not finite; the first such values are in "
        r"tensor 'biased' \(560 of 2800\); check the weights"
    )
    with pytest.raises(BadFile, match=words):
        normal(freeze(sick, tmp_path / "net.pb"))
    assert not (tmp_path / "normal").exists() or not list((tmp_path / "normal").iterdir())


def test_a_nan_that_max_pooling_hides_is_told(tmp_path, normal):
    def sick(x):
        x = conv(x, 5, seed=1, name="first")
        added = np.zeros((*SIZE, 5), np.float32)
        added[3, 4, 2] = np.nan
        x = tf.nn.max_pool2d(tf.add(x, added, name="biased"), 3, 2, "SAME")
        return tf.matmul(
            tf.reduce_mean(x, [1, 2]), tf.constant(np.eye(5, 4), tf.float32), name="logits"
        )

    with pytest.raises(BadFile, match=r"tensor 'biased' has NaN, which the max pooling after it"):
        normal(freeze(sick, tmp_path / "net.pb"))


def test_tensors_that_mask_may_be_infinite(tmp_path, normal):
    def masked(x):
        x = conv(x, 5, seed=1, name="first")
        x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], constant_values=-np.inf, name="padded")
        x = tf.nn.max_pool2d(x, 3, 2, "VALID")
        return tf.matmul(tf.reduce_mean(x, [1, 2]), tf.ones([5, 4]), name="logits")

    card, _ = normal(freeze(masked, tmp_path / "net.pb"))
    assert card.outputs == 4


@pytest.mark.parametrize("fill", [-np.inf, np.finfo(np.float32).min, -1e4])
def test_what_was_padded_before_a_max_pooling_is_no_layer(tmp_path, normal, fill):
    """Its attribution was NaN, or that of a number that means nothing."""

    def stem(x):
        x = tf.nn.relu(conv(x, 5, seed=1, name="first"), name="rectified")
        x = tf.pad(x, [[0, 0], [1, 0], [1, 1], [0, 0]], constant_values=fill, name="padded")
        x = tf.nn.max_pool2d(tf.identity(x, name="same"), 3, 2, "VALID", name="pooled")
        return tf.matmul(tf.reduce_mean(x, [1, 2]), tf.ones([5, 4]), name="logits")

    card, _ = normal(freeze(stem, tmp_path / "net.pb"))
    layers = {layer.name: layer for layer in card.layers}
    assert not {"padded", "same"} & set(layers)
    assert layers["pooled"].inputs == ("rectified",)


def test_an_epsilon_of_double_precision_does_not_become_zero(tmp_path, normal):
    def divided(x):
        kernel = weights((3, 3, 3, 5), 1).astype(np.float32)
        y = tf.cast(tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME")), tf.float64)
        norm = tf.sqrt(tf.reduce_sum(y * y, -1, keepdims=True))
        y = tf.cast(y / (norm + tf.constant(1e-100, tf.float64)), tf.float32)
        return tf.matmul(tf.reduce_mean(y, [1, 2]), tf.ones([5, 4]), name="logits")

    _, network = normal(freeze(divided, tmp_path / "net.pb"))
    black = {network.spec.tensor: 0 * network.values(image())}
    logits = network.run(black, [network.logits])[network.logits]
    np.testing.assert_array_equal(logits, np.zeros((1, 4)))


def test_outputs_that_are_passed_on_twice_are_followed(tmp_path, normal):
    def passed(x):
        y = conv(x, 5, seed=1, name="first")
        one, two = tf.identity_n([tf.nn.relu(y), tf.tanh(y)])
        for _ in range(2):
            one, two = tf.identity_n([one, two])
        return tf.matmul(tf.reduce_mean(two, [1, 2]), np.eye(5, 4, dtype=np.float32), name="logits")

    path = freeze(passed, tmp_path / "net.pb")
    _, network = normal(path)
    values = network.values(image())
    found = network.run({network.spec.tensor: values}, [network.logits])[network.logits]
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        tf.import_graph_def(tf.compat.v1.GraphDef.FromString(path.read_bytes()), name="")
        wanted = session.run("logits:0", {graph.get_tensor_by_name("input:0"): values})
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_card_in_which_something_was_changed_is_refused(tmp_path, normal):
    normal(freeze(classifier, tmp_path / "net.pb"))
    card = tmp_path / "normal/model.json"
    text = card.read_text()
    for old, new in (
        ('"logits": "', '"logits": "x'),
        ('"skip_labels": 1', '"skip_labels": 0'),
        ("content_sh", "c"),
    ):
        assert text.count(old) == 1
        card.write_text(text.replace(old, new))
        with pytest.raises(BadFile, match=r"model\.json' (is damaged: what it|has no checksum)"):
            ModelCard.read(card)


def test_a_damaged_graph_file_is_named(tmp_path, normal):
    card, _ = normal(freeze(classifier, tmp_path / "net.pb"))
    (tmp_path / "broken.pb").write_bytes(b"\xff\xff")
    with pytest.raises(BadFile, match=r"graph '.*broken\.pb' cannot be read"):
        Network.load(tmp_path / "broken.pb", card.model_copy(update={"graph_sha256": ""}))
