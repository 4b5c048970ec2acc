"""The shape of the configuration: every key with its type, default and meaning.

These models are the only place where that is said; the checks, the JSON schemas and the reference
in ``config/README.md`` are made from them.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    StrictBool,
    StrictInt,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ID_WORDS = "an id of letters, digits and . _ -, beginning with a letter or digit"
SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"
URL_PATTERN = r"^https?://"
# What the patterns mean, for messages.
PATTERN_WORDS = {
    f"^{ID_PATTERN}$": ID_WORDS,
    SHA256_PATTERN: "a SHA-256 of 64 hexadecimal digits",
    URL_PATTERN: "an address that begins with http:// or https://",
}
# A model's results lie beside these two folders, so no model can have their name.
RESERVED_MODELS = ("models", "figures")

Number = Annotated[float, Strict()]
Grey = Annotated[StrictInt, Field(ge=0, le=255)]
Pixels = Annotated[StrictInt, Field(ge=1, le=8192)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]


class Settings(BaseModel):
    """Base of all settings: nothing is changed after reading, unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImageOptions(Settings):
    """How pictures are brought into the form that a network sees."""

    background: tuple[Grey, Grey, Grey] = Field(
        default=(255, 255, 255),
        description="Colour (red, green, blue; 0 to 255) shown where a picture is transparent.",
        examples=[[0, 0, 0]],
    )


class ComputeOptions(Settings):
    """How much of the machine a job may take; never changes a result."""

    memory_mb: Annotated[StrictInt, Field(ge=256)] = Field(
        default=2048,
        description="Memory in MB for one job's batches, beside the 1500 MB that TensorFlow and "
        "the network take. More memory means larger batches. Changing it recomputes nothing.",
        examples=[8192],
    )
    gpu: StrictBool = Field(
        default=False,
        description="Give every job that renders sprites or activation grids a GPU for itself; "
        "without one it stops. `false`: such jobs use none.",
        examples=[True],
    )


class FactorOptions(Settings):
    """Numbers of labels in the factor files."""

    top_labels: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        default=5,
        description="Labels listed for each factor, in the TSV file and in the figure's legend.",
        examples=[10],
    )
    joint_labels: Annotated[StrictInt, Field(ge=2)] = Field(
        default=50,
        description="Most probable labels that a `joint` factorisation is made of.",
        examples=[100],
    )


class ChannelOptions(Settings):
    """How a label's score is attributed to channels."""

    completeness_tolerance: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.001,
        description="The method `path` takes steps until its attributions add up to the rise of "
        "the score, up to this share of it.",
        examples=[0.01],
    )
    seed: Annotated[StrictInt, Field(ge=0)] = Field(
        default=0, description="Seed of the noise that the method `stochastic` adds.", examples=[7]
    )


class NeuronGroupOptions(Settings):
    """How a layer's activations are grouped."""

    count: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        default=6,
        description="Neuron groups of `layer1` that the panel `neuron_groups` shows.",
        examples=[4],
    )


SpriteRecipe = Literal["none", "draft", "paper", "lucid"]


class SpriteOptions(Settings):
    """Pictures of what the channels of a layer respond to."""

    recipe: SpriteRecipe = Field(
        default="none",
        description="How they are rendered for the layers whose channels a figure shows: `draft` "
        "(64 pixels, fast), `paper` (128 pixels), `lucid` (as Lucid's notebooks do), or `none`: "
        "only what is there already is shown. A change renders anew.",
        examples=["draft"],
    )
    channels_per_job: Annotated[StrictInt, Field(ge=1, le=10000)] = Field(
        default=64,
        description="Channels that one job renders. Never changes a picture.",
        examples=[32],
    )


GridRecipe = Literal["draft", "paper", "lucid"]


