"""The table of docs/performance.md."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
MIB = 1 << 20


@dataclass
class Row:
    work: str
    ours: str
    beside: str = ""
    ratio: float | None = None
    target: str = ""
    miss: float | None = None
    """Measured over target, where less is better: above 1 is missed. None without a target."""

    def cells(self):
        result = "" if self.miss is None else "met" if self.miss <= 1 else f"**missed** ({self.miss:.2f} × the target)"
        ratio = "" if self.ratio is None else share(self.ratio)
        return [self.work, self.ours, self.beside, ratio, self.target, result]


def number(value):
    """Three digits, or all of a larger whole number."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def share(ratio):
    """How often one goes into another, or the other into it."""
    return number(ratio) if ratio >= 0.5 or ratio == 0 else f"1/{number(1 / ratio)}"


def ratio_row(work, ours, name, theirs, most, unit="ms", scale=1000):
    """A row of two lists of measurements of which ours is to be at most `most` × theirs."""
    mine, other = median(ours), median(theirs)
    ratio = mine / other
    return Row(
        work,
        f"{number(mine * scale)} {unit}",
        f"{name}: {number(other * scale)} {unit}",
        ratio,
        "" if most is None else f"≤ {share(most)}",
        None if most is None else ratio / most,
    )


def least_row(work, value, unit, least):
    return Row(work, f"{number(value)} {unit}", target=f"≥ {number(least)} {unit}", miss=least / value)


def most_row(work, value, unit, most):
    return Row(work, f"{number(value)} {unit}", target=f"≤ {number(most)} {unit}", miss=value / most)


def markdown(rows):
    head = ["work", "ours", "beside", "ratio", "target", "result"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def machine(load):
    """What was measured on, and with what."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) / MIB
    lock = Path("Cargo.lock").read_text()
    crates = [(name, re.search(rf'name = "{name}"\nversion = "(.*)"', lock)[1]) for name in ("prometheus", "reqwest")]
    pushgateway = re.search(r"version ([^ ,]+)", _output("prometheus-pushgateway", "--version"))[1]
    python = Path("benches/compare/requirements.txt").read_text().split()
    return "\n".join(
        [
            f"- {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores of {cpu[1] if cpu else 'an unknown processor'},"
            f" {memory:.0f} GiB, Linux {os.uname().release}; load before the first measurement: {load:.1f}",
            f"- {_output('rustc', '--version')}; crates {', '.join(f'{name} {version}' for name, version in crates)}",
            f"- {_output('nginx', '-v').rpartition(' ')[2]}, Pushgateway {pushgateway},"
            f" hey {_output('dpkg-query', '-W', '-f', '${Version}', 'hey')}",
            f"- {_output('target/compare/venv/bin/python', '--version')}; {', '.join(python).replace('==', ' ')}",
        ]
    )


def _output(*command):
    merged = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, **merged, text=True, check=True).stdout.strip()


def write(document, text):
    """Puts `text` between the markers of the document."""
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")
