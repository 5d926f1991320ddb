#!/usr/bin/env python3
"""Judges fixes of the Linux kernel with `verify-fix patch`: before the fix, and after it.

    apt-get install linux-source-6.1 linux-headers-amd64
    cargo build --release -p vf-cli --no-default-features
    python3 scripts/upstream-fixes.py FOLDER                      # all, a line each
    python3 scripts/upstream-fixes.py FOLDER 42008 decode_data    # those with one of the words in name, file or function
    python3 scripts/upstream-fixes.py FOLDER --table > table.md   # the table of docs/upstream-fixes.md
    python3 scripts/upstream-fixes.py FOLDER --commands           # only prepare, and print the commands

The tree is unpacked under FOLDER (1.5 GB), once.  It holds the fixes; the side *before* is a copy of the one file in which the
fix's lines are taken out again, by the edits below.  Compiler flags are those of kbuild for the file (kernel-common.sh), and the
configuration is that of Debian's headers.  Both sides must compile.  Nothing of the kernel is in this repository but the few
words that an edit needs to find its place.
"""
import argparse
import collections
import datetime
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAFE = {"proved", "unreachable"}

# Inside the definition of `function`: the line that contains `first` once, and `lines - 1` after it, give way to `put`.
Edit = collections.namedtuple("Edit", "function first lines put", defaults=(1, ""))
# A fix: `target` is a pattern of the operations (the text of obligations) that it is about, in `function`.  With `options` only a part
# of the obligations is asked for; the others are then taken to hold.
Fix = collections.namedtuple("Fix", "cve commit file function target edits options", defaults=((),))
FIXES = [
    Fix(
        "CVE-2022-0185",
        "722d94847de2",
        "fs/fs_context.c",
        "legacy_parse_param",
        r"legacy_data|size \+=|size\+\+",
        [Edit("legacy_parse_param", "size + len + 2 > PAGE_SIZE", 1, "if (len > PAGE_SIZE - 2 - size)")],
    ),
    Fix(
        "CVE-2019-17666",
        "8c55dedb795b",
        "drivers/net/wireless/realtek/rtlwifi/ps.c",
        "rtl_p2p_noa_ie",
        r"noa_(count_type|duration|interval|start_time)\[",
        [
            Edit("rtl_p2p_noa_ie", "noa_num > P2P_MAX_NOA_NUM", 2),
            Edit("rtl_p2p_action_ie", "noa_num > P2P_MAX_NOA_NUM", 2),
        ],
        ("--property", "index-upper-bound"),
    ),
    Fix(
        "CVE-2021-42008",
        "19d1532a1876",
        "drivers/net/hamradio/6pack.c",
        "decode_data",
        r"cooked_buf\[",
        [Edit("decode_data", "rx_count_cooked + 2 >=", 5)],
    ),
    Fix(
        "CVE-2019-14895",
        "3d94a4a8373b",
        "drivers/net/wireless/marvell/mwifiex/sta_ioctl.c",
        "mwifiex_process_country_ie",
        r"mem(cpy|move)\b.*triplet",
        [Edit("mwifiex_process_country_ie", "if (country_ie_len >", 7)],
    ),
    Fix(
        "CVE-2020-12653",
        "b70261a288ea",
        "drivers/net/wireless/marvell/mwifiex/scan.c",
        "mwifiex_cmd_append_vsie_tlv",
        r"mem(cpy|move)\b.*vs_param_set->ie",
        [Edit("mwifiex_cmd_append_vsie_tlv", "if (le16_to_cpu(vs_param_set->header.len) >", 6)],
    ),
    Fix(
        "CVE-2020-36158",
        "5c455c5ab332",
        "drivers/net/wireless/marvell/mwifiex/join.c",
        "mwifiex_cmd_802_11_ad_hoc_start",
        r"mem(cpy|move)\b.*ssid",
        [Edit("mwifiex_cmd_802_11_ad_hoc_start", "if (req_ssid->ssid_len >", 2)],
    ),
    Fix(
        "CVE-2023-2194",
        "92fbb6d1296f",
        "drivers/i2c/busses/i2c-xgene-slimpro.c",
        "slimpro_i2c_blkwr",
        r"mem(cpy|move)\b.*dma_buffer",
        [Edit("slimpro_i2c_blkwr", "if (writelen > I2C_SMBUS_BLOCK_MAX)", 2)],
    ),
    Fix(
        "CVE-2023-23559",
        "b870e73a56c4",
        "drivers/net/wireless/rndis_wlan.c",
        "rndis_query_oid",
        r"respoffs|u\.get_c->(len|offset)",
        [
            Edit("rndis_query_oid", "int ret;", 2, "int ret, buflen; int resplen, respoffs, copylen;"),
            Edit(
                "rndis_query_oid",
                "copylen = min(resplen, buflen - respoffs);",
                1,
                "if (resplen + respoffs > buflen) copylen = buflen - respoffs; else copylen = resplen;",
            ),
        ],
    ),
    Fix(
        "CVE-2021-33909",
        "8cae8cd89f05",
        "fs/seq_file.c",
        "seq_buf_alloc",
        r"",
        [Edit("seq_buf_alloc", "size > MAX_RW_COUNT", 2)],
    ),
    Fix(
        "CVE-2022-45934",
        "bcd70260ef56",
        "net/bluetooth/l2cap_core.c",
        "l2cap_config_req",
        r"num_conf_rsp",
        [Edit("l2cap_config_req", "if (chan->num_conf_rsp <")],
        ("--wraps", "all", "--property", "lossy-conversion"),
    ),
]


