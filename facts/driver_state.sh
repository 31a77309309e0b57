# Prints which driver is loaded, and which one containers are given, a line each by tabs.
# Exit 3: something could not be read. That is never the same as absent.
export LC_ALL=C
module=/proc/driver/nvidia/version
specification=/var/run/cdi/nvidia.yaml

unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

# "... Open Kernel Module for x86_64  580.159.04  Release Build ..."; the module that is not open:
# "... x86_64 Kernel Module  575.51.03  Fri May 30 ...".
if [ -e $module ]; then
    sed -n '1s/.*  \([0-9][0-9.]*\)  .*/loaded\t\1/p' $module || unreadable $module
fi
[ ! -e /sys/module/nouveau/initstate ] || echo nouveau

# Each library is given under its full name, which ends in the driver's version. Without the node
# for compute a container has a card that CUDA cannot open.
if [ -e $specification ]; then
    lines=$(cat $specification) || unreadable $specification
    case $lines in *'/dev/nvidia-uvm'*)
        printf '%s\n' "$lines" |
            sed -n 's/.*libcuda\.so\.\([0-9][0-9]*\.[0-9.]*[0-9]\).*/specified\t\1/p' | head -n 1
        ;;
    esac
fi
echo end
