"""All mistakes in a project, found before the first job and reported in one message."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.config.containers import container_command
from blockscope.config.dataset_checks import check_dataset
from blockscope.config.error_list import ErrorList
from blockscope.config.file_cache import FileCache
from blockscope.config.mask_checks import check_image_mask, check_objects
from blockscope.config.model_cards import CardRequest, read_cards
from blockscope.config.panels import PANELS
from blockscope.config.project import Project, RawRun, describe_config_files, read_project
from blockscope.config.renamed import explain_old_panel
from blockscope.config.result_paths import (
    MOST_NAME,
    RESULTS,
    dataset_index,
    figure_folder,
    image_folder,
    longest_name,
    model_folder,
)
from blockscope.config.settings import METHODS, Config, RunRow
from blockscope.config.tables import read_mapping
from blockscope.config.user_files import FACT
from blockscope.io.atomic_files import sha256_of
from blockscope.io.counts import counted
from blockscope.io.errors import BadConfig, BadFile, BlockscopeError, describe_valid, unknown_name
from blockscope.io.images import check_image
from blockscope.io.label_scores import LOGSUMEXP, check_logsumexp
from blockscope.io.labels import read_labels
from blockscope.io.packaged import located
from blockscope.io.plain_json import parse_json
from blockscope.models.card import ModelCard
from blockscope.models.entry import ModelEntry, Source

FILE_FACTS = Path(".snakemake/blockscope/files.json")


def load_project(
    config: Mapping[str, Any],
    files: Iterable[str | Path] = (),
    check: bool = True,
    own: bool = True,
    results: str = RESULTS,
    container_options: Sequence[str] | None = None,
) -> Project:
    """Read a project and check it against the files it names.

    Every file is read once and not again before it changes; a new network takes some seconds.

    Parameters
    ----------
    config
        The settings.
    files
        Where they were written, for messages.
    check
        Whether to open images, compare checksums, and look up layers and labels in the networks'
        cards, instead of reading only the settings and tables.
    own
        Whether the files hold these settings and nothing else. Those of a workflow of which this
        one is a module are not checked: it may read YAML as it likes.
    results
        The folder of the results, in which a network may have its card.
    container_options
        Options of the program that runs jobs in containers; None where no containers are asked for.

    Returns
    -------
    project
        The project.

    Raises
    ------
    BadConfig
        Lists every mistake: its file and line, what was requested, what is valid.
    """
    problems = ErrorList()
    files = list(files)
    if check and own:
        _check_settings_text(map(Path, files), problems)
    project = read_project(config, describe_config_files(files), problems)
    if project is not None:
        project = replace(project, results=results)
        if container_options is not None:
            inside = container_command(project, container_options, problems, own)
            project = replace(project, inside=inside)
    if project is not None and check:
        _check(project, problems)
    problems.raise_if_any()
    if project is None:
        raise BadConfig("the configuration could not be read")
    return project


def card_of(project: Project, name: str) -> ModelCard | None:
    """Return the card of a network: from the results, or made for the checks.

    None where the network must be downloaded first, or has mistakes.
    """
    ignored, file_facts = ErrorList(), FileCache(FILE_FACTS)
    entry = project.models[name]
    request = _check_model(name, entry, project, file_facts, ignored)
    return read_cards([request] if request else [], ignored, project.inside).get(name)


def check_shared_folder(folder: str) -> None:
    """Raise ``BadFile`` where a folder cannot be read and written, or is inside the project."""
    if not os.path.isdir(folder):
        raise BadFile(
            f"'{folder}' is not a folder (looked in {Path.cwd()}); create it where every project "
            "that shares it can write"
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise BadFile(f"folder '{folder}' is not readable and writable by you; ask its owner")
    if Path(folder).resolve().is_relative_to(Path.cwd().resolve()):
        raise BadFile(
            f"'{folder}' is inside this project ({Path.cwd()}); choose a folder outside every "
            "project"
        )


def _check_settings_text(files: Iterable[Path], problems: ErrorList) -> None:
    """Check YAML that Snakemake has read already, without a word on what it read otherwise."""
    for file in files:
        if not file.is_file():  # a pipe, which cannot be read again
            continue
        try:
            parse_json(file.read_bytes())  # as Snakemake does first
        except ValueError:
            read_mapping(file, problems)


def _check(project: Project, problems: ErrorList) -> None:
    _check_shared(project, problems)
    for run in project.raw_runs:
        _check_names(run, project, problems)
        _check_sanity(run, project, problems)
    _check_folders(project, problems)
    used_images = {run.cells.get("image", "") for run in project.raw_runs}
    used_models = {run.cells.get("model", "") for run in project.raw_runs}
    file_facts = FileCache(FILE_FACTS)
    masked = []
    for name in filter(used_images.__contains__, project.images.entries):
        row, place = project.images.entries[name], project.images.places[name]
        if row and _check_image(row.path, place, file_facts, problems) and row.mask:
            masked += [name] if check_image_mask(row, place, file_facts, problems) else []
    _check_datasets(project, file_facts, problems)
    requests = []
    for name in filter(used_models.__contains__, project.models.entries):
        entry = project.models.entries[name]
        if entry:
            request = _check_model(name, entry, project, file_facts, problems)
            requests += [request] if request else []
    file_facts.save()
    cards = read_cards(requests, problems, project.inside)
    lookups = {name: CardLookup(card) for name, card in cards.items()}
    _check_objects(project, lookups, masked, file_facts, problems)
    file_facts.save()
    for run in project.raw_runs:
        lookup = lookups.get(run.cells.get("model", ""))
        if lookup:
            _check_layers(run, lookup, project.settings, problems)
            _check_randomised(run, lookup, project, problems)
            _check_finer(run, lookup, problems)
            _check_mean(run, lookup, project.settings, problems)


def _check_datasets(project: Project, file_facts: FileCache, problems: ErrorList) -> None:
    used = {run.cells.get("dataset", "") for run in project.raw_runs}
    for name in filter(used.__contains__, project.datasets.entries):
        row = project.datasets.entries[name]
        if row:
            place, results = project.datasets.places[name], project.results
            check_dataset(row, place, project.look, file_facts, problems, results)


def _check_shared(project: Project, problems: ErrorList) -> None:
    if not project.settings.shared_results:
        return
    try:
        check_shared_folder(project.settings.shared_results)
    except BadFile as error:
        problems.add(f"{project.place}, key shared_results", str(error))


def _check_objects(
    project: Project,
    lookups: Mapping[str, CardLookup],
    masked: Collection[str],
    file_facts: FileCache,
    problems: ErrorList,
) -> None:
    """Check the objects of images with a mask once for each network that reads them."""
    used = [(run.cells.get("model", ""), run.cells.get("image", "")) for run in project.raw_runs]
    for model, image in dict.fromkeys(used):
        if model in lookups and image in masked:
            row, place = project.images[image], project.images.places[image]
            lookup = lookups[model]
            check_objects(row, place, lookup.card, lookup.label, file_facts, problems)


def _check_names(run: RawRun, project: Project, problems: ErrorList) -> None:
    """Check all names of a row except those that only the network knows."""
    cells = run.cells
    lists: list[tuple[str, str, Iterable[str]]] = [
        ("model", project.models.file, project.models.entries),
        ("image", project.images.file, project.images.entries),
    ]
    for column, file, valid in lists:
        name = cells.get(column)
        if name and name not in valid:
            where = f"{run.place}, column {column}"
            problems.add(where, str(unknown_name(column, name, valid, f"listed in {file}")))
    _check_dataset_name(run, project, problems)
    _check_quotes(run, problems)
    choices = [
        ("override", [cells.get("override", "none")], OVERRIDES),
        ("methods", _split(cells.get("methods", "")), METHODS),
        ("panels", _split(cells.get("panels", "")), PANELS),
    ]
    for column, requested, names in choices:
        for name in requested:
            if name not in names:
                old = explain_old_panel(name) if column == "panels" else ""
                unknown = unknown_name(column.removesuffix("s"), name, names)
                problems.add(f"{run.place}, column {column}", old or str(unknown))
    classes = cells.get("classes")
    parts = [part.strip() for part in classes.split("|")] if classes else []
    sound = len(parts) in {1, 2} and all(parts) and len(set(parts)) == len(parts)
    if classes and not (sound and parts[0] != "logsumexp"):
        problems.add(
            f"{run.place}, column classes",
            f"'{classes}' must be two different labels, as in 'Labrador retriever|tiger cat' or "
            "'lemon|logsumexp', or a single one, as in 'lemon'; empty: the two most probable",
        )
    for column, kind in (("panels", "panel"), ("grids", "layer"), ("flow", "layer")):
        names = _split(cells.get(column, ""))
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            words = f"duplicate {kind} {', '.join(repeated)}"
            problems.add(f"{run.place}, column {column}", words)


def _check_dataset_name(run: RawRun, project: Project, problems: ErrorList) -> None:
    name, table = run.cells.get("dataset", ""), project.datasets
    if not name or name in table.entries:
        return
    where = f"listed in {table.file}" if table.file else f"key datasets of {project.place}"
    unknown = unknown_name("data set", name, table.entries, where)
    missing = "" if table.file else "; give a table, as in 'datasets: config/datasets.tsv'"
    problems.add(f"{run.place}, column dataset", f"{unknown}{missing}")


def _asks_for(run: RawRun, *files: str) -> bool:
    """Tell whether a panel of a row is drawn from one of some files."""
    panels = (PANELS.get(name) for name in _split(run.cells.get("panels", "")))
    return any(panel and set(files) & set(panel.inputs) for panel in panels)


def _check_sanity(run: RawRun, project: Project, problems: ErrorList) -> None:
    """Refuse a panel that compares with other networks where the catalogue has none."""
    model = run.cells.get("model", "")
    if not (_asks_for(run, "override_sanity1") and project.models.entries.get(model)):
        return
    if model not in project.made_of.values():
        problems.add(f"{run.place}, column panels", f"sanity: {project.explain_none(model)}")


def _check_randomised(
    run: RawRun, lookup: CardLookup, project: Project, problems: ErrorList
) -> None:
    """Check the layers of the networks that a row's maps are compared with, and the maps' size."""
    layer = lookup.card.by_name.get(run.cells.get("layer1", ""))
    if layer and layer.positions < 2 and _asks_for(run, "override_sanity1"):
        problems.add(
            f"{run.place}, column panels",
            f"sanity: a map of layer '{layer.name}' has one position, and cannot be compared; give "
            "a layer1 with more",
        )
    if not _asks_for(run, "override_sanity1", "sanity1"):
        return
    for name, entry in project.randomised_entries.items():
        above = entry.randomise.above
        if entry.source_model != lookup.card.model or above == lookup.card.input.tensor:
            continue
        problem = lookup.layer(above)
        if problem:
            problems.add(f"{project.models.places[name]}, key randomise.above", problem)


def _check_quotes(run: RawRun, problems: ErrorList) -> None:
    for column, cell in run.cells.items():
        quoted = len(cell) > 1 and cell[0] == cell[-1] and cell[0] in "\"'"
        if quoted and column != "classes":  # which may name a label with quotes
            problems.add(
                f"{run.place}, column {column}",
                f"the quotes are part of {cell}, as cells are used verbatim; write {cell[1:-1]} "
                "without them",
            )


def _check_folders(project: Project, problems: ErrorList) -> None:
    """Refuse folders of results that a symbolic link leads elsewhere."""
    rows = [run for run in project.runs.entries.values() if run]
    folders: dict[tuple[Callable[..., object], tuple[str, ...]], str] = {}
    for row in rows:
        if not (project.models.entries.get(row.model) and project.images.entries.get(row.image)):
            continue  # reported already
        folders.setdefault((image_folder, (row.model, row.image)), row.run)
        folders.setdefault((figure_folder, (row.run,)), row.run)
        if row.dataset in project.datasets.entries:
            folders.setdefault((dataset_index, (row.dataset,)), row.run)
    for (folder, names), run in folders.items():
        try:
            folder(*names, results=project.results)
        except BadFile as error:
            problems.add(project.runs.places[run], str(error))


def _split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(",")] if cell else []


def _check_image(path: str, place: str, file_facts: FileCache, problems: ErrorList) -> bool:
    """Check that an image can be read; tells whether it can."""
    where = f"{place}, column path"
    try:
        file = Path(located(path))
        if not file.is_file():
            raise BadFile(f"image file '{path}' does not exist (looked in {Path.cwd()})")
        file_facts.get("image", file, _readable_image)
        file_facts.get(FACT, file, sha256_of)  # the workflow asks for it
    except (BlockscopeError, OSError) as error:
        problems.add(where, str(error))
        return False
    return True


def _readable_image(path: Path) -> str:
    check_image(path)
    return "readable"


def _check_model(
    name: str, entry: ModelEntry, project: Project, file_facts: FileCache, problems: ErrorList
) -> CardRequest | None:
    """Check the folder and the files of a network; None where one of them has a mistake."""
    place = project.models.places[name]
    try:
        model_folder(name, project.results)
    except BadFile as error:
        problems.add(place, str(error))
        return None
    graph = _check_source(entry.graph, "graph", place, file_facts, problems)
    labels_sha256 = _check_source(entry.labels, "labels", place, file_facts, problems)
    labels: tuple[str, ...] | None = None
    if labels_sha256 and entry.labels.file:
        try:
            labels = tuple(read_labels(entry.labels.file))
        except BadFile as error:
            problems.add(f"{place}, key labels", str(error))
            return None
        if entry.skip_labels >= len(labels):
            problems.add(
                f"{place}, key skip_labels",
                f"{entry.skip_labels} leaves no label: '{entry.labels.path}' has {len(labels)} "
                "entries",
            )
            return None
    if (entry.graph.path and not graph) or (entry.labels.path and not labels):
        return None
    return CardRequest(name, place, entry, graph, labels, project.results)


def _check_source(
    source: Source, key: str, place: str, file_facts: FileCache, problems: ErrorList
) -> str | None:
    """Return the SHA-256 of a local file; None where it is missing or not what the entry says."""
    if source.path is None:
        return None
    where = f"{place}, key {key}"
    try:
        path = Path(located(source.path))
        if not path.exists():
            problems.add(where, f"file '{path}' does not exist (looked in {Path.cwd()})")
            return None
        found = file_facts.get(FACT, path, sha256_of)
    except BadFile as error:
        problems.add(where, str(error))
        return None
    except OSError as error:
        words = f"file '{source.path}' cannot be read: {error.strerror or error}"
        problems.add(where, words)
        return None
    if source.sha256 and found != source.sha256.lower():
        problems.add(
            f"{where}.sha256",
            f"checksum of '{path}' differs: expected {source.sha256.lower()}, found {found}",
        )
        return None
    return found


class CardLookup:
    """Errors of names that a network lacks ("" for none), found once for any number of rows."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        self.layer = cache(self._layer)
        self.order = cache(self._order)
        self.passage = cache(self._passage)
        self.label = cache(self._label)
        self.compared = cache(self._compared)

    def _layer(self, name: str) -> str:
        return "" if name in self.card.by_name else self._error(lambda: self.card.layer(name))

    def _label(self, name: str) -> str:
        return self._error(lambda: self.card.label_table.find(name))

    def _compared(self, name: str) -> str:
        """Return the error of a label of a contrast, which may be all logits together."""
        if name == LOGSUMEXP:
            return self._error(lambda: check_logsumexp(self.card.head))
        return self.label(name)

    def _order(self, earlier: str, later: str) -> str:
        if self.card.is_after(later, earlier):
            return ""
        after = [layer for layer in self.card.by_name if self.card.is_after(layer, earlier)]
        return (
            f"layer2 '{later}' is not computed from layer1 '{earlier}'; layer2 must come after "
            f"layer1; {describe_valid(later, after)}"
        )

    def _passage(self, earlier: str, later: str) -> str:
        """Return why flow from one layer through another does not add up, as far as layers tell."""
        card = self.card
        beside = card.beside(earlier, later)
        if card.is_after(later, earlier) and not beside:
            return ""
        after = [name for name in card.by_name if card.is_after(name, earlier)]
        valid = [name for name in after if not card.beside(earlier, name)]
        why = (
            f"'{beside}' is computed from it beside '{later}'"
            if card.is_after(later, earlier)
            else f"'{later}' is not computed from it"
        )
        return (
            f"flow from layer '{earlier}' cannot be followed through layer '{later}': {why}; give "
            f"one that everything from '{earlier}' passes through; {describe_valid(later, valid)}"
        )

    @staticmethod
    def _error(question: Any) -> str:
        try:
            question()
        except BlockscopeError as error:
            return str(error)
        return ""


