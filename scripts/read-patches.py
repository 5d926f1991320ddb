#!/usr/bin/env python3
"""Proven patches beside the reference fixes of their pairs, to be read by eye.

    verify-fix corpus repair PAIRS.jsonl.gz --split test -o OUT.jsonl -- OPTIONS
    scripts/read-patches.py OUT.jsonl PAIRS.jsonl.gz... [--count 50] [--seed 1]

Takes `--count` of the proven patches at random, of as many kinds of mistakes as there are, and prints the number that are the reference fix to the byte (apart from
blanks), and of the others both changes, for somebody to say whether they are equivalent, different but right, or wrong.
"""

import argparse
import gzip
import json
import random


def changed(diff):
    """The lines that a patch takes out and puts in."""
    return [line for line in diff.splitlines() if line[:1] in "+-" and not line.startswith(("+++", "---"))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repaired")
    parser.add_argument("pairs", nargs="+")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    records = {}
    for path in arguments.pairs:
        for line in (gzip.open if path.endswith(".gz") else open)(path, "rt"):
            record = json.loads(line)
            records[record["id"]] = record
    proven = [r for r in map(json.loads, open(arguments.repaired)) if r["repaired"]]
    random.Random(arguments.seed).shuffle(proven)
    # In turn one of each kind of mistake.
    turns = {}
    for one in proven:
        turns.setdefault(one["mutation"], []).append(one)
    proven = [rest[turn] for turn in range(len(proven)) for rest in turns.values() if turn < len(rest)][: arguments.count]
    same = []
    for one in proven:
        record = records[one["id"]]
        ours, reference = changed(one["patch"]), changed(record["after"])
        plain = lambda lines: ["".join(line.split()) for line in lines]  # noqa: E731
        if plain(ours) == plain(reference):
            same.append(one)
            continue
        function = record["function"]
        first, last = record["context"]["function_lines"]
        print(f"## {one['id']}: {one['mutation']}, `{function}`\n\n```c")
        print("\n".join(record["before"].splitlines()[first - 1 : last]))
        print("```\n\nreference:\n\n```diff\n" + "\n".join(reference) + "\n```\n\nproven:\n\n```diff\n" + "\n".join(ours) + "\n```\n")
    print(f"{len(same)} of {len(proven)} are the reference fix: " + ", ".join(one["id"] for one in same))


if __name__ == "__main__":
    main()
