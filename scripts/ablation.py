#!/usr/bin/env python3
"""What each source of candidate invariants proves alone, and what is lost without it.

    cargo build --release -p vf-cli --no-default-features
    python3 scripts/ablation.py > table.md                    # the right versions of all of tests/single-functions
    python3 scripts/ablation.py --proved-within 2 > table.md  # those that all sources together prove within 2 CPU seconds
    python3 scripts/ablation.py ring base64                   # those with a word in their name

Prints a Markdown table: functions proved (every obligation, for all inputs), those lost against all sources together,
median and 95th percentile of CPU seconds over all functions (a process each: preprocessing and proof search, without
replay), and the largest peak memory.  Progress goes to standard error.  One process runs at a time.  A proof without any
invariant is one by unrolling or by constant bounds: the row `none`.
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

# What is measured is proved, not found again.
os.environ["VERIFY_FIX_CACHE"] = "off"

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "single-functions"
# No function has annotations, so that source is not among them.
SOURCES = ["interval", "zone", "guard", "template", "start", "congruence", "pointer-step", "memory", "strings", "spacer"]


def program():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "release" / "verify-fix")


def run(command, limit):
    """Output, CPU seconds, peak memory in MB."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        timer = threading.Timer(limit, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return out.read().decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def check(options, path, flags):
    command = [options.program, "check", "--format", "json", "--entry", "each", "--no-replay"]
    command += ["--timeout", str(options.timeout), *flags, str(path)]
    text, seconds, memory = run(command, options.timeout + 30)
    try:
        verdict = json.loads(text)["verdict"]
    except json.JSONDecodeError:
        verdict = "error"
    return {"proved": verdict == "proved", "seconds": seconds, "memory": memory}


def row(options, title, flags, paths, reference=None):
    results = {}
    for path in paths:
        results[path.stem] = check(options, path, flags)
        print(f"{title}: {path.stem}: {results[path.stem]}", file=sys.stderr, flush=True)
    print_row(title, results, reference)
    return results


def print_row(title, results, reference):
    proved = {name for name, result in results.items() if result["proved"]}
    times = sorted(result["seconds"] for result in results.values())
    p95 = times[min(len(times) - 1, int(len(times) * 0.95))]
    lost = sorted((reference or set()) - proved)
    print(
        f"| {title} | {len(proved)} | {', '.join(f'`{name}`' for name in lost) or '–'} "
        f"| {statistics.median(times):.2f} | {p95:.2f} | {max(r['memory'] for r in results.values()):.0f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only files with one of these in their name")
    parser.add_argument("--program", default=program(), help="the verify-fix to measure")
    parser.add_argument("--timeout", type=int, default=20, help="wall seconds a function (default 20)")
    parser.add_argument("--proved-within", type=float, metavar="S", help="leave out what all sources do not prove so fast")
    parser.add_argument("--alone", metavar="SOURCES", help="only the rows of these sources alone, with commas between")
    options = parser.parse_args()
    paths = [p for p in sorted(FOLDER.glob("*.c")) if not options.words or any(w in p.stem for w in options.words)]
    if not paths:
        sys.exit("no such file in tests/single-functions")
    everything = {path.stem: check(options, path, []) for path in paths}
    if options.proved_within is not None:
        quick = {n: r for n, r in everything.items() if r["proved"] and r["seconds"] <= options.proved_within}
        everything, paths = quick, [p for p in paths if p.stem in quick]
        if not paths:
            sys.exit("none is proved that fast")
    reference = {name for name, result in everything.items() if result["proved"]}
    print(f"{len(paths)} functions, {len(reference)} proved with all sources.\n")
    print("| candidates | proved | lost | median CPU s | p95 CPU s | peak MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    print_row("all sources", everything, None)
    if options.alone:
        for source in options.alone.split(","):
            row(options, f"only `{source}`", ["--only-sources", source], paths, reference)
        return
    for source in SOURCES:
        row(options, f"without `{source}`", ["--without", source], paths, reference)
    for source in SOURCES:
        row(options, f"only `{source}`", ["--only-sources", source], paths, reference)
    row(options, "none", ["--without", ",".join(SOURCES)], paths, reference)


if __name__ == "__main__":
    main()
