#!/usr/bin/env python3
"""Measures the prover on the single functions of tests/single-functions.

    cargo build --release -p vf-cli --no-default-features
    python3 scripts/single-functions.py                  # all pairs, a line each
    python3 scripts/single-functions.py ring base64      # those with a word in their name
    python3 scripts/single-functions.py --table > docs/single-functions.table.md

Each file holds one function twice: as it should be, and with a defect (with WRONG defined).  Both are checked alone, for
every caller (`--entry each`), without annotations.  The answers:

    right: proved     every obligation, for all inputs and without a bound (else: proved-to-bound, refuted, unknown)
    wrong: refuted    at least one obligation, by a counterexample that was executed (else: missed, if all were proved)

Time and peak memory are of the whole process: preprocessing, proof search and replay.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# What is measured is proved, not found again.
os.environ["VERIFY_FIX_CACHE"] = "off"

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "single-functions"
SAFE = {"proved", "unreachable"}


def program():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "release" / "verify-fix")


def run(command, limit):
    """Exit status (None: killed at the limit), output, seconds, peak memory in MB."""
    with tempfile.TemporaryFile() as out:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        timer = threading.Timer(limit, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        code = process.returncode if process.returncode >= 0 else None
        return code, out.read().decode(), seconds, usage.ru_maxrss / 1024


def check(options, path, wrong):
    command = [options.program, "check", "--format", "json", "--timeout", str(options.timeout), str(path), "--"]
    code, text, seconds, memory = run(command + (["-DWRONG"] if wrong else []), options.timeout + 30)
    result = {"seconds": seconds, "memory": memory, "open": []}
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        result["answer"] = f"error: exit {code}"
        return result
    obligations = [o for f in report["functions"] for o in f["obligations"]]
    if wrong and any(
        o["verdict"] == "refuted" and (o["counterexample"] or {}).get("replay") == "confirmed" for o in obligations
    ):
        result["answer"] = "refuted"
    elif wrong and report["verdict"] == "proved":
        result["answer"] = "missed"
    else:
        result["answer"] = report["verdict"]
    result["obligations"] = len(obligations)
    result["open"] = [
        (o["location"]["line"], o["property"], o["verdict"], o["text"], o.get("reason") or "")
        for o in obligations
        if o["verdict"] not in SAFE
    ]
    return result


def milliseconds(result):
    return f"{result['seconds'] * 1000:.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only files with one of these in their name")
    parser.add_argument("--program", default=program(), help="the verify-fix to measure")
    parser.add_argument("--timeout", type=int, default=60, help="seconds a version (default 60)")
    parser.add_argument("--table", action="store_true", help="print a Markdown table")
    options = parser.parse_args()
    paths = [p for p in sorted(FOLDER.glob("*.c")) if not options.words or any(w in p.stem for w in options.words)]
    if not paths:
        sys.exit("no such file in tests/single-functions")
    rows = []
    for path in paths:
        right, wrong = check(options, path, False), check(options, path, True)
        rows.append((path.stem, right, wrong))
        if options.table:
            continue
        print(
            f"{path.stem:20} right: {right['answer']:16} {milliseconds(right):>6} ms {right['memory']:4.0f} MB   "
            f"wrong: {wrong['answer']:16} {milliseconds(wrong):>6} ms {wrong['memory']:4.0f} MB",
            flush=True,
        )
        shown = ([] if right["answer"] == "proved" else right["open"]) + (
            [] if wrong["answer"] == "refuted" else wrong["open"]
        )
        for line, kind, verdict, text, reason in shown:
            print(f"    {line}: {verdict}[{kind}] {text}: {reason}")
    summary(rows, options)
    good = all(r["answer"] == "proved" and w["answer"] == "refuted" for _, r, w in rows)
    return 0 if good else 1


def summary(rows, options):
    if options.table:
        print("| function | obligations | right | ms | MB | wrong | ms | MB |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for name, right, wrong in rows:
            cells = [f"`{name}`", str(right.get("obligations", 0))]
            for result in (right, wrong):
                cells += [result["answer"], milliseconds(result), f"{result['memory']:.0f}"]
            print("| " + " | ".join(cells) + " |")
        print()
    proved = sum(r["answer"] == "proved" for _, r, _ in rows)
    refuted = sum(w["answer"] == "refuted" for _, _, w in rows)
    for name, results in (("right", [r for _, r, _ in rows]), ("wrong", [w for _, _, w in rows])):
        times = sorted(r["seconds"] * 1000 for r in results)
        p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
        count = f"{proved} proved" if name == "right" else f"{refuted} refuted"
        print(
            f"{name}: {count} of {len(rows)}; median {statistics.median(times):.0f} ms, 95 % within {p95:.0f} ms, "
            f"most {times[-1]:.0f} ms; peak memory {max(r['memory'] for r in results):.0f} MB"
        )


if __name__ == "__main__":
    sys.exit(main())
