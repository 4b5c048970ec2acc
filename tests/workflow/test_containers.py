"""Jobs in containers, by a stand-in for Apptainer that writes down its arguments."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
import xarray as xr
from helpers.tiny_project import Project

# What is inside has another environment and its own Python, as an image has.
APPTAINER = """#!/bin/sh
if [ "$1" = --version ]; then
    echo "apptainer version 1.4.0"
    exit
fi
echo "$APPTAINER_BIND $*" | head -1 >>{record}
while true; do
    case "$1" in
    --home | --bind | --pwd) shift 2 ;;
    exec | -*) shift ;;
    *) break ;;
    esac
done
export IN_IMAGE="$1" PATH="{inside}:/usr/bin:/bin"
shift
exec "$@"
"""
# Without a program of this name Snakemake stops at the first job, whether or not a rule needs it.
CONDA = """#!/bin/sh
case "$*" in
--version) echo "conda 25.1.0" ;;
*priority*) echo '{{"channel_priority": "strict"}}' ;;
*) echo '{{"conda_prefix": "{inside}", "platform": "any"}}' ;;
esac
"""
TARGETS = ("results/tiny/noise/smooth/classes/low.h5", "results/tiny/noise/smooth/factors/low-2.h5")
LOGS = ("logs/classes/tiny/noise/smooth/low.log", "logs/factors/tiny/noise/smooth/low-2.log")
# Written by each job: the process that it is, and the image that it is in.
TELL = """        main(smk)
        print('comm:', open('/proc/self/comm').read(), 'image:', os.environ.get('IN_IMAGE'))
"""


class Site(Project):
    """A project on a machine with the stand-in, and with a picture that lies elsewhere."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.programs = folder.parent / "programs"

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"PATH": f"{self.programs}:{os.environ['PATH']}"}

    def set_up(self) -> None:
        inside = self.folder.parent / "inside"
        pictures = self.folder.parent / "pictures"
        for folder in (inside, pictures, self.programs):
            folder.mkdir()
        for path, text in {
            self.programs / "apptainer": APPTAINER,
            self.programs / "conda": CONDA,
            inside / "python": '#!/bin/sh\nexec "{python}" "$@"\n',
        }.items():
            filled = {"record": self.path("asked"), "inside": inside, "python": sys.executable}
            path.write_text(text.format(**filled))
            path.chmod(0o755)
        self.path("noise.png").rename(pictures / "noise.png")
        self.write("config/images.tsv", f"image\tpath\nnoise\t{pictures}/noise.png\n")
        job = self.path("src/blockscope/runtime/job.py").read_text()
        self.write("src/blockscope/runtime/job.py", job.replace("        main(smk)\n", TELL, 1))

    def name_image(self, image: str) -> None:
        settings = self.path("config/config.yaml").read_text()
        self.write("config/config.yaml", f"{settings}\ncompute: {{container: {image}}}\n")

    def told(self) -> list[tuple[str, str]]:
        """Return the process and the image of each job."""
        words = r"comm: (\w+)\n image: (\S+)"
        return [re.findall(words, self.path(log).read_text())[0] for log in LOGS]


@pytest.fixture
def site(workflow_copy, tmp_path) -> Site:
    workflow_copy.unmade(tmp_path / "site")
    site = Site(tmp_path / "site")
    site.set_up()
    return site


@pytest.mark.slow
def test_jobs_run_in_the_image_of_the_config_if_asked_and_only_then(site):
    site.name_image("blocks.sif")
    site.write("blocks.sif", "an image")
    cards = site.path(".snakemake/blockscope/cards")
    for card in cards.glob("*.json"):
        card.unlink()  # the network is read anew, in the image too
    done = site.snakemake("--sdm", "apptainer", "--apptainer-args=--nv", "--", *TARGETS)
    assert done.returncode == 0, done.stdout
    assert site.told() == [("python", "blocks.sif")] * 2

    card, *jobs = [
        line.split(" -c ")[0].split() for line in site.path("asked").read_text().splitlines()
    ]
    pictures = str(site.folder.parent / "pictures")
    assert card[card.index("--bind") + 1] == pictures
    assert card[card.index("blocks.sif") :][:5] == [
        "blocks.sif",
        "python",
        "-m",
        "blockscope",
        "card",
    ]
    assert len(jobs) == len(re.findall("Activating singularity image blocks.sif", done.stdout)) == 5
    for words in jobs:
        # By a variable; where the package lies elsewhere, so does what comes with it.
        assert words[0].split(",")[-1] == pictures
        assert words[words.index("--home") + 1] == str(site.folder)
        assert "--nv" in words
        assert words[-2:] == ["blocks.sif", "bash"]

    # What is made in an image is made anew outside of it, and the other way round; not by its name.
    assert set(site.planned("--", *TARGETS)) == {
        "model",
        "input",
        "activations",
        "classes",
        "factors",
    }
    anyway = ("--rerun-triggers", "input", "mtime", "params", "--")
    assert site.planned(*anyway, *TARGETS) == {}
    inside = {target: xr.load_dataset(site.path(target)) for target in TARGETS}
    done = site.snakemake(*TARGETS)
    assert done.returncode == 0, done.stdout
    assert site.told() == [("classes", "None"), ("factors", "None")]
    for target, made in inside.items():
        outside = xr.load_dataset(site.path(target))
        xr.testing.assert_identical(made.drop_attrs(), outside.drop_attrs())


@pytest.mark.slow
def test_naming_an_image_makes_nothing_anew(project):
    assert project.planned() == {}
    settings = project.path("config/config.yaml").read_text()
    project.write("config/config.yaml", f"{settings}\ncompute: {{container: no.sif}}\n")
    assert project.planned() == {}
    assert project.planned("--sdm", "conda") == {}  # no rule has an environment of its own


@pytest.mark.slow
def test_conda_changes_nothing(site):
    done = site.snakemake("--sdm", "conda", "--", *TARGETS)
    assert done.returncode == 0, done.stdout
    assert site.told() == [("classes", "None"), ("factors", "None")]  # forks
    assert site.planned("--", *TARGETS) == {}


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (
            None,
            "--sdm apptainer was given, and the config names no image, so that jobs would run out",
        ),
        ("no.sif", r"image 'no.sif' does not exist (looked in {folder}); docs/environments.md"),
    ],
)
def test_no_job_runs_outside_where_a_container_was_asked_for(site, image, words):
    if image:
        site.name_image(image)
    done = site.snakemake("--sdm", "apptainer")
    assert done.returncode == 1
    assert "config/config.yaml, key compute.container: " in done.stdout
    assert words.format(folder=site.folder) in done.stdout
    assert not site.path("results").exists()
