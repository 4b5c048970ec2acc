"""Errors in the configuration: collected, worded, reported together."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from blockscope.config.renamed import explain_old_key
from blockscope.config.settings import PATTERN_WORDS, Config
from blockscope.config.strict_yaml import misread
from blockscope.io.counts import counted
from blockscope.io.errors import BadConfig, describe_valid, nearest_names

Model = TypeVar("Model", bound=BaseModel)

EXPECTED = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
}
SHOWN = 60  # characters of a wrong value that are quoted


class ErrorList:
    """Errors, each with its place."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, place: str, text: str) -> None:
        """Add an error, unless the same one is already listed for this place."""
        problem = f"{place}: {text}"
        if problem not in self.texts:
            self.texts.append(problem)

    def parse(
        self, model: type[Model], content: Any, place: str, noun: str = "key"
    ) -> Model | None:
        """Parse settings from plain data; adds every error, and returns None if there is one."""
        try:
            return model.model_validate(content)
        except ValidationError as error:
            for detail in error.errors():
                key = ".".join(str(part) for part in detail["loc"])
                unknown = detail["type"] == "extra_forbidden"
                where = f"{place}, {noun} {key}" if key and not unknown else place
                self.add(where, explain(detail, model, noun))
            return None

    def raise_if_any(self) -> None:
        """Raise ``BadConfig`` with all errors, numbered in the order in which they were found."""
        if not self.texts:
            return
        count = counted(len(self.texts), "mistake")
        numbered = [f"{number:3d}. {text}" for number, text in enumerate(self.texts, start=1)]
        raise BadConfig("\n".join([f"{count} in the configuration; nothing was run.", *numbered]))


def explain(detail: ErrorDetails, model: type[BaseModel], noun: str) -> str:
    """Word one validation error: what is wrong, what was found, what is valid."""
    kind, location, found = detail["type"], detail["loc"], detail["input"]
    if kind == "extra_forbidden":
        return _unknown_key(location, model, noun)
    if kind == "missing":
        field = settings_at(model, location[:-1]).get(str(location[-1]))
        meaning = f". {field}" if field else ""
        return f"is missing{meaning}"
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    expected = EXPECTED.get(kind)
    if kind == "string_pattern_mismatch":
        expected = f"must be {PATTERN_WORDS[detail['ctx']['pattern']]}"
    if expected is None:
        first, _, rest = detail["msg"].partition(" should ")
        expected = f"must {rest}" if rest else first
    return f"{expected}, found {_shown(found)}{_hint(kind, found)}"


def _shown(found: Any) -> str:
    """Quote a wrong value, however large or deep it is."""
    short = reprlib.Repr()
    short.maxlevel, short.maxstring, short.maxother = 3, 10 * SHOWN, 10 * SHOWN
    try:
        text = short.repr(found)
    except ValueError:  # a number of more digits than Python prints
        text = f"a number of more than {sys.get_int_max_str_digits()} digits"
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def settings_at(model: type[BaseModel], location: tuple[int | str, ...]) -> Mapping[str, str]:
    """Return the valid keys at a place in the settings, with their descriptions."""
    for part in location:
        field = {f.alias or name: f for name, f in model.model_fields.items()}.get(str(part))
        if field is None:
            return {}
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not inner:
            return {}
        model = inner[0]
    return {f.alias or name: f.description or "" for name, f in model.model_fields.items()}


def _unknown_key(location: tuple[int | str, ...], model: type[BaseModel], noun: str) -> str:
    name = str(location[-1])
    valid = settings_at(model, location[:-1])
    section = ".".join(str(part) for part in location[:-1])
    old = explain_old_key(f"{section}.{name}" if section else name) if model is Config else ""
    if old:
        return old
    place = f" in {section}" if section else ""
    inner = [key for key in valid if name in settings_at(model, (*location[:-1], key))]
    if len(inner) == 1:
        right = f"{inner[0]}: {{{name}: ...}}"
        return f"unknown {noun} '{name}'{place}; it belongs into {inner[0]}, as in {right}"
    near = nearest_names(name, valid, most=1)
    guess = f"; did you mean {near[0]}?" if near else ""
    return f"unknown {noun} '{name}'{place}{guess} ({describe_valid(name, valid)})"


def _hint(kind: str, found: Any) -> str:
    if kind == "string_type" and isinstance(found, bool):
        return " (YAML reads yes, no, on and off so; write text in quotes)"
    if kind == "string_type" and isinstance(found, int | float):
        return " (a number; write text in quotes)"
    if kind not in {"int_type", "float_type"} or not isinstance(found, str):
        return ""
    if misread(found):
        return f" ({misread(found)})"
    try:
        float(found)
    except ValueError:
        return ""
    return " (text; write it without quotes, and an exponent with a decimal point, as in 1.0e-3)"
