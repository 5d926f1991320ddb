#!/bin/sh
# Preprocesses a fixed choice of Linux 6.1 sources, for measuring the front end.
#
#     scripts/kernel-corpus.sh DIR [COUNT]
#
# Writes DIR/<path with '-' for '/'>.i for COUNT files (default 220) and DIR/FILES, the list of them. Uses only
# Debian's packages linux-source-6.1 and linux-headers-amd64. The tree is unpacked under KERNEL_WORK (default
# /var/tmp/kernel, 1.5 GB; remove it when done). The choice is the same on every machine: of each folder, files
# at even distances in the C locale's order; a file that does not preprocess under Debian's amd64 configuration
# (another architecture's driver, say) is passed over for the next one.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 DIR [COUNT]" >&2; exit 2; }
out=$1
count=${2:-220}
. "$(dirname "$0")/kernel-common.sh"
unpack_kernel
mkdir -p "$out"
: >"$out/FILES"
LC_ALL=C
export LC_ALL

# Share of each folder in a hundred files.
shares='fs:18 net:16 drivers:30 lib:7 kernel:10 mm:7 block:3 crypto:3 security:3 sound:3'

# A .c file that others include is a fragment, no translation unit.
is_fragment() {
    grep -qs "^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<]\([^\">]*/\)\{0,1\}$(basename "$1")[\">]" \
        "$kernel_source/$(dirname "$1")"/*.c "$kernel_source/$(dirname "$1")"/../*.c
}

preprocess() {
    is_fragment "$1" && return 1
    name=$(echo "$1" | tr / -)
    name=${name%.c}
    set -- "$1" "$name"
    old_ifs=$IFS
    IFS='
'
    # One flag a line: no flag holds white space.
    flags=$(kernel_flags "$1")
    # shellcheck disable=SC2086
    if gcc -E -w $flags "$kernel_source/$1" -o "$out/$2.i" 2>/dev/null; then
        IFS=$old_ifs
        return 0
    fi
    IFS=$old_ifs
    rm -f "$out/$2.i"
    return 1
}

taken=0
for share in $shares; do
    folder=${share%%:*}
    wanted=$(((${share##*:} * count + 50) / 100))
    list=$out/.candidates
    (cd "$kernel_source" && find "$folder" -name '*.c' ! -path '*/test*' ! -path '*/tools/*' | sort) >"$list"
    total=$(wc -l <"$list")
    i=0
    line=0
    while [ "$i" -lt "$wanted" ]; do
        start=$((i * total / wanted + 1))
        [ "$start" -gt "$line" ] && line=$start
        while [ "$line" -le "$total" ]; do
            file=$(sed -n "${line}p" "$list")
            line=$((line + 1))
            if preprocess "$file"; then
                echo "$file" >>"$out/FILES"
                taken=$((taken + 1))
                break
            fi
        done
        i=$((i + 1))
    done
    rm -f "$list"
done
echo "$taken files in $out"
