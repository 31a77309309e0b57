# Downloads $url, checks its $sha256 and unpacks it as $folder; $name is what to call it.
set -eu
export LC_ALL=C
umask 022
shelf=${folder%/*}
incoming=$shelf/.incoming
# One that lost its connection goes on, and has the same folder of incoming files.
mkdir -p -m 0700 /var/lib/ai-idp
exec 9>>/var/lib/ai-idp/archives.lock
flock -w 1800 9 || {
    echo "another download of an archive has gone on for half an hour; see what curl waits for" >&2
    exit 1
}
mkdir -p "$shelf"
rm -rf "$incoming"
mkdir -m 0700 "$incoming"
# Where nothing came, nothing stays, the folders neither.
trap 'rm -rf "$incoming"; rmdir --ignore-fail-on-non-empty "$shelf" "${shelf%/*}" 2>/dev/null || :' EXIT

refuse() {
    echo "$*" >&2
    exit 1
}

# Addresses of releases answer with a redirection to where the bytes are.
curl --fail --silent --show-error --location --proto '=https' --retry 3 --connect-timeout 15 \
    --max-time 900 --output "$incoming/archive" "$url" ||
    refuse "$name cannot be had; see that this host reaches $url, and that the release exists"
found=$(sha256sum <"$incoming/archive")
found=${found%% *}
[ "$found" = "$sha256" ] ||
    refuse "$url has the sha256 $found, not $sha256; nothing of it was unpacked: compare both with what the release's page says"

mkdir "$incoming/unpacked"
case $url in
*.zip) unzip -q "$incoming/archive" -d "$incoming/unpacked" ;;
*.deb) mv "$incoming/archive" "$incoming/unpacked/${url##*/}" ;;
*) tar -xzf "$incoming/archive" -C "$incoming/unpacked" --no-same-owner ;;
esac || refuse "$name cannot be unpacked from $url"
chmod -R u=rwX,go=rX "$incoming/unpacked"
contents "$incoming/unpacked" >"$incoming/contents"
mv "$incoming/contents" "$incoming/unpacked/.contents"
sync -f "$incoming"

# A program that still runs from the folder keeps its file.
[ ! -e "$folder" ] || mv -T "$folder" "$incoming/before"
mv -T "$incoming/unpacked" "$folder"
