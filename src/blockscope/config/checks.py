"""All mistakes in a project, found before the first job and told in one message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.config.error_list import ErrorList
from blockscope.config.file_cache import FileCache
from blockscope.config.model_cards import Wanted, read_cards
from blockscope.config.panels import PANELS
from blockscope.config.project import Project, RawRun, default_paths, read_project
from blockscope.config.settings import METHODS, Config, ModelEntry, RunRow, Source
from blockscope.io.atomic_files import sha256_of
from blockscope.io.errors import BadConfig, BadFile, BlockscopeError, describe_valid, unknown_name
from blockscope.io.images import check_image
from blockscope.io.labels import read_labels
from blockscope.models.card import ModelCard
from blockscope.runtime.result_cache import check_folder

REMEMBERED = Path(".snakemake/blockscope/files.json")


def load_project(
    config: Mapping[str, Any], files: Iterable[str | Path] = (), check: bool = True
) -> Project:
    """Read a project and check it against the files it names.

    ``config`` holds the settings, ``files`` names where they were written. With ``check`` the
    pictures are opened, checksums compared, and layers and labels looked up in the networks' cards;
    without it only what is written in the settings and tables is read.

    Raises ``BadConfig`` whose message lists every mistake: its file and line, what was asked, what
    is valid. Cost: one look at each file, remembered until it changes; a new network takes seconds.
    """
    problems = ErrorList()
    project = read_project(config, default_paths(files), problems)
    if project is not None and check:
        _check(project, problems)
    problems.raise_if_any()
    if project is None:
        raise BadConfig("the configuration could not be read")
    return project


def card_of(project: Project, name: str) -> ModelCard | None:
    """Return the card of a network: from the results, or as it was made for the checks.

    None where the network has to be loaded from its address first, or is not sound.
    """
    ignored, memory = ErrorList(), FileCache(REMEMBERED)
    place = project.models.places[name]
    wanted = _check_model(name, project.models[name], place, memory, ignored)
    return read_cards([wanted] if wanted else [], ignored).get(name)


def _check(project: Project, problems: ErrorList) -> None:
    if project.settings.shared_results:
        try:
            check_folder(project.settings.shared_results)
        except BadFile as error:
            problems.add(f"{project.place}, key shared_results", str(error))
    for run in project.raw_runs:
        _check_names(run, project, problems)
    used_images = {run.cells.get("image", "") for run in project.raw_runs}
    used_models = {run.cells.get("model", "") for run in project.raw_runs}
    memory = FileCache(REMEMBERED)
    for name in filter(used_images.__contains__, project.images.entries):
        row = project.images.entries[name]
        if row:
            _check_image(row.path, project.images.places[name], memory, problems)
    wanted = []
    for name in filter(used_models.__contains__, project.models.entries):
        entry = project.models.entries[name]
        if entry:
            model = _check_model(name, entry, project.models.places[name], memory, problems)
            wanted += [model] if model else []
    memory.save()
    cards = read_cards(wanted, problems)
    looked_up = {name: LookUp(card) for name, card in cards.items()}
    for run in project.raw_runs:
        look_up = looked_up.get(run.cells.get("model", ""))
        if look_up:
            _check_layers(run, look_up, project.settings, problems)


def _check_names(run: RawRun, project: Project, problems: ErrorList) -> None:
    """Check everything a row names except what only the network knows."""
    cells = run.cells
    lists: list[tuple[str, str, Iterable[str]]] = [
        ("model", project.models.file, project.models.entries),
        ("image", project.images.file, project.images.entries),
    ]
    for column, file, valid in lists:
        name = cells.get(column)
        if name and name not in valid:
            where = f"{run.place}, column {column}"
            problems.add(where, f"{unknown_name(column, name, valid)}; they are listed in {file}")
    choices = [
        ("override", [cells.get("override", "none")], OVERRIDES),
        ("methods", _split(cells.get("methods", "")), METHODS),
        ("panels", _split(cells.get("panels", "")), PANELS),
    ]
    for column, asked, names in choices:
        for name in asked:
            if name not in names:
                kind = column.removesuffix("s")
                problems.add(f"{run.place}, column {column}", str(unknown_name(kind, name, names)))
    classes = cells.get("classes")
    parts = [part.strip() for part in classes.split("|")] if classes else []
    sound = len(parts) in {1, 2} and all(parts) and len(set(parts)) == len(parts)
    if classes and not (sound and parts[0] != "logsumexp"):
        problems.add(
            f"{run.place}, column classes",
            f"'{classes}' must name two different classes, as in 'Labrador retriever|tiger cat' or "
            "'lemon|logsumexp', or one against nothing, as in 'lemon'; empty: the two most "
            "probable",
        )
    for column, kind in (("panels", "panel"), ("grids", "layer")):
        names = _split(cells.get(column, ""))
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            words = f"{', '.join(repeated)}: each {kind} can be there once"
            problems.add(f"{run.place}, column {column}", words)


def _split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(",")] if cell else []


def _check_image(path: str, place: str, memory: FileCache, problems: ErrorList) -> None:
    where = f"{place}, column path"
    try:
        if not Path(path).is_file():
            raise BadFile(f"image file '{path}' does not exist (looked in {Path.cwd()})")
        memory.ask("picture", Path(path), _sound_picture)
    except (BlockscopeError, OSError) as error:
        problems.add(where, str(error))


def _sound_picture(path: Path) -> str:
    check_image(path)
    return "sound"


def _check_model(
    name: str, entry: ModelEntry, place: str, memory: FileCache, problems: ErrorList
) -> Wanted | None:
    """Check the files of a network; None where one of them is not as it should be."""
    graph = _check_source(entry.graph, "graph", place, memory, problems)
    labels_sha256 = _check_source(entry.labels, "labels", place, memory, problems)
    labels: tuple[str, ...] | None = None
    if entry.labels.path and labels_sha256:
        try:
            labels = tuple(read_labels(entry.labels.path))
        except BadFile as error:
            problems.add(f"{place}, key labels", str(error))
            return None
        if entry.skip_labels >= len(labels):
            problems.add(
                f"{place}, key skip_labels",
                f"{entry.skip_labels} leaves no class: '{entry.labels.path}' has {len(labels)} "
                "labels",
            )
            return None
    if (entry.graph.path and not graph) or (entry.labels.path and not labels):
        return None
    return Wanted(name, place, entry, graph, labels)


def _check_source(
    source: Source, key: str, place: str, memory: FileCache, problems: ErrorList
) -> str | None:
    """Return the SHA-256 of a local file; None, and a note, where it is not what the entry says."""
    if source.path is None:
        return None
    where = f"{place}, key {key}"
    path = Path(source.path)
    if not path.exists():
        problems.add(where, f"file '{path}' does not exist (looked in {Path.cwd()})")
        return None
    try:
        found = memory.ask("sha256", path, sha256_of)
    except OSError as error:
        problems.add(where, f"file '{path}' cannot be read: {error.strerror or error}")
        return None
    if source.sha256 and found != source.sha256.lower():
        problems.add(
            f"{where}.sha256",
            f"checksum of '{path}' differs: expected {source.sha256.lower()}, found {found}",
        )
        return None
    return found


class LookUp:
    """Questions to the card of a network; each is answered once, however many rows ask it."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        self.layer = cache(self._layer)
        self.order = cache(self._order)
        self.label = cache(self._label)

    def _layer(self, name: str) -> str:
        return "" if name in self.card.by_name else self._told(lambda: self.card.layer(name))

    def _label(self, name: str) -> str:
        return self._told(lambda: self.card.label_table.find(name))

    def _order(self, earlier: str, later: str) -> str:
        if self.card.is_after(later, earlier):
            return ""
        after = [layer for layer in self.card.by_name if self.card.is_after(layer, earlier)]
        return (
            f"layer2 '{later}' is not computed from layer1 '{earlier}'; layer2 must come after "
            f"layer1; {describe_valid(later, after)}"
        )

    @staticmethod
    def _told(question: Any) -> str:
        try:
            question()
        except BlockscopeError as error:
            return str(error)
        return ""


