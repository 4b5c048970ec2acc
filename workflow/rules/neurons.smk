# Groups of neurons of a layer, and what they do to the labels.


rule neurons:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        picture=rules.input.output.png,
        activations=rules.activations.output.zarr,
    output:
        h5="results/{model}/{image}/groups/{layer}-{n}.h5",
    log:
        "logs/neurons/{model}/{image}/{layer}-{n}.log",
    benchmark:
        "benchmarks/neurons/{model}/{image}/{layer}-{n}.tsv"
    group:
        "attribution-{model}"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=NETWORK_MB,
        runtime=growing(5),
        batch_mb=project.settings.compute.memory_mb,
    params:
        code=code("neurons"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        n=lambda wildcards: int(wildcards.n),
    message:
        "{wildcards.image}: {wildcards.n} neuron groups of {params.layer} in {wildcards.model}"
    script:
        "../scripts/neurons.py"
