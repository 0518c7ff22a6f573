"""Programs that are started, watched by their ids, and ended again."""

import os
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
START_SECONDS = 120


def free_port():
    """A port on the loopback address that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A program that runs until the end of its `with` block."""

    def __init__(self, *command, log):
        self.began = time.perf_counter()
        self.log = Path(log)
        with self.log.open("ab") as errors:
            self.popen = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
            )
        self.proc = Path(f"/proc/{self.popen.pid}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.signal(signal.SIGCONT)
        self.popen.terminate()
        try:
            self.popen.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.communicate()

    def signal(self, number):
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def line(self):
        """The next line it prints."""
        line = self.popen.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.popen.args} ended: {self.log.read_text()[-2000:]}")
        return line.strip()

    def change(self):
        """Has a contender give all its series new values."""
        self.popen.stdin.write("change\n")
        if self.line() != "changed":
            raise RuntimeError(f"{self.popen.args} did not change its values")

    def wait_until_it_listens(self, port):
        """Seconds from its start until its port is open."""
        while not answers(port):
            seconds = time.perf_counter() - self.began
            if self.popen.poll() is not None or seconds > START_SECONDS:
                raise RuntimeError(f"{self.popen.args} does not listen: {self.log.read_text()[-2000:]}")
            time.sleep(0.001)
        return time.perf_counter() - self.began

    def cpu_seconds(self):
        """Time on a processor so far, of the process and the children it waited for."""
        fields = (self.proc / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS_A_SECOND

    def resident_bytes(self):
        return self._status("VmRSS")

    def peak_bytes(self):
        """Most that was resident since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self):
        (self.proc / "clear_refs").write_text("5")

    def _status(self, name):
        for line in (self.proc / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError(f"no {name} of {self.popen.args}")


def run(*command):
    """Runs a program to its end: what it printed, and its seconds on a processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
