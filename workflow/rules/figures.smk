# The figure of a run: its panels for print, and its page.


rule panel:
    input:
        unpack(files_of_panel),
    output:
        pdf="results/figures/{run}/{panel}.pdf",
        svg="results/figures/{run}/{panel}.svg",
        png="results/figures/{run}/{panel}.png",
    log:
        "logs/panel/{run}/{panel}.log",
    benchmark:
        "benchmarks/panel/{run}/{panel}.tsv"
    group:
        "figure"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(5),
    params:
        code=code("panel"),
        panel="{panel}",
        run=lambda wildcards: run_row(wildcards).figure_params,
        style=style_of_figures(),
    message:
        "{wildcards.run}: draw the panel {wildcards.panel}"
    script:
        "../scripts/panel.py"


rule page:
    input:
        unpack(files_of_page),
        printed=lambda wildcards: printed_files(run_row(wildcards)),
    output:
        html="results/figures/{run}/index.html",
    log:
        "logs/page/{run}.log",
    benchmark:
        "benchmarks/page/{run}.tsv"
    group:
        "figure"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(5),
    params:
        code=code("page"),
        run=lambda wildcards: run_row(wildcards).figure_params,
        panels=lambda wildcards: list(run_row(wildcards).panels),
        style=style_of_figures(),
        gallery="results/index.html",
    message:
        "{wildcards.run}: write the page"
    script:
        "../scripts/page.py"
