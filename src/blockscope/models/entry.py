"""One network of the catalogue: its files and how to feed it.

Apart from the other settings, so that a change of those does not repeat the stage "model".
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    StrictInt,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

SHA256_PATTERN = r"^[0-9a-fA-F]{64}$"
URL_PATTERN = r"^https?://[^\x00-\x20]+$"

Number = Annotated[float, Strict()]
PixelValue = Annotated[float, Strict(), Field(ge=-1e6, le=1e6)]
ImageSide = Annotated[StrictInt, Field(ge=1, le=8192)]
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]


class Settings(BaseModel):
    """Base of all settings: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Source(Settings):
    """A file: its path, or its URL with its checksum."""

    path: str | None = Field(
        default=None,
        description="File on this machine (for a SavedModel its folder).",
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
    range: tuple[PixelValue, PixelValue] = Field(
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
        description="Frozen graph (`.pb`), Keras file (`.keras`, `.h5`), ONNX file (`.onnx`) or "
        "SavedModel folder: a path, or `{path, sha256}`, or `{url, sha256, member}`.",
        examples=["networks/squeezenet.pb"],
    )
    input: InputSettings = Field(description=str(InputSettings.__doc__))
    logits: str | None = Field(
        default=None,
        description="Tensor of the logits, before any softmax. Optional but for `.pb`; the "
        "default is the input of the last softmax.",
        examples=["softmax2_pre_activation"],
        min_length=1,
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

    @property
    def digest(self) -> str:
        """SHA-256 of all keys, to check whether a card was made from them."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
