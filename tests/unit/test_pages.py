"""The pages as files: what is inside, that nothing is outside, and that text stays text."""

from __future__ import annotations

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from made_up_run import FACTS, LABELS, classes, factors, picture
from numpy.typing import NDArray
from PIL import Image

from blockscope import colour, provenance
from blockscope.errors import BadFile
from blockscope.figures.gallery import GalleryRun, write_gallery
from blockscope.figures.groups import Style
from blockscope.figures.page import write_page
from blockscope.figures.panel import GroupsPanel

HOSTILE = "</script><script>alert(1)</script> & \"quoted\" 'x' {{ y }}"
RECORD = FACTS | {"created_by": "page", "note": HOSTILE, "n": 3, "relative_error": 0.25}


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


def make_panel(
    rng: np.random.Generator, count: int = 2, joint: bool = False, labels: list[str] = LABELS
) -> GroupsPanel:
    fit = "mixed5a" if joint else ""
    made = [
        factors(rng, layer, grid, count, fit_layer=fit, labels=labels)
        for layer, grid in (("mixed4d", (5, 7)), ("mixed5a", (3, 4)))
    ]
    asked = [labels[0]]
    return GroupsPanel.from_datasets("a-run", picture(), classes(rng, labels=labels), made, asked)


def written(folder: Path, panel: GroupsPanel, **options: object) -> Path:
    path = folder / "results" / "figures" / panel.run / "index.html"
    files = {"PDF": path.parent / "groups.pdf", "PNG": path.parent / "groups.png"}
    gallery = folder / "results" / "index.html"
    write_page(path, panel, RECORD, files, gallery=gallery, **options)  # type: ignore[arg-type]
    return path


