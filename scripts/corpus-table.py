#!/usr/bin/env python3
"""Checks, judges and repairs every curated case, and prints the table of docs/corpus.md.

    cargo build --release -p vf-cli
    python3 scripts/corpus-table.py target/release/verify-fix > docs/corpus.md

For each case: is the buggy tree refuted where the report says, was the counterexample confirmed by a run under
sanitizers, is the reference fix proven, and does the solver-only proposer find a proven patch.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

if len(sys.argv) != 2:
    sys.exit(__doc__)
program = pathlib.Path(sys.argv[1]).resolve()
cases = pathlib.Path("corpus/cases")


def run(*arguments):
    started = time.monotonic()
    result = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300)
    return result, time.monotonic() - started


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
    check, _ = run("check", str(tree / report["File"]), "-f", report["Function"], "--format", "json", "--", *flags)
    found = [
        (f["name"], o)
        for f in json.loads(check.stdout)["functions"]
        for o in f["obligations"]
        if o["verdict"] == "refuted"
    ]
    here = [o for name, o in found if name == report["Function"] and o["location"]["line"] == int(report["Line"])]
    before = "; ".join(f"`{o['property']}` ({o['counterexample']['replay']})" for o in here) or "not refuted there"
    refuted += any(o["counterexample"]["replay"] == "confirmed" for o in here)
    patch, _ = run("patch", str(case / "fix.patch"), "--tree", str(tree), "--format", "json")
    verdict = json.loads(patch.stdout)["verdict"]
    fixed += verdict == "proven-fix"
    with tempfile.TemporaryDirectory() as scratch:
        out, log = f"{scratch}/fix.patch", f"{scratch}/log.jsonl"
        repair, seconds = run(
            "repair", "--report", str(case / "report.txt"), "--tree", str(tree), "--model", "none", "-o", out, "--log", log
        )
        found_patch = repair.returncode == 0 and pathlib.Path(out).exists()
    proven += found_patch
    rows.append((case.name, report["Function"], before, verdict, "proven" if found_patch else "none", f"{seconds:.1f}"))

print("# The curated cases\n")
print("Made by `python3 scripts/corpus-table.py target/release/verify-fix > docs/corpus.md`", end=" ")
print(f"on {time.strftime('%Y-%m-%d')}.\n")
print(
    f"{refuted} of {len(rows)} buggy trees are refuted at the reported line with a confirmed counterexample, "
    f"{fixed} of {len(rows)} reference fixes are proven, and the solver-only proposer finds a proven patch for "
    f"{proven} of {len(rows)}. `confirmed` means that the IR interpreter or a sanitizer saw the violation.\n"
)
print("| case | function | refuted at the reported line | reference fix | solver-only repair | seconds |")
print("| --- | --- | --- | --- | --- | --- |")
for row in rows:
    print("| " + " | ".join(row) + " |")
