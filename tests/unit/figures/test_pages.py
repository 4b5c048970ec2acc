"""The pages as files: what is inside, that nothing is outside, and that text stays text."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from helpers.synthetic_exemplars import write_exemplar_tiles
from helpers.synthetic_run import (
    FACTS,
    LABELS,
    changed_files,
    sprite_colour,
    write_run,
    write_sprite_sheet,
    write_sprites,
)
from numpy.typing import NDArray
from PIL import Image

from blockscope.autodiff.gradient_overrides import OVERRIDES
from blockscope.config.panels import PANELS, Panel
from blockscope.figures import captions, colour
from blockscope.figures.data.factors import FactorsPanel
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.page.gallery import GalleryRun, gallery_html
from blockscope.figures.page.payload import payload
from blockscope.figures.page.quantization import unpack
from blockscope.figures.page.run_page import page_html
from blockscope.figures.style import Style
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile
from blockscope.stages.figures.gallery import write_gallery, write_incomplete_gallery

ALL = list(PANELS)
HOSTILE = "</script><script>alert(1)</script> & \"quoted\" 'x' {{ y }}"
RECORD: dict[str, Any] = FACTS | {
    "created_by": "page",
    "note": HOSTILE,
    "n": 3,
    "relative_error": 0.25,
}


class Page(HTMLParser):
    """The elements of a page, each with its attributes and the text directly inside it."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in {"img", "meta", "link", "input", "br"}:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.elements[self._open[-1]][2].append(data)

    def all(self, tag: str, name: str = "") -> list[tuple[dict[str, str | None], str]]:
        """Every element of a tag, and of a class if given."""
        return [
            (attributes, "".join(text))
            for element, attributes, text in self.elements
            if element == tag and (not name or name in str(attributes.get("class", "")).split())
        ]


def pixels(address: str | None) -> NDArray[np.uint8]:
    assert address is not None
    with Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1]))) as opened:
        return np.asarray(opened.convert("RGB"))


