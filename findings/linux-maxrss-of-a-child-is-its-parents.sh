#!/bin/sh
# Linux 6.18, Python 3.11.7: the peak memory that getrusage and wait4 give for a process is at least what its parent
# held when it started it. The kernel keeps the largest size across exec, and the child is the parent's copy (or shares
# its memory, by vfork) until then. A benchmark that loads TensorFlow and then measures small programs by ru_maxrss, in
# the program itself or as its parent, gets its own size for all of them.
# VmHWM in /proc/self/status begins anew at exec. blockscope's benchmarks read that (bench/own_process.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import multiprocessing
import os
import platform
import resource
import subprocess
import sys

import numpy as np

SMALL = """
import resource
status = dict(line.split(':') for line in open('/proc/self/status'))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, int(status['VmHWM'].split()[0]) // 1024)
"""


def own(queue):
    queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def measured():
    """Return MiB of a program of a few: ru_maxrss and VmHWM by itself, and by its parent; of a spawned worker."""
    said = subprocess.run([sys.executable, "-c", SMALL], capture_output=True, text=True, check=True).stdout
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ)
    waited = os.wait4(child, 0)[2].ru_maxrss // 1024
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    worker = context.Process(target=own, args=(queue,))
    worker.start()
    spawned = queue.get()
    worker.join()
    return [*map(int, said.split()), waited, spawned]


if __name__ == "__main__":
    before = measured()
    held = np.ones(2**27)  # 1 GiB
    after = measured()
    print(f"python {platform.python_version()}, linux {platform.release().split('-')[0]}, numpy {np.__version__}; MiB")
    for name, one in (("small parent", before), ("parent of 1 GiB", after)):
        print(f"  {name}: ru_maxrss {one[0]}, VmHWM {one[1]}; by wait4 {one[2]}; a spawned worker {one[3]}")
    assert max(before) < 200 and after[1] < 200
    assert min(after[0], after[2], after[3]) > 1000
PY
"$folder/venv/bin/python" "$folder/try.py"
# Seen: python 3.11.7, linux 6.18.44, numpy 2.4.6; MiB
#   small parent: ru_maxrss 26, VmHWM 8; by wait4 26; a spawned worker 27
#   parent of 1 GiB: ru_maxrss 1051, VmHWM 8; by wait4 1051; a spawned worker 1051
