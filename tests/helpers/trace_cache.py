"""What TensorFlow has traced, which tests share where it is equal: tracing is slow."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import pytest

from blockscope.exemplars.responses import Probe, Responses
from blockscope.feature_visualization import activation_grid, sprites
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.optimizer import Optimizer
from blockscope.models.network import Network
from blockscope.stages.datasets import sweep

_built: dict[Any, Any] = {}


def trace_once(patch: pytest.MonkeyPatch) -> None:
    """Let sprites and grids take what was built before for an equal network, units and recipe.

    Nothing else may differ between the tests: neither the sizes of batches.
    """
    for kind in (Optimizer, Evaluator):
        for module in (sprites, activation_grid):
            patch.setattr(
                module,
                kind.__name__,
                lambda *given, kind=kind, **options: _found(kind, given, options),
            )


def _found(kind: type, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
    network, objective, names, *rest = given
    (term,) = objective.terms
    where = None if term.positions is None else "at"
    aims = (term.layer, term.vectors.tobytes(), where, term.power, term.weight)
    key = (
        kind,
        network.definition.SerializeToString(deterministic=True),
        aims,
        tuple(names),
        *rest,
        *options.items(),
    )
    if key not in _built:
        _built[key] = kind(*given, **options)
    return _built[key]


def trace_responses_once(patch: pytest.MonkeyPatch) -> None:
    """Let sweeps take what was compiled before for an equal network, probes and labels."""
    patch.setattr(sweep, "Responses", _responses)


def _responses(
    network: Network, probes: Sequence[Probe], indexes: Sequence[int], relevance: bool
) -> Responses:
    asked = [(probe.name, probe.layer, probe.directions) for probe in probes]
    definition = network.definition.SerializeToString(deterministic=True)
    key = definition, pickle.dumps((network.spec, asked, list(indexes), relevance))
    if key not in _built:
        _built[key] = Responses(network, probes, indexes, relevance)
    return _built[key]
