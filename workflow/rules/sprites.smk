# What the channels of a layer respond to: rendered range by range, then put on one sheet.


rule render:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
    output:
        h5="results/models/{model}/sprites/shards/{layer}/{first}-{last}.h5",
    log:
        "logs/render/{model}/{layer}/{first}-{last}.log",
    benchmark:
        "benchmarks/render/{model}/{layer}/{first}-{last}.tsv"
    wildcard_constraints:
        first="[0-9]+",
        last="[0-9]+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=BASE_MB + project.settings.compute.memory_mb,
        batch_mb=project.settings.compute.memory_mb,
        gpu=int(project.settings.sprites.gpu),
        runtime=240,
    params:
        code=code("render"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        channels=lambda wildcards: [int(wildcards.first), int(wildcards.last)],
        recipe=lambda wildcards: sprite_recipe(),
        # Beside the shards, and no output: a job that is killed keeps what it finished.
        progress="results/models/{model}/sprites/progress",
    message:
        "{wildcards.model}: render channels {wildcards.first} to {wildcards.last} of {params.layer}"
    script:
        "../scripts/render.py"


rule sprites:
    input:
        card=rules.model.output.card,
        shards=sprite_shards,
    output:
        zarr="results/models/{model}/sprites/{layer}.zarr.zip",
        png="results/models/{model}/sprites/{layer}.png",
        json="results/models/{model}/sprites/{layer}.json",
    log:
        "logs/sprites/{model}/{layer}.log",
    benchmark:
        "benchmarks/sprites/{model}/{layer}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
    params:
        code=code("sprites"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
    message:
        "{wildcards.model}: put the sprites of {params.layer} on one sheet"
    script:
        "../scripts/sprites.py"
