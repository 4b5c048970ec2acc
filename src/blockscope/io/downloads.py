"""Files from an address, checked by their SHA-256 before anything sees them."""

from __future__ import annotations

import os
import shutil
import sys
import time
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pooch
from tqdm import tqdm

from blockscope.io.atomic_files import atomic_write, sha256_of
from blockscope.io.errors import BadFile, describe_valid

SHELF = "BLOCKSCOPE_MODELS"  # environment variable: a folder of files that were put there by hand
TRIES = 3
PAUSE = 2.0  # seconds before another try
ANSWER = 15.0  # seconds in which a connection must come about
SILENCE = 60.0  # seconds without a byte after which it is given up
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # HTTP errors that may pass by themselves


def fetch(url: str, sha256: str, folder: str | os.PathLike[str], member: str | None = None) -> Path:
    """Return the path of a downloaded file, or of one member of a downloaded zip.

    A file of the right name and checksum in ``folder``, or in the folder that the environment
    variable ``BLOCKSCOPE_MODELS`` names, is used without a network. Otherwise the file is loaded
    with a progress bar to a temporary name, and takes its name only once its checksum is right. A
    connection that breaks is tried three times, from the beginning.

    Raises ``BadFile``: out of reach (says where to put the file by hand), wrong checksum (expected
    and found), not a zip, no such member (lists the members). An older file stays as it was.
    """
    if not _is_loadable(url):
        raise BadFile(f"address '{url}' cannot be loaded; valid: http://... and https://...")
    target = Path(folder) / _file_name(url, sha256)
    archive = _find_local(target, sha256) or _download(url, sha256, target)
    return _extract(archive, member, Path(folder)) if member else archive


def _is_loadable(url: str) -> bool:
    try:
        address = urlsplit(url)
    except ValueError:
        return False
    return address.scheme in {"http", "https"} and bool(address.netloc)


def _file_name(url: str, sha256: str) -> str:
    """Return the last part of the address, which a query alone does not tell from its siblings."""
    address = urlsplit(url)
    name = PurePosixPath(address.path).name.strip(".") or "download"
    return f"{sha256[:8].lower()}-{name}" if address.query else name


def _shelves(target: Path) -> list[Path]:
    shelf = os.environ.get(SHELF)
    return [target, *([Path(shelf).expanduser() / target.name] if shelf else [])]


def _find_local(target: Path, sha256: str) -> Path | None:
    for candidate in _shelves(target):
        if candidate.is_file() and sha256_of(candidate) == sha256.lower():
            return candidate
    return None


def _download(url: str, sha256: str, target: Path) -> Path:
    for attempt in range(1, TRIES + 1):
        try:
            with atomic_write(target) as temporary:
                _load(url, temporary, target.name)
                found = sha256_of(temporary)
                if found != sha256.lower():
                    raise BadFile(
                        f"download of {url} has the wrong checksum: expected sha256 "
                        f"{sha256.lower()}, found {found} (models catalogue)"
                    )
            return target
        except OSError as error:  # what is wrong with the network, or with the disk
            if attempt == TRIES or not _may_pass(error):
                raise BadFile(_out_of_reach(url, sha256, target, attempt, error)) from error
            tqdm.write(f"{target.name}: {error}; trying again", file=sys.stderr)
            time.sleep(PAUSE)
    raise BadFile(f"download of {url} was never tried")


class _Bar(tqdm):  # type: ignore[type-arg]
    """A bar that is true before its length is known, which pooch takes for the wish to have one."""

    def __bool__(self) -> bool:
        return True


def _load(url: str, temporary: Path, name: str) -> None:
    with _Bar(desc=name, unit="B", unit_scale=True) as progress:
        patience = (ANSWER, SILENCE)
        load = pooch.HTTPDownloader(progressbar=progress, chunk_size=1 << 16, timeout=patience)
        load(url, str(temporary), None)


def _may_pass(error: OSError) -> bool:
    """Tell a network that stumbles from a wrong address and from a full disk."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code in PASSING
    return isinstance(error, requests.RequestException) and not isinstance(error, ValueError)


def _out_of_reach(url: str, sha256: str, target: Path, tries: int, error: OSError) -> str:
    lines = [f"download of {url} failed{f' after {tries} tries' if tries > 1 else ''}: {error}."]
    lines += [
        f"'{path}' is there, but its checksum is wrong: expected sha256 {sha256.lower()}, "
        f"found {sha256_of(path)}."
        for path in _shelves(target)
        if path.is_file()
    ]
    lines.append(
        f"Where this machine has no network, put the file at '{target}', or under its name "
        f"'{target.name}' into a folder that the environment variable {SHELF} names"
    )
    return " ".join(lines)


def _extract(archive: Path, member: str, folder: Path) -> Path:
    """Unpack one member beside the others, under a name that no other member or file has."""
    target = folder / f"{archive.name}~{member.replace('/', '~')}"
    try:
        with zipfile.ZipFile(archive) as content:
            files = [entry.filename for entry in content.infolist() if not entry.is_dir()]
            if member not in files:
                valid = describe_valid(member, files)
                raise BadFile(f"'{archive}' has no member '{member}'; {valid} (models catalogue)")
            with (
                content.open(member) as packed,
                atomic_write(target) as temporary,
                open(temporary, "wb") as unpacked,
            ):
                shutil.copyfileobj(packed, unpacked)
    # A RuntimeError is a member with a password or in a compression that Python does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise BadFile(f"member '{member}' of '{archive}' cannot be unpacked: {error}") from error
    return target
