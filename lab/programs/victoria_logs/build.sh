#!/bin/sh
# mmdebstrap hook: builds VictoriaLogs inside the root file system from Debian's source package.
# Arguments: folder for the program, the root file system.
set -eu
target=$1
root=$2
module=github.com/VictoriaMetrics/VictoriaMetrics
source=/go/src/$module

sed -n 's/^deb /deb-src /p' "$root/etc/apt/sources.list" >"$root/etc/apt/sources.list.d/source.list"
chroot "$root" apt-get update -q
mkdir -p "$root$source" "$root/download"
# As root: the user of apt may not write into the folder.
chroot "$root" sh -euc "cd /download && apt-get source -q --download-only -o APT::Sandbox::User=root victoriametrics
tar -xJf victoriametrics_*.orig.tar.xz --strip-components 1 -C $source"

page=$root$source/app/vlselect/vmui
mkdir -p "$page"
echo '<!DOCTYPE html><title>VictoriaLogs</title><p>The page itself is not in the package.' >"$page/index.html"

# Debian's Go packages lie in the layout of a GOPATH.
chroot "$root" env HOME=/root GO111MODULE=off GOPATH=/go:/usr/share/gocode CGO_ENABLED=0 \
    sh -euc "cd $source && go build -trimpath -ldflags '-s -w -X $module/lib/buildinfo.Version=victoria-logs' \
    -o /victoria-logs-prod ./app/victoria-logs"
cp "$root/victoria-logs-prod" "$target"
