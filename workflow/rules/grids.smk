# What a layer sees at each position of a picture: one small picture per position.


rule grid:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        activations=rules.activations.output.zarr,
    output:
        zarr="results/{model}/{image}/grids/{layer}-{method}.zarr.zip",
        png="results/{model}/{image}/grids/{layer}-{method}.png",
    log:
        "logs/grid/{model}/{image}/{layer}-{method}.log",
    benchmark:
        "benchmarks/grid/{model}/{image}/{layer}-{method}.tsv"
    wildcard_constraints:
        method="plain|coherent",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=NETWORK_MB,
        batch_mb=project.settings.compute.memory_mb,
        runtime=growing(240),
    params:
        code=code("grid"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        recipe=lambda wildcards: grid_recipe(),
        groups=project.settings.grids.groups,
        drawn=project.settings.grids.drawn,
        magnitude=project.settings.grids.magnitude,
    message:
        "{wildcards.image}: {wildcards.method} activation grid of {params.layer} in {wildcards.model}"
    script:
        "../scripts/grid.py"
