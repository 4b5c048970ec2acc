"""Label files in their forms, and labels by name and by index."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blockscope.io.errors import BadFile, UnknownName
from blockscope.io.labels import Labels, read_labels

NAMES = ["background", "tench", "crane", "maillot", "tabby", "crane", "maillot", "Maillot"]


def written(folder: Path, content: object, name: str = "labels.json") -> Path:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.json", ["tench", "great white shark", "café", "tench"]),
        ("labels.JSON", [" tench", "great white shark ", "café", "tench"]),
        ("labels.txt", "tench\ngreat white shark\ncafé\ntench"),
        ("labels.txt", "tench \r\n great white shark\r\ncafé\r\ntench\r\n\r\n"),
        ("labels", "\ufefftench\ngreat white shark\ncafé\ntench\n"),
        (
            "class_index.json",
            {"2": ["n3", "café"], "0": ["n1", "tench"], "1": "great white shark", "3": ["tench"]},
        ),
    ],
)
def test_every_form_gives_the_same_names(tmp_path: Path, name: str, content: object) -> None:
    expected = ["tench", "great white shark", "café", "tench"]
    assert read_labels(written(tmp_path, content, name)) == expected


def test_an_empty_line_keeps_the_place_of_a_logit(tmp_path: Path) -> None:
    assert read_labels(written(tmp_path, "\ntench\n\ncrane\n", "l.txt")) == [
        "",
        "tench",
        "",
        "crane",
    ]


def test_only_a_line_end_ends_a_name(tmp_path: Path) -> None:
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\nsecond\n"
    assert read_labels(written(tmp_path, text, "l.txt"))[1:] == ["second"]


def test_more_than_nine_classes_of_a_keras_index_stay_in_order(tmp_path: Path) -> None:
    index = {str(i): [f"n{i}", f"name {i}"] for i in range(12)}
    assert read_labels(written(tmp_path, index)) == [f"name {i}" for i in range(12)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not JSON"),
        ("[", "is not JSON"),
        ('["ant", "\\ud800 dog"]', r"label 1, '\\ud800 dog', has a character that no result file"),
        (["cat\0", "dog"], r"label 0, 'cat\\x00', has a character .* \(a zero byte, or half of"),
        ([], "holds no labels"),
        ({}, "holds no labels"),
        ([1, 2], "must hold a list of strings"),
        ("7", "must hold a list of strings"),
        ('"tench"', "must hold a list of strings"),
        ({"0": 1}, "must hold a list of strings"),
        ({"0": []}, "must hold a list of strings"),
        ({"1": "a", "2": "b"}, r"without a gap, up to '1'; found '2'"),
        ({"0": "a", "x": "b"}, r"without a gap, up to '1'; found 'x'"),
        ({"0": "a", "00": "b"}, r"without a gap, up to '1'; found '00'"),
        ({"0": "a", "-1": "b"}, r"without a gap, up to '1'; found '-1'"),
    ],
)
def test_malformed_json_is_reported(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(BadFile, match=rf"labels\.json'.*{message}"):
        read_labels(written(tmp_path, content))


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"labels file '.*gone\.txt' does not exist"):
        read_labels(tmp_path / "gone.txt")
    with pytest.raises(BadFile, match=r"labels file '.*' is a folder"):
        read_labels(tmp_path)
    (tmp_path / "latin").write_bytes("café".encode("latin-1"))
    with pytest.raises(BadFile, match=r"labels file '.*latin' cannot be read: 'utf-8' codec"):
        read_labels(tmp_path / "latin")
    (tmp_path / "blank").write_text(" \n\n")
    with pytest.raises(BadFile, match="blank' holds no labels"):
        read_labels(tmp_path / "blank")


def test_what_is_skipped_is_no_label_but_keeps_its_name() -> None:
    labels = Labels(NAMES, skip=1)
    assert list(labels.indexes) == [1, 2, 3, 4, 5, 6, 7]
    assert len(labels) == 7
    assert labels.name(0) == "background"
    with pytest.raises(UnknownName, match="unknown label 'background'"):
        labels.find("background")
    with pytest.raises(UnknownName, match="label index 0 is out of range; valid: 1 to 7"):
        labels.find("0")


def test_a_logit_without_a_name_has_a_number() -> None:
    assert [Labels(NAMES).name(i) for i in (7, 8, -1)] == ["Maillot", "[8]", "[-1]"]


def test_a_label_is_found_by_name_and_by_index() -> None:
    labels = Labels(NAMES, skip=1)
    assert labels.find(" tabby ") == 4
    assert labels.find("Maillot") == 7
    assert [labels.find(str(i)) for i in labels.indexes] == list(labels.indexes)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("crane", r"'crane' occurs 2 times; give its index instead: 2 or 5 \(runs\.tsv\)$"),
        ("8", r"label index 8 is out of range; valid: 1 to 7 \(runs\.tsv\)$"),
        ("9" * 5000, "unknown label '999"),
        ("-1", "unknown label '-1'; valid: tench, crane, maillot, tabby, Maillot"),
        ("²", "unknown label '²'"),
        ("Tench", r"unknown label 'Tench'; valid: tench, .* \(runs\.tsv\)$"),
        ("", "unknown label ''"),
        (
            "tabby, tench",
            r"'tabby, tench'; labels are separated by a vertical bar: tabby\|tench \(runs\.tsv\)$",
        ),
    ],
)
def test_what_is_not_found_is_reported(asked: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        Labels(NAMES, skip=1).find(asked, "runs.tsv")


def test_the_nearest_of_many_names_are_reported() -> None:
    many = [f"red {shape}" for shape in "abcdefghijklmn"] + ["tiger cat", "tabby cat"]
    with pytest.raises(UnknownName, match="nearest of 16: tiger cat"):
        Labels(many).find("tigercat")


def test_a_name_that_looks_like_a_number_is_a_name_first() -> None:
    digits = Labels(["none", "0", "1", "2"], skip=1)
    assert [digits.find(text) for text in ("0", "1", "2", "3")] == [1, 2, 3, 3]


def test_repeated_names_come_with_their_indexes() -> None:
    assert Labels(NAMES, skip=1).repeated() == {"crane": [2, 5], "maillot": [3, 6]}
    assert Labels(["a", "a", "b"], skip=1).repeated() == {}


def test_the_real_labels_hold_two_cranes(shared) -> None:
    labels = Labels(read_labels(shared("models/squeezenet1.0-imagenet-labels.json")), skip=1)
    assert len(labels) == 1000
    assert set(labels.repeated()) >= {"crane"}
    with pytest.raises(UnknownName, match="'crane' occurs 2 times; give its index instead: "):
        labels.find("crane")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "is not JSON: it is nested too deeply"),
        (f"[{'9' * 5000}]", "is not JSON: Exceeds the limit"),
    ],
)
def test_json_that_python_cannot_hold_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadFile, match=words):
        read_labels(written(tmp_path, text))


def test_a_labels_file_larger_than_any_list_of_labels(tmp_path: Path) -> None:
    path = written(tmp_path, "a\n", "l.txt")
    with path.open("r+") as file:
        file.truncate(20_000_001)
    with pytest.raises(BadFile, match=r"l\.txt' is larger than 20,000,000 bytes"):
        read_labels(path)
