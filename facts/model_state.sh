# Prints what is there of each model named on standard input (name<TAB>file), under $root.
# A file that is still the one that was verified is not read again: its size, time and inode say so.
# Exit 3: something could not be read. That is never the same as absent.
unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

export LC_ALL=C
tab=$(printf '\t')
reader='{{.Label "com.docker.compose.project"}}/{{.Label "com.docker.compose.service"}}={{.ID}}'
while IFS="$tab" read -r name file; do
    path=$root/$name/$file
    [ -e "$path" ] || continue
    [ -f "$path" ] || unreadable "$path is not a regular file"
    now=$(stat --printf='%s %Y %i' "$path") || unreadable "$path"
    verified=
    if [ -e "$path.verified" ]; then
        verified=$(cat "$path.verified") || unreadable "$path.verified"
    fi
    if [ -n "$verified" ] && [ "${verified#* }" = "$now" ]; then
        marked=yes
        sha256=${verified%% *}
    else
        marked=no
        sha256=$(sha256sum <"$path") || unreadable "$path"
    fi
    readers=
    # A stopped engine is not asked: that would start it through its socket.
    if systemctl --quiet is-active docker.service; then
        readers=$(docker ps --no-trunc --filter "volume=$root/$name" --format "$reader") ||
            unreadable "the containers that mount $root/$name"
    fi
    printf 'model\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "${sha256%% *}" "$marked" "${verified%% *}" \
        "$(stat --printf='%a %U:%G' "$path")" "$(printf '%s' "$readers" | tr '\n' ' ')"
done
echo end
