#!/bin/sh
# Runs inside the outside world's container: builds every repository of this folder into
# /srv/repositories/HOST/PATH, signed by a key of its own from keys/ (made where it is missing).
set -eu
export LC_ALL=C
cd /opt/lab/repositories
mkdir -p keys
: >fingerprints.txt
work=$(mktemp -d)
export GNUPGHOME="$work/gnupg"
mkdir -m 700 "$GNUPGHOME"

value() { # repository, key: a value of its repository.json, empty where it has none
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2], ""))' \
        "$1/repository.json" "$2"
}

take_over() { # name of Debian's package, tree, with its scripts or not
    (cd "$work" && apt-get download -qq -o APT::Sandbox::User=root "$1" >&2)
    deb=$(echo "$work/$1"_*.deb)
    dpkg-deb -x "$deb" "$2"
    rm -rf "$2/usr/share/doc" "$2/usr/share/man" "$2/usr/share/lintian"
    mkdir -p "$2/DEBIAN"
    if [ "$3" = scripts ]; then
        dpkg-deb -e "$deb" "$work/control"
        rm -f "$work/control/control" "$work/control/md5sums"
        cp -a "$work/control/." "$2/DEBIAN/"
        rm -rf "$work/control"
    fi
    rm "$deb"
}

package() { # definition, version, folder for the deb
    tree=$work/tree
    rm -rf "$tree" && mkdir -p "$tree/DEBIAN"
    scripts=scripts
    if [ -e "$1/from.txt" ]; then
        while read -r debian; do
            take_over "$debian" "$tree" "$scripts"
            scripts=
        done <"$1/from.txt"
    fi
    [ ! -d "$1/root" ] || cp -a "$1/root/." "$tree/"
    if [ -e "$1/standin.txt" ]; then
        read -r standin place <"$1/standin.txt"
        mkdir -p "$tree$place"
        cp standins/"$standin"/*.py "$tree$place/"
    fi
    for file in control preinst postinst prerm postrm triggers conffiles; do
        [ ! -e "$1/$file" ] || cp "$1/$file" "$tree/DEBIAN/"
    done
    upstream=$(echo "$2" | sed 's/^[0-9]*://;s/-[^-]*$//')
    grep -rlI -e @VERSION@ -e @UPSTREAM@ "$tree" | xargs -r sed -i "s/@VERSION@/$2/g;s/@UPSTREAM@/$upstream/g"
    chmod 755 "$tree" "$tree/DEBIAN"
    for script in preinst postinst prerm postrm; do
        [ ! -e "$tree/DEBIAN/$script" ] || chmod 755 "$tree/DEBIAN/$script"
    done
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$tree" "$3" >/dev/null
}

# The vendors' keys are RSA. apt of Debian 13 wants SHA-2 in their own signatures (sqv's policy).
import_key() { # repository: its key in the keyring, its fingerprint on standard output
    if [ ! -e "keys/$1.asc" ]; then
        gpg --batch --quiet --passphrase '' --cert-digest-algo SHA512 \
            --quick-generate-key "$1 (ai-idp lab) <$1@lab.invalid>" rsa3072 sign never
        (umask 077 && gpg --batch --quiet --armor --export-secret-keys "<$1@lab.invalid>" >"keys/$1.asc")
    fi
    gpg --batch --quiet --import "keys/$1.asc"
    gpg --batch --with-colons --list-keys "<$1@lab.invalid>" | awk -F: '$1 == "fpr" { print $10; exit }'
}

index() { # definition, fingerprint: writes Packages and Release of the current folder, and signs
    suite=$(value "$1" suite) component=$(value "$1" component)
    if [ -n "$suite" ]; then
        index=dists/$suite/$component/binary-amd64 release=dists/$suite
        mkdir -p "$index"
        apt-ftparchive packages "dists/$suite/pool" >"$index/Packages"
    else
        index=. release=.
        apt-ftparchive packages . >"$work/Packages"
        mv "$work/Packages" .
    fi
    gzip -9kf "$index/Packages"
    apt-ftparchive -o "APT::FTPArchive::Release::Origin=$(value "$1" origin)" \
        -o "APT::FTPArchive::Release::Label=$(value "$1" origin)" \
        -o "APT::FTPArchive::Release::Suite=$suite" -o "APT::FTPArchive::Release::Codename=$suite" \
        -o "APT::FTPArchive::Release::Components=$component" \
        -o "APT::FTPArchive::Release::Architectures=amd64" release "$release" >"$work/Release"
    mv "$work/Release" "$release/Release"
    gpg --batch --quiet --digest-algo SHA512 --local-user "$2" --clearsign \
        --output "$release/InRelease" "$release/Release"
    gpg --batch --quiet --digest-algo SHA512 --local-user "$2" --armor --detach-sign \
        --output "$release/Release.gpg" "$release/Release"
}

for definition in */repository.json; do
    name=${definition%/*}
    root=/srv/repositories/$(value "$name" host)
    top=$root/$(value "$name" path)
    suite=$(value "$name" suite)
    pool=$top${suite:+/dists/$suite/pool/$(value "$name" component)/amd64}
    mkdir -p "$pool"
    for folder in "$name"/packages/*/; do
        while read -r version; do
            package "${folder%/}" "$version" "$pool"
        done <"$folder/versions.txt"
    done
    signer=$(value "$name" signer)
    fingerprint=$(import_key "${signer:-$name}")
    mkdir -p "$root/$(dirname "$(value "$name" key)")"
    gpg --batch --armor --export "$fingerprint" >"$root/$(value "$name" key)"
    (cd "$top" && index "/opt/lab/repositories/$name" "$fingerprint")
    echo "$name $fingerprint" >>fingerprints.txt
done
gpgconf --kill all
rm -rf "$work"
