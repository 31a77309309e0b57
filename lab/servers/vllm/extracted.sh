#!/bin/sh
# mmdebstrap hook: the program under the name, and the user with the number, that vLLM's image has.
set -eu
find "$1/opt/vllm" -name __pycache__ -prune -exec rm -r {} +
mkdir -p "$1/usr/local/bin" "$1/home/vllm"
cat >"$1/usr/local/bin/vllm" <<'PROGRAM'
#!/bin/sh
export PYTHONPATH=/opt/vllm PYTHONDONTWRITEBYTECODE=1
exec python3 -m vllm_server "$@"
PROGRAM
chmod 755 "$1/usr/local/bin/vllm"
cat >"$1/etc/passwd" <<'USERS'
root:x:0:0:root:/root:/bin/sh
vllm:x:2000:0::/home/vllm:/bin/sh
USERS
echo 'root:x:0:' >"$1/etc/group"
chown 2000:0 "$1/home/vllm"
