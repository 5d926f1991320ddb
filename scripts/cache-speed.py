#!/usr/bin/env python3
"""What the cache of proofs saves on the corpus, and how many candidates a repair checks in a second.

    cargo build --release -p vf-cli --no-default-features
    python3 scripts/cache-speed.py target/release/verify-fix > table.md

Each case is judged and repaired twice with a cache that is empty at first. Seconds are those of the processor that the whole
command used, compiler runs included: they say the same on a machine that does other things too. The rates are of the clock.
"""

import json
import pathlib
import resource
import subprocess
import sys
import tempfile


def run(command):
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    before = used()
    ran = subprocess.run(command, capture_output=True, text=True)
    seconds = used() - before
    try:
        return json.loads(ran.stdout), seconds
    except json.JSONDecodeError:
        sys.exit(f"{' '.join(command)}: {ran.stderr.strip() or 'no JSON'}")


def from_cache(report):
    searches = [f.get("search") for side in ("before", "after") for f in report[side]["functions"]]
    searches = [s for s in searches if s]
    return sum(s.get("from_cache", False) for s in searches), len(searches)


def main():
    if len(sys.argv) < 2:
        sys.exit("give the program: python3 scripts/cache-speed.py target/release/verify-fix [CASE...]")
    binary, wanted = sys.argv[1], sys.argv[2:]
    root = pathlib.Path(__file__).resolve().parent.parent / "corpus" / "cases"
    cases = [c for c in sorted(root.iterdir()) if not wanted or c.name in wanted]
    print("| case | judged | again | of which kept | repaired | again | checked | a second | again |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    totals = [0.0] * 4
    checked = 0
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            shared = ["--format", "json", "--cache"]
            patch = [binary, "patch", str(case / "fix.patch"), "--tree", str(case / "tree"), *shared, folder + "/patch"]
            repair = [binary, "repair", "--report", str(case / "report.txt"), "--tree", str(case / "tree"), "--no-replay"]
            repair += [*shared, folder + "/repair"]
            (first, cold), (second, warm) = run(patch), run(patch)
            if (first["verdict"], first["fixed"]) != (second["verdict"], second["fixed"]):
                sys.exit(f"{case.name}: {first['verdict']} at first, {second['verdict']} from the cache")
            kept, entries = from_cache(second)
            (one, slow), (two, fast) = run(repair), run(repair)
        rate = lambda r: "-" if r["checked_per_second"] is None else f"{r['checked_per_second']:.1f}"
        print(f"| {case.name} | {cold:.2f} | {warm:.2f} | {kept} of {entries} | {slow:.2f} | {fast:.2f} "
              f"| {one['checked']} | {rate(one)} | {rate(two)} |", flush=True)
        totals = [a + b for a, b in zip(totals, (cold, warm, slow, fast))]
        checked += one["checked"]
    print(f"| all | {totals[0]:.1f} | {totals[1]:.1f} | | {totals[2]:.1f} | {totals[3]:.1f} | {checked} | | |")


main()
