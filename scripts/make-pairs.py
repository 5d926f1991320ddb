#!/usr/bin/env python3
"""Makes pairs in slices, which go on from one another, and keeps what names them: corpus/pairs/slices.csv and corpus/pairs/hashes.gz.

    cargo build --release -p vf-cli
    scripts/make-pairs.py make FOLDER [--slices 4] [--count 2500]     the next slices, into FOLDER
    scripts/make-pairs.py add FILE.jsonl.gz...                         slices that `corpus make` made
    scripts/make-pairs.py check SLICE                                  makes a slice again and compares its hash
    scripts/make-pairs.py sum                                          what there is

A slice is what `verify-fix corpus make --seed 1 --first FIRST --count PAIRS` makes: the seed and the numbers of its first and last function, its pairs, those of them that no
slice before has, the SHA-256 of its lines, uncompressed, and the commit whose program made it. The pairs themselves are not kept (but for the first slice, which is
shipped): the same command makes the same ones, with that program and the same version of Z3; with another program, which proves a little more or less, nearly the
same. hashes.gz has the first ten digits of each pair's function hash, so that pairs are known to be new across runs.
"""

import argparse
import csv
import gzip
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SLICES = ROOT / "corpus" / "pairs" / "slices.csv"
HASHES = ROOT / "corpus" / "pairs" / "hashes.gz"
FIELDS = ["seed", "first", "last", "pairs", "new", "sha256", "program"]
SEED = 1
DIGITS = 10


def slices():
    if not SLICES.exists():
        return []
    return list(csv.DictReader(SLICES.open()))


def hashes():
    if not HASHES.exists():
        return set()
    return set(gzip.open(HASHES, "rt").read().split())


def contents(path):
    with gzip.open(path, "rb") as file:
        return file.read()


def commit():
    """The last commit that changed the program, in the working tree."""
    git = ["git", "-C", str(ROOT)]
    code = ["crates", "Cargo.toml", "Cargo.lock"]
    if subprocess.run([*git, "status", "--porcelain", "--", *code], capture_output=True, text=True, check=True).stdout:
        sys.exit("commit the program first: a slice names the commit that made it (or give --commit)")
    return subprocess.run([*git, "log", "-1", "--format=%h", "--", *code], capture_output=True, text=True, check=True).stdout.strip()


def made(program, first, count, path):
    """A slice, as a file."""
    command = [program, "corpus", "make", "--seed", str(SEED), "--first", str(first), "--count", str(count), "-o", str(path)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env={**os.environ, "VERIFY_FIX_CACHE": "off"})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with code {done.returncode}")


def add(path, program):
    """Adds a slice that goes on from the last one, made by the program of a commit."""
    data = contents(path)
    records = [json.loads(line) for line in data.splitlines()]
    origins = [record["origin"] for record in records]
    known, before = hashes(), slices()
    if not records or any(origin["seed"] != SEED for origin in origins):
        sys.exit(f"{path} has no pairs of seed {SEED}")
    last = int(before[-1]["last"]) if before else -1
    first, end = last + 1, origins[-1]["number"]
    if origins[0]["number"] < first:
        sys.exit(f"{path} begins with function {origins[0]['number']}; the next slice begins with {first}")
    own = {record["hashes"]["function"][:DIGITS] for record in records}
    new = own - known
    row = dict(zip(FIELDS, [SEED, first, end, len(records), len(new), hashlib.sha256(data).hexdigest(), program]))
    # First beside the files, so that nothing is half-written.
    beside = HASHES.with_suffix(".new")
    with beside.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as file:
        file.write("".join(f"{one}\n" for one in sorted(known | own)).encode())
    rows = SLICES.with_suffix(".new")
    with rows.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*before, row])
    beside.replace(HASHES)
    rows.replace(SLICES)
    print(f"functions {first} to {end}: {len(records)} pairs, {len(new)} new", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "target" / "release" / "verify-fix"))
    parser.add_argument("--commit", help="that the program was built from (default: the last one that changed it)")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("make")
    one.add_argument("folder", type=Path)
    one.add_argument("--slices", type=int, default=4)
    one.add_argument("--count", type=int, default=2500)
    commands.add_parser("add").add_argument("files", nargs="+", type=Path)
    commands.add_parser("check").add_argument("slice", type=int, help="number of the slice, from 0")
    commands.add_parser("sum")
    arguments = parser.parse_args()
    if arguments.command == "make":
        arguments.folder.mkdir(parents=True, exist_ok=True)
        program = arguments.commit or commit()
        for _ in range(arguments.slices):
            first = int(slices()[-1]["last"]) + 1 if slices() else 0
            path = arguments.folder / f"pairs-{first}.jsonl.gz"
            made(arguments.program, first, arguments.count, path)
            add(path, program)
    elif arguments.command == "add":
        program = arguments.commit or commit()
        for path in arguments.files:
            add(path, program)
    elif arguments.command == "check":
        if not 0 <= arguments.slice < len(slices()):
            sys.exit(f"there are slices 0 to {len(slices()) - 1}")
        row = slices()[arguments.slice]
        path = ROOT / "target" / f"slice-{row['first']}.jsonl.gz"
        made(arguments.program, row["first"], row["pairs"], path)
        same = hashlib.sha256(contents(path)).hexdigest() == row["sha256"]
        print(f"slice {arguments.slice}, {row['pairs']} pairs: {'the same' if same else 'ANOTHER'} ({path}); it was made by the program of {row['program']}")
        sys.exit(0 if same else 1)
    rows = slices()
    print(f"{len(rows)} slices, {sum(int(r['pairs']) for r in rows)} pairs, {sum(int(r['new']) for r in rows)} of them new, {len(hashes())} hashes")


if __name__ == "__main__":
    main()
