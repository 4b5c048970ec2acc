# What the channels of a network respond to over all images of a data set, in parts that are put together.


rule sweep:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        index=rules.dataset.output.h5,
    output:
        h5="results/models/{model}/datasets/{dataset}/shards/{layers}/{part}-of-{parts}.h5",
    log:
        "logs/sweep/{model}/{dataset}/{layers}/{part}-of-{parts}.log",
    benchmark:
        "benchmarks/sweep/{model}/{dataset}/{layers}/{part}-of-{parts}.tsv"
    wildcard_constraints:
        layers="[^/]+",
    threads: 1
    resources:
        mem_mb=per_attempt(BASE_MB + 2000),
        runtime=per_attempt(240),
        # Changes no result.
        damaged_ppm=int(project.settings.sweep.damaged * 1e6),
    params:
        code=code_param("sweep"),
        layers=layers_of_sweep,
        options=options_of_sweep(),
        background=project.settings.image.background,
        # Next to the parts and not an output: a job that is killed keeps what it has finished.
        progress=placed("results/models/{model}/datasets/{dataset}/progress/{layers}"),
    message:
        "{wildcards.model}: part {wildcards.part} of {wildcards.parts} of data set {wildcards.dataset}"
    script:
        "../scripts/sweep.py"


rule exemplars:
    input:
        card=rules.model.output.card,
        index=rules.dataset.output.h5,
        shards=parts_of_exemplars,
    output:
        h5="results/models/{model}/datasets/{dataset}/{layer}.h5",
    log:
        "logs/exemplars/{model}/{dataset}/{layer}.log",
    benchmark:
        "benchmarks/exemplars/{model}/{dataset}/{layer}.tsv"
    threads: 1
    resources:
        mem_mb=per_attempt(3000),
        runtime=per_attempt(30),
        damaged_ppm=int(project.settings.sweep.damaged * 1e6),
    params:
        code=code_param("exemplars"),
        dataset="{dataset}",
        layer=layer_of("layer"),
        unit="channel",
    message:
        "{wildcards.model}: exemplars of {params.layer} in data set {wildcards.dataset}"
    script:
        "../scripts/exemplars.py"


# The same for directions that an image has: its neuron groups.
use rule sweep as group_sweep with:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        index=rules.dataset.output.h5,
        neuron_groups=rules.neuron_groups.output.h5,
    output:
        h5="results/{model}/{image}/groups/exemplars/{dataset}/shards/{layer}-{n}/{part}-of-{parts}.h5",
    log:
        "logs/group_sweep/{model}/{image}/{dataset}/{layer}-{n}/{part}-of-{parts}.log",
    benchmark:
        "benchmarks/group_sweep/{model}/{image}/{dataset}/{layer}-{n}/{part}-of-{parts}.tsv"
    params:
        code=code_param("sweep"),
        layers=lambda wildcards: [layer_from_path(wildcards.layer)],
        options=options_of_sweep(),
        background=project.settings.image.background,
        progress=placed("results/{model}/{image}/groups/exemplars/{dataset}/progress/{layer}-{n}"),
    message:
        "{wildcards.image}: part {wildcards.part} of {wildcards.parts} of data set {wildcards.dataset} for neuron groups of {wildcards.layer} in {wildcards.model}"


use rule exemplars as group_exemplars with:
    input:
        card=rules.model.output.card,
        index=rules.dataset.output.h5,
        shards=parts_of_group_exemplars,
    output:
        h5="results/{model}/{image}/groups/exemplars/{dataset}/{layer}-{n}.h5",
    log:
        "logs/group_exemplars/{model}/{image}/{dataset}/{layer}-{n}.log",
    benchmark:
        "benchmarks/group_exemplars/{model}/{image}/{dataset}/{layer}-{n}.tsv"
    params:
        code=code_param("exemplars"),
        dataset="{dataset}",
        layer=layer_of("layer"),
        unit="factor",
    message:
        "{wildcards.image}: exemplars of neuron groups of {params.layer} in data set {wildcards.dataset}"
