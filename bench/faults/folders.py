"""Faults of folders: two commands in one, two projects with one, closed, linked, without locks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from helpers.tiny_project import Project

from bench.faults.files import spoil
from bench.faults.processes import remount, unmount
from bench.faults.trial import Broken, Trial

NETWORK = "results/models"


def two_commands(trial: Trial) -> None:
    """Start two commands in one folder: one finishes, and the other finishes or is refused."""
    pause = trial.rng.uniform(0, trial.undisturbed.seconds / 2)
    trial.fault = f"a second command after {pause:.1f} s"
    project = trial.project()
    first = trial.start(project)
    time.sleep(pause)
    second = trial.start(project)
    second.wait_told("locked", "--unlock")
    first.wait_told("locked", "--unlock")
    if first.process.returncode and second.process.returncode:
        raise Broken("neither command finished")
    trial.check(project)


def two_projects(trial: Trial, damaged: bool) -> None:
    """Run two projects at once with one folder of shared results."""
    shared = trial.folder / "shared"
    shared.mkdir()
    if damaged:
        first = _sharing(trial, "earlier")
        if trial.start(first).wait():
            raise Broken("the project that fills the shared results failed")
        path = trial.rng.choice(sorted(path for path in shared.rglob("*") if path.is_file()))
        trial.fault = f"{spoil(trial, path)} of {path.relative_to(shared)}"
    projects = [_sharing(trial, name) for name in ("one", "two")]
    commands = [trial.start(project) for project in projects]
    statuses = [command.wait() for command in commands]
    if any(statuses):
        raise Broken("one of two projects failed")
    for project in projects:
        trial.check(project)
    hidden = [path.name for path in shared.rglob(".*")]
    if hidden:
        raise Broken(f"left in the shared results: {', '.join(hidden)}")


def _sharing(trial: Trial, name: str) -> Project:
    project = trial.project(name)
    shutil.rmtree(project.path(NETWORK))
    with project.path("config/config.yaml").open("a") as settings:
        settings.write(f"\nshared_results: {trial.folder / 'shared'}\n")
    return project


def read_only(trial: Trial) -> None:
    """Close the results for writing (root: mounted so); the command says it, and goes on later."""
    project = trial.project()
    results = project.path("results")
    trial.fault = "results that may not be written"
    if os.geteuid():
        folders = [results, *(path for path in results.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
    else:
        subprocess.run(["mount", "--bind", results, results], check=True)
        remount(results, "remount,bind,ro")
    try:
        command = trial.start(project)
        command.wait_told("Read-only file system", "Permission denied")
        if not command.process.returncode:
            raise Broken("results were written to where nothing can be written")
    finally:
        if os.geteuid():
            for folder in folders:
                folder.chmod(0o755)
        else:
            unmount(results)
    trial.finish(project)


# A library that is loaded before the others: no file can be locked, as on some network disks.
NO_LOCKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

int flock(int file, int how) { errno = ENOLCK; return -1; }

static int without_locks(const char *name, int file, int what, void *more) {
    if (what == F_SETLK || what == F_SETLKW || what == F_OFD_SETLK || what == F_OFD_SETLKW) {
        errno = ENOLCK;
        return -1;
    }
    int (*real)(int, int, ...) = dlsym(RTLD_NEXT, name);
    return real(file, what, more);
}

#define WITHOUT_LOCKS(name) int name(int file, int what, ...) { \\
    va_list list; va_start(list, what); void *more = va_arg(list, void *); va_end(list); \\
    return without_locks(#name, file, what, more); }
WITHOUT_LOCKS(fcntl)
WITHOUT_LOCKS(fcntl64)
"""
LOCK = (
    "import fcntl, sys\n"
    "for lock in (fcntl.flock, fcntl.lockf):\n"
    "    try: lock(sys.stderr, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    "    except OSError as error: print(error)\n"
)


def without_locks(trial: Trial) -> None:
    """Run where no file can be locked (a C compiler makes what says so)."""
    trial.fault = "files that cannot be locked"
    library = trial.folder / "no_locks.so"
    source = library.with_suffix(".c")
    source.write_text(NO_LOCKS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    os.environ["LD_PRELOAD"] = str(library)
    try:
        said = subprocess.check_output([sys.executable, "-c", LOCK], text=True)
        if said.count("No locks available") != 2:
            raise Broken("files can be locked")
        project = trial.project()
        trial.finish(project)
    finally:
        del os.environ["LD_PRELOAD"]


def linked(trial: Trial) -> None:
    """Make the folder of results a symbolic link to another place."""
    project = trial.project()
    trial.fault = "results that are a symbolic link"
    elsewhere = trial.folder / "elsewhere"
    results = project.path("results")
    results.rename(elsewhere)
    results.symlink_to(elsewhere, target_is_directory=True)
    trial.finish(project)
    if not results.is_symlink():
        raise Broken("the link was replaced")
