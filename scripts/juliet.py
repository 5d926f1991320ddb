#!/usr/bin/env python3
"""Measures the prover on the Juliet C suite, beside CBMC and Frama-C Eva.

    cargo build --release -p vf-cli
    python3 scripts/juliet.py CHECKOUT                        # 104 pairs a CWE, seeded, verify-fix alone
    python3 scripts/juliet.py CHECKOUT --pairs 20 --tools verify-fix,cbmc,eva

CHECKOUT is a copy of the public suite, version 1.3, in the layout of arichardson/juliet-test-suite-c (`testcases/`,
`testcasesupport/`).  Peers: `frama-c` from Debian's `frama-c-base`; `cbmc` from a newer Debian release
(scripts/cbmc-from-newer-debian.sh), both found on the PATH or named with --cbmc and --eva.

A pair is one single-file C case that runs on Linux.  Its `bad` program is compiled with OMITGOOD, its `good` one with
OMITBAD, both with the suite's own `main` and `io.c`, as whole programs.  Every answer is one of

    found    an alarm, on the bad program.  verify-fix's must be a refutation of a property of the CWE's class (in the
             case's own file, or in io.c, where a string without its NUL is printed); CBMC's any failed check but those
             that its own setting makes fail everywhere (OF_THE_SETTING); Eva's any alarm (which is no proof that the
             input exists)
    passed   the good program is proved (verify-fix: all obligations; CBMC: successful; Eva: no alarm)
    wrong    bad proved, or good refuted: by verify-fix and CBMC.  Eva's alarm on a good program is counted as not passed
    unknown  everything else, a time limit included

The pairs are drawn with --seed, and the first of the drawn pairs of each CWE are the peers' sample.  CPU seconds are user
and system time of the whole process tree.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

# What is measured is proved, not found again.
os.environ["VERIFY_FIX_CACHE"] = "off"

MEMORY = {"index-upper-bound", "index-lower-bound", "valid-read", "valid-write", "precondition"}
ARITHMETIC = {"signed-overflow", "unsigned-wrap", "lossy-conversion"}
CLASSES = {
    121: MEMORY,
    122: MEMORY,
    124: MEMORY,
    126: MEMORY,
    127: MEMORY,
    190: ARITHMETIC,
    191: ARITHMETIC,
    680: MEMORY | ARITHMETIC | {"allocation-size"},
}
# Labels that the suite has wrong, with the input that shows it.
LABELS = [
    # `abs((long)data)` of an unsigned `data` above INT_MAX converts to a small int: 4294967295 passes the guard.
    (re.compile(r"CWE190_.*__unsigned_int_.*_square_"), "good"),
    # (INT_MAX / 2 + 2) * sizeof(int) overflows a 32-bit size_t only; on LP64 the program allocates 4 GiB and fills them.
    (re.compile(r"CWE680_.*__malloc_fixed_"), "bad"),
    # `malloc(sizeof(data))` of a pointer: 8 bytes on LP64, as many as an int64_t, a double or the suite's struct of two ints.
    (re.compile(r"CWE122_.*__sizeof_(int64_t|double|struct)_"), "bad"),
    # `imaxabs(data)` of INT64_MIN, which is read or drawn, has no result; glibc's is INT64_MIN, which passes the guard.
    (re.compile(r"CWE190_.*__int64_t_(fscanf|rand)_square_"), "good"),
    # `swprintf(data, 100, L"%s", source)` of wide characters: outside of Windows `%s` takes bytes, of which the second is
    # a NUL, so that one character is written.
    (re.compile(r"_wchar_t_(\w+_)?snprintf_"), "bad"),
]


def pairs(checkout, cwe):
    """The single-file C cases of one CWE that are for Linux, in a fixed order."""
    found = []
    for folder in sorted((checkout / "testcases").glob(f"CWE{cwe}_*")):
        for file in sorted(folder.rglob("*.c")):
            if re.search(r"_\d\d\.c$", file.name) and "w32" not in file.name:
                found.append(file)
    return found


# Wall time that is left to a program, as a multiple of its CPU time.
WALL = 4


def limited_run(command, timeout, folder):
    """Runs a command: its standard output, its exit status (None past the limit), CPU and wall seconds, peak KiB.

    The limit is of CPU seconds, so that other work on the machine takes nothing away; of wall time there is more.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (timeout, timeout + 1)),
        )
        timer = threading_timer(process.pid, WALL * timeout)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        timed_out = timer() or process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
        wall = time.monotonic() - started
        output.seek(0)
        text = output.read().decode(errors="replace")
    return text, None if timed_out else process.returncode, usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss


