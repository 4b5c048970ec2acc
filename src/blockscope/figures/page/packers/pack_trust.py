"""What was measured of a run's map, for a page: losses of all labels, plots and sentences."""

from __future__ import annotations

import numpy as np

from blockscope.config.panels import Panel
from blockscope.figures import trust_words
from blockscope.figures.colour import factor_colours
from blockscope.figures.data.trust import LabelTrust, Losses, Randomised, TrustPanel
from blockscope.figures.page.page_data import PageData
from blockscope.figures.page.quantization import PackedArray
from blockscope.io.label_scores import highest_labels

MAPPED = 40  # labels whose maps a page holds: the most probable


def pack_trust(page: PageData, _: Panel) -> dict[str, object]:
    """Return exact losses of the earlier layer, and what was measured of the run's labels.

    Losses by groups are of all labels, those by positions of the run's own and the most probable:
    ``mapped`` are their places on the axis of labels.
    ``sets`` (label, set) holds every set of neuron groups, group f in set n where bit f of n is 1;
    None where there are too many groups, which then can be taken away one at a time.
    """
    panel = TrustPanel.of_run(page.run, page.files)
    ablation = page.read(page.files.one("ablation1"))
    groups = page.read(page.files.one("groups1"))
    spatial = groups["spatial"].transpose("factor", "row", "col").to_numpy()

    own = panel.contrast.places
    mapped = list(dict.fromkeys([*own, *highest_labels(page.labels, MAPPED).tolist()]))

    def of_all(name: str, axis: str) -> PackedArray:
        return PackedArray(ablation[name].transpose("label", axis).to_numpy())

    def of_mapped(name: str) -> PackedArray:
        maps = ablation[name].isel(label=mapped)
        return PackedArray(maps.transpose("label", "row", "col").to_numpy())

    return {
        "layer": page.run.layer1,
        "attributed": trust_words.attributed(panel),
        "replaced": trust_words.replaced(panel),
        "group_note": trust_words.group_note(panel),
        "mapped": mapped,
        "positions": of_mapped("positions"),
        "positions_linear": of_mapped("positions_linear"),
        "groups": of_all("groups", "factor"),
        "groups_linear": of_all("groups_linear", "factor"),
        "sets": of_all("sets", "set") if "sets" in ablation else None,
        "spatial": PackedArray(spatial),
        "colours": factor_colours(len(spatial)),
        "labels": [_label(panel, label) for label in panel.labels],
        "foot": trust_words.foot(panel),
    }


def _label(panel: TrustPanel, label: LabelTrust) -> dict[str, object]:
    curves, randomised = label.curves, label.randomised
    return {
        "name": label.name,
        "sentences": trust_words.sentences(panel, label),
        "scatter": {kind: _pairs(losses) for kind, losses in label.losses.items()},
        "curves": {
            "counts": curves.counts.tolist(),
            **{
                name: getattr(curves, name).tolist()
                for name in ("deletion", "insertion", "mean", "sd")
            },
        },
        "randomised": randomised and _randomised(randomised),
    }


def _pairs(losses: Losses) -> PackedArray:
    """Return what is attributed to each part and its exact loss, (2, part)."""
    return PackedArray(np.stack([losses.attributed.ravel(), losses.exact.ravel()]))


def _randomised(randomised: Randomised) -> dict[str, object]:
    """Return the places that have a number: JSON has none for the others."""
    known = [(place, point) for place, point in enumerate(randomised.curve) if point.count]
    return {
        "above": randomised.above,
        "place": [place for place, _ in known],
        "mean": [point.mean for _, point in known],
        "sd": [point.bar for _, point in known],
    }