def program():
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return str(target / "release" / "verify-fix")


def kernel(folder, command):
    """What a command says after scripts/kernel-common.sh was read."""
    script = f". {shlex.quote(str(ROOT / 'scripts' / 'kernel-common.sh'))}; {command}"
    done = subprocess.run(["sh", "-c", script], env={**os.environ, "KERNEL_WORK": str(folder)}, text=True, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(2)
    return done.stdout


def definition(lines, function):
    """The lines of a definition in the kernel's style: a line that names it, later `{` and `}` in the first column."""
    for start, line in enumerate(lines):
        if not re.search(rf"\b{function}\(", line) or line[:1] in "\t /*#}":
            continue
        opened = next((i for i in range(start, len(lines)) if lines[i][:1] == "{" or lines[i].rstrip().endswith(";")), None)
        if opened is None or lines[opened][:1] != "{":
            continue
        closed = next((i for i in range(opened, len(lines)) if lines[i][:1] == "}"), None)
        if closed is not None:
            return range(start, closed)
    return None


def undone(text, fix):
    """The file without the fix."""
    lines = text.splitlines()
    for edit in fix.edits:
        where = definition(lines, edit.function)
        found = [i for i in where or [] if edit.first in lines[i]]
        if len(found) != 1:
            sys.exit(f"{fix.cve}: {fix.file} has `{edit.first}' {len(found)} times in `{edit.function}'; another version of the source?")
        lines[found[0] : found[0] + edit.lines] = [edit.put] if edit.put else []
    return "\n".join(lines) + "\n"


def prepare(fix, folder):
    """Writes the side before the fix beside the flags; the command that judges the fix."""
    source = folder / "linux-source-6.1" / fix.file
    place = folder / "before" / fix.cve
    before = place / fix.file
    before.parent.mkdir(parents=True, exist_ok=True)
    before.write_text(undone(source.read_text(), fix))
    # The file's own folder stays in sight of the copy.
    flags = kernel(folder, f"kernel_flags {shlex.quote(fix.file)}").split() + [f"-I{source.parent}"]
    for path in (before, source):
        done = subprocess.run(["gcc", "-fsyntax-only", "-w", *flags, str(path)])
        if done.returncode != 0:
            sys.exit(f"{fix.cve}: {path} does not compile")
    return ["patch", "--before", str(before), "--after", str(source), "-f", fix.function, *fix.options, "--", *flags]


def run(command, limit):
    """Exit status, output, errors, seconds, and peak memory in MB of the largest process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        timer = threading.Timer(limit, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return process.returncode, out.read().decode(), err.read().decode(), seconds, usage.ru_maxrss / 1024


def obligations(report, fix):
    functions = [f for f in report["functions"] if f["name"] == fix.function]
    return [o for f in functions for o in f["obligations"]]


def is_target(obligation, fix):
    return re.search(fix.target, obligation["text"]) is not None


def judge(fix, options):
    command = prepare(fix, options.folder)
    place = command.index("--")
    command = [options.program, *command[:place], "--format", "json", "--timeout", str(options.timeout), *command[place:]]
    if options.commands:
        print(shlex.join(command))
        return None
    code, text, errors, seconds, memory = run(command, options.timeout + 30)
    row = {"fix": fix, "code": code, "seconds": seconds, "memory": memory, "errors": errors, "report": None}
    try:
        report = row["report"] = json.loads(text)
    except json.JSONDecodeError:
        return row
    before, after = ({o["id"]: o for o in obligations(report[side], fix)} for side in ("before", "after"))
    row["before"], row["after"] = ([o for o in side.values() if is_target(o, fix)] for side in (before, after))
    refuted = [before[i] for i in report["fixed"] if i in before and before[i]["verdict"] == "refuted"]
    # What the fix is about, refuted by an executed input before and proved after.
    row["fixed"] = [o for o in refuted if is_target(o, fix) and o["counterexample"]["replay"] == "confirmed"]
    row["others"] = len(refuted) - len(row["fixed"])
    row["contract"] = sorted({a for o in row["after"] if o["verdict"] == "proved" for a in o["assumptions"] if a.startswith("requires ")})
    row["reasons"] = collections.Counter(o["reason"] for o in row["before"] + row["after"] if o["reason"])
    return row


def words(found):
    counted = collections.Counter(o["verdict"] for o in found)
    return ", ".join(f"{n} {verdict}" for verdict, n in sorted(counted.items())) or "none"


def line(row):
    fix = row["fix"]
    text = f"{fix.cve:15} {fix.function:32} {row['seconds']:6.1f} s {row['memory']:6.0f} MB  "
    if row["report"] is None:
        return text + f"no answer (exit status {row['code']}): {row['errors'].strip()[-300:]}"
    text += f"before: {words(row['before'])}; after: {words(row['after'])}; fixed: {len(row['fixed'])}; {row['report']['verdict']}"
    return text


def code(text):
    return "`" + " ".join(text.split()).replace("|", "\\|") + "`"


def witness(obligation):
    """The operation, and the input on which it fails, as far as it matters."""
    found = obligation["counterexample"]
    values = [f"{name} = {found['inputs'][name]}" for name in found["relevant"] if name in found["inputs"]]
    last = found["slice"][-1]["values"] if not values and found["slice"] else {}
    values += [f"{name} = {value}" for name, value in last.items()]
    return f"{code(obligation['text'])} ({obligation['property']}), line {obligation['location']['line']}: {code(', '.join(values))}"


def table(rows):
    print("| CVE, fix | function | target before | target after | s | MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        fix = row["fix"]
        sides = ("no answer", "no answer") if row["report"] is None else (words(row["before"]), words(row["after"]))
        print(f"| {fix.cve}, {fix.commit} | `{fix.function}` | {sides[0]} | {sides[1]} | {row['seconds']:.0f} | {row['memory']:.0f} |")
    for row in rows:
        fix = row["fix"]
        print(f"\n**{fix.cve}**, `{fix.file}`")
        if row["report"] is None:
            print(f"- no answer within {row['seconds']:.0f} s")
            continue
        for obligation in row["fixed"]:
            print(f"- fixed: {witness(obligation)}")
        if row["fixed"] and row["contract"]:
            print("- proved under: " + ", ".join(code(clause) for clause in row["contract"]))
        for obligation in row["after"]:
            if obligation["verdict"] == "refuted":
                print(f"- refuted still: {witness(obligation)}")
        for reason, times in row["reasons"].most_common(2):
            print(f"- unknown ({times}): {reason}")
        print(f"- patch: {row['report']['verdict']}, behaviour {row['report']['behaviour']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where the kernel is unpacked and the copies are made")
    parser.add_argument("words", nargs="*", help="only fixes with one of these in name, file or function")
    parser.add_argument("--program", default=program())
    parser.add_argument("--timeout", type=float, default=55, help="seconds for both sides of a fix (default 55)")
    parser.add_argument("--commands", action="store_true", help="print the commands, run none")
    parser.add_argument("--table", action="store_true", help="print a Markdown table")
    parser.add_argument("--json", type=pathlib.Path, metavar="DIR", help="keep the reports here")
    options = parser.parse_args()
    chosen = [f for f in FIXES if not options.words or any(w in f"{f.cve} {f.file} {f.function}" for w in options.words)]
    if not chosen:
        parser.error("no fix has one of these words")
    if not options.commands and not os.access(options.program, os.X_OK):
        parser.error(f"{options.program} is missing; build it, or say --program")
    options.folder = options.folder.resolve()
    kernel(options.folder, "unpack_kernel")
    rows = []
    for fix in chosen:
        row = judge(fix, options)
        if row is None:
            continue
        if options.json and row["report"] is not None:
            options.json.mkdir(parents=True, exist_ok=True)
            (options.json / f"{fix.cve}.json").write_text(json.dumps(row["report"], indent=1))
        print(line(row), file=sys.stderr if options.table else sys.stdout, flush=True)
        rows.append(row)
    if options.table:
        table(rows)
    return 0 if all(row["report"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
