#!/usr/bin/env python3
"""Measures the prover on tasks of SV-COMP, the Competition on Software Verification, beside CBMC.

    cargo build --release -p vf-cli
    python3 scripts/svcomp.py CHECKOUT --sample 200                    # any task, seeded
    python3 scripts/svcomp.py CHECKOUT --category MemSafety-Arrays     # the .set file of that name
    python3 scripts/svcomp.py CHECKOUT/c/loops --property unreach-call --tools verify-fix,cbmc

CHECKOUT is a folder with task definitions (`*.yml`, https://sosy-lab.gitlab.io/benchmarking/task-definition-format/) at
any depth: a copy of sv-benchmarks, a part of it, or another collection in that form.  Programs without a task definition
whose names carry verdicts, as was the custom before 2019 (`x_true-unreach-call_false-no-overflow.c`), are tasks too.

A task is one program with one property.  Properties that are looked at: unreach-call, valid-memsafety, no-overflow,
valid-memcleanup; the rest (termination, coverage, data races) are passed over.  Every answer is one of

    correct true    proved, and the expected verdict is true (verify-fix: proved without a bound)
    correct false   refuted, and the expected verdict is false
    WRONG true      proved, but expected false: the worst
    WRONG false     refuted, but expected true
    unknown         everything else, a time limit included

CPU seconds are user and system time of the whole process tree; peak is its largest resident set.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading

# What is measured is proved, not found again.
os.environ["VERIFY_FIX_CACHE"] = "off"

# What the competition's files say. Programs from before 2020 call the error function by its older name; a task that
# comes with its property file is asked by that file, which names one of the two.
PROPERTIES = {
    "unreach-call": ["G ! call(reach_error())", "G ! call(__VERIFIER_error())"],
    "valid-memsafety": ["G valid-free", "G valid-deref", "G valid-memtrack"],
    "no-overflow": ["G ! overflow"],
    "valid-memcleanup": ["G valid-memcleanup"],
}


def plain(text):
    """A YAML scalar without its quotes and comment."""
    text = text.strip()
    if text[:1] in "'\"":
        end = text.find(text[0], 1)
        return text[1:end] if end > 0 else text[1:]
    return re.sub(r"\s#.*", "", text).strip()


def read_task(path):
    """The part of YAML that task definitions are written in: mappings by indentation, lists of scalars or mappings."""
    files, properties, options, section, current = [], [], {}, None, None
    for raw in path.read_text(errors="replace").splitlines():
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        top = re.match(r"(\w+):\s*(.*)$", raw)
        if top:
            section, value = top.group(1), top.group(2)
            if section == "input_files" and value:
                inner = value.strip("[] ") if value.startswith("[") else value
                files += [plain(v) for v in inner.split(",")] if value.startswith("[") else [plain(inner)]
            continue
        line = raw.strip()
        if section == "input_files" and line.startswith("-"):
            files.append(plain(line[1:]))
        elif section == "properties":
            if line.startswith("- "):
                current = {}
                properties.append(current)
                line = line[2:].strip()
            pair = re.match(r"(\w+):\s*(.*)$", line)
            if pair and current is not None:
                current[pair.group(1)] = plain(pair.group(2))
        elif section == "options":
            pair = re.match(r"(\w+):\s*(.*)$", line)
            if pair:
                options[pair.group(1)] = plain(pair.group(2))
    return files, properties, options


def tasks_of_definition(path):
    files, properties, options = read_task(path)
    for entry in properties:
        name = pathlib.PurePosixPath(entry.get("property_file", "")).stem
        verdict = entry.get("expected_verdict")
        if name in PROPERTIES and verdict in ("true", "false") and options.get("language", "C") == "C":
            yield dict(
                name=path.stem,
                files=[path.parent / f for f in files],
                folder=path.parent.name,
                property=name,
                subproperty=entry.get("subproperty"),
                expected=verdict == "true",
                # "LP32" stands in some definitions for the same (its `int` of 16 bits is not meant).
                ilp32=options.get("data_model", "ILP32") in ("ILP32", "LP32"),
                property_file=own_property_file(path, entry),
            )


def own_property_file(path, entry):
    """The property file that a definition names, where the checkout has it."""
    given = path.parent / entry["property_file"]
    return str(given.resolve()) if given.is_file() else None


def property_file(task, folder):
    """The task's own file. One that still asks for the older name of the error function is passed over where the
    program calls the newer one only: the name changed in 2020, and some collections changed their programs alone."""
    own = task.get("property_file")
    if own and "__VERIFIER_error" in pathlib.Path(own).read_text(errors="replace"):
        text = "".join(f.read_text(errors="replace") for f in task["files"])
        if re.search(r"\breach_error\b", text) and "__VERIFIER_error" not in text:
            own = None
    if own:
        return own
    written = folder / f"{task['property']}.prp"
    written.write_text("".join(f"CHECK( init(main()), LTL({f}) )\n" for f in PROPERTIES[task["property"]]))
    return written


OLD_NAME = re.compile(r"_(true|false)-(unreach-call|no-overflow|valid-memsafety|valid-deref|valid-free|valid-memtrack)")


def tasks_of_name(path):
    """Verdicts in the file's name; a subproperty that fails is a false memory safety."""
    for verdict, name in OLD_NAME.findall(path.name):
        sub = name if name in ("valid-deref", "valid-free", "valid-memtrack") else None
        if sub and verdict == "true":
            continue
        yield dict(
            name=path.stem,
            files=[path],
            folder=path.parent.name,
            property="valid-memsafety" if sub else name,
            subproperty=sub,
            expected=verdict == "true",
            ilp32=True,
        )


