#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh build DIR   compile a release from this checkout and install it under DIR, as / of an image
# build.sh run         make this machine able to run it: libraries, the user `weir`, its directory
# build.sh try         both on this machine, then run it as that user and ask it (what CI does where
#                      no image can be pulled)
set -eu
here=$(cd "$(dirname "$0")" && pwd)

build() {
    out=$1
    source=$(dirname "$here")
    work=$(mktemp -d)
    "$here/packages.sh" install build
    meson setup "$work" "$source" --buildtype=release --prefix=/usr -Dtests=disabled -Dmimalloc=enabled
    ninja -C "$work" pipelines/weir
    DESTDIR=$out meson install -C "$work" --no-rebuild --quiet
    rm -r "$work"
    mkdir -p "$out/etc/weir"
    cp "$source"/pipelines/*.yaml "$source"/pipelines/*.csv "$source"/pipelines/*.ndjson "$out/etc/weir/"
}

run() {
    "$here/packages.sh" install run
    rm -rf /var/lib/apt/lists/*
    id weir >/dev/null 2>&1 ||
        useradd --system --user-group --home-dir /var/lib/weir --shell /usr/sbin/nologin weir
    install -d -o weir -g weir -m 0750 /var/lib/weir
}

try() {
    out=$(mktemp -d)
    chmod 755 "$out" # it becomes /, which others than root must be able to enter
    build "$out"
    run
    cp -a "$out/." /
    rm -r "$out"
    # As in the container: its own user, no capabilities, nothing writable but its directory.
    setpriv --reuid=weir --regid=weir --clear-groups --no-new-privs --bounding-set=-all \
        env -i PATH=/usr/bin:/bin HOME=/var/lib/weir sh -ec '
            cd /var/lib/weir
            weir --version
            weir check /etc/weir/*.yaml
            weir test /etc/weir/*.yaml
            weir demo --once'
}

case ${1-} in
build) build "${2:?the directory to install under}" ;;
run) run ;;
try) try ;;
*) sed -n '3,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
