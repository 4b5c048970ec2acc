"""What the process imports that jobs are forked from; importing this module does it.

A fork has only the thread that forked, so that no library may have started another one.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

from blockscope.runtime.job import prepare_libraries

LIBRARIES = (
    *("numpy", "h5py", "h5netcdf", "xarray", "zarr", "PIL.Image", "jinja2", "snakemake.io"),
    *("matplotlib.figure", "matplotlib.backends.backend_pdf", "matplotlib.backends.backend_svg"),
    *("fontTools.subset", "sklearn.decomposition", "tensorflow"),
)

# Ctrl-C is for the jobs; this process ends with the command.
_before = signal.signal(signal.SIGINT, signal.SIG_IGN)
prepare_libraries(threads=1)
for _library in LIBRARIES:
    importlib.import_module(_library)
if (_threads := len(os.listdir("/proc/self/task"))) > 1:
    sys.exit(f"imports started {_threads - 1} threads, so that jobs are not forked")
signal.signal(signal.SIGINT, _before)
