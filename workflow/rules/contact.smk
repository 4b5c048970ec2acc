# The contact sheet of a layer: all its sprites on a page, of a network alone or with a picture.


rule contact:
    input:
        sprites="results/models/{model}/sprites/{layer}{units}.zarr.zip",
    output:
        html="results/models/{model}/sprites/{layer}{units}.html",
    log:
        "logs/contact/{model}/{layer}{units}.log",
    benchmark:
        "benchmarks/contact/{model}/{layer}{units}.tsv"
    localrule: True
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1500),
        runtime=growing(5),
    params:
        code=code("contact"),
    message:
        "{wildcards.model}: write the contact sheet of {wildcards.layer}{wildcards.units}"
    script:
        "../scripts/contact.py"


use rule contact as contact_image with:
    input:
        sprites="results/models/{model}/sprites/{layer}{units}.zarr.zip",
        activations=rules.activations.output.zarr,
        picture=rules.input.output.png,
    output:
        html="results/{model}/{image}/sprites/{layer}{units}.html",
    log:
        "logs/contact_image/{model}/{image}/{layer}{units}.log",
    benchmark:
        "benchmarks/contact_image/{model}/{image}/{layer}{units}.tsv"
    wildcard_constraints:
        # No model is called so: results/models/MODEL is for the rule above.
        model=f"(?!models/){ID_PATTERN}",
    group:
        "contact"
    localrule: False
    message:
        "{wildcards.image}: write the contact sheet of {wildcards.layer}{wildcards.units} in {wildcards.model}"
