# What units of a layer respond to: rendered some at a time, then put on one sheet.


rule render:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
    output:
        h5="results/models/{model}/sprites/shards/{layer}{kind}/{numbers}.h5",
    log:
        "logs/render/{model}/{layer}{kind}/{numbers}.log",
    benchmark:
        "benchmarks/render/{model}/{layer}{kind}/{numbers}.tsv"
    wildcard_constraints:
        kind="(-neurons)?",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=NETWORK_MB,
        batch_mb=project.settings.compute.memory_mb,
        gpu=int(project.settings.compute.gpu),
        runtime=growing(240),
    params:
        code=code("render"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        kind=lambda wildcards: wildcards.kind.removeprefix("-") or "channels",
        numbers="{numbers}",
        recipe=lambda wildcards: sprite_recipe(),
        # Beside the shards, and no output: a job that is killed keeps what it finished.
        progress="results/models/{model}/sprites/progress",
    message:
        "{wildcards.model}: render {params.kind} {wildcards.numbers} of {params.layer}"
    script:
        "../scripts/render.py"


# The same for directions that a picture has: its neuron groups.
use rule render as render_groups with:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        groups=rules.neurons.output.h5,
    output:
        h5="results/{model}/{image}/groups/shards/{layer}-{n}/{numbers}.h5",
    log:
        "logs/render_groups/{model}/{image}/{layer}-{n}/{numbers}.log",
    benchmark:
        "benchmarks/render_groups/{model}/{image}/{layer}-{n}/{numbers}.tsv"
    group:
        "groups-{model}"
    resources:
        mem_mb=NETWORK_MB,
        batch_mb=project.settings.compute.memory_mb,
        gpu=int(project.settings.compute.gpu),
        runtime=growing(60),
    params:
        code=code("render"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        kind="groups",
        numbers="{numbers}",
        recipe=lambda wildcards: sprite_recipe(),
        progress="results/{model}/{image}/groups/progress",
    message:
        "{wildcards.image}: render neuron groups {wildcards.numbers} of {params.layer} in {wildcards.model}"


rule sprites:
    input:
        shards=sprite_shards,
    output:
        zarr="results/models/{model}/sprites/{layer}{units}.zarr.zip",
        png="results/models/{model}/sprites/{layer}{units}.png",
        json="results/models/{model}/sprites/{layer}{units}.json",
    log:
        "logs/sprites/{model}/{layer}{units}.log",
    benchmark:
        "benchmarks/sprites/{model}/{layer}{units}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        code=code("sprites"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        numbers=lambda wildcards: numbers_in_path(asked_sprites(wildcards)[1]),
    message:
        "{wildcards.model}: put the sprites of {params.layer}{wildcards.units} on one sheet"
    script:
        "../scripts/sprites.py"


use rule sprites as group_sprites with:
    input:
        shards=group_shards,
    output:
        zarr="results/{model}/{image}/groups/{layer}-{n}-sprites.zarr.zip",
        png="results/{model}/{image}/groups/{layer}-{n}-sprites.png",
        json="results/{model}/{image}/groups/{layer}-{n}-sprites.json",
    log:
        "logs/group_sprites/{model}/{image}/{layer}-{n}.log",
    benchmark:
        "benchmarks/group_sprites/{model}/{image}/{layer}-{n}.tsv"
    group:
        "groups-{model}"
    localrule: False
    params:
        code=code("sprites"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        numbers=lambda wildcards: numbers_in_path(range(int(wildcards.n))),
    message:
        "{wildcards.image}: put the sprites of the neuron groups of {params.layer} on one sheet"
