# What all rules look up: the checked project, the places of files, the digest of a stage's code, what a
# job asks for. The logic is in the package (blockscope.config, blockscope.runtime), where it is tested.
import os
import re
import shlex
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from snakemake_interface_executor_plugins.settings import ExecMode

from blockscope.runtime import result_cache
from blockscope.feature_visualization.named_recipes import cell_recipe, find_recipe
from blockscope.feature_visualization.unit_selection import (
    NUMBERS_PATTERN,
    UNITS_PATTERN,
    channel_count,
    numbers_in_path,
    requested_units,
    shard_files,
)
from blockscope.config.all_results import Exemplars, Sprites, all_results
from blockscope.config.channel_pages import (
    files_of_page as files_of_channels,
    first_pages,
    layers_with_pages,
    uses_of,
)
from blockscope.config.checks import FILE_FACTS, card_of, load_project
from blockscope.config.containers import binds
from blockscope.config.cli_values import parse_cli_values
from blockscope.config.result_paths import (
    CHANNELS_PER_PAGE,
    DEFAULT_REQUEST,
    GALLERY,
    RECIPE_PATTERN,
    RESULTS,
    SWEPT_LAYERS,
    channel_pages,
    exemplar_sheet,
    fitted_on,
    gallery_runs,
    layer_from_path,
    local_files,
    method_of,
    page_files,
    panel_files,
    parts_of_flow,
    printed_files,
    requested_channels,
    sweep_parts,
    swept_layers,
)
from blockscope.config.panels import PANELS
from blockscope.config.settings import ID_PATTERN
from blockscope.config.stages import STAGES
from blockscope.config.tables import read_settings
from blockscope.config.user_files import UserFiles
from blockscope.runtime.lost_results import mark_outdated
from blockscope.runtime.stage_names import note_names
from blockscope.io.code_digest import code_digest
from blockscope.io.errors import BlockscopeError
from blockscope.io.image_sets.index import source_digest
from blockscope.autodiff.gradient_overrides import OVERRIDES

# Scripts are found from this file, which may be in a repository of which another workflow uses the rules.
RULES = workflow.current_basedir
# As a module with `prefix:`, Snakemake writes the prefix before the paths of rules. Where params name a
# result, the same is done here; Snakemake asks for params when this modifier is not the current one.
MODIFIER = workflow.modifier
# Another workflow may rename rules.
note_names(
    {MODIFIER.avail_rulename(stage): stage for stage in STAGES if MODIFIER.avail_rulename(stage)}
)
# What a job takes besides its batches: TensorFlow and the network.
BASE_MB = 1500


wildcard_constraints:
    model=ID_PATTERN,
    image=ID_PATTERN,
    dataset=ID_PATTERN,
    run=ID_PATTERN,
    panel="|".join(PANELS),
    override="|".join(OVERRIDES),
    layer="[^/]+?",
    layer1="[^/]+?",
    layer2="[^/]+?",
    layers="[^/]+?",
    n="[1-9][0-9]{0,2}",
    part="0|[1-9][0-9]*",
    parts="[1-9][0-9]*",
    recipe=RECIPE_PATTERN,
    units=UNITS_PATTERN,
    numbers=NUMBERS_PATTERN,


def user_errors(question, stop=WorkflowError):
    """Return the answer to a question; an error meant for the user is shown without a traceback."""
    try:
        return question()
    except BlockscopeError as error:
        raise stop(str(error)) from None


def placed(path):
    """Params: where a result is that a rule writes as ``path``."""
    return str(MODIFIER.path_modifier.replace_prefix(path))


def yours(path):
    """Input: a file of the user, which is where the config says, whatever the prefix."""
    return local(path)


# A file given by --configfile replaces this one: Snakemake would merge the two. So do the settings that
# another workflow gives to a module.
AS_MODULE = MODIFIER.parent_modifier is not None
if not (MODIFIER.skip_configfile if AS_MODULE else workflow.configfiles):
    user_errors(lambda: read_settings("config/config.yaml"), stop=SystemExit)

    configfile: "config/config.yaml"


