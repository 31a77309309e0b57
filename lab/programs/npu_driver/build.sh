#!/bin/sh
# Runs in a container of the outside world's machine: makes the packages of each RELEASE=VERSION from
# driver.c, and an archive of them as Intel's.
set -eu
export LC_ALL=C SOURCE_DATE_EPOCH=1789000000
apt-get install -q -y --no-install-recommends tcc binutils libc6-dev libze-dev >/dev/null
mkdir /made

package() { # name, version, tree, its dependencies
    mkdir -p "$3/DEBIAN"
    cat >"$3/DEBIAN/control" <<CONTROL
Package: $1
Version: $2
Architecture: amd64
Maintainer: Intel Corporation
Section: devel
Priority: optional
Depends: $4
Description: stand-in of the lab for Intel's package
CONTROL
    find "$3" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$3" "$work" >/dev/null
}

for pair in "$@"; do
    release=${pair%%=*} version=${pair#*=}
    work=$(mktemp -d)
    libraries=/usr/lib/x86_64-linux-gnu

    tree=$work/fw
    mkdir -p "$tree/lib/firmware/updates/intel/vpu" "$tree/DEBIAN"
    for name in vpu_37xx_v1 vpu_40xx_v1 vpu_50xx_v1; do
        echo "firmware of the lab, $release" >"$tree/lib/firmware/updates/intel/vpu/$name.bin"
    done
    package intel-fw-npu "$version" "$tree" libc6

    tree=$work/compiler
    mkdir -p "$tree$libraries"
    echo "no compiler in the lab" >"$tree$libraries/libnpu_driver_compiler.so"
    package intel-driver-compiler-npu "$version" "$tree" 'libc6, libtbb12'

    tree=$work/driver
    mkdir -p "$tree$libraries"
    number=$(echo "$release" | sed 's/.*\.\([0-9]*\)-.*/\1/')
    tcc -c -Wall -DDRIVER_VERSION="$number" -o "$work/driver.o" /driver.c
    # tcc itself links for an executable stack, which a process that runs may not be given.
    ld -shared -z noexecstack -soname libze_intel_npu.so.1 \
        -o "$tree$libraries/libze_intel_npu.so.$release" "$work/driver.o" -lc
    ln -s "libze_intel_npu.so.$release" "$tree$libraries/libze_intel_npu.so.1"
    package intel-level-zero-npu "$version" "$tree" libc6

    # As Intel's: packages at the top, with their owner.
    tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=1000 --group=1000 -cf - \
        $(cd "$work" && echo *.deb) | gzip -9n >"/made/$release.tar.gz"
done
