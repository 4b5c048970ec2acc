# Attribution between the channels of two layers.


rule drivers:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        picture=rules.input.output.png,
        activations="results/{model}/{image}/activations/{layer1}.zarr.zip",
    output:
        h5="results/{model}/{image}/{override}/drivers/{layer1}--{layer2}.h5",
    log:
        "logs/drivers/{model}/{image}/{override}/{layer1}--{layer2}.log",
    benchmark:
        "benchmarks/drivers/{model}/{image}/{override}/{layer1}--{layer2}.tsv"
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
        code=code("drivers"),
        layer1=lambda wildcards: layer_from_path(wildcards.layer1),
        layer2=lambda wildcards: layer_from_path(wildcards.layer2),
        override="{override}",
    message:
        "{wildcards.image}: channels of {params.layer1} that drive {params.layer2} in "
        "{wildcards.model}, gradient {wildcards.override}"
    script:
        "../scripts/drivers.py"