# With --sdm apptainer jobs run in the container that the config names; otherwise nothing changes.
deployment = workflow.deployment_settings
IN_CONTAINERS = DeploymentMethod.APPTAINER in deployment.deployment_method
# Processes that Snakemake starts for jobs read the config again, which the first one has checked.
project = user_errors(
    lambda: load_project(
        parse_cli_values(config, workflow.config_settings.config),
        workflow.configfiles,
        check=workflow.exec_mode == ExecMode.DEFAULT,
        own=not AS_MODULE,
        results=placed(f"{RESULTS}/").rstrip("/"),
        container_options=shlex.split(deployment.apptainer_args) if IN_CONTAINERS else None,
    ),
    stop=SystemExit,
)
if project.inside:
    os.environ.update(binds(project))
if project.settings.compute.container:

    container: project.settings.compute.container


# Before Snakemake looks at what is up to date.
if workflow.exec_mode == ExecMode.DEFAULT:
    user_errors(mark_outdated, stop=SystemExit)
result_cache.set_cache_dir(project.settings.shared_results)
# A submission to a cluster reads no profile, and its jobs get the executor "local". If one of them
# fails, Snakemake removes the files of all.
if workflow.exec_mode == ExecMode.REMOTE:
    result_cache.keep_finished()
    executors = ExecutorPluginRegistry()
    executors.get_plugin("local").executor = executors.get_plugin("forkserver").executor


def per_attempt(amount):
    """Resources: the amount times the attempt; only a profile with retries has more than one."""
    return lambda wildcards, attempt: amount * attempt


# Resources besides a thread: memory in MB and time in minutes, which a workstation ignores and a cluster
# enforces. NETWORK: TensorFlow, the network, and batches of images or gradients through it. The bound
# of the batches is not a parameter, because it changes no result.
NETWORK = {
    "mem_mb": per_attempt(BASE_MB + project.settings.compute.memory_mb),
    "batch_mb": project.settings.compute.memory_mb,
}
RENDERER = {"gpu": int(project.settings.compute.gpu)}


@cache
def digest_of(stage):
    script = RULES.join(f"../scripts/{stage}.py")
    return user_errors(lambda: code_digest(workflow.sourcecache.get_path(script)))


def code_param(stage):
    """Params: a job is repeated when the code that it runs has changed."""
    return lambda wildcards: digest_of(stage)


@cache
def user_files():
    return UserFiles(FILE_FACTS)


def content_of(files):
    """Params: a job is repeated when the user's files hold something else, whatever their times."""

    def content(wildcards):
        found = files(wildcards)
        listed = [found] if isinstance(found, str) else found
        return user_errors(lambda: user_files().content(listed))

    return content


def layer_of(wildcard):
    """Params: the layer whose name in a path is the value of a wildcard."""
    return lambda wildcards: layer_from_path(wildcards[wildcard])


def flow_layers(wildcards):
    """Return the layers of a flow, as they stand in its path."""
    return parts_of_flow_in_runs(wildcards.layers)


# Found among all runs, and asked for by the jobs of each: once for all.
@cache
def parts_of_flow_in_runs(text):
    return parts_of_flow(text, project.runs)


def model_entry(wildcards):
    return user_errors(lambda: project.models[wildcards.model])


def network_files_of_user(wildcards):
    """Input: the local files of a network."""
    return list(map(yours, user_errors(lambda: local_files(model_entry(wildcards)))))


def image_row(wildcards):
    return user_errors(lambda: project.images[wildcards.image])


def dataset_row(wildcards):
    return user_errors(lambda: project.datasets[wildcards.dataset])


def dataset_digest(wildcards):
    """Params: changes with any image of a data set; only jobs that list it ask."""
    return user_errors(lambda: source_digest(dataset_row(wildcards).path, project.look))


def randomised_models():
    """Return a pattern of the ids of networks that are made of others; without any, it fits nothing."""
    return "|".join(map(re.escape, project.made_of)) or r"(?!)"


