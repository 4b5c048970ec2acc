"""docs/reading.md: every block is run by its program, and finds what the files hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.code_of_pages import run_block
from helpers.programs import lacking
from helpers.repository import ROOT
from numpy.typing import NDArray

from blockscope.io import datasets

PAGE = "reading.md"
CLASSES = "results/blocks1000/two/none/classes/mixed4d.h5"
ACTIVATIONS = "results/blocks1000/two/activations/mixed4d.zarr.zip"
STAR, HEART = 320, 444
FENCED = re.compile(r"^```(\w+)\n(.+?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    text = (ROOT / "docs" / PAGE).read_text(encoding="utf-8")
    return [code for found, code in FENCED.findall(text) if found == language]


def test_every_block_is_run_here() -> None:
    text = (ROOT / "docs" / PAGE).read_text(encoding="utf-8")
    found = [language for language, _ in FENCED.findall(text)]
    counts = {language: found.count(language) for language in found}
    assert counts == {"python": 4, "r": 1, "octave": 2, "js": 2, "sh": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, rng_of_module) -> Path:
    """Return a folder with the two files, whose labels need more than ASCII, and one repeats."""
    folder: Path = tmp_path_factory.mktemp("reading")
    labels = np.array([f"label {number}" for number in range(500)], object)
    labels[[3, 7, 11, STAR, HEART]] = "crane", "crane", "naïve 猫", "red striped star", "teal"
    labels[499] = "the longest of all labels"
    values = rng_of_module.normal(size=(500, 14, 14)).astype("f4")
    note = {"long_name": "activation times gradient of the logit", "units": "logit"}
    classes = xr.Dataset(
        {"attribution": (("label", "row", "col"), values, note)},
        {"label": labels, "index": ("label", np.arange(500, dtype="i4"))},
        {"created_by": "classes", "model": "blocks1000"},
    )
    datasets.write_h5(folder / CLASSES, classes)
    activations = rng_of_module.normal(size=(5, 7, 3)).astype("f4")
    note = {"long_name": "activations of mixed4d", "units": "1"}
    stored = xr.Dataset({"activations": (("row", "col", "channel"), activations, note)})
    datasets.write_zarr(folder / ACTIVATIONS, stored)
    return folder


@pytest.fixture(scope="module")
def rng_of_module() -> np.random.Generator:
    return np.random.default_rng(17)


@pytest.fixture
def star(folder: Path) -> NDArray[np.float32]:
    values = datasets.read(folder / CLASSES)["attribution"].to_numpy()
    found: NDArray[np.float32] = values[STAR]
    return found


def run(program: str, command: list[str], folder: Path, **options) -> str:
    """Return what a program prints; the test is skipped where it is missing."""
    if shutil.which(program) is None:
        lacking(f"{program} is not installed")
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False, **options
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def numbers(text: str) -> NDArray[np.float64]:
    """Return the numbers in a line that begins with STAR."""
    (line,) = (line for line in text.splitlines() if line.startswith("STAR "))
    return np.array(line.removeprefix("STAR ").split(), float)


def said(text: str, name: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith(f"{name}: "))
    return line.removeprefix(f"{name}: ")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_python(folder: Path, star, monkeypatch, place: int) -> None:
    monkeypatch.chdir(folder)
    names, _ = run_block(PAGE, place)
    np.testing.assert_array_equal(names["star"], star)
    if place == 0:
        assert names["classes"]["index"].to_numpy().tolist() == [STAR, HEART]
    elif place == 1:
        assert names["both"]["index"].to_numpy().tolist() == [STAR, HEART]
        np.testing.assert_array_equal(names["both"][0], star)
        names["classes"].close()
    else:
        assert names["labels"][11] == "naïve 猫"
        assert names["units"] == "logit"


def test_python_opens_zarr(folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    names, _ = run_block(PAGE, 3)
    stored = datasets.read(folder / ACTIVATIONS)["activations"]
    xr.testing.assert_identical(names["activations"].load(), stored)
    names["store"].close()


def test_r(folder: Path, star) -> None:
    (code,) = blocks("r")
    code += """
