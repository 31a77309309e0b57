# Prints what is there of one service; reads lines `path<TAB>…` and `unit<TAB>…` from standard input.
# Exit 3: something could not be read. That is never the same as absent.
unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

export LC_ALL=C
state=/var/lib/ai-idp/services/$service
wanted=$(cat)
paths=$(printf '%s\n' "$wanted" | sed -n 's/^path	//p')
units=$(printf '%s\n' "$wanted" | sed -n 's/^unit	//p')

if [ -e "$state" ] || [ -L "$state" ]; then
    [ -d "$state" ] || unreadable "$state is not a directory"
    if [ -e "$state/lock" ]; then
        exec 9<"$state/lock"
        # A transaction that goes on without its connection ends before its outcome is read.
        flock -s -w 600 9 || unreadable "a transaction of $service has held its lock for 600 s"
    fi
    [ ! -e "$state/transaction/swapped" ] || echo unfinished
    if [ -e "$state/manifest" ]; then
        manifest=$(cat "$state/manifest") || unreadable "$state/manifest"
        [ -z "$manifest" ] || printf '%s\n' "$manifest" | sed 's/^/manifest	/'
        paths=$(printf '%s\n%s\n' "$paths" "$manifest" | sort -u | sed '/^$/d')
    fi
fi

if [ -n "$paths" ]; then
    { errors=$(printf '%s\n' "$paths" | tr '\n' '\0' |
        xargs -0 stat --printf='entry\t%F\t%a\t%U\t%G\t%n\t%u\t%g\n' 2>&1 >&3); } 3>&1
    errors=$(printf '%s\n' "$errors" | sed '/: No such file or directory$/d;/^$/d')
    [ -z "$errors" ] || unreadable "$errors"
    printf '%s\n' "$paths" | while read -r path; do
        [ ! -L "$path" ] || printf 'link\t%s\t%s\n' "$path" "$(readlink "$path")"
    done
    printf '%s\n' "$paths" | while read -r path; do
        [ -L "$path" ] || [ ! -f "$path" ] || printf '%s\0' "$path"
    done | xargs -0 -r sha256sum | sed 's/^/sum	/'
fi

if [ -n "$units" ]; then
    # shellcheck disable=SC2086  # one word per unit is wanted
    systemctl show -p Id -p LoadState -p UnitFileState -p ActiveState -p NeedDaemonReload $units |
        awk 'BEGIN { RS = ""; FS = "\n" } { gsub("\n", "\t"); print "unit\t" $0 }' || unreadable systemctl
fi

if [ -n "$live" ]; then
    printf 'live\t%s\t%s\n' "$(sh -c "$live" 2>/dev/null | sha256sum | cut -d' ' -f1)" "$(cat "$state/live" 2>/dev/null)"
fi
echo end
