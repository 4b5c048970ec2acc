"""Optimizers and evaluators that tests share where they are equal: tracing is slow."""

from __future__ import annotations

from typing import Any

import pytest

from blockscope.feature_visualization import activation_grid, sprites
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.optimizer import Optimizer

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
