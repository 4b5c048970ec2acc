# What a layer sees at each position of a picture: one small picture per position, rendered, then put
# side by side.


rule cells:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        activations=rules.activations.output.zarr,
    output:
        zarr="results/{model}/{image}/grids/{layer}-{method}.zarr.zip",
    log:
        "logs/cells/{model}/{image}/{layer}-{method}.log",
    benchmark:
        "benchmarks/cells/{model}/{image}/{layer}-{method}.tsv"
    wildcard_constraints:
        method="plain|coherent",
    group:
        "grid-{model}-{image}-{layer}-{method}"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=NETWORK_MB,
        batch_mb=project.settings.compute.memory_mb,
        gpu=int(project.settings.compute.gpu),
        runtime=growing(240),
    params:
        code=code("cells"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        recipe=lambda wildcards: grid_recipe(),
        groups=project.settings.grids.neuron_groups,
        drawn=project.settings.grids.cells_per_step,
        cosine=project.settings.grids.cosine_power,
        # Beside the grids, and no output: a job that is killed keeps what it finished.
        progress="results/{model}/{image}/grids/progress/{layer}-{method}",
    message:
        "{wildcards.image}: {wildcards.method} activation grid of {params.layer} in {wildcards.model}"
    script:
        "../scripts/cells.py"


rule grid:
    input:
        zarr=rules.cells.output.zarr,
    output:
        png="results/{model}/{image}/grids/{layer}-{method}.png",
    log:
        "logs/grid/{model}/{image}/{layer}-{method}.log",
    benchmark:
        "benchmarks/grid/{model}/{image}/{layer}-{method}.tsv"
    wildcard_constraints:
        method="plain|coherent",
    group:
        "grid-{model}-{image}-{layer}-{method}"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        code=code("grid"),
        magnitude=project.settings.grids.scale_by_magnitude,
    message:
        "{wildcards.image}: draw the {wildcards.method} activation grid of {wildcards.layer}"
    script:
        "../scripts/grid.py"
