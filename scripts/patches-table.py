#!/usr/bin/env python3
"""Judges the reference fix and every wrong variant of every curated case, and prints the tables of docs/patches.md.

    cargo build --release -p vf-cli
    python3 scripts/patches-table.py target/release/verify-fix > docs/patches.md

    --cases NAME,...     only these cases
    --jobs N             processes at a time (default 1)
    --json FILE          also every answer as one JSON object a line, case by case; cases that the file has already are not
                         judged again

A variant is a change that looks like a fix and is none. `wrong/expect.json` of its case says why it has to be rejected.
It counts as rejected for the right reason when the verdict is not `proven-fix` and that reason is in the answer:

    not-fixed           the verdict is `not-fixed`, or an obligation at the reported line is not proved, and is reached
    regressed           an obligation is further from a proof than before (`introduced` is not empty)
    behaviour-changed   `behaviour` is `changed`
    unreachable         the operation at the reported line is gone or no longer reached, and nothing is proved in its place
"""
import argparse
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time

REASONS = ("not-fixed", "regressed", "behaviour-changed", "unreachable")
ROOT = pathlib.Path(__file__).resolve().parent.parent


def judge(program, case, patch):
    """One run of `patch`: the answer with the seconds that it took; a fault of the tool is an answer too."""
    command = [program, "patch", patch, "--tree", case / "tree", "--format", "json"]
    started = time.monotonic()
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return {"verdict": "no answer", "behaviour": "-", "seconds": 600.0, "exit": None}
    seconds = time.monotonic() - started
    try:
        answer = json.loads(result.stdout)
    except json.JSONDecodeError:
        message = (result.stderr.strip().splitlines() or ["no message"])[0]
        answer = {"verdict": f"error: {message}", "behaviour": "-"}
    return answer | {"seconds": seconds, "exit": result.returncode}


def obligations(version):
    return {o["id"]: o for f in version.get("functions", []) for o in f["obligations"]}


def reasons(answer, entry):
    """The reasons for a rejection that the answer gives."""
    if "before" not in answer:
        return set()
    found = {"not-fixed"} if answer["verdict"] == "not-fixed" else set()
    before, after = obligations(answer["before"]), obligations(answer["after"])
    at_line = {
        i for i, o in before.items() if o["location"]["line"] == entry["line"] and o["verdict"] == "refuted"
    }
    left = at_line & set(answer["open"])
    still = [o for o in after.values() if o["verdict"] in ("refuted", "unknown", "proved-to-bound")]
    if left:
        # What stays open is either still there and not proved, or it is not reached any more.
        function = [o for o in still if o["id"].startswith(entry["function"] + "/")]
        found.add("not-fixed" if function else "unreachable")
    if answer["introduced"]:
        found.add("regressed")
    if answer["behaviour"] == "changed":
        found.add("behaviour-changed")
    return found


def judge_case(program, entry):
    case = ROOT / "corpus/cases" / entry["name"]
    expect = json.loads((case / "wrong/expect.json").read_text())["variants"]
    rows = [{"case": entry["name"], "kind": None} | {"answer": judge(program, case, case / "fix.patch")}]
    for kind, wanted in expect.items():
        answer = judge(program, case, case / "wrong" / f"{kind}.patch")
        given = reasons(answer, entry)
        accepted = answer["verdict"] == "proven-fix"
        rows.append(
            {
                "case": entry["name"],
                "kind": kind,
                "wanted": wanted["reason"],
                "why": wanted["why"],
                "given": sorted(given),
                "accepted": accepted,
                "right": not accepted and wanted["reason"] in given,
                "answer": answer,
            }
        )
    return rows


def short(row):
    """Without the reports of both versions."""
    answer = {k: v for k, v in row["answer"].items() if k not in ("before", "after")}
    return row | {"answer": answer}


def outcome(row):
    if row["accepted"]:
        return "**accepted**"
    if row["right"]:
        return "rejected"
    return f"rejected, but for {', '.join(row['given'])}" if row["given"] else "undecided"


def counts(values):
    found = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return ", ".join(f"{n} `{value}`" for value, n in sorted(found.items(), key=lambda item: -item[1]))


