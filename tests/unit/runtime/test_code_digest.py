"""The digest of a stage changes with the code that the stage can reach, and with nothing else."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from blockscope.io.errors import BadFile
from blockscope.runtime.digest import code_digest, reached_modules


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
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    @property
    def digest(self) -> str:
        return code_digest(self.script, self.folder)

    @property
    def reached(self) -> dict[str, set[str]]:
        return reached_modules(self.script, self.folder)


MATHS = """
    '''Sums.'''
    from __future__ import annotations
    import math

    SCALE = 2.0
    OTHER = 3.0

    def used(x: int) -> float:
        '''Scale.'''
        return inner(x) * SCALE  # why

    def inner(x):
        return math.sqrt(x)

    def unused(x):
        return x * OTHER
"""
SCRIPT = """
    def main(smk):
        from pack.maths import used
        used(smk.params.x)
"""


@pytest.fixture
def plain(tmp_path):
    return Package(tmp_path, SCRIPT, maths=MATHS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# why", "# because"),
        ("'''Scale.'''", "'''Scale a number.'''"),
        ("'''Sums.'''", "'''Products.'''"),
        ("x: int) -> float", "x: float) -> 'int'"),
        ("x * OTHER", "x + OTHER"),
        ("OTHER = 3.0", "OTHER = 4.0"),
        ("return inner(x) * SCALE", "return inner(\n        x) * SCALE"),
        ("import math\n", "import math\nimport os\n"),
    ],
)
def test_what_cannot_change_a_result_leaves_the_digest(plain, old, new):
    before = plain.digest
    plain.edit("maths.py", old, new)
    assert plain.digest == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("inner(x) * SCALE", "inner(x) + SCALE"),
        ("SCALE = 2.0", "SCALE = 2.5"),
        ("math.sqrt(x)", "math.cbrt(x)"),
        ("def used(x: int)", "def used(x: int = 3)"),
        ("return inner(x)", "SCALE: float\n    return inner(x)"),  # makes the name a local one
    ],
)
def test_a_change_in_what_is_reached_changes_the_digest(plain, old, new):
    before = plain.digest
    plain.edit("maths.py", old, new)
    assert plain.digest != before


def test_only_what_is_reached_is_named(plain):
    assert plain.reached == {"": {"main"}, "pack.maths": {"used", "inner", "SCALE"}}


def test_the_scripts_main_counts_but_not_what_stands_around_it(plain):
    before = plain.digest
    plain.script.write_text(plain.script.read_text() + "\nif True:\n    main(None)\n")
    assert plain.digest == before
    plain.script.write_text(plain.script.read_text().replace("params.x", "params.y"))
    assert plain.digest != before


def test_a_version_is_no_code(plain):
    plain.edit("maths.py", "* SCALE", "* SCALE + len(pack.__version__)")
    plain.edit("maths.py", "import math\n", "import math\n    import pack\n".replace("    ", ""))
    before = plain.digest
    plain.edit("__init__.py", '"1"', '"2"')
    assert plain.digest == before


# Each way to reach `deep` in `low.py`, spelt as modules; a change of `deep` must always be seen.
LOW = """
    '''Low.'''
    VALUE = 1
    def deep():
        return VALUE
    def shallow():
        return 0
