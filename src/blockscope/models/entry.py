"""One network of the catalogue: its files and how to feed it.

Apart from the other settings, so that a change of those does not repeat the stage "model".
"""

from __future__ import annotations

import hashlib
import reprlib
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    StrictInt,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile, describe_valid
from blockscope.io.packaged import located
from blockscope.models.preprocessing import PRESETS, Filter, Order, Preprocessing

Head = Literal["softmax", "sigmoid", "none"]

SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"
URL_PATTERN = r"^https?://[^\x00-\x20]+$"

Number = Annotated[float, Strict()]
PixelValue = Annotated[float, Strict(), Field(ge=-1e6, le=1e6)]
Deviation = Annotated[float, Strict(), Field(ge=1e-6, le=1e6)]
ImageSide = Annotated[StrictInt, Field(ge=1, le=8192)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]


def in_one_sentence(valid: str) -> WrapValidator:
    """Say what a value of several kinds may be, instead of what is wrong for each kind."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(f"must be {valid}, found {reprlib.repr(value)}") from None

    return WrapValidator(check)


Resize = Annotated[
    Literal["crop", "squash"] | ImageSide,
    in_one_sentence("crop, squash, or a whole number of pixels (1 to 8192)"),
]
_Leaf = Annotated[bool, Strict()] | StrictInt | Annotated[float, Strict()]
FedValue = Annotated[
    _Leaf | list[_Leaf] | list[list[_Leaf]] | list[list[list[_Leaf]]],
    in_one_sentence("a number, true, false, or lists of these, at most three deep"),
]


def unit_of(head: Head) -> str:
    """Return the unit of attributions to the labels of a network."""
    return "output" if head == "none" else "logit"


class Settings(BaseModel):
    """Base of all settings: frozen, without unknown keys."""

    # A default is validated, so that one that is written out is the same: 2.0, not 2.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


class Source(Settings):
    """A file: its path, or its URL with its checksum."""

    path: str | None = Field(
        default=None,
        description="File on this machine (for a SavedModel its folder), or one that comes with "
        "the package, as `blockscope:blocks1000/graph.pb`.",
        examples=["networks/squeezenet.pb"],
        min_length=1,
    )
    url: str | None = Field(
        default=None,
        description="URL (http or https), downloaded once. Needs `sha256`.",
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
        description="The file to take from the zip archive at `url`.",
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
            raise ValueError("a url needs the sha256 of its file")
        if self.member is not None and self.url is None:
            raise ValueError("member needs a url; unpack a local zip archive")
        return self

    @property
    def file(self) -> str | None:
        """Where the file at ``path`` is; raises ``BadFile`` where the package should have it."""
        return None if self.path is None else located(self.path)

    @property
    def file_name(self) -> str:
        """Name of the file, whose ending gives its kind."""
        return self.member or self.path or urlsplit(self.url or "").path

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Allow the short form, a path as text, in the JSON schema too."""
        fields = handler.resolve_ref_schema(handler(schema))
        return {"anyOf": [{"type": "string", "minLength": 1}, dict(fields)]}


