#!/usr/bin/env python3
"""Prints the structure of the product's code: lines by layer, circles of files, arrows that run upwards, and the
tests' sleeps. Code lines are neither blank nor comments, and no tests.

usage: scripts/structure.py [CHECKOUT]
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

CRATES = ["fs-core", "fuse-linux", "winfsp-windows", "cli"]
# A layer of fs-core may name those of earlier lines, as FLOORS in tests/tests/layering.rs says.
ORDER = [
    ["clock", "monitor", "windows", "platform"],
    ["format"],
    ["store"],
    ["history"],
    ["copy", "import", "maintain", "view"],
    ["export", "restore", "watch"],
    ["service"],
]
RANK = {layer: rank for rank, layers in enumerate(ORDER) for layer in layers}
TEST_FILES = {"tests.rs", "fixtures.rs", "samples.rs"}
TEST_FOLDERS = {"tests", "testing"}


def without_tests(text):
    """The lines without items behind `#[cfg(test)]`."""
    lines, kept, at = text.split("\n"), [], 0
    while at < len(lines):
        if lines[at].strip() != "#[cfg(test)]":
            kept.append(lines[at])
            at += 1
            continue
        at += 1
        while lines[at].strip().startswith("#["):
            at += 1
        if lines[at].rstrip().endswith("{"):
            end = lines[at][: len(lines[at]) - len(lines[at].lstrip())] + "}"
            while not lines[at].startswith(end):
                at += 1
        at += 1
    return kept


def paths_of(tree, prefix=()):
    """The paths that the text of a `use` names: `a::{b, c::d}` names `a::b` and `a::c::d`."""
    depth, start, parts = 0, 0, []
    for at, char in enumerate(tree + ","):
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            parts.append(tree[start:at].strip())
            start = at + 1
    for part in filter(None, parts):
        head, brace, rest = part.partition("{")
        names = tuple(name.strip() for name in head.split("::") if name.strip())
        if brace:
            yield from paths_of(rest.rstrip()[:-1], prefix + names)
        elif names:
            yield prefix + names[:-1] + (names[-1].split(" as ")[0].strip(),)


def is_test(path):
    """Whether a file is one of the tests, which also have folders of their own in the crates."""
    return path.parts[0] != "target" and (path.name in TEST_FILES or bool(TEST_FOLDERS & set(path.parts)))


def is_inside(one, other):
    """Whether one of these modules has the other in it: they are one thing, told in several files."""
    return one[: len(other)] == other or other[: len(one)] == one


class Crate:
    """The product's files of a crate, by the path of their module."""

    def __init__(self, folder):
        self.files, self.code, self.exports = {}, {}, {}
        for path in sorted((folder / "src").rglob("*.rs")):
            parts = path.relative_to(folder / "src").with_suffix("").parts
            if is_test(path.relative_to(folder)):
                continue
            module = parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts
            lines = without_tests(path.read_text())
            self.files[module] = path
            self.code[module] = [line for line in lines if line.strip() and not line.strip().startswith("//")]
        for module in self.files:
            uses = re.findall(r"\bpub(?:\([^)]*\))? use ([^;]+);", "\n".join(self.code[module]))
            named = (path for tree in uses for path in paths_of(tree))
            self.exports[module] = {path[-1]: path for path in named if len(path) > 1}

    def resolve(self, module, path, depth=0):
        """The module that defines what `path`, written in `module`, names; None if it is of another crate."""
        at, names = module, list(path)
        if names[0] == "crate":
            at, names = (), names[1:]
        elif names[0] in ("self", "super"):
            while names and names[0] in ("self", "super"):
                at = at[:-1] if names.pop(0) == "super" else at
        elif module + (names[0],) not in self.files:
            return None
        while names and at + (names[0],) in self.files:
            at += (names.pop(0),)
        exported = self.exports.get(at, {}).get(names[0]) if names else None
        if exported and depth < 8:
            return self.resolve(at, exported, depth + 1) or at
        return at

    def arrows(self):
        """For each module, the modules beside it that it names. To re-export is not to use."""
        arrows = {}
        for module, lines in self.code.items():
            text = re.sub(r"\bpub(?:\([^)]*\))? use [^;]+;", "", "\n".join(line.split("//")[0] for line in lines))
            named = {path for tree in re.findall(r"\buse ([^;]+);", text) for path in paths_of(tree)}
            text = re.sub(r"\buse [^;]+;", "", text)
            named |= {tuple(path.split("::")) for path in re.findall(r"\b(?:crate|super|self)(?:::\w+)+", text)}
            short = {path[-1]: path for path in named}
            for path in re.findall(r"(?<![:\w])(?:[a-z_]\w*)(?:::\w+)+", text):
                names = tuple(path.split("::"))
                named.add(short.get(names[0], names[:1]) + names[1:])
            found = (self.resolve(module, path) for path in named)
            arrows[module] = {other for other in found if other in self.files and not is_inside(other, module)}
        return arrows


def circles(arrows):
    """Groups of modules, each of which leads to each other one."""
    reached = {}
    for start in arrows:
        seen, waiting = set(), [start]
        while waiting:
            for other in arrows[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        reached[start] = seen
    groups = {frozenset(m for m in reached[n] if n in reached[m]) for n in arrows}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    lines, files, found, upward = defaultdict(int), defaultdict(int), [], set()
    for name in CRATES:
        crate = Crate(root / name)
        arrows = crate.arrows()
        for module, code in crate.code.items():
            layer = f"{name}/{module[0]}" if name == "fs-core" and module else name
            lines[layer] += len(code)
            files[layer] += 1
        found += [[f"{name}/{crate.files[m].relative_to(root / name / 'src')}" for m in one] for one in circles(arrows)]
        if name == "fs-core":
            layers = {(a[0], b[0]) for a, others in arrows.items() for b in others if a and b and a[0] != b[0]}
            upward |= {(a, b) for a, b in layers if RANK.get(a, 0) <= RANK.get(b, 0) > 0}
    for layer in sorted(lines):
        print(f"{layer:24} {files[layer]:4} files {lines[layer]:6} code lines")
    print(f"{'product':24} {sum(files.values()):4} files {sum(lines.values()):6} code lines")
    print(f"arrows that run upwards: {len(upward)}", *(f"  {a} -> {b}" for a, b in sorted(upward)), sep="\n")
    print(f"circles of files: {len(found)}", *("  " + " ".join(circle) for circle in found), sep="\n")
    sleeping = re.compile(r"\bsleep\(|\bsleep [0-9]")
    texts = (path.read_text() for path in root.rglob("*.rs") if is_test(path.relative_to(root)))
    print(f"lines of tests that sleep: {sum(len(sleeping.findall(text)) for text in texts)}")


main()
