"""Files from a URL, used only after their SHA-256 has been checked."""

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
from blockscope.io.errors import BadFile, unknown_name

MODELS_FOLDER = "BLOCKSCOPE_MODELS"  # environment variable: a folder of files put there by hand
TRIES = 3
PAUSE = 2.0  # seconds before another try
TIMEOUT = (15.0, 60.0)  # seconds to connect, and without a byte
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


def fetch(url: str, sha256: str, folder: str | os.PathLike[str], member: str | None = None) -> Path:
    """Return the path of a downloaded file, or of one member of a downloaded zip archive.

    A file of the right name and checksum in ``folder``, or in the folder that the environment
    variable ``BLOCKSCOPE_MODELS`` names, is used without a network. Raises ``BadFile`` for a failed
    download (with the place to put the file by hand), a wrong checksum, a damaged archive or an
    unknown member; an older file is not changed then.
    """
    try:
        address = urlsplit(url)
    except ValueError:
        address = urlsplit("")
    if address.scheme not in {"http", "https"} or not address.netloc:
        raise BadFile(f"'{url}' cannot be downloaded; valid: http://... and https://...")
    name = PurePosixPath(address.path).name.strip(".") or "download"
    # Files of one server may differ only in the query.
    target = Path(folder) / (f"{sha256[:8].lower()}-{name}" if address.query else name)
    local = [target]
    if os.environ.get(MODELS_FOLDER):
        local.append(Path(os.environ[MODELS_FOLDER]).expanduser() / target.name)
    present = [path for path in local if path.is_file()]
    sound = [path for path in present if sha256_of(path) == sha256.lower()]
    archive = sound[0] if sound else _download(url, sha256, target, present)
    return _extract(archive, member, Path(folder)) if member else archive


def _download(url: str, sha256: str, target: Path, present: list[Path]) -> Path:
    tries = 1
    while True:
        try:
            pooch.retrieve(url, f"sha256:{sha256}", target.name, target.parent, downloader=_load)
            return target
        except OSError as error:  # of the network or of the disk
            if tries == TRIES or not _is_transient(error):
                wrong = [f"The checksum of '{p}' is wrong: {sha256_of(p)}. " for p in present]
                raise BadFile(
                    f"download of {url} failed{f' after {tries} tries' if tries > 1 else ''}: "
                    f"{error}. {''.join(wrong)}Without network access, put the file with sha256 "
                    f"{sha256.lower()} at '{target}', or as '{target.name}' into a folder that the "
                    f"environment variable {MODELS_FOLDER} names"
                ) from error
            tqdm.write(f"{target.name}: {error}; trying again", file=sys.stderr)
            time.sleep(PAUSE)
            tries += 1
        except ValueError as error:  # the same content would come again
            raise BadFile(f"download of {url}: {error} (models catalogue)") from error


def _load(url: str, output: str, _: object) -> None:
    """Download to a file with a progress bar."""
    Path(output).unlink()  # pooch makes it private; ours gets the usual permissions
    # A bar without a total is false, and then not used.
    with tqdm(desc=url.rpartition("/")[2], total=1, unit="B", unit_scale=True) as bar:
        pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT)(
            url, output, None
        )


def _is_transient(error: OSError) -> bool:
    """Tell a network problem that may pass from a wrong URL or a full disk."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code in TRANSIENT_STATUS
    return isinstance(error, requests.RequestException) and not isinstance(error, ValueError)


def _extract(archive: Path, member: str, folder: Path) -> Path:
    """Unpack one member under a name that no other member or file has.

    ``pooch.Unzip`` would keep a member that an earlier, interrupted process left.
    """
    target = folder / f"{archive.name}~{member.replace('/', '~')}"
    try:
        with zipfile.ZipFile(archive) as content:
            files = [entry.filename for entry in content.infolist() if not entry.is_dir()]
            if member not in files:
                raise unknown_name("member", member, files, "models catalogue", f"'{archive}'")
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
