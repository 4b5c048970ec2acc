#!/bin/sh
# Octave 7.3.0 (Debian's octave, on the PATH): load of an HDF5 file stops at the first text of variable
# length. It warns of that one, returns what comes before it, and leaves out all that comes behind, which
# it can read when asked for by name.
# So blockscope stores text as characters, and docs/reading.md asks for arrays of numbers by their names.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check h5py==3.14.0 numpy==2.2.6
"$folder/venv/bin/python" - "$folder/a.h5" <<'PY'
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1], "w") as file:
    file["a"] = np.arange(3.0)
    file["b"] = np.array(["x", "yy"], h5py.string_dtype())
    file["c"] = np.arange(4.0)
PY
found=$(octave-cli --no-history --eval "
    all_of_it = fieldnames(load('-hdf5', '$folder/a.h5'))';
    by_name = fieldnames(load('-hdf5', '$folder/a.h5', 'c'))';
    printf('octave %s: all: %s; by name: %s', version, strjoin(all_of_it), strjoin(by_name))" 2>"$folder/said")
echo "$found"
grep "^warning" "$folder/said" | sort -u
[ "$found" = "octave 7.3.0: all: a; by name: c" ]
# Seen: octave 7.3.0: all: a; by name: c
# warning: load: error while reading hdf5 item 'b'
