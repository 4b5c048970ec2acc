# Data sets of images: which images each has.


rule dataset:
    output:
        h5="results/datasets/{dataset}.h5",
    log:
        "logs/dataset/{dataset}.log",
    benchmark:
        "benchmarks/dataset/{dataset}.tsv"
    # The check before the first job has looked at the same files from the same machine.
    localrule: True
    threads: 1
    resources:
        mem_mb=per_attempt(1500),
        runtime=per_attempt(60),
    params:
        code=code_param("dataset"),
        chosen=lambda wildcards: dataset_row(wildcards).choice,
        # No file for each image: a million of them would be a million inputs.
        digest=dataset_digest,
    message:
        "{wildcards.dataset}: list the images of the data set"
    script:
        "../scripts/dataset.py"
