"""The pass over the images of a data set: read, responded to and counted, all at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from blockscope.exemplars.damaged import check_damaged
from blockscope.exemplars.responses import BatchResponses, Responses
from blockscope.exemplars.statistics import Arrays, LayerStatistics, at_place, with_place
from blockscope.io.errors import BadFile, BlockscopeError
from blockscope.io.images import Pixels

BLOCK: Final = 256  # images whose sums are rounded together: a multiple of every size of batches
AHEAD: Final = 3  # batches that are read before they are needed
BEHIND: Final = 2  # batches that may wait to be counted

CHECK: Final = "check the model's weights and input range (models catalogue)"

Read = Callable[[int], Pixels]


def part_of(images: int, part: int, parts: int) -> range:
    """Return the images of one of several parts: whole blocks, as many in each as possible."""
    blocks = -(-images // BLOCK)
    first, last = (blocks * number // parts for number in (part, part + 1))
    return range(min(first * BLOCK, images), min(last * BLOCK, images))


@dataclass
class Sweep:
    """What is known after some of the images of a part.

    Attributes
    ----------
    statistics
        By the names of the probes.
    next
        The first image that is not in it.
    predicted
        The logits predicted of the images so far, -1 for those that cannot be read.
    damaged
        Those: their numbers, and what is wrong with them.
    """

    statistics: Mapping[str, LayerStatistics]
    next: int
    predicted: list[int] = field(default_factory=list)
    damaged: dict[int, str] = field(default_factory=dict)

    def to_arrays(self) -> Arrays:
        """Return all that is needed to go on, by name."""
        arrays: Arrays = {
            "next": np.array(self.next, np.int64),
            "predicted": np.array(self.predicted, np.int32),
            "damaged": np.array(list(self.damaged), np.int64),
            "reason": np.array(list(self.damaged.values()), np.str_),
        }
        for place, statistics in enumerate(self.statistics.values()):
            arrays |= with_place(place, statistics.to_arrays())
        return arrays

    def take(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Set what ``to_arrays`` has returned."""
        self.next = int(arrays["next"])
        self.predicted = np.asarray(arrays["predicted"]).tolist()
        reasons = np.asarray(arrays["reason"]).tolist()
        self.damaged = dict(zip(np.asarray(arrays["damaged"]).tolist(), reasons, strict=True))
        for place, statistics in enumerate(self.statistics.values()):
            statistics.take(at_place(place, arrays))


def sweep(
    responses: Responses,
    state: Sweep,
    stop: int,
    read: Read,
    *,
    readers: int = 1,
    most: int = 0,
    settled: Callable[[], None] = lambda: None,
    progress: bool = False,
) -> None:
    """Take the images from ``state.next`` to ``stop`` into a state.

    Reading, the network and the counting of earlier batches overlap. Batches and blocks begin at
    fixed numbers, so that no division of the images changes a bit. Memory does not depend on the
    number of images, but for four bytes of each.

    Parameters
    ----------
    responses
        The network.
    state
        What is known so far, at the beginning of a block; changed.
    stop
        The image behind the last one; the end of a block, or of the data set.
    read
        Returns an image as the network sees it; raises ``BadFile`` where it cannot be read.
        Called by several threads.
    readers
        How many.
    most
        How many images may be unreadable before ``BadFile`` is raised.
    settled
        Called after every block, when ``state`` may be kept.
    progress
        Whether to show a progress bar.
    """
    batches = [
        range(first, min(first + responses.batch, stop))
        for first in range(state.next, stop, responses.batch)
    ]
    with (
        ThreadPoolExecutor(readers) as pool,
        ThreadPoolExecutor(1) as counter,
        tqdm(total=stop - state.next, desc="images", unit="image", disable=not progress) as bar,
    ):
        waiting: deque[Future[None]] = deque()
        for batch, found in _read_ahead(pool, read, batches):
            damaged = {n: words for n, words in zip(batch, found, strict=True) if _is_text(words)}
            state.damaged |= damaged  # type: ignore[arg-type]
            check_damaged(state.damaged, most)
            valid = np.array([number not in damaged for number in batch])
            pixels = _filled(found, responses.network.spec.size)
            responded = responses.of(pixels, valid)
            numbers = np.array(batch, np.int64)
            waiting.append(counter.submit(_count, state, numbers, valid, responded))
            at_end = batch.stop % BLOCK == 0 or batch.stop == stop
            while len(waiting) > (0 if at_end else BEHIND):
                waiting.popleft().result()
            if at_end:
                _settle(state)
                state.next = batch.stop
                settled()
            bar.update(len(batch))


def _read_ahead(
    pool: ThreadPoolExecutor, read: Read, batches: Sequence[range]
) -> Iterator[tuple[range, list[Pixels | str]]]:
    """Yield each batch with its images, or what is wrong with them; later ones are being read."""

    def attempt(number: int) -> Pixels | str:
        try:
            return read(number)
        except BlockscopeError as error:
            return str(error)

    left = iter(batches)
    ahead: deque[tuple[range, list[Future[Pixels | str]]]] = deque()
    try:
        while True:
            while len(ahead) < AHEAD and (batch := next(left, None)) is not None:
                ahead.append((batch, [pool.submit(attempt, number) for number in batch]))
            if not ahead:
                return
            batch, futures = ahead.popleft()
            yield batch, [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def _is_text(found: Pixels | str) -> bool:
    return isinstance(found, str)


def _filled(found: Sequence[Pixels | str], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return images as one array; black ones for those that cannot be read."""
    black = np.zeros((*size, 3), np.uint8)
    return np.stack([black if isinstance(one, str) else one for one in found])


def _count(
    state: Sweep,
    numbers: npt.NDArray[np.int64],
    valid: npt.NDArray[np.bool_],
    responded: BatchResponses,
) -> None:
    predicted = np.where(valid, responded.predicted, -1)
    state.predicted += predicted.tolist()
    kept: slice | npt.NDArray[np.bool_] = slice(None) if valid.all() else valid
    for name, response in responded.activations.items():
        _check_finite(f"{name} is", numbers[kept], _not_finite(response.sums[kept]))
        state.statistics[name].add_activations(
            numbers[kept],
            response.values[kept],
            response.highest[kept],
            response.sums[kept],
            response.moments,
        )
        state.statistics[name].add_labels(predicted[kept])
    _check_finite("the logits are", numbers, valid & ~responded.finite)
    for name, response in responded.relevance.items():
        wrong = _not_finite(response.sums[kept])
        _check_finite(f"relevance of {name} is", numbers[kept], wrong)
        state.statistics[name].add_relevance(
            numbers[kept],
            predicted[kept],
            response.values[kept],
            response.highest[kept],
            response.sums[kept],
        )


def _not_finite(sums: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    return np.logical_not(np.isfinite(sums).all(axis=1))


def _settle(state: Sweep) -> None:
    for name, statistics in state.statistics.items():
        try:
            statistics.settle()
        except OverflowError as error:
            raise BadFile(f"{name}: {error}; {CHECK}") from error


def _check_finite(what: str, numbers: npt.NDArray[np.int64], wrong: npt.NDArray[np.bool_]) -> None:
    if wrong.any():
        raise BadFile(f"{what} not finite for image {numbers[wrong][0]} of the data set; {CHECK}")
