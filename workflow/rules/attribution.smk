# Activations of a layer, attribution of all classes to its positions, factors of that.


rule activations:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        picture=rules.input.output.png,
    output:
        zarr="results/{model}/{image}/activations/{layer}.zarr.zip",
    log:
        "logs/activations/{model}/{image}/{layer}.log",
    benchmark:
        "benchmarks/activations/{model}/{image}/{layer}.tsv"
    group:
        "attribution-{model}"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(BASE_MB),
        runtime=growing(5),
    params:
        code=code("activations"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
    message:
        "{wildcards.image}: activations of {params.layer} in {wildcards.model}"
    script:
        "../scripts/activations.py"


rule classes:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        picture=rules.input.output.png,
        activations=rules.activations.output.zarr,
    output:
        h5="results/{model}/{image}/{override}/classes/{layer}.h5",
    log:
        "logs/classes/{model}/{image}/{override}/{layer}.log",
    benchmark:
        "benchmarks/classes/{model}/{image}/{override}/{layer}.tsv"
    group:
        "attribution-{model}"
    conda:
        ENVIRONMENT
    threads: 1
    # A resource and no parameter: another bound for the memory changes no result.
    resources:
        mem_mb=NETWORK_MB,
        runtime=growing(5),
        batch_mb=project.settings.compute.memory_mb,
    params:
        code=code("classes"),
        layer=lambda wildcards: layer_from_path(wildcards.layer),
        override="{override}",
    message:
        "{wildcards.image}: all classes at {params.layer} in {wildcards.model}, gradient "
        "{wildcards.override}"
    script:
        "../scripts/classes.py"


rule factors:
    input:
        classes="results/{model}/{image}/{override}/classes/{layer}.h5",
        fit_classes=fit_classes,
    output:
        h5="results/{model}/{image}/{override}/factors/{layer}-{n}{recipe}.h5",
        tsv="results/{model}/{image}/{override}/factors/{layer}-{n}{recipe}.tsv",
    log:
        "logs/factors/{model}/{image}/{override}/{layer}-{n}{recipe}.log",
    benchmark:
        "benchmarks/factors/{model}/{image}/{override}/{layer}-{n}{recipe}.tsv"
    group:
        "attribution-{model}"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code("factors"),
        n=lambda wildcards: int(wildcards.n),
        method=lambda wildcards: method_of(wildcards.recipe),
        top_labels=project.settings.factors.top_labels,
        joint_labels=project.settings.factors.joint_labels,
    message:
        "{wildcards.image}: {wildcards.n} factors ({params.method}) at {wildcards.layer} in "
        "{wildcards.model}, gradient {wildcards.override}"
    script:
        "../scripts/factors.py"
