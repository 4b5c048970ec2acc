"""The table of the code's size and shape, counted on a made-up checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import structure

MODULE = '''"""A docstring

of three lines."""

from typing import Any  # not counted as a comment of its own

# a comment
TEXT = """
not a docstring
"""


class Map:
    """One line."""

    def place(self, a, b, c, d, e, f, g, *, h) -> Any:
        """Take eight by position."""
        return (
            a
        )


def short(*, a, b, c, d, e, f, g, h) -> None: ...
'''


@pytest.fixture
def checkout(tmp_path: Path) -> structure.Checkout:
    files = {
        "src/blockscope/__init__.py": '"""The package."""\n',
        "src/blockscope/py.typed": "",
        "src/blockscope/figures/__init__.py": "",
        "src/blockscope/figures/maps.py": MODULE,
        "src/blockscope/figures/page/templates/page.html.j2": "the semantic dictionary",
        "src/blockscope/figures/page/templates/page.bundle.js": "dictionary",
        "src/blockscope/io.py": "dictionary_of = {}  # Dictionaries\n",
        "src/blockscope/__pycache__/a.pyc": "dictionary",
        "src/plugin/__init__.py": "A = 1\n" * 301,
        "workflow/schemas/config.schema.json": "dictionary",
        "frontend/src/panels/Dictionary.svelte": "",
        "frontend/src/main.ts": 'import "./SemanticDictionary"',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return structure.Checkout(tmp_path)


def test_the_plugin_is_installed_too(checkout) -> None:
    assert len(checkout.modules) == 5
    assert sum(checkout.lines()) == 1 + 0 + len(MODULE.splitlines()) + 1 + 301


def test_lines_of_code_are_neither_space_nor_comment_nor_docstring(checkout) -> None:
    assert structure.code_lines(checkout) == 1 + 301 + (1 + 3 + 1 + 1 + 3 + 1)


def test_rooms_and_entries(checkout) -> None:
    assert structure.largest_room(checkout) == "3 (blockscope)"
    assert structure.entries(checkout) == 3  # __init__, io and figures: no marker, no cache


def test_functions(checkout) -> None:
    assert structure.longest_function(checkout) == "5 (maps.place)"
    assert structure.many_by_position(checkout) == 1


def test_files_that_name_a_panel_in_text_or_name(checkout) -> None:
    assert structure.files_of_a_panel(checkout) == [
        "src/blockscope/figures/page/templates/page.html.j2",
        "frontend/src/main.ts",
        "frontend/src/panels/Dictionary.svelte",
    ]


def test_the_command_puts_checkouts_side_by_side(checkout, capsys) -> None:
    structure.main([str(checkout.root), str(checkout.root), "--panel-files"])
    said = capsys.readouterr().out
    rows = {line[:45].strip(): line[45:].split() for line in said.splitlines()}
    assert rows["`Any` in figures"] == ["2", "2"]
    assert rows["modules of more than 300 lines"] == ["1", "1"]
    assert said.count("\n  frontend/src/main.ts") == 2


def test_a_folder_without_the_package_is_refused(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        structure.main([str(tmp_path)])
    assert "holds no src/blockscope" in capsys.readouterr().err
