"""Compare published numbers with what is computed here: ``python -m studies.reproduce``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from blockscope.config.tables import read_catalogue
from blockscope.io.errors import BlockscopeError, unknown_name
from blockscope.models.entry import ModelEntry
from studies.reproduce.comparison import (
    NOT_ALL_COMPARED,
    compare_all,
    exit_status,
    summary,
    table,
    title,
    tolerances,
)
from studies.reproduce.coverage import coverage
from studies.reproduce.images import FOLDER, NotebookImage, image_paths, read_images
from studies.reproduce.published import LABELS, NUMBERS
from studies.reproduce.quantities import Array, Published, Question


def main(arguments: Sequence[str] | None = None, numbers: Sequence[Published] = NUMBERS) -> int:
    """Print the comparison; return 0 if all numbers agree, 1 if one is off, else 2.

    2 means that not all were compared: an image is missing without ``--allow-missing``, or the
    network or a file cannot be read.
    """
    options = _options(arguments)
    try:
        return _run(options, numbers)
    except BlockscopeError as error:
        print(f"reproduce: {error}", file=sys.stderr)
    except OSError as error:
        place = f": '{error.filename}'" if error.filename else ""
        print(f"reproduce: {error.strerror or error}{place}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return NOT_ALL_COMPARED


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m studies.reproduce",
        description="Compute the article's examples and compare them with the published numbers. "
        "Exit status: 0 all agree, 1 some are off, 2 not all could be compared.",
    )
    parser.add_argument("--images", type=Path, metavar="FOLDER", help=f"default: ${FOLDER}, or "
                        "the paths in config/inceptionv1/images.tsv")  # fmt: skip
    parser.add_argument("--allow-missing", action="store_true", help="images may be missing")
    parser.add_argument("--catalogue", type=Path, default=Path("config/models.yaml"))
    parser.add_argument("--graph", type=Path, metavar="FILE", help="your own copy of the network")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="its labels")
    options = parser.parse_args(arguments)
    if (options.graph is None) != (options.labels is None):
        parser.error("--graph and --labels go together")
    return options


def _run(options: argparse.Namespace, numbers: Sequence[Published]) -> int:
    print(f"{coverage(numbers)}\n", flush=True)
    entry = _entry(options)
    names = dict.fromkeys(number.question.image for number in numbers)
    images = read_images(image_paths(names, options.images), entry.input.size)
    for name, image in images.items():
        print(f"{name}: {image.note}" if image.pixels is None
              else f"{name}: {image.path}, {image.note}")  # fmt: skip
    sys.stdout.flush()
    found = _compute(entry, images, numbers)
    missing = {name: image.note for name, image in images.items()}
    rows = compare_all(numbers, found, missing)
    print(f"\n{table(rows)}\n\n{tolerances(numbers)}\n\n{summary(rows, options.allow_missing)}")
    return exit_status(rows, options.allow_missing)


def _entry(options: argparse.Namespace) -> ModelEntry:
    from studies.reproduce.networks import MODEL, own_copy

    catalogue = read_catalogue(options.catalogue)
    if MODEL not in catalogue:
        raise unknown_name("model", MODEL, catalogue, str(options.catalogue))
    entry = catalogue[MODEL]
    return own_copy(entry, options.graph, options.labels) if options.graph else entry


def _compute(
    entry: ModelEntry, images: dict[str, NotebookImage], numbers: Sequence[Published]
) -> dict[Question, Array]:
    from studies.reproduce.computed import Subject, compute
    from studies.reproduce.networks import check_labels, describe_network, open_network

    network, card = open_network(entry)
    print(describe_network(card), flush=True)
    check_labels(card.label_table, LABELS, f"of {entry.labels.file_name}")
    questions = dict.fromkeys(number.question for number in numbers)
    found = {}
    bar = tqdm([q for q in questions if images[q.image].pixels is not None], unit="array")
    for question in bar:
        bar.set_description(title(question)[:50])
        pixels = images[question.image].pixels
        if pixels is not None:
            found[question] = compute(question, Subject(network, card, pixels))
    return found


if __name__ == "__main__":
    sys.exit(main())
