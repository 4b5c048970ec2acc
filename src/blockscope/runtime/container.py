"""A job in a container: the image must have the code that the workflow has counted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from blockscope.io.code_digest import code_digest
from blockscope.io.errors import BlockscopeError

# Where Snakemake shows a script in a container the modules of its own process.
MOUNTED = "/mnt/snakemake_searchpaths/"


class OtherCodeError(BlockscopeError):
    """The image of the jobs has another blockscope than the process that planned them."""


def check_same_code(smk: Any, script: str | Path) -> None:
    """Refuse to run in a container with other code than that of the workflow.

    A result is recorded as made by the code that the workflow has counted, which is outside of the
    container; what runs is the package of the image. Elsewhere both are one.

    Parameters
    ----------
    smk
        The object that Snakemake gives to scripts; ``params.code`` is the digest of the code.
    script
        The script that runs, with its function ``main``.

    Raises
    ------
    OtherCodeError
        If the digests differ.
    """
    asked = smk.params.get("code")
    if asked is None or not any(place.startswith(MOUNTED) for place in sys.path):
        return
    found = code_digest(script)
    if found != asked:
        raise OtherCodeError(
            f"the image has other code for this job than the workflow: the digest is {found[:12]}, "
            f"and the workflow asks for {asked[:12]}; build the image again from this checkout "
            "(docs/environments.md), or name the right one: key compute.container of the config"
        )
