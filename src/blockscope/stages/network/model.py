"""The stage "model": a network of the catalogue in normal form, as a frozen graph and its card."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from blockscope.io import provenance
from blockscope.io.atomic_files import atomic_write, sha256_of
from blockscope.io.code_digest import module_digest
from blockscope.io.downloads import MOST_MB, fetch
from blockscope.io.errors import BadFile
from blockscope.io.labels import Labels, read_labels
from blockscope.io.rebuilding import told
from blockscope.models.card import ModelCard
from blockscope.models.card_builder import build_card
from blockscope.models.device import software_facts
from blockscope.models.entry import ModelEntry, Source
from blockscope.models.files.custom_gradients import custom_gradients
from blockscope.models.files.formats import check_bytes, read_graph
from blockscope.models.flat_logits import with_flat_logits
from blockscope.models.normal_form import normalise
from blockscope.models.preparation import input_spec, prepare


def write_model(
    *,
    entry: ModelEntry,
    name: str,
    graph_path: str | os.PathLike[str],
    card_path: str | os.PathLike[str],
    downloads: str | os.PathLike[str],
    download_mb: int = MOST_MB,
) -> None:
    """Bring a network of the catalogue into normal form.

    Parameters
    ----------
    entry
        Its entry in the catalogue.
    name
        Its id.
    graph_path
        The file ``graph.pb`` to write.
    card_path
        The file ``model.json`` to write.
    downloads
        Folder for the files that the entry gives by their URL.
    download_mb
        Largest size of these.

    Raises
    ------
    BadFile, UnknownName
        Something is wrong with the model; neither file is changed then.
    """
    source, source_sha256 = _locate(entry.graph, downloads, download_mb)
    graph = read_graph(source, entry)
    normal = normalise(
        graph, name, image=entry.input, logits=entry.logits, head=entry.head, feed=entry.feed
    )
    labels_path, _ = _locate(entry.labels, downloads, download_mb)
    spec = input_spec(normal, entry.input, entry.feed)
    prepared = with_flat_logits(prepare(normal, spec, name))
    labels = Labels(read_labels(labels_path), entry.skip_labels)
    card = build_card(
        prepared, name, labels=labels, head=normal.head, head_in_file=normal.head_in_file
    )
    content = prepared.definition.SerializeToString(deterministic=True)
    sha256 = hashlib.sha256(content).hexdigest()
    card = card.model_copy(
        update={
            "asked": normal.asked,
            "floats": normal.floats,
            "undrawn": normal.undrawn,
            "custom_gradients": len(custom_gradients(graph.definition)),
            "source": entry.graph.url or entry.graph.path or "",
            "source_sha256": source_sha256,
            "entry": entry.digest,
            "compared": dict(graph.compared),
            "graph_sha256": sha256,
            "provenance": provenance.record(
                "model",
                software_facts(),
                model=name,
                model_sha256=source_sha256,
                graph_sha256=sha256,
                code_sha256=module_digest(__name__),
                **told(
                    {},
                    models={name: entry.model_dump(mode="json", exclude_defaults=True)},
                    layers=_two_layers(card),
                ),
            ),
        }
    )
    with atomic_write(graph_path) as temporary:
        temporary.write_bytes(content)
    card.write(card_path)


def _two_layers(card: ModelCard) -> list[str]:
    """Return the first two layers that a run can name; none where there are no such two."""
    names = [layer.name for layer in card.layers]
    pairs = ([earlier, later] for earlier in names for later in names)
    return next((pair for pair in pairs if card.is_after(pair[1], pair[0])), [])


def _locate(
    source: Source, downloads: str | os.PathLike[str], download_mb: int
) -> tuple[Path, str]:
    """Return the local path and SHA-256 of a file that is given by its path or URL."""
    if source.url and source.sha256:
        path = fetch(source.url, source.sha256, downloads, source.member, download_mb)
        return path, sha256_of(path)
    path = Path(source.file or "")
    if not path.exists():
        raise BadFile(f"file '{path}' does not exist (models catalogue)")
    if path.suffix == ".pb" and path.is_file():
        check_bytes(path)  # before a file that is refused anyway is read for its checksum
    found = sha256_of(path)
    if source.sha256 and found != source.sha256.lower():
        raise BadFile(
            f"'{path}' has the wrong checksum: expected sha256 {source.sha256.lower()}, "
            f"found {found}"
        )
    return path, found
