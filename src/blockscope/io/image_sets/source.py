"""What the path of a data set says: which kind it is, and where it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from blockscope.io.errors import BadFile, unknown_name

Kind = Literal["folder", "list", "table", "tar", "zip", "drawn"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ARCHIVES: tuple[Kind, ...] = ("tar", "zip")
DRAWN = "drawn:"
DRAWINGS = ("blocks1000",)
_BY_ENDING: dict[str, Kind] = {".txt": "list", ".tsv": "table", ".tar": "tar", ".zip": "zip"}
_COMPRESSED = (".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".tzst", ".7z", ".rar")
_SIGNATURES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!")
VALID = (
    "valid: a folder, a list (.txt, one path per line), a table (.tsv), an archive (.tar, .zip), "
    "or drawn:blocks1000"
)


def kind_of(path: str) -> Kind:
    """Return the kind of the data set at a path; raises ``BadFile`` or ``UnknownName``.

    The drawn ones are known by their names; of all else the path must exist.
    """
    if path.startswith(DRAWN):
        if path.removeprefix(DRAWN) not in DRAWINGS:
            raise unknown_name("drawing", path, [DRAWN + name for name in DRAWINGS])
        return "drawn"
    source = Path(path)
    if source.is_dir():
        return "folder"
    if not source.exists():
        raise BadFile(f"'{path}' does not exist (looked in {Path.cwd()})")
    if not source.is_file():
        raise BadFile(f"'{path}' is neither a file nor a folder; {VALID}")
    ending = source.suffix.lower()
    if ending in _COMPRESSED or _is_compressed(source):
        raise BadFile(
            f"'{path}' is compressed as a whole: its images cannot be read in any order. Unpack it "
            "into a folder, or into a plain archive (gunzip, unxz, ... give a .tar)"
        )
    if ending not in _BY_ENDING:
        raise BadFile(f"'{path}' ends in '{ending}', which is no kind of data set; {VALID}")
    return _BY_ENDING[ending]


def _is_compressed(source: Path) -> bool:
    try:
        with open(source, "rb") as handle:
            return handle.read(6).startswith(_SIGNATURES)
    except OSError as error:
        raise BadFile(f"'{source}' cannot be read: {error.strerror or error}") from error
