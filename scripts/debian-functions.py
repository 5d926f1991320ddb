#!/usr/bin/env python3
"""Measures the prover on ten functions of libraries and programs, as they are in the source packages of Debian 12.

    cargo build --release -p vf-cli --no-default-features
    python3 scripts/debian-functions.py FOLDER               # fetches what is missing in FOLDER, then checks all ten
    python3 scripts/debian-functions.py FOLDER utf8 siphash  # those with one of the words in package, file or function

Needs apt with Debian's sources in /etc/apt, dpkg-dev, gcc and make.  Fetching uses an apt configuration inside FOLDER (about
10 MB of package lists, 320 MB of sources); /etc stays as it is.  Only what the one file needs is configured.

Each function is checked alone, for every caller (`--entry each`), with the flags printed by --commands: as it is, and where
its callers keep more than the usual reading of the parameters, in a copy with that contract before it.  CPU seconds are
user and system time, and MB the peak memory of the largest process: preprocessor, solver and sanitized replay included.
"""
import argparse
import collections
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
import threading

# What is measured is proved, not found again.
os.environ["VERIFY_FIX_CACHE"] = "off"

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAFE = {"proved", "unreachable"}

TIFF_CONFIG = """#include <inttypes.h>
#define HAVE_UNISTD_H 1
#define SIZEOF_SIZE_T 8
#define TIFF_SSIZE_FORMAT PRId64
"""
TIFF_TYPES = """#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#define TIFF_SSIZE_T int64_t
#define HOST_FILLORDER FILLORDER_LSB2MSB
#define HOST_BIGENDIAN 0
#define PACKBITS_SUPPORT 1
""" + "".join(f"#define TIFF_{sign.upper()}INT{bits}_T {sign}int{bits}_t\n" for sign in ("", "u") for bits in (8, 16, 32, 64))
CURL_HAVE = """ARPA_INET_H NETINET_IN_H SYS_SOCKET_H SYS_TIME_H UNISTD_H STRING_H STRUCT_TIMEVAL LONGLONG RECV SEND FCNTL_O_NONBLOCK
""".split()

# A file in a package and a function in it.  `headers` and `prepare` (shell commands) stand in for the package's `configure`.
# In flags and commands @ is the unpacked package and % the folder of its headers.  `contract` is what its callers keep (its comment
# or the package's calls say so), and `start` how its definition begins.
Case = collections.namedtuple(
    "Case", "package file function flags headers prepare start contract", defaults=({}, (), "", "")
)
CASES = [
    Case("zlib", "adler32.c", "adler32_z", "-I@"),
    Case(
        "libpng1.6",
        "pngset.c",
        "png_check_keyword",
        "-I% -I@ -I@/../zlib",
        prepare=["cp @/scripts/pnglibconf.h.prebuilt %/pnglibconf.h"],
        start="png_uint_32 /* PRIVATE */\npng_check_keyword(",
        contract=r"requires \valid(new_key + (0 .. 79));",
    ),
    Case(
        "curl",
        "lib/escape.c",
        "Curl_urldecode",
        "-DHAVE_CONFIG_H -DBUILDING_LIBCURL -I% -I@/lib -I@/include",
        {
            "curl_config.h": "".join(f"#define HAVE_{name} 1\n" for name in CURL_HAVE)
            + "#define SIZEOF_CURL_OFF_T 8\n#define SIZEOF_SIZE_T 8\n#define SIZEOF_INT 4\n#define SIZEOF_LONG 8\n"
        },
    ),
    Case(
        "busybox",
        "libbb/uuencode.c",
        "decode_base64",
        "-std=gnu99 -D_GNU_SOURCE -DNDEBUG -include @/include/autoconf.h -I@/include -I@/libbb",
        prepare=["cd @ && cp debian/config/pkg/deb .config && make -s prepare </dev/null"],
    ),
    Case(
        "expat",
        "expat/lib/xmlparse.c",
        "sip24_update",
        "-DXML_NS -DXML_DTD -DXML_CONTEXT_BYTES=1024 -DBYTEORDER=1234 -DHAVE_GETRANDOM -I% -I@/expat/lib",
        {"expat_config.h": ""},
    ),
    Case(
        "tiff",
        "libtiff/tif_packbits.c",
        "PackBitsDecode",
        "-I% -I@/libtiff",
        {"tif_config.h": TIFF_CONFIG, "tiffconf.h": TIFF_TYPES},
        start="static int PackBitsDecode(",
        contract=r"requires \valid(op + (0 .. occ - 1)); requires \valid(tif->tif_rawcp + (0 .. tif->tif_rawcc - 1));",
    ),
    Case(
        "lua5.4",
        "src/lutf8lib.c",
        "utf8_decode",
        "-I%",
        {"lua5.4-deb-multiarch.h": ""},
        start="static const char *utf8_decode",
        contract="requires valid_read_string(s);",
    ),
    Case(
        "musl",
        "src/network/dn_expand.c",
        "__dn_expand",
        "-std=c99 -nostdinc -D_XOPEN_SOURCE=700 -I@/arch/x86_64 -I@/arch/generic -I@/src/include -I@/src/internal -I% "
        "-I@/include",
        prepare=[
            "mkdir -p %/bits && sed -f @/tools/mkalltypes.sed @/arch/x86_64/bits/alltypes.h.in @/include/alltypes.h.in"
            " >%/bits/alltypes.h"
        ],
    ),
    Case(
        "util-linux",
        "lib/mangle.c",
        "unmangle_to_buffer",
        "-D_GNU_SOURCE -DHAVE_NANOSLEEP -I@/include",
        start="void unmangle_to_buffer(",
        contract="requires 0 < len;",
    ),
    Case(
        "jansson",
        "src/utf.c",
        "utf8_check_full",
        "-DHAVE_STDINT_H -I@/src",
        start="size_t utf8_check_full(",
        contract="requires 0 < size;",
    ),
]


