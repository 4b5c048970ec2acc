"""Old names of settings and panels, so that an error can give the new one."""

from __future__ import annotations

RENAMED_KEYS = {
    "channels.tolerance": "channels.completeness_tolerance",
    "figure.channels": "figure.top_channels",
    "figure.probabilities": "figure.top_labels",
    "figure.smooth": "figure.interpolate",
    "grids.cell": "grids.cell_size",
    "grids.cosine": "grids.cosine_power",
    "grids.drawn": "grids.cells_per_step",
    "grids.groups": "grids.neuron_groups",
    "grids.magnitude": "grids.scale_by_magnitude",
    "neurons.groups": "neuron_groups.count",
    "sprites.block": "sprites.channels_per_job",
}
REMOVED_KEYS = {
    "compute.forked": "jobs share their imports by default; to start each one separately, run "
    "Snakemake with --executor local",
}
RENAMED_PANELS = {
    "dictionary": "semantic_dictionary",
    "grid": "activation_grids",
    "groups": "factors",
    "methods": "channel_methods",
    "neurons": "neuron_groups",
}


def explain_old_key(key: str) -> str:
    """Return what became of a key ``a.b`` or a section ``a``; empty where it never existed."""
    for old, new in RENAMED_KEYS.items():
        if old == key or old.startswith(f"{key}."):
            return f"key '{old}' is now called '{new}'"
    return f"key '{key}' was removed: {REMOVED_KEYS[key]}" if key in REMOVED_KEYS else ""


def explain_old_panel(name: str) -> str:
    """Return what a panel is called now; empty where it never existed."""
    new = RENAMED_PANELS.get(name)
    return f"panel '{name}' is now called '{new}'" if new else ""
