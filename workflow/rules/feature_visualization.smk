# What the units of a layer respond to, as sprites on a sheet; and what a layer sees at each position of
# an image, as the cells of an activation grid.


rule render_sprites:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
    output:
        h5="results/models/{model}/sprites/shards/{layer}{kind}/{numbers}.h5",
    log:
        "logs/render_sprites/{model}/{layer}{kind}/{numbers}.log",
    benchmark:
        "benchmarks/render_sprites/{model}/{layer}{kind}/{numbers}.tsv"
    wildcard_constraints:
        kind="(-neurons)?",
    threads: 1
    resources:
        **NETWORK,
        **RENDERER,
        runtime=per_attempt(240),
    params:
        code=code_param("render_sprites"),
        layer=layer_of("layer"),
        kind=lambda wildcards: wildcards.kind.removeprefix("-") or "channels",
        numbers="{numbers}",
        recipe=lambda wildcards: sprite_recipe(),
        # Next to the shards and not an output: a job that is killed keeps what it has finished.
        progress=placed("results/models/{model}/sprites/progress"),
    message:
        "{wildcards.model}: render {params.kind} {wildcards.numbers} of {params.layer}"
    script:
        "../scripts/render_sprites.py"


# The same for directions that an image has: its neuron groups.
use rule render_sprites as render_group_sprites with:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        neuron_groups=rules.neuron_groups.output.h5,
    output:
        h5="results/{model}/{image}/groups/shards/{layer}-{n}/{numbers}.h5",
    log:
        "logs/render_group_sprites/{model}/{image}/{layer}-{n}/{numbers}.log",
    benchmark:
        "benchmarks/render_group_sprites/{model}/{image}/{layer}-{n}/{numbers}.tsv"
    group:
        "groups-{model}"
    resources:
        **NETWORK,
        **RENDERER,
        runtime=per_attempt(60),
    params:
        code=code_param("render_sprites"),
        layer=layer_of("layer"),
        kind="groups",
        numbers="{numbers}",
        recipe=lambda wildcards: sprite_recipe(),
        progress=placed("results/{model}/{image}/groups/progress"),
    message:
        "{wildcards.image}: render neuron groups {wildcards.numbers} of {params.layer} in {wildcards.model}"


rule spritemap:
    input:
        shards=sprite_shards,
    output:
        zarr="results/models/{model}/sprites/{layer}{units}.zarr.zip",
        png="results/models/{model}/sprites/{layer}{units}.png",
        json="results/models/{model}/sprites/{layer}{units}.json",
    log:
        "logs/spritemap/{model}/{layer}{units}.log",
    benchmark:
        "benchmarks/spritemap/{model}/{layer}{units}.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=per_attempt(2000),
        runtime=per_attempt(10),
    params:
        code=code_param("spritemap"),
        layer=layer_of("layer"),
        numbers=lambda wildcards: numbers_in_path(requested_sprites(wildcards)[1]),
    message:
        "{wildcards.model}: put the sprites of {params.layer}{wildcards.units} on one sheet"
    script:
        "../scripts/spritemap.py"


use rule spritemap as group_spritemap with:
    input:
        shards=group_shards,
    output:
        zarr="results/{model}/{image}/groups/{layer}-{n}-sprites.zarr.zip",
        png="results/{model}/{image}/groups/{layer}-{n}-sprites.png",
        json="results/{model}/{image}/groups/{layer}-{n}-sprites.json",
    log:
        "logs/group_spritemap/{model}/{image}/{layer}-{n}.log",
    benchmark:
        "benchmarks/group_spritemap/{model}/{image}/{layer}-{n}.tsv"
    group:
        "groups-{model}"
    localrule: False
    params:
        code=code_param("spritemap"),
        layer=layer_of("layer"),
        numbers=lambda wildcards: numbers_in_path(range(int(wildcards.n))),
    message:
        "{wildcards.image}: put the sprites of the neuron groups of {params.layer} on one sheet"


rule render_grid:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        activations=rules.activations.output.zarr,
    output:
        zarr="results/{model}/{image}/grids/{layer}-{method}.zarr.zip",
    log:
        "logs/render_grid/{model}/{image}/{layer}-{method}.log",
    benchmark:
        "benchmarks/render_grid/{model}/{image}/{layer}-{method}.tsv"
    wildcard_constraints:
        method="plain|coherent",
    group:
        "grid-{model}-{image}-{layer}-{method}"
    threads: 1
    resources:
        **NETWORK,
        **RENDERER,
        runtime=per_attempt(240),
    params:
        code=code_param("render_grid"),
        layer=layer_of("layer"),
        recipe=lambda wildcards: grid_recipe(),
        neuron_groups=project.settings.grids.neuron_groups,
        cells_per_step=project.settings.grids.cells_per_step,
        cosine_power=project.settings.grids.cosine_power,
        # Next to the grids and not an output, as for sprites.
        progress=placed("results/{model}/{image}/grids/progress/{layer}-{method}"),
    message:
        "{wildcards.image}: {wildcards.method} activation grid of {params.layer} in {wildcards.model}"
    script:
        "../scripts/render_grid.py"


rule grid_image:
    input:
        zarr=rules.render_grid.output.zarr,
    output:
        png="results/{model}/{image}/grids/{layer}-{method}.png",
    log:
        "logs/grid_image/{model}/{image}/{layer}-{method}.log",
    benchmark:
        "benchmarks/grid_image/{model}/{image}/{layer}-{method}.tsv"
    wildcard_constraints:
        method="plain|coherent",
    group:
        "grid-{model}-{image}-{layer}-{method}"
    threads: 1
    resources:
        mem_mb=per_attempt(1000),
        runtime=per_attempt(10),
    params:
        code=code_param("grid_image"),
        scale_by_magnitude=project.settings.grids.scale_by_magnitude,
    message:
        "{wildcards.image}: draw the {wildcards.method} activation grid of {wildcards.layer}"
    script:
        "../scripts/grid_image.py"
