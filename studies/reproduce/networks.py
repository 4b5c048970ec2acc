"""The network of the published numbers: where it is found, and whether it is the published one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from blockscope.io.atomic_files import require_file
from blockscope.io.downloads import MODELS_FOLDER, fetch
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry, Source
from blockscope.models.network import Network
from blockscope.stages.network.model import write_model
from studies.reproduce.published import ARCHIVE, GRAPH

MODEL = "inceptionv1"
DOWNLOADS = Path("results/models") / MODEL / "source"  # as in the workflow


def own_copy(
    entry: ModelEntry, graph: str | os.PathLike[str], labels: str | os.PathLike[str]
) -> ModelEntry:
    """Return a catalogue entry with graph and labels from local files."""
    files = {"graph": require_file(graph, "graph"), "labels": require_file(labels, "labels file")}
    return entry.model_copy(update={k: Source(path=str(path)) for k, path in files.items()})


def open_network(
    entry: ModelEntry, downloads: str | os.PathLike[str] = DOWNLOADS
) -> tuple[Network, ModelCard]:
    """Bring an entry into normal form and load it; missing files are downloaded.

    Raises ``BadFile``, which says which file to put where, if a download fails.
    """
    for source in (entry.graph, entry.labels):
        if source.url and source.sha256:
            try:
                fetch(source.url, source.sha256, downloads, source.member)
            except BadFile as error:
                raise BadFile(f"{error}.\n{_wanted(source, downloads)}") from error
    with tempfile.TemporaryDirectory(prefix="blockscope-") as scratch:
        graph, card_path = Path(scratch) / "graph.pb", Path(scratch) / "model.json"
        write_model(
            entry=entry, name=MODEL, graph_path=graph, card_path=card_path, downloads=downloads
        )
        card = ModelCard.read(card_path)
        return Network.load(graph, card), card


def _wanted(source: Source, downloads: str | os.PathLike[str]) -> str:
    size = f"{ARCHIVE.size:,} bytes, " if source.sha256 == ARCHIVE.checksum else ""
    name = Path(source.url or "").name
    return (
        f"Wanted: {name}, {size}sha256 {source.sha256}, from {source.url}\n"
        f"  in the folder named by {MODELS_FOLDER} or in '{downloads}'. Or pass its\n"
        f"  {GRAPH.name} ({GRAPH.size:,} bytes, sha256 {GRAPH.checksum})\n"
        "  as --graph and its labels as --labels"
    )


def describe_network(card: ModelCard) -> str:
    """Say which network was opened, and whether it is the published one."""
    same = card.source_sha256 == GRAPH.checksum
    note = "" if same else f", not the published graph, which has {GRAPH.checksum}"
    return f"network: {card.source}, graph sha256 {card.source_sha256}{note}"


def check_labels(names: Labels, expected: Mapping[int, str], where: str) -> None:
    """Raise ``BadFile`` if a logit has another label than in the published numbers."""
    wrong = [
        f"logit {index} is '{names.name(index)}', not '{name}'"
        for index, name in expected.items()
        if names.name(index) != name
    ]
    if wrong:
        raise BadFile(
            f"labels {where} differ from those of the published numbers: {'; '.join(wrong)}"
        )
