# Has one model in place: $root/$name/$file of $bytes bytes with $sha256, marked as verified.
# $action: download, mark or own. $readers: containers that have a broken file mapped.
set -u
export LC_ALL=C
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
path=$root/$name/$file
incoming=$root/.incoming/$name

fail() {
    printf '%s: %s\n' "$name" "$*" >&2
    exit 1
}

require_space() {
    free=$(df --block-size=1 --output=avail "$root" | tail -n 1)
    [ "$free" -ge $((bytes + reserve)) ] ||
        fail "$root has $((free / 1048576)) MiB free; the model takes $((bytes / 1048576)) MiB and" \
            "$((reserve / 1048576)) MiB stay free (reserve_gib): make room there"
}

withdraw() { # a file that is not what it was marked as reaches no server any more
    for id in $readers; do
        docker stop "$id" >/dev/null || fail "container $id, which maps the broken file, does not stop"
    done
    rm -f "$path.verified" "$path"
}

fetch() { # whatever an interrupted download left is no use to the client: it begins anew
    rm -rf "$incoming"
    mkdir -p "$incoming"
    "$client" download "$repository" "$file" --revision "$revision" --local-dir "$incoming" \
        >"$incoming.log" 2>&1 || {
        tail -n 5 "$incoming.log" >&2
        fail "$repository@$revision could not be downloaded"
    }
}

verify() {
    [ -f "$incoming/$file" ] || fail "the download ended without $file"
    found=$(sha256sum <"$incoming/$file")
    found=${found%% *}
    if [ "$found" != "$sha256" ]; then
        rm -rf "$incoming"
        fail "what $repository@$revision has as $file is not the model of the catalogue: its" \
            "sha256 is $found, expected $sha256; it was thrown away and nothing was put in place"
    fi
}

place() {
    chown root:root "$incoming/$file" && chmod 0644 "$incoming/$file" && sync "$incoming/$file" &&
        mkdir -p "${path%/*}" && rm -f "$path.verified" && mv -fT "$incoming/$file" "$path" ||
        fail "could not be put in place at $path"
    rm -rf "$incoming" "$incoming.log"
}

mark() {
    printf '%s %s\n' "$sha256" "$(stat --printf='%s %Y %i' "$path")" >"$path.verified.new" &&
        mv -fT "$path.verified.new" "$path.verified" || fail "could not be marked as verified"
}

mkdir -p "$root/.incoming" || fail "$root cannot be written"
exec 9>>"$root/.incoming/lock"
flock 9

case $action in
download)
    [ -z "$broken" ] || withdraw
    require_space
    fetch
    verify
    place
    mark
    for id in $readers; do
        docker start "$id" >/dev/null || fail "container $id, which was stopped, does not start again"
    done
    ;;
mark) mark ;;
own) chown root:root "$path" && chmod 0644 "$path" || fail "$path keeps its owner or mode" ;;
esac