def threading_timer(pid, timeout):
    import threading

    fired = []

    def stop():
        fired.append(True)
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    timer = threading.Timer(timeout, stop)
    timer.start()

    def finish():
        timer.cancel()
        return bool(fired)

    return finish


def flags(support, kind):
    return [f"-I{support}", "-DINCLUDEMAIN", "-DOMITGOOD" if kind == "bad" else "-DOMITBAD"]


def verify_fix(options, file, support, kind, cwe, folder):
    wraps = ["--wraps", "all"] if cwe in (190, 191) else []
    command = [options.binary, "check", str(file), str(support / "io.c"), "--entry", "main", "--format", "json", *wraps]
    command += ["--timeout", str(options.timeout), "--", *flags(support, kind)]
    text, status, cpu, wall, peak = limited_run(command, options.timeout + 5, folder)
    refuted, unknown = [], []
    try:
        for function in json.loads(text)["functions"]:
            for o in function["obligations"]:
                where = f"{pathlib.Path(o['location']['file']).name}:{o['location']['line']}"
                line = f"{where} {o['property']}"
                if o["verdict"] == "refuted":
                    refuted.append((o["property"], line))
                elif o["verdict"] == "unknown":
                    unknown.append(f"{line} {json.dumps(o['reason'])}")
    except (ValueError, KeyError):
        return "error", cpu, wall, peak, [text[-300:]]
    notes = [line for _, line in refuted] + unknown
    if kind == "bad":
        if any(prop in CLASSES[cwe] for prop, _ in refuted):
            return "found", cpu, wall, peak, notes
        answer = "elsewhere" if refuted else "wrong" if status == 0 else "unknown"
    else:
        answer = "wrong" if refuted else "passed" if status == 0 else "unknown"
    return answer, cpu, wall, peak, notes


# Failed checks of CBMC that say nothing about the case: a libc function that it has no body for (its result is then any
# value), conversions in its own bodies of atoi and strtol, and the narrowing in the suite's own `srand((unsigned)time(NULL))`.
OF_THE_SETTING = re.compile(r"\.no-body\.|^\[(atoi|strtol)\.|conversion in \(unsigned int\)return_value_time\b")


def arithmetic_of(file, cwe):
    """What the case is about: whether unsigned wrap is its defect, and whether narrowing.

    A peer is asked for these only there: asked everywhere, it raises an alarm in the suite's own RAND32 and RAND64 of each good
    program.
    """
    unsigned = cwe == 680 or (cwe in (190, 191) and "__unsigned_" in file.name)
    narrowing = cwe in (190, 191) and re.search(r"__(char|short)_", file.name) is not None
    return unsigned, narrowing


def cbmc(options, file, support, kind, cwe, folder):
    command = [options.cbmc, str(file), str(support / "io.c"), *flags(support, kind), "--no-standard-checks"]
    command += ["--bounds-check", "--pointer-check", "--div-by-zero-check", "--signed-overflow-check"]
    command += ["--undefined-shift-check", "--unwinding-assertions"]
    unsigned, narrowing = arithmetic_of(file, cwe)
    command += ["--unsigned-overflow-check"] * unsigned + ["--conversion-check"] * narrowing
    text, status, cpu, wall, peak = limited_run(command, options.timeout, folder)
    if status in (0, 10):
        failed = [l for l in text.splitlines() if l.endswith("FAILURE") and not OF_THE_SETTING.search(l)]
        answer = {("bad", True): "found", ("bad", False): "wrong", ("good", True): "wrong", ("good", False): "passed"}
        return answer[kind, bool(failed)], cpu, wall, peak, failed
    return "unknown", cpu, wall, peak, [] if status is None else text.splitlines()[-3:]


def eva(options, file, support, kind, cwe, folder):
    # stdin and its like are valid, and alloca, which this Frama-C does not know, is taken for a malloc that succeeds.
    command = [options.eva, "-machdep", "gcc_x86_64", "-eva", "-eva-precision", "5", "-eva-context-valid-pointers"]
    defined = flags(support, kind)
    if "ALLOCA(" in file.read_text(errors="replace"):
        defined.append("-Dalloca=malloc")
        command.append("-eva-no-alloc-returns-null")
    unsigned, narrowing = arithmetic_of(file, cwe)
    command += ["-warn-unsigned-overflow"] * unsigned + ["-warn-signed-downcast"] * narrowing
    command += ["-cpp-extra-args=" + " ".join(defined), str(file), str(support / "io.c")]
    text, status, cpu, wall, peak = limited_run(command, options.timeout, folder)
    if status != 0 or "generated by the analysis" not in text:
        return "unknown", cpu, wall, peak, text.splitlines()[-3:]
    # The total that Eva prints leaves out preconditions of libc functions that it found invalid.
    alarms = re.findall(r"^\[eva:alarm\].*\n.*", text, re.M)
    answer = {("bad", False): "wrong", ("bad", True): "found", ("good", False): "passed", ("good", True): "alarm"}
    return answer[kind, bool(alarms)], cpu, wall, peak, alarms


