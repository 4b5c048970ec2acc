"""Products with a Jacobian that follow only the units that count."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from threadpoolctl import threadpool_limits

from blockscope.autodiff.active.links import ConvolvedLinks, Links, MovedLinks
from blockscope.autodiff.active.rules import Convolved, Rule, rule_of
from blockscope.autodiff.active.support import Support, find_supports
from blockscope.autodiff.linear_map import LinearMap, Ops
from blockscope.autodiff.windows import cells_of

Array = npt.NDArray[Any]

# BLAS takes other ways for fewer entries, whose last bits differ: products have at least so many,
# so that batches of any length give the same.
FEWEST_ENTRIES = 16


class _Step(NamedTuple):
    """Tensors that are made, those that are read, and how they follow."""

    makes: list[str]
    reads: list[str]
    links: Links


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
    """

    ops: Ops
    starts: list[str]
    ends: list[str]

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
        self._supports = self._find_supports(rules, values)
        self._steps = self._linked([(n, edges, rules[n]) for n, edges, _ in ops if n in rules])

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

    def _linked(self, ops: Sequence[tuple[str, list[str], Rule]]) -> list[_Step]:
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
                goals = [self._supports[n] for n in names]
                links = ConvolvedLinks([r for _, r in alike], self._supports[edges[0]], goals)
                steps.append(_Step(names, [edges[0]], links))
            else:
                parts = [(moved, self._supports[edges[moved.number]]) for moved in rule]
                moving = [edges[moved.number] for moved in rule]
                steps.append(_Step([name], moving, MovedLinks(parts, self._supports[name])))
        return steps

    def push(self, tangents: Mapping[str, Array]) -> tf.Tensor:
        """Return the target's tangents, (entry, ...), from those of the starts.

        These are (unit, entry), of the units in ``units``.
        """
        entries = next(iter(tangents.values())).shape[1]
        more = [(0, 0), (0, max(FEWEST_ENTRIES - entries, 0))]
        live = {name: np.pad(values, more) if more[1][1] else values
                for name, values in tangents.items()}  # fmt: skip
        last = self._last_reads()
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(_threads()) as pool:
            for number, (names, edges, links) in enumerate(self._steps):
                found = links.apply([live[edge] for edge in edges], pool)
                live |= dict(zip(names, found, strict=True))
                for edge in set(edges):
                    if last[edge] == number and edge not in self.ends:
                        del live[edge]
        whole = {end: self._whole(end, live[end][:, :entries]) for end in self.ends}
        return self._linear.jvp_from(whole, self._rest)

    def units(self, name: str) -> npt.NDArray[np.intp]:
        """Return the units of a start that count, (unit): position * channels + channel."""
        return self._supports[name].units

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

    def _last_reads(self) -> dict[str, int]:
        return {edge: number for number, step in enumerate(self._steps) for edge in step.reads}

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
        return [s.links for s in self._steps if isinstance(s.links, ConvolvedLinks)]

    def bytes_per_tangent(self) -> int:
        """Return the bytes that an entry holds at its peak, on the way to the ends."""
        last = self._last_reads()
        size = {name: len(one.units) for name, one in self._supports.items()}
        alive = peak = sum(size[name] for name in self.starts)
        for number, (names, edges, _) in enumerate(self._steps):
            alive += sum(size[name] for name in names)
            peak = max(peak, alive)
            alive -= sum(size[e] for e in set(edges) if last[e] == number and e not in self.ends)
        whole = sum(self._shapes[end].num_elements() for end in self.ends)
        return (peak + whole) * self._linear.value.dtype.size


def _units(value: tf.Tensor) -> tuple[int, int]:
    """Return how many positions and channels a value of one image has."""
    channels = int(value.shape[-1]) if value.shape.rank else 1
    return int(value.shape.num_elements()) // max(channels, 1), channels


def _threads() -> int:
    """Return how many threads to take: as many as libraries may, where that is one number."""
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return int(allowed) if allowed.isdecimal() and int(allowed) else os.cpu_count() or 1
