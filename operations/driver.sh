# Loads NVIDIA's module of $version ($action=load), or describes it to containers ($action=specify).
set -u
export LC_ALL=C
specification=/var/run/cdi/nvidia.yaml

loaded() {
    [ ! -e /proc/driver/nvidia/version ] ||
        sed -n '1s/.*  \([0-9][0-9.]*\)  .*/\1/p' /proc/driver/nvidia/version
}

fail() { # sentence; everything that tells more follows it
    {
        printf '%s\n' "$1" "dkms status:"
        dkms status 2>&1 | sed 's/^/  /'
        echo "kernel log:"
        dmesg 2>&1 | grep -iE 'nvidia|nvrm|nouveau|lockdown|module verification' | tail -n 15 | sed 's/^/  /'
    } >&2
    exit 1
}

load() {
    said=$(modprobe nvidia 2>&1)
    now=$(loaded)
    [ ! -e /sys/module/nouveau/initstate ] ||
        fail "nvidia $version is to be loaded and nouveau has the card, blacklisted or not"
    [ "$now" = "$version" ] ||
        fail "nvidia $version is to be loaded and ${now:-no version of it} is${said:+: $said}"
    # A card that the open module does not know shows only when it is used.
    said=$(nvidia-smi -L 2>&1) || fail "nvidia $version is loaded and its card does not answer: $said"
    provide_compute
}

provide_compute() { # what CUDA opens; nothing loads it before its first use as root
    said=$(nvidia-ctk system create-device-nodes --control-devices --load-kernel-modules 2>&1) ||
        fail "nvidia $version is loaded and what CUDA opens cannot be made: $said"
}

specify() {
    provide_compute
    nvidia-ctk cdi generate --output="$specification" >/dev/null || exit 1
    nvidia-ctk cdi list 2>/dev/null | grep -qxF nvidia.com/gpu=all || {
        echo "$specification was made and names no card; see: nvidia-ctk cdi list" >&2
        exit 1
    }
    grep -qF "libcuda.so.$version" "$specification" || {
        echo "$specification was made and does not have the driver $version" >&2
        exit 1
    }
}

"$action"
