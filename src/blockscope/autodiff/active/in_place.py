"""Convolutions that spare copies of tangents: those before them, of poolings, and those after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from blockscope.autodiff.active.links import ConvolvedLinks, MovedLinks
from blockscope.autodiff.active.steps import Place, Step


def in_place(steps: Sequence[Step], kept: Collection[str]) -> list[Step]:
    """Return the steps without copies of what nothing else reads.

    What a concatenation copies is written where it wants it, and what a max pooling copies is read
    where it comes from.

    Parameters
    ----------
    steps
        In order.
    kept
        Names of the tensors that are wanted of them, and stay as they are.

    Returns
    -------
    steps
        That make what is kept, in order.
    """
    written = list(steps)
    for whole in [step.makes[0] for step in steps]:
        if whole in _makers(written):
            written = _written_in_place(written, whole, kept)
    return _read_in_place(written, kept)


def _written_in_place(steps: list[Step], whole: str, kept: Collection[str]) -> list[Step]:
    """Return the steps without copies into one tensor."""
    readers, maker = _readers(steps, kept), _makers(steps)
    joined = maker[whole]
    if not isinstance(joined.links, MovedLinks) or not joined.links.joins:
        return steps
    length, copied, places, passed = len(joined.links), [], {}, set[str]()
    for number, name in enumerate(joined.reads):
        found, rows = _origin(name, maker, readers), None
        if found is not None:
            origin, links, names = found
            rows = joined.links.place(number, links.goals[maker[origin].makes.index(origin)])
        if rows is None:
            copied.append(number)
        else:
            places[origin] = Place(whole, length, rows)
            passed |= names
    left = []
    for step in steps:
        if step is joined:
            reads = [step.reads[number] for number in copied]
            into = {whole: Place(whole, length)} if places else {}
            if copied:
                left.append(Step([whole], reads, joined.links.some(copied), into))
        elif step.makes[0] not in passed:
            into = {name: places[name] for name in step.makes if name in places}
            left.append(step._replace(into={**step.into, **into}))
    return left


def _origin(
    name: str, maker: dict[str, Step], readers: Counter[str]
) -> tuple[str, ConvolvedLinks, set[str]] | None:
    """Return the convolved tensor that others only pass on under a name, and the names of those.

    None where there is none, or where anything else reads one of them.
    """
    origin, passed = name, set[str]()
    while readers[origin] == 1 and origin in maker:
        links = maker[origin].links
        if isinstance(links, ConvolvedLinks):
            return origin, links, passed
        if not links.passes:
            break
        passed.add(origin)
        (origin,) = maker[origin].reads
    return None


def _read_in_place(steps: list[Step], kept: Collection[str]) -> list[Step]:
    """Return the steps without copies that one convolution alone reads."""
    readers, maker = _readers(steps, kept), _makers(steps)
    found, spared = [], set[str]()
    for step in steps:
        name = step.reads[0]
        moved = maker[name].links if name in maker and not maker[name].into else None
        links = None
        if readers[name] == 1 and isinstance(step.links, ConvolvedLinks):
            links = step.links.of_copies(moved) if isinstance(moved, MovedLinks) else None
        if links is None:
            found.append(step)
        else:
            spared.add(name)
            found.append(step._replace(reads=maker[name].reads, links=links))
    return [step for step in found if step.makes[0] not in spared]


def _readers(steps: Sequence[Step], kept: Collection[str]) -> Counter[str]:
    return Counter([*(name for step in steps for name in step.reads), *kept])


def _makers(steps: Sequence[Step]) -> dict[str, Step]:
    return {name: step for step in steps for name in step.makes}
