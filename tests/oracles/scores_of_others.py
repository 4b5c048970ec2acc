"""Scores as Quantus and Captum compute them, stored in ``scores_of_others.json``.

    PYTHONPATH=tests python -m oracles.scores_of_others        (with torch, quantus and captum)

writes the file again. Both libraries read the same arrays as the tests: ``case()``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

STORED = Path(__file__).with_suffix(".json")
ROWS, COLS, HIDDEN, LABELS = 5, 7, 11, 3


def case() -> dict[str, Any]:
    """Return an image, a map for each label, masks, a network of two layers, sets and noise."""
    rng = np.random.default_rng(20262)
    return {
        "image": rng.normal(size=(ROWS, COLS)),
        "maps": rng.normal(size=(LABELS, ROWS, COLS)),
        "masks": rng.random((LABELS, ROWS, COLS)) < 0.4,
        "first": rng.normal(size=(ROWS * COLS, HIDDEN)) / 3,
        "bias": rng.normal(size=HIDDEN),
        "second": rng.normal(size=(HIDDEN, LABELS)),
        "sets": rng.random((64, ROWS, COLS)) < 0.5,
        "noise": rng.uniform(-0.1, 0.1, (6, ROWS, COLS)),
    }


def main() -> None:
    """Compute and store everything."""
    import captum
    import quantus
    import torch
    from captum.metrics import infidelity, sensitivity_max

    given = case()
    as_tensor = lambda x: torch.tensor(np.asarray(x, np.float64))  # noqa: E731

    class Net(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x):
            hidden = torch.relu(
                x.double().reshape(len(x), -1) @ as_tensor(given["first"])
                + as_tensor(given["bias"])
            )
            return hidden @ as_tensor(given["second"])

    net = Net().eval()
    images = np.repeat(given["image"][None, None], LABELS, 0)
    maps, labels = given["maps"][:, None], np.arange(LABELS)
    quiet = {"abs": False, "normalise": False, "disable_warnings": True}
    shared = {"model": net, "x_batch": images, "y_batch": labels, "device": "cpu"}
    segments = {**shared, "s_batch": given["masks"][:, None].astype(float)}

    def flipping(a_batch: np.ndarray) -> list[list[float]]:
        metric = quantus.PixelFlipping(
            features_in_step=1, perturb_baseline=0.0, return_aggregate=False, **quiet
        )
        found = metric(**shared, a_batch=a_batch, softmax=False)
        return np.asarray(found, float).tolist()

    def inside(metric: Any, a_batch: np.ndarray) -> list[float]:
        return np.asarray(metric(**segments, a_batch=a_batch), float).tolist()

    x = as_tensor(given["image"])[None, None]
    sets, noise = as_tensor(given["sets"])[:, None], as_tensor(given["noise"])[:, None]

    def explain(inputs, target):
        point = (inputs[0] if isinstance(inputs, tuple) else inputs).clone().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(net(point)[:, target].sum(), point)
        return ((point * gradient).detach(),)

    stored = {
        "versions": {"quantus": quantus.__version__, "captum": captum.__version__},
        # Without the first point, where nothing is gone.
        "deletion": flipping(maps),
        "least_first": flipping(-maps),
        "pointing_game": inside(quantus.PointingGame(**quiet), maps),
        "mass_accuracy": inside(quantus.RelevanceMassAccuracy(**quiet), np.maximum(maps, 0)),
        "rank_accuracy": inside(quantus.RelevanceRankAccuracy(**quiet), maps),
        "sparseness": np.asarray(
            quantus.Sparseness(**quiet | {"abs": True})(**shared, a_batch=maps), float
        ).tolist(),
        "infidelity": [
            float(
                infidelity(
                    net,
                    lambda inputs: (sets, inputs * (1 - sets)),
                    x,
                    as_tensor(maps[label : label + 1]),
                    target=label,
                    n_perturb_samples=len(sets),
                    normalize=True,
                )
            )
            for label in range(LABELS)
        ],
        "sensitivity": [
            float(
                sensitivity_max(
                    explain,
                    x,
                    lambda inputs: inputs + noise,
                    n_perturb_samples=len(noise),
                    target=label,
                )
            )
            for label in range(LABELS)
        ],
    }
    STORED.write_text(json.dumps(stored, indent=1) + "\n")


if __name__ == "__main__":
    main()
