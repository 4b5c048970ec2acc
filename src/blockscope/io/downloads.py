"""Files from a URL, used only after their SHA-256 has been checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
import time
import zipfile
import zlib
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import pooch
from tqdm import tqdm

from blockscope.io.atomic_files import atomic_write, sha256_of
from blockscope.io.contained_paths import inside
from blockscope.io.errors import BadFile, unknown_name

MODELS_FOLDER = "BLOCKSCOPE_MODELS"  # environment variable: a folder of files put there by hand
TRIES = 3
PAUSE = 2.0  # seconds before another try
TIMEOUT = (15.0, 60.0)  # seconds to connect, and without a byte
WINDOW = 60.0  # seconds in which a server has to send something, else it is given up:
SLOWEST = 10_000  # bytes a second
MOST_MB = 2048
MB = 10**6
CHUNK = 1 << 14  # bytes
LONGEST_NAME = 100  # characters
TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


def fetch(
    url: str,
    sha256: str,
    folder: str | os.PathLike[str],
    member: str | None = None,
    most_mb: int = MOST_MB,
) -> Path:
    """Return the path of a downloaded file, or of one member of a downloaded zip archive.

    A file of the right name and checksum in ``folder``, or in the folder that the environment
    variable ``BLOCKSCOPE_MODELS`` names, is used without a network. Raises ``BadFile`` for a failed
    download (with the place to put the file by hand), a server that sends less than 10 kB a second
    for a minute, a file or member of more than ``most_mb`` megabytes, a wrong checksum, a damaged
    archive or an unknown member; an older file is not changed then.
    """
    try:
        address = urlsplit(url)
    except ValueError:
        address = urlsplit("")
    if address.scheme not in {"http", "https"} or not address.netloc:
        raise BadFile(f"'{url}' cannot be downloaded; valid: http://... and https://...")
    name = PurePosixPath(address.path).name.strip(".") or "download"
    # Files of one server may differ only in the query.
    target = inside(folder, _short(f"{sha256[:8].lower()}-{name}" if address.query else name))
    local = [target]
    if os.environ.get(MODELS_FOLDER):
        local.append(Path(os.environ[MODELS_FOLDER]).expanduser() / target.name)
    present = [path for path in local if path.is_file()]
    sound = [path for path in present if sha256_of(path) == sha256.lower()]
    archive = sound[0] if sound else _download(url, sha256, target, present, most_mb)
    return _extract(archive, member, Path(folder), most_mb) if member else archive


def _short(name: str) -> str:
    """Return a name that every file system takes: a long one by its digest and its end."""
    if len(name) <= LONGEST_NAME:
        return name
    return f"{hashlib.sha256(name.encode()).hexdigest()[:16]}-{name[-LONGEST_NAME // 2 :]}"


def _download(url: str, sha256: str, target: Path, present: list[Path], most_mb: int) -> Path:
    load = partial(_load, most_mb=most_mb)
    tries = 1
    while True:
        try:
            pooch.retrieve(url, f"sha256:{sha256}", target.name, target.parent, downloader=load)
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


class TooSlow(OSError):
    """A server that sends hardly anything."""


class TooLarge(ValueError):
    """A file that is larger than the config allows."""


class _Bar(tqdm):  # type: ignore[type-arg]
    """A progress bar that ends the transfer it shows: where that is too large, or given up.

    What has arrived is asked of the file, because pooch counts every piece as a full one, and a bar
    that is turned off (``TQDM_DISABLE``) counts nothing.
    """

    output = ""
    most_mb = MOST_MB
    given_up = False

    def arrived(self) -> int:
        """Return how many bytes have been written."""
        try:
            return os.stat(self.output).st_size
        except FileNotFoundError:
            return 0

    def __bool__(self) -> bool:
        """Return True, also for a file of unknown size: pooch asks before it updates."""
        return True

    def update(self, n: float | None = 1) -> bool | None:
        """Show what has arrived."""
        if self.given_up:
            raise TimeoutError
        arrived = self.arrived()
        if max(self.total or 0, arrived) > self.most_mb * MB:
            raise TooLarge(
                f"the file is larger than {self.most_mb} MB (key compute.download_mb of the config)"
            )
        return super().update(arrived - self.n)


def _load(url: str, output: str, _: object, most_mb: int = MOST_MB) -> None:
    """Download to a file with a progress bar, in a thread that can be given up."""
    Path(output).unlink()  # pooch makes it private; ours gets the usual permissions
    with _Bar(desc=url.rpartition("/")[2], unit="B", unit_scale=True) as bar:
        bar.most_mb, bar.output = most_mb, output
        loader = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=TIMEOUT)
        failures: list[BaseException] = []

        def work() -> None:
            try:
                loader(url, output, None)
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                failures.append(error.with_traceback(None))  # which would keep connections open

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        before = 0
        while True:
            thread.join(WINDOW)
            if not thread.is_alive():
                break
            arrived = bar.arrived()
            if arrived - before < SLOWEST * WINDOW:
                bar.given_up = True
                raise TooSlow(f"less than {SLOWEST * WINDOW / 1000:g} kB arrived in {WINDOW:g} s")
            before = arrived
        if failures:
            raise failures.pop()


def _is_transient(error: OSError) -> bool:
    """Tell a network problem that may pass from a wrong URL or a full disk."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code in TRANSIENT_STATUS
    passing = isinstance(error, TooSlow | requests.RequestException)
    return passing and not isinstance(error, ValueError)


def _extract(archive: Path, member: str, folder: Path, most_mb: int) -> Path:
    """Unpack one member under a name that no other member or file has.

    ``pooch.Unzip`` would keep a member that an earlier, interrupted process left.
    """
    target = inside(folder, _short(f"{archive.name}~{member.replace('/', '~')}"))
    try:
        with zipfile.ZipFile(archive) as content:
            files = [name for name in content.namelist() if not name.endswith("/")]
            if member not in files:
                raise unknown_name("member", member, files, "models catalogue", f"'{archive}'")
            size = content.getinfo(member).file_size  # zipfile reads no more than this
            if size > most_mb * MB:
                raise BadFile(
                    f"member '{member}' of '{archive}' has {size:,} bytes; valid: at most "
                    f"{most_mb} MB (key compute.download_mb of the config)"
                )
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