def written(
    folder: Path,
    rng: np.random.Generator,
    panels: Sequence[str] = ("factors",),
    style: Style | None = None,
    **run: Any,
) -> tuple[Path, FactorsPanel]:
    """Write the page of a synthetic run; returns it with its panel of factors."""
    row, files = write_run(folder, rng, **run)
    path = folder / "results" / "figures" / row.run / "index.html"
    gallery = folder / "results" / "index.html"
    text = page_html(path, row, panels, files, RECORD, style or Style(), gallery)
    write(path, text)
    return path, FactorsPanel.of_run(row, files)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def check_self_contained(page: Page) -> None:
    """Nothing is loaded from anywhere; only links that a reader follows lead out."""
    for tag, attributes, text in page.elements:
        for name in ("src", "srcset", "poster", "data", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:"), f"<{tag} {name}> loads {value}"
        if tag == "link":
            assert attributes["href"] == "data:,"
        if tag == "style":
            style = "".join(text)
            assert style.count("url(") == style.count('url("data:')  # these load nothing
            assert "@import" not in style
    policy = [a for a, _ in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in str(policy[0]["content"])
    outside = [a["href"] for a, _ in page.all("a") if "//" in str(a["href"])]
    assert outside == ["https://doi.org/10.23915/distill.00010"]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("joint", [False, True])
def test_a_page_needs_nothing_else(
    tmp_path: Path, rng: np.random.Generator, count: int, joint: bool
) -> None:
    path, _ = written(tmp_path, rng, ALL, count=count, joint=joint)
    check_self_contained(Page(path))
    assert path.stat().st_size < 1_000_000


BIG: dict[str, Any] = {
    "labels": [f"label {place}" for place in range(1000)],
    "compared": ("label 3", "label 700"),
    "size": (1200, 900),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("grids", "counts", "pooled"),
    [(((14, 14), (7, 7)), (528, 832), [1, 1]), (((28, 28), (14, 14)), (256, 528), [2, 1])],
)
def test_a_large_run_stays_small(
    tmp_path: Path,
    rng: np.random.Generator,
    grids: tuple[tuple[int, int], tuple[int, int]],
    counts: tuple[int, int],
    pooled: list[int],
) -> None:
    """Every panel at full size, of noise that hardly deflates: cells grow before it bursts."""
    path, _ = written(tmp_path, rng, ALL, grids=grids, channel_counts=counts, **BIG)
    assert path.stat().st_size < 3_000_000
    page = Page(path)
    data = data_of(page)
    assert [layer["pooled"] for layer in data["layers"]] == pooled
    first = next(a for a, _ in page.all("img"))
    assert pixels(first["src"]).shape == (512, 384, 3)


@pytest.mark.slow
def test_a_page_that_cannot_be_small_is_refused(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blockscope.figures.page.run_page.LARGEST_PAGE", 100_000)
    with pytest.raises(BadFile, match=r"run 'a-run' would have 0\.\d MB.* show fewer panels"):
        written(tmp_path, rng, ALL)
    assert not list(tmp_path.rglob("index.html"))


def plain(data: dict[str, object]) -> dict[str, Any]:
    """The data as a page reads them."""
    return dict(json.loads(json.dumps(data)))


def data_of(page: Page) -> dict[str, Any]:
    text = next(t for a, t in page.all("script") if a.get("id") == "blockscope-data")
    return dict(json.loads(text))


def test_every_panel_has_its_place_and_its_files(tmp_path: Path, rng: np.random.Generator) -> None:
    order = ["channel_methods", "factors", "spatial"]
    path, _ = written(tmp_path, rng, order)
    page = Page(path)
    assert [a["id"] for a, _ in page.all("section", "panel")] == order
    mounts = [a["data-mount"] for a, _ in page.all("div") if "data-mount" in a]
    assert mounts == ["channel_methods", "spatial"]
    titles = [text for _, text in page.all("h2")]
    assert titles[:3] == [PANELS[name].title for name in order]
    addresses = [str(a["href"]) for a, _ in page.all("a")]
    assert "channel_methods.pdf" in addresses
    assert "#spatial" in addresses


def test_the_page_links_to_all_sprites_of_the_layers_that_a_panel_shows(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)
    folder = tmp_path / "sprites"
    files = changed_files(files, **{f"contact{n}": [folder / f"layer {n}.html"] for n in (1, 2)})
    panels = ["channels", "channel_methods", "spatial"]
    text = page_html(tmp_path / "page" / "i.html", run, panels, files, RECORD, Style())
    links = [part.split("</p>")[0] for part in text.split("All sprites: ")[1:]]
    first, second = (
        f'<a href="../sprites/layer%20{n}.html">{layer}</a>'
        for n, layer in enumerate(run.layers, 1)
    )
    assert links == [f"{first} {second}", first]


@pytest.mark.parametrize("panel", [panel for panel in PANELS.values() if panel.scripted])
def test_every_panel_says_how_to_read_it(
    tmp_path: Path, rng: np.random.Generator, panel: Panel
) -> None:
    path, _ = written(tmp_path, rng, [panel.name])
    texts = [text for _, text in Page(path).all("p")]
    assert all(panel.paragraphs)
    assert set(panel.paragraphs) <= set(texts)
    assert panel.summary in texts


def test_the_data_of_a_page_are_those_of_the_files(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)
    path = tmp_path / "index.html"
    write(path, page_html(path, run, ALL, files, RECORD, Style()))
    data = data_of(Page(path))
    shared, panels = data["shared"], {name: each["data"] for name, each in data["panels"].items()}
    tolerance: dict[str, Any] = {"rtol": 0, "atol": 1e-4}
    wanted: Any
    assert panels["overrides"] == {"overrides": list(OVERRIDES)}
    assert set(shared["maps"]) == set(OVERRIDES)
    assert panels["spatial"] == {"overrides": [run.override]}
    for place, override in enumerate(OVERRIDES):
        packed = shared["maps"][override]
        for n, found in zip("12", packed["label_attribution"], strict=True):
            wanted = datasets.read(files.many(f"override_classes{n}")[place])["attribution"]
            np.testing.assert_allclose(unpack(found), wanted.to_numpy(), **tolerance)
        wanted = datasets.read(files.many("override_positions")[place])["attribution"]
        np.testing.assert_allclose(
            unpack(packed["position_attribution"]), wanted.to_numpy(), **tolerance
        )
    for n, found in zip("12", shared["channels"], strict=True):
        wanted = datasets.read(files.one(f"channels{n}"))
        np.testing.assert_allclose(
            unpack(found["attribution"]), wanted["attribution"].to_numpy()[0], **tolerance
        )
        np.testing.assert_allclose(
            unpack(found["label_attribution"]),
            wanted["label_attribution"].to_numpy(),
            **tolerance,
        )
        assert found["meaning"] == [captions.method_caption(name) for name in found["method"]]
        assert found["rise"] == pytest.approx(float(wanted["score"][0]))
        activations = datasets.read(files.one(f"activations{n}"))["activations"].to_numpy()
        np.testing.assert_allclose(
            unpack(shared["activations"][found["layer"]]), activations.transpose(2, 0, 1),
            rtol=0, atol=0.02,
        )  # fmt: skip
    wanted = datasets.read(files.one("drivers"))["attribution"].to_numpy()
    drivers = panels["channels"]["drivers"]
    order, values = np.array(drivers["channel"]), unpack(drivers["value"])
    np.testing.assert_allclose(np.take_along_axis(wanted, order, 1), values, rtol=0, atol=1e-3)
    assert (np.diff(np.abs(values), axis=1) <= 1e-3).all()
    groups = datasets.read(files.one("groups1"))
    packed = panels["neuron_groups"]
    np.testing.assert_allclose(unpack(packed["effect"]), groups["effect"].to_numpy(), **tolerance)
    np.testing.assert_allclose(
        unpack(packed["spatial"]), groups["spatial"].to_numpy().transpose(2, 0, 1),
        **tolerance,
    )  # fmt: skip
    chosen = [data["labels"]["name"][data["contrast"][key]] for key in ("first", "second")]
    assert tuple(chosen) == run.classes


def test_blocks_of_positions_hold_their_sums(tmp_path: Path, rng: np.random.Generator) -> None:
    """With no room, cells grow; attributions of the whole map stay what they were."""
    run, files = write_run(tmp_path, rng, grids=((29, 31), (13, 17)))
    data = plain(payload(run, ["spatial"], files, Style(), "data:,", room=45_000))
    assert [(la["pooled"], la["rows"], la["cols"]) for la in data["layers"]] == [
        (4, 8, 8), (2, 7, 9),
    ]  # fmt: skip
    packed = data["shared"]["maps"][run.override]
    for n, found in zip("12", packed["label_attribution"], strict=True):
        wanted = datasets.read(files.one(f"classes{n}"))["attribution"].to_numpy()
        np.testing.assert_allclose(unpack(found).sum((1, 2)), wanted.sum((1, 2)), atol=3)
    positions = datasets.read(files.one("positions"))["attribution"].to_numpy()
    block = positions[2:4, 4:6, 8:12, 24:28].sum()
    assert unpack(packed["position_attribution"])[1, 2, 2, 6] == pytest.approx(block, abs=0.5)


def test_cells_and_activations_in_a_page_are_those_of_the_files(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    """Of a run without a single label: these two panels need none."""
    run, files = write_run(tmp_path, rng)
    wanted = {name: files.paths[name] for name in ("image", "grids", "activations1")}
    wanted["sprites1"] = write_sprites(tmp_path, "mixed4d", 11)
    style, names = Style(scale_by_magnitude=True), ["activation_grids", "semantic_dictionary"]
    data = plain(payload(run, names, PanelFiles(wanted), style, "data:,", room=10**6))
    grids, dictionary = (data["panels"][name]["data"] for name in names)
    assert grids["scale_by_magnitude"]
    for found, path in zip(grids["grids"], files.many("grids"), strict=True):
        held = datasets.read(path)
        rows, cols = held["magnitude"].shape
        assert (found["layer"], found["rows"], found["cols"]) == (held.attrs["layer"], rows, cols)
        sheet = found["sheet"]
        assert (sheet["side"], sheet["wrap"], sheet["count"]) == (8, cols, rows * cols)
        middles = pixels(sheet["uri"])[6::8, 6::8].astype(int)
        np.testing.assert_allclose(middles, 255 * held["cells"].to_numpy()[:, :, 8, 8], atol=40)
        np.testing.assert_allclose(unpack(found["magnitude"])[0], held["magnitude"], rtol=1e-3)
        assert found["diverged"] == []
    active = datasets.read(files.one("activations1"))["activations"].to_numpy()
    np.testing.assert_allclose(
        unpack(data["shared"]["activations"]["mixed4d"]),
        active.transpose(2, 0, 1),
        rtol=0,
        atol=1e-3,
    )
    sheet = data["shared"]["sprites"]["mixed4d"]
    assert sheet["channels"] == np.flatnonzero(active.max((0, 1)) > 0).tolist()
    for place, channel in enumerate(sheet["channels"]):
        row, col = divmod(place, sheet["wrap"])
        middle = pixels(sheet["uri"])[6 * row + 3, 6 * col + 3].astype(int)
        np.testing.assert_allclose(middle, sprite_colour(channel), atol=40)
    lengths = np.linalg.norm(active, axis=2)
    assert dictionary["representative"][0] == lengths.argmax()
    assert "labels" not in data


def test_images_of_neuron_groups_are_in_a_page_that_has_them(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    run, files = write_run(tmp_path, rng)

    def packed(files: PanelFiles) -> dict[str, Any]:
        data = plain(payload(run, ["neuron_groups"], files, Style(), "data:,", room=10**6))
        return dict(data["panels"]["neuron_groups"]["data"])

    assert "sheet" not in packed(files)
    sprites = write_sprites(tmp_path, "groups", 4, tile=32, wrap=3)
    sheet = packed(changed_files(files, group_sprites1=sprites))["sheet"]
    assert (sheet["side"], sheet["wrap"], sheet["count"]) == (32, 2, 4)
    middles = pixels(sheet["uri"])[16::32, 16::32].reshape(4, 3).astype(int)
    np.testing.assert_allclose(middles, [sprite_colour(n) for n in range(4)], atol=12)

    grey = np.repeat(np.arange(4, dtype=np.uint8) * 60, 32 * 32).reshape(4, 32, 32)
    tiles = np.hstack(list(grey))[..., None].repeat(3, 2)
    own = write_exemplar_tiles(tmp_path, "own", tiles, 32, 4)
    sheet = packed(changed_files(files, group_exemplars1=own))["exemplars"]
    assert (sheet["side"], sheet["count"]) == (32, 4)
    assert sheet["words"].startswith("data set photos, crops of ")
    found = pixels(sheet["uri"])[16::32, 16::32, 0].reshape(2, 2).astype(int)
    np.testing.assert_allclose(found, [[0, 60], [120, 180]], atol=6)


@pytest.mark.slow
def test_images_shrink_until_a_page_is_small(tmp_path: Path, rng: np.random.Generator) -> None:
    """Sprites of a large layer, of noise, next to two grids: they leave room for the arrays."""
    run, files = write_run(tmp_path, rng, channel_counts=(528, 9), grids=((14, 14), (7, 7)))
    noise = rng.integers(0, 256, (24 * 64, 22 * 64, 3), dtype=np.uint8)
    files = changed_files(files, sprites1=write_sprite_sheet(tmp_path / "s", noise, 64, 22))
    path = tmp_path / "index.html"
    write(path, page_html(path, run, ALL, files, RECORD, Style()))
    sheet = data_of(Page(path))["shared"]["sprites"]["mixed4d"]
    assert sheet["side"] in (16, 32, 48)
    assert sheet["count"] == 528
    assert path.stat().st_size < 3_000_000


@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_images_in_a_page_are_those_of_the_arrays(
    tmp_path: Path, rng: np.random.Generator, count: int
) -> None:
    path, panel = written(tmp_path, rng, count=count)
    page = Page(path)
    shown = [attributes for attributes, _ in page.all("img", "overlay")]
    assert len(shown) == 2 * (count + 1)
    for place, layer in enumerate(panel.layers):
        own = shown[place * (count + 1) : (place + 1) * (count + 1)]
        assert [a["data-factor"] for a in own] == ["all", *map(str, range(1, count + 1))]
        assert ["hidden" in a for a in own] == [False] + [True] * count
        np.testing.assert_array_equal(pixels(own[0]["src"]), colour.factor_image(layer.spatial))
        for factor in range(count):
            np.testing.assert_array_equal(
                pixels(own[factor + 1]["src"]),
                colour.single_factor_image(layer.spatial, factor),
            )
    inputs = [a for a, _ in page.all("img") if "class" not in a]
    assert len(inputs) == 3
    for attributes in inputs:
        np.testing.assert_array_equal(pixels(attributes["src"]), panel.pixels)


def test_alternative_texts_say_where_a_factor_is(tmp_path: Path, rng: np.random.Generator) -> None:
    path, panel = written(tmp_path, rng, count=3)
    page = Page(path)
    texts = [attributes.get("alt") for attributes, _ in page.all("img")]
    assert all(texts), "an image has no alternative text"
    layer = panel.layers[1]
    row, col = np.unravel_index(layer.spatial[..., 2].argmax(), layer.spatial.shape[:2])
    first, second = (weight.label for weight in layer.tops[2][:2])
    words = f"Factor 3 ({first}, {second}) is largest at row {row + 1}, column {col + 1}."
    assert f"One factor of mixed5a alone. {words}" in texts


@pytest.mark.parametrize(("joint", "scopes"), [(True, ["both"]), (False, ["1", "2"])])
def test_legends(tmp_path: Path, rng: np.random.Generator, joint: bool, scopes: list[str]) -> None:
    path, panel = written(tmp_path, rng, joint=joint)
    page = Page(path)
    assert [a["data-scope"] for a, _ in page.all("section", "legend")] == scopes
    names = [text for _, text in page.all("span", "name")]
    legends = panel.layers[1:] if joint else panel.layers
    listed = [w.label for layer in legends for top in layer.tops for w in top]
    chances = [w.label for w in (*panel.highest, *panel.requested)]
    assert names == chances + listed


def test_bars_are_in_proportion(tmp_path: Path, rng: np.random.Generator) -> None:
    path, panel = written(tmp_path, rng, joint=True)
    page = Page(path)
    shares = [float(str(a["style"]).removeprefix("--share:")) for a, _ in page.all("span", "bar")]
    weights = np.array([weight.value for top in panel.layers[1].tops for weight in top])
    np.testing.assert_allclose(shares[-len(weights) :], weights / weights.max(), atol=1e-4)


def test_labels_and_facts_cannot_become_markup(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = [HOSTILE, *LABELS[1:40]]
    path, _ = written(tmp_path, rng, ALL, labels=labels, compared=(labels[0], labels[1]))
    page = Page(path)
    assert len(page.all("script")) == 3
    assert data_of(page)["labels"]["name"][0] == HOSTILE
    assert HOSTILE in [text for _, text in page.all("span", "name")]
    assert HOSTILE in [text for _, text in page.all("td")]


def test_pages_say_where_they_come_from(tmp_path: Path, rng: np.random.Generator) -> None:
    path, _ = written(tmp_path, rng)
    element = next(
        text for a, text in Page(path).all("script") if a.get("id") == "blockscope-provenance"
    )
    assert json.loads(element) == RECORD
    assert provenance.read(path) == RECORD
    rows = {text for _, text in Page(path).all("th")}
    assert set(RECORD) <= rows


def test_links_are_relative_to_the_page(tmp_path: Path, rng: np.random.Generator) -> None:
    page = Page(written(tmp_path, rng)[0])
    addresses = [str(a["href"]) for a, _ in page.all("a")]
    assert addresses[:4] == ["../../index.html", "factors.pdf", "factors.svg", "factors.png"]


@pytest.mark.slow
def test_equal_runs_give_equal_pages(tmp_path: Path) -> None:
    pages = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path, _ = written(tmp_path / name, np.random.default_rng(4), ALL)
        pages.append(path.read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("none", "No gradient was overridden"),
        ("smooth", "replaces the gradient of max pooling with that of a smooth pooling"),
        ("my-own", "The override my-own replaces gradients"),
    ],
)
def test_a_page_says_what_its_override_hides(
    tmp_path: Path, rng: np.random.Generator, override: str, words: str
) -> None:
    assert words in captions.override_caveat(override)
    path, panel = written(tmp_path, rng)
    assert captions.override_caveat(panel.run.override) in " ".join(
        text for _, text in Page(path).all("p")
    )


def test_options_set_the_start(tmp_path: Path, rng: np.random.Generator) -> None:
    path, _ = written(tmp_path, rng, style=Style(opacity=0.25, interpolate=True))
    page = Page(path)
    assert page.all("html")[0][0]["style"] == "--opacity:0.25"
    assert page.all("input")[0][0]["value"] == "0.25"
    assert page.all("output")[0][1] == "25 %"
    assert len(page.all("img", "smooth")) == len(page.all("img", "overlay"))


# --- the gallery -----------------------------------------------------------------------------


def gallery_run(folder: Path, run: str, image: str = "two_blocks") -> GalleryRun:
    place = folder / "results" / "figures" / run
    return GalleryRun(
        run=run,
        model="blocks1000",
        image=image,
        layers=("mixed4d", "mixed5a"),
        override="smooth",
        factors="2 joint",
        panels=["factors", "spatial"],
        page=place / "index.html",
        png=folder / "panel.png",
        files={"PDF": place / "factors.pdf"},
    )


@pytest.fixture
def panel_png(tmp_path: Path) -> Path:
    rows = np.arange(600)[:, None, None] * 255 // 600
    panel = np.broadcast_to(rows, (600, 1120, 3)).astype(np.uint8)
    Image.fromarray(panel).save(tmp_path / "panel.png")
    return tmp_path / "panel.png"


def test_gallery_groups_runs_by_image(tmp_path: Path, panel_png: Path) -> None:
    names = [("b", "beer"), ("a", "dog_cat"), ("c", "beer")]
    runs = [gallery_run(tmp_path, name, image) for name, image in names]
    output = tmp_path / "results" / "index.html"
    write(output, gallery_html(output, runs, RECORD))
    page = Page(output)
    check_self_contained(page)
    assert [text.strip() for _, text in page.all("h2")] == ["beer", "dog_cat"]
    links = [str(a["href"]) for a, _ in page.all("a", "thumbnail")]
    assert links == [f"figures/{name}/index.html" for name in "bca"]
    assert all(a.get("alt") and a.get("loading") == "lazy" for a, _ in page.all("img"))
    assert str(page.all("img")[0][0]["alt"]).startswith("Attribution factors of beer at mixed4d")
    assert all("factors spatial" in str(a["data-words"]) for a, _ in page.all("li", "card"))
    assert "3 runs of 2 images" in [text for a, text in page.all("p") if a.get("id") == "shown"]
    assert provenance.read(output) == RECORD


def test_thumbnails_are_the_upper_part_scaled_down(tmp_path: Path, panel_png: Path) -> None:
    output = tmp_path / "results" / "index.html"
    write(output, gallery_html(output, [gallery_run(tmp_path, "one")], RECORD))
    attributes = Page(output).all("img")[0][0]
    small = pixels(attributes["src"])
    assert small.shape == (226, 560, 3)
    assert (attributes["width"], attributes["height"]) == ("560", "226")
    with Image.open(panel_png) as opened:
        full = np.asarray(opened).astype(int)
    np.testing.assert_allclose(small[::25, 280].astype(int), full[: 2 * 226 : 50, 560], atol=4)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 runs of 0 images"), (1, "1 run of 1 image"), (100, "100 runs of 7 images")],
)
def test_gallery_of_any_size(tmp_path: Path, panel_png: Path, count: int, words: str) -> None:
    runs = [gallery_run(tmp_path, f"run{i}", f"image{i % 7}") for i in range(count)]
    output = tmp_path / "results" / "index.html"
    write(output, gallery_html(output, runs, RECORD))
    page = Page(output)
    assert [text for a, text in page.all("p") if a.get("id") == "shown"] == [words]
    assert len(page.all("li", "card")) == count


def test_a_gallery_without_some_runs_says_so_and_the_complete_one_removes_it(
    tmp_path: Path, panel_png: Path
) -> None:
    runs = [vars(gallery_run(tmp_path, name)) for name in ("one", "two", "three")]
    complete = tmp_path / "results" / "index.html"
    output = write_incomplete_gallery(gallery=complete, runs=runs, finished=["one", "three"])
    assert output == tmp_path / "results" / "index-incomplete.html"
    page = Page(output)
    check_self_contained(page)
    assert page.all("h1")[0][1] == "Incomplete: the finished runs"
    assert page.all("p", "incomplete")[0][1] == "1 of 3 runs is not finished: two"
    links = [str(a["href"]) for a, _ in page.all("a", "thumbnail")]
    assert links == [f"figures/{name}/index.html" for name in ("one", "three")]
    assert not complete.exists()
    write_gallery(output=complete, runs=runs)
    assert not output.exists()
    whole = Page(complete)
    assert whole.all("h1")[0][1] == "All runs"
    assert not whole.all("p", "incomplete")


def test_gallery_names_a_broken_figure(tmp_path: Path) -> None:
    (tmp_path / "panel.png").write_bytes(b"not an image")
    output = tmp_path / "results" / "index.html"
    with pytest.raises(BadFile, match=r"panel\.png' cannot be read for the gallery"):
        write(output, gallery_html(output, [gallery_run(tmp_path, "one")], RECORD))
    assert not output.exists()


def test_file_names_are_addresses(tmp_path: Path, panel_png: Path) -> None:
    run = gallery_run(tmp_path, "one")
    odd = tmp_path / "results" / "a b#c?.pdf"
    output = tmp_path / "results" / "index.html"
    write(
        output, gallery_html(output, [GalleryRun(**{**vars(run), "files": {"PDF": odd}})], RECORD)
    )
    address = next(str(a["href"]) for a, text in Page(output).all("a") if text == "PDF")
    assert address == "a%20b%23c%3F.pdf"
    assert (output.parent / unquote(address)) == odd


def test_rival_maps_hold_their_input_once(tmp_path: Path, rng: np.random.Generator) -> None:
    """Under twelve maps it would be larger than all else."""
    path, _ = written(tmp_path, rng, ("rivals",))
    text = path.read_text()
    uri = re.search(r'url\("(data:image/[^"]+)"\)', text)
    assert uri
    assert text.count(uri[1]) == 2  # here, and in the data of the page
    assert text.count('class="overlay') == 12
