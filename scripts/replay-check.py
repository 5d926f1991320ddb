#!/usr/bin/env python3
"""Repairs every curated case twice with `--deterministic`, repeats each from its log, and compares the three logs byte for byte.

    cargo build --release -p vf-cli
    python3 scripts/replay-check.py target/release/verify-fix

    --cases NAME,...     only these cases
    --jobs N             cases at a time (default 1)
    --keep DIR           leave the logs there
    -- ARGUMENTS         more arguments for `repair`

Times (fields that end in `_ms`) are taken out before, and the record of what was asked is left out where the runs' folders differ.
Prints a line for each case, and the sum; exits 0 if all are the same.
"""
import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def records(path):
    """The lines of a log without what was asked and without times, as bytes."""
    out = []
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return [b"no log"]
    for line in lines:
        record = json.loads(line)
        if record["event"] != "command":
            out.append(json.dumps({k: v for k, v in record.items() if not k.endswith("_ms")}).encode())
    return out


def patch(path):
    """A mail without its date."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [line for line in lines if not line.startswith(b"Date: ")]


def check(program, case, more, keep):
    folder = pathlib.Path(keep) / case.name if keep else pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    codes, logs = [], []
    for run in ("first", "second"):
        log = folder / f"{run}.jsonl"
        command = [program, "repair", "--report", case / "report.txt", "--tree", case / "tree", "--deterministic"]
        command += ["--no-replay", "--log", log, "-o", folder / f"{run}.patch", *more]
        codes.append(subprocess.run(command, capture_output=True, timeout=1200).returncode)
        logs.append(log)
    again = folder / "again.jsonl"
    command = [program, "replay-run", logs[0], "--write", again]
    replayed = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    seconds = time.monotonic() - started
    first, second, third = (records(log) for log in [*logs, again])
    patches = [patch(folder / f"{run}.patch") for run in ("first", "second")]
    wrong = []
    if codes[0] != codes[1] or first != second:
        wrong.append("the second run is another one")
    if patches[0] != patches[1]:
        wrong.append("the patches differ")
    if first != third:
        wrong.append("the repeated log is another one")
    if replayed.returncode != 0:
        wrong.append(f"replay-run: {(replayed.stdout + replayed.stderr).strip()[:600]}")
    proven = bool(first) and json.loads(first[-1]).get("proven", False)
    candidates = sum(json.loads(r)["event"] == "candidate" for r in first if r != b"no log")
    return case.name, wrong, proven, candidates, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--cases")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep")
    arguments, more = parser.parse_known_args()
    program = pathlib.Path(arguments.program).resolve()
    cases = sorted(p for p in (ROOT / "corpus/cases").iterdir() if (p / "report.txt").exists())
    if arguments.cases:
        wanted = set(arguments.cases.split(","))
        cases = [c for c in cases if c.name in wanted]
    more = [m for m in more if m != "--"]
    same = proven = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for name, wrong, is_proven, candidates, seconds in pool.map(
            lambda case: check(program, case, more, arguments.keep), cases
        ):
            same += not wrong
            proven += is_proven
            state = "; ".join(wrong) or "the same"
            print(f"{name}: {'proven' if is_proven else 'not proven'}, {candidates} candidates, "
                  f"{seconds:.1f} s: {state}", flush=True)
    print(f"{same} of {len(cases)} cases repeat to the bit, twice and from the log; {proven} end in a proven patch")
    sys.exit(0 if cases and same == len(cases) else 1)


if __name__ == "__main__":
    main()