def randomised_files(wildcards, path):
    """Input: a file of each network that is made of this one."""
    others = user_errors(lambda: project.randomised(wildcards.model))
    return [path.format(other=other, **wildcards) for other in others]


def image_path(wildcards):
    return yours(user_errors(lambda: image_row(wildcards).file))


def mask_path(wildcards):
    """Input: the mask of an image's objects; nothing where it has none."""
    row = image_row(wildcards)
    return yours(user_errors(lambda: row.mask_file)) if row.mask else []


def fit_classes(wildcards):
    """Input: the attributions that joint factors are fitted on; nothing for factors of one layer."""
    layer = fitted_on(wildcards.recipe)
    folder = f"results/{wildcards.model}/{wildcards.image}/{wildcards.override}/classes"
    return f"{folder}/{layer}.h5" if layer else []


@cache
def channel_requests():
    return requested_channels(project.runs)


def channel_request(wildcards):
    """Params: the contrasts and methods of all runs that read this layer."""
    place = (wildcards.model, wildcards.image, wildcards.override, wildcards.layer)
    return channel_requests().get(place, DEFAULT_REQUEST)


def run_row(wildcards):
    return user_errors(lambda: project.runs[wildcards.run])


def files_of_panel(wildcards):
    """Input: the files that a panel of a run is drawn from."""
    return panel_files(run_row(wildcards), wildcards.panel, **rendering_options())


def files_of_page(wildcards):
    """Input: the files that the page of a run is made from."""
    return page_files(run_row(wildcards), **rendering_options())


def rendering_options():
    settings = project.settings
    return {
        "neuron_groups": settings.neuron_groups.count,
        "rendered": settings.sprites.recipe != "none",
        "made_of": project.made_of,
        "group_exemplars": settings.sweep.neuron_groups,
    }


def style_of_figures():
    """Params: how figures are drawn."""
    settings = project.settings
    scaled = {"scale_by_magnitude": settings.grids.scale_by_magnitude}
    return settings.figure.model_dump(mode="json") | scaled


def sprite_recipe():
    """Params: all that decides the pixels of a sprite; the name of the recipe decides nothing."""
    where = "key sprites.recipe of the config"
    return user_errors(lambda: find_recipe(project.settings.sprites.recipe, where).to_dict())


def grid_recipe():
    """Params: all that decides the pixels of a single cell."""
    options = project.settings.grids
    chosen = (options.recipe, options.cell_size, options.steps, options.seed)
    return user_errors(lambda: cell_recipe(*chosen).to_dict())


@cache
def channels_of(model, layer):
    card = user_errors(lambda: card_of(project, model))
    if card is None:
        raise WorkflowError(
            f"the number of channels of layer '{layer}' is known once network '{model}' is there; run "
            f"'snakemake {placed(f'{RESULTS}/models/{model}/model.json')}' first"
        )
    return user_errors(lambda: channel_count(card, layer))


def requested_sprites(wildcards):
    """Return what the name of a sheet requests: channels or neurons, and their numbers."""
    layer = layer_from_path(wildcards.layer)
    count = channels_of(wildcards.model, layer)
    return user_errors(lambda: requested_units(wildcards.units, count, layer))


def sprite_shards(wildcards):
    """Input: the shards of what a sheet shows, named by their numbers."""
    kind, numbers = requested_sprites(wildcards)
    suffix = "" if kind == "channels" else f"-{kind}"
    folder = f"results/models/{wildcards.model}/sprites/shards/{wildcards.layer}{suffix}"
    return shards_in(folder, numbers)


def group_shards(wildcards):
    """Input: the shards of all neuron groups of a file."""
    folder = "results/{model}/{image}/groups/shards/{layer}-{n}".format(**wildcards)
    return shards_in(folder, range(int(wildcards.n)))


def shards_in(folder, numbers):
    return shard_files(folder, numbers, project.settings.sprites.channels_per_job)


@cache
def layers_of_runs(model, dataset):
    return swept_layers(project.runs.values(), model, dataset)