def _check_layers(run: RawRun, look_up: LookUp, settings: Config, problems: ErrorList) -> None:
    """Check what a row asks of its network: layers, their order, classes, number of factors."""
    known = []
    pair = [(column, run.cells[column]) for column in ("layer1", "layer2") if run.cells.get(column)]
    for column, name in [*pair, *(("grids", name) for name in _split(run.cells.get("grids", "")))]:
        problem = look_up.layer(name)
        if problem:
            problems.add(f"{run.place}, column {column}", problem)
        elif column != "grids":
            known.append(name)
    for label in (part.strip() for part in run.cells.get("classes", "").split("|")):
        problem = look_up.label(label) if label and label != "logsumexp" else ""
        if problem:
            problems.add(f"{run.place}, column classes", problem)
    if len(known) < 2:
        return
    problem = look_up.order(*known)
    if problem:
        problems.add(f"{run.place}, column layer2", problem)
    if run.row:
        _check_count(run.row, run.place, look_up.card, settings, problems)
        _check_groups(run.row, run.place, look_up.card, settings, problems)
        _check_grids(run.row, run.place, look_up.card, settings, problems)


def _check_count(
    row: RunRow, place: str, card: ModelCard, settings: Config, problems: ErrorList
) -> None:
    """Refuse more factors than the attributions of a layer have positions or labels."""
    labels = len(card.label_table)
    if row.factors.joint:
        labels = min(labels, settings.factors.joint_labels)
    layers = [row.layer2] if row.factors.joint else [row.layer1, row.layer2]
    for name in dict.fromkeys(layers):
        layer = card.by_name[name]
        most = min(layer.positions, labels)
        if row.factors.n > most:
            rows, columns, _ = layer.shape
            problems.add(
                f"{place}, column factors",
                f"{row.factors.n} factors are more than layer '{name}' can have: it has {rows} x "
                f"{columns} positions and {labels} labels take part; valid: 1 to {most}",
            )