def source_lines():
    """`deb-src` lines for the main component of this release, from what /etc/apt names.

    Only the release itself, without updates and security: its versions change a few times a year.
    """
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    folder = pathlib.Path("/etc/apt")
    lines = set()
    for path in folder.glob("sources.list.d/*.sources"):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([A-Za-z-]+): *(.*)$", stanza, re.M))
            if release in fields.get("Suites", "").split() and "main" in fields.get("Components", "").split():
                key = f"[signed-by={fields['Signed-By']}] " if fields.get("Signed-By", "").startswith("/") else ""
                lines |= {f"deb-src {key}{address} {release} main" for address in fields["URIs"].split()}
    for path in [folder / "sources.list", *folder.glob("sources.list.d/*.list")]:
        if path.exists():
            pattern = rf"^deb +((?:\[[^]]*\] +)?\S+) +{release} +(?:\S+ +)*main\b"
            lines |= {f"deb-src {start} {release} main" for start in re.findall(pattern, path.read_text(), re.M)}
    return sorted(lines)


def apt(folder, arguments, where):
    own = folder / "apt"
    for name in ("lists/partial", "cache/archives/partial"):
        (own / name).mkdir(parents=True, exist_ok=True)
    lines = source_lines()
    if not lines:
        sys.exit("no source of this Debian release in /etc/apt")
    (own / "sources.list").write_text("\n".join(lines) + "\n")
    options = {
        "Dir::State::lists": own / "lists",
        "Dir::Cache": own / "cache",
        "Dir::Etc::sourcelist": own / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
    }
    command = ["apt-get", "-qq"] + [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    subprocess.run(command + arguments, cwd=where, check=True)


def fill(text, folder, case):
    return text.replace("@", str(folder / case.package)).replace("%", str(folder / "config" / case.package))


def fetch(folder, cases):
    """Downloads and unpacks what is not there yet, and writes the headers that `configure` would."""
    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    names = [c.package for c in CASES if not (folder / c.package).exists()]
    if names:
        apt(folder, ["update"], downloads)
        apt(folder, ["source", "--download-only", *names], downloads)
    for name in names:
        (description,) = downloads.glob(f"{name}_*.dsc")
        unpack = ["dpkg-source", "-x", description.name, str(folder / name)]
        subprocess.run(unpack, cwd=downloads, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for case in cases:
        config = folder / "config" / case.package
        if config.exists():
            continue
        config.mkdir(parents=True)
        for name, text in case.headers.items():
            (config / name).write_text(text)
        for command in case.prepare:
            subprocess.run(fill(command, folder, case), shell=True, check=True, stdout=subprocess.DEVNULL)


def version(folder, case):
    (description,) = (folder / "downloads").glob(f"{case.package}_*.dsc")
    return re.search(r"^Version: (.*)$", description.read_text(), re.M).group(1)


def measured(command, limit):
    """Exit status, output, CPU seconds and peak memory in MB of a command, which is killed after `limit` seconds."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        timer = threading.Timer(limit, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return process.returncode, out.read().decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def with_contract(path, case):
    """A copy of the file beside it, with the contract on the line where the function begins."""
    text = path.read_text()
    if text.count(case.start) != 1:
        sys.exit(f"{path}: {case.start!r} is not there once")
    copy = path.with_name(f"{path.stem}-with-contract{path.suffix}")
    copy.write_text(text.replace(case.start, f"/*@ {case.contract} */ {case.start}"))
    return copy


def check(options, case, contract):
    flags = fill(case.flags, options.folder, case).split()
    path = options.folder / case.package / case.file
    if contract:
        path = with_contract(path, case)
    command = [options.program, "check", str(path), "-f", case.function, "--entry", "each"]
    command += ["--timeout", str(options.timeout), "--format", "json", "--", *flags]
    if options.commands:
        print(" ".join(command))
    code, text, seconds, memory = measured(command, options.timeout + 30)
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        return {"verdict": f"error: exit {code}", "obligations": [], "seconds": seconds, "memory": memory}
    obligations = [o for f in report["functions"] if f["name"] == case.function for o in f["obligations"]]
    return {"verdict": report["verdict"], "obligations": obligations, "seconds": seconds, "memory": memory}


def row(folder, case, contract, result):
    count = collections.Counter("proved" if o["verdict"] in SAFE else o["verdict"] for o in result["obligations"])
    cells = [f"{case.package} {version(folder, case)}", f"`{case.file}`", f"`{case.function}`"]
    if contract:
        cells = ["", "", "with contract"]
    cells.append(result["verdict"])
    cells += [str(count[v]) for v in ("proved", "proved-to-bound", "refuted", "unknown")]
    return "| " + " | ".join(cells + [f"{result['seconds']:.1f}", f"{result['memory']:.0f}"]) + " |"


def details(case, contract, result):
    """What was assumed for the proofs, and the obligations that were not proved."""
    print(f"\n`{case.function}`{f', with `{case.contract}`' if contract else ''}:")
    for assumption in sorted({a for o in result["obligations"] if o["verdict"] in SAFE for a in o["assumptions"]}):
        print(f"- assumes {assumption}")
    alike = {}
    for o in result["obligations"]:
        if o["verdict"] in SAFE:
            continue
        inputs = (o["counterexample"] or {}).get("inputs")
        needs = (o.get("needs") or {}).get("clause")
        why = "; ".join(
            str(part)
            for part in (o.get("reason"), inputs and json.dumps(inputs), needs and f"holds for callers that keep {needs}")
            if part
        )
        alike.setdefault((o["verdict"], o["property"], why), []).append(o)
    for (verdict, kind, why), open_ones in alike.items():
        lines = ", ".join(str(line) for line in sorted({o["location"]["line"] for o in open_ones}))
        print(f"- {len(open_ones)} {verdict}[{kind}] at line {lines}: {why}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where packages are fetched to")
    parser.add_argument("words", nargs="*", help="only cases with one of these words in package, file or function")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--program", default=str(target / "release" / "verify-fix"), help="the verify-fix to measure")
    parser.add_argument("--timeout", type=int, default=60, help="seconds a function (default 60)")
    parser.add_argument("--commands", action="store_true", help="print each command, too")
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    cases = [c for c in CASES if not options.words or any(w in " ".join(c[:3]) for w in options.words)]
    if not cases:
        sys.exit("no such function")
    fetch(options.folder, cases)
    results = []
    for case in cases:
        for contract in [False, True] if case.contract else [False]:
            result = check(options, case, contract)
            results.append((case, contract, result))
            print(f"{case.function}: {result['verdict']}", file=sys.stderr, flush=True)
    print("| package | file | function | verdict | proved | to a bound | refuted | unknown | CPU s | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for result in results:
        print(row(options.folder, *result))
    for result in results:
        details(*result)
    return 0 if all(r["obligations"] for _, _, r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
