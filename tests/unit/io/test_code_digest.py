"""The digest of a stage changes with the modules that the stage can reach, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

from blockscope.io.code_digest import code_digest, import_closure, module_digest
from blockscope.io.errors import BadFile


def test_a_module_counts_with_what_it_imports_and_no_other():
    of_file, of_cache = map(
        module_digest, ("blockscope.io.atomic_files", "blockscope.config.file_cache")
    )
    assert len({of_file, of_cache, module_digest("another.package")}) == 3
    assert module_digest("blockscope.io.atomic_files") == of_file


class Package:
    """A small package in a temporary folder, with a script that uses it."""

    def __init__(self, folder: Path, script: str, **modules: str) -> None:
        self.folder = folder / "pack"
        self.script = folder / "stage.py"
        self.write(__init__='"""Package."""\n__version__ = "1"\n')
        self.write(**modules)
        self.script.write_text(dedent(script))

    def write(self, **modules: str) -> None:
        for name, text in modules.items():
            path = self.folder.joinpath(*name.split("__in__")[::-1]).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        before = path.stat().st_mtime_ns
        os.utime(path, ns=(before, before + 1))  # also where a clock ticks slowly

    @property
    def digest(self) -> str:
        return code_digest(self.script, self.folder)

    @property
    def reached(self) -> list[str]:
        return list(import_closure(self.script, self.folder))


MATHS = """
    '''Sums.'''
    from __future__ import annotations
    import math

    SCALE = 2.0

    class Sum:
        '''A sum.'''

    def used(x: int) -> float:
        '''Scale.'''
        return math.sqrt(x) * SCALE  # why
"""
SCRIPT = """
    import pack.unused

    def main(smk):
        from pack.maths import used
        used(smk.params.x)
