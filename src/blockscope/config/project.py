"""A project: the settings and the three tables that they name, read into one object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar

from blockscope.config.error_list import ErrorList
from blockscope.config.result_paths import RESULTS
from blockscope.config.settings import Config, DatasetRow, ImageRow, RunRow
from blockscope.config.tables import Row, parse_catalogue, read_table
from blockscope.io.errors import BadConfig, unknown_name
from blockscope.io.image_sets.index import Found, look
from blockscope.models.entry import ModelEntry, Settings
from blockscope.models.randomised_entry import RandomisedEntry

Entry = TypeVar("Entry", bound=Settings)


@dataclass(frozen=True)
class EntryTable(Mapping[str, Entry]):
    """Entries of a file by id, with the place of each; None for one that has a mistake."""

    kind: str
    file: str
    entries: Mapping[str, Entry | None] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Entry:
        """Return an entry; raises ``UnknownName`` with the nearest ids and the file."""
        entry = self.entries.get(name)
        if entry is None:
            where = f"listed in {self.file}" if self.file else "the config names no table of them"
            raise unknown_name(self.kind, name, self.entries, where)
        return entry

    def __iter__(self) -> Iterator[str]:
        """Yield the ids in the order of the file."""
        return iter(self.entries)

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self.entries)


NO_DATASETS: EntryTable[DatasetRow] = EntryTable("data set", "")


@dataclass(frozen=True)
class RawRun:
    """A row of the table of runs as written, so that one mistake in it does not hide others."""

    place: str
    cells: Mapping[str, str]
    row: RunRow | None


@dataclass(frozen=True)
class Project:
    """Everything that the rules look up: settings, networks, images and runs."""

    settings: Config
    models: EntryTable[ModelEntry]
    images: EntryTable[ImageRow]
    runs: EntryTable[RunRow]
    raw_runs: tuple[RawRun, ...] = ()
    datasets: EntryTable[DatasetRow] = NO_DATASETS
    place: str = "the settings"
    results: str = RESULTS
    inside: tuple[str, ...] = ()  # the command that runs another one in the jobs' container

    @cached_property
    def randomised_entries(self) -> Mapping[str, RandomisedEntry]:
        """The networks with weights drawn anew."""
        entries = self.models.entries.items()
        return {name: entry for name, entry in entries if isinstance(entry, RandomisedEntry)}

    @cached_property
    def made_of(self) -> Mapping[str, str]:
        """The ids of these, and of the networks that they are made of."""
        return {name: entry.source_model for name, entry in self.randomised_entries.items()}

    @cached_property
    def look(self) -> Callable[[str], Found]:
        """Lists what is at the place of a data set, once for each: it may be a million images."""
        return cache(look)

    def randomised(self, model: str) -> list[str]:
        """Return the ids of the networks that are made of one; raises ``BadConfig`` without any."""
        found = [name for name, source in self.made_of.items() if source == model]
        if not found:
            raise BadConfig(self.explain_none(model))
        return found

    def explain_none(self, model: str) -> str:
        """Say that no network is made of one, and how to have some."""
        source = self.made_of.get(model)
        if source:
            return (
                f"model '{model}' has weights drawn anew itself, and no network is made of it; "
                f"give the network that it is made of, '{source}'"
            )
        return (
            f"no network is made of model '{model}' by drawing weights anew, with which the "
            f"trained one is compared; give some in {self.models.file}, as in\n"
            f"       {model}-random: {{from: {model}, randomise: {{above: [LAYER, ...], "
            "seed: [0, 1, 2, 3, 4]}}"
        )


def read_project(config: Mapping[str, Any], place: str, problems: ErrorList) -> Project | None:
    """Read the settings and the three tables; each is checked even if another one has mistakes.

    Parameters
    ----------
    config
        The settings as plain data.
    place
        Where they are written, for messages.
    problems
        Gets every mistake.

    Returns
    -------
    project
        The project, or None where the settings do not name the tables.
    """
    settings = problems.parse(Config, config, place)
    if settings is None:
        # The tables can be checked whatever is wrong with the options.
        tables = {key: config.get(key) for key in ("models", "images", "runs")}
        if not all(map(_is_path, tables.values())):
            return None
        more = config.get("datasets")
        settings = Config.model_validate(tables | ({"datasets": more} if _is_path(more) else {}))
    entries = parse_catalogue(settings.models, problems)
    places = {name: at for name, (at, _) in entries.items()}
    clashes = _check_case(places, problems)
    models = EntryTable(
        "model",
        settings.models,
        {name: None if name in clashes else entry for name, (_, entry) in entries.items()},
        places,
    )
    images = _read_rows(settings.images, ImageRow, "image", problems)[0]
    runs, raw_runs = _read_rows(settings.runs, RunRow, "run", problems)
    datasets = NO_DATASETS
    if settings.datasets:
        datasets = _read_rows(settings.datasets, DatasetRow, "dataset", problems, "data set")[0]
    return Project(settings, models, images, runs, tuple(raw_runs), datasets, place)


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _read_rows(
    path: str, model: type[Entry], key: str, problems: ErrorList, kind: str = ""
) -> tuple[EntryTable[Entry], list[RawRun]]:
    rows: list[Row] = read_table(path, model, problems) or []
    entries: dict[str, Entry | None] = {}
    places: dict[str, str] = {}
    raw: list[RawRun] = []
    for row in rows:
        name = row.cells.get(key, "")
        place = f"{path}, line {row.line}" + (f" ({key} '{name}')" if name else "")
        entry = problems.parse(model, row.cells, place, noun="column")
        if name in entries:
            problems.add(place, f"duplicate {key} '{name}', first in {places[name]}")
            entries[name] = None
        elif name:
            entries[name] = entry
            places[name] = place
        raw.append(RawRun(place, row.cells, entry if isinstance(entry, RunRow) else None))
    entries.update(dict.fromkeys(_check_case(places, problems)))
    return EntryTable(kind or key, path, entries, places), raw


def _check_case(places: Mapping[str, str], problems: ErrorList) -> set[str]:
    """Refuse, and return, ids that would share a file on case-insensitive file systems."""
    clashes = set()
    first: dict[str, str] = {}
    for name, place in places.items():
        other = first.setdefault(name.casefold(), name)
        if other != name:
            problems.add(place, f"id '{name}' differs from '{other}' only in case")
            clashes |= {name, other}
    return clashes


def describe_config_files(files: Iterable[str | Path]) -> str:
    """Return the names of settings files for messages, relative if in the working directory."""
    names = []
    for file in files:
        path = Path(file)
        inside = path.is_absolute() and path.is_relative_to(Path.cwd())
        names.append(str(path.relative_to(Path.cwd()) if inside else path))
    return " + ".join(names) or "the command line (--config)"
