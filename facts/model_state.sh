# Prints what is there of the files named on standard input (folder<TAB>path), below $root.
# A file that is still the one that was verified is not read again: its size, time and inode say so.
# Exit 3: something could not be read. That is never the same as absent.
unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

mark_of() { # $1: path in $folder; its line in the marks, without the path
    [ ! -e "$folder/.verified" ] || while read -r sum size time inode of; do
        [ "$of" != "$1" ] || printf '%s %s %s %s' "$sum" "$size" "$time" "$inode"
    done <"$folder/.verified"
}

export LC_ALL=C
tab=$(printf '\t')
while IFS="$tab" read -r folder path; do
    file=$folder/$path
    [ -e "$file" ] || continue
    [ -f "$file" ] || unreadable "$file is not a regular file"
    now=$(stat --printf='%s %.9Y %i' "$file") || unreadable "$file"
    verified=$(mark_of "$path") || unreadable "$folder/.verified"
    if [ -n "$verified" ] && [ "${verified#* }" = "$now" ]; then
        marked=yes
        sha256=${verified%% *}
    else
        marked=no
        sha256=$(sha256sum <"$file") || unreadable "$file"
    fi
    printf 'file\t%s\t%s\t%s\t%s\t%s\t%s\n' "$file" "${sha256%% *}" "$marked" "${verified%% *}" \
        "${now%% *}" "$(stat --printf='%a %U:%G' "$file")"
done
if [ -d "$root" ]; then
    find -H "$root" -path "$root/.incoming" -prune -o ! -type d ! -name .verified \
        -printf 'found\t%p\t%s\n' || unreadable "$root"
fi
# A stopped engine is not asked: that would start it through its socket.
if systemctl --quiet is-active docker.service; then
    all=$(docker ps --all --quiet --no-trunc) || unreadable "the containers"
    name='{{index $.Config.Labels "com.docker.compose.project"}}/{{index $.Config.Labels "com.docker.compose.service"}}'
    # A container may go while the others are listed; whether it was asked for is told by `ps`.
    [ -z "$all" ] || docker inspect --format \
        "{{range .Mounts}}mount${tab}{{.Source}}${tab}$name${tab}{{$.Name}}${tab}{{$.State.Running}}{{println}}{{end}}" \
        $all 2>/dev/null | grep "^mount$tab$root/" || :
fi
echo end
