#!/bin/sh
# mmdebstrap hook: turns a Debian root file system into one that boots in a container.
# Arguments: the root file system. Environment: LAB_CERTIFICATES, a folder of *.crt to trust;
# LAB_ARCHIVES, packages to download (not install) for the roles.
set -eu
root=$1

install -m 755 "$(dirname "$0")/lab-init" "$root/usr/local/sbin/lab-init"
mkdir -p "$root/usr/local/lib/lab"
cp -r "$(dirname "$0")/../standins/nvidia" "$root/usr/local/lib/lab/nvidia"
mkdir "$root/usr/local/lib/lab/npu"
cp -r "$(dirname "$0")/../standins/npu/machine" "$root/usr/local/lib/lab/npu"

cp "$LAB_CERTIFICATES"/*.crt "$root/usr/local/share/ca-certificates/"
chroot "$root" update-ca-certificates >/dev/null

# They need a kernel, a console or devices of their own; failed units would hide a role's failure.
chroot "$root" systemctl mask --quiet \
    systemd-modules-load.service systemd-udevd.service systemd-udev-trigger.service \
    systemd-udevd-control.socket systemd-udevd-kernel.socket \
    getty@tty1.service console-getty.service getty-static.service \
    dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount \
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    proc-sys-fs-binfmt_misc.automount systemd-remount-fs.service

# Debian asks apt for news at a random moment, in the middle of a test.
for timer in apt-daily apt-daily-upgrade; do
    mkdir -p "$root/etc/systemd/system/$timer.timer.d"
    printf '[Timer]\nOnCalendar=\nOnCalendar=*-12-31 23:59\n' \
        >"$root/etc/systemd/system/$timer.timer.d/lab.conf"
done

# Every host makes its own at first boot; two hosts with one key could not be told apart.
rm -f "$root"/etc/ssh/ssh_host_*

if [ -n "${LAB_ARCHIVES-}" ]; then
    echo 'Binary::apt::APT::Keep-Downloaded-Packages "true";' \
        >"$root/etc/apt/apt.conf.d/90lab-keep-downloads"
    # shellcheck disable=SC2086
    APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -y -q --no-install-recommends --download-only \
        install $LAB_ARCHIVES
fi
