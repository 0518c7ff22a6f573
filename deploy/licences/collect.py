#!/usr/bin/env python3
"""Writes THIRD-PARTY.txt: the licences of every crate that is linked into the exporter on Linux, each text once.
With --check it writes nothing, and exits 1 when the file is not what it would write."""

import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FILE = HERE / "THIRD-PARTY.txt"
PLATFORMS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
NAMES = ("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE")
RULE = "-" * 80
HEADER = """\
wechat-material-exporter is licensed under the Apache License 2.0. Its program contains the crates below, and the
standard library of Rust (MIT OR Apache-2.0, the Rust project's developers; the texts are among those below).
"""


def cargo(*arguments):
    return subprocess.check_output(["cargo", *arguments, "--locked"], cwd=HERE, text=True)


def linked_packages():
    """Every package whose code is in the program, on any platform."""
    tree = ["tree", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}"]
    lines = cargo(*tree, *(f"--target={platform}" for platform in PLATFORMS)).splitlines()
    linked = {tuple(line.split()[:2]) for line in lines if line}
    metadata = cargo("metadata", "--format-version=1", *(f"--filter-platform={platform}" for platform in PLATFORMS))
    packages = [package for package in json.loads(metadata)["packages"] if package["source"]]
    packages = [package for package in packages if (package["name"], f"v{package['version']}") in linked]
    return sorted(packages, key=lambda package: (package["name"], package["version"]))


def texts(package):
    """What the package's licence files say, line ends and trailing blanks aside."""
    directory = pathlib.Path(package["manifest_path"]).parent
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.name.upper().startswith(NAMES):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            yield "\n".join(line.rstrip() for line in lines).strip("\n")


def essence(text):
    """The same for two texts that differ in their line breaks, or in how the Apache licence says to apply it."""
    return " ".join(text.split("END OF TERMS AND CONDITIONS")[0].split())


def collected():
    packages = linked_packages()
    first, holders = {}, collections.defaultdict(list)
    for package in packages:
        own = list(texts(package))
        if not own:
            sys.exit(f"{package['name']} {package['version']}: no licence file among {', '.join(NAMES)}")
        for text in own:
            first.setdefault(essence(text), text)
            holders[essence(text)].append(f"{package['name']} {package['version']}")
    parts = [HEADER]
    parts += [f"{package['name']} {package['version']}: {package['license']}" for package in packages]
    for key, names in holders.items():
        parts += ["", RULE, ", ".join(names), RULE, "", first[key]]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    text = collected()
    if sys.argv[1:] != ["--check"]:
        FILE.write_text(text, encoding="utf-8")
    elif not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
        sys.exit(f"{FILE}: not of the crates in Cargo.lock: run `make licences`")