"""


@pytest.fixture
def plain(tmp_path):
    return Package(tmp_path, SCRIPT, maths=MATHS, unused="VALUE = 1\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# why", "# because"),
        ("'''Scale.'''", "'''Scale a number.'''"),
        ("'''Scale.'''\n", "\n"),
        ("'''A sum.'''", "'''Not a product.'''"),
        ("'''Sums.'''", "'''Products.'''"),
        ("math.sqrt(x) * SCALE", "(\n        math.sqrt( x ) * SCALE)"),
    ],
)
def test_what_cannot_change_a_result_leaves_the_digest(plain, old, new):
    before = plain.digest
    plain.edit("maths.py", old, new)
    assert plain.digest == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("* SCALE", "+ SCALE"),
        ("SCALE = 2.0", "SCALE = 2.5"),
        ("math.sqrt(x)", "math.cbrt(x)"),
        ("used(x: int)", "used(x: int = 3)"),
        ("SCALE = 2.0", "SCALE = None"),
        ("'''A sum.'''", "'''A sum.'''\n    value = 1"),
    ],
)
def test_a_change_in_what_is_reached_changes_the_digest(plain, old, new):
    before = plain.digest
    plain.edit("maths.py", old, new)
    assert plain.digest != before


def test_a_module_that_is_not_reached_does_not_count(plain):
    assert plain.reached == ["pack.maths"]
    before = plain.digest
    plain.edit("unused.py", "1", "2")
    assert plain.digest == before


def test_the_scripts_main_counts_but_not_what_stands_around_it(plain):
    before = plain.digest
    plain.edit("../stage.py", "import pack.unused", "import pack.more")
    assert plain.digest == before
    plain.edit("../stage.py", "params.x", "params.y")
    assert plain.digest != before


def test_a_version_is_not_code(plain):
    plain.edit("maths.py", "import math\n", "import math\nimport pack\n")
    before = plain.digest
    plain.edit("__init__.py", '"1"', '"2"')
    assert plain.digest == before


def test_the_digest_is_the_same_for_every_python(tmp_path):
    """This one is of Python 3.11; the later ones have more fields, and f-strings of their own."""
    module = '''
        def kept(x, /, *rest, key=None, **more):
            """Text."""
            table = {**more, "a": 1j, "b": ...}
            text = f"{x!r:>{key}} {'q'} {x=}" "more"
            match rest:
                case [first, *_] if first:
                    return lambda: (table, text)
            async def inner():
                yield b"\\xff", "\\N{GREEK SMALL LETTER MU}", 1e-3, None
            return inner
    '''
    package = Package(tmp_path, "def main(s):\n    from pack.one import kept\n", one=module)
    assert package.digest.startswith("96bb4084")


# Each way to reach `low.py`; a change of it must always be seen.
DEEP = "from pack.low import deep\n"
WAYS = {
    "absolute import": {"high": DEEP},
    "renamed import": {"high": "from pack.low import deep as d\n"},
    "relative import": {"high": "from .low import deep\n"},
    "relative module": {"high": "from . import low\n"},
    "module of the package": {"high": "from pack import low\n"},
    "dotted module": {"high": "import pack.low\n"},
    "renamed module": {"high": "import os, pack.low as l\n"},
    "import in a function": {"high": "def go():\n    from pack.low import deep\n"},
    "import in a branch": {"high": "try:\n    import pack.low\nexcept ImportError:\n    pass\n"},
    "import unless types are checked": {
        "high": "if TYPE_CHECKING:\n    pass\nelse:\n    import pack.low\n"
    },
    "module by its name": {"high": "TABLE = {'drawn by': 'pack.low'}\n"},
    "function by its name": {"high": "TABLE = {'drawn by': 'pack.low.deep'}\n"},
    "through another module": {"middle": DEEP, "high": "import pack.middle\n"},
    "in a circle": {"middle": DEEP + "import pack.high\n", "high": "import pack.middle\n"},
    "package in a folder": {
        "__init____in__sub": "",
        "inner__in__sub": "from ..low import deep\n",
        "high": "from pack.sub import inner\n",
    },
    "the package around": {
        "__init____in__sub": "from ..low import deep\n",
        "inner__in__sub": "",
        "high": "from pack.sub.inner import work\n",
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_reach_a_module_is_followed(tmp_path, way):
    script = "def main(smk):\n    from pack.high import go\n"
    package = Package(tmp_path, script, low="VALUE = 1\n", **WAYS[way])
    assert "pack.low" in package.reached
    before = package.digest
    package.edit("low.py", "VALUE = 1", "VALUE = 2")
    assert package.digest != before


@pytest.mark.parametrize("guard", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_a_module_imported_only_for_types_does_not_count(tmp_path, guard):
    high = f"import typing\nif {guard}:\n    from pack.low import deep\n"
    package = Package(
        tmp_path, "def main(s):\n    from pack.high import go\n", low="VALUE = 1\n", high=high
    )
    assert package.reached == ["pack.high"]


def test_words_that_are_no_module_count_as_text_only(plain):
    plain.edit("maths.py", "SCALE = 2.0", "SCALE = 'about pack.unused: 10.1'")
    assert plain.reached == ["pack.maths"]


def test_a_script_needs_a_main(tmp_path):
    package = Package(tmp_path, "print(1)\n")
    with pytest.raises(BadFile, match=r"stage\.py' has no function 'main'"):
        _ = package.digest


def test_broken_code_is_named(plain):
    plain.edit("maths.py", "SCALE = 2.0", "SCALE = = 2.0")
    with pytest.raises(BadFile, match=r"maths\.py' is not valid Python"):
        _ = plain.digest


@pytest.fixture
def pages(tmp_path):
    script = "def main(s):\n    from pack.pages.page import write\n"
    package = Package(tmp_path, script, page__in__pages="", other__in__print="")
    for folder in ("pages", "print"):
        package.write(**{f"__init____in__{folder}": ""})
        (package.folder / folder / "templates").mkdir()
        (package.folder / folder / "templates" / "page.html").write_text("text")
    return package


@pytest.mark.parametrize(("folder", "counts"), [("pages", True), ("print", False)])
def test_data_files_next_to_a_module_count_with_it(pages, folder, counts):
    before = pages.digest
    pages.edit(f"{folder}/templates/page.html", "text", "changed")
    assert (pages.digest != before) is counts


def test_what_python_compiled_does_not_count(pages):
    before = pages.digest
    for name in ("pages/__pycache__/page.cpython-311.pyc", "pages/.page.html.swp"):
        path = pages.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"0")
    assert pages.digest == before
