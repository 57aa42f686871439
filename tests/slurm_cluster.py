"""A SLURM cluster of one node, this machine, for as long as a command runs.

    python tests/slurm_cluster.py snakemake --workflow-profile profiles/slurm --config scale=quick

Needs root and, of Debian, `slurmctld slurmd slurm-client munge`. It has two stand-ins for GPUs (no
CUDA behind them), so that what asks for one can be placed.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo")
ETC = Path("/etc/slurm")  # where the plugin's jobs look: it takes SLURM_CONF from them
CONF = """\
ClusterName=local
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={at}/munge.sock
CryptoType=crypto/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={at}/state
SlurmdSpoolDir={at}/spool
SlurmctldPidFile={at}/slurmctld.pid
SlurmdPidFile={at}/slurmd.pid
SlurmctldLogFile={at}/slurmctld.log
SlurmdLogFile={at}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
SwitchType=switch/none
MpiDefault=none
GresTypes=gpu
DefMemPerCPU=500
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname={host} \
CPUs={cores} RealMemory={memory} Gres=gpu:2
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str:
    """Why there can be no cluster here, in a few words; empty if there can."""
    if missing := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"not installed: {', '.join(missing)}"
    if os.geteuid() != 0:
        return "needs root"
    return f"{ETC}/slurm.conf is there already" if (ETC / "slurm.conf").exists() else ""


@contextmanager
def cluster() -> Iterator[Path]:
    """The directory of its logs. Raises RuntimeError, with them, if the node does not come up."""
    at = Path(tempfile.mkdtemp(prefix="slurm"))
    (at / "state").mkdir()
    (at / "spool").mkdir()
    key = at / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    cores = os.cpu_count()
    conf = CONF.format(at=at, host=socket.gethostname(), cores=cores, memory=memory)
    (at / "slurm.conf").write_text(conf)
    (at / "gres.conf").write_text("NodeName=localhost Name=gpu File=/dev/null,/dev/zero\n")
    ETC.mkdir(exist_ok=True)
    names = ("slurm.conf", "gres.conf")
    for name in names:
        (ETC / name).symlink_to(at / name)
    try:
        _start(at)
        yield at
    finally:
        for name in ("slurmd", "slurmctld", "munged"):
            with suppress(FileNotFoundError, ProcessLookupError, ValueError):
                os.kill(int((at / f"{name}.pid").read_text()), 15)
        for name in names:
            (ETC / name).unlink()


def _start(at: Path) -> None:
    files = {"socket": "munge.sock", "key-file": "munge.key", "pid-file": "munged.pid"}
    files |= {"log-file": "munged.log", "seed-file": "munge.seed"}
    munge = ["munged", "--force"]
    munge += (f"--{option}={at / name}" for option, name in files.items())
    daemons = [[name, "-f", str(at / "slurm.conf")] for name in ("slurmctld", "slurmd")]
    for command in [munge, *daemons]:
        subprocess.run(command, check=True)
    until = time.monotonic() + 60
    while "idle" not in subprocess.run(["sinfo"], capture_output=True, text=True).stdout:
        if time.monotonic() > until:
            logs = "\n".join(path.read_text()[-2000:] for path in sorted(at.glob("*.log")))
            raise RuntimeError(f"the node does not come up:\n{logs}")
        time.sleep(0.5)


if __name__ == "__main__":
    if why := lacking():
        sys.exit(f"no SLURM cluster can be started here: {why}")
    with cluster():
        sys.exit(subprocess.run(sys.argv[1:]).returncode)
