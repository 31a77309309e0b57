# What apt would do about the work that dpkg left unfinished, and then about what is asked for: parts of
# packages_state.sh, whose $wanted, $view, $apt_options and look_up they use.
copy=
options_of_copy() {
    [ -z "$copy" ] || echo "-o Dir::State::status=$copy/status -o Dir::Cache::pkgcache="
}

# What a run does before all else (operations/packages.sh), in apt's words: $repairs. Asked of a copy of
# what dpkg knows: apt reads no journal, and has to do without packages that it has no archive of.
repair() {
    repairs=
    [ -n "$copy" ] || copy=$(mktemp -d) || return 1
    trap 'rm -rf "$copy"' EXIT
    dpkg-query --status >"$copy/status" || return 1
    # shellcheck disable=SC2046,SC2086  # options
    until said=$(apt-get --simulate --quiet $apt_options $view $(options_of_copy) --fix-broken install 2>&1); do
        lost=$(printf '%s\n' "$said" |
            sed -n "s/^E: The package \([^ ]*\) needs to be reinstalled, but I can't find an archive .*/\1/p")
        [ -n "$lost" ] && [ -n "$updated" ] && forget "${lost%%:*}" || return 1
        repairs="${repairs}Remv $lost$line_end"
    done
    repairs=$repairs$(unpacked_again)$line_end$said
}

forget() { # name, which the copy has no more
    awk -v name="$1" 'BEGIN { RS = ""; ORS = "\n\n" }
        $2 == name { found = 1; next }
        { print }
        END { exit !found }' "$copy/status" >"$copy/rest" && mv "$copy/rest" "$copy/status"
}

unpacked_again() {
    awk 'BEGIN { RS = "" }
        /\nStatus: [a-z]+ reinstreq / && match($0, /\nVersion: [^\n]*/) {
            print "Inst " $2 " (" substr($0, RSTART + 10, RLENGTH - 10) " )"
        }' "$copy/status"
}

as_asked() { # what apt will be asked for once it has done repairs; before, it tells of nothing else
    case $repairs in *'Inst '* | *'Remv '*) ;; *) return 1 ;; esac
    told=
    for package in $wanted; do
        case $package in
        *-) told="${told}Remv ${package%-}$line_end" ;;
        *)
            # shellcheck disable=SC2086  # options
            coming=$(apt-cache $view --no-all-versions show "$package" 2>/dev/null | sed -n '/^Version: /{s///p;q}')
            [ -n "$coming" ] || return 1
            look_up "${package%%=*}"
            told="${told}Inst ${package%%=*} ${version:+[$version] }($coming )$line_end"
            ;;
        esac
    done
    plan=$told
}