def _check_layers(run: RawRun, lookup: CardLookup, settings: Config, problems: ErrorList) -> None:
    """Check the layers of a row, their order, its labels and its numbers of factors and groups."""
    known: list[str] = []
    pair = [(column, run.cells[column]) for column in ("layer1", "layer2") if run.cells.get(column)]
    lists = [(column, _split(run.cells.get(column, ""))) for column in ("grids", "flow")]
    listed = [(column, name) for column, names in lists for name in names]
    for column, name in [*pair, *listed]:
        problem = lookup.layer(name)
        if problem:
            problems.add(f"{run.place}, column {column}", problem)
        elif column.startswith("layer"):
            known.append(name)
    _check_compared(run, lookup, problems)
    if len(known) < 2:
        return
    problem = lookup.order(*known)
    if problem:
        problems.add(f"{run.place}, column layer2", problem)
    if run.row:
        _check_name_lengths(run.row, run.place, problems)
        _check_count(run.row, run.place, lookup.card, settings, problems)
        _check_groups(run.row, run.place, lookup.card, settings, problems)
    _check_flow(run, lookup, problems)


def _check_compared(run: RawRun, lookup: CardLookup, problems: ErrorList) -> None:
    """Check the labels of a row: that the network has them, and that they are two."""
    place = f"{run.place}, column classes"
    labels = [part.strip() for part in run.cells.get("classes", "").split("|")]
    wrong = list(filter(None, (lookup.compared(label) for label in labels if label)))
    for problem in wrong:
        problems.add(place, problem)
    named = [label for label in labels if label and label != LOGSUMEXP]
    if wrong or len(named) != 2 or named[0] == named[1]:
        return
    table = lookup.card.label_table
    index, other = map(table.find, named)
    if index == other:
        problems.add(
            place,
            f"'{named[0]}' and '{named[1]}' are one label, {table.name(index)} with the index "
            f"{index}; give two different ones, or a single one",
        )