"""
DEEP = "from pack.low import deep\n"
WAYS = {
    "absolute import": {"high": DEEP + "def go():\n    return deep()\n"},
    "renamed import": {"high": "from pack.low import deep as d\ndef go():\n    return d()\n"},
    "relative import": {"high": "from .low import deep\ndef go():\n    return deep()\n"},
    "relative module": {"high": "from . import low\ndef go():\n    return low.deep()\n"},
    "module attribute": {"high": "from pack import low\ndef go():\n    return low.deep()\n"},
    "dotted module": {"high": "import pack.low\ndef go():\n    return pack.low.deep()\n"},
    "renamed module": {"high": "import pack.low as l\ndef go():\n    return l.deep()\n"},
    "import in a function": {
        "high": "def go():\n    from pack.low import deep\n    return deep()\n"
    },
    "module in a function": {
        "high": "def go():\n    from pack import low\n    return low.deep()\n"
    },
    "module as a value": {
        "high": "from pack import low\ndef go(name='deep'):\n    return getattr(low, name)()\n"
    },
    "module by its name": {
        "high": "import importlib\ndef go():\n    return importlib.import_module('pack.low')\n"
    },
    "re-export": {
        "__init__": DEEP,
        "high": "import pack\ndef go():\n    return pack.deep()\n",
    },
    "re-export by name": {
        "__init__": DEEP,
        "high": "from pack import deep\ndef go():\n    return deep()\n",
    },
    "renamed in between": {
        "middle": "from pack.low import deep as other\n",
        "high": "from pack.middle import other\ndef go():\n    return other()\n",
    },
    "module passed on": {
        "middle": "from pack import low\n",
        "high": "from pack import middle\ndef go():\n    return middle.low.deep()\n",
    },
    "dictionary of functions": {
        "high": DEEP + "TABLE = {'d': deep}\ndef go(n):\n    return TABLE[n]()\n"
    },
    "entered in a dictionary": {
        "high": DEEP + "TABLE = {}\nTABLE['d'] = deep\ndef go(n):\n    return TABLE[n]()\n"
    },
    "loop at the top": {
        "high": DEEP + "TABLE = {}\nfor f in (deep,):\n    TABLE[f] = f\n"
        "def go(n):\n    return TABLE[n]()\n"
    },
    "added to": {"high": DEEP + "ALL = ()\nALL += (deep,)\ndef go(n):\n    return ALL\n"},
    "decorator": {
        "high": DEEP + "\n@deep\ndef go():\n    return 0\n",
    },
    "registered by a decorator": {
        "registry": "FOUND = {}\ndef register(f):\n    FOUND['f'] = f\n    return f\n",
        "rules": DEEP + "from pack.registry import register\n"
        "@register\ndef rule():\n    return deep()\n",
        "high": "import pack.rules\nfrom pack.registry import FOUND\ndef go(): return FOUND\n",
    },
    "registered by a call": {
        "registry": "FOUND = {}\ndef register(f):\n    FOUND['f'] = f\n    return f\n",
        "rules": DEEP + "from pack.registry import register\nRULE = register(deep)\n",
        "high": "from pack import rules\nfrom pack.registry import FOUND\ndef go(): return FOUND\n",
    },
    "registered with another package": {
        "rules": "import other\nfrom pack.low import deep\n"
        "@other.RegisterGradient('x')\ndef rule():\n    return deep()\n",
        "high": "import pack.rules\ndef go():\n    return 1\n",
    },
    "default argument": {"high": DEEP + "def go(f=deep):\n    return f()\n"},
    "base class": {
        "middle": DEEP + "class Base:\n    def run(self):\n        return deep()\n",
        "high": "from pack.middle import Base\nclass Own(Base): pass\ndef go(): return Own()\n",
    },
    "method": {
        "high": DEEP + "class Own:\n    def run(self):\n        return deep()\n"
        "def go():\n    return Own().run()\n"
    },
    "lambda": {"high": DEEP + "F = lambda: deep()\ndef go():\n    return F()\n"},
    "comprehension": {"high": DEEP + "def go():\n    return [f() for f in (deep,)]\n"},
    "conditional definition": {
        "high": "try:\n    from pack.low import deep\nexcept ImportError:\n    deep = None\n"
        "def go():\n    return deep()\n"
    },
    "field of a dataclass": {
        "middle": DEEP + "class Kind:\n    run = deep\n",
        "high": "from dataclasses import dataclass\nfrom pack.middle import Kind\n"
        "@dataclass\nclass Own:\n    kind: Kind\ndef go():\n    return Own\n",
    },
    "both bindings of a name": {
        "high": DEEP + "def f():\n    return 0\nf = deep\ndef go():\n    return f()\n"
    },
    "global names": {"high": DEEP + "def go():\n    return globals()['deep']()\n"},
    "unpacked": {
        "high": "from pack.low import deep, shallow\nA, B = deep, shallow\ndef go(): return A()\n"
    },
    "attribute set from outside": {
        "high": "from pack import other\nfrom pack.low import deep\nother.Thing.run = deep\n"
        "def go():\n    return other.Thing().run()\n",
        "other": "class Thing:\n    pass\n",
    },
    "package in a folder": {
        "__init____in__sub": "from pack.sub.inner import work\n",
        "inner__in__sub": "from ..low import deep\ndef work():\n    return deep()\n",
        "high": "from pack.sub import work\ndef go():\n    return work()\n",
    },
    "registered by the package around": {
        "__init____in__sub": DEEP + "print(deep)\n",
        "inner__in__sub": "def work():\n    return 1\n",
        "high": "from pack.sub.inner import work\ndef go():\n    return work()\n",
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_reach_a_function_is_followed(tmp_path, way):
    script = "def main(smk):\n    from pack.high import go\n    go()\n"
    package = Package(tmp_path, script, low=LOW, **WAYS[way])
    before = package.digest
    package.edit("low.py", "VALUE = 1", "VALUE = 2")
    assert package.digest != before


# These take in more than the one function, to be on the safe side.
WIDE = {"module as a value", "module by its name", "unpacked"}


@pytest.mark.parametrize("way", [name for name in WAYS if name not in WIDE])
def test_and_nothing_beside_it(tmp_path, way):
    script = "def main(smk):\n    from pack.high import go\n    go()\n"
    package = Package(tmp_path, script, low=LOW, **WAYS[way])
    before = package.digest
    package.edit("low.py", "return 0", "return 5")
    assert package.digest == before


def test_a_module_imported_only_for_types_does_not_count(tmp_path):
    high = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from pack.low import deep
        def go(x: deep) -> deep:
            y: deep = x
            return y
    """
    package = Package(tmp_path, "def main(s):\n    from pack.high import go\n", low=LOW, high=high)
    assert "pack.low" not in package.reached


