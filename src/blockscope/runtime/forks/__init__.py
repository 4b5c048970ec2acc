"""Jobs without their start: forks of a process that has imported the libraries.

The process that starts the jobs offers it (``offered``), the first job starts it (``server``), and
Snakemake measures the forks (``measured``).
"""
