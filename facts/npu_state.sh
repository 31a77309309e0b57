# Prints what the host has for an Intel NPU, and which of $users are not in $group, a line each by tabs.
export LC_ALL=C
kernel=$(uname -r)
printf 'architecture\t%s\n' "$(uname -m)"
printf 'kernel\t%s\n' "$kernel"
(. /etc/os-release && printf 'linux\t%s\t%s\n' "$ID" "${VERSION_ID-}") || exit 3

for device in /sys/bus/pci/devices/*; do
    [ -e "$device/vendor" ] && [ "$(cat "$device/vendor")" = 0x8086 ] || continue
    # PCI base class 12 is a processing accelerator, sub-class 00.
    case $(cat "$device/class") in 0x1200*) printf 'device\t%s\n' "${device##*/}" ;; esac
done

if [ -e /sys/module/intel_vpu ] ||
    [ -n "$(find "/lib/modules/$kernel" -name 'intel_vpu.ko*' 2>/dev/null | head -n 1)" ]; then
    echo module
fi

for user in $users; do
    if ! getent passwd "$user" >/dev/null; then
        printf 'unknown\t%s\n' "$user"
    elif ! id -nG "$user" | tr ' ' '\n' | grep -qx "$group"; then
        printf 'outside\t%s\n' "$user"
    fi
done
echo end