def test_what_runs_only_as_a_program_does_not_count(tmp_path):
    high = DEEP + "def go():\n    pass\nif __name__ == '__main__':\n    deep()\n"
    package = Package(tmp_path, "def main(s):\n    from pack.high import go\n", low=LOW, high=high)
    assert "pack.low" not in package.reached


def test_star_imports_are_refused(tmp_path):
    package = Package(
        tmp_path,
        "def main(s):\n    from pack.high import go\n",
        low=LOW,
        high="from pack.low import *\ndef go():\n    return deep()\n",
    )
    with pytest.raises(BadFile, match=r"high\.py, line 1: 'from pack\.low import \*' hides"):
        _ = package.digest


def test_a_script_needs_a_main(tmp_path):
    package = Package(tmp_path, "print(1)\n")
    with pytest.raises(BadFile, match=r"stage\.py' has no function 'main'"):
        _ = package.digest


def test_broken_code_is_named(plain):
    plain.edit("maths.py", "SCALE = 2.0", "SCALE = = 2.0")
    with pytest.raises(BadFile, match=r"maths\.py' is not valid Python"):
        _ = plain.digest


PAGE = """
    def write():
        return open("page.html").read()
    def other():
        return open("other.html").read()
"""


@pytest.fixture
def pages(tmp_path):
    script = "def main(s):\n    from pack.page import write\n    write()\n"
    package = Package(tmp_path, script, page=PAGE)
    folder = package.folder / "templates"
    folder.mkdir()
    (folder / "page.html").write_text("{% include 'style.css' %}")
    (folder / "style.css").write_text("a {}")
    (folder / "other.html").write_text("other")
    return package


@pytest.mark.parametrize(("name", "counts"), [("page", 1), ("style", 1), ("other", 0)])
def test_templates_count_with_what_they_include(pages, name, counts):
    before = pages.digest
    path = next((pages.folder / "templates").glob(f"{name}.*"))
    path.write_text(path.read_text() + "changed")
    assert (pages.digest != before) == bool(counts)


def test_a_data_folder_counts_whole_when_no_file_of_it_is_named(pages):
    pages.edit("page.py", 'open("page.html")', 'glob("templates")')
    pages.edit("page.py", '"other.html"', '"no.html"')
    before = pages.digest
    (pages.folder / "templates" / "other.html").write_text("changed")
    assert pages.digest != before


def test_the_order_of_definitions_does_not_count(tmp_path, plain):
    text = dedent(MATHS).replace("SCALE = 2.0\n", "") + "\nSCALE = 2.0\n"
    before = plain.digest
    (plain.folder / "maths.py").write_text(text)
    assert plain.digest == before


def test_a_string_that_looks_like_a_path_is_no_file(plain):
    plain.edit("maths.py", "SCALE = 2.0", "SCALE = '10.1/a.b'")
    assert plain.reached["pack.maths"] == {"used", "inner", "SCALE"}
