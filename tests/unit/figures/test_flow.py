"""The printed panel "flow": what it takes from the files, where it puts it, and that it fits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from helpers.sheet_layout import any_style, check_layout, recorded, words_on
from helpers.synthetic_run import (
    LABELS,
    changed_files,
    changed_run,
    neuron_groups,
    write_run,
    write_sprites,
)

from blockscope.figures import flow_words
from blockscope.figures.data.flow import Band, Diagram, FlowPanel, Node
from blockscope.figures.flow_layout import Sizes, arrange
from blockscope.figures.palettes import AGAINST, FOR
from blockscope.figures.print.flow import OPACITY, compose
from blockscope.io import datasets
from blockscope.io.errors import BadFile

MINUS = "\N{MINUS SIGN}"
SIZES = Sizes(tile=10, line=3, label=12, gap=2)


@pytest.fixture
def made(tmp_path, rng):
    return write_run(tmp_path, rng)


def sprites_for(files, folder):
    names = ("first", "second", "third")
    return changed_files(
        files, flow_sprites=[path for name in names for path in write_sprites(folder, name, 4)]
    )


def ends(diagram: Diagram, band: Band) -> tuple[Node, Node]:
    return diagram.nodes[band.source], diagram.nodes[band.target]


def test_bands_are_those_of_the_file(made):
    run, files = made
    run = changed_run(run, classes=[LABELS[3], LABELS[1]])
    panel = FlowPanel.of_run(run, files)
    found = datasets.read(files.one("flow"))
    flow, last = (found[name].to_numpy().astype(float) for name in ("flow", "contribution"))
    both, first, second = panel.diagrams
    assert both.score == f"{LABELS[3]} {MINUS} {LABELS[1]}"
    assert (first.score, second.score) == (LABELS[3], LABELS[1])
    for diagram, weights in ((both, (1, -1)), (first, (1, 0)), (second, (0, 1))):
        between = flow[..., 3] * weights[0] + flow[..., 1] * weights[1]
        places = {"unexplained": 4, "constants": 5}
        assert len(diagram.bands) == 2 * 6 * 5 + 6 * sum(map(abs, weights))
        for band in diagram.bands:
            source, target = ends(diagram, band)
            assert target.column == source.column + 1
            at = places.get(source.kind, source.place)
            if target.kind == "label":
                expected = last[at, (3, 1)[target.place]] * weights[target.place]
            else:
                expected = between[source.column, at, places.get(target.kind, target.place)]
            assert band.value == pytest.approx(expected, rel=1e-6)


def test_what_enters_a_node_leaves_it(made):
    for diagram in FlowPanel.of_run(*made).diagrams:
        for place, node in enumerate(diagram.nodes):
            leaving = sum(band.value for band in diagram.bands if band.source == place)
            entering = sum(band.value for band in diagram.bands if band.target == place)
            if node.kind != "label":
                assert leaving == pytest.approx(node.value, abs=1e-5)
            if node.column and node.kind != "constants":
                assert entering == pytest.approx(node.value, abs=1e-5)


def test_nodes_are_ordered_by_what_they_contribute(made):
    diagram = FlowPanel.of_run(*made).diagrams[0]
    for column in range(3):
        nodes = [node for node in diagram.nodes if node.column == column]
        assert [node.kind for node in nodes] == ["group"] * 4 + ["unexplained", "constants"]
        values = [node.value for node in nodes[:4]]
        assert values == sorted(values, reverse=True)
    assert [node.name for node in diagram.nodes if node.column == 3] == [LABELS[0], LABELS[1]]


def test_bands_fill_their_nodes_without_overlap(made):
    diagram = FlowPanel.of_run(*made).diagrams[0]
    layout = arrange(diagram, SIZES)
    pairs = list(zip(diagram.bands, layout.bands, strict=True))
    for side, top in (("source", "start"), ("target", "end")):
        for place, node in enumerate(layout.nodes):
            own = [(getattr(p, top), p.thickness) for b, p in pairs if getattr(b, side) == place]
            if not own:
                continue
            size = node.leaving if side == "source" else node.entering
            own.sort()
            assert own[0][0] == pytest.approx(node.middle - size / 2)
            for (start, thickness), (following, _) in pairwise(own):
                assert following == pytest.approx(start + thickness)
            assert sum(thickness for _, thickness in own) == pytest.approx(size)
    scales = [p.thickness / abs(b.value) for b, p in pairs]
    np.testing.assert_allclose(scales, scales[0], rtol=1e-9)


def test_nodes_of_a_column_lie_apart(made):
    diagram = FlowPanel.of_run(*made).diagrams[0]
    layout = arrange(diagram, SIZES)
    for column in range(4):
        own = [
            placed
            for node, placed in zip(diagram.nodes, layout.nodes, strict=True)
            if node.column == column
        ]
        assert own[0].top >= 0
        for one, other in pairwise(own):
            assert one.middle + one.height / 2 + SIZES.gap == pytest.approx(other.top)
            assert max(one.entering, one.leaving) <= one.height + 1e-9
        assert own[-1].middle + own[-1].height / 2 <= layout.height + 1e-9


def test_groups_without_any_flow_are_placed(made):
    """A score that nothing contributes to has nodes, and no bands."""
    panel = FlowPanel.of_run(*made)
    diagram = panel.diagram("nothing", [0, 0])
    assert not diagram.bands
    assert arrange(diagram, SIZES).height > 0
    assert set(flow_words.numbers(diagram)) == {"0.00"}


def test_both_signs_are_drawn_in_their_colours(made, monkeypatch):
    run, files = made
    areas = recorded(monkeypatch, "area")
    compose(run, files, any_style(dpi=40))
    diagram = FlowPanel.of_run(*made).diagrams[0]
    assert len(areas) == len(diagram.bands)
    for sign, hue in ((1, FOR), (-1, AGAINST)):
        plain = [b for b in diagram.bands if sign * b.value > 0 and diagram.is_plain(b)]
        assert sum(colour == hue for _, _, colour, _ in areas) == len(plain) > 0
    assert {opacity for *_, opacity in areas} == {OPACITY}


@pytest.mark.parametrize("width", [85, 180])
@pytest.mark.parametrize("size", [(80, 112), (112, 60)])
@pytest.mark.parametrize("rendered", [False, True])
def test_the_sheet_has_room_for_everything(tmp_path, rng, width, size, rendered):
    run, files = write_run(tmp_path, rng, size=size)
    files = sprites_for(files, tmp_path) if rendered else files
    sheet = compose(run, files, any_style(width_mm=width, dpi=40))
    check_layout(sheet)
    words = words_on(sheet)
    for expected in ("mixed4a", "mixed4d", "mixed5a", "unexplained", "constants", LABELS[0]):
        assert expected in words
    assert len(sheet.images) == 3 * 4 * (2 if rendered and width == 180 else 1)
    assert ("what it responds to" in words) is rendered


@pytest.mark.parametrize("compared", [(LABELS[4],), (LABELS[4], "logsumexp")])
def test_a_label_alone_has_one_diagram(tmp_path, rng, compared):
    run, files = write_run(tmp_path, rng, compared=compared)
    panel = FlowPanel.of_run(run, files)
    assert [diagram.score for diagram in panel.diagrams] == [LABELS[4]]
    labels = [node for node in panel.diagrams[0].nodes if node.kind == "label"]
    assert [node.name for node in labels] == [LABELS[4]]
    check_layout(compose(run, files, any_style(dpi=40)))


def test_long_names_and_one_group_fit(tmp_path, rng):
    labels = [f"a label that is called number {n} and something rather long" for n in range(9)]
    run, files = write_run(tmp_path, rng, labels=labels, compared=labels[:2])
    check_layout(compose(run, files, any_style(dpi=40, width_mm=85)))


def test_words_say_what_a_node_is(made):
    panel = FlowPanel.of_run(*made)
    diagram = panel.diagrams[0]
    words = [flow_words.node_words(panel, node) for node in diagram.nodes]
    assert "group 2 of mixed4d" in words
    assert "unexplained of mixed4a" in words
    assert "constants behind mixed5a" in words
    node = diagram.nodes[0]
    said = flow_words.sentence(panel, diagram, node, "+1.20")
    assert said == f"Group {node.name} of mixed4a: +1.20 logits of {diagram.score}."
    last = flow_words.sentence(panel, diagram, diagram.nodes[-1], f"{MINUS}3.0")
    assert last == f"{LABELS[1]} counts {MINUS}3.0 in the score {diagram.score}."


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"model": "other"}, "is from model 'blocks1000', expected 'other'"),
        ({"override": "none"}, "is from override 'smooth', expected 'none'"),
        (
            {"flow": ["mixed4d", "mixed5a"]},
            "is of the layers mixed4a, mixed4d, mixed5a, expected mixed4d, mixed5a; regenerate it",
        ),
    ],
)
def test_a_file_of_another_run_is_refused(made, columns, words):
    run, files = made
    with pytest.raises(BadFile, match=words):
        FlowPanel.of_run(changed_run(run, **columns), files)


def test_groups_of_another_layer_are_refused(made, tmp_path, rng):
    run, files = made
    path = tmp_path / "other.h5"
    datasets.write_h5(path, neuron_groups(rng, "mixed3a", (5, 7)))
    groups = [path, *files.many("flow_groups")[1:]]
    with pytest.raises(BadFile, match="is from layer 'mixed3a', expected 'mixed4a'"):
        FlowPanel.of_run(run, changed_files(files, flow_groups=groups))