def _check_finer(run: RawRun, lookup: CardLookup, problems: ErrorList) -> None:
    """Refuse scores of a layer that is finer than the input: some positions have no pixel."""
    layer, size = lookup.card.by_name.get(run.cells.get("layer1", "")), lookup.card.input.size
    if not layer or not _asks_for(run, "scores1"):
        return
    rows, columns, _ = layer.shape
    if rows > size[0] or columns > size[1]:
        problems.add(
            f"{run.place}, column layer1",
            f"layer '{layer.name}' has {rows} x {columns} positions and the network's input "
            f"{size[0]} x {size[1]} pixels: some positions have no pixel, and no score; give a "
            "layer with at most as many, or other panels than rivals and trust",
        )


def _check_mean(run: RawRun, lookup: CardLookup, settings: Config, problems: ErrorList) -> None:
    """Refuse ablation to the mean of a layer of one position, which is its own mean."""
    layer = lookup.card.by_name.get(run.cells.get("layer1", ""))
    to_mean = settings.ablation.baseline == "mean" and _asks_for(run, "ablation1")
    if layer and layer.positions < 2 and to_mean:
        problems.add(
            f"{run.place}, column panels",
            f"trust: layer '{layer.name}' has one position, which is its own mean: nothing would "
            "be taken away; give a layer1 with more, or 'zero' (key ablation.baseline of the "
            "config)",
        )


