"""Compare networks of TensorFlow.js, brought as docs/tensorflowjs.md says.

The networks are those of the package nsfwjs. Where Node is installed:

    npm install --prefix FOLDER nsfwjs@4.4.0 @tensorflow/tfjs@4 @tensorflow/tfjs-backend-wasm@4
    python -m bench.tensorflow_js FOLDER

Its files are written as TensorFlow.js has them, read by the program of the page, and brought into
normal form as the workflow does it. Compared are, for scikit-learn's photographs, the probabilities
with those of TensorFlow.js, and of a layers model what `bench.zoo` compares, with a GradientTape on
the Keras model: at an early, a middle and a late layer all labels in both modes, and the rest.

Exit status: 1 where a difference is above 1e-4 of the largest value.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.datasets import load_sample_images

from bench.zoo.keras_original import KerasOriginal
from bench.zoo.original import difference
from bench.zoo.trial import RIGHT, Trial, is_right
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.network import Network
from blockscope.stages.network.model import write_model

PAGE = Path(__file__).parents[2] / "docs" / "tensorflowjs.md"
SIZES = {"inception_v3": 299, "mobilenet_v2": 224, "mobilenet_v2_mid": 224}
Photographs = list[npt.NDArray[np.uint8]]


class Photographed(KerasOriginal):
    """A Keras network at photographs, which it is fed from 0 to 1."""

    def __init__(self, model: Any, photographs: Photographs, file: Path) -> None:
        """Keep the network, and save it as ``file``."""
        super().__init__(model, "", lambda values: values / 255, file)
        self._photographs = photographs

    def image(self, number: int) -> npt.NDArray[np.uint8]:
        """Return an image, (row, col, rgb)."""
        return self._photographs[number]


def main() -> int:
    """Compare the networks one by one and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where npm has installed the packages")
    folder: Path = parser.parse_args().folder
    if not (folder / "node_modules" / "nsfwjs").is_dir():
        parser.error(f"no package nsfwjs in '{folder}/node_modules'; see --help")
    for name, size in SIZES.items():
        (folder / name).mkdir(exist_ok=True)
        images = [(one / 255).astype(np.float32).ravel().tolist() for one in photographs(size)]
        (folder / name / "images.json").write_text(json.dumps({"size": size, "images": images}))
    script = Path(__file__).with_name("write_models.mjs")
    subprocess.run(["node", script, folder, *SIZES], check=True)
    print("| network | kind | size | probabilities | largest difference of `bench.zoo` |")
    print("|---" * 5 + "|")
    failed = False
    for name, size in SIZES.items():
        kind, probabilities, errors = compared(folder / name, size)
        cell = f"{max(errors.values()):.0e}" if errors else "no Keras model"
        print(f"| {name} | {kind} | {size} | {probabilities:.0e} | {cell} |", flush=True)
        failed |= probabilities > RIGHT or not is_right(errors)
    return int(failed)


def photographs(size: int) -> Photographs:
    """Return the photographs that scikit-learn ships, (row, col, rgb), resized."""
    shown = [Image.fromarray(one) for one in load_sample_images().images]
    return [np.asarray(one.resize((size, size), Image.Resampling.BILINEAR)) for one in shown]


def compared(folder: Path, size: int) -> tuple[str, float, dict[str, float]]:
    """Return a network's kind, and how far probabilities and attributions are from the others'."""
    program = PAGE.read_text().partition("```python\n")[2].partition("\n```")[0]
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
    said = json.loads((folder / "probabilities.json").read_text())
    keras_file = folder / "networks" / "web.keras"
    network, card = read(folder, size)
    probabilities = 0.0
    for image, expected in zip(photographs(size), said["found"], strict=True):
        given = {network.spec.tensor: network.values(image)}
        logits = network.run(given, [network.logits])[network.logits].numpy()[0]
        powers = np.exp(logits - logits.max())
        probabilities = max(probabilities, difference(powers / powers.sum(), np.array(expected)))
    errors: dict[str, float] = {}
    if keras_file.exists():
        model = keras.models.load_model(keras_file)
        original = Photographed(model, photographs(size), folder / "saved.keras")
        for number in range(len(photographs(size))):
            for what, error in Trial(original, network, card, number).errors().items():
                errors[what] = max(errors.get(what, 0.0), error)
    return f"{said['kind']}, tfjs {said['version']}", probabilities, errors


def read(folder: Path, size: int) -> tuple[Network, ModelCard]:
    """Bring what the page's program has written into normal form as the workflow does."""
    networks = folder / "networks"
    graph, path, labels = (folder / name for name in ("graph.pb", "model.json", "labels.txt"))
    said = json.loads((folder / "probabilities.json").read_text())
    labels.write_text("".join(f"label {i}\n" for i in range(len(said["found"][0]))))
    image: dict[str, Any] = {"size": [size, size], "range": [0, 1]}
    asked: dict[str, Any] = {"labels": {"path": str(labels)}, "input": image}
    if (networks / "web.keras").exists():
        asked["graph"] = {"path": str(networks / "web.keras")}
    else:
        nodes = json.loads((networks / "web" / "model.json").read_text())["modelTopology"]["node"]
        inputs = {node["op"]: node for node in nodes}
        asked["graph"] = {"path": str(networks / "web.pb")}
        image["tensor"] = inputs["Placeholder"]["name"]
        asked["logits"] = inputs["Softmax"]["input"][0]
    entry = ModelEntry.model_validate(asked)
    write_model(entry=entry, name=folder.name, graph_path=graph, card_path=path, downloads=folder)
    card = ModelCard.read(path)
    return Network.load(graph, card), card


if __name__ == "__main__":
    sys.exit(main())
