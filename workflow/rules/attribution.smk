# The activations of an image, and what they contribute: positions and channels to labels, a layer to
# a later one, the factors of that, and groups of neurons.

# The network, and the image as it sees it.
AT_IMAGE = {
    "graph": rules.model.output.graph,
    "card": rules.model.output.card,
    "image": rules.input.output.png,
}


rule activations:
    input:
        **AT_IMAGE,
    output:
        zarr="results/{model}/{image}/activations/{layer}.zarr.zip",
    log:
        "logs/activations/{model}/{image}/{layer}.log",
    benchmark:
        "benchmarks/activations/{model}/{image}/{layer}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        mem_mb=per_attempt(BASE_MB),
        runtime=per_attempt(5),
    params:
        code=code_param("activations"),
        layer=layer_of("layer"),
    message:
        "{wildcards.image}: activations of {params.layer} in {wildcards.model}"
    script:
        "../scripts/activations.py"


rule classes:
    input:
        **AT_IMAGE,
        activations=rules.activations.output.zarr,
    output:
        h5="results/{model}/{image}/{override}/classes/{layer}.h5",
    log:
        "logs/classes/{model}/{image}/{override}/{layer}.log",
    benchmark:
        "benchmarks/classes/{model}/{image}/{override}/{layer}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(5),
    params:
        code=code_param("classes"),
        layer=layer_of("layer"),
        override="{override}",
    message:
        "{wildcards.image}: all labels at {params.layer} in {wildcards.model}, gradient "
        "{wildcards.override}"
    script:
        "../scripts/classes.py"


rule positions:
    input:
        **AT_IMAGE,
        activations="results/{model}/{image}/activations/{layer1}.zarr.zip",
    output:
        h5="results/{model}/{image}/{override}/positions/{layer1}--{layer2}.h5",
    log:
        "logs/positions/{model}/{image}/{override}/{layer1}--{layer2}.log",
    benchmark:
        "benchmarks/positions/{model}/{image}/{override}/{layer1}--{layer2}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(5),
    params:
        code=code_param("positions"),
        layer1=layer_of("layer1"),
        layer2=layer_of("layer2"),
        override="{override}",
    message:
        "{wildcards.image}: positions of {params.layer1} against {params.layer2} in "
        "{wildcards.model}, gradient {wildcards.override}"
    script:
        "../scripts/positions.py"


rule channels:
    input:
        **AT_IMAGE,
        activations=rules.activations.output.zarr,
    output:
        h5="results/{model}/{image}/{override}/channels/{layer}.h5",
    log:
        "logs/channels/{model}/{image}/{override}/{layer}.log",
    benchmark:
        "benchmarks/channels/{model}/{image}/{override}/{layer}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(5),
    params:
        code=code_param("channels"),
        layer=layer_of("layer"),
        override="{override}",
        contrasts=lambda wildcards: channel_request(wildcards)["pairs"],
        methods=lambda wildcards: channel_request(wildcards)["methods"],
        seed=project.settings.channels.seed,
        tolerance=project.settings.channels.completeness_tolerance,
    message:
        "{wildcards.image}: channels of {params.layer} in {wildcards.model}, gradient "
        "{wildcards.override}"
    script:
        "../scripts/channels.py"


rule drivers:
    input:
        **AT_IMAGE,
        activations="results/{model}/{image}/activations/{layer1}.zarr.zip",
    output:
        h5="results/{model}/{image}/{override}/drivers/{layer1}--{layer2}.h5",
    log:
        "logs/drivers/{model}/{image}/{override}/{layer1}--{layer2}.log",
    benchmark:
        "benchmarks/drivers/{model}/{image}/{override}/{layer1}--{layer2}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(5),
    params:
        code=code_param("drivers"),
        layer1=layer_of("layer1"),
        layer2=layer_of("layer2"),
        override="{override}",
    message:
        "{wildcards.image}: channels of {params.layer1} that drive {params.layer2} in "
        "{wildcards.model}, gradient {wildcards.override}"
    script:
        "../scripts/drivers.py"


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
    threads: 1
    resources:
        mem_mb=per_attempt(1000),
        runtime=per_attempt(5),
    params:
        code=code_param("factors"),
        n=lambda wildcards: int(wildcards.n),
        method=lambda wildcards: method_of(wildcards.recipe),
        top_labels=project.settings.factors.top_labels,
        joint_labels=project.settings.factors.joint_labels,
    message:
        "{wildcards.image}: {wildcards.n} factors ({params.method}) at {wildcards.layer} in "
        "{wildcards.model}, gradient {wildcards.override}"
    script:
        "../scripts/factors.py"


