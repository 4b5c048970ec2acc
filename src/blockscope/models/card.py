"""The card of a model in normal form: what is known of it without loading the network."""

from __future__ import annotations

import json
import os
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from blockscope.io.errors import BadFile, UnknownName, unknown_name
from blockscope.io.json_files import read_facts, write_facts
from blockscope.io.labels import Labels
from blockscope.models.entry import FedValue, Head, Resize
from blockscope.models.preprocessing import Filter, Preprocessing
from blockscope.models.randomised_entry import Randomise

"""What makes probabilities of the logits; ``none``: the values stand for themselves."""


class InputSpec(Preprocessing):
    """How an image enters the network: its size, and the rule from colours to numbers."""

    tensor: str = Field(description="name of the input tensor")
    size: tuple[int, int] = Field(description="rows and columns of the image, in pixels")
    resize: Resize = Field(
        default="crop", description="how an image gets the size; a number: its shorter side before"
    )
    filter: Filter = Field(default="lanczos", description="filter of the scaling")
    fed: dict[str, FedValue] = Field(
        default_factory=dict, description="constants that other inputs were replaced by"
    )
    one_by_one: bool = Field(
        default=False, description="whether the graph is made for one image, and takes no batch"
    )


class Layer(BaseModel):
    """A tensor (row, col, channel) between the input and the logits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="tensor name, without ':0'")
    op: str = Field(description="operation that computes it")
    shape: tuple[int, int, int] = Field(description="row, col, channel at the model's input size")
    inputs: tuple[str, ...] = Field(description="the layers it is computed from directly")
    pre_relu_of: str | None = Field(
        default=None, description="the layer that is this one after its ReLU, where branches meet"
    )

    @property
    def positions(self) -> int:
        """Number of spatial positions."""
        return self.shape[0] * self.shape[1]


class RandomisedWeights(BaseModel):
    """How a network was made of another one, by drawing weights anew."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    source: str = Field(alias="from", description="id of the network that it was made of")
    graph_sha256: str = Field(description="SHA-256 of the graph.pb of that one")
    randomise: Randomise
    method: str = Field(
        default="shuffled", description="how: the values of a tensor, in another order"
    )
    weights: tuple[str, ...] = Field(description="tensors of weights that were drawn anew")
    even: tuple[str, ...] = Field(
        default=(), description="tensors of weights above the layer whose values are all equal"
    )


class ModelCard(BaseModel):
    """What stages and checks need to know about a model in normal form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="id in the catalogue")
    source: str = Field(description="the file or URL of the graph")
    source_sha256: str = Field(description="SHA-256 of that file (of all files for a folder)")
    entry: str = Field(default="", description="SHA-256 of the catalogue entry that made this card")
    graph_sha256: str = Field(default="", description="SHA-256 of graph.pb next to this card")
    input: InputSpec
    logits: str = Field(description="tensor of the logits (image, logit)")
    head: Head = Field(
        default="softmax",
        description="what makes probabilities of the logits: a softmax of all, a sigmoid of each, "
        "or none",
    )
    head_assumed: bool = Field(
        default=False,
        description="whether neither the file nor the entry says what the head is",
    )
    asked: str | None = Field(
        default=None,
        description="the tensor that the entry names as logits, if these are a tensor before it",
    )
    outputs: int = Field(description="number of logits, with or without a label")
    layers: tuple[Layer, ...] = Field(description="usable layers, in the order of computation")
    several: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="names that the network's own framework has for several tensors: no layers",
    )
    labels: tuple[str, ...] = Field(description="entry i names logit i")
    skip_labels: int = Field(default=0, description="number of leading entries that are not labels")
    floats: tuple[str, ...] = Field(
        default=(),
        description="types of floats in the file beside float32, in which all is computed",
    )
    undrawn: tuple[str, ...] = Field(
        default=(),
        description="nodes whose random numbers change nothing: constants are in their place",
    )
    custom_gradients: int = Field(
        default=0,
        description="operations for which the network's program defined a gradient that the file "
        "does not hold; those of the operations are used",
    )
    compared: dict[str, str | float] = Field(
        default_factory=dict,
        description="for a converted network (ONNX): with what its outputs were compared, and the "
        "largest difference, relative to the largest output; if that is above 1e-4, also how far "
        "the other program is from itself (rounding)",
    )
    randomised: RandomisedWeights | None = Field(
        default=None, description="for a network that was made of another one of the catalogue"
    )
    provenance: dict[str, str | int | float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> ModelCard:
        known: set[str] = set()
        for layer in self.layers:
            missing = set(layer.inputs) - known
            if missing:
                raise ValueError(f"layer '{layer.name}' comes before its input '{min(missing)}'")
            known.add(layer.name)
        return self

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """Layers by their name."""
        return {layer.name: layer for layer in self.layers}

    @property
    def identity(self) -> dict[str, str]:
        """What the provenance of every result says of the model.

        ``graph_sha256`` alone tells networks apart: a randomised one has the source of another, and
        two entries may read the same file.
        """
        return {
            "model": self.model,
            "model_sha256": self.source_sha256,
            "graph_sha256": self.graph_sha256,
        }

    @cached_property
    def label_table(self) -> Labels:
        """The model's labels."""
        return Labels(self.labels, self.skip_labels)

    @cached_property
    def _ancestors(self) -> dict[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for layer in self.layers:  # in the order of computation, so inputs come first
            direct = frozenset(layer.inputs)
            found[layer.name] = direct.union(*(found[name] for name in direct))
        return found

    def layer(self, name: str, where: str = "") -> Layer:
        """Return a layer by its exact name; raises ``UnknownName`` with the nearest ones."""
        if name in self.by_name:
            return self.by_name[name]
        owner = f"model '{self.model}'"
        if name in self.several:
            tensors = self.several[name]
            place = f" ({where})" if where else ""
            raise UnknownName(
                f"{owner} has several tensors of a layer '{name}'; give one of them: "
                f"{', '.join(tensors[:12])}{', ...' if len(tensors) > 12 else ''}{place}"
            )
        raise unknown_name("layer", name, self.by_name, where, owner)

    def is_after(self, later: str, earlier: str) -> bool:
        """Tell whether layer ``later`` is computed from layer ``earlier``."""
        self.layer(earlier)
        self.layer(later)
        return earlier in self._ancestors[later]

    def beside(self, earlier: str, later: str) -> str:
        """Return a layer that ``earlier`` reaches the logits through without ``later``, or "".

        As far as layers tell: what is between the last of them and the logits is not known here.
        """

        def place(layer: Layer) -> tuple[object, ...]:
            readers = {other.name for other in self.layers if layer.name in other.inputs}
            return layer.op, layer.shape, layer.inputs, readers

        one = self.layer(later)
        # The same tensor may be a layer twice: before its ReLU, or under another name.
        same = {other.name for other in self.layers if place(other) == place(one)}
        same.add(one.pre_relu_of or later)
        reached = {self.layer(earlier).name}
        for layer in self.layers:
            if layer.name not in same and reached & set(layer.inputs):
                if layer.name not in self._ancestors[later]:
                    return layer.name
                reached.add(layer.name)
        return ""

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the card as JSON, atomically."""
        write_facts(path, self.model_dump(mode="json"))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ModelCard:
        """Read a card; raises ``BadFile`` where the file is missing, damaged or not a card."""
        facts = read_facts(path, "model card")
        try:
            return cls.model_validate_json(json.dumps(facts))
        except ValidationError as error:
            raise BadFile(f"model card '{path}' cannot be read: {error}") from error