def print_tables(rows, command):
    fixes = [r for r in rows if r["kind"] is None]
    wrong = [r for r in rows if r["kind"] is not None]
    proven = sum(r["answer"]["verdict"] == "proven-fix" for r in fixes)
    accepted = [r for r in wrong if r["accepted"]]
    right = [r for r in wrong if r["right"]]
    print("# Reference fixes and wrong variants\n")
    print(f"Made by `{command}` on {time.strftime('%Y-%m-%d')}.\n")
    print(
        "Each curated case has a reference fix and patches that look like a fix and are none "
        "(`corpus/cases/*/wrong/`). `verify-fix patch` judges all of them; nobody tells it which is which.\n"
    )
    print("| what | count |\n| --- | --- |")
    print(f"| cases | {len(fixes)} |")
    print(f"| reference fixes `proven-fix` | {proven} |")
    print(f"| behaviour of the reference fixes | {counts(r['answer']['behaviour'] for r in fixes)} |")
    print(f"| wrong variants | {len(wrong)} |")
    undecided = [r for r in wrong if not r["accepted"] and not r["right"] and not r["given"]]
    print(f"| rejected for the reason that was declared | {len(right)} |")
    print(f"| rejected for another reason | {len(wrong) - len(accepted) - len(right) - len(undecided)} |")
    print(f"| undecided: neither rejected nor accepted | {len(undecided)} |")
    print(f"| accepted | {len(accepted)} |")
    seconds = sorted(r["answer"]["seconds"] for r in rows)
    print(f"| seconds a patch | median {seconds[len(seconds) // 2]:.1f}, longest {seconds[-1]:.1f} |")
    print("\nBy the reason that a variant has to be rejected for:\n")
    print("| reason | variants | rejected for it | otherwise or undecided | accepted |\n| --- | --- | --- | --- | --- |")
    for reason in REASONS:
        of = [r for r in wrong if r["wanted"] == reason]
        a, b = sum(r["right"] for r in of), sum(r["accepted"] for r in of)
        print(f"| {reason} | {len(of)} | {a} | {len(of) - a - b} | {b} |")
    odd = [r for r in wrong if not r["right"]]
    if odd:
        print("\n## Accepted, undecided, or rejected for another reason\n")
        print("| case | variant | what is wrong with it | has to be | verdict | behaviour | outcome |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for r in sorted(odd, key=lambda r: not r["accepted"]):
            answer = r["answer"]
            print(
                f"| {r['case']} | {r['kind']} | {r['why']} | {r['wanted']} | {answer['verdict']} "
                f"| {answer['behaviour']} | {outcome(r)} |"
            )
    print("\n## All\n")
    print("| case | patch | verdict | behaviour | outcome | seconds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for r in rows:
        answer = r["answer"]
        kind = r["kind"] or "reference fix"
        result = "" if r["kind"] is None else f"{outcome(r)} ({r['wanted']})"
        cells = (r["case"], kind, answer["verdict"], answer["behaviour"], result, f"{answer['seconds']:.1f}")
        print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--cases", default="")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    program = options.program.resolve()
    entries = json.loads((ROOT / "corpus/manifest.json").read_text())["cases"]
    wanted = [name for name in options.cases.split(",") if name]
    for name in wanted:
        if name not in (e["name"] for e in entries):
            sys.exit(f"{name} is no case of corpus/manifest.json")
    entries = sorted((e for e in entries if not wanted or e["name"] in wanted), key=lambda e: e["name"])
    rows = []
    if options.json and options.json.exists():
        rows = [json.loads(line) for line in options.json.read_text().splitlines()]
    known = {r["case"] for r in rows}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        left = [e for e in entries if e["name"] not in known]
        for found in pool.map(lambda e: judge_case(program, e), left):
            found = [short(row) for row in found]
            rows += found
            if options.json:
                with options.json.open("a") as out:
                    out.writelines(json.dumps(row) + "\n" for row in found)
    rows.sort(key=lambda r: r["case"])
    print_tables(rows, "python3 scripts/" + " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]))
    if any(r["answer"]["exit"] in (None, 2, 4) for r in rows):
        sys.exit("a patch was not judged; see the table")


if __name__ == "__main__":
    main()
