#!/bin/sh
# Python 3.9 to 3.13: the first SharedMemory of a process (so the first fork server, the first named semaphore) starts
# multiprocessing's resource tracker. While it does, SIGINT and SIGTERM are blocked, and afterwards unblocked: not set
# back to what they were. A thread that had blocked them, so that a scheduler's SIGTERM cannot cut a checkpoint in two
# or so that a process started next begins with Ctrl-C blocked, has them allowed from there on without a word, and a
# signal that waited is delivered at once. The second SharedMemory leaves the mask alone, so that a test in a process
# that has made one before sees nothing.
# So blockscope's executor starts the tracker first and blocks after it (snakemake_executor_plugin_forkserver).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/try.py" <<'PY'
import signal
import sys
from multiprocessing.shared_memory import SharedMemory

BLOCKED = {signal.SIGINT, signal.SIGTERM}


def after_a_shared_memory():
    """Block both signals, make a shared memory, and return what is still blocked."""
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    memory = SharedMemory(create=True, size=64)
    left = signal.pthread_sigmask(signal.SIG_BLOCK, ()) & BLOCKED
    memory.close()
    memory.unlink()
    return sorted(one.name for one in left)


first, second = after_a_shared_memory(), after_a_shared_memory()
print(f"python {sys.version.split()[0]}: blocked after the first: {first}, after the second: {second}")
assert first == []
assert second == ["SIGINT", "SIGTERM"]
PY
python3 "$folder/try.py"
# Seen with 3.9.18, 3.10.13, 3.11.7, 3.12.1 and 3.13.0:
# python 3.11.7: blocked after the first: [], after the second: ['SIGINT', 'SIGTERM']