class GridOptions(Settings):
    """Activation grids: a picture of what a layer sees at each position."""

    recipe: GridRecipe = Field(
        default="draft",
        description="How a cell is changed: as by this recipe of the sprites, whose size and "
        "steps do not count here; `lucid` is the notebook's.",
        examples=["lucid"],
    )
    cell_size: Annotated[StrictInt, Field(ge=8, le=512)] = Field(
        default=48,
        description="Side of a cell in pixels, as in the notebook; drawings leave out an eighth on "
        "each side (2 pixels with `recipe: lucid`).",
        examples=[64],
    )
    steps: Annotated[StrictInt, Field(ge=1, le=100000)] = Field(
        default=128,
        description="Steps: each of them changes every cell of a plain grid, and `drawn` cells of "
        "a coherent one. The notebook's: 1024.",
        examples=[1024],
    )
    neuron_groups: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        default=6,
        description="Neuron groups by which the cells of a coherent grid share what is alike.",
        examples=[10],
    )
    cells_per_step: Annotated[StrictInt, Field(ge=1, le=10000)] = Field(
        default=64,
        description="Cells that a step of a coherent grid changes; its cost.",
        examples=[32],
    )
    cosine_power: Annotated[Number, Field(ge=0, le=16)] = Field(
        default=2,
        description="Power of the cosine between what a picture gives and the position's "
        "activations, by which their dot product is multiplied: the larger, the less does a cell "
        "show what all have in common. The notebook's: 0.",
        examples=[0],
    )
    scale_by_magnitude: StrictBool = Field(
        default=False,
        description="Show the length of a cell's activation vector by the size of its square, on "
        "transparency, as the article does.",
        examples=[True],
    )
    seed: Annotated[StrictInt, Field(ge=0)] = Field(
        default=0, description="Seed of all random numbers of a grid.", examples=[7]
    )


class FigureOptions(Settings):
    """How figures are drawn; a change redraws them and computes nothing else."""

    opacity: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.6,
        description="Opacity of the factor colours over the picture, 0 (only the picture) to 1.",
        examples=[0.8],
    )
    top_labels: Annotated[StrictInt, Field(ge=1, le=50)] = Field(
        default=5, description="Most probable labels that are listed.", examples=[8]
    )
    top_channels: Annotated[StrictInt, Field(ge=1, le=50)] = Field(
        default=5,
        description="Strongest channels that are shown in each direction.",
        examples=[10],
    )
    width_mm: Annotated[Number, Field(ge=40, le=1000)] = Field(
        default=180, description="Width of the printed figure in millimetres.", examples=[85]
    )
    dpi: Annotated[StrictInt, Field(ge=50, le=1200)] = Field(
        default=300, description="Resolution of the PNG file, in dots per inch.", examples=[600]
    )
    interpolate: StrictBool = Field(
        default=False,
        description="Blend neighbouring positions of a layer instead of showing each as a square.",
        examples=[True],
    )


class Config(Settings):
    """The file `config/config.yaml`, or a file of your own."""

    models: str = Field(
        description="Catalogue of networks (YAML).", examples=["config/models.yaml"], min_length=1
    )
    images: str = Field(
        description="Table of pictures (TSV).", examples=["config/images.tsv"], min_length=1
    )
    runs: str = Field(
        description="Table of runs (TSV), one figure each.",
        examples=["config/runs.tsv"],
        min_length=1,
    )
    shared_results: str | None = Field(
        default=None,
        description="Folder, outside of this one, in which projects share networks in normal form, "
        "sprites and activation grids: what lies there is taken and not made again.",
        examples=["/data/blockscope"],
        min_length=1,
    )
    image: ImageOptions = Field(default=ImageOptions(), description=str(ImageOptions.__doc__))
    compute: ComputeOptions = Field(
        default=ComputeOptions(), description=str(ComputeOptions.__doc__)
    )
    factors: FactorOptions = Field(default=FactorOptions(), description=str(FactorOptions.__doc__))
    channels: ChannelOptions = Field(
        default=ChannelOptions(), description=str(ChannelOptions.__doc__)
    )
    neuron_groups: NeuronGroupOptions = Field(
        default=NeuronGroupOptions(), description=str(NeuronGroupOptions.__doc__)
    )
    sprites: SpriteOptions = Field(default=SpriteOptions(), description=str(SpriteOptions.__doc__))
    grids: GridOptions = Field(default=GridOptions(), description=str(GridOptions.__doc__))
    figure: FigureOptions = Field(default=FigureOptions(), description=str(FigureOptions.__doc__))


