#!/bin/sh
# mmdebstrap hook: puts the server where the llama.cpp project's own image has it.
set -eu
mkdir -p "$1/app"
ln -s /usr/bin/llama-server "$1/app/llama-server"