cat("STAR", sprintf("%.9g", t(star)), "\\n")
cat("units: ", units, "\\nmodel: ", model, "\\nlabel: ", labels[12], "\\n", sep = "")
cat("rows: ", ncvar_get(file, "row"), "\\n", sep = "")
"""
    if shutil.which("Rscript") and not any(
        Path(place, "ncdf4").is_dir() for place in ("/usr/lib/R/site-library", "/usr/lib/R/library")
    ):
        lacking("R has no ncdf4 (Debian: r-cran-ncdf4)")
    text = run("Rscript", ["Rscript", "-e", code], folder, env={**os.environ, "LC_ALL": "C.UTF-8"})
    np.testing.assert_array_equal(numbers(text).astype("f4"), star.ravel())
    assert (said(text, "units"), said(text, "model")) == ("logit", "blocks1000")
    assert said(text, "label") == "naïve 猫"
    assert said(text, "rows") == "".join(map(str, range(14)))


def test_octave(folder: Path, star) -> None:
    code = blocks("octave")[0]
    code += 'printf("STAR"); printf(" %.9g", star\'); '
    code += 'printf("\\nunits: %s\\nmodel: %s\\nlabel: %s\\n", units, model, labels{12});'
    if not list(Path("/usr/share/octave/packages").glob("netcdf-*")):
        lacking("Octave has no package netcdf (Debian: octave-netcdf)")
    text = run("octave-cli", ["octave-cli", "--no-history", "--eval", code], folder)
    np.testing.assert_array_equal(numbers(text).astype("f4"), star.ravel())
    assert (said(text, "units"), said(text, "model")) == ("logit", "blocks1000")
    assert said(text, "label") == "naïve 猫"


def test_octave_alone(folder: Path, star) -> None:
    code = blocks("octave")[1] + 'printf("STAR"); printf(" %.9g", star\'); printf("\\n");'
    text = run("octave-cli", ["octave-cli", "--no-history", "--eval", code], folder)
    np.testing.assert_array_equal(numbers(text).astype("f4"), star.ravel())


def node(code: str, folder: Path, tmp_path: Path) -> str:
    """Run a module in a folder whose files it reads, with the packages of BLOCKSCOPE_NODE."""
    packages = Path(os.environ.get("BLOCKSCOPE_NODE", ROOT / "frontend" / "node_modules"))
    if not all((packages / name).is_dir() for name in ("h5wasm", "zarrita", "@zarrita/storage")):
        lacking(f"h5wasm, zarrita or @zarrita/storage is not in {packages} (npm ci in frontend)")
    (tmp_path / "node_modules").symlink_to(packages)
    script = tmp_path / "block.mjs"
    script.write_text(code)
    return run("node", ["node", str(script)], folder)


def test_javascript_reads_hdf5(folder: Path, star, tmp_path: Path) -> None:
    shown = 'console.log(JSON.stringify([units, model, text("label")[11], Array.from(star)]));'
    units, model, label, found = json.loads(node(blocks("js")[0] + shown, folder, tmp_path))
    assert (units, model, label) == ("logit", "blocks1000", "naïve 猫")
    np.testing.assert_array_equal(np.array(found, "f4"), star.ravel())


def test_javascript_reads_zarr(folder: Path, tmp_path: Path) -> None:
    shown = "console.log(JSON.stringify([units, activations.shape, Array.from(activations.data)]));"
    units, shape, found = json.loads(node(blocks("js")[1] + shown, folder, tmp_path))
    stored = datasets.read(folder / ACTIVATIONS)["activations"].to_numpy()
    assert (units, shape) == ("1", list(stored.shape))
    np.testing.assert_array_equal(np.array(found, "f4"), stored.ravel())


def test_ncdump(folder: Path) -> None:
    header, labels = (
        run("ncdump", ["sh", "-c", line], folder) for line in blocks("sh")[0].splitlines()
    )
    for line in (
        "float attribution(label, row, col) ;", 'attribution:units = "logit" ;', "int row(row) ;",
        'row:long_name = "row, from the top" ;', ':model = "blocks1000" ;', "int index(label) ;",
    ):  # fmt: skip
        assert line in header, line
    assert '"red striped star"' in labels
    assert "row = _" not in header


def test_h5dump(folder: Path, star) -> None:
    text = run("h5dump", ["sh", "-c", blocks("sh")[1]], folder)
    values = re.findall(r"^ +DATA \{\n(.+?)^ +\}", text, re.MULTILINE | re.DOTALL)[0]
    found = re.sub(r"\([\d,]+\):|,", " ", values).split()
    first = datasets.read(folder / CLASSES)["attribution"].to_numpy()[0]
    np.testing.assert_allclose(np.array(found, float), first.ravel(), rtol=1e-5)
