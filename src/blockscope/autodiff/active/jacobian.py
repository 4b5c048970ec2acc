"""Products with a Jacobian that follow only the units that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from blockscope.autodiff.active.in_place import in_place
from blockscope.autodiff.active.links import ConvolvedLinks, MovedLinks
from blockscope.autodiff.active.owned import dense
from blockscope.autodiff.active.rules import Convolved, Rule, rule_of
from blockscope.autodiff.active.steps import Step, follow, threads, units_at_peak
from blockscope.autodiff.active.support import Support, find_supports
from blockscope.autodiff.linear_map import LinearMap, Ops
from blockscope.autodiff.windows import cells_of

Array = npt.NDArray[Any]

# BLAS takes other ways for fewer entries, whose last bits differ: products have at least so many.
# Of large products, a batch of another length may still differ in last bits.
FEWEST_ENTRIES = 16


class ActiveJacobian:
    """The last part of a ``LinearMap``, from whole tangents of some tensors on.

    Operations without a rule, and what follows them, are left to the ``LinearMap``.

    Attributes
    ----------
    ops
        The operations that are followed.
    starts
        Names of the tensors whose tangents are given: all that move and that ``ops`` read and do
        not make.
    ends
        Names of the last tensors that are followed here.
    supports
        The units that count of each tensor.
    steps
        From the starts to the ends, in order.
    """

    ops: Ops
    starts: list[str]
    ends: list[str]
    supports: dict[str, Support]
    steps: list[Step]

    def __init__(self, linear: LinearMap, ops: Ops) -> None:
        """Find the units that count.

        Parameters
        ----------
        linear
            The network, linearised. Its tangents are those of the layer's activations, so that
            units of the layer that are zero do not count.
        ops
            Operations of the ``LinearMap``, in order, and all that follow on them.
        """
        self._linear, self.ops = linear, ops
        made = {name for name, _, _ in ops}
        read = {edges[number] for _, edges, op in ops for number in op.point.moving}
        self.starts = sorted((read | {linear.target}) - made)
        rules, known = {}, set(self.starts)
        for name, edges, op in ops:
            if all(edges[number] in known for number in op.point.moving):
                rule = rule_of(op)
                if rule is not None:
                    rules[name] = rule
                    known.add(name)
        self._rest = [one for one in ops if one[0] not in rules]
        read_later = {edge for _, edges, _ in self._rest for edge in edges}
        self.ends = sorted((read_later | {linear.target}) & known)
        values = {linear.layer: linear.value} | {n: op.point.output for n, _, op in linear.ops}
        self._shapes = {name: values[name].shape for name in known}
        self.supports = self._find_supports(rules, values)
        self.steps = self._linked([(n, edges, rules[n]) for n, edges, _ in ops if n in rules])
        self._in_place = in_place(self.steps, self.ends)

    def _find_supports(
        self, rules: Mapping[str, Rule], values: Mapping[str, tf.Tensor]
    ) -> dict[str, Support]:
        linear = self._linear
        # What tangents reach is followed from the layer on, through operations before the starts.
        before = {n: rule_of(op) for n, _, op in linear.ops if n not in rules}
        ops = [(n, edges, rules.get(n, before.get(n))) for n, edges, _ in linear.ops]
        shapes = {name: _units(value) for name, value in values.items()}
        reached = {linear.layer: np.asarray(linear.value).reshape(shapes[linear.layer]) != 0}
        return find_supports(shapes, ops, reached, self.ends)

    def _linked(self, ops: Sequence[tuple[str, list[str], Rule]]) -> list[Step]:
        """Return steps in order; convolutions that read the same are one, in the first's place."""
        steps, joined = [], set()
        for number, (name, edges, rule) in enumerate(ops):
            if name in joined:
                continue
            if isinstance(rule, Convolved):
                alike = [(n, r) for n, e, r in ops[number:] if e[0] == edges[0]
                         and isinstance(r, Convolved) and r.reads_like(rule)]  # fmt: skip
                names = [n for n, _ in alike]
                joined |= set(names)
                goals = [self.supports[n] for n in names]
                links = ConvolvedLinks([r for _, r in alike], self.supports[edges[0]], goals)
                steps.append(Step(names, [edges[0]], links))
            else:
                parts = [(moved, self.supports[edges[moved.number]]) for moved in rule]
                moving = [edges[moved.number] for moved in rule]
                steps.append(Step([name], moving, MovedLinks(parts, self.supports[name])))
        return steps

    def push(self, tangents: Mapping[str, Array]) -> tf.Tensor:
        """Return the target's tangents, (entry, ...), from those of the starts.

        These are (unit, entry), of the units in ``units``.
        """
        entries = next(iter(tangents.values())).shape[1]
        more = [(0, 0), (0, max(FEWEST_ENTRIES - entries, 0))]
        live = {name: np.pad(values, more) if more[1][1] else values
                for name, values in tangents.items()}  # fmt: skip
        with threads() as pool:
            found = follow(self._in_place, live, self.ends, pool)
        return self.finish({end: dense(found[end])[:, :entries] for end in self.ends})

    def finish(self, tangents: Mapping[str, Array]) -> tf.Tensor:
        """Return the target's tangents, (entry, ...), from those of the ends, (unit, entry)."""
        whole = {end: self._whole(end, tangents[end]) for end in self.ends}
        return self._linear.jvp_from(whole, self._rest)

    def units(self, name: str) -> npt.NDArray[np.intp]:
        """Return the units of a start that count, (unit): position * channels + channel."""
        return self.supports[name].units

    def taken(self, name: str, tangents: tf.Tensor) -> Array:
        """Return the units that count, (unit, entry), of tangents on whole maps (entry, ...)."""
        flat = tf.reshape(tangents, [tf.shape(tangents)[0], -1])
        found: Array = tf.transpose(tf.gather(flat, self.units(name), axis=1)).numpy()
        return found

    def _whole(self, name: str, values: Array) -> tf.Tensor:
        """Return tangents on whole maps, (entry, ...)."""
        shape = self._shapes[name]
        flat = tf.scatter_nd(
            self.units(name)[:, None], tf.constant(values), [shape.num_elements(), values.shape[1]]
        )
        return tf.reshape(tf.transpose(flat), [values.shape[1], *shape[1:]])

    @property
    def multiplications(self) -> int:
        """Those of a tangent up to the ends."""
        return sum(links.multiplications for links in self._convolutions)

    @property
    def multiplications_left(self) -> int:
        """Those of a tangent after the ends."""
        return sum(op.cost(cells_of(op.point.inputs[0])) for _, _, op in self._rest)

    @property
    def positions(self) -> int:
        """Those of all convolutions up to the ends."""
        return sum(links.positions for links in self._convolutions)

    @property
    def _convolutions(self) -> list[ConvolvedLinks]:
        return [s.links for s in self.steps if isinstance(s.links, ConvolvedLinks)]

    @property
    def leads_to_target(self) -> bool:
        """Whether nothing is left after the ends."""
        return self.ends == [self._linear.target] and not self._rest

    @property
    def units_after(self) -> int:
        """How many numbers a tangent has on the whole maps of the ends."""
        return sum(self._shapes[end].num_elements() for end in self.ends)

    def bytes_per_tangent(self) -> int:
        """Return the bytes that an entry holds at its peak, on the way to the ends."""
        peak = units_at_peak(self._in_place, self.supports, self.starts, self.ends)
        return (peak + self.units_after) * self._linear.value.dtype.size


def _units(value: tf.Tensor) -> tuple[int, int]:
    """Return how many positions and channels a value of one image has."""
    channels = int(value.shape[-1]) if value.shape.rank else 1
    return int(value.shape.num_elements()) // max(channels, 1), channels
