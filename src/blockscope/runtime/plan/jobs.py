"""The jobs that Snakemake would run now, by a dry run in this process."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from blockscope.io.errors import BlockscopeError

LISTENER = "blockscope-plan"


@dataclass(frozen=True)
class Job:
    """A job: its rule, the file of its benchmark, what it writes, and what it holds meanwhile."""

    rule: str
    benchmark: str
    outputs: tuple[str, ...]
    threads: int = 1
    gpus: int = 0


def jobs_to_do(options: Sequence[str]) -> list[Job]:
    """Return the jobs that ``snakemake`` with these options would run.

    Raises ``BlockscopeError`` with what Snakemake says where it cannot plan. Cost: that of
    ``snakemake --dry-run``; nothing is run and nothing printed.
    """
    from snakemake.cli import main  # costs half a second, and only this command needs it

    _register()
    Listener.jobs, Listener.errors = [], []
    try:
        main(["--dry-run", *options, "--logger", LISTENER])
    except SystemExit as end:
        if end.code:
            told = [end.code] if isinstance(end.code, str) else Listener.errors
            text = "\n".join(told) or "Snakemake could not plan; what does snakemake -n say?"
            raise BlockscopeError(text) from None
    return Listener.jobs


class Listener(LogHandlerBase):
    """Takes the jobs of a dry run from Snakemake's log, in place of what it would print."""

    jobs: list[Job]
    errors: list[str]
    writes_to_stream = True  # so that Snakemake's own handler, which does, is left out
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def emit(self, record: logging.LogRecord) -> None:
        """Note a job or an error."""
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            self.jobs.append(_job(vars(record)))
        elif record.levelno >= logging.ERROR:
            self.errors.append(record.getMessage())


def _job(told: Mapping[str, Any]) -> Job:
    return Job(
        rule=told["rule_name"],
        benchmark=str(told["benchmark"] or ""),
        outputs=tuple(map(str, told["output"])),
        threads=int(told["threads"]),
        gpus=int(told["resources"].get("gpu", 0)),
    )


def _register() -> None:
    """Enter the listener where Snakemake looks for handlers of its log."""
    registry = LoggerPluginRegistry()
    if not registry.is_installed(LISTENER):
        module = ModuleType("blockscope_plan")
        module.LogHandler = Listener  # type: ignore[attr-defined]
        sys.modules.setdefault(module.__name__, module)
        registry.register_plugin(registry.module_prefix + LISTENER.replace("-", "_"), module)
