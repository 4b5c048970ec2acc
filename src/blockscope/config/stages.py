"""The stages of the workflow: the rule's name, what its files are, and what its jobs import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Library = Literal["none", "tensorflow", "keras"]


@dataclass(frozen=True)
class Stage:
    """A rule of the workflow, which is also the ``created_by`` of its files.

    Attributes
    ----------
    summary
        What its files are, in one line.
    library
        The heaviest library that its jobs may import; ``keras`` includes TensorFlow.
    """

    summary: str
    library: Library = "none"

    def needs_keras(self, entry: Mapping[str, Any] | None) -> bool:
        """Tell whether a job imports Keras, which takes seconds; ``entry``: of its network, if any.

        Frozen graphs and ONNX files are read without.
        """
        graph = (entry or {}).get("graph") or {}
        name = graph.get("member") or graph.get("path") or graph.get("url") or ""
        return self.library == "keras" and not name.endswith((".pb", ".onnx"))


STAGES: Mapping[str, Stage] = MappingProxyType(
    {
        "model": Stage("network in normal form: its input, outputs and layers", "keras"),
        "randomised_model": Stage(
            "network in normal form with weights drawn anew: its input, outputs and layers",
            "tensorflow",
        ),
        "input": Stage("image as the network sees it"),
        "dataset": Stage("index of a data set: its images, their labels and where each is"),
        "activations": Stage("activations of one layer for one image", "tensorflow"),
        "classes": Stage(
            "attribution of every label's logit to the positions of one layer", "tensorflow"
        ),
        "positions": Stage("attribution between the positions of two layers", "tensorflow"),
        "channels": Stage(
            "attribution of labels, one contrasted with another, to the channels of one layer",
            "tensorflow",
        ),
        "drivers": Stage("attribution between the channels of two layers", "tensorflow"),
        "factors": Stage(
            "attribution factors of one layer: where they act, which labels they support"
        ),
        "neuron_groups": Stage(
            "neuron groups of one layer with their effect on every label", "tensorflow"
        ),
        "flow": Stage(
            "what neuron groups of several layers add to every label through each other",
            "tensorflow",
        ),
        "ablation": Stage(
            "what every label's logit really loses without parts of one layer", "tensorflow"
        ),
        "scores": Stage(
            "how far the attribution of one layer, and other methods' maps, can be trusted",
            "tensorflow",
        ),
        "sanity": Stage(
            "likeness of every label's attribution to that of networks with weights drawn anew"
        ),
        "sweep": Stage(
            "what layers respond to a part of a data set, and to which images the most",
            "tensorflow",
        ),
        "exemplars": Stage("exemplars and statistics of one layer's channels over a data set"),
        "group_sweep": Stage(
            "what neuron groups of one layer respond to a part of a data set", "tensorflow"
        ),
        "group_exemplars": Stage(
            "exemplars and statistics of one layer's neuron groups over a data set"
        ),
        "exemplar_sheet": Stage("crops of the exemplars of one layer in one file", "tensorflow"),
        "group_exemplar_sheet": Stage(
            "crops of the exemplars of one layer's neuron groups in one file", "tensorflow"
        ),
        "channel_page": Stage("page with an article for each channel of one layer"),
        "render_sprites": Stage("sprites of some channels or neurons of one layer", "tensorflow"),
        "render_group_sprites": Stage("sprites of some neuron groups of one layer", "tensorflow"),
        "spritemap": Stage("sprites of one layer in one file"),
        "group_spritemap": Stage("sprites of the neuron groups of one layer in one file"),
        "render_grid": Stage(
            "cells of an activation grid of one layer for one image", "tensorflow"
        ),
        "grid_image": Stage("activation grid of one layer for one image"),
        "contact_sheet": Stage("page with all sprites of one layer"),
        "image_contact_sheet": Stage(
            "page with all sprites of one layer and one image's activations"
        ),
        "panel": Stage("panel of a run's figure"),
        "page": Stage("page of a run"),
        "gallery": Stage("page with the figures of all runs"),
    }
)