def of_category(checkout, name):
    """The task definitions that a .set file names: one pattern a line, relative to it."""
    sets = sorted(checkout.rglob(f"{name}.set"))
    if not sets:
        sys.exit(f"{checkout}: no {name}.set there")
    found = []
    for file in sets:
        for line in file.read_text().splitlines():
            line = line.strip()
            if line and not line.startswith("#"):
                found += sorted(file.parent.glob(line))
    return [f for f in found if f.suffix == ".yml"]


def limited_run(command, timeout, folder):
    """Runs a command: its standard output, its exit status (None past the limit), CPU seconds, peak KiB."""
    expired = []
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=folder, start_new_session=True
        )

        def stop():
            expired.append(True)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

        timer = threading.Timer(timeout, stop)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return text, None if expired else process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def verify_fix(options, task, folder):
    prp = property_file(task, folder)
    command = [options.binary, "check", *map(str, task["files"]), "--property", str(prp), "--format", "json", "--no-replay"]
    command += ["--timeout", str(options.timeout)] + (["--ilp32"] if task["ilp32"] else [])
    command += ["--", *options.cc_flag] if options.cc_flag else []
    text, status, cpu, peak = limited_run(command, options.timeout + 5, folder)
    notes = []
    try:
        report = json.loads(text)
        for function in report["functions"]:
            if function.get("unsupported"):
                notes.append(function["unsupported"])
            for o in function["obligations"]:
                if o["verdict"] in ("refuted", "unknown", "proved-to-bound"):
                    notes.append(f"{o['location']['line']} {o['property']} {o['verdict']} {o['reason'] or ''}".strip())
    except (ValueError, KeyError):
        notes.append("time limit" if status is None else f"exit status {status}")
    return {0: True, 1: False}.get(status), cpu, peak, notes


def cbmc(options, task, folder):
    command = [options.cbmc, *map(str, task["files"]), "--no-standard-checks", "--unwinding-assertions", "--no-malloc-may-fail"]
    command += {
        "unreach-call": [],
        "no-overflow": ["--signed-overflow-check"],
        "valid-memsafety": ["--pointer-check", "--bounds-check", "--memory-leak-check"],
        "valid-memcleanup": ["--memory-leak-check"],
    }[task["property"]]
    if task["property"] == "unreach-call":
        # Its assertions are those of the program; an error function without a body gets one.
        text = "".join(f.read_text(errors="replace") for f in task["files"])
        for name in ("__VERIFIER_error", "reach_error"):
            if re.search(rf"\b{name}\s*\(", text) and not re.search(rf"\b{name}\s*\([^;{{]*\)\s*{{", text):
                error = folder / f"{name}.c"
                error.write_text(f'void {name}(void) {{ __CPROVER_assert(0, "{name}"); }}\n')
                command.append(str(error))
    text, status, cpu, peak = limited_run(command + (["--32"] if task["ilp32"] else []), options.timeout, folder)
    failed = [l for l in text.splitlines() if l.endswith("FAILURE")]
    real = [l for l in failed if "unwind" not in l.split("]")[0] and "recursion" not in l.split("]")[0]]
    if status == 10 and not real:
        return None, cpu, peak, failed[:2]
    return {0: True, 10: False}.get(status), cpu, peak, failed[:2]


TOOLS = {"verify-fix": verify_fix, "cbmc": cbmc}


def grade(answer, expected):
    if answer is None:
        return "unknown"
    if answer == expected:
        return "correct true" if expected else "correct false"
    return "WRONG true" if answer else "WRONG false"