def _check_flow(run: RawRun, lookup: CardLookup, problems: ErrorList) -> None:
    """Check that each layer of a flow is all that the one before reaches the logits through."""
    layers = _split(run.cells.get("flow", ""))
    place = f"{run.place}, column flow"
    if len(layers) == 1:
        problems.add(
            place,
            f"'{layers[0]}' is a single layer; flow leads through two or more, as in "
            "'mixed4a,mixed4d,mixed5a'; empty: layer1 and layer2",
        )
    pair = [run.cells["layer1"], run.cells["layer2"]]
    if not layers and _asks_for(run, "flow") and not lookup.order(*pair):
        layers = pair
    for earlier, later in pairwise(layers):
        if not (lookup.layer(earlier) or lookup.layer(later)):
            problem = lookup.passage(earlier, later)
            problems.add(place, problem) if problem else None


def _check_name_lengths(row: RunRow, place: str, problems: ErrorList) -> None:
    """Refuse layers whose names, alone or together, make a file's name too long."""
    name = longest_name(row)
    if len(name) > MOST_NAME:
        problems.add(
            f"{place}, column layer1",
            f"the names of the layers '{row.layer1}' and '{row.layer2}' are too long for a file: "
            f"'{name[:40]}...' would have {len(name)} characters; valid: at most {MOST_NAME}. "
            "Rename the layers in the network",
        )


