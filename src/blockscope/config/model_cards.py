"""The cards of the networks that the runs use, without TensorFlow in this process."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from blockscope.config.error_list import ErrorList
from blockscope.config.result_paths import RESULTS, model_folder
from blockscope.io.atomic_files import atomic_write
from blockscope.io.code_digest import module_digest
from blockscope.io.errors import BadFile
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry
from blockscope.models.randomised_entry import as_written

CACHE = Path(".snakemake/blockscope/cards")
LOG = Path("logs/cards.log")
MAKERS = ("blockscope.stages.network.model", "blockscope.stages.network.randomised_model")
CODE_KEY = "code_sha256"  # of a card's provenance
LIMIT = 300  # seconds for each network; large ones on a slow disk take a minute


@dataclass(frozen=True)
class CardRequest:
    """A network of the catalogue whose files were found: what its card must agree with.

    ``labels`` and ``source_sha256`` are None for a file that is given by its URL: the entry holds
    its checksum.
    """

    name: str
    place: str
    entry: ModelEntry
    source_sha256: str | None
    labels: tuple[str, ...] | None
    results: str = RESULTS

    @property
    def cached(self) -> Path:
        """Where a card is kept that was made only for the checks."""
        parts = [self.name, self.entry.digest, self.source_sha256, self.labels, *map(_code, MAKERS)]
        return CACHE / f"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}.json"

    def agrees(self, card: ModelCard) -> bool:
        """Tell whether a card describes this network as it is now, as this code reads it."""
        return (
            card.model == self.name
            and card.provenance.get(CODE_KEY) in {None, _code(MAKERS[0])}
            and card.entry == self.entry.digest
            and self.source_sha256 in {None, card.source_sha256}
            and self.labels in {None, card.labels}
        )


@cache
def _code(maker: str) -> str:
    return module_digest(maker)


def read_cards(
    requests: list[CardRequest], problems: ErrorList, inside: Sequence[str] = ()
) -> Mapping[str, ModelCard]:
    """Return the cards of networks by id: from the results, from the cache, or made now.

    One process makes all missing cards, which takes some seconds; it runs ``inside`` of the jobs'
    container where the command of one is given. A network that must be downloaded first has no card
    yet: its jobs check the layers.
    """
    cards: dict[str, ModelCard] = {}
    missing: list[CardRequest] = []
    for model in requests:
        card = find_card(model)
        if card:
            cards[model.name] = card
        elif model.source_sha256 is not None and model.labels is not None:
            missing.append(model)
    for start in range(0, len(missing), TOGETHER):
        cards.update(_make(missing[start : start + TOGETHER], problems, inside))
    return cards


def find_card(model: CardRequest) -> ModelCard | None:
    """Return the card that describes a network as it is now, from the results or the cache."""
    for path in (model_folder(model.name, model.results) / "model.json", model.cached):
        if path.is_file():
            try:
                card = ModelCard.read(path)
            except BadFile:
                continue
            if model.agrees(card):
                return card
    return None


TOGETHER = 200  # networks that one process reads


def _make(
    missing: list[CardRequest], problems: ErrorList, inside: Sequence[str]
) -> dict[str, ModelCard]:
    names = ", ".join(model.name for model in missing)
    print(f"Reading the layers of {names} ...", file=sys.stderr, flush=True)  # noqa: T201
    CACHE.mkdir(parents=True, exist_ok=True)
    cards: dict[str, ModelCard] = {}
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        # A catalogue of these alone: mistakes in other entries are reported already.
        catalogue = Path(folder) / "models.yaml"
        entries: dict[str, object] = {}
        for model in missing:
            entries |= as_written(model.name, model.entry)
        catalogue.write_text(json.dumps(entries), encoding="utf-8")
        python = [*inside, "python"] if inside else [sys.executable]
        command = [*python, "-m", "blockscope", "card", "--catalogue", str(catalogue)]
        for model in missing:
            command += ["--model", model.name]
        # Another command may be reading networks too.
        with atomic_write(LOG) as log:
            end = _run([*command, "--output-folder", folder], LIMIT * len(missing), log)
            said = log.read_text(encoding="utf-8", errors="replace")
        for model in missing:
            path = Path(folder) / f"{model.name}.json"
            if path.is_file():
                cards[model.name] = ModelCard.read(path)
                path.replace(model.cached)
    errors = _errors_by_model(said)
    for model in missing:
        if model.name not in cards:
            text = errors.get(model.name) or f"the network could not be read: {end}"
            problems.add(f"{model.place}, key graph", f"{text} (log: {LOG})")
    return cards


def _run(command: list[str], limit: float, path: Path) -> str:
    """Run a command with its output in a file; return how it ended, for where it said nothing."""
    with open(path, "wb") as log:
        try:
            done = subprocess.run(command, stdout=log, stderr=log, check=False, timeout=limit)
        except subprocess.TimeoutExpired:
            return f"it took more than {limit:g} s"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return f"the process that read it was killed by {name}, perhaps for its memory"
    return f"the process that read it ended with {done.returncode}"


def _errors_by_model(output: str) -> dict[str, str]:
    """Return the error of each model, without the log lines of libraries before it."""
    errors: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in output.splitlines():
        start = re.match(r"(?:blockscope: )?model '([^']+)': (.*)", line)
        if start:
            lines = errors.setdefault(start[1], [])
            lines.append(start[2])
        else:
            lines.append(line)
    return {name: "\n     ".join(lines) for name, lines in errors.items()}