rule neuron_groups:
    input:
        **AT_IMAGE,
        activations=rules.activations.output.zarr,
    output:
        h5="results/{model}/{image}/groups/{layer}-{n}.h5",
    log:
        "logs/neuron_groups/{model}/{image}/{layer}-{n}.log",
    benchmark:
        "benchmarks/neuron_groups/{model}/{image}/{layer}-{n}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(5),
    params:
        code=code_param("neuron_groups"),
        layer=layer_of("layer"),
        n=lambda wildcards: int(wildcards.n),
    message:
        "{wildcards.image}: {wildcards.n} neuron groups of {params.layer} in {wildcards.model}"
    script:
        "../scripts/neuron_groups.py"


rule flow:
    input:
        **AT_IMAGE,
        activations=lambda wildcards: [
            "results/{model}/{image}/activations/{part}.zarr.zip".format(part=part, **wildcards)
            for part in flow_layers(wildcards)
        ],
        groups=lambda wildcards: [
            "results/{model}/{image}/groups/{part}-{n}.h5".format(part=part, **wildcards)
            for part in flow_layers(wildcards)
        ],
    output:
        h5="results/{model}/{image}/{override}/flow/{layers}-{n}.h5",
    log:
        "logs/flow/{model}/{image}/{override}/{layers}-{n}.log",
    benchmark:
        "benchmarks/flow/{model}/{image}/{override}/{layers}-{n}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(10),
    params:
        code=code_param("flow"),
        layers=lambda wildcards: list(map(layer_from_path, flow_layers(wildcards))),
        override="{override}",
    message:
        "{wildcards.image}: flow between neuron groups of {params.layers} in {wildcards.model}, "
        "gradient {wildcards.override}"
    script:
        "../scripts/flow.py"


rule ablation:
    input:
        **AT_IMAGE,
        activations=rules.activations.output.zarr,
        groups=f"results/{{model}}/{{image}}/groups/{{layer}}-{project.settings.neuron_groups.count}.h5",
    output:
        h5="results/{model}/{image}/ablation/{layer}.h5",
    log:
        "logs/ablation/{model}/{image}/{layer}.log",
    benchmark:
        "benchmarks/ablation/{model}/{image}/{layer}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(10),
    params:
        code=code_param("ablation"),
        layer=layer_of("layer"),
        baseline=project.settings.ablation.baseline,
    message:
        "{wildcards.image}: exact ablation of {params.layer} in {wildcards.model}"
    script:
        "../scripts/ablation.py"


rule scores:
    input:
        **AT_IMAGE,
        activations=rules.activations.output.zarr,
        classes=rules.classes.output.h5,
        mask=mask_path,
    output:
        h5="results/{model}/{image}/{override}/scores/{layer}.h5",
        tsv="results/{model}/{image}/{override}/scores/{layer}.tsv",
    log:
        "logs/scores/{model}/{image}/{override}/{layer}.log",
    benchmark:
        "benchmarks/scores/{model}/{image}/{override}/{layer}.tsv"
    group:
        "attribution-{model}"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(15),
    params:
        code=code_param("scores"),
        content=content_of(mask_path),
        layer=layer_of("layer"),
        override="{override}",
        contrasts=lambda wildcards: channel_request(wildcards)["pairs"],
        objects=lambda wildcards: image_row(wildcards).objects,
        random_orders=project.settings.scores.random_orders,
    message:
        "{wildcards.image}: scores of maps of {params.layer} in {wildcards.model}, gradient "
        "{wildcards.override}"
    script:
        "../scripts/scores.py"


rule sanity:
    input:
        card=rules.model.output.card,
        classes=rules.classes.output.h5,
        cards=lambda wildcards: randomised_files(wildcards, "results/models/{other}/model.json"),
        randomised=lambda wildcards: randomised_files(
            wildcards, "results/{other}/{image}/{override}/classes/{layer}.h5"
        ),
    output:
        h5="results/{model}/{image}/{override}/sanity/{layer}.h5",
        tsv="results/{model}/{image}/{override}/sanity/{layer}.tsv",
    log:
        "logs/sanity/{model}/{image}/{override}/{layer}.log",
    benchmark:
        "benchmarks/sanity/{model}/{image}/{override}/{layer}.tsv"
    group:
        "figure"
    threads: 1
    resources:
        mem_mb=per_attempt(1000),
        runtime=per_attempt(5),
    params:
        code=code_param("sanity"),
    message:
        "{wildcards.image}: maps of {wildcards.layer} in {wildcards.model} and in networks with other "
        "weights, gradient {wildcards.override}"
    script:
        "../scripts/sanity.py"