def _check_count(
    row: RunRow, place: str, card: ModelCard, settings: Config, problems: ErrorList
) -> None:
    """Refuse more factors than a layer's attributions have positions or labels."""
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
                f"cannot fit {row.factors.n} factors to layer '{name}': {rows} x {columns} "
                f"positions, {counted(labels, 'label')}; valid: 1 to {most}",
            )


def _check_groups(
    row: RunRow, place: str, card: ModelCard, settings: Config, problems: ErrorList
) -> None:
    """Refuse more neuron groups than a layer that shows them has positions or channels."""
    shown = [
        ("groups1", [row.layer1], settings.neuron_groups.count, "neuron_groups.count"),
        ("grids", row.grid_layers, settings.grids.neuron_groups, "grids.neuron_groups"),
        ("flow", row.flow_layers, settings.neuron_groups.count, "neuron_groups.count"),
    ]
    for file, names, count, key in shown:
        known = (PANELS[name] for name in row.panels if name in PANELS)
        panel = next((one.name for one in known if file in one.inputs), "")
        layers = [card.by_name[name] for name in names if name in card.by_name]
        for layer in layers if panel else []:
            rows, columns, channels = layer.shape
            most = min(layer.positions, channels)
            if count > most:
                problems.add(
                    f"{place}, column panels",
                    f"{panel}: cannot fit {count} neuron groups to layer '{layer.name}': {rows} x "
                    f"{columns} positions, {counted(channels, 'channel')}; valid: 1 to {most} (key "
                    f"{key} of the config)",
                )
