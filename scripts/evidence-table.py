#!/usr/bin/env python3
"""What `verify-fix repair` hands on for each case of the corpus, as a table for docs/evidence.md.

    scripts/evidence-table.py target/release/verify-fix [--checkpatch PATH/checkpatch.pl] [CASE...]

Each case's tree is copied and committed to a repository of its own; the case is repaired from its report with `-o` and
`--reproducer`; the patch is applied with `git am` and judged by the kernel's checkpatch where it is there. The
reproducer's run.sh is then run on the tree before and after the patch, WITHOUT a sandbox: run this on the corpus only.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "corpus"
IDENTITY = ["-c", "user.name=Corpus", "-c", "user.email=corpus@example.org"]
# Seconds for one repair: on a busy machine a case takes several times as long as alone.
LIMIT = 120
# What only a person can add; and the commits of these repositories are in no tree that checkpatch knows.
EXPECTED = ("Missing Signed-off-by", "Unknown commit id")


def git(folder, *arguments):
    return subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, capture_output=True, text=True)


def checkpatch(script, patch):
    """Types of complaints beside the expected ones."""
    if not script:
        return "-"
    run = subprocess.run(
        ["perl", script, "--no-tree", "--no-summary", "--terse", "--show-types", patch],
        capture_output=True, text=True)
    lines = [l for l in run.stdout.splitlines() if re.search(r"(ERROR|WARNING|CHECK):", l)]
    found = [l.split(":", 2)[2].strip() for l in lines if not any(e in l for e in EXPECTED)]
    return "; ".join(found) if found else "clean"


def run_script(folder, source, tree):
    run = subprocess.run(["sh", folder / "run.sh", source], capture_output=True, text=True,
                         env={"TREE": str(tree), "PATH": "/usr/local/bin:/usr/bin:/bin"})
    last = run.stdout.splitlines()[-1:] or ["does not compile"]
    return last[0]


def case(program, name, file, script, scratch):
    source = CORPUS / "cases" / name
    tree = scratch / name
    shutil.copytree(source / "tree", tree)
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "tree: add it")
    patch, folder = scratch / f"{name}.patch", scratch / f"{name}.reproducer"
    run = subprocess.run(
        [program, "repair", "--report", source / "report.txt", "--tree", tree, "-o", patch, "--no-cache",
         "--timeout", str(LIMIT), "--reproducer", folder, "--format", "json"], capture_output=True, text=True)
    try:
        answer = json.loads(run.stdout)
    except json.JSONDecodeError:
        return [name, "no answer", "", "", "", "", ""]
    if answer["verdict"] != "proven-fix":
        return [name, answer["verdict"], "", "", "", "", ""]
    made = answer["reproducer"]
    told = f"{made['before']['result']}, {made['after']['result']}" if made else "none"
    scripts = ["", ""]
    if made:
        scripts[0] = run_script(folder, tree / file, tree)
    am = git(tree, "am", "-q", str(patch))
    if made:
        scripts[1] = run_script(folder, tree / file, tree)
    kunit = "yes" if made and any(f.endswith("_kunit.c") for f in made["files"]) else "no"
    return [name, "proven-fix", "taken" if am.returncode == 0 else "refused", checkpatch(script, patch), told,
            ", ".join(scripts), kunit]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program", type=pathlib.Path)
    arguments.add_argument("cases", nargs="*", metavar="CASE", help="only these (default: all of the manifest)")
    arguments.add_argument("--checkpatch", type=pathlib.Path)
    given = arguments.parse_intermixed_args()
    cases = json.loads((CORPUS / "manifest.json").read_text())["cases"]
    if given.cases:
        cases = [c for c in cases if c["name"] in given.cases]
    print("| case | verdict | `git am` | checkpatch | in the sandbox: before, after | run.sh: before, after | KUnit |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        for one in sorted(cases, key=lambda c: c["name"]):
            row = case(given.program.resolve(), one["name"], one["file"], given.checkpatch, pathlib.Path(scratch))
            print("| " + " | ".join(row) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
