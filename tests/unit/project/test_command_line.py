"""The command line: exit codes, one message for a mistake, no traceback."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.repository import ROOT
from helpers.tiny_rendering import tiny_network, write_model

import blockscope
from blockscope import __main__ as command_line
from blockscope.config.tables import read_catalogue
from blockscope.io import datasets
from blockscope.io.atomic_files import sha256_of
from blockscope.models.card import ModelCard
from blockscope.runtime.job import THREADS

CATALOGUE = """
tiny:
  graph: {graph}
  input: {{tensor: input, size: [5, 7], range: [0, 1]}}
  logits: out
  labels: {labels}
"""


@pytest.fixture
def result(tmp_path: Path) -> Path:
    facts = {"created_by": "classes", "model": "tiny"}
    data = {f"array{i}": ("x", np.ones(3, "f4")) for i in range(3)}
    datasets.write_h5(tmp_path / "a.h5", xr.Dataset(data, attrs=facts))
    return tmp_path / "a.h5"


def run(*arguments: object, shell: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "blockscope", *map(str, arguments)]
    if shell:
        command = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash", *command]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_show_prints_each_file(result: Path, capsys) -> None:
    assert command_line.main(["show", str(result), str(result)]) == 0
    said = capsys.readouterr()
    assert said.out.count("Axes: x 3") == 2
    assert "\n\n" in said.out
    assert said.err == ""


def test_show_prints_the_good_files_and_names_all_bad_ones(result: Path, capsys) -> None:
    gone = [str(result.with_name(name)) for name in ("x.h5", "y.h5")]
    assert command_line.main(["show", gone[0], str(result), gone[1]]) == 1
    said = capsys.readouterr()
    assert said.out.count("Axes: x 3") == 1
    assert "x.h5' does not exist\n" in said.err
    assert "y.h5' does not exist\n" in said.err


def test_a_mistake_is_told_without_a_traceback(tmp_path: Path) -> None:
    done = run("show", tmp_path / "gone.h5")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"blockscope: file '{tmp_path / 'gone.h5'}' does not exist\n"


@pytest.mark.parametrize("arguments", [[], ["shw"], ["show"], ["card", "--model", "a"]])
def test_a_wrong_command_tells_how_it_goes(arguments: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)
    assert ended.value.code == 2
    assert "usage: blockscope" in capsys.readouterr().err


def test_version(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"{blockscope.__version__}\n"


def test_a_reader_that_leaves_is_no_mistake(result: Path) -> None:
    done = run("show", *[result] * 300, shell="| head -n 1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{result}: ")
    done = run("show", result, shell="| true")  # gone before the first line
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_is_told(result: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    done = run("show", result, shell="> /dev/full")
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interruption_ends_quietly(result: Path, monkeypatch) -> None:
    def interrupted(path: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("blockscope.stages.result_files.describe", interrupted)
    assert command_line.main(["show", str(result)]) == 130


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    (tmp_path / "net.pb").write_bytes(b"net")
    url = "http://127.0.0.1:9/net.pb"
    remote = f"{{url: '{url}', sha256: {hashlib.sha256(b'net').hexdigest()}}}"
    text = CATALOGUE.format(graph=remote, labels=tmp_path / "labels.json")
    (tmp_path / "models.yaml").write_text(text)
    return tmp_path / "models.yaml"


def test_fetch_tells_where_the_files_are(catalogue: Path, tmp_path: Path, capsys) -> None:
    arguments = ["fetch", "--catalogue", str(catalogue), "--folder", str(tmp_path), "tiny"]
    assert command_line.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(tmp_path / "net.pb")
    assert lines[1].endswith("labels.json: a local file, nothing to download")


def test_the_files_of_a_randomised_network_are_those_of_the_trained_one(
    catalogue: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    with catalogue.open("a") as text:
        text.write("\nother: {from: tiny, randomise: {above: mixed}}\n")
    there = tmp_path / "results/models/tiny/source/net.pb"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"net")
    assert command_line.main(["fetch", "--catalogue", str(catalogue), "other"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "results/models/tiny/source/net.pb"


def test_fetch_of_an_unknown_model(catalogue: Path, capsys) -> None:
    assert command_line.main(["fetch", "--catalogue", str(catalogue), "tny"]) == 1
    assert "unknown model 'tny'; valid: tiny (" in capsys.readouterr().err


@pytest.mark.slow
def test_card_of_a_real_network(shared, tmp_path: Path) -> None:
    text = CATALOGUE.format(
        graph=shared("models/squeezenet1.0-imagenet.pb"),
        labels=shared("models/squeezenet1.0-imagenet-labels.json"),
    )
    text = text.replace("[5, 7]", "[224, 224]").replace("logits: out", "logits: logits")
    (tmp_path / "models.yaml").write_text(text + "  skip_labels: 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "blockscope", "card", "--catalogue", tmp_path / "models.yaml",
         "--model", "tiny", "--model", "other", "--output-folder", tmp_path],
        check=False, capture_output=True, text=True, timeout=120,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "model 'other': unknown model 'other'; valid: tiny" in done.stderr
    assert "Traceback" not in done.stderr
    shown = run("show", tmp_path / "tiny.json")
    assert shown.returncode == 0
    assert "1001 in all, 1000 with a label" in shown.stdout
    assert "Labels that occur more than once (give their index): " in shown.stdout
    assert "crane: " in shown.stdout


def test_layers_are_listed_before_any_run(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    blocks = ROOT / "src/blockscope/resources" / "blocks1000"
    text = CATALOGUE.format(graph=blocks / "graph.pb", labels=blocks / "labels.json")
    text = text.replace("[5, 7]", "[224, 224]")
    text = text.replace("logits: out", "logits: softmax2_pre_activation")
    text += "\nother: {from: tiny, randomise: {above: mixed5a, kind: independent}}\n"
    (tmp_path / "config" / "models.yaml").write_text(text)
    assert command_line.main(["layers", "other"]) == 0
    words = (
        "Made of tiny (independent): the weights of the first block above mixed5a, seed 0: 12 te"
    )
    assert capsys.readouterr().out.splitlines()[2].startswith(words)
    assert command_line.main(["layers", "tiny"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "tiny"
    assert lines[1].startswith("Input: input, 224 x 224 pixels, ")
    assert any(re.match(r"  mixed4d +14 x 14 x 132  ", line) for line in lines), lines
    assert [path.name for path in tmp_path.iterdir()] == ["config"]
    assert command_line.main(["layers", "--catalogue", "mine.yaml", "tiny"]) == 1
    words = "name your catalogue of networks by --catalogue FILE"
    assert words in capsys.readouterr().err
    assert command_line.main(["layers", "tny"]) == 1
    assert "unknown model 'tny'; valid: tiny, other" in capsys.readouterr().err


SETTINGS = "models: models.yaml\nimages: images.tsv\nruns: runs.tsv\n"
TABLES = {
    "images.tsv": "image\tpath\none\tone.png\n",
    "runs.tsv": "run\tmodel\timage\tlayer1\tlayer2\none\ttiny\tone\tmixed\tmixed\n",
}


@pytest.fixture
def measured(catalogue: Path, tmp_path: Path, monkeypatch) -> Path:
    """A project whose network is in normal form; the environment of libraries is restored."""
    for name in THREADS:
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    monkeypatch.chdir(tmp_path)
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "own.yaml").write_text(SETTINGS)
    folder = tmp_path / "results/models/tiny"
    folder.mkdir(parents=True)
    graph, card = write_model(folder, tiny_network(), 11, 9)
    (tmp_path / "labels.json").write_text('["a", "b"]')
    agrees = {
        "entry": read_catalogue("models.yaml")["tiny"].digest,
        "graph_sha256": sha256_of(graph),
        "labels": ("a", "b"),
    }
    ModelCard.read(card).model_copy(update=agrees).write(card)
    return folder


def measure(*arguments: str) -> int:
    return command_line.main(["measure", "--configfile", "own.yaml", *arguments])


def test_measure_prints_what_a_layer_takes(measured: Path, capsys) -> None:
    assert measure("--steps", "3", "tiny", "mixed") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("tiny, recipe draft (64 pixels, 64 steps), on: ")
    assert re.fullmatch(r" *mixed +11 +8 +.* +all", said[3])
    assert said[-1].startswith("sprites: {channels_per_job: 11}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tny", "mixed"], r"unknown model 'tny'; valid: tiny \(listed in models.yaml\)"),
        (["tiny", "mixd"], "model 'tiny' has no layer 'mixd'; valid: mixed"),
        (["tiny", "mixed", "--recipe", "drft"], "unknown recipe 'drft'; .*--recipe"),
    ],
)
def test_measure_names_what_is_valid(measured: Path, capsys, arguments, words) -> None:
    assert measure(*arguments) == 1
    assert re.search(words, capsys.readouterr().err)


@pytest.mark.parametrize("gone", ["model.json", "graph.pb"])
def test_measure_says_how_to_make_a_network(measured: Path, capsys, gone) -> None:
    (measured / gone).unlink()
    assert measure("tiny", "mixed") == 1
    said = capsys.readouterr().err
    assert "'results/models/tiny/graph.pb' or its card is missing or out of date" in said
    assert "snakemake --cores 1 results/models/tiny/graph.pb" in said


def test_measure_refuses_a_network_that_is_out_of_date(measured: Path, capsys) -> None:
    (measured / "graph.pb").write_bytes(b"another")
    assert measure("tiny", "mixed") == 1
    assert "is missing or out of date" in capsys.readouterr().err


def test_measure_refuses_no_steps(capsys) -> None:
    with pytest.raises(SystemExit):
        measure("--steps", "0", "tiny", "mixed")
    assert "must be at least 1, found 0" in capsys.readouterr().err
