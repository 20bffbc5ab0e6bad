"""A Ray cluster of two nodes on this machine, of one core each, and the processes it consists of."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}  # listen on 127.0.0.1 only
_CLUSTER = """
import os, sys
from ray.cluster_utils import Cluster
os.makedirs(os.path.join(os.environ.get("RAY_TMPDIR", "/tmp"), "ray"), exist_ok=True)  # where it notes its address
node = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args={**node, "temp_dir": sys.argv[1]})
cluster.add_node(**node)
print("address", cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


class TwoNodes:
    """The cluster: where it answers, and what runs in it.

    Args:
        folder: of its own, with a short path, for sockets lie in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CLUSTER, str(folder)],
            env=os.environ | LOOPBACK,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("address "):
                self.address = line.split()[1]
                return
        raise RuntimeError("the Ray cluster did not start")

    def nodes(self) -> list[int]:
        """Process ids of the nodes that live, the head's first."""
        return [pid for pid, words in _processes() if words[0].endswith("/raylet") and str(self._folder) in str(words)]

    def workers(self, *nodes: int) -> list[int]:
        """Process ids of the workers that train a unit, of these nodes or of all."""
        nodes = nodes or tuple(self.nodes())
        return [pid for pid, words in _processes() if words[0].startswith("ray::_trained") and _parent(pid) in nodes]

    def lose(self, node: int) -> None:
        """A node gone at once, as a machine: its workers, too, which would otherwise end what they have in hand."""
        workers = self.workers(node)
        for pid in (node, *workers):
            os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate("", timeout=20)
        for pid, words in _processes():  # what outlived it
            if str(self._folder) in str(words):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """The cluster, for as long as the test lasts."""
    cluster = TwoNodes(Path(tempfile.mkdtemp(prefix="ray-")))
    try:
        yield cluster
    finally:
        cluster.close()


def _processes() -> Iterator[tuple[int, list[str]]]:
    for folder in sorted((one for one in Path("/proc").iterdir() if one.name.isdigit()), key=lambda one: int(one.name)):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if words[0]:
                yield int(folder.name), words


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
