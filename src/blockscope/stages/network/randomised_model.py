"""The stage "randomised_model": a network with weights drawn anew, made of another one's graph."""

from __future__ import annotations

import hashlib

from blockscope.io import provenance
from blockscope.io.atomic_files import FilePath, atomic_write
from blockscope.io.errors import BadFile
from blockscope.io.rebuilding import told
from blockscope.models.card import ModelCard, RandomisedWeights
from blockscope.models.device import software_facts
from blockscope.models.ends.grey_image import check_finite, tensors_for_grey
from blockscope.models.network import Network
from blockscope.models.randomisation import draw_weights
from blockscope.models.randomised_entry import RandomisedEntry


def write_randomised_model(
    *,
    entry: RandomisedEntry,
    name: str,
    source_graph: FilePath,
    source_card: FilePath,
    graph_path: FilePath,
    card_path: FilePath,
) -> None:
    """Draw weights of a network anew.

    Parameters
    ----------
    entry
        Its entry in the catalogue.
    name
        Its id.
    source_graph
        The graph of the network that it is made of, in normal form.
    source_card
        The card of that one.
    graph_path
        The file ``graph.pb`` to write.
    card_path
        The file ``model.json`` to write: the other card, with what was drawn.

    Raises
    ------
    BadFile, UnknownName
        The layer is none of the network, there are no weights above it, or the logits are not
        finite; neither file is changed then.
    """
    card, asked = ModelCard.read(source_card), entry.randomise
    if asked.above != card.input.tensor:
        card.layer(asked.above, "models catalogue: randomise.above")
    network = Network.load(source_graph, card)
    try:
        drawn = draw_weights(network, asked)
    except BadFile as error:
        raise BadFile(f"model '{name}', {asked.in_words()}: {error}") from error
    other = Network(drawn.definition, card.input, card.logits)
    check_finite(other, name, tensors_for_grey(other, name))
    content = drawn.definition.SerializeToString(deterministic=True)
    facts = {
        "from": card.model,
        "graph_sha256": card.graph_sha256,
        "randomise": asked,
        "weights": drawn.weights,
        "even": drawn.even,
    }
    sha256 = hashlib.sha256(content).hexdigest()
    changed = {
        "model": name,
        "entry": entry.digest,
        "graph_sha256": sha256,
        "randomised": RandomisedWeights.model_validate(facts),
        "provenance": provenance.record(
            "randomised_model",
            software_facts(),
            model=name,
            model_sha256=card.source_sha256,
            graph_sha256=sha256,
            **told(card.provenance, models={name: _as_written(entry)}),
        ),
    }
    with atomic_write(graph_path) as temporary:
        temporary.write_bytes(content)
    card.model_copy(update=changed).write(card_path)


def _as_written(entry: RandomisedEntry) -> dict[str, object]:
    """Return the entry of this network alone, as in the catalogue."""
    return {"from": entry.source_model, "randomise": entry.randomise.model_dump(mode="json")}
