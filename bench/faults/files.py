"""Faults of files: a flipped bit or a cut, in something that another stage reads."""

from __future__ import annotations

import json
import os
import shutil
from base64 import urlsafe_b64encode
from pathlib import Path

from helpers.tiny_project import Project

from bench.faults.trial import Broken, Trial

# No stage reads a table.
ENDINGS = (".zarr.zip", ".h5", ".png", ".json", ".pb", ".html")


def damage(trial: Trial, ending: str) -> None:
    """Flip a bit of a finished file or cut it off, and take away a file that was made of it.

    The command names the file; once that is deleted, the next command finishes. Or nothing comes of
    the damage: all other results are right, and this one was not read, as where a page has a file
    among its inputs of which it needs only that it is up to date.
    """
    project = trial.project(unmade=False)
    pairs = [pair for pair in _made_of(project) if pair[0].endswith(ending)]
    name, product = trial.rng.choice(sorted(pairs))
    trial.fault = f"{spoil(trial, project.path(name))} of {name}, read for {product}"
    project.path(product).unlink()
    command = trial.start(project)
    if command.wait():
        if f"'{name}'" not in command.text:
            raise Broken("the damaged file is not named")
        trial.told = True
        project.path(name).unlink()
        trial.finish(project)
    else:
        trial.fault += " (no word of it)"
        shutil.copy2(trial.undisturbed.project.path(name), project.path(name))
        trial.check(project)


def _made_of(project: Project) -> list[tuple[str, str]]:
    """Return all pairs of a result and one that was made of it, from Snakemake's records.

    What the user brought, such as an image, no command can make again.
    """
    pairs = []
    for path in project.path("results").rglob("*"):
        name = path.relative_to(project.folder).as_posix()
        record = project.path(".snakemake/metadata") / urlsafe_b64encode(name.encode()).decode()
        if record.is_file():
            used = json.loads(record.read_text())["input"] or []
            pairs += [(path, name) for path in used if path.startswith("results/")]
    return pairs


def spoil(trial: Trial, path: Path) -> str:
    """Damage a file as a disk does, without a change of its time; return in words how."""
    content, times = bytearray(path.read_bytes()), path.stat()
    place = trial.rng.randrange(len(content))
    if trial.rng.random() < 0.5:
        content[place] ^= 1 << trial.rng.randrange(8)
        words = f"a flipped bit in byte {place}"
    else:
        del content[place:]
        words = f"the first {place} bytes"
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return words
