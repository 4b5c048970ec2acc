"""A panel's files in a paper: its width, what they say in words, fonts, and LaTeX.

LaTeX runs the document of docs/figures.md as it stands there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from helpers.blocks_of_pages import blocks_of_pages
from helpers.programs import lacking
from helpers.sheet_layout import check_layout
from helpers.synthetic_run import LABELS, write_run
from PIL import Image
from pydantic import ValidationError

from blockscope.config.panels import PANELS
from blockscope.config.settings import RunRow
from blockscope.config.template_widths import TEMPLATE_WIDTHS
from blockscope.figures import trust_words
from blockscope.figures.data.panel_files import PanelFiles
from blockscope.figures.data.trust import TrustPanel
from blockscope.figures.print.export import compose, write_sheet
from blockscope.figures.print.parts.sheet import ELLIPSIS, Sheet
from blockscope.figures.style import Style

SVG = "{http://www.w3.org/2000/svg}"
MM_PER_TEX_POINT = 25.4 / 72.27
# What LaTeX is asked for beside the page's document.
PANEL_OF_PAGE = "results/figures/two-none/spatial.pdf"
MEASURE = rf"\sbox0{{\includegraphics{{{PANEL_OF_PAGE}}}}}\typeout{{\the\wd0 / \the\textwidth}}"


@pytest.fixture(scope="module")
def sheet(tmp_path_factory) -> Sheet:
    labels = ["dög & <cat>", *LABELS[1:]]
    folder = tmp_path_factory.mktemp("run")
    run, files = write_run(folder, np.random.default_rng(4), labels=labels, compared=labels[:2])
    return compose("spatial", run, files, Style(width_mm="neurips"))


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> tuple[RunRow, PanelFiles]:
    return write_run(tmp_path_factory.mktemp("many"), np.random.default_rng(4))


@pytest.fixture(scope="module")
def written(sheet, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("panel")
    outputs = {kind: folder / f"spatial.{kind}" for kind in ("pdf", "svg", "png")}
    write_sheet(sheet, outputs, {"created_by": "panel"}, 150)
    return outputs


def test_a_format_alone_has_the_bytes_that_it_has_with_others(sheet, written, tmp_path) -> None:
    for kind, path in written.items():
        alone = tmp_path / f"alone.{kind}"
        write_sheet(sheet, {kind: alone}, {"created_by": "panel"}, 150)
        assert alone.read_bytes() == path.read_bytes()


# --- the width of a template ------------------------------------------------------------------


LONG_LISTS = {"factors"}  # of labels, which are shortened to what tells them apart


@pytest.mark.parametrize("panel", sorted(set(PANELS) - LONG_LISTS))
@pytest.mark.parametrize("width", ["icml-column", "neurips"])
def test_nothing_is_cut_in_a_column(panel, width, many) -> None:
    run, files = many
    sheet = compose(panel, run, files, Style(width_mm=width))
    check_layout(sheet)
    assert [text for _, text in sheet.texts if ELLIPSIS in text] == []


@pytest.mark.parametrize(
    ("name", "inches"),
    [("neurips", 5.5), ("iclr", 5.5), ("icml-column", 3.25), ("icml-page", 6.75),
     ("cvpr-column", 3.28125), ("cvpr-page", 6.875), ("ieee-column", 3.5), ("ieee-page", 7.16),
     ("nature-column", 89 / 25.4), ("nature-page", 183 / 25.4)],
)  # fmt: skip
def test_a_template_names_a_width(name: str, inches: float) -> None:
    assert Style.model_validate({"width_mm": name}).width_mm == pytest.approx(25.4 * inches)


def test_the_page_lists_every_template() -> None:
    page = (Path(__file__).parents[3] / "docs/figures.md").read_text()
    rows = re.findall(r"^\| `([a-z]+(?:-[a-z]+)?)` \| ([\d.]+) \|", page, re.MULTILINE)
    assert {name: float(mm) for name, mm in rows} == {
        name: round(mm, 1) for name, mm in TEMPLATE_WIDTHS.items()
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("neurps", "the name of a template, found 'neurps'"),
        ("icml", r"found 'icml' \(valid: neurips, iclr, icml-column"),
        ("85", "valid number"),
        (20, "greater than or equal to 40"),
        (True, "valid number"),
    ],
)
def test_another_width_is_refused(given: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Style.model_validate({"width_mm": given})


def test_the_settings_that_jobs_are_given_have_the_number() -> None:
    dumped = Style.model_validate({"width_mm": "icml-column"}).model_dump(mode="json")
    assert dumped["width_mm"] == pytest.approx(82.55)
    assert Style.model_validate(dumped).width_mm == pytest.approx(82.55)


# --- in words ---------------------------------------------------------------------------------


def test_an_svg_is_an_image_with_a_title_and_a_description(sheet, written) -> None:
    root = ET.parse(written["svg"]).getroot()
    assert root.get("role") == "img"
    title, description = root[0], root[1]
    assert (title.tag, title.text) == (f"{SVG}title", "Spatial attribution: a-run")
    assert description.tag == f"{SVG}desc"
    assert description.text.startswith("Which positions support either label, and which positions")
    assert " Network blocks1000, image two_blocks. Text: Spatial attribution" in description.text
    assert "dög & <cat>" in description.text
    shown = [text for _, text in sheet.texts if text.strip()]
    assert [text for text in shown if text.removesuffix(".") not in description.text] == []
    assert description.text.count("; ") < len(shown)  # paragraphs are in one piece


def test_sentences_are_described_in_one_piece(tmp_path) -> None:
    run, files = write_run(tmp_path, np.random.default_rng(4))
    panel = TrustPanel.of_run(run, files)
    described = compose("trust", run, files, Style(width_mm=85)).description
    for label in panel.labels:
        sentences = trust_words.sentences(panel, label)
        assert sentences
        for words in sentences:
            assert words.removesuffix(".") in described
    assert trust_words.foot(panel).removesuffix(".") in described


def test_an_svg_names_fonts_to_fall_back_on(written) -> None:
    named = re.findall(r"font(?:-family)?:([^;\"]*)", written["svg"].read_text())
    assert len(named) > 5
    for fonts in named:
        assert "'DejaVu Sans'" in fonts
        assert fonts.rstrip().endswith("Verdana, sans-serif"), fonts


def test_a_png_has_a_title_and_a_description(sheet, written) -> None:
    with Image.open(written["png"]) as opened:
        assert opened.info["Title"] == "Spatial attribution: a-run"
        assert opened.info["Description"] == sheet.description


def test_a_pdf_has_a_title_and_a_subject(sheet, written) -> None:
    if not shutil.which("pdfinfo"):
        lacking("pdfinfo is not installed (Debian: poppler-utils)")
    said = subprocess.run(
        ["pdfinfo", written["pdf"]], capture_output=True, text=True, check=True
    ).stdout
    found = dict(re.split(r":\s+", line, maxsplit=1) for line in said.splitlines() if ": " in line)
    assert found["Title"] == "Spatial attribution: a-run"
    assert found["Subject"] == sheet.description


def test_matplotlib_writes_no_tagged_pdf_yet(written) -> None:
    """As docs/figures.md says: a release that can will fail here."""
    assert b"/StructTreeRoot" not in written["pdf"].read_bytes()


# --- LaTeX ------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["pdflatex", "lualatex"])
def test_the_document_of_the_page(written, tmp_path: Path, program: str) -> None:
    if not shutil.which(program):
        lacking(f"{program} is not installed (Debian: texlive-latex-base, texlive-luatex)")
    (block,) = (block for block in blocks_of_pages() if block.language == "latex")
    assert PANEL_OF_PAGE in block.text
    panel = tmp_path / PANEL_OF_PAGE
    panel.parent.mkdir(parents=True)
    shutil.copy(written["pdf"], panel)
    document = block.text.replace(r"\begin{document}", f"\\begin{{document}}\n{MEASURE}")
    (tmp_path / "paper.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        [program, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path, capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said
    assert "Overfull" not in said
    width, page = map(float, re.findall(r"([\d.]+)pt ?/ ?([\d.]+)pt", said)[0])
    assert width * MM_PER_TEX_POINT == pytest.approx(TEMPLATE_WIDTHS["neurips"], abs=0.05)
    assert width == pytest.approx(page, abs=0.15)
    if shutil.which("pdftotext"):
        text = subprocess.run(
            ["pdftotext", "-layout", tmp_path / "paper.pdf", "-"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert "Spatial attribution: a-run" in text
        assert "dög & <cat>" in text
