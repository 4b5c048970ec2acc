"""Pages of channels as files: their numbers, links and size, and files that do not fit."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.synthetic_exemplars import (
    CROPS,
    IMAGES,
    SHA,
    SyntheticChannels,
    card_of,
    crop_colour,
    crops,
    synthetic_channels,
)
from helpers.synthetic_run import LABELS
from numpy.typing import NDArray
from PIL import Image

from blockscope.figures.data.channel_pages import read_drivers
from blockscope.io import datasets, provenance
from blockscope.io.errors import BadFile

MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def made(tmp_path: Path, rng: np.random.Generator) -> SyntheticChannels:
    return synthetic_channels(tmp_path, rng)


def articles(page: Path) -> dict[int, str]:
    found = re.findall(r'<article id="(\d+)".*?</article>', page.read_text(), re.DOTALL)
    text = re.findall(r"<article .*?</article>", page.read_text(), re.DOTALL)
    return {int(number): part for number, part in zip(found, text, strict=True)}


def all_articles(pages: list[Path]) -> dict[int, str]:
    return {number: text for page in pages for number, text in articles(page).items()}


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'id="blockscope-data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def sheet_of(page: Path, name: str = "crop") -> NDArray[np.uint8]:
    found = re.search(rf"\.{name} {{[^}}]*base64,([^)]+)\)", page.read_text())
    assert found
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as opened:
        return np.asarray(opened.convert("RGB"))


def test_every_channel_has_an_article_on_one_page(made: SyntheticChannels) -> None:
    pages = made.write()
    assert [sorted(articles(page)) for page in pages] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert [data_of(page)["at"] for page in pages] == [0, 1, 2]
    assert data_of(pages[0])["pages"] == ["mixed4d.html", "mixed4d/2.html", "mixed4d/3.html"]
    assert data_of(pages[2])["pages"] == ["../mixed4d.html", "2.html", "3.html"]
    facts = provenance.read(pages[1])
    assert (facts["created_by"], facts["layer"], facts["model_sha256"]) == (
        "channel_page", "mixed4d", SHA,
    )  # fmt: skip


def test_a_crop_is_the_one_that_its_words_describe(made: SyntheticChannels) -> None:
    pages = made.write()
    for page in pages:
        sheet, shown = sheet_of(page), articles(page)
        wrap = int(np.ceil(np.sqrt(len(shown) * 2 * CROPS)))
        for channel, text in shown.items():
            tiles = re.findall(r'title="([^"]+)" style="--at:([\d.]+)% ([\d.]+)%"', text)
            assert len(tiles) == 2 * CROPS
            for place, (words, left, top) in enumerate(tiles):
                ranking, rank = divmod(place, CROPS)
                rows = -(-len(shown) * 2 * CROPS // wrap)
                col, row = (
                    round(float(left) * (wrap - 1) / 100),
                    round(float(top) * (rows - 1) / 100),
                )
                middle = sheet[8 * row + 4, 8 * col + 4]
                np.testing.assert_allclose(middle, crop_colour(ranking, channel, rank), atol=30)
                check_words(made.found, words, (2 * ranking, channel, rank))


def check_words(found: xr.Dataset, words: str, place: tuple[int, int, int]) -> None:
    number = int(found["number"].values[place])
    row, col = (int(found[f"position_{axis}"].values[place]) for axis in ("row", "col"))
    label = "" if number % 2 else f", label kind {number % 3}"
    at = int(np.flatnonzero(found["shown"].values == number)[0])
    predicted = LABELS[int(found["shown_predicted"].values[at]) - 1]
    assert words == (
        f"{place[2] + 1}: photo {number}.jpg, {found['value'].values[place]:.4g} at row {row + 1}, "
        f"column {col + 1}{label}, predicted {predicted}"
    )


def test_an_image_in_which_a_channel_is_zero_is_not_shown(made: SyntheticChannels) -> None:
    made.found["value"][0, 0] = 0
    made.found["value"][2, 1, 2:] = 0
    shown = [text.count('class="crop"') for text in articles(made.write()[0]).values()]
    assert shown == [CROPS, CROPS + 2, 2 * CROPS, 2 * CROPS]
    assert "No image drives it" in articles(made.pages[0])[0]


def test_a_network_without_a_head_predicts_no_label(
    made: SyntheticChannels, monkeypatch: pytest.MonkeyPatch
) -> None:
    for head, words, others in (
        ("softmax", "gradient of the logit of the label that is predicted", "largest output"),
        ("none", "gradient of the largest output", "predicted"),
    ):
        card = card_of(made.channels).model_copy(update={"head": head})
        monkeypatch.setattr("helpers.synthetic_exemplars.card_of", lambda _, card=card: card)
        text = made.write()[0].read_text().partition("</main>")[0]
        assert words in text
        assert others not in text


def test_the_histogram_and_its_numbers(made: SyntheticChannels) -> None:
    counts = made.found["histogram"].to_numpy()
    positions = IMAGES * 5 * 7
    for channel, text in all_articles(made.write()).items():
        zeros = 100 * float(made.found["zeros"][channel])
        assert f"{zeros:.3g} % zero, mean {float(made.found['mean'][channel]):.3g}" in text
        assert f"Histogram of {positions:,} activations" in text
        bars = re.search(r'<path d="([^"]*)"', text)
        assert bars
        assert bars[1].count("M") == (counts[channel] > 0).sum() - 1  # zero apart
        assert 'class="zero"' in text


def test_labels_are_those_of_largest_relevance_that_were_predicted(
    made: SyntheticChannels,
) -> None:
    values = made.found["relevance_by_label"].to_numpy()
    count = made.found["images_by_label"].to_numpy()
    for channel, text in all_articles(made.write()).items():
        for kind, sign in (("for", 1), ("against", -1)):
            known = [p for p in np.argsort(-sign * values[:, channel], kind="stable")
                     if count[p] and sign * values[p, channel] > 0]  # fmt: skip
            part = re.search(rf'<ul class="labels {kind}">(.*?)</ul>', text)
            found = re.findall(r'class="name">([^<]+)<.*?&times;(\d+)', part[1] if part else "")
            assert found == [(LABELS[p], str(count[p])) for p in known[:4]], (channel, kind)


def test_drivers_lead_to_layers_that_have_pages(made: SyntheticChannels) -> None:
    driven = datasets.read(made.files.one("drivers"))["attribution"].to_numpy()
    plain = all_articles(made.write())
    linked = all_articles(made.write(layers={"mixed5a": made.folder / "channels" / "mixed5a.html"}))
    for channel, text in linked.items():
        order = np.argsort(-np.abs(driven[:, channel]), kind="stable")[:4]
        page = "mixed5a.html" if channel < 4 else "../mixed5a.html"
        assert "<h3>Drives</h3>" in text
        assert "<h3>Driven by</h3>" not in text
        found = re.findall(rf'<a href="{re.escape(page)}#(\d+)">\1</a>', text)
        assert [int(number) for number in found] == order.tolist()
        assert "mixed5a.html#" not in plain[channel]
        assert "mixed5a, two_blocks" in plain[channel]


def test_a_channel_leads_to_the_runs_that_show_it(made: SyntheticChannels) -> None:
    own = datasets.read(made.files.one("channels1"))
    values = own["attribution"].isel(pair=0, method=0).to_numpy()
    order = np.argsort(-values, kind="stable")
    wanted = {
        int(channel): f"number {n + 1} for {LABELS[0]}" for n, channel in enumerate(order[:2])
    }
    wanted |= {
        int(channel): f"number {n + 1} for {LABELS[1]}" for n, channel in enumerate(order[::-1][:2])
    }
    for channel, text in all_articles(made.write()).items():
        up = "../" if channel < 4 else "../../"
        assert (f'<a href="{up}figures/a-run/index.html#channels">a-run</a>' in text) == (
            channel in wanted
        )
        assert wanted.get(channel, "<article") in text


@pytest.mark.slow
def test_pages_of_noise_stay_below_3_mb(tmp_path: Path, rng: np.random.Generator) -> None:
    made = synthetic_channels(tmp_path, rng, 200)
    made.side, made.noise, made.per_page = 48, 1, 200
    (page,) = made.write()
    assert 1_000_000 < page.stat().st_size < 3_000_000
    assert "Crops are scaled from 48 to" in page.read_text()


def test_the_receptive_field_is_stated(made: SyntheticChannels) -> None:
    text = made.write()[0].read_text()
    assert (
        "photos: 30 images; receptive field 61 x 43 px, effective field and crop 21 x 21 px, with "
        "90 % of the squared gradient in the crop (quartiles 81 to 97 %)"
    ) in text


@pytest.mark.parametrize("key", ["graph_sha256", "layer", "dataset"])
def test_crops_of_another_sweep_are_refused(made: SyntheticChannels, key: str) -> None:
    made.facts[key] = "other"
    with pytest.raises(BadFile, match=rf"mixed4d.zarr.zip' is from {key} 'other', expected '"):
        made.write()
    assert not made.pages[0].exists()


def test_exemplars_of_another_network_and_no_data_set_are_refused(
    made: SyntheticChannels,
) -> None:
    with pytest.raises(BadFile, match="no run of model 'blocks1000' names a data set"):
        made.write(exemplars=[], sheets=[])
    made.found.attrs["graph_sha256"] = "cd" * 32
    with pytest.raises(BadFile, match=r"mixed4d.h5' is from graph_sha256 'cdcd"):
        made.write()


def test_drivers_of_other_layers_are_refused(made: SyntheticChannels) -> None:
    with pytest.raises(BadFile, match="about layers 'mixed4d' and 'mixed5a', not about 'mixed4c'"):
        read_drivers([made.files.one("drivers")], "mixed4c")


def test_without_relevance_there_is_one_strip_and_no_label(made: SyntheticChannels) -> None:
    found = made.found.sel(ranking=["activation_maximum", "activation_mean"])
    made.found = found.drop_vars("relevance_by_label")
    sheet = made.folder / "one.zarr.zip"
    datasets.write_zarr(sheet, crops(11, made.facts).sel(ranking=["activation_maximum"]))
    text = made.write(sheets=[sheet])[0].read_text()
    assert "Strongest activation" in text
    for words in ("Strongest relevance", "Relevance", "peaks for", "labels it speaks"):
        assert words not in text.partition("</main>")[0]
    assert "<h3>Speaks" not in text


def test_bins_without_an_end_are_said_to_be_so(made: SyntheticChannels) -> None:
    """All activations lie beyond the last bin that ends, as of a network fed with 0 to 255."""
    counts = np.zeros_like(made.found["histogram"].to_numpy())
    counts[:, -1] = made.found["histogram"].to_numpy().sum(axis=1)
    made.found["histogram"] = ("channel", "bin"), counts
    text = all_articles(made.write())[0]
    assert "<span>4.1e+03</span><span>above</span>" in text
    counts[:, 0], counts[:, -1] = counts[:, -1], 0
    made.found["histogram"] = ("channel", "bin"), counts
    text = all_articles(made.write())[0]
    assert f"<span>below</span><span>{MINUS}4.1e+03</span>" in text


def test_what_is_searched_holds_every_label_once(made: SyntheticChannels) -> None:
    """With 4096 channels and long labels it would otherwise not fit into a page."""
    for page in made.write():
        data = data_of(page)
        summary, text = data["summary"], json.dumps(data)
        assert len(summary["words"]) == made.channels
        assert sorted(summary["labels"]) == sorted(set(summary["labels"]))
        for label in LABELS:
            assert text.count(json.dumps(label.lower())) == (label.lower() in summary["labels"])
        for channel, article in articles(page).items():
            listed = re.findall(r'<span class="name">([^<]*)</span>', article)
            found = [summary["labels"][place] for place in summary["words"][channel]]
            assert sorted(found) == sorted({html.unescape(name).lower() for name in listed})
