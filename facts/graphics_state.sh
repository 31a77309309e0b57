# Prints what the host has for an NVIDIA card, and what stands in the way of a driver, a line each by tabs.
export LC_ALL=C
kernel=$(uname -r)
printf 'kernel\t%s\n' "$kernel"

for device in /sys/bus/pci/devices/*; do
    [ -e "$device/vendor" ] && [ "$(cat "$device/vendor")" = 0x10de ] || continue
    # PCI base class 03 is a display controller; the sound device of a card has another one.
    case $(cat "$device/class") in 0x03*) printf 'card\t%s\n' "${device##*/}" ;; esac
done

if [ -e /sys/module/nouveau/initstate ] ||
    [ -n "$(find "/lib/modules/$kernel" -name 'nouveau.ko*' 2>/dev/null | head -n 1)" ]; then
    echo nouveau
fi

# Secure Boot -------------------------------------------------------------------------------------

hex() {
    od -An -v -tx1 "$@" | tr -d ' \n'
}

# A variable of efivarfs is its attributes in four bytes, then its value (efivarfs, kernel.org).
variables=/sys/firmware/efi/efivars
state=$variables/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
if [ -e "$state" ] && [ "$(hex -j 4 -N 1 "$state")" = 01 ]; then
    echo secure-boot
    enrolled=
    for list in "$variables"/MokListRT*-605dab50-e046-4300-abb6-3dd810dd8b23; do
        [ ! -e "$list" ] || enrolled=$enrolled$(hex -j 4 "$list")
    done
    # DKMS signs with the first on Ubuntu, with the second on Debian.
    for key in /var/lib/shim-signed/mok/MOK.der /var/lib/dkms/mok.pub; do
        [ -s "$key" ] || continue
        case $enrolled in *"$(hex "$key")"*) echo key-enrolled ;; esac
    done
fi

# The kernel's headers ----------------------------------------------------------------------------

case $kernel in
*-pve) headers=proxmox-headers-$kernel ;;
*) headers=linux-headers-$kernel ;;
esac

offered() {
    apt-cache show --no-all-versions "$headers" >/dev/null 2>&1
}

if [ -e "/lib/modules/$kernel/build/Makefile" ]; then
    printf 'headers\tpresent\n'
elif offered || { apt-get update --quiet >/dev/null 2>&1 && offered; }; then
    printf 'headers\toffered\n'
else
    printf 'headers\tmissing\n'
fi

# Not among them: one kernel alone (unsigned-6.8.0-31-generic), and modules beside a kernel.
dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' \
    'linux-image-[a-z]*' proxmox-default-kernel 2>/dev/null |
    grep -vE 'linux-image-(unsigned|uc|extra|fde)-|-(dbg|dbgsym)$' | sed -n 's/^installed /kernels\t/p'

# A driver that came from elsewhere ---------------------------------------------------------------

[ ! -e /usr/bin/nvidia-uninstall ] || echo run-file

# Where NVIDIA's repository is declared by us the driver is from there: its pin is above all others.
if [ ! -e /etc/apt/sources.list.d/ai-idp-nvidia-cuda.sources ]; then
    parts=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' \
        'nvidia-driver*' 'nvidia-kernel-*' 'nvidia-dkms-*' nvidia-open 'libnvidia-compute*' libcuda1 \
        'linux-modules-nvidia-*' 2>/dev/null | sed -n 's/^installed //p')
    # What no source offers any more is a rest that the pin replaces.
    # shellcheck disable=SC2086  # one word per package is wanted
    [ -z "$parts" ] || apt-cache policy $parts | awk '
        function tell() { if (origin && !known) printf "foreign\t%s\t%s\t%s\n", name, version, origin }
        /^[^ ].*:$/ { tell(); name = substr($1, 1, length($1) - 1); origin = ""; known = 0; here = 0 }
        /^ \*\*\* / { version = $2; here = 1; next }
        /^     [^ ]/ { here = 0 }
        here && /^        / && $2 != "/var/lib/dpkg/status" { origin = $2; if ($2 ~ /developer\.download\.nvidia\.com/) known = 1 }
        END { tell() }'
fi
echo end
