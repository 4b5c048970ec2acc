# The Building Blocks of Interpretability: one row of the table of runs becomes one figure.
#
#   snakemake                                   every run of config/config.yaml, and their gallery
#   snakemake --configfile my.yaml              the same for settings of your own, wherever they are
#   snakemake results/MODEL/IMAGE/smooth/classes/LAYER.h5       a single file
import atexit

from snakemake.utils import min_version

from blockscope.runtime.slurm import check_no_active_jobs

min_version("9.10")


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/attribution.smk"
include: "workflow/rules/positions.smk"
include: "workflow/rules/neurons.smk"
include: "workflow/rules/channels.smk"
include: "workflow/rules/drivers.smk"
include: "workflow/rules/sprites.smk"
include: "workflow/rules/grids.smk"
include: "workflow/rules/contact.smk"
include: "workflow/rules/figures.smk"


# Without a target everything is made that this page shows.
rule gallery:
    input:
        pages=[run["page"] for run in gallery_runs(project.runs)],
        pictures=[run["png"] for run in gallery_runs(project.runs)],
    output:
        html="results/index.html",
    log:
        "logs/gallery/gallery.log",
    benchmark:
        "benchmarks/gallery/gallery.tsv"
    localrule: True
    conda:
        "envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(10),
    params:
        code=code("gallery"),
        runs=gallery_runs(project.runs),
    message:
        "Write the gallery of all runs"
    script:
        "workflow/scripts/gallery.py"


# A command that was killed leaves its lock, which the user takes away, and perhaps jobs on a cluster.
onstart:
    told(lambda: check_no_active_jobs(Path.cwd()))


# The last line says where to look: after what Snakemake itself says at the end.
onsuccess:
    atexit.register(print, success_message("results/index.html"))


onerror:
    atexit.register(print, failure_message(log[0]))
