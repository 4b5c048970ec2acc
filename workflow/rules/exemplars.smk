# Exemplars to look at: crops around the positions where channels are strongest, and a page with an
# article for each channel.


rule exemplar_sheet:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        index=rules.dataset.output.h5,
        exemplars=rules.exemplars.output.h5,
    output:
        zarr="results/models/{model}/datasets/{dataset}/{layer}.zarr.zip",
        png="results/models/{model}/datasets/{dataset}/{layer}.png",
        json="results/models/{model}/datasets/{dataset}/{layer}.json",
    log:
        "logs/exemplar_sheet/{model}/{dataset}/{layer}.log",
    benchmark:
        "benchmarks/exemplar_sheet/{model}/{dataset}/{layer}.tsv"
    threads: 1
    resources:
        **NETWORK,
        runtime=per_attempt(30),
    params:
        code=code_param("exemplar_sheet"),
        background=project.settings.image.background,
    message:
        "{wildcards.model}: crop the exemplars of {wildcards.layer} in data set {wildcards.dataset}"
    script:
        "../scripts/exemplar_sheet.py"


# The same of neuron groups, which are directions of an image's own.
use rule exemplar_sheet as group_exemplar_sheet with:
    input:
        graph=rules.model.output.graph,
        card=rules.model.output.card,
        index=rules.dataset.output.h5,
        exemplars=rules.group_exemplars.output.h5,
        neuron_groups=rules.neuron_groups.output.h5,
    output:
        zarr="results/{model}/{image}/groups/exemplars/{dataset}/{layer}-{n}.zarr.zip",
        png="results/{model}/{image}/groups/exemplars/{dataset}/{layer}-{n}.png",
        json="results/{model}/{image}/groups/exemplars/{dataset}/{layer}-{n}.json",
    log:
        "logs/group_exemplar_sheet/{model}/{image}/{dataset}/{layer}-{n}.log",
    benchmark:
        "benchmarks/group_exemplar_sheet/{model}/{image}/{dataset}/{layer}-{n}.tsv"
    message:
        "{wildcards.image}: crop the exemplars of neuron groups of {wildcards.layer} in data set {wildcards.dataset}"


rule channel_page:
    input:
        unpack(files_of_channel_page),
        card=rules.model.output.card,
    output:
        html=report(
            "results/models/{model}/channels/{layer}{page}.html",
            caption="../report/channel_page.rst",
            category="Channels",
            subcategory="{model}",
            labels=labels_of_channel_page,
        ),
    log:
        "logs/channel_page/{model}/{layer}{page}.log",
    benchmark:
        "benchmarks/channel_page/{model}/{layer}{page}.tsv"
    wildcard_constraints:
        # The first has no number.
        page="|/[1-9][0-9]*",
    group:
        "figure"
    threads: 1
    resources:
        mem_mb=per_attempt(1500),
        runtime=per_attempt(10),
    params:
        code=code_param("channel_page"),
        layer=layer_of("layer"),
        page=lambda wildcards: int(wildcards.page.strip("/") or 1) - 1,
        per_page=CHANNELS_PER_PAGE,
        pages=pages_of_channels,
        uses=lambda wildcards: uses_of(
            project.runs.values(), wildcards.model, layer_from_path(wildcards.layer), placed
        ),
        top_channels=project.settings.figure.top_channels,
        layers=first_channel_pages,
        gallery=placed(GALLERY),
    message:
        "{wildcards.model}: write the page of the channels of {params.layer}{wildcards.page}"
    script:
        "../scripts/channel_page.py"
