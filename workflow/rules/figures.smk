# The figure of a run: its panels for print, and its page.


rule groups:
    input:
        picture=run_file("picture"),
        classes=run_file("classes"),
        factors=run_file("factors"),
    output:
        pdf="results/figures/{run}/groups.pdf",
        svg="results/figures/{run}/groups.svg",
        png="results/figures/{run}/groups.png",
    log:
        "logs/groups/{run}.log",
    benchmark:
        "benchmarks/groups/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code("groups"),
        run="{run}",
        asked=lambda wildcards: list(run_row(wildcards).classes),
        probabilities=project.settings.figure.probabilities,
        style=project.settings.figure.model_dump(exclude={"probabilities"}),
    message:
        "{wildcards.run}: draw the attribution groups"
    script:
        "../scripts/groups.py"


rule page:
    input:
        picture=run_file("picture"),
        classes=run_file("classes"),
        factors=run_file("factors"),
        pdf=rules.groups.output.pdf,
        svg=rules.groups.output.svg,
        png=rules.groups.output.png,
    output:
        html="results/figures/{run}/index.html",
    log:
        "logs/page/{run}.log",
    benchmark:
        "benchmarks/page/{run}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
    params:
        code=code("page"),
        run="{run}",
        asked=lambda wildcards: list(run_row(wildcards).classes),
        probabilities=project.settings.figure.probabilities,
        style=project.settings.figure.model_dump(exclude={"probabilities"}),
        gallery="results/index.html",
    message:
        "{wildcards.run}: write the page"
    script:
        "../scripts/page.py"
