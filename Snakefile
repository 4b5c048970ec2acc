# The Building Blocks of Interpretability: one row of the table of runs becomes one figure.
#
#   snakemake                                   every run of config/config.yaml, and their gallery
#   snakemake --configfile my.yaml              the same for your own config, wherever it is
#   snakemake results/MODEL/IMAGE/smooth/classes/LAYER.h5       a single file


include: "workflow/Snakefile"


# The first rule of an included file is not the default target.
workflow.default_target = "all"
