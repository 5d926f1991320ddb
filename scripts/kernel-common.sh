# Shared by the scripts that use Debian's kernel packages; sourced, not run.
#
# Packages: linux-source-6.1 (the tree) and linux-headers-amd64 (configuration and generated headers):
#     apt-get install linux-source-6.1 linux-headers-amd64
#
# Sets kernel_source (the unpacked tree), kernel_headers (the configured headers) and, by kernel_flags FILE,
# prints the flags that FILE (a path in the tree) is preprocessed with, one a line.

KERNEL_WORK=${KERNEL_WORK:-/var/tmp/kernel}
kernel_tarball=/usr/src/linux-source-6.1.tar.xz
kernel_source=$KERNEL_WORK/linux-source-6.1

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 2
}

kernel_headers=
for candidate in /usr/src/linux-headers-6.1.0-*-amd64; do
    case $candidate in
    *-rt-amd64 | *-cloud-amd64 | *'*'*) ;;
    *) [ -f "$candidate/.config" ] && kernel_headers=$candidate ;;
    esac
done
[ -n "$kernel_headers" ] || fail "no configured headers; run: apt-get install linux-headers-amd64"

# Unpacks the whole tree, or only the paths given.
unpack_kernel() {
    [ -f "$kernel_tarball" ] || fail "$kernel_tarball is missing; run: apt-get install linux-source-6.1"
    if [ ! -f "$kernel_source/.unpacked" ]; then
        mkdir -p "$KERNEL_WORK"
        tar -xf "$kernel_tarball" -C "$KERNEL_WORK" || fail "cannot unpack $kernel_tarball"
        touch "$kernel_source/.unpacked"
    fi
}

# Flags as kbuild has them on x86-64 (scripts/Makefile.lib, arch/x86/Makefile), as far as preprocessing sees them.
# $1: path of the file in the tree; $2: root of the tree (default: the unpacked one).
kernel_flags() {
    tree=${2:-$kernel_source}
    module=$(basename "$1" .c | tr -c 'a-zA-Z0-9_\n' _)
    cat <<FLAGS
-nostdinc
-I$tree/arch/x86/include
-I$kernel_headers/arch/x86/include/generated
-I$tree/include
-I$kernel_headers/include
-I$tree/arch/x86/include/uapi
-I$kernel_headers/arch/x86/include/generated/uapi
-I$tree/include/uapi
-I$kernel_headers/include/generated/uapi
-I$tree/$(dirname "$1")
-include
$tree/include/linux/compiler-version.h
-include
$tree/include/linux/kconfig.h
-include
$tree/include/linux/compiler_types.h
-D__KERNEL__
-std=gnu11
-fno-strict-aliasing
-fno-common
-fshort-wchar
-fno-PIE
-fno-strict-overflow
-mno-sse
-mno-mmx
-mno-sse2
-mno-3dnow
-mno-avx
-m64
-mno-red-zone
-mcmodel=kernel
-O2
-DCC_USING_FENTRY
-DKBUILD_MODFILE="$(dirname "$1")/$module"
-DKBUILD_BASENAME="$module"
-DKBUILD_MODNAME="$module"
-D__KBUILD_MODNAME=kmod_$module
FLAGS
}
