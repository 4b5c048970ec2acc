# What all rules look up: the checked project, the places of files, the digest of a stage's code.
# The logic is in the package (blockscope.config, blockscope.runtime.digest), where it is tested.
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake_interface_executor_plugins.settings import ExecMode

from blockscope.runtime import result_cache
from blockscope.feature_visualization.cell_recipe import cell_recipe
from blockscope.feature_visualization.recipes import find_recipe
from blockscope.feature_visualization.unit_selection import (
    NUMBERS_PATTERN,
    UNITS_PATTERN,
    asked_units,
    channel_count,
    numbers_in_path,
    shard_names,
)
from blockscope.config.checks import card_of, load_project
from blockscope.config.cli_values import parse_cli_values
from blockscope.config.result_paths import (
    DEFAULT_CHANNELS,
    RECIPE_PATTERN,
    fitted_on,
    gallery_runs,
    layer_from_path,
    local_files,
    method_of,
    page_files,
    panel_files,
    printed_files,
    requested_channels,
)
from blockscope.config.panels import PANELS
from blockscope.config.settings import ID_PATTERN
from blockscope.config.tables import read_settings
from blockscope.runtime.digest import code_digest
from blockscope.io.errors import BlockscopeError
from blockscope.runtime.forks.measured import measure_forks
from blockscope.runtime.forks.offered import offer
from blockscope.runtime.job import failure_message, success_message
from blockscope.autodiff.gradient_overrides import OVERRIDES

# What a job takes beside its batches: TensorFlow and the network.
BASE_MB = 1500
ENVIRONMENT = "../../envs/cpu.yaml"


wildcard_constraints:
    model=ID_PATTERN,
    image=ID_PATTERN,
    run=ID_PATTERN,
    panel="|".join(PANELS),
    override="|".join(OVERRIDES),
    layer="[^/]+?",
    layer1="[^/]+?",
    layer2="[^/]+?",
    n="[1-9][0-9]{0,2}",
    recipe=RECIPE_PATTERN,
    units=UNITS_PATTERN,
    numbers=NUMBERS_PATTERN,


def told(question, stop=WorkflowError):
    """Show a message that is meant for the user as it is, without a traceback."""
    try:
        return question()
    except BlockscopeError as error:
        raise stop(str(error)) from None


# A file given by --configfile stands alone: Snakemake would mix it into the one named here.
if not workflow.configfiles:
    told(lambda: read_settings("config/config.yaml"), stop=SystemExit)

    configfile: "config/config.yaml"


# Jobs are parsed in processes of their own, after the checks of the first one.
project = told(
    lambda: load_project(
        parse_cli_values(config, workflow.config_settings.config),
        workflow.configfiles,
        check=workflow.exec_mode == ExecMode.DEFAULT,
    ),
    stop=SystemExit,
)
result_cache.use(project.settings.shared_results)
# In the process that starts the jobs: on this machine, or in a submission to a cluster.
if workflow.exec_mode != ExecMode.SUBPROCESS:
    offer()
    measure_forks()


@cache
def digest_of(stage):
    script = Path(workflow.basedir) / "workflow" / "scripts" / f"{stage}.py"
    return told(lambda: code_digest(script))


def code(stage):
    """Params: a job is repeated when the code that it runs has changed."""
    return lambda wildcards: digest_of(stage)


def model_entry(wildcards):
    return told(lambda: project.models[wildcards.model])


def image_path(wildcards):
    return told(lambda: project.images[wildcards.image]).path


def fit_classes(wildcards):
    """Input: the attributions that joint factors are fitted on; factors of one layer have none."""
    layer = fitted_on(wildcards.recipe)
    folder = f"results/{wildcards.model}/{wildcards.image}/{wildcards.override}/classes"
    return f"{folder}/{layer}.h5" if layer else []


@cache
def all_asked_channels():
    return requested_channels(project.runs)


def asked_channels(wildcards):
    """Params: the pairs and methods of all runs that read this layer."""
    place = (wildcards.model, wildcards.image, wildcards.override, wildcards.layer)
    return all_asked_channels().get(place, DEFAULT_CHANNELS)


def run_row(wildcards):
    return told(lambda: project.runs[wildcards.run])


def files_of_panel(wildcards):
    """Input: the files that a panel of a run is drawn from."""
    return panel_files(run_row(wildcards), wildcards.panel, **what_is_made())


def files_of_page(wildcards):
    """Input: the files that the page of a run is made from."""
    return page_files(run_row(wildcards), **what_is_made())


def what_is_made():
    settings = project.settings
    return {"neuron_groups": settings.neuron_groups.count, "rendered": settings.sprites.recipe != "none"}


def style_of_figures():
    """Params: how figures are drawn."""
    settings = project.settings
    scaled = {"scale_by_magnitude": settings.grids.scale_by_magnitude}
    return settings.figure.model_dump(mode="json") | scaled


def sprite_recipe():
    """Params: all that decides the pixels of a sprite; the name of the recipe decides nothing."""
    where = "key sprites.recipe of the settings"
    return told(lambda: find_recipe(project.settings.sprites.recipe, where).plain())


def grid_recipe():
    """Params: all that decides the pixels of a cell by itself."""
    options = project.settings.grids
    chosen = (options.recipe, options.cell_size, options.steps, options.seed)
    return told(lambda: cell_recipe(*chosen).plain())


@cache
def channels_of(model, layer):
    card = told(lambda: card_of(project, model))
    if card is None:
        raise WorkflowError(
            f"how many channels layer '{layer}' has is known once network '{model}' is there; run "
            f"'snakemake results/models/{model}/model.json' first"
        )
    return told(lambda: channel_count(card, layer))


def asked_sprites(wildcards):
    """Return what the name of a sheet asks for: channels or neurons, and their numbers."""
    layer = layer_from_path(wildcards.layer)
    count = channels_of(wildcards.model, layer)
    return told(lambda: asked_units(wildcards.units, count, layer))


def sprite_shards(wildcards):
    """Input: the shards of what a sheet shows, named by their numbers."""
    kind, numbers = asked_sprites(wildcards)
    behind = "" if kind == "channels" else f"-{kind}"
    folder = f"results/models/{wildcards.model}/sprites/shards/{wildcards.layer}{behind}"
    return shards_in(folder, numbers)


def group_shards(wildcards):
    """Input: the shards of all neuron groups of a file."""
    folder = "results/{model}/{image}/groups/shards/{layer}-{n}".format(**wildcards)
    return shards_in(folder, range(int(wildcards.n)))


def shards_in(folder, numbers):
    return [f"{folder}/{name}.h5" for name in shard_names(numbers, project.settings.sprites.channels_per_job)]