def layers_of_sweep(wildcards):
    """Params: the layers that one pass over a data set serves."""
    if wildcards.layers == SWEPT_LAYERS:
        return layers_of_runs(wildcards.model, wildcards.dataset)
    return [layer_from_path(wildcards.layers)]


def options_of_sweep():
    """Params: what decides the exemplars of a layer."""
    apart = {"damaged", "neuron_groups"}
    return project.settings.sweep.model_dump(mode="json", exclude=apart)


def parts_of_exemplars(wildcards):
    """Input: the parts of a data set; a layer that no run shows gets a pass of its own."""
    shown = layer_from_path(wildcards.layer) in layers_of_runs(wildcards.model, wildcards.dataset)
    folder = "results/models/{model}/datasets/{dataset}".format(**wildcards)
    layers = SWEPT_LAYERS if shown else wildcards.layer
    return sweep_parts(folder, layers, dataset_row(wildcards).jobs)


def parts_of_group_exemplars(wildcards):
    """Input: the parts of a data set for the neuron groups of an image."""
    folder = "results/{model}/{image}/groups/exemplars/{dataset}".format(**wildcards)
    layers = "{layer}-{n}".format(**wildcards)
    return sweep_parts(folder, layers, dataset_row(wildcards).jobs)


def files_of_channel_page(wildcards):
    """Input: the files that a page of channels is made from."""
    rendered = project.settings.sprites.recipe != "none"
    layer = layer_from_path(wildcards.layer)
    return files_of_channels(project.runs.values(), wildcards.model, layer, rendered)


def pages_of_channels(wildcards):
    """Params: all pages of a layer."""
    layer = layer_from_path(wildcards.layer)
    pages = channel_pages(wildcards.model, layer, channels_of(wildcards.model, layer))
    return list(map(placed, pages))


def first_channel_pages(wildcards, own=True):
    """Params: the first page of each layer of a network that has any, and of one's own layer."""
    named = layers_with_pages(project.runs.values())
    if own:
        named.append((wildcards.model, layer_from_path(wildcards.layer)))
    return {
        layer: placed(channel_pages(model, layer)[0])
        for model, layer in named
        if model == wildcards.model
    }


@cache
def dataset_that_shows(model, layer):
    """Return the first data set in which runs of a network show a layer; empty for none."""
    rows = (row for row in project.runs.values() if row.dataset and row.model == model)
    return next((row.dataset for row in rows if layer in row.layers), "")


def sheet_of_exemplars(wildcards):
    """Input: the exemplars of a layer's channels in the first data set that shows them, if any."""
    layer = layer_from_path(wildcards.layer)
    dataset = dataset_that_shows(wildcards.model, layer)
    sheet = exemplar_sheet(wildcards.model, dataset, layer) if dataset else ""
    return [f"{sheet}.png", f"{sheet}.json"] if sheet else []


def labels_of_panel(wildcards, title=None):
    """Report: the columns of the table of figures."""
    row = run_row(wildcards)
    return {
        "figure": title or PANELS[wildcards.panel].title,
        "network": row.model,
        "image": row.image,
        "layers": f"{row.layer1}, {row.layer2}",
        "gradient": row.override,
        "factors": str(row.factors),
        "sprites": project.settings.sprites.recipe,
    }


def labels_of_page(wildcards):
    """Report: the same of a page, which has all panels of a run."""
    return labels_of_panel(wildcards, title="Page with all panels, interactive")


def labels_of_channel_page(wildcards):
    """Report: the columns of the table of channels."""
    return {
        "layer": layer_from_path(wildcards.layer),
        "page": int(wildcards.page.strip("/") or 1),
    }


def everything(wildcards):
    """Input: all that the gallery shows and is made of, and the gallery."""
    settings = project.settings
    drawn = Sprites(settings.sprites.channels_per_job, channels_of)
    rendered = settings.sprites.recipe != "none"
    return all_results(
        project.runs.values(),
        settings.neuron_groups.count,
        drawn if rendered else None,
        project.made_of,
        Exemplars(
            {name: row.jobs for name, row in project.datasets.items()},
            channels_of,
            settings.sweep.neuron_groups,
        ),
    )