def table(rows, tools, key):
    lines = [f"| tool | {key} | tasks | correct true | correct false | wrong true | wrong false | unknown | median CPU s | peak MB |"]
    lines.append("| --- " * 10 + "|")
    for tool in tools:
        mine = [r for r in rows if r["tool"] == tool]
        groups = collections.defaultdict(list)
        for row in mine:
            groups[row[key]].append(row)
        for name, group in [*sorted(groups.items()), ("all", mine)]:
            if not group:
                continue
            grades = collections.Counter(r["grade"] for r in group)
            true = sum(r["expected"] for r in group)
            lines.append(
                f"| {tool} | {name} | {len(group)} | {grades['correct true']} of {true} "
                f"| {grades['correct false']} of {len(group) - true} | {grades['WRONG true']} | {grades['WRONG false']} "
                f"| {grades['unknown']} | {statistics.median(r['cpu'] for r in group):.2f} "
                f"| {max(r['peak'] for r in group) // 1024} |"
            )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=pathlib.Path, nargs="+")
    parser.add_argument("--category", help="name of a .set file in the checkout: ReachSafety-Loops, MemSafety-Arrays, ...")
    parser.add_argument("--property", choices=PROPERTIES, action="append")
    parser.add_argument("--only", help="a regular expression over folder/name")
    parser.add_argument("--sample", type=int, default=0, help="tasks that are drawn; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tools", default="verify-fix")
    parser.add_argument("--binary", default="target/release/verify-fix")
    parser.add_argument("--cbmc", default=shutil.which("cbmc") or "cbmc")
    parser.add_argument("--timeout", type=int, default=60, help="seconds for one task")
    parser.add_argument("--cc-flag", action="append", help="for the preprocessor; say --cc-flag=-isystem --cc-flag=DIR")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--by", choices=("property", "folder"), default="property", help="rows of the table")
    parser.add_argument("--out", type=pathlib.Path, help="one JSON line for each answer")
    options = parser.parse_args()
    options.binary = str(pathlib.Path(options.binary).resolve())
    tasks = []
    for given in options.checkout:
        checkout = given.resolve()
        if not checkout.is_dir():
            sys.exit(f"{given}: not a folder")
        definitions = of_category(checkout, options.category) if options.category else sorted(checkout.rglob("*.yml"))
        defined = set()
        for path in definitions:
            of_this = list(tasks_of_definition(path))
            defined.update(f for t in of_this for f in t["files"])
            tasks += of_this
        if not options.category:
            for path in sorted(checkout.rglob("*.[ci]")):
                if path not in defined:
                    tasks += tasks_of_name(path)
    tasks = [t for t in tasks if all(f.is_file() for f in t["files"])]
    if options.property:
        tasks = [t for t in tasks if t["property"] in options.property]
    if options.only:
        tasks = [t for t in tasks if re.search(options.only, f"{t['folder']}/{t['name']}")]
    if options.sample:
        random.Random(options.seed).shuffle(tasks)
        tasks = tasks[: options.sample]
    if not tasks:
        sys.exit("no task there: neither a definition (*.yml) with an expected verdict, nor a name with one")
    tools = options.tools.split(",")
    work = [(tool, task) for task in tasks for tool in tools]

    def one(item):
        tool, task = item
        with tempfile.TemporaryDirectory() as folder:
            answer, cpu, peak, notes = TOOLS[tool](options, task, pathlib.Path(folder))
        row = {k: v for k, v in task.items() if k != "files"} | dict(tool=tool, file=str(task["files"][0]))
        return row | dict(grade=grade(answer, task["expected"]), cpu=round(cpu, 3), peak=peak, notes=notes[:6])

    rows = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done, row in enumerate(pool.map(one, work), 1):
            rows.append(row)
            if sys.stderr.isatty():
                print(f"\r{done}/{len(work)}", end="", file=sys.stderr)
    if options.out:
        options.out.write_text("".join(json.dumps(r) + "\n" for r in rows))
    print(table(rows, tools, options.by))
    print()
    order = ["WRONG true", "WRONG false", "unknown"]
    for row in sorted(rows, key=lambda r: order.index(r["grade"]) if r["grade"] in order else 9):
        if row["grade"] in order and row["tool"] == "verify-fix":
            print(f"- {row['grade']}: {row['folder']}/{row['name']} {row['property']}: {'; '.join(row['notes'][:2])[:260]}")
    sys.exit(1 if any(r["grade"].startswith("WRONG") and r["tool"] == "verify-fix" for r in rows) else 0)


main()
