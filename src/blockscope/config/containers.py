"""Jobs in containers: the image that a config names, and the folders that jobs must see."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from blockscope.config.error_list import ErrorList
from blockscope.config.project import Project
from blockscope.io.packaged import FOLDER

PROGRAMS = ("apptainer", "singularity")  # in the order in which Snakemake looks for them
VARIABLES = ("APPTAINER_BIND", "SINGULARITY_BIND")
PAGE = "docs/environments.md"


def container_command(
    project: Project, options: Sequence[str], problems: ErrorList, own: bool = True
) -> tuple[str, ...]:
    """Return the command before another one that runs it in the container of the jobs.

    Parameters
    ----------
    project
        Names the image, and the files that jobs read.
    options
        Further options of the program, as given by ``--apptainer-args``.
    problems
        Gets what is missing.
    own
        Whether the workflow stands alone. Where it is a module, ``--sdm apptainer`` may be meant
        for rules of the other workflow: without an image, jobs run in no container then.

    Returns
    -------
    command
        Empty where jobs run in no container.
    """
    image = project.settings.compute.container
    where = f"{project.place}, key compute.container"
    if image is None:
        if own:
            problems.add(
                where,
                "--sdm apptainer was given, and the config names no image, so that jobs would run "
                f"outside of any container; give the path of one, made as {PAGE} says, or leave "
                "--sdm apptainer out",
            )
        return ()
    if "://" not in image and not Path(image).exists():
        problems.add(
            where,
            f"image '{image}' does not exist (looked in {Path.cwd()}); {PAGE} says how to make it",
        )
        return ()
    program = next(filter(shutil.which, PROGRAMS), None)
    if program is None:
        problems.add(
            where,
            f"--sdm apptainer needs one of the programs {' and '.join(PROGRAMS)}, and PATH has "
            "neither; install one, as by 'module load apptainer', or leave --sdm apptainer out",
        )
        return ()
    folders = outside_folders(project)
    for folder in folders:
        if set(folder) & set(",:"):  # what separates folders, and a folder from its name inside
            problems.add(
                where,
                f"folder '{folder}' has a comma or colon in its name, which Apptainer cannot show "
                "a job; rename it, or leave --sdm apptainer out",
            )
    binds = (word for folder in folders for word in ("--bind", folder))
    return (program, "exec", "--home", str(Path.cwd()), *options, *binds, image)


def outside_folders(project: Project) -> list[str]:
    """Return the folders outside the working folder that hold what jobs read or share.

    Apptainer shows a job the working folder alone. A link counts as two places: where it is, and
    where it leads to. Left out are the images that a list or table of a data set names elsewhere.
    """
    here = Path.cwd().resolve()
    found = set()
    for path in map(Path, _paths(project)):
        for place in (path.absolute(), path.resolve()):
            found.add(place if place.is_dir() else place.parent)
    outside = sorted(
        folder
        for folder in found
        if folder.is_dir() and folder.parent != folder and not folder.is_relative_to(here)
    )
    return [
        str(folder)
        for folder in outside
        if not any(folder != other and folder.is_relative_to(other) for other in outside)
    ]


def binds(project: Project) -> dict[str, str]:
    """Return the variables by which Apptainer and Singularity show these folders to jobs.

    What they have already is kept.
    """
    folders = outside_folders(project)
    return {
        name: ",".join(
            dict.fromkeys([*filter(None, os.environ.get(name, "").split(",")), *folders])
        )
        for name in VARIABLES
    }


def _paths(project: Project) -> Iterator[str | Path]:
    yield FOLDER
    yield project.results
    if project.settings.shared_results:
        yield project.settings.shared_results
    for model in filter(None, project.models.entries.values()):
        yield from (source.path for source in (model.graph, model.labels) if source.path)
    for image in filter(None, project.images.entries.values()):
        yield from filter(None, (image.path, image.mask))
    for dataset in filter(None, project.datasets.entries.values()):
        yield dataset.path