def _check_groups(
    row: RunRow, place: str, card: ModelCard, settings: Config, problems: ErrorList
) -> None:
    """Refuse more neuron groups than a layer that shows them has positions or channels."""
    layer, asked = card.by_name[row.layer1], settings.neuron_groups.count
    most = min(layer.positions, layer.shape[2])
    panel = _panel_of(row, "groups1")
    if panel and asked > most:
        rows, columns, channels = layer.shape
        problems.add(
            f"{place}, column panels",
            f"{panel}: {asked} groups are more than layer '{row.layer1}' can have: it has {rows} x "
            f"{columns} positions and {channels} channels; valid: 1 to {most} (key "
            "neuron_groups.count of the settings)",
        )


def _check_grids(
    row: RunRow, place: str, card: ModelCard, settings: Config, problems: ErrorList
) -> None:
    """Refuse more groups of a coherent activation grid than its layer has positions or channels."""
    asked = settings.grids.neuron_groups
    panel = _panel_of(row, "grids")
    shown = row.grid_layers if panel else ()
    for layer in (card.by_name[name] for name in shown if name in card.by_name):
        most = min(layer.positions, layer.shape[2])
        if asked > most:
            rows, columns, channels = layer.shape
            problems.add(
                f"{place}, column panels",
                f"{panel}: {asked} groups are more than layer '{layer.name}' can have: it has "
                f"{rows} x {columns} positions and {channels} channels; valid: 1 to {most} (key "
                "grids.neuron_groups of the settings)",
            )


def _panel_of(row: RunRow, file: str) -> str:
    """Return the first panel of a row that is drawn from a file; empty where there is none."""
    known = (PANELS[name] for name in row.panels if name in PANELS)
    return next((panel.name for panel in known if file in panel.inputs), "")
