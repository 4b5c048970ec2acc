"""A digest of the code that a stage runs, so that a stage is repeated when its code changes.

Snakemake notices a changed script, but not a changed module that the script imports. The digest
starts at the function ``main`` of a script and follows every name through the package, definition
by definition, without importing anything. What is not reached does not count; neither do comments,
docstrings and the annotations of functions.
"""

from __future__ import annotations

from pathlib import Path

import blockscope
from blockscope.runtime.digest.walk import Walk


def code_digest(script: str | Path, package: str | Path | None = None) -> str:
    """Return a digest of everything in the package that a script's ``main`` can reach.

    ``package`` is the folder of the package, by default that of blockscope. Raises ``BadFile`` for
    a script without ``main``, a file that is not Python, and star imports, which hide what is used.
    Cost: some 0.1 s for the first script; parsed modules are kept until their file changes.
    """
    folder = Path(package) if package else Path(blockscope.__file__).parent
    walk = Walk(folder.resolve())
    walk.start(Path(script).resolve())
    return walk.digest()


def reached_modules(script: str | Path, package: str | Path | None = None) -> dict[str, set[str]]:
    """Return the names that count for a script, by module; ``*`` is what runs on import."""
    folder = Path(package) if package else Path(blockscope.__file__).parent
    walk = Walk(folder.resolve())
    walk.start(Path(script).resolve())
    found: dict[str, set[str]] = {}
    for module, name in walk.parts:
        found.setdefault(module, set()).add(name)
    return found
