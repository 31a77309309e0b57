#!/bin/sh
# Runs in a container of the host image: installs a browser, as a desk has one.
#
# The image's package lists are short (lab/host/short_lists.sh) and stay so: these are others.
set -eu
places="-o Dir::State::Lists=/tmp/lists -o Dir::Cache::Archives=/tmp/archives -o Dir::Cache::pkgcache="
mkdir -p /tmp/lists/partial /tmp/archives/partial
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a word each
apt-get $places -q update
# shellcheck disable=SC2086
apt-get $places -q -y --no-install-recommends install chromium
rm -rf /tmp/lists /tmp/archives
