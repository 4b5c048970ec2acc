# The same jobs and files as those of the workflow for runs like those of bench/scale.py, and nothing
# else: no config, parameters or groups.
# Planning cannot take less than what Snakemake itself needs for them.
import json
from pathlib import Path

RUNS = json.loads(Path("runs.json").read_text())


wildcard_constraints:
    name="[^/]+",
    layer="[^/]+?",
    layer1="[^/]+?",
    layer2="[^/]+?",
    n="[0-9]+",


def of_run(kind):
    return lambda wildcards: RUNS[wildcards.run][kind]


rule all:
    input:
        [run["page"] for run in RUNS.values()],


rule model:
    output:
        graph="results/models/{model}/graph.pb",
        card="results/models/{model}/model.json",
    shell:
        "true"


rule input:
    input:
        image="{image}.png",
        card=rules.model.output.card,
    output:
        "results/{model}/{image}/input.png",
    shell:
        "true"


rule activations:
    input:
        rules.model.output,
        rules.input.output,
    output:
        "results/{model}/{image}/activations/{layer}.zarr.zip",
    shell:
        "true"


rule classes:
    input:
        rules.model.output,
        rules.input.output,
        rules.activations.output,
    output:
        "results/{model}/{image}/{override}/classes/{layer}.h5",
    shell:
        "true"


rule positions:
    input:
        rules.model.output,
        rules.input.output,
        "results/{model}/{image}/activations/{layer1}.zarr.zip",
    output:
        "results/{model}/{image}/{override}/positions/{layer1}--{layer2}.h5",
    shell:
        "true"


rule channels:
    input:
        rules.model.output,
        rules.input.output,
        rules.activations.output,
    output:
        "results/{model}/{image}/{override}/channels/{layer}.h5",
    shell:
        "true"


rule drivers:
    input:
        rules.model.output,
        rules.input.output,
        "results/{model}/{image}/activations/{layer1}.zarr.zip",
    output:
        "results/{model}/{image}/{override}/drivers/{layer1}--{layer2}.h5",
    shell:
        "true"


rule factors:
    input:
        "results/{model}/{image}/{override}/classes/{layer}.h5",
    output:
        h5="results/{model}/{image}/{override}/factors/{layer}-{n}.h5",
        tsv="results/{model}/{image}/{override}/factors/{layer}-{n}.tsv",
    shell:
        "true"


rule panel:
    input:
        lambda wildcards: RUNS[wildcards.run]["panels"][wildcards.panel],
    output:
        pdf="results/figures/{run}/{panel}.pdf",
        svg="results/figures/{run}/{panel}.svg",
        png="results/figures/{run}/{panel}.png",
    shell:
        "true"


rule page:
    input:
        of_run("files"),
        of_run("printed"),
    output:
        html="results/figures/{run}/index.html",
    shell:
        "true"
