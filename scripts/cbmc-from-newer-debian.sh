#!/bin/sh
# Puts CBMC, which Debian 12 does not package, into a directory of its own, from the next Debian release, without
# touching the system: the packages are unpacked there and run with their own dynamic loader.
#
#     scripts/cbmc-from-newer-debian.sh DIR [RELEASE]     # RELEASE: trixie, unless given
#
# Afterwards DIR/cbmc is the program. Needs apt, dpkg and the mirror that /etc/apt names.
set -eu
[ $# -ge 1 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
release=${2:-trixie}
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -n 's|^URIs: *\([^ ]*/debian\)/*$|\1|p; s|^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*/debian\)/* .*|\2|p' | head -1)
[ -n "$mirror" ] || { echo "no Debian mirror found in /etc/apt: add one, or install cbmc by hand" >&2; exit 2; }
mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/root"
: >"$dir/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$dir/sources.list"
cat >"$dir/apt.conf" <<CONF
Dir::State "$dir/state"; Dir::Cache "$dir/cache"; Dir::State::status "$dir/status";
Dir::Etc::sourcelist "$dir/sources.list"; Dir::Etc::sourceparts "-";
CONF
apt-get -c "$dir/apt.conf" update
(cd "$dir" && apt-get -c "$dir/apt.conf" download cbmc minisat libc6 libstdc++6 libgcc-s1 zlib1g)
for package in "$dir"/*.deb; do dpkg -x "$package" "$dir/root"; done
cat >"$dir/cbmc" <<RUN
#!/bin/sh
lib=$dir/root/usr/lib
exec $dir/root/usr/lib64/ld-linux-x86-64.so.2 --library-path \$lib/x86_64-linux-gnu:\$lib $dir/root/usr/bin/cbmc "\$@"
RUN
chmod +x "$dir/cbmc"
echo "$dir/cbmc: $("$dir/cbmc" --version)"
