"""Files from an address, checked by their SHA-256 before anything sees them."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pooch

from blockscope.errors import BadFile
from blockscope.files import sha256_of, written_whole

TRIES = 3


def fetch(
    url: str, sha256: str, folder: str | os.PathLike[str], member: str | None = None
) -> Path:
    """Return the path of a downloaded file, or of one member of a downloaded zip.

    A file of the right name and checksum in ``folder``, or in the folder that the environment variable
    ``BLOCKSCOPE_MODELS`` names, is used without a network. Otherwise the file is loaded with a progress
    bar to a temporary name, up to three times, and takes its name only once its checksum is right.

    Raises ``BadFile``: out of reach (says where to put the file by hand), wrong checksum (expected and
    found), not a zip, no such member (lists the members).
    """
    name = PurePosixPath(urlsplit(url).path).name or "download"
    archive = _find_local(name, sha256, Path(folder)) or _download(url, sha256, Path(folder), name)
    return _extract(archive, member, Path(folder)) if member else archive


def _find_local(name: str, sha256: str, folder: Path) -> Path | None:
    shelves = [folder]
    if "BLOCKSCOPE_MODELS" in os.environ:
        shelves.append(Path(os.environ["BLOCKSCOPE_MODELS"]))
    for shelf in shelves:
        candidate = shelf / name
        if candidate.is_file() and sha256_of(candidate) == sha256.lower():
            return candidate
    return None


def _download(url: str, sha256: str, folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    store = pooch.create(
        path=folder,
        base_url="",
        registry={name: f"sha256:{sha256.lower()}"},
        urls={name: url},
        retry_if_failed=TRIES - 1,
    )
    try:
        return Path(store.fetch(name, downloader=_downloader(url)))
    except ValueError as error:  # pooch's word for a checksum that differs
        raise BadFile(
            f"download of {url} has the wrong checksum: expected sha256 {sha256.lower()}; {error}"
        ) from error
    except Exception as error:  # each transport raises its own kind of error
        raise BadFile(
            f"download of {url} failed after {TRIES} tries: {error}. Where this machine has no network, "
            f"put the file at '{folder / name}', or in a folder named by BLOCKSCOPE_MODELS"
        ) from error


def _downloader(url: str) -> object:
    if urlsplit(url).scheme in {"http", "https"}:
        return pooch.HTTPDownloader(progressbar=True, timeout=60)
    raise BadFile(f"address '{url}' cannot be loaded: only http and https are supported")


def _extract(archive: Path, member: str, folder: Path) -> Path:
    target = folder / PurePosixPath(member).name
    try:
        with zipfile.ZipFile(archive) as content:
            if member not in content.namelist():
                listed = ", ".join(content.namelist()[:20])
                raise BadFile(f"'{archive}' has no member '{member}'; it holds: {listed}")
            with content.open(member) as packed, written_whole(target) as temporary:
                with open(temporary, "wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
    except zipfile.BadZipFile as error:
        raise BadFile(f"'{archive}' is not a zip file, so it has no member '{member}'") from error
    return target
