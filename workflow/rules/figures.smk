# What people look at: the panels of a run for print, its page, and contact sheets of all sprites of a
# layer. The gallery of all runs is in the Snakefile.


rule panel:
    input:
        unpack(files_of_panel),
    output:
        pdf="results/figures/{run}/{panel}.pdf",
        svg="results/figures/{run}/{panel}.svg",
        png=report(
            "results/figures/{run}/{panel}.png",
            caption="../report/panel.rst",
            category="Figures",
            subcategory="{run}",
            labels=labels_of_panel,
        ),
    log:
        "logs/panel/{run}/{panel}.log",
    benchmark:
        "benchmarks/panel/{run}/{panel}.tsv"
    group:
        "figure"
    threads: 1
    resources:
        mem_mb=per_attempt(1000),
        runtime=per_attempt(5),
    params:
        code=code_param("panel"),
        panel="{panel}",
        run=lambda wildcards: run_row(wildcards).figure_params,
        # For the report, which knows no more of a job than this.
        caption=lambda wildcards: PANELS[wildcards.panel].caption(run_row(wildcards)),
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
        html=report(
            "results/figures/{run}/index.html",
            caption="../report/page.rst",
            category="Figures",
            subcategory="{run}",
            labels=labels_of_page,
        ),
    log:
        "logs/page/{run}.log",
    benchmark:
        "benchmarks/page/{run}.tsv"
    group:
        "figure"
    threads: 1
    resources:
        mem_mb=per_attempt(1500),
        runtime=per_attempt(5),
    params:
        code=code_param("page"),
        run=lambda wildcards: run_row(wildcards).figure_params,
        panels=lambda wildcards: list(run_row(wildcards).panels),
        style=style_of_figures(),
        gallery=placed(GALLERY),
    message:
        "{wildcards.run}: write the page"
    script:
        "../scripts/page.py"


rule contact_sheet:
    input:
        sprites=rules.spritemap.output.zarr,
        exemplars=sheet_of_exemplars,
    output:
        html=report(
            "results/models/{model}/sprites/{layer}{units}.html",
            caption="../report/contact_sheet.rst",
            category="Sprites",
            subcategory="{model}",
            labels={"layer": "{layer}{units}", "image": "none"},
        ),
    log:
        "logs/contact_sheet/{model}/{layer}{units}.log",
    benchmark:
        "benchmarks/contact_sheet/{model}/{layer}{units}.tsv"
    localrule: True
    threads: 1
    resources:
        mem_mb=per_attempt(1500),
        runtime=per_attempt(5),
    params:
        code=code_param("contact_sheet"),
        channel_page=lambda wildcards: first_channel_pages(wildcards, own=False).get(
            layer_from_path(wildcards.layer)
        ),
    message:
        "{wildcards.model}: write the contact sheet of {wildcards.layer}{wildcards.units}"
    script:
        "../scripts/contact_sheet.py"


# The same with an image: what it activates.
use rule contact_sheet as image_contact_sheet with:
    input:
        sprites=rules.spritemap.output.zarr,
        exemplars=sheet_of_exemplars,
        activations=rules.activations.output.zarr,
        image=rules.input.output.png,
    output:
        html=report(
            "results/{model}/{image}/sprites/{layer}{units}.html",
            caption="../report/contact_sheet.rst",
            category="Sprites",
            subcategory="{model}",
            labels={"layer": "{layer}{units}", "image": "{image}"},
        ),
    log:
        "logs/image_contact_sheet/{model}/{image}/{layer}{units}.log",
    benchmark:
        "benchmarks/image_contact_sheet/{model}/{image}/{layer}{units}.tsv"
    wildcard_constraints:
        # No model has this name: results/models/MODEL belongs to the rule above.
        model=f"(?!models/){ID_PATTERN}",
    group:
        "contact"
    localrule: False
    message:
        "{wildcards.image}: write the contact sheet of {wildcards.layer}{wildcards.units} in {wildcards.model}"
