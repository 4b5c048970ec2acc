# Attribution between the positions of two layers.


rule positions:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        picture=rules.input.output.png,
        activations="results/{model}/{image}/activations/{layer1}.zarr.zip",
    output:
        h5="results/{model}/{image}/{override}/positions/{layer1}--{layer2}.h5",
    log:
        "logs/positions/{model}/{image}/{override}/{layer1}--{layer2}.log",
    benchmark:
        "benchmarks/positions/{model}/{image}/{override}/{layer1}--{layer2}.tsv"
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
        code=code("positions"),
        layer1=lambda wildcards: layer_from_path(wildcards.layer1),
        layer2=lambda wildcards: layer_from_path(wildcards.layer2),
        override="{override}",
    message:
        "{wildcards.image}: positions of {params.layer1} against {params.layer2} in "
        "{wildcards.model}, gradient {wildcards.override}"
    script:
        "../scripts/positions.py"
