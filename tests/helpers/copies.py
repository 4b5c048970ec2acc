"""Made-up files that are the same for many tests: written once, then copied."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from blockscope.figures.data.panel_files import PanelFiles

Options = ParamSpec("Options")
Result = TypeVar("Result")
Writer = Callable[Concatenate[Path, np.random.Generator, Options], Result]

# Lives as long as the process of the tests, and is removed when that ends.
_KEPT = tempfile.TemporaryDirectory(prefix="blockscope-tests-")


def written_once(write: Writer[Options, Result]) -> Writer[Options, Result]:
    """Let a function that fills a folder work once for equal random numbers and options.

    Later calls copy its files, which their test may change; the generator is left in the state that
    writing them would leave it in, and paths in the result lead to the copies.
    """
    known: dict[str, tuple[Path, Result, Any]] = {}

    @functools.wraps(write)
    def copy(
        folder: Path, rng: np.random.Generator, /, *args: Options.args, **options: Options.kwargs
    ) -> Result:
        key = repr((rng.bit_generator.state, args, sorted(options.items())))
        if key not in known:
            original = Path(tempfile.mkdtemp(dir=_KEPT.name))
            result = write(original, rng, *args, **options)
            known[key] = original, result, rng.bit_generator.state
        original, result, rng.bit_generator.state = known[key]
        shutil.copytree(original, folder, dirs_exist_ok=True)
        return _moved(result, original, folder)

    return copy


def _moved(value: Any, old: Path, new: Path) -> Any:
    """Return a result whose paths lead to another folder; what a caller may change is its own."""
    if isinstance(value, Path):
        return new / value.relative_to(old)
    if is_dataclass(value) and not isinstance(value, type):
        moved = {each.name: _moved(getattr(value, each.name), old, new) for each in fields(value)}
        return replace(value, **moved)
    if isinstance(value, Mapping):
        return {key: _moved(each, old, new) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_moved(each, old, new) for each in value)
    if isinstance(value, PanelFiles):
        return PanelFiles(_moved(value.paths, old, new))
    return value
