# Attribution of pairs of classes, and of every class, to the channels of a layer.


rule channels:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        picture=rules.input.output.png,
        activations=rules.activations.output.zarr,
    output:
        h5="results/{model}/{image}/{override}/channels/{layer}.h5",
    log:
        "logs/channels/{model}/{image}/{override}/{layer}.log",
    benchmark:
        "benchmarks/channels/{model}/{image}/{override}/{layer}.tsv"
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
        code=code("channels"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        override="{override}",
        pairs=lambda wildcards: asked_channels(wildcards)["pairs"],
        methods=lambda wildcards: asked_channels(wildcards)["methods"],
        seed=project.settings.channels.seed,
        tolerance=project.settings.channels.completeness_tolerance,
    message:
        "{wildcards.image}: channels of {params.layer} in {wildcards.model}, gradient "
        "{wildcards.override}"
    script:
        "../scripts/channels.py"
