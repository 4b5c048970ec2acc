"""One ONNX node as a rule reads it: every attribute and input that it has must be asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from blockscope.io.counts import counted
from blockscope.io.errors import BadFile
from blockscope.models.onnx_reader.tensor import Constant, Tensor

if TYPE_CHECKING:
    import onnx


class Node:
    """A node with the values of its inputs.

    Attributes
    ----------
    op
        Its operation.
    opset
        The version of ONNX's operations that it means.
    inputs
        Tensors that depend on the image, constants, and None for inputs left out at the end or
        between others.
    outputs
        How many outputs are read.
    """

    op: str
    opset: int
    inputs: list[Tensor | Constant | None]
    outputs: int

    def __init__(
        self,
        proto: onnx.NodeProto,
        inputs: Sequence[Tensor | Constant | None],
        opset: int,
        outputs: int,
    ) -> None:
        """Read the attributes."""
        from onnx import helper

        self.op = proto.op_type
        self.opset = opset
        self.inputs = list(inputs)
        self.outputs = outputs
        self._attributes = {a.name: helper.get_attribute_value(a) for a in proto.attribute}
        self._asked: set[str] = set()
        self._taken: set[int] = set()

    def attribute(
        self, name: str, default: Any = None, valid: Collection[Any] | None = None
    ) -> Any:
        """Return an attribute, or ``default`` where it is left out.

        Raises ``BadFile`` where its value is not one of ``valid``.
        """
        self._asked.add(name)
        found = self._attributes.get(name, default)
        if isinstance(found, bytes):
            found = found.decode("utf-8", "replace")
        if valid is not None and found not in valid:
            raise BadFile(f"attribute {name} is {found!r}; valid: {', '.join(map(repr, valid))}")
        return found

    def ignore(self, *names: str) -> None:
        """Note attributes that do not change the values."""
        self._asked.update(names)

    def given(self, number: int) -> bool:
        """Return whether an input is there."""
        return number < len(self.inputs) and self.inputs[number] is not None

    def operand(self, number: int) -> Tensor | Constant:
        """Return an input of either kind."""
        self._taken.add(number)
        found = self.inputs[number] if self.given(number) else None
        if found is None:
            raise BadFile(f"input {number + 1} is missing")
        if not isinstance(found, Tensor) and not (
            found.dtype == np.float32 or found.dtype.kind in "iub"
        ):
            raise BadFile(
                f"input {number + 1} holds {found.dtype}; only float32 networks are supported: "
                "export it in float32, as by model.float()"
            )
        return found

    def tensor(self, number: int = 0) -> Tensor:
        """Return an input that depends on the image."""
        found = self.operand(number)
        if not isinstance(found, Tensor):
            raise BadFile(
                f"input {number + 1} is a constant; only one that depends on the image is supported"
            )
        return found

    def constant(self, number: int) -> Constant | None:
        """Return an input that does not depend on the image; None where it is left out."""
        if not self.given(number):
            self._taken.add(number)
            return None
        found = self.operand(number)
        if isinstance(found, Tensor):
            raise BadFile(f"input {number + 1} depends on the image; only a constant is supported")
        return found

    def needed_constant(self, number: int) -> Constant:
        """Return an input that does not depend on the image."""
        found = self.constant(number)
        if found is None:
            raise BadFile(f"input {number + 1} is missing")
        return found

    def integers(self, number: int, name: str, since: int) -> list[int] | None:
        """Return integers that are an input from opset ``since`` on, an attribute before."""
        if self.opset < since:
            found = self.attribute(name)
            return None if found is None else list(found)
        constant = self.constant(number)
        return None if constant is None else [int(i) for i in constant.reshape(-1)]

    def check_all_read(self) -> None:
        """Raise ``BadFile`` for an attribute or input that the rule does not know."""
        unknown = sorted(set(self._attributes) - self._asked)
        if unknown:
            raise BadFile(
                f"attribute {unknown[0]} ({self._attributes[unknown[0]]!r}) is not supported"
            )
        left = [i for i, value in enumerate(self.inputs) if value is not None]
        more = [i + 1 for i in left if i not in self._taken]
        if more:
            raise BadFile(f"input {more[0]} is not supported")


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from the front; raises ``BadFile`` where there is none."""
    if not -rank <= axis < rank:
        axes = counted(rank, "axis", plural="axes")
        raise BadFile(f"axis {axis} of a tensor with {axes}; valid: {-rank} to {rank - 1}")
    return axis % rank
