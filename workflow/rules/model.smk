# The network in normal form, and an image as it sees it.


rule model:
    input:
        files=network_files_of_user,
    output:
        graph="results/models/{model}/graph.pb",
        card="results/models/{model}/model.json",
    log:
        "logs/model/{model}.log",
    benchmark:
        "benchmarks/model/{model}.tsv"
    # Compute nodes may have no network. The stage repeats a failed download itself.
    localrule: True
    threads: 1
    resources:
        mem_mb=per_attempt(BASE_MB),
        runtime=per_attempt(30),
        # Not a parameter, because it changes no result.
        download_mb=project.settings.compute.download_mb,
    params:
        code=code_param("model"),
        content=content_of(network_files_of_user),
        entry=lambda wildcards: model_entry(wildcards).model_dump(mode="json"),
        downloads=placed("results/models/{model}/source"),
    message:
        "{wildcards.model}: bring the network into normal form"
    script:
        "../scripts/model.py"


# It has the files of a network, and is none that the rule above can make.
ruleorder: randomised_model > model


rule randomised_model:
    input:
        graph=lambda wildcards: f"results/models/{model_entry(wildcards).source_model}/graph.pb",
        card=lambda wildcards: f"results/models/{model_entry(wildcards).source_model}/model.json",
    output:
        graph="results/models/{model}/graph.pb",
        card="results/models/{model}/model.json",
    log:
        "logs/randomised_model/{model}.log",
    benchmark:
        "benchmarks/randomised_model/{model}.tsv"
    wildcard_constraints:
        model=randomised_models(),
    threads: 1
    resources:
        mem_mb=per_attempt(BASE_MB),
        runtime=per_attempt(10),
    params:
        code=code_param("randomised_model"),
        entry=lambda wildcards: model_entry(wildcards).model_dump(mode="json"),
    message:
        "{wildcards.model}: draw weights of the network anew"
    script:
        "../scripts/randomised_model.py"


rule input:
    input:
        image=image_path,
        card=rules.model.output.card,
    output:
        png="results/{model}/{image}/input.png",
    log:
        "logs/input/{model}/{image}.log",
    benchmark:
        "benchmarks/input/{model}/{image}.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=per_attempt(500),
        runtime=per_attempt(10),
    params:
        code=code_param("input"),
        content=content_of(image_path),
        image="{image}",
        background=project.settings.image.background,
    message:
        "{wildcards.image}: fit the image to {wildcards.model}"
    script:
        "../scripts/input.py"
