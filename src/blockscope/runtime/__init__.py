"""How jobs run: logs, code digests, shared results, GPUs, SLURM; no science."""
