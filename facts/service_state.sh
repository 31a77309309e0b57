# Prints what is there of one service; reads lines `path<TAB>…` and `unit<TAB>…` from standard input.
# Exit 3: something could not be read. That is never the same as absent.
# A plan runs this for every role of every host: what the shell can do itself starts no process.
unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

export LC_ALL=C
tab='	' line_end='
'
state=/var/lib/ai-idp/services/$service
wanted=$(cat)
paths='' units='' files='' manifest=''
# From here on a line is a word, and never a pattern.
set -f
IFS=$line_end
for line in $wanted; do
    case $line in
    "path$tab"*) paths=$paths${line#*"$tab"}$line_end ;;
    "unit$tab"*) units=$units${line#*"$tab"}$line_end ;;
    esac
done

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
        for path in $manifest; do
            printf 'manifest\t%s\n' "$path"
            case $line_end$paths in *"$line_end$path$line_end"*) ;; *) paths=$paths$path$line_end ;; esac
        done
    fi
fi

if [ -n "$paths" ]; then
    { errors=$(printf %s "$paths" | xargs -d '\n' stat \
        --printf='entry\t%F\t%a\t%U\t%G\t%n\t%u\t%g\n' 2>&1 >&3); } 3>&1
    for line in $errors; do
        case $line in *': No such file or directory') ;; *) unreadable "$line" ;; esac
    done
    for path in $paths; do
        if [ -L "$path" ]; then
            printf 'link\t%s\t%s\n' "$path" "$(readlink "$path")"
        elif [ -f "$path" ]; then
            files=$files$path$line_end
        fi
    done
    [ -z "$files" ] || printf %s "$files" | xargs -d '\n' sha256sum | sed 's/^/sum	/'
fi

if [ -n "$units" ]; then
    looks=0
    while
        # shellcheck disable=SC2086  # one word per unit is wanted
        shown=$(systemctl show -p Id -p LoadState -p UnitFileState -p ActiveState -p NeedDaemonReload $units) ||
            unreadable systemctl
        looks=$((looks + 1))
        # One that ends is off a moment later, or is started again by systemd; which of both, counts.
        case $shown in *ActiveState=deactivating*) [ $looks -lt 25 ] ;; *) false ;; esac
    do
        sleep 0.2
    done
    printf '%s\n' "$shown" |
        awk 'BEGIN { RS = ""; FS = "\n" } { gsub("\n", "\t"); print "unit\t" $0 }' || unreadable systemctl
fi

if [ -n "$live" ]; then
    # The dot keeps the last line's end, which the recorded sum is over too.
    said=$(sh -c "$live" 2>/dev/null; printf .)
    said=${said%.}
    sum=$(printf %s "$said" | sha256sum) recorded=
    [ ! -e "$state/live" ] || read -r recorded <"$state/live"
    printf 'live\t%s\t%s\n' "${sum%% *}" "$recorded"
    for line in $said; do
        case $line in 'differs: '*) printf 'differs\t%s\n' "${line#differs: }" ;; esac
    done
fi
echo end
