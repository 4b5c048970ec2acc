#!/bin/sh
# pooch 1.9.0, processor Unzip(members=...): once a member lies in the extraction folder under its
# name, its content is never looked at again. A member that an interrupted run left cut short is
# returned as if it were whole, with the archive's checksum right and without a word; only a changed
# archive extracts again.
# So blockscope extracts members itself, to a temporary name that becomes the member's name when it
# is whole (src/blockscope/io/downloads.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pooch==1.9.0 2>/dev/null
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import hashlib
import pathlib
import zipfile

import pooch

content = b"layer weights " * 1000
with zipfile.ZipFile("net.zip", "w") as archive:
    archive.writestr("graph.pb", content)
known = hashlib.sha256(pathlib.Path("net.zip").read_bytes()).hexdigest()
pathlib.Path("cache/net.zip.unzip").mkdir(parents=True)
pathlib.Path("cache/net.zip").write_bytes(pathlib.Path("net.zip").read_bytes())
# What a run that was killed while it extracted leaves behind.
pathlib.Path("cache/net.zip.unzip/graph.pb").write_bytes(content[:100])

(found,) = pooch.retrieve(
    "file:///not/asked/net.zip", known, "net.zip", "cache", pooch.Unzip(members=["graph.pb"])
)
size = pathlib.Path(found).stat().st_size
print(f"pooch {pooch.__version__}: graph.pb has {size} bytes, {len(content)} in the archive")
assert size == 100, "the member is extracted again: this finding no longer holds"
PY
# Seen: pooch v1.9.0: graph.pb has 100 bytes, 14000 in the archive