TOOLS = {"verify-fix": verify_fix, "cbmc": cbmc, "eva": eva}


def label_is_wrong(file, kind):
    return any(pattern.search(file.name) and kind == which for pattern, which in LABELS)


def table(rows, tools):
    lines = ["| tool | CWE | pairs | bad found | good passed | wrong | unknown | median CPU s | peak MB |"]
    lines.append("| --- " * 9 + "|")
    for tool in tools:
        mine = [r for r in rows if r["tool"] == tool]
        groups = [(str(c), [r for r in mine if r["cwe"] == c]) for c in CLASSES] + [("all", mine)]
        for name, group in groups:
            if not group:
                continue
            count = lambda *answers: sum(r["answer"] in answers and not r["label"] for r in group)
            bad = sum(r["kind"] == "bad" and not r["label"] for r in group)
            good = sum(r["kind"] == "good" and not r["label"] for r in group)
            lines.append(
                f"| {tool} | {name} | {bad} | {count('found')} of {bad} | {count('passed')} of {good} "
                f"| {count('wrong')} | {count('unknown', 'alarm', 'elsewhere', 'error')} "
                f"| {statistics.median(r['cpu'] for r in group):.2f} | {max(r['peak'] for r in group) // 1024} |"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=104, help="drawn for each CWE; 0: all of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cwe", type=int, action="append", choices=CLASSES)
    parser.add_argument("--only", help="a regular expression over file names")
    parser.add_argument("--tools", default="verify-fix")
    parser.add_argument("--binary", default="target/release/verify-fix")
    parser.add_argument("--cbmc", default=shutil.which("cbmc") or "cbmc")
    parser.add_argument("--eva", default=shutil.which("frama-c") or "frama-c")
    parser.add_argument("--timeout", type=int, default=60, help="CPU seconds for one program")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=pathlib.Path, help="one JSON line for each answer")
    options = parser.parse_args()
    options.binary = str(pathlib.Path(options.binary).resolve())
    support = options.checkout.resolve() / "testcasesupport"
    if not (support / "io.c").is_file():
        sys.exit(f"{options.checkout}: no testcasesupport/io.c: not a checkout of the suite")
    tools = options.tools.split(",")
    work = []
    for cwe in options.cwe or CLASSES:
        found = pairs(options.checkout.resolve(), cwe)
        order = list(found)
        random.Random(options.seed * 1000 + cwe).shuffle(order)
        drawn = order[: options.pairs] if options.pairs else found
        if options.only:
            drawn = [f for f in found if re.search(options.only, f.name)]
        work += [(tool, cwe, file, kind) for file in drawn for kind in ("bad", "good") for tool in tools]
    rows = []

    def one(item):
        tool, cwe, file, kind = item
        with tempfile.TemporaryDirectory() as folder:
            answer, cpu, wall, peak, notes = TOOLS[tool](options, file, support, kind, cwe, folder)
        row = dict(tool=tool, cwe=cwe, file=file.name, kind=kind, answer=answer, cpu=round(cpu, 3), wall=round(wall, 3))
        return row | dict(peak=peak, label=label_is_wrong(file, kind), notes=notes)

    # Written as the answers come: a run of an hour that is cut short leaves what it found.
    out = options.out.open("w") if options.out else None
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done, row in enumerate(pool.map(one, work), 1):
            rows.append(row)
            if out:
                print(json.dumps(row), file=out, flush=True)
            if sys.stderr.isatty():
                print(f"\r{done}/{len(work)}", end="", file=sys.stderr)
    if out:
        out.close()
    print(table(rows, tools))
    skipped = sum(r["label"] for r in rows if r["tool"] == tools[0])
    if skipped:
        print(f"\n{skipped} programs whose label is wrong are left out of the counts (see LABELS in scripts/juliet.py).")
    print()
    for row in rows:
        if row["answer"] not in ("found", "passed") and row["tool"] == "verify-fix" and not row["label"]:
            print(f"- {row['answer']}: {row['file']} ({row['kind']}): {'; '.join(row['notes'][:3])[:400]}")


main()
