#!/bin/sh
# Runs in a container of the host image: fetches the wheels of /locks for its Python to /wheels.
set -eu
apt-get install -q -y --no-install-recommends python3-venv >/dev/null
python3 -m venv /tmp/environment
for lock in /locks/*; do
    /tmp/environment/bin/pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary :all: --require-hashes --dest /wheels --requirement "$lock"
done
