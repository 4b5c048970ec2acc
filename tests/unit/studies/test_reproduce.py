"""Comparison with published numbers: tolerances, the table, the exit status."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.repository import ROOT
from PIL import Image

from blockscope.config.tables import read_catalogue
from blockscope.io import downloads
from blockscope.io.errors import BadConfig, BadFile, UnknownName
from blockscope.io.labels import Labels
from blockscope.models.entry import ModelEntry
from studies.reproduce import __main__ as command
from studies.reproduce import images as notebook_images
from studies.reproduce.comparison import (
    Compared,
    compare,
    compare_all,
    exit_status,
    printed_interval,
    summary,
    table,
    tolerances,
)
from studies.reproduce.coverage import coverage
from studies.reproduce.networks import check_labels, open_network, own_copy
from studies.reproduce.published import ARCHIVE, GRAPH, IMAGES, LABELS, NUMBERS, KnownFile
from studies.reproduce.quantities import AXES, STATISTICS, Printing, Published, Question
from studies.reproduce.quantities import Tolerance as Allowed

LINEAR = Question("dog", "linear", "low", (7, 2))
PLACES = Question("dog", "activations", "low")
NOTHING_MORE = Allowed("test")
CHANNELS = np.array([[0.25, -1.5, 3.0, 0.0, 1.6285]])


def number(
    statistic: str, at: tuple[int, ...], printed: str, printing: Printing = Printing.ROUNDED,
    tolerance: Allowed = NOTHING_MORE, question: Question = LINEAR, binding: bool = True,
) -> Published:  # fmt: skip
    return Published(question, statistic, at, printed, printing, tolerance, "test", binding)


@pytest.mark.parametrize(
    ("text", "printing", "low", "high"),
    [
        ("1.628", Printing.CUT, 1.628, 1.629),
        ("-1.72", Printing.CUT, -1.73, -1.72),
        ("-0.00", Printing.CUT, -0.01, 0),
        ("1.628", Printing.ROUNDED, 1.6275, 1.6285),
        ("-1.72", Printing.ROUNDED, -1.725, -1.715),
        ("0.87", Printing.UNKNOWN, 0.86, 0.88),
        ("17", Printing.WHOLE, 17, 17),
        ("17", Printing.CUT, 17, 18),
    ],
)
def test_what_a_printed_number_may_have_been(text, printing, low, high) -> None:
    assert printed_interval(text, printing) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(
    ("statistic", "at", "found"),
    [
        ("sum", (), 3.3785),
        ("largest", (), 3.0),
        ("smallest", (), -1.5),
        ("zeros", (), 1),
        ("value", (4,), 1.6285),
        ("strongest", (0,), 2),
        ("strongest", (1,), 4),
        ("most negative", (0,), 1),
        ("most negative", (1,), 3),
    ],
)
def test_statistics_of_channels(statistic, at, found) -> None:
    assert compare(number(statistic, at, "0"), CHANNELS).found == pytest.approx(found)


def test_statistics_of_positions(rng) -> None:
    """On 5 x 7 x 3, where no axis can stand for another."""
    array = rng.random((1, 5, 7, 3))
    array[0, 4, 6, 1] = 2
    array[0, 2, 5] = 0.1, 0.3, 0.2

    def found(statistic: str, *at: int) -> float:
        return compare(number(statistic, at, "0", question=PLACES), array).found

    assert (found("peak row"), found("peak col")) == (4, 6)
    assert found("value", 2, 5, 2) == 0.2
    assert [found("strongest", 2, 5, rank) for rank in range(3)] == [1, 2, 0]


def test_digits_left_off_agree_and_the_next_digit_does_not() -> None:
    def agrees(text: str, printing: Printing = Printing.CUT) -> bool:
        return compare(number("value", (4,), text, printing), CHANNELS).agrees

    assert agrees("1.628")
    assert not agrees("1.629")
    assert not agrees("1.627")
    assert agrees("1.629", Printing.UNKNOWN)


def test_a_tolerance_comes_on_top_of_the_digits() -> None:
    for relative, agrees in ((1e-3, False), (2e-3, True)):
        allowed = Allowed("test", relative=relative)
        assert compare(number("largest", (), "2.995", tolerance=allowed), CHANNELS).agrees is agrees
    for absolute, agrees in ((1, False), (2, True)):
        allowed = Allowed("test", absolute=absolute)
        zeros = number("zeros", (), "3", Printing.WHOLE, allowed)
        assert compare(zeros, CHANNELS).agrees is agrees


def test_several_draws_give_their_mean_and_a_tolerance_from_their_spread() -> None:
    """Mean 3, standard deviation 1: of one more draw from the mean sqrt(4/3)."""
    draws = np.array([[2.0], [3.0], [4.0]])
    drawn = Allowed("test", deviations=2)
    edge = 2 * math.sqrt(4 / 3)
    for text, agrees in ((f"{3 + edge - 0.01:.4f}", True), (f"{3 + edge + 0.01:.4f}", False)):
        compared = compare(number("value", (0,), text, tolerance=drawn), draws)
        assert compared.found == 3
        assert compared.agrees is agrees


def test_nan_never_agrees() -> None:
    broken = np.array([[np.nan, 1.0]])
    generous = Allowed("test", absolute=1e9)
    assert compare(number("sum", (), "1.0", tolerance=generous), broken).verdict == "OFF"
    beyond = compare(number("value", (528,), "1.0", tolerance=generous), CHANNELS)
    assert beyond.verdict == "OFF"
    assert "none" in table([beyond])


def rows(*verdicts: str) -> list[Compared]:
    made = {
        "ok": compare(number("sum", (), "3.3785"), CHANNELS),
        "OFF": compare(number("sum", (), "3.40"), CHANNELS),
        "differs": compare(number("sum", (), "3.40", binding=False), CHANNELS),
        "not compared": Compared(number("sum", (), "3.40"), missing="put dog.png at 'x'"),
    }
    assert [made[v].verdict for v in verdicts] == list(verdicts)
    return [made[v] for v in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "status", "allowed"),
    [
        (["ok", "ok"], 0, 0),
        (["ok", "differs"], 0, 0),
        (["ok", "OFF"], 1, 1),
        (["OFF", "not compared"], 1, 1),
        (["ok", "not compared"], 2, 0),
        (["not compared", "not compared"], 2, 2),
        (["differs", "not compared"], 2, 2),
        (["differs"], 2, 2),
        ([], 2, 2),
    ],
)
def test_the_exit_status(verdicts, status, allowed) -> None:
    assert exit_status(rows(*verdicts)) == status
    assert exit_status(rows(*verdicts), allow_missing=True) == allowed


def test_the_table_shows_every_number() -> None:
    zeros = number("zeros", (), "3", Printing.WHOLE, Allowed("a channel", absolute=1))
    lines = table(
        [
            *rows("ok", "OFF"),
            compare(number("value", (4,), "1.628", Printing.CUT), CHANNELS),
            compare(zeros, CHANNELS),
            compare(number("strongest", (0,), "2", Printing.WHOLE), CHANNELS),
        ]
    ).splitlines()
    cells = [" ".join(line.split()) for line in lines]
    assert cells == [
        "dog, low, linear, [7] - [2] (test)",
        "published computed difference tolerance",
        "sum over channels 3.3785 3.378500 +0 -5e-05 to +5e-05 ok",
        "sum over channels 3.40 3.378500 -0.022 -0.005 to +0.005 OFF",
        "channel 4 1.628 1.628500 +0.0005 +0 to +0.001 ok",
        "channels of value 0 3 1 -2 -1 to +1 OFF",
        "strongest channel, rank 1 2 2 the same ok",
    ]
    assert len({len(line) for line in lines if line.endswith(" ok")}) == 1


def test_a_logit_is_shown_with_its_label() -> None:
    probability = Question("dog", "probability", "out")
    array = np.full((1, 1008), 0.25)
    for index, name in LABELS.items():
        row = compare(number("value", (index,), "0.25", question=probability), array)
        assert f"  logit {index} {name}  " in table([row])


def test_a_missing_image_is_reported_with_its_place() -> None:
    compared = compare_all([number("sum", (), "3.40")], {}, {"dog": "put dog.png at 'x'"})
    assert "1 numbers not compared: put dog.png at 'x'" in table(compared)
    assert "1 not compared (--allow-missing accepts that)" in summary(compared)
    assert "1 not compared" in summary(compared, allow_missing=True)
    assert "accepts that" not in summary(compared, allow_missing=True)


def test_the_summary_counts() -> None:
    said = summary(rows("ok", "ok", "OFF", "differs"))
    assert said.startswith("4 published numbers: 2 ok, 1 OFF, 1 differ")


def test_tolerances_are_shown_with_their_reasons() -> None:
    said = tolerances(NUMBERS).splitlines()
    assert any(line.startswith("  0.1% of the number: single precision") for line in said)
    assert len(said) == 1 + len({n.tolerance for n in NUMBERS})


def test_the_published_numbers_are_sound() -> None:
    for published in NUMBERS:
        question = published.question
        assert published.statistic in STATISTICS
        assert published.what
        assert set(question.labels) <= set(LABELS)
        assert len(published.at) <= len(AXES[question.method])
        assert "." in published.printed or published.printing is Printing.WHOLE
        named = AXES[question.method][-1] == "logit"
        assert not named or published.at[-1] in LABELS
        assert max(published.at, default=0) < (1008 if named else 528)
    assert len(set(NUMBERS)) == len(NUMBERS)


def test_printed_values_fit_the_totals() -> None:
    """What is printed of a channel is the total of the same run, to its digits."""
    at = {
        (n.question, n.statistic, n.at): n.printed for n in NUMBERS if n.source.startswith("Attr")
    }
    attributions = {q for q, statistic, _ in at if statistic == "strongest"}
    assert len(attributions) == 7
    for question in attributions:
        for total, ranking in (("largest", "strongest"), ("smallest", "most negative")):
            first = int(at[question, ranking, (0,)])
            assert at[question, total, ()].startswith(at[question, "value", (first,)])


TABLE = "image\tpath\ndog\tpets/dog.png\ncat\tpets/cat.png\n"


@pytest.fixture
def image_table(tmp_path: Path) -> Path:
    (tmp_path / "images.tsv").write_text(TABLE)
    return tmp_path / "images.tsv"


def test_where_images_are_expected(image_table, monkeypatch) -> None:
    monkeypatch.delenv(notebook_images.FOLDER, raising=False)
    assert notebook_images.image_paths(["dog"], None, image_table) == {"dog": Path("pets/dog.png")}
    monkeypatch.setenv(notebook_images.FOLDER, "shelf")
    assert notebook_images.image_paths(["dog"], None, image_table) == {"dog": Path("shelf/dog.png")}
    assert notebook_images.image_paths(["dog"], "mine", image_table) == {
        "dog": Path("mine/dog.png")
    }


def test_images_that_the_table_lacks(image_table, tmp_path) -> None:
    with pytest.raises(UnknownName, match=r"unknown image 'dgo'; valid: dog, cat .*images.tsv"):
        notebook_images.image_paths(["dgo"], None, image_table)
    with pytest.raises(BadConfig, match=r"gone.tsv: does not exist"):
        notebook_images.image_paths(["dog"], None, tmp_path / "gone.tsv")


def test_images_are_identified_by_their_bytes(tmp_path, monkeypatch, rng) -> None:
    pixels = rng.integers(0, 255, (5, 7, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "dog.png")
    content = (tmp_path / "dog.png").read_bytes()
    known = KnownFile("dog.png", len(content), hashlib.md5(content).hexdigest())
    monkeypatch.setattr(notebook_images, "IMAGES", {"dog": known, "cat": known})

    def read(
        image: str, path: Path, size: tuple[int, int] = (5, 7)
    ) -> notebook_images.NotebookImage:
        return notebook_images.read_images({image: path}, size)[image]

    same = read("dog", tmp_path / "dog.png")
    assert same.note == "the notebooks' file"
    np.testing.assert_array_equal(same.pixels, pixels)
    Image.fromarray(pixels).save(tmp_path / "cat.png", compress_level=0)
    assert "not the notebooks' file" in read("cat", tmp_path / "cat.png").note
    assert (
        "the checksum of the notebooks' file is unknown" in read("pig", tmp_path / "cat.png").note
    )
    scaled = read("dog", tmp_path / "dog.png", (4, 6))
    assert scaled.pixels.shape == (4, 6, 3)
    assert "scaled from 5 x 7 to 4 x 6" in scaled.note
    gone = read("dog", tmp_path / "gone" / "dog.png")
    assert gone.pixels is None
    assert "put the notebooks' dog.png" in gone.note
    assert known.checksum in gone.note
    assert "gone/dog.png'" in gone.note


def test_labels_must_be_those_of_the_numbers() -> None:
    check_labels(Labels(["dummy", "kit fox"]), {1: "kit fox"}, "of x.txt")
    with pytest.raises(
        BadFile, match=r"labels of x.txt differ .* logit 1 is 'tench', not 'kit fox'"
    ):
        check_labels(Labels(["dummy", "tench"]), {1: "kit fox"}, "of x.txt")


def entry(url: str) -> ModelEntry:
    source = {"url": url, "sha256": "ab" * 32, "member": "graph.pb"}
    inputs = {"tensor": "input", "size": [5, 7], "range": [0, 1]}
    return ModelEntry.model_validate(
        {"graph": source, "labels": source, "input": inputs, "logits": "out"}
    )


@pytest.fixture
def no_network(tmp_path, monkeypatch) -> str:
    """Return an address where nothing listens."""
    monkeypatch.setattr(downloads, "PAUSE", 0)
    monkeypatch.delenv(downloads.MODELS_FOLDER, raising=False)
    return "http://127.0.0.1:9/nets.zip"


def test_a_failed_download_is_reported_with_file_and_place(no_network, tmp_path) -> None:
    with pytest.raises(BadFile) as caught:
        open_network(entry(no_network), tmp_path / "source")
    said = str(caught.value)
    for part in ("Wanted: nets.zip", "ab" * 32, no_network, "BLOCKSCOPE_MODELS", "source'"):
        assert part in said


def test_an_own_copy_replaces_graph_and_labels(tmp_path) -> None:
    for name in ("a.pb", "a.json"):
        (tmp_path / name).touch()
    mine = own_copy(entry("http://x.org/nets.zip"), tmp_path / "a.pb", tmp_path / "a.json")
    assert (mine.graph.path, mine.graph.url) == (str(tmp_path / "a.pb"), None)
    assert mine.labels.path == str(tmp_path / "a.json")
    assert mine.input.size == (5, 7)
    with pytest.raises(BadFile, match=r"labels file '.*b.json' does not exist"):
        own_copy(mine, tmp_path / "a.pb", tmp_path / "b.json")


def test_the_command_names_images_and_network_and_ends_with_2(
    no_network, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config/inceptionv1").mkdir(parents=True)
    Path("config/inceptionv1/images.tsv").write_text(TABLE)
    Path("config/models.yaml").write_text(
        f"inceptionv1:\n  graph: {{url: '{no_network}', sha256: {'ab' * 32}, member: graph.pb}}\n"
        "  input: {tensor: input, size: [5, 7], range: [0, 1]}\n"
        "  logits: out\n"
        f"  labels: {{url: '{no_network}', sha256: {'ab' * 32}, member: labels.txt}}\n"
    )
    monkeypatch.delenv(notebook_images.FOLDER, raising=False)
    assert command.main([], [number("sum", (), "1.0")]) == 2
    said = capsys.readouterr()
    assert said.out.startswith("Compared: 1 published number.")
    assert "Never compared:" in said.out
    assert "dog: put the notebooks' dog.png" in said.out
    assert "reproduce: download of http" in said.err
    assert "Wanted: nets.zip" in said.err
    assert command.main(["--catalogue", "gone.yaml"], []) == 2
    assert "gone.yaml: does not exist" in capsys.readouterr().err


def test_the_command_says_what_is_compared_and_what_never_could_be() -> None:
    said = coverage(NUMBERS)
    judged = [number for number in NUMBERS if number.binding]
    assert said.startswith(f"Compared: {len(judged)} published numbers.")
    counts = [int(count) for count in re.findall(r"^ +(\d+) ", said, re.MULTILINE)]
    assert sum(counts) == len(judged)
    assert f"their pixels are unknown: {len(NUMBERS) - len(judged)}." in said
    never = said.partition("Never compared:")[2]
    assert "the AttrSpatial notebook: its outputs are images" in never
    assert "Recorded so far: no result on the published network" in never
    page = " ".join((ROOT / "docs" / "reproduce.md").read_text().split())
    assert "so no result of this command is recorded here yet" in page


def test_graph_and_labels_go_together(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["--graph", "a.pb"])
    assert "--graph and --labels go together" in capsys.readouterr().err


def test_the_page_lists_the_files_and_the_count() -> None:
    page = (ROOT / "docs" / "reproduce.md").read_text()
    for known in (ARCHIVE, GRAPH, *IMAGES.values()):
        for part in (known.name, f"{known.size:,}", f"`{known.checksum}`"):
            assert part in page
    assert f"{len(NUMBERS)} of them" in page
    catalogue = read_catalogue(ROOT / "config" / "models.yaml")
    assert catalogue["inceptionv1"].graph.sha256 == ARCHIVE.checksum
    assert catalogue["inceptionv1"].graph.member == GRAPH.name
