"""A real SLURM on this machine's loopback, there for as long as the process that asked for it.

    python tests/slurm/cluster.py FOLDER

starts the daemons with all their files in the folder, says "ready", and stops them when its
standard input ends. Whoever holds the other end may die in any way: the cluster goes with it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CONFIG = Path("/etc/slurm/slurm.conf")  # the steps of a job look here and nowhere else
PREFIX = "blockscope-slurm-"  # of the temporary folder around a cluster's own
LOCK = Path("/run/lock/blockscope-slurm")
PACKAGES = ("slurmctld", "slurmd", "slurm-client")
GPUS = 2
PATIENCE = 60  # seconds

# auth/none trusts whoever can connect, so nothing may listen on an address but the loopback's.
# Finished jobs stay in the queue's records, which is what a job's status is read from. Jobs are
# bound to their cores, as clusters do it, but many share one: a job that a test holds would hold
# the rest. The nodes claim more memory than this machine has.
SLURM_CONF = """\
ClusterName=blockscope
SlurmctldHost=localhost(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/none
CredType=cred/none
SlurmUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/finished.txt
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
ProctrackType=proctrack/pgid
TaskPlugin=task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=7200
KillWait=3
SlurmdTimeout=600
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=DEFAULT CPUs={cpus} RealMemory=64000
NodeName=steady NodeAddr=127.0.0.1 NodeHostname=localhost Port=26821 Gres=gpu:{gpus}
NodeName=shaky NodeAddr=127.0.0.1 NodeHostname=localhost Port=26822
PartitionName=DEFAULT MaxTime=UNLIMITED OverSubscribe=FORCE:16
PartitionName=cpu Nodes=steady Default=YES
PartitionName=gpu Nodes=steady
PartitionName=shaky Nodes=shaky
"""
GRES_CONF = "NodeName=steady Name=gpu File={folder}/gpu[0-{last}]\n"
NODES = ("steady", "shaky")


def check_machine() -> None:
    """Refuse a machine on which no cluster may be started; raises ``RuntimeError`` saying why.

    What an earlier cluster of this module left, because its machine or all its processes were
    stopped at once, is taken away first. Only the holder of the lock may ask.
    """
    if left := own_folder():
        end_daemons(left)
    if os.path.lexists(CONFIG):
        raise RuntimeError(
            f"{CONFIG} exists: this machine belongs to a cluster, and its jobs are not for a test"
        )


def own_folder() -> Path | None:
    """Return the folder of the cluster whose settings lie here, if this module wrote them."""
    if not CONFIG.is_symlink():
        return None
    settings = CONFIG.readlink()
    ours = settings.parent.parent.name.startswith(PREFIX) and settings.name == CONFIG.name
    return settings.parent if ours else None


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the machine's lock on clusters of this module; it goes with the process."""
    if os.geteuid() != 0:
        raise RuntimeError(
            "starting SLURM's daemons needs root; run `make test-slurm` as root, in a container or "
            "on a machine of your own"
        )
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(
                "tests with a cluster run on this machine now; run these when those have ended"
            ) from None
        yield


def install() -> None:
    """Install Debian's packages where a daemon is missing; asked not to start them."""
    if all(shutil.which(name) for name in ("slurmctld", "slurmd", "sbatch")):
        return
    if not shutil.which("apt-get"):
        raise RuntimeError(
            f"{', '.join(PACKAGES)} are missing, and there is no apt-get to install them"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (
        ["update", "-qq"],
        ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES],
    ):
        done = subprocess.run(
            ["apt-get", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"apt-get {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def start(folder: Path) -> None:
    """Write the settings, start the daemons, wait until the nodes take jobs."""
    (folder / "state").mkdir(parents=True)
    for number in range(GPUS):  # each like /dev/null
        os.mknod(folder / f"gpu{number}", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    settings = SLURM_CONF.format(folder=folder, gpus=GPUS, cpus=len(os.sched_getaffinity(0)))
    (folder / "slurm.conf").write_text(settings)
    (folder / "gres.conf").write_text(GRES_CONF.format(folder=folder, last=GPUS - 1))
    CONFIG.parent.mkdir(exist_ok=True)
    CONFIG.symlink_to(folder / "slurm.conf")
    for command in (["slurmctld"], *(["slurmd", "-N", node] for node in NODES)):
        subprocess.run([*command, "-f", str(folder / "slurm.conf")], check=True)
    deadline = time.monotonic() + PATIENCE
    while states() != {"idle"}:
        if time.monotonic() > deadline:
            logs = "\n".join(path.read_text() for path in folder.glob("*.log"))
            raise RuntimeError(f"the nodes are {states()} after {PATIENCE} s, not idle:\n{logs}")
        time.sleep(0.2)


def states() -> set[str]:
    """Return the states of all nodes; empty where no controller answers."""
    with suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            ["sinfo", "-h", "-N", "-o", "%T"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
        return set(done.stdout.split())
    return set()


def stop(folder: Path) -> None:
    """Cancel what runs, end the daemons of this folder, and take the settings away again."""
    with suppress(subprocess.TimeoutExpired, OSError):
        subprocess.run(["scancel", "--user=root"], timeout=10, check=False)
    end_daemons(folder)


def end_daemons(folder: Path) -> None:
    """End the daemons of this folder, and take the settings away."""
    # The nodes first: without a controller they do not end when asked to.
    for name in (*(f"slurmd-{node}" for node in NODES), "slurmctld"):
        _end(folder / f"{name}.pid")
    if own_folder() == folder:
        CONFIG.unlink()


def _end(pid_file: Path) -> None:
    """End a daemon by the number it left behind, by force where asking takes too long."""
    with suppress(OSError, ValueError):
        number = int(pid_file.read_text())
        # After a restart of the machine the number may be of another program.
        if Path(f"/proc/{number}/comm").read_text().strip() != pid_file.stem.partition("-")[0]:
            return
        os.kill(number, signal.SIGTERM)
        for _ in range(50):
            time.sleep(0.2)
            # A process that has ended may stay listed, where nobody asks how it ended.
            if Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return
        os.kill(number, signal.SIGKILL)


def main(folder: Path) -> None:
    """Keep a cluster until standard input ends."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked for the cluster answers that
    try:
        with only_one():
            check_machine()
            install()
            try:
                start(folder)
                sys.stdout.write("ready\n")
                sys.stdout.flush()
                sys.stdin.read()
            finally:
                stop(folder)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"no cluster: {error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
