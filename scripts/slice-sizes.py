#!/usr/bin/env python3
"""How much of a counterexample its slice leaves: the curated cases, and bad programs of the Juliet suite.

    cargo build --release -p vf-cli
    python3 scripts/slice-sizes.py target/release/verify-fix                          # corpus/cases
    python3 scripts/slice-sizes.py target/release/verify-fix --juliet CHECKOUT        # and 40 bad programs
    python3 scripts/slice-sizes.py NEW --juliet CHECKOUT --before OLD                 # and an older program's output

For every refuted obligation: the lines that the run executed, the lines of the slice, the steps of the trace, all values
of the input, and those that matter.  With --before, the steps and inputs that an older verify-fix printed for the
obligation of the same id.  The table is Markdown.
"""
import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys

# What is measured is proved, not found again.
os.environ["VERIFY_FIX_CACHE"] = "off"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--before", type=pathlib.Path)
    parser.add_argument("--juliet", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=int, default=60)
    options = parser.parse_args()
    rows = []
    for name, arguments in corpus() + (juliet(options) if options.juliet else []):
        found = counterexamples(options.program, arguments, options.timeout)
        old = counterexamples(options.before, arguments, options.timeout) if options.before else {}
        for identity, counterexample in found.items():
            rows.append((name, identity, sizes(counterexample), old_sizes(old.get(identity)) if options.before else []))
    if not rows:
        sys.exit("nothing was refuted: nothing to measure")
    columns = ["executed lines", "slice lines", "trace steps", "inputs", "inputs that matter"]
    if options.before:
        columns += ["steps before", "inputs shown before"]
    print("| program | obligation | " + " | ".join(columns) + " |")
    print("| --- | --- |" + " --- |" * len(columns))
    for name, identity, new, old in rows:
        print(f"| {name} | {identity} | " + " | ".join(str(v) for v in new + old) + " |")
    numbers = [new + old for _, _, new, old in rows]
    medians = [median([row[i] for row in numbers if row[i] != "-"]) for i in range(len(columns))]
    print(f"| median of {len(rows)} | | " + " | ".join(medians) + " |")


def median(values):
    return f"{statistics.median(values):g}" if values else "-"


def sizes(counterexample):
    return [
        counterexample["executed_lines"],
        len(counterexample["slice"]),
        len(counterexample["trace"]),
        len(counterexample["inputs"]),
        len(counterexample["relevant"]),
    ]


def old_sizes(counterexample):
    return [len(counterexample["trace"]), len(counterexample["inputs"])] if counterexample else ["-", "-"]


def counterexamples(program, arguments, timeout):
    """Of every refuted obligation, by id."""
    command = [program, "check", "--format", "json", "--no-replay", "--timeout", str(timeout), *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode not in (0, 1, 3):
        sys.exit(f"{' '.join(map(str, command))}: {result.stderr.strip()}")
    obligations = (o for f in json.loads(result.stdout)["functions"] for o in f["obligations"])
    return {o["id"]: o["counterexample"] for o in obligations if o["verdict"] == "refuted"}


def corpus():
    """The command lines of the curated cases, buggy trees."""
    found = []
    for case in sorted(p for p in pathlib.Path("corpus/cases").iterdir() if p.is_dir()):
        fields = dict(re.findall(r"^(File|Function): *(\S+)", (case / "report.txt").read_text(), re.MULTILINE))
        tree = case / "tree"
        flags = [f for f in (tree / "compile_flags.txt").read_text().split("\n") if f]
        flags = [f"-I{tree / f[2:]}" if f.startswith("-I") else f for f in flags]
        found.append((case.name, [tree / fields["File"], "-f", fields["Function"], "--", *flags]))
    return found


def juliet(options):
    """A seeded sample of single-file bad programs."""
    files = []
    for cwe in (121, 122, 124, 126, 127, 190, 191, 680):
        for folder in sorted((options.juliet / "testcases").glob(f"CWE{cwe}_*")):
            files += [f for f in sorted(folder.rglob("*.c")) if re.search(r"_\d\d\.c$", f.name) and "w32" not in f.name]
    support = options.juliet / "testcasesupport"
    flags = ["-DINCLUDEMAIN", "-DOMITGOOD", f"-I{support}"]
    chosen = random.Random(options.seed).sample(files, min(options.count, len(files)))
    return [(f.stem, [f, support / "io.c", "--entry", "main", "--", *flags]) for f in sorted(chosen)]


if __name__ == "__main__":
    main()