class InputSettings(Settings):
    """How an image enters the network."""

    tensor: str | None = Field(
        default=None,
        description="Input tensor, without `:0`. Optional but for `.pb`.",
        examples=["input"],
        min_length=1,
    )
    size: tuple[ImageSide, ImageSide] = Field(
        description="Rows and columns of the image, in pixels.", examples=[[224, 224]]
    )
    preprocessing: str | None = Field(
        default=None,
        description="Range, mean, std and order by the name of the network's family: "
        + ", ".join(f"`{name}`" for name in PRESETS)
        + ". Or give `range` and what else applies.",
        examples=["torchvision/imagenet"],
        min_length=1,
    )
    range: tuple[PixelValue, PixelValue] | None = Field(
        default=None,
        description="Values that black and white are mapped to. Required without `preprocessing`.",
        examples=[[-1, 1]],
    )
    mean: tuple[PixelValue, ...] | None = Field(
        default=None,
        description="What is then subtracted, on the scale of `range`: of red, green, blue, in "
        "this order whatever `order` says (one number for a grey network).",
        examples=[[0.485, 0.456, 0.406]],
    )
    std: tuple[Deviation, ...] | None = Field(
        default=None,
        description="What that is then divided by; given like `mean`.",
        examples=[[0.229, 0.224, 0.225]],
    )
    order: Order | None = Field(
        default=None,
        description="The channels that the network reads. Default: `rgb`, or `grey` where its "
        "input has one channel: 0.299 red + 0.587 green + 0.114 blue.",
        examples=["bgr"],
    )
    layout: Literal["channels_last", "channels_first"] = Field(
        default="channels_last",
        description="Axes of the input tensor: (image, row, col, channel), or (image, channel, "
        "row, col).",
        examples=["channels_first"],
    )
    resize: Resize = Field(
        default="crop",
        description="How an image gets the size: scaled until it just covers it and cropped "
        "around the centre (`crop`), scaled to it without a crop (`squash`), or scaled to that "
        "many pixels on its shorter side and cropped (a number).",
        examples=[256],
    )
    filter: Filter = Field(
        default="lanczos",
        description="Filter of the scaling. `bilinear_sampled` reads four pixels, as TensorFlow "
        "does; the others smooth what is scaled down, as Pillow and torchvision do.",
        examples=["bilinear"],
    )

    @model_validator(mode="after")
    def _one_rule(self) -> InputSettings:
        given = [key for key in ("range", "mean", "std", "order") if getattr(self, key) is not None]
        if self.preprocessing is None:
            if self.range is None:
                on = " (the scale of mean and std: [0, 1] or [0, 255])" if given else ""
                raise ValueError(
                    f"give range{on}, or preprocessing, the network's family; "
                    f"{describe_valid('', PRESETS, most=100)}"
                )
        elif self.preprocessing not in PRESETS:
            raise ValueError(
                f"unknown preprocessing '{self.preprocessing}'; "
                f"{describe_valid(self.preprocessing, PRESETS)}; or give range, mean, std, order"
            )
        elif given:
            rule = PRESETS[self.preprocessing].in_words()
            raise ValueError(
                f"preprocessing '{self.preprocessing}' ({rule}) and {' and '.join(given)} cannot "
                "be given together; valid: one of both"
            )
        return self

    @model_validator(mode="after")
    def _numbers_fit(self) -> InputSettings:
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range must go from low to high, found {list(self.range)}")
        valid = {None: (1, 3), "grey": (1,)}.get(self.order, (3,))
        for key in ("mean", "std"):
            numbers = getattr(self, key)
            if numbers is not None and len(numbers) not in valid:
                raise ValueError(
                    f"{key} has {counted(len(numbers), 'number')}; valid: "
                    + ("one, of grey" if valid == (1,) else "three, of red, green, blue")
                )
        if isinstance(self.resize, int) and self.resize < max(self.size):
            raise ValueError(
                f"resize {self.resize} is smaller than size {list(self.size)}, which is cut from "
                f"it; valid: {max(self.size)} or more"
            )
        return self

    def rule_for(self, channels: int) -> Preprocessing:
        """Return what a network that reads ``channels`` is fed; raises ``BadFile`` if it cannot."""
        if self.preprocessing is not None:
            rule = PRESETS[self.preprocessing]
        else:
            order = self.order or ("grey" if channels == 1 else "rgb")
            keys = {"range": self.range, "mean": self.mean, "std": self.std, "order": order}
            rule = Preprocessing.model_validate(keys)
        if rule.channels != channels:
            raise BadFile(
                f"the input tensor has {counted(channels, 'channel')}, but the rule "
                f"({rule.in_words()}) gives {rule.channels}; valid: order "
                + ("grey" if channels == 1 else "rgb or bgr")
                + " (models catalogue: input.order, input.preprocessing)"
            )
        for key, numbers in (("mean", rule.mean), ("std", rule.std)):
            if numbers is not None and len(numbers) != channels:
                raise BadFile(
                    f"{key} has {counted(len(numbers), 'number')}, but the input "
                    f"tensor has {counted(channels, 'channel')} (models catalogue: "
                    f"input.{key})"
                )
        return rule


class ModelEntry(Settings):
    """One network of the catalogue `config/models.yaml`: `id: {graph: ..., ...}`."""

    graph: Source = Field(
        description="Frozen graph (`.pb`), Keras file (`.keras`, `.h5`), ONNX file (`.onnx`) or "
        "SavedModel folder: a path, or `{path, sha256}`, or `{url, sha256, member}`.",
        examples=["networks/squeezenet.pb"],
    )
    input: InputSettings = Field(description=str(InputSettings.__doc__))
    feed: dict[str, FedValue] = Field(
        default_factory=dict,
        description="Values of other inputs by their names, without `:0`: a number, true or "
        "false, or a list of what one image has.",
        examples=[{"keep_prob": 1}],
    )
    signature: str | None = Field(
        default=None,
        description="Signature of a SavedModel. Default: `serving_default`, or the only one.",
        examples=["serving_default"],
        min_length=1,
    )
    output: str | None = Field(
        default=None,
        description="The output that holds the labels' values, where a `.keras` file or a "
        "SavedModel has several.",
        examples=["predictions"],
        min_length=1,
    )
    logits: str | None = Field(
        default=None,
        description="Tensor of the logits, before any softmax or sigmoid; of one behind it, the "
        "tensor before is taken. A layer's name in Keras does too. Optional but for `.pb`; the "
        "default is the output.",
        examples=["softmax2_pre_activation"],
        min_length=1,
    )
    head: Head | None = Field(
        default=None,
        description="What makes probabilities of the logits, for networks whose file ends with "
        "them: `softmax` of all (the default for two labels or more), `sigmoid` of each by itself, "
        "or `none`, for values that are no logits. What the file holds need not be given, and "
        "cannot be contradicted.",
        examples=["sigmoid"],
    )
    labels: Source = Field(
        description="Names of the logits in their order, one for each: a JSON list, or text with "
        "one name per line; given like `graph`.",
        examples=["networks/labels.json"],
    )
    skip_labels: Annotated[StrictInt, Field(ge=0, le=1_000_000)] = Field(
        default=0,
        description="Number of leading entries of the list that are not labels (dummy, "
        "background). A list with such entries may be shorter than the logits: the last ones have "
        "no label.",
        examples=[1],
    )

    @model_validator(mode="after")
    def _frozen_graphs_name_their_ends(self) -> ModelEntry:
        if self.graph.file_name.endswith(".pb") and not (self.input.tensor and self.logits):
            raise ValueError("a frozen graph (.pb) needs both input.tensor and logits")
        return self

    @model_validator(mode="after")
    def _keys_fit_the_kind_of_file(self) -> ModelEntry:
        name = self.graph.file_name
        keras, frozen = name.endswith((".keras", ".h5", ".hdf5")), name.endswith(".pb")
        if self.signature is not None and (keras or frozen):
            raise ValueError(f"signature is only for a SavedModel; '{name}' has none")
        if self.output is not None and frozen:
            raise ValueError("a frozen graph (.pb) names no outputs; give logits")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all keys, to check whether a card was made from them."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
