"""The shape of the configuration: every key with its type, default and meaning.

The checks, the JSON schemas and the reference in ``config/README.md`` are generated from these
models.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, field_validator, model_validator

from blockscope.attribution.baselines import Baseline
from blockscope.config.template_widths import TEMPLATE_WIDTHS, width_of_template
from blockscope.io.counts import counted
from blockscope.io.downloads import MOST_MB
from blockscope.io.packaged import located
from blockscope.models.entry import SHA256_PATTERN, URL_PATTERN, Number, Settings

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
IMAGE_PATTERN = r"^\S+$"
ID_WORDS = "an id of at most 100 letters, digits and . _ -, beginning with a letter or digit"
# What the patterns mean, for messages.
PATTERN_WORDS = {
    f"^{ID_PATTERN}$": ID_WORDS,
    SHA256_PATTERN: "a SHA-256 of 64 hexadecimal digits",
    IMAGE_PATTERN: "a path or an address without blanks",
    URL_PATTERN: "a URL that begins with http:// or https://, without blanks",
}
# Folders next to those of the models, so no model can have these names.
RESERVED_MODELS = ("models", "figures", "datasets")

Seed = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]
ColourValue = Annotated[StrictInt, Field(ge=0, le=255)]


class ImageOptions(Settings):
    """How images are prepared for a network."""

    background: tuple[ColourValue, ColourValue, ColourValue] = Field(
        default=(255, 255, 255),
        description="Colour (red, green, blue; 0 to 255) shown where an image is transparent.",
        examples=[[0, 0, 0]],
    )


class ComputeOptions(Settings):
    """How much of the machine a job may use; does not affect results."""

    memory_mb: Annotated[StrictInt, Field(ge=256, le=4_000_000)] = Field(
        default=2048,
        description="Memory in MB for the batches of one job, in addition to 1500 MB for "
        "TensorFlow and the network. More memory means larger batches. Changing it recomputes "
        "nothing.",
        examples=[8192],
    )
    gpu: StrictBool = Field(
        default=False,
        description="Give every job that renders sprites or activation grids its own GPU; a job "
        "that gets none fails. `false`: such jobs use the CPU.",
        examples=[True],
    )
    download_mb: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = Field(
        default=MOST_MB,
        description="Largest size in MB of a file that is downloaded, and of the member that is "
        "taken from a zip archive. Changing it recomputes nothing.",
        examples=[4096],
    )
    container: Annotated[str, Field(pattern=IMAGE_PATTERN)] | None = Field(
        default=None,
        description="Image in which `--sdm apptainer` runs the jobs: the path of a `.sif` file, or "
        "an address that Apptainer pulls. Without that option it is not used.",
        examples=["blockscope.sif"],
    )


class FactorOptions(Settings):
    """Numbers of labels in the factorisation of attributions."""

    top_labels: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        default=5,
        description="Labels listed for each factor, in the TSV file and in the figure's legend.",
        examples=[10],
    )
    joint_labels: Annotated[StrictInt, Field(ge=2, le=1_000_000)] = Field(
        default=50,
        description="Number of most probable labels that a `joint` factorisation is fitted to.",
        examples=[100],
    )


class ChannelOptions(Settings):
    """How labels are attributed to channels."""

    completeness_tolerance: Annotated[Number, Field(gt=0, le=1)] = Field(
        default=0.001,
        description="The method `path` (integrated gradients) refines its steps until the sum of "
        "the attributions differs from the change of the score by at most this share of it.",
        examples=[0.01],
    )
    seed: Seed = Field(
        default=0,
        description="Seed of the noise of the method `stochastic` (noisy integrated gradients).",
        examples=[7],
    )


class NeuronGroupOptions(Settings):
    """How the activations of a layer are factorised into neuron groups."""

    count: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        default=6,
        description="Number of neuron groups of a layer in the panels `neuron_groups` and `flow`.",
        examples=[4],
    )


class AblationOptions(Settings):
    """What parts of a layer are replaced by when they are taken away."""

    baseline: Baseline = Field(
        default="zero",
        description="What the activations of a position, channel or neuron group are replaced by: "
        "`zero`, or the `mean` of each channel over the positions of the image.",
        examples=["mean"],
    )


class ScoreOptions(Settings):
    """What maps are compared with when they are scored."""

    random_orders: Annotated[StrictInt, Field(ge=2, le=1000)] = Field(
        default=5,
        description="Number of random orders of the positions, with whose deletion curves those of "
        "maps are compared. Each costs 27 passes of the network over the image, half as many as a "
        "map. Of N orders the mean is known to sd / sqrt(N), the sd itself to a share of "
        "1 / sqrt(2 (N - 1)): 35 % of 5, 24 % of 10.",
        examples=[20],
    )


SpriteRecipe = Literal["none", "draft", "paper", "lucid"]


class SpriteOptions(Settings):
    """Sprites: what each channel of a layer responds to, by feature visualization."""

    recipe: SpriteRecipe = Field(
        default="none",
        description="How sprites are rendered for the layers whose channels a figure shows: "
        "`draft` (64 pixels, fast), `paper` (128 pixels), `lucid` (as in Lucid's notebooks), or "
        "`none`. Changing it re-renders.",
        examples=["draft"],
    )
    channels_per_job: Annotated[StrictInt, Field(ge=1, le=10000)] = Field(
        default=64,
        description="Number of channels that one job renders. Does not affect results.",
        examples=[32],
    )


GridRecipe = Literal["draft", "paper", "lucid"]


class GridOptions(Settings):
    """Activation grids: a rendered cell for each position of a layer."""

    recipe: GridRecipe = Field(
        default="draft",
        description="How a cell is optimised: as a sprite of this recipe, except for its size and "
        "steps; `lucid` is the notebook's.",
        examples=["lucid"],
    )
    cell_size: Annotated[StrictInt, Field(ge=8, le=512)] = Field(
        default=48,
        description="Side of a cell in pixels. Figures crop an eighth of it on each side "
        "(2 pixels with `recipe: lucid`).",
        examples=[64],
    )
    steps: Annotated[StrictInt, Field(ge=1, le=100000)] = Field(
        default=128,
        description="Optimisation steps; each updates every cell of a plain grid, or "
        "`cells_per_step` cells of a coherent one. The notebook's: 1024.",
        examples=[1024],
    )
    neuron_groups: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        default=6,
        description="Number of neuron groups through which the cells of a coherent grid share what "
        "they have in common.",
        examples=[10],
    )
    cells_per_step: Annotated[StrictInt, Field(ge=1, le=10000)] = Field(
        default=64,
        description="Cells of a coherent grid that are optimised per step; determines the cost of "
        "a step.",
        examples=[32],
    )
    cosine_power: Annotated[Number, Field(ge=0, le=16)] = Field(
        default=2,
        description="The objective of a cell is the dot product of its activations and those of "
        "the position, times their cosine to this power (Lucid's `cossim_pow`); larger values "
        "suppress what all cells share. The notebook's: 0.",
        examples=[0],
    )
    scale_by_magnitude: StrictBool = Field(
        default=False,
        description="Scale each cell by the length of its activation vector, on a transparent "
        "background, as in the article.",
        examples=[True],
    )
    seed: Seed = Field(default=0, description="Seed of all random numbers of a grid.", examples=[7])


class SweepOptions(Settings):
    """The sweep over a data set: what is kept of the images that each channel responds to."""

    exemplars: Annotated[StrictInt, Field(ge=1, le=1000)] = Field(
        default=16,
        description="Number of exemplars that are kept of each channel and ranking.",
        examples=[64],
    )
    vectors: Annotated[StrictInt, Field(ge=0, le=1_000_000)] = Field(
        default=4096,
        description="Number of single activation vectors that are kept of each layer.",
        examples=[20000],
    )
    damaged: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.01,
        description="Largest share of images that cannot be read: they are left out and listed; "
        "with more of them the sweep fails.",
        examples=[0],
    )
    relevance: StrictBool = Field(
        default=True,
        description="Whether exemplars by relevance are found too, which costs a backward pass "
        "for each image.",
        examples=[False],
    )
    neuron_groups: StrictBool = Field(
        default=False,
        description="Whether neuron groups have exemplars of their own, which the panel "
        "neuron_groups shows: a pass over the data set for each image and layer.",
        examples=[True],
    )
    seed: Seed = Field(
        default=0, description="Seed of the choice of vectors that are kept.", examples=[7]
    )


class FigureOptions(Settings):
    """How figures are drawn; changing it only redraws them."""

    opacity: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.6,
        description="Opacity of the factor colours over the image, 0 (only the image) to 1.",
        examples=[0.8],
    )
    top_labels: Annotated[StrictInt, Field(ge=1, le=50)] = Field(
        default=5, description="Number of most probable labels listed.", examples=[8]
    )
    top_channels: Annotated[StrictInt, Field(ge=1, le=50)] = Field(
        default=5,
        description="Number of strongest channels shown in each direction.",
        examples=[10],
    )
    width_mm: Annotated[
        Number,
        Field(ge=40, le=1000),
        BeforeValidator(
            width_of_template,
            json_schema_input_type=Annotated[float, Field(ge=40, le=1000)]
            | Literal[tuple(TEMPLATE_WIDTHS)],
        ),
    ] = Field(
        default=180,
        description="Width of the printed figure in millimetres, or the name of a template whose "
        f"column or page it fills: {', '.join(f'`{name}`' for name in TEMPLATE_WIDTHS)}.",
        examples=[85, "neurips"],
    )
    dpi: Annotated[StrictInt, Field(ge=50, le=1200)] = Field(
        default=300, description="Resolution of the PNG file, in dots per inch.", examples=[600]
    )
    interpolate: StrictBool = Field(
        default=False,
        description="Interpolate between the positions of a layer instead of drawing squares.",
        examples=[True],
    )


class Config(Settings):
    """The file `config/config.yaml`, or your own."""

    models: str = Field(
        description="Catalogue of networks (YAML).", examples=["config/models.yaml"], min_length=1
    )
    images: str = Field(
        description="Table of images (TSV).", examples=["config/images.tsv"], min_length=1
    )
    runs: str = Field(
        description="Table of runs (TSV), one figure each.",
        examples=["config/runs.tsv"],
        min_length=1,
    )
    datasets: str | None = Field(
        default=None,
        description="Table of data sets (TSV), whose images show what channels respond to.",
        examples=["config/datasets.tsv"],
        min_length=1,
    )
    shared_results: str | None = Field(
        default=None,
        description="Folder outside this one in which projects share networks in normal form, "
        "sprites and activation grids; what is found there is not recomputed.",
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
    ablation: AblationOptions = Field(
        default=AblationOptions(), description=str(AblationOptions.__doc__)
    )
    scores: ScoreOptions = Field(default=ScoreOptions(), description=str(ScoreOptions.__doc__))
    sprites: SpriteOptions = Field(default=SpriteOptions(), description=str(SpriteOptions.__doc__))
    grids: GridOptions = Field(default=GridOptions(), description=str(GridOptions.__doc__))
    sweep: SweepOptions = Field(default=SweepOptions(), description=str(SweepOptions.__doc__))
    figure: FigureOptions = Field(default=FigureOptions(), description=str(FigureOptions.__doc__))


def parse_objects(cell: str) -> dict[str, str]:
    """Parse `#rrggbb=label|...`, in lower case; raises ``ValueError`` with what is wrong."""
    found: dict[str, str] = {}
    for part in cell.split("|"):
        colour, _, label = (piece.strip() for piece in part.partition("="))
        colour = colour.lower()
        valid = "valid: '#rrggbb=label', separated by '|', as in '#ff0000=lemon|#0000ff=plum'"
        if not re.fullmatch("#[0-9a-f]{6}", colour):
            raise ValueError(f"'{part.strip()}' does not begin with a colour; {valid}")
        if not label:
            raise ValueError(f"'{part.strip()}' has no label; {valid}")
        if colour == "#000000":
            raise ValueError(f"'{part.strip()}': black is the background; use another colour")
        if colour in found:
            raise ValueError(f"colour {colour} stands for two objects; {valid}")
        found[colour] = label
    return found


class ImageRow(Settings):
    """A row of the table of images."""

    image: str = Field(
        description="Id of the image; part of paths.",
        examples=["dog_cat"],
        pattern=f"^{ID_PATTERN}$",
    )
    path: str = Field(
        description="The file: PNG, JPEG, WebP, TIFF or BMP; `blockscope:scenes/two.png` is one "
        "that comes with the package.",
        examples=["photos/dog_cat.png"],
        min_length=1,
    )
    mask: str = Field(
        default="",
        description="Where the objects are: a PNG of the image's size, one colour for each object, "
        "black elsewhere. With it, `scores` say how well maps find them.",
        examples=["photos/dog_cat-mask.png"],
    )
    objects: dict[str, str] = Field(
        default={},
        description="Labels of the mask's objects, `#rrggbb=label`, separated by `|`.",
        examples=["#ff0000=Labrador retriever|#0000ff=tiger cat"],
    )

    @property
    def file(self) -> str:
        """Where the image is; raises ``BadFile`` where the package should have it."""
        return located(self.path)

    @property
    def mask_file(self) -> str:
        """Where the mask is; raises ``BadFile`` where the package should have it."""
        return located(self.mask)

    @field_validator("objects", mode="before")
    @classmethod
    def _split_objects(cls, cell: Any) -> Any:
        return parse_objects(cell) if isinstance(cell, str) else cell

    @model_validator(mode="after")
    def _objects_of_a_mask(self) -> ImageRow:
        if bool(self.mask) != bool(self.objects):
            given, missing = ("mask", "objects") if self.mask else ("objects", "mask")
            raise ValueError(
                f"has a column {given} but no {missing}; valid: both, as in mask "
                "'photos/dog_cat-mask.png' and objects '#ff0000=Labrador retriever', or neither"
            )
        return self


def parse_count(cell: Any) -> Any:
    """Parse a whole number; raises ``ValueError`` where a cell holds anything else."""
    if not isinstance(cell, str):
        return cell
    if not re.fullmatch(r"[0-9]{1,19}", cell):
        raise ValueError(f"must be a whole number in digits, as in 2000, found '{cell}'")
    return int(cell)


Count = Annotated[StrictInt, BeforeValidator(parse_count)]


class DatasetRow(Settings):
    """A row of the table of data sets."""

    dataset: str = Field(
        description="Id of the data set; part of paths.",
        examples=["holidays"],
        pattern=f"^{ID_PATTERN}$",
    )
    path: str = Field(
        description="A folder of images; a list (`.txt`, one path per line); an archive (`.tar`, "
        "`.zip`); a table (`.tsv`) with a column `path` or `image` and perhaps `label`; or "
        "`drawn:blocks1000`, scenes of toy blocks that are drawn by number.",
        examples=["photos/holidays"],
        min_length=1,
    )
    count: Annotated[Count, Field(ge=1, le=100_000_000)] | None = Field(
        default=None,
        description="Number of images, sampled by their names; a larger sample contains a "
        "smaller one. Empty: all. Of `drawn:` the number of scenes, which must be given.",
        examples=["10000"],
    )
    seed: Annotated[Count, Field(ge=0, le=2**63 - 1)] = Field(
        default=0, description="Seed of the sample, or of the drawing.", examples=["7"]
    )
    labels: Literal["", "folders"] = Field(
        default="",
        description="`folders`: the folder that an image lies in names its label.",
        examples=["folders"],
    )
    jobs: Annotated[Count, Field(ge=1, le=10_000)] = Field(
        default=1,
        description="Number of jobs among which the images are divided. Does not affect results.",
        examples=["8"],
    )

    @property
    def choice(self) -> dict[str, Any]:
        """What decides which images it has, as plain data."""
        return self.model_dump(mode="json", include={"path", "count", "seed", "labels"})

    @model_validator(mode="after")
    def _as_its_kind_allows(self) -> DatasetRow:
        drawn = self.path.startswith("drawn:")
        if drawn and self.count is None:
            raise ValueError(
                f"'{self.path}' has no end; give the number of scenes in the column count, as in "
                "2000"
            )
        if drawn and self.labels:
            raise ValueError("drawn scenes are labelled by their blocks; leave labels empty")
        if self.count is not None and self.jobs > self.count:
            raise ValueError(
                f"cannot divide {counted(self.count, 'image')} among {self.jobs} jobs; valid: 1 to "
                f"{self.count}"
            )
        return self


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
        """Parse `number [joint] [pca]`; raises ``ValueError`` with the grammar."""
        number, *words = text.split()
        if (
            not re.fullmatch(r"[1-9][0-9]{0,2}", number)
            or len(set(words)) < len(words)
            or not set(words) <= {"joint", "pca"}
        ):
            raise ValueError(
                f"cannot parse '{text}'; valid: a number from 1 to 100, then optionally the "
                "words joint and pca, as in '2', '3 joint', '6 pca', '3 joint pca'"
            )
        return {
            "n": int(number),
            "joint": "joint" in words,
            "method": "pca" if "pca" in words else "nmf",
        }


METHODS = ("linear", "path", "path-left-100", "stochastic")
"""Methods of channel attribution, in the order in which they are shown."""


class RunRow(Settings):
    """A row of the table of runs: one figure."""

    run: str = Field(
        description="Id of the run; names its figure.",
        examples=["dog_cat-smooth"],
        pattern=f"^{ID_PATTERN}$",
    )
    model: str = Field(description="Id in the catalogue of networks.", examples=["blocks1000"])
    image: str = Field(description="Id in the table of images.", examples=["dog_cat"])
    layer1: str = Field(
        description="The earlier layer, by a name that `blockscope layers MODEL` lists.",
        examples=["mixed4d"],
    )
    layer2: str = Field(
        description="The later layer, computed from `layer1`.", examples=["mixed5a"]
    )
    override: str = Field(
        default="none",
        description="Gradient of max pooling: `none` (exact), `smooth`, or `smooth-blur`.",
        examples=["smooth"],
    )
    classes: tuple[str, ...] = Field(
        default=(),
        description="The contrast: `A|B` for the logit of label A minus that of label B, or `A` "
        "for its logit alone. Labels are names, or indexes where a name occurs twice; `logsumexp` "
        "is allowed for B under a softmax. Empty: the two most probable labels.",
        examples=["Labrador retriever|tiger cat"],
    )
    factors: FactorChoice = Field(
        default=FactorChoice(),
        description="Number of attribution factors, then optionally `joint` (fitted on `layer2`, "
        "applied to `layer1`; by default each layer separately) and `pca` (instead of NMF).",
        examples=["3 joint pca"],
    )
    methods: tuple[str, ...] = Field(
        default=("linear",),
        description="Methods of channel attribution, separated by commas: `linear` (gradient x "
        "activation), `path` (integrated gradients), `path-left-100` (the same with 100 left "
        "steps), `stochastic` (noisy integrated gradients). The printed panel `channels` shows "
        "`linear` or else the first one, its page shows all; the panel `channel_methods` adds "
        "`linear`, `path` and `stochastic`.",
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
    flow: tuple[str, ...] = Field(
        default=(),
        description="Layers between whose neuron groups the panel `flow` shows what passes, "
        "separated by commas: two or more, each computed from the one before, and such that "
        "everything before passes through it. Empty: `layer1` and `layer2`.",
        examples=["mixed4a,mixed4d,mixed5a"],
    )

    dataset: str = Field(
        default="",
        description="Id in the table of data sets: its images show what channels respond to.",
        examples=["holidays"],
    )

    @property
    def grid_layers(self) -> tuple[str, ...]:
        """The layers whose activation grids are shown, in their order."""
        return self.grids or (self.layer1, self.layer2)

    @property
    def flow_layers(self) -> tuple[str, ...]:
        """The layers between whose neuron groups flow is shown, from the first to the last."""
        return self.flow or (self.layer1, self.layer2)

    @property
    def layers(self) -> tuple[str, str]:
        """The earlier and the later layer."""
        return self.layer1, self.layer2

    @property
    def figure_params(self) -> dict[str, Any]:
        """What a figure depends on besides its files, as plain data: a row without the rest."""
        shown = {"run", "model", "image", "layer1", "layer2", "override", "classes", "grids"}
        shown |= {"flow"}
        return self.model_dump(mode="json", include=shown)

    @model_validator(mode="before")
    @classmethod
    def _split_cells(cls, cells: Any) -> Any:
        split = {"classes": "|", "methods": ",", "panels": ",", "grids": ",", "flow": ","}
        return {
            key: [part.strip() for part in cell.split(split[key])]
            if key in split and isinstance(cell, str)
            else cell
            for key, cell in cells.items()
        }