class Source(Settings):
    """A file: its path, or its address on the web together with its checksum."""

    path: str | None = Field(
        default=None,
        description="File on this machine (for a SavedModel its folder).",
        examples=["networks/squeezenet.pb"],
        min_length=1,
    )
    url: str | None = Field(
        default=None,
        description="Address (http or https), loaded once. Needs `sha256`.",
        examples=["https://example.org/networks.zip"],
        pattern=URL_PATTERN,
    )
    sha256: Sha256 | None = Field(
        default=None,
        description="SHA-256 of the file at `url` or `path`, 64 hexadecimal digits.",
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
    )
    member: str | None = Field(
        default=None,
        description="The wanted file inside the zip archive at `url`.",
        examples=["graph.pb"],
        min_length=1,
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if (self.path is None) == (self.url is None):
            raise ValueError("give either a path or a url")
        if self.url is not None and self.sha256 is None:
            raise ValueError("a url needs the sha256 of what lies there")
        if self.member is not None and self.url is None:
            raise ValueError("member is for a zip archive at a url; unpack a local one")
        return self

    @property
    def file_name(self) -> str:
        """Name of the wanted file, whose ending tells its kind."""
        return self.member or self.path or urlsplit(self.url or "").path

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Allow the short form, a path as text, in the JSON schema as well."""
        fields = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "string", "minLength": 1}, dict(fields)]}


class InputSettings(Settings):
    """How a picture enters the network."""

    tensor: str | None = Field(
        default=None,
        description="Input tensor, without `:0`. May be left out for `.keras` and SavedModel.",
        examples=["input"],
        min_length=1,
    )
    size: tuple[Pixels, Pixels] = Field(
        description="Rows and columns of the picture, in pixels.", examples=[[224, 224]]
    )
    range: tuple[Number, Number] = Field(
        description="Values that black and white are mapped to.", examples=[[-1, 1]]
    )

    @model_validator(mode="after")
    def _ascending(self) -> InputSettings:
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range must go from low to high, found {list(self.range)}")
        return self


class ModelEntry(Settings):
    """One network of the catalogue `config/models.yaml`: `id: {graph: ..., ...}`."""

    graph: Source = Field(
        description="Frozen graph (`.pb`), Keras file (`.keras`, `.h5`) or SavedModel folder: a "
        "path, or `{path, sha256}`, or `{url, sha256, member}`.",
        examples=["networks/squeezenet.pb"],
    )
    input: InputSettings = Field(description=str(InputSettings.__doc__))
    logits: str | None = Field(
        default=None,
        description="Tensor of the logits, before any softmax. May be left out for `.keras` and "
        "SavedModel: then it is the tensor that enters the last softmax.",
        examples=["softmax2_pre_activation"],
        min_length=1,
    )
    labels: Source = Field(
        description="Names of the logits in their order: a JSON list, or text with one name a "
        "line; given like `graph`.",
        examples=["networks/labels.json"],
    )
    skip_labels: Annotated[StrictInt, Field(ge=0)] = Field(
        default=0,
        description="Leading entries of the labels that are no class (dummy, background).",
        examples=[1],
    )

    @model_validator(mode="after")
    def _frozen_graphs_name_their_ends(self) -> ModelEntry:
        if self.graph.file_name.endswith(".pb") and not (self.input.tensor and self.logits):
            raise ValueError("a frozen graph (.pb) needs both input.tensor and logits")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of everything the entry says, to tell whether a card was made from it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class ImageRow(Settings):
    """A row of the table of pictures."""

    image: str = Field(
        description="Id of the picture; part of paths.",
        examples=["dog_cat"],
        pattern=f"^{ID_PATTERN}$",
    )
    path: str = Field(
        description="The file: PNG, JPEG, WebP, TIFF or BMP.",
        examples=["pictures/dog_cat.png"],
        min_length=1,
    )


class FactorChoice(Settings):
    """How the attributions of a run are factorised; written as `3 joint pca`."""

    n: Annotated[StrictInt, Field(ge=1, le=100)] = 2
    joint: StrictBool = False
    method: Literal["nmf", "pca"] = "nmf"

    def __str__(self) -> str:
        return f"{self.n}{' joint' if self.joint else ''}{' pca' if self.method == 'pca' else ''}"

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return cls.parse(value) if isinstance(value, str) else value

    @staticmethod
    def parse(text: str) -> dict[str, Any]:
        """Read `number [joint] [pca]`; raises ``ValueError`` that shows the grammar."""
        number, *words = text.split()
        if (
            not re.fullmatch(r"[1-9][0-9]{0,2}", number)
            or len(set(words)) < len(words)
            or not set(words) <= {"joint", "pca"}
        ):
            raise ValueError(
                f"'{text}' is not understood; valid: a number from 1 to 100, then optionally the "
                "words joint and pca, as in '2', '3 joint', '6 pca', '3 joint pca'"
            )
        return {
            "n": int(number),
            "joint": "joint" in words,
            "method": "pca" if "pca" in words else "nmf",
        }


METHODS = ("linear", "path", "path-left-100", "stochastic")
"""Ways to attribute to channels, in the order in which they are shown."""


class RunRow(Settings):
    """A row of the table of runs: one figure."""

    run: str = Field(
        description="Id of the run; names its figure.",
        examples=["dog_cat-smooth"],
        pattern=f"^{ID_PATTERN}$",
    )
    model: str = Field(description="Id in the catalogue of networks.", examples=["blocks1000"])
    image: str = Field(description="Id in the table of pictures.", examples=["dog_cat"])
    layer1: str = Field(
        description="The earlier layer: a tensor of the graph, without `:0`.",
        examples=["mixed4d"],
    )
    layer2: str = Field(
        description="The later layer, computed from `layer1`.", examples=["mixed5a"]
    )
    override: str = Field(
        default="none",
        description="Gradient of max pooling: `none` (the true one), `smooth`, or `smooth-blur`.",
        examples=["smooth"],
    )
    classes: tuple[str, ...] = Field(
        default=(),
        description="Two classes to compare, as `A|B`: labels, or their indexes where a name "
        "occurs twice; `logsumexp` is allowed for B, and `A` alone is compared with nothing. "
        "Empty: the two most probable.",
        examples=["Labrador retriever|tiger cat"],
    )
    factors: FactorChoice = Field(
        default=FactorChoice(),
        description="Number of factors, then optionally `joint` (fitted on `layer2`, applied to "
        "`layer1`; without it each layer alone) and `pca` (without it NMF).",
        examples=["3 joint pca"],
    )
    methods: tuple[str, ...] = Field(
        default=("linear",),
        description="Ways to attribute to channels, separated by commas: "
        f"{', '.join(f'`{name}`' for name in METHODS)}. The panel `channels` draws "
        "`linear` if it is there, else the first, and its page offers all; the panel "
        "`channel_methods` adds `linear`, `path` and `stochastic`.",
        examples=["linear,path"],
    )
    panels: tuple[str, ...] = Field(
        default=("factors",),
        # Not listed here: what reads settings would depend on the code of every panel.
        description="Panels of the figure in their order, separated by commas; they are listed "
        "below.",
        examples=["spatial,overrides,channels"],
    )
    grids: tuple[str, ...] = Field(
        default=(),
        description="Layers whose activation grids the panel `activation_grids` shows, separated "
        "by commas. Empty: `layer1` and `layer2`.",
        examples=["mixed4a,mixed4d,mixed5a"],
    )

    @property
    def grid_layers(self) -> tuple[str, ...]:
        """The layers whose activation grids are shown, in their order."""
        return self.grids or (self.layer1, self.layer2)

    @property
    def layers(self) -> tuple[str, str]:
        """The earlier and the later layer."""
        return self.layer1, self.layer2

    @property
    def figure_params(self) -> dict[str, Any]:
        """What a figure depends on besides its files, as plain data: a row without the rest."""
        shown = {"run", "model", "image", "layer1", "layer2", "override", "classes", "grids"}
        return self.model_dump(mode="json", include=shown)

    @model_validator(mode="before")
    @classmethod
    def _split_cells(cls, cells: Any) -> Any:
        split = {"classes": "|", "methods": ",", "panels": ",", "grids": ","}
        return {
            key: [part.strip() for part in cell.split(split[key])]
            if key in split and isinstance(cell, str)
            else cell
            for key, cell in cells.items()
        }
