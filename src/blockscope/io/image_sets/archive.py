"""The images of an archive, found once and then read by their offsets: tar, and zip."""

from __future__ import annotations

import os
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator

from blockscope.io.errors import BadFile
from blockscope.io.image_sets.listing import (
    Listing,
    Member,
    check_inside,
    check_text,
    digest_of,
    reason_to_ignore,
    shown,
    stamp,
)

MOST_BYTES = 1 << 29  # of one image: more than 100 megapixels are refused anyway
_LOCAL = struct.Struct("<4s22xHH")  # of a zip: signature, lengths of name and extra field
_ENCRYPTED = 1


def list_tar(path: str) -> Listing:
    """List the images of a tar that is not compressed; about 40 s for a million.

    What a name stands for is what ``tar x`` would leave there: the last of its members, and for a
    hard link the file that it leads to at its place in the archive. Symbolic links are ignored, and
    counted.
    """
    last: dict[str, Member | str] = {}  # by name: a file, or else what it is
    try:
        with tarfile.open(path, "r:") as archive:
            for member in _tar_members(archive):
                name = _plain(member.name)
                if member.isdir():
                    last.pop(name, None)
                elif member.islnk():
                    target = last.get(_plain(member.linkname))
                    last[name] = target or last.get(name, "link")
                elif not member.isreg() or member.issparse():
                    last[name] = "link" if member.issym() else "no plain file"
                else:
                    last[name] = Member(member.offset_data, member.size)
            _check_end(path, archive.offset)
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise BadFile(f"archive '{path}' cannot be read: {error}") from error
    ignored: Counter[str] = Counter()
    found: dict[str, Member] = {}
    for name, what in last.items():
        if reason := reason_to_ignore(name):
            ignored[reason] += 1
        elif isinstance(what, str):
            ignored[what] += 1
        else:
            found[name] = what
    return _listing(path, found, ignored)


def _tar_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (member := archive.next()) is not None:
        yield member
        archive.members.clear()  # type: ignore[attr-defined]  # memory for all of them


def _check_end(path: str, at: int) -> None:
    """Refuse a tar whose list ended otherwise than by its end, of which tarfile says nothing."""
    with open(path, "rb") as handle:
        handle.seek(at)
        end = handle.read(tarfile.BLOCKSIZE)
        behind = handle.read(tarfile.RECORDSIZE)
    if len(end) < tarfile.BLOCKSIZE:
        raise BadFile(f"archive '{path}' is cut off: it has no end; copy it again")
    if any(end):
        raise BadFile(f"archive '{path}' is damaged at byte {at}; copy it again")
    if any(behind):
        raise BadFile(
            f"archive '{path}' goes on behind its end, as where cat put several together; use tar "
            "--concatenate for that"
        )


def list_zip(path: str) -> Listing:
    """List the images of a zip; about 700 bytes of memory for each member while it is read."""
    ignored: Counter[str] = Counter()
    found: dict[str, Member] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.filename:
                    raise BadFile(f"archive '{path}' has a member without a name; pack it anew")
                if member.is_dir():
                    continue
                name = _plain(member.filename)
                reason = reason_to_ignore(name)
                if reason:
                    ignored[reason] += 1
                    continue
                _check_packing(path, member)
                packed = member.compress_type == zipfile.ZIP_DEFLATED
                found[name] = Member(
                    member.header_offset,
                    member.compress_size,
                    member.file_size if packed else -1,
                    member.CRC,
                )
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BadFile(f"archive '{path}' cannot be read: {error}") from error
    return _listing(path, found, ignored)


def _check_packing(path: str, member: zipfile.ZipInfo) -> None:
    if member.flag_bits & _ENCRYPTED:
        raise BadFile(f"archive '{path}': '{member.filename}' is encrypted; unpack it first")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadFile(
            f"archive '{path}': '{member.filename}' is packed by method {member.compress_type}; "
            "valid: stored, deflated"
        )


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _listing(path: str, found: dict[str, Member], ignored: Counter[str]) -> Listing:
    check_text(found, path)
    check_inside(found, path)
    end = os.stat(path).st_size
    beyond = [
        name for name, at in found.items() if min(at.offset, at.size, end - at.offset - at.size) < 0
    ]
    if beyond:
        raise BadFile(f"archive '{path}' is damaged: {shown(beyond)}: not within it; copy it again")
    names = sorted(found)
    return Listing(names, archive_digest(path), ignored, members=[found[name] for name in names])


def archive_digest(path: str) -> str:
    """Return a digest that changes when an archive is written again, without reading it."""
    return digest_of([stamp(os.stat(path))])


class Archive:
    """An open archive of which any thread reads any member."""

    def __init__(self, path: str, kind: str) -> None:
        try:
            self.handle = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise BadFile(f"archive '{path}' cannot be read: {error.strerror or error}") from error
        self.path = path
        self.zipped = kind == "zip"

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            os.close(self.handle)

    def read(self, member: Member, name: str) -> bytes:
        """Return the unpacked bytes of a member; raises ``BadFile`` where they are damaged."""
        if max(member.size, member.unpacked) > MOST_BYTES:
            raise BadFile(f"{name} has more than {MOST_BYTES:,} bytes; scale it down first")
        start = member.offset + (self._header(member, name) if self.zipped else 0)
        content = self._bytes(member.size, start, name)
        if member.unpacked >= 0:
            try:
                unpacked = zlib.decompressobj(-zlib.MAX_WBITS)
                content = unpacked.decompress(content, member.unpacked + 1)
            except zlib.error as error:
                raise BadFile(f"{name} is damaged: {error}") from error
        wrong = member.unpacked not in (-1, len(content))
        if wrong or member.crc not in (-1, zlib.crc32(content)):
            raise BadFile(f"{name} is damaged: its checksum differs")
        return content

    def _bytes(self, size: int, start: int, name: str) -> bytes:
        try:
            content = os.pread(self.handle, size, start)
        except OSError as error:
            raise BadFile(f"{name} cannot be read: {error.strerror or error}") from error
        if len(content) != size:
            raise BadFile(f"{name} is damaged: the archive is cut off")
        return content

    def _header(self, member: Member, name: str) -> int:
        """Return the length of the header that a zip has before each member."""
        header = self._bytes(_LOCAL.size, member.offset, name)
        if not header.startswith(b"PK\3\4"):
            raise BadFile(f"{name} is damaged: it is not where the archive says")
        _, of_name, of_extra = _LOCAL.unpack(header)
        return _LOCAL.size + int(of_name) + int(of_extra)
