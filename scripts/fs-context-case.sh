#!/bin/sh
# Prepares one real case from Debian's kernel source: the length check of legacy_parse_param (CVE-2022-0185).
#
#     scripts/fs-context-case.sh DIR
#     verify-fix patch DIR/fix.patch --tree DIR -f legacy_parse_param -- $(cat DIR/flags)
#
# Writes DIR/fs/fs_context.c with the check as it was before upstream commit 722d94847de2 (an unsigned
# subtraction that wraps), DIR/fix.patch, which brings the upstream form back, and DIR/flags, the compiler flags,
# one a line. Uses only Debian's packages linux-source-6.1 and linux-headers-amd64; the tree is unpacked under
# KERNEL_WORK (default /var/tmp/kernel), where the headers stay.
set -eu
[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
. "$(dirname "$0")/kernel-common.sh"
unpack_kernel

file=fs/fs_context.c
now='if (size + len + 2 > PAGE_SIZE)'
before='if (len > PAGE_SIZE - 2 - size)'
[ "$(grep -cF "$now" "$kernel_source/$file")" = 1 ] || fail "$file does not hold \`$now' once"

mkdir -p "$out/fs"
sed "s/$now/$before/" "$kernel_source/$file" >"$out/$file"
grep -qF "$before" "$out/$file" || fail "the check was not turned back"
diff -u --label "a/$file" --label "b/$file" "$out/$file" "$kernel_source/$file" >"$out/fix.patch" || [ $? = 1 ]
kernel_flags "$file" >"$out/flags"

# The case is of use only if it compiles.
# shellcheck disable=SC2046
gcc -fsyntax-only -w $(cat "$out/flags") "$out/$file" || fail "$file does not compile with the flags"
echo "$out: $file, fix.patch, flags"
