"""Programs that some tests need, and that a machine may lack."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(what: str) -> NoReturn:
    """Skip a test that cannot run, or fail where everything must be tested.

    That is where ``BLOCKSCOPE_REQUIRE_PROGRAMS=1`` is set, as ``.ci/run`` does.
    """
    if os.environ.get("BLOCKSCOPE_REQUIRE_PROGRAMS") == "1":
        pytest.fail(what)
    pytest.skip(what)
