"""The command line: ``python -m blockscope COMMAND``."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import blockscope
from blockscope.io.errors import BlockscopeError, unknown_name

if TYPE_CHECKING:
    from blockscope.config.project import Project
    from blockscope.models.entry import ModelEntry


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; an error meant for the user is printed without a traceback."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except BlockscopeError as error:
        print(f"blockscope: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing to say at exit
    except OSError as error:
        place = f": '{error.filename}'" if error.filename else ""
        print(f"blockscope: {error.strerror or error}{place}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="blockscope", description=blockscope.__doc__)
    parser.add_argument("--version", action="version", version=blockscope.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    show = commands.add_parser("show", help="print the content and provenance of result files")
    show.add_argument("files", nargs="+", type=Path, metavar="FILE")
    show.add_argument(
        "--config",
        type=Path,
        metavar="FOLDER",
        help="write a config that makes exactly this file again, into a new folder, and print the "
        "command",
    )
    show.set_defaults(run=_show)

    layers = commands.add_parser(
        "layers", help="print what a network takes and gives, and its layers, before any run"
    )
    layers.add_argument("--catalogue", type=Path, default=Path("config/models.yaml"))
    layers.add_argument("model", nargs="+", metavar="MODEL")
    layers.set_defaults(run=_layers)

    card = commands.add_parser("card", help="write the cards of models: layers, shapes, labels")
    card.add_argument("--catalogue", required=True, type=Path, help="models catalogue (YAML)")
    card.add_argument("--model", required=True, action="append", help="id; may be repeated")
    card.add_argument("--output-folder", required=True, type=Path, help="folder for {model}.json")
    card.set_defaults(run=_card)

    fetch = commands.add_parser(
        "fetch", help="download the files of models, to use them without network access"
    )
    fetch.add_argument("--catalogue", type=Path, default=Path("config/models.yaml"))
    fetch.add_argument("--folder", type=Path, help="default: where the workflow looks for them")
    fetch.add_argument(
        "--download-mb",
        type=_positive,
        help="largest size of a file in MB (default: 2048, as in the config)",
    )
    fetch.add_argument("model", nargs="+", metavar="MODEL")
    fetch.set_defaults(run=_fetch)

    plan = commands.add_parser(
        "plan", help="print what is still to do: jobs, hours of processors and GPUs, disk"
    )
    plan.add_argument("--configfile", type=Path, help="settings (default: config/config.yaml)")
    plan.add_argument(
        "-s", "--snakefile", type=Path, help="of the workflow (default: that of this folder)"
    )
    plan.add_argument("target", nargs="*", metavar="TARGET", help="files (default: all figures)")
    plan.set_defaults(run=_plan)

    measure = commands.add_parser(
        "measure", help="time a short render and extrapolate to whole layers"
    )
    measure.add_argument("--configfile", type=Path, help="settings (default: config/config.yaml)")
    measure.add_argument("--recipe", help="default: that of the config, else draft")
    measure.add_argument("--steps", type=_positive, default=20, help="steps timed (default: 20)")
    measure.add_argument("model", metavar="MODEL")
    measure.add_argument("layers", nargs="+", metavar="LAYER")
    measure.set_defaults(run=_measure)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, found {number}")
    return number


def _show(options: argparse.Namespace) -> None:
    from blockscope.stages.result_files import describe

    if options.config is not None:
        from blockscope.config.rebuilt import write_config

        if len(options.files) != 1:
            raise BlockscopeError(
                f"--config is for one file, found {len(options.files)}; give one at a time"
            )
        print(write_config(options.files[0], options.config))
        return
    errors = []
    for number, path in enumerate(options.files):
        try:
            text = describe(path)
        except BlockscopeError as error:
            errors.append(str(error))
        else:
            print(f"\n{text}" if number else text)
    if errors:
        raise BlockscopeError("\n".join(errors))


def _layers(options: argparse.Namespace) -> None:
    import tempfile

    from blockscope.models.card import ModelCard
    from blockscope.stages.result_files import describe_card

    with tempfile.TemporaryDirectory(prefix="blockscope-") as folder:
        _write_cards(options.catalogue, options.model, Path(folder))
        for number, name in enumerate(options.model):
            lines = describe_card(ModelCard.read(Path(folder) / f"{name}.json"))
            print(f"\n{name}" if number else name, *lines, sep="\n")


def _card(options: argparse.Namespace) -> None:
    _write_cards(options.catalogue, options.model, options.output_folder)


def _write_cards(source: Path, names: Sequence[str], folder: Path) -> None:
    """Write the card of each model of a catalogue; raise what is wrong with any at the end."""
    import tempfile

    from blockscope.config.tables import read_catalogue

    if not source.exists():
        raise BlockscopeError(
            f"'{source}' does not exist (looked in {Path.cwd()}); name your catalogue of networks "
            "by --catalogue FILE"
        )
    catalogue = read_catalogue(source)
    errors = []
    with tempfile.TemporaryDirectory(prefix="blockscope-") as scratch:
        for name in names:
            try:
                _write_card(_entry(catalogue, name, source), catalogue, name, folder, Path(scratch))
            except BlockscopeError as error:
                prefix = f"model '{name}'"
                told = str(error)
                errors.append(told if told.startswith(prefix) else f"{prefix}: {told}")
            except Exception as error:  # noqa: BLE001 - the other networks have their cards
                traceback.print_exc()
                errors.append(f"model '{name}': {type(error).__name__}: {error}")
    if errors:
        raise BlockscopeError("\n".join(errors))


def _write_card(
    entry: ModelEntry,
    catalogue: Mapping[str, ModelEntry],
    name: str,
    folder: Path,
    scratch: Path,
) -> None:
    """Write the card of a model into ``folder``, and its graph into ``scratch``."""
    from blockscope.io.contained_paths import inside
    from blockscope.models.randomised_entry import RandomisedEntry
    from blockscope.stages.network.model import write_model
    from blockscope.stages.network.randomised_model import write_randomised_model

    graph, card = inside(scratch, f"{name}.pb"), inside(folder, f"{name}.json")
    if not isinstance(entry, RandomisedEntry):
        write_model(entry=entry, name=name, graph_path=graph, card_path=card, downloads=scratch)
        return
    source = entry.source_model
    source_graph, source_card = (inside(scratch, f"{source}.{end}") for end in ("pb", "json"))
    if not source_card.is_file():
        _write_card(catalogue[source], catalogue, source, scratch, scratch)
    write_randomised_model(
        entry=entry, name=name, source_graph=source_graph, source_card=source_card,
        graph_path=graph, card_path=card,
    )  # fmt: skip


def _entry(catalogue: Mapping[str, ModelEntry], name: str, path: Path) -> ModelEntry:
    if name not in catalogue:
        raise unknown_name("model", name, catalogue, f"listed in {path}")
    return catalogue[name]


def _fetch(options: argparse.Namespace) -> None:
    from blockscope.config.result_paths import model_folder
    from blockscope.config.tables import read_catalogue
    from blockscope.io.downloads import MOST_MB, fetch
    from blockscope.models.randomised_entry import RandomisedEntry

    catalogue = read_catalogue(options.catalogue)
    most_mb = options.download_mb or MOST_MB
    for name in options.model:
        entry = _entry(catalogue, name, options.catalogue)
        for source in (entry.graph, entry.labels):
            if source.url and source.sha256:
                owner = entry.source_model if isinstance(entry, RandomisedEntry) else name
                folder = options.folder or model_folder(owner) / "source"
                print(fetch(source.url, source.sha256, folder, source.member, most_mb))
            else:
                print(f"{source.path}: a local file, nothing to download")


def _plan(options: argparse.Namespace) -> None:
    from blockscope.runtime.estimates import Estimates
    from blockscope.runtime.plan import jobs_to_do, report

    settings = _project(options.configfile).settings
    chosen = ["--configfile", str(options.configfile)] if options.configfile else []
    if options.snakefile:
        chosen += ["--snakefile", str(options.snakefile)]
    jobs = jobs_to_do([*options.target, *chosen])
    print(report(jobs, Estimates(settings), os.cpu_count() or 1))


def _measure(options: argparse.Namespace) -> None:
    from blockscope.runtime.job import prepare_libraries

    began = time.perf_counter()
    project = _project(options.configfile)
    prepare_libraries(threads=1)  # before TensorFlow is imported, as in a job
    from blockscope.runtime.measure import measure

    chosen = options.recipe, options.steps
    print(measure(options.model, options.layers, project, *chosen, began))


def _project(configfile: Path | None) -> Project:
    from blockscope.config.checks import load_project
    from blockscope.config.tables import read_settings

    path = configfile or Path("config/config.yaml")
    return load_project(read_settings(path), [path], check=False)


if __name__ == "__main__":
    sys.exit(main())
