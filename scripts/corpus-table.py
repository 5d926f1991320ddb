#!/usr/bin/env python3
"""Checks, judges and repairs every curated case, and prints the table of docs/corpus.md.

    cargo build --release -p vf-cli
    python3 scripts/corpus-table.py target/release/verify-fix > docs/corpus.md

For each case: is the buggy tree refuted where the report says, was the counterexample confirmed by a run under
sanitizers, is the reference fix proven, and does the solver-only proposer find a proven patch.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

# What is measured is proved, not found again.
os.environ["VERIFY_FIX_CACHE"] = "off"

if len(sys.argv) != 2:
    sys.exit(__doc__)
program = pathlib.Path(sys.argv[1]).resolve()
cases = pathlib.Path("corpus/cases")


def run(*arguments):
    """One run of the program: its JSON, and the seconds that it took."""
    started = time.monotonic()
    command = [program, *arguments[:1], "--format", "json", *arguments[1:]]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    seconds = time.monotonic() - started
    if result.returncode in (2, 4):
        sys.exit(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    return json.loads(result.stdout), seconds


def report_of(case):
    fields = {}
    for line in (case / "report.txt").read_text().splitlines():
        key, colon, value = line.partition(":")
        if colon and value.strip():
            fields.setdefault(key, value.strip())
    return fields


rows, proven, refuted, fixed = [], 0, 0, 0
for case in sorted(p for p in cases.iterdir() if p.is_dir()):
    report, tree = report_of(case), case / "tree"
    flags = [f for f in (tree / "compile_flags.txt").read_text().split("\n") if f]
    # Include directories are relative to the tree.
    flags = [f"-I{tree / f[2:]}" if f.startswith("-I") else f for f in flags]
    check, _ = run("check", str(tree / report["File"]), "-f", report["Function"], "--", *flags)
    found = [
        (f["name"], o)
        for f in check["functions"]
        for o in f["obligations"]
        if o["verdict"] == "refuted"
    ]
    here = [o for name, o in found if name == report["Function"] and o["location"]["line"] == int(report["Line"])]
    before = "; ".join(f"`{o['property']}` ({o['counterexample']['replay']})" for o in here) or "not refuted there"
    refuted += any(o["counterexample"]["replay"] == "confirmed" for o in here)
    patch, _ = run("patch", str(case / "fix.patch"), "--tree", str(tree))
    verdict, behaviour = patch["verdict"], patch["behaviour"]
    fixed += verdict == "proven-fix"
    with tempfile.TemporaryDirectory() as scratch:
        out, log = f"{scratch}/fix.patch", f"{scratch}/log.jsonl"
        repair, seconds = run(
            "repair", "--report", str(case / "report.txt"), "--tree", str(tree), "--model", "none", "-o", out, "--log", log
        )
        found_patch = repair["verdict"] == "proven-fix" and pathlib.Path(out).exists()
    proven += found_patch
    tried = f"{repair['candidates']} in {repair['rounds']}"
    repaired = "proven" if found_patch else "none"
    rows.append((case.name, report["Function"], before, verdict, behaviour, repaired, tried, f"{seconds:.1f}"))

print("# The curated cases\n")
print("Made by `python3 scripts/corpus-table.py target/release/verify-fix > docs/corpus.md`", end=" ")
print(f"on {time.strftime('%Y-%m-%d')}.\n")
print(
    f"{refuted} of {len(rows)} buggy trees are refuted at the reported line with a confirmed counterexample, "
    f"{fixed} of {len(rows)} reference fixes are proven, and the solver-only proposer finds a proven patch for "
    f"{proven} of {len(rows)}. `confirmed` means that the IR interpreter or a sanitizer saw the violation. How wrong "
    "variants of the fixes are judged is in [patches.md](patches.md).\n"
)
head = ("case", "function", "refuted at the reported line", "reference fix", "its behaviour")
head += ("solver-only repair", "candidates in rounds", "seconds")
print("| " + " | ".join(head) + " |")
print("| " + " | ".join("---" for _ in head) + " |")
for row in rows:
    print("| " + " | ".join(row) + " |")
