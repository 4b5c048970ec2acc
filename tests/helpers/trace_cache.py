"""Optimizers and evaluators that tests share where they are equal: tracing is slow."""

from __future__ import annotations

from typing import Any

import pytest

from blockscope.feature_visualization import sprites
from blockscope.feature_visualization.evaluation import Evaluator
from blockscope.feature_visualization.optimizer import Optimizer

_built: dict[Any, Any] = {}


def trace_once(patch: pytest.MonkeyPatch) -> None:
    """Let ``render_sprites`` take what was built before for an equal network, units and recipe.

    Nothing else may differ between the tests: neither the sizes of batches.
    """
    for kind in (Optimizer, Evaluator):
        patch.setattr(
            sprites,
            kind.__name__,
            lambda *given, kind=kind, **options: _found(kind, given, options),
        )


def _found(kind: type, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
    network, objective, names, *rest = given
    (term,) = objective.terms
    aims = (term.layer, term.vectors.tobytes(), None if term.positions is None else "at")
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
