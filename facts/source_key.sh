# Keys of apt sources: fetched once, and kept in root's cache only if they are the pinned one.
unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

export LC_ALL=C DEBIAN_FRONTEND=noninteractive
apt_cache=/var/lib/ai-idp/apt
tab='	'

# apt's own downloader is on every host before the first package, and knows the proxy of apt.
apt_helper=/usr/lib/apt/apt-helper
patience='-o Acquire::Retries=1 -o Acquire::https::Timeout=20 -o Acquire::http::Timeout=20'

armored_body() { # file: the base64 text of the one block in it
    [ "$(grep -c '^-----BEGIN PGP PUBLIC KEY BLOCK-----' "$1")" = 1 ] || return 1
    tr -d '\r' <"$1" | sed -n '/^-----BEGIN PGP/,/^-----END PGP/p' | sed '1,/^$/d;/^[=-]/,$d'
}

# RFC 9580, 4.2 (packet headers) and 5.5.4.2 (fingerprint of a version 4 key): SHA-1 over 0x99, the
# length in two bytes, and the body of the public key packet. Hosts need no gpg for that.
fingerprint_in() { # armored file: the fingerprint of the only primary key in it, else an error
    armored_body "$1" | base64 -d >"$1.bin" 2>/dev/null || return 1
    found=$(od -An -v -tu1 "$1.bin" | awk '
        { for (i = 1; i <= NF; i++) byte[n++] = $i }
        END {
            p = 0
            while (p < n) {
                first = byte[p]
                if (first < 128) exit 1
                if (first >= 192) {
                    tag = first - 192; len = byte[p + 1]; head = 2
                    if (len >= 224 && len < 255) exit 1
                    if (len == 255) {
                        len = ((byte[p + 2] * 256 + byte[p + 3]) * 256 + byte[p + 4]) * 256 + byte[p + 5]; head = 6
                    } else if (len >= 192) { len = (len - 192) * 256 + byte[p + 2] + 192; head = 3 }
                } else {
                    tag = int((first - 128) / 4); kind = first % 4; head = 2; len = byte[p + 1]
                    if (kind == 3) exit 1
                    if (kind == 1) { len = len * 256 + byte[p + 2]; head = 3 }
                    if (kind == 2) { len = ((len * 256 + byte[p + 2]) * 256 + byte[p + 3]) * 256 + byte[p + 4]; head = 5 }
                }
                if (tag == 6) { keys++; at = p + head; size = len }
                if (p == 0 && tag != 6 || tag == 5 || tag == 7) exit 1
                p += head + len
            }
            if (p != n || keys != 1 || byte[at] != 4 || size > 65535) exit 1
            print at, size
        }') || return 1
    at=${found% *} size=${found#* }
    {
        # shellcheck disable=SC2059  # the two bytes of the length, in octal
        printf "\\231\\$(printf '%03o' $((size / 256)))\\$(printf '%03o' $((size % 256)))"
        tail -c "+$((at + 1))" "$1.bin" | head -c "$size"
    } | sha1sum | cut -d' ' -f1 | tr a-f A-F
    rm -f "$1.bin"
}

have_key() { # name, fingerprint, address: afterwards the checked key is $apt_cache/keys/NAME.asc
    kept=$apt_cache/keys/$1.asc
    [ "$(fingerprint_in "$kept" 2>/dev/null)" != "$2" ] || return 0
    (umask 077 && mkdir -p "$apt_cache/keys") || unreadable "$apt_cache/keys"
    rm -f "$kept.new"
    # shellcheck disable=SC2086  # options
    said=$($apt_helper $patience -o APT::Sandbox::User=root download-file "$3" "$kept.new" 2>&1) ||
        unreadable "the key of the source $1 cannot be fetched from $3: $(printf '%s' "$said" | grep '^E:' | tail -n 1)"
    found=$(fingerprint_in "$kept.new") || found=
    if [ "$found" != "$2" ]; then
        rm -f "$kept.new" "$kept.new.bin"
        unreadable "$3 does not answer with exactly the key $2, which is pinned for the source $1, but with ${found:-no single armored key}; find out why before you pin another one"
    fi
    chmod 0644 "$kept.new" && mv "$kept.new" "$kept" || unreadable "$kept"
}

