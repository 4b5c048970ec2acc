"""Compare two folders of results, file by file, and say what differs.

    python -m bench.compare_results OLD NEW [--renamed OLD=NEW ...] [--ignore-texts]

Compared bit for bit: the arrays of HDF5 and zarr files by variable, the pixels of images, the cells
of tables, the content of JSON files, the unpacked data and the images of pages, the shapes and the
images of SVG files, and the bytes of everything else. PDF files are only counted: the SVG and the
PNG show the same. Files that only one folder has are listed.

Variables, keys, panels and values may have been renamed: ``RENAMED`` in `bench.comparison` lists
old and new names, ``--renamed`` adds to it. What was renamed, or moved inside JSON or a page, is
compared, and listed. Provenance is listed where it differs; only its numbers count. Words
(captions, titles, descriptions of variables) count, unless ``--ignore-texts`` is given: then they
are only listed.

Jobs of the workflow have one thread each; another number of threads rounds sums differently.

Exit status: 0 nothing differs, 1 something does, 2 the folders cannot be compared.
"""

from __future__ import annotations

import argparse
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from bench.comparison import RENAMED, Report, words_of
from bench.result_files import KINDS, compare_bytes

PANEL = re.compile(r"(figures/[^/]+/)([^/.]+)(\.[a-z]+)$")


def compare_folders(old: Path, new: Path, renames: Mapping[str, str] = RENAMED) -> Report:
    """Compare all files of two folders of results."""
    report = Report(renames)
    before, after = (
        {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))
         if path.is_file()}
        for folder in (old, new)
    )  # fmt: skip
    names = {name: _new_path(name, renames, after) for name in before}
    for name in dict.fromkeys([*before, *(set(after) - set(names.values()))]):
        report.file = name
        if name not in before or names[name] not in after:
            side = "old" if name in before else "new"
            report.check("file", "file", False, f"only in the {side} folder")
            continue
        if names[name] != name:
            report.renamed[f"file .../{Path(name).name} -> {Path(names[name]).name}"] += 1
        compare = next((c for end, c in KINDS.items() if name.endswith(end)), compare_bytes)
        try:
            compare(report, before[name], after[names[name]])
        except (OSError, ValueError, zipfile.BadZipFile, ET.ParseError) as error:
            report.check("file", "file", False, f"cannot be read: {error}")
    return report


def _new_path(name: str, renames: Mapping[str, str], known: Iterable[str]) -> str:
    """Return what a file is called in the new folder: the same, unless its panel was renamed."""
    found = PANEL.search(name)
    if not found or found[2] not in renames or name in known:
        return name
    return f"{name[: found.start()]}{found[1]}{renames[found[2]]}{found[3]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison; return 0 where nothing differs, 1 where something does, else 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--renamed", nargs="+", action="extend", default=[], metavar="OLD=NEW")
    parser.add_argument("--ignore-texts", action="store_true", help="list words, do not count them")
    options = parser.parse_args(arguments)
    for folder in (options.old, options.new):
        if not folder.is_dir() or not any(folder.iterdir()):
            parser.error(f"'{folder}' is not a folder with results")
    added = [text.partition("=") for text in options.renamed]
    if not all(old and new for old, _, new in added):
        parser.error("--renamed takes OLD=NEW")
    renames = RENAMED | {old: new for old, _, new in added}
    report = compare_folders(options.old, options.new, renames)
    print(words_of(report, options.ignore_texts))
    return int(bool(report.differ) or (bool(report.texts) and not options.ignore_texts))


if __name__ == "__main__":
    sys.exit(main())