def check_self_contained(page: Page) -> None:
    """Nothing is loaded from anywhere; only links that a reader follows lead out."""
    for tag, attributes, text in page.elements:
        for name in ("src", "srcset", "poster", "data", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:"), f"<{tag} {name}> loads {value}"
        if tag == "link":
            assert attributes["href"] == "data:,"
        if tag == "style":
            assert "url(" not in "".join(text)
            assert "@import" not in "".join(text)
    policy = [a for a, _ in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in str(policy[0]["content"])
    outside = [a["href"] for a, _ in page.all("a") if "//" in str(a["href"])]
    assert outside == ["https://doi.org/10.23915/distill.00010"]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("joint", [False, True])
def test_a_page_needs_nothing_else(
    tmp_path: Path, rng: np.random.Generator, count: int, joint: bool
) -> None:
    path = written(tmp_path, make_panel(rng, count, joint))
    check_self_contained(Page(path))
    assert path.stat().st_size < 3_000_000


def test_a_large_run_stays_small(tmp_path: Path, rng: np.random.Generator) -> None:
    made = [factors(rng, "mixed3a", (56, 56), 12), factors(rng, "mixed5a", (28, 28), 12)]
    noise = rng.integers(0, 256, (1200, 900, 3), np.uint8)
    panel = GroupsPanel.from_datasets("a-run", noise, classes(rng), made)
    path = written(tmp_path, panel)
    assert path.stat().st_size < 3_000_000
    first = next(a for a, _ in Page(path).all("img"))
    assert pixels(first["src"]).shape == (512, 384, 3)


@pytest.mark.parametrize("count", [2, 3])
def test_pictures_in_a_page_are_those_of_the_arrays(
    tmp_path: Path, rng: np.random.Generator, count: int
) -> None:
    panel = make_panel(rng, count)
    page = Page(written(tmp_path, panel))
    shown = [attributes for attributes, _ in page.all("img", "overlay")]
    assert len(shown) == 2 * (count + 1)
    for place, layer in enumerate(panel.layers):
        own = shown[place * (count + 1) : (place + 1) * (count + 1)]
        assert [a["data-factor"] for a in own] == ["all", *map(str, range(1, count + 1))]
        assert ["hidden" in a for a in own] == [False] + [True] * count
        np.testing.assert_array_equal(pixels(own[0]["src"]), colour.factor_picture(layer.spatial))
        for factor in range(count):
            np.testing.assert_array_equal(
                pixels(own[factor + 1]["src"]),
                colour.single_factor_picture(layer.spatial, factor),
            )
    inputs = [a for a, _ in page.all("img") if "class" not in a]
    assert len(inputs) == 3
    for attributes in inputs:
        np.testing.assert_array_equal(pixels(attributes["src"]), panel.picture)


def test_alternative_texts_say_where_a_factor_is(tmp_path: Path, rng: np.random.Generator) -> None:
    panel = make_panel(rng, 3)
    page = Page(written(tmp_path, panel))
    texts = [attributes.get("alt") for attributes, _ in page.all("img")]
    assert all(texts), "a picture has no alternative text"
    layer = panel.layers[1]
    row, col = np.unravel_index(layer.spatial[..., 2].argmax(), layer.spatial.shape[:2])
    first, second = (weight.label for weight in layer.tops[2][:2])
    words = f"Factor 3 ({first}, {second}) is largest at row {row + 1}, column {col + 1}."
    assert f"One factor of mixed5a alone. {words}" in texts


@pytest.mark.parametrize(("joint", "scopes"), [(True, ["both"]), (False, ["1", "2"])])
def test_legends(tmp_path: Path, rng: np.random.Generator, joint: bool, scopes: list[str]) -> None:
    panel = make_panel(rng, 2, joint)
    page = Page(written(tmp_path, panel))
    assert [a["data-scope"] for a, _ in page.all("section", "legend")] == scopes
    names = [text for _, text in page.all("span", "name")]
    legends = panel.layers[1:] if joint else panel.layers
    listed = [w.label for layer in legends for top in layer.tops for w in top]
    chances = [w.label for w in (*panel.probabilities, *panel.asked)]
    assert names == chances + listed


def test_bars_are_in_proportion(tmp_path: Path, rng: np.random.Generator) -> None:
    panel = make_panel(rng, 2, joint=True)
    page = Page(written(tmp_path, panel))
    shares = [float(str(a["style"]).removeprefix("--share:")) for a, _ in page.all("span", "bar")]
    weights = np.array([weight.value for top in panel.layers[1].tops for weight in top])
    np.testing.assert_allclose(shares[-len(weights) :], weights / weights.max(), atol=1e-4)


def test_labels_and_facts_cannot_become_markup(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = [HOSTILE, *LABELS[1:40]]
    path = written(tmp_path, make_panel(rng, 2, labels=labels))
    page = Page(path)
    assert len(page.all("script")) == 2
    assert HOSTILE in [text for _, text in page.all("span", "name")]
    assert HOSTILE in [text for _, text in page.all("td")]


def test_pages_say_where_they_come_from(tmp_path: Path, rng: np.random.Generator) -> None:
    path = written(tmp_path, make_panel(rng))
    element = next(
        text for a, text in Page(path).all("script") if a.get("id") == "blockscope-provenance"
    )
    assert json.loads(element) == RECORD
    assert provenance.of(path) == RECORD
    rows = {text for _, text in Page(path).all("th")}
    assert set(RECORD) <= rows


def test_links_are_relative_to_the_page(tmp_path: Path, rng: np.random.Generator) -> None:
    page = Page(written(tmp_path, make_panel(rng)))
    addresses = [str(a["href"]) for a, _ in page.all("a")]
    assert addresses[:3] == ["../../index.html", "groups.pdf", "groups.png"]


def test_equal_runs_give_equal_pages(tmp_path: Path) -> None:
    pages = [
        written(tmp_path / name, make_panel(np.random.default_rng(4), 3)).read_bytes()
        for name in ("one", "two")
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("none", "No gradient was overridden"),
        ("smooth", "replaces the gradient of max pooling by that of a smooth pooling"),
        ("my-own", "The override my-own replaces gradients"),
    ],
)
def test_a_page_says_what_its_override_hides(
    tmp_path: Path, rng: np.random.Generator, override: str, words: str
) -> None:
    made = [factors(rng, "mixed4d", (5, 7)), factors(rng, "mixed5a", (3, 4))]
    attributions = classes(rng)
    for dataset in (attributions, *made):
        dataset.attrs["override"] = override
    panel = GroupsPanel.from_datasets("a-run", picture(), attributions, made)
    assert words in " ".join(text for _, text in Page(written(tmp_path, panel)).all("p"))


def test_options_set_the_start(tmp_path: Path, rng: np.random.Generator) -> None:
    path = written(tmp_path, make_panel(rng), style=Style(opacity=0.25, smooth=True))
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
        page=place / "index.html",
        png=folder / "panel.png",
        files={"PDF": place / "groups.pdf"},
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
    write_gallery(output, runs, RECORD)
    page = Page(output)
    check_self_contained(page)
    assert [text.strip() for _, text in page.all("h2")] == ["beer", "dog_cat"]
    links = [str(a["href"]) for a, _ in page.all("a", "picture")]
    assert links == [f"figures/{name}/index.html" for name in "bca"]
    assert all(a.get("alt") and a.get("loading") == "lazy" for a, _ in page.all("img"))
    assert "3 runs of 2 images" in [text for a, text in page.all("p") if a.get("id") == "shown"]
    assert provenance.of(output) == RECORD


def test_thumbnails_are_the_upper_part_scaled_down(tmp_path: Path, panel_png: Path) -> None:
    output = tmp_path / "results" / "index.html"
    write_gallery(output, [gallery_run(tmp_path, "one")], RECORD)
    attributes = Page(output).all("img")[0][0]
    small = pixels(attributes["src"])
    assert small.shape == (226, 560, 3)
    assert (attributes["width"], attributes["height"]) == ("560", "226")
    with Image.open(panel_png) as opened:
        full = np.asarray(opened).astype(int)
    np.testing.assert_allclose(small[::25, 280].astype(int), full[: 2 * 226 : 50, 560], atol=4)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 runs of 0 images"), (1, "1 run of 1 image"), (500, "500 runs of 7 images")],
)
def test_gallery_of_any_size(tmp_path: Path, panel_png: Path, count: int, words: str) -> None:
    runs = [gallery_run(tmp_path, f"run{i}", f"image{i % 7}") for i in range(count)]
    output = tmp_path / "results" / "index.html"
    write_gallery(output, runs, RECORD)
    page = Page(output)
    assert [text for a, text in page.all("p") if a.get("id") == "shown"] == [words]
    assert len(page.all("li", "card")) == count


def test_gallery_names_a_broken_figure(tmp_path: Path) -> None:
    (tmp_path / "panel.png").write_bytes(b"not a picture")
    output = tmp_path / "results" / "index.html"
    with pytest.raises(BadFile, match=r"panel\.png' cannot be read for the gallery"):
        write_gallery(output, [gallery_run(tmp_path, "one")], RECORD)
    assert not output.exists()


def test_file_names_are_addresses(tmp_path: Path, panel_png: Path) -> None:
    run = gallery_run(tmp_path, "one")
    odd = tmp_path / "results" / "a b#c?.pdf"
    output = tmp_path / "results" / "index.html"
    write_gallery(output, [GalleryRun(**{**vars(run), "files": {"PDF": odd}})], RECORD)
    address = next(str(a["href"]) for a, text in Page(output).all("a") if text == "PDF")
    assert address == "a%20b%23c%3F.pdf"
    assert (output.parent / unquote(address)) == odd
