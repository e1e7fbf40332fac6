#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# packages.sh list|missing|install PART...
#
# The Debian packages that the named parts of docker/packages.txt need on this machine. `install`
# installs those that are missing (with sudo unless root) and is silent and quick when none are.
# shellcheck disable=SC2086 # lists of packages are one word for each
set -eu
list=$(dirname "$0")/packages.txt
[ $# -ge 2 ] || { sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
action=$1
shift

suite=unknown
if [ -r /etc/os-release ]; then
    suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
fi

for part in "$@"; do
    grep -q "^$part " "$list" || { echo "packages.sh: no part $part in $list" >&2; exit 2; }
done
wanted=$(awk -v parts=" $* " -v suite="$suite" \
    '!/^#/ && index(parts, " " $1 " ") && (NF == 2 || $3 == suite) { print $2 }' "$list" | sort -u)

missing() {
    installed=" $(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
        sed -n 's/ installed$//p' | tr '\n' ' ')"
    for package in $wanted; do
        case $installed in
        *" $package "*) ;;
        *) echo "$package" ;;
        esac
    done
}

install() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        # What is not Debian is left alone: the compiler or the test will name what it lacks.
        echo "packages.sh: not a Debian system; what is needed is called there:" $wanted >&2
        return 0
    fi
    packages=$(missing)
    [ -n "$packages" ] || return 0
    root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            { echo "packages.sh: as root, please: apt-get install" $packages >&2; return 3; }
        root=sudo
    fi
    echo "installing:" $packages >&2
    log=$(mktemp)
    # A source that cannot be reached need not be the one that has these packages.
    $root env DEBIAN_FRONTEND=noninteractive apt-get update -q >"$log" 2>&1 || :
    if ! $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $packages >>"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        echo "packages.sh: apt-get could not install the above" >&2
        return 3
    fi
    rm -f "$log"
}

case $action in
list) echo "$wanted" ;;
missing) missing ;;
install) install ;;
*) echo "packages.sh: list, missing or install, not $action" >&2; exit 2 ;;
esac
