# Prints which of the packages on standard input are installed, and what apt would do. A line each:
# NAME, NAME=VERSION (a pattern of apt's), NAME- for one that shall be absent, or a source by tabs.
# Exit 3: something could not be read. That is never the same as not installed.
set -f
names=$(cat)
sources=$(printf '%s\n' "$names" | grep "$tab")
names=$(printf '%s\n' "$names" | grep -v "$tab")
lists=/var/lib/apt/lists
apt_options='--no-install-recommends --allow-downgrades --allow-change-held-packages'

# dpkg itself is asked for as well: without its line the database was not read.
# shellcheck disable=SC2046  # one word per package is wanted
known=$(dpkg-query --show \
    --showformat='have\t${Package}\t${db:Status-Status}\t${Version}\t${db:Status-Want}\n' \
    dpkg $(printf '%s\n' "$names" | sed 's/=.*//;s/-$//') 2>/dev/null)
case $known in *'have	dpkg	installed	'*) ;; *) unreadable "the dpkg database" ;; esac
printf '%s\n' "$known"
[ -z "$(dpkg --audit 2>&1)" ] || echo unfinished
[ ! -e /usr/sbin/policy-rc.d ] || ! grep -q '^# ai-idp:' /usr/sbin/policy-rc.d || echo guarded

version_of() {
    printf '%s\n' "$known" | awk -F'\t' -v name="$1" '$2 == name && $3 == "installed" { print $4; exit }'
}

wanted= present=
for package in $names; do
    case $package in
    *=*)
        version=$(version_of "${package%%=*}") pattern=${package#*=}
        # shellcheck disable=SC2254  # apt reads it as a pattern too
        case $version in '') wanted="$wanted $package" ;; $pattern) ;; *) wanted="$wanted $package" ;; esac
        ;;
    *-) [ -z "$(version_of "${package%-}")" ] || wanted="$wanted $package" ;;
    *) if [ -n "$(version_of "$package")" ]; then present="$present $package"; else wanted="$wanted $package"; fi ;;
    esac
done

decoded() { printf '%s' "$1" | base64 -d; }

in_place() { # name, texts of its two files: whether apt of this host knows the source as declared
    keyring=/etc/apt/keyrings/ai-idp-$1.asc preferences=/etc/apt/preferences.d/ai-idp-$1.pref
    cmp -s "$keyring" "$apt_cache/keys/$1.asc" &&
        [ "$(cat "/etc/apt/sources.list.d/ai-idp-$1.sources" 2>/dev/null)" = "$(decoded "$2")" ] &&
        [ "$(cat "$preferences" 2>/dev/null)" = "$(decoded "$3")" ]
}

link_others() { # folder of apt's, folder of the view: what the host has but for the declared sources
    set +f
    for path in "/etc/apt/$1"/*; do
        [ -e "$path" ] || continue
        name=${path##*/ai-idp-}
        case " $pending " in *" ${name%.*} "*) ;; *) ln -s "$path" "$apt_cache/$2/" ;; esac
    done
    set -f
}

declare_sources() { # as apt would find them, with their keys where only root looks
    printf '%s\n' "$sources" | while IFS="$tab" read -r _ name fingerprint url list preferences; do
        case " $pending " in *" $name "*) ;; *) continue ;; esac
        have_key "$name" "$fingerprint" "$url" </dev/null
        decoded "$list" | sed "s#^Signed-By: .*#Signed-By: $apt_cache/keys/$name.asc#" \
            >"$apt_cache/declared/ai-idp-$name.sources"
        ln -s "$apt_cache/declared/ai-idp-$name.sources" "$apt_cache/sources/"
        [ -z "$preferences" ] || decoded "$preferences" >"$apt_cache/preferences/ai-idp-$name.pref"
    done
}

fetch_declared() {
    # shellcheck disable=SC2086  # options
    said=$(apt-get update --quiet $patience $view -o Dir::Etc::sourcelist=/dev/null \
        -o Dir::Etc::sourceparts="$apt_cache/declared" -o APT::Get::List-Cleanup=0 \
        -o APT::Update::Error-Mode=any 2>&1) ||
        unreadable "apt cannot read the source$pending: $(printf '%s' "$said" | grep '^[EW]:' | tr '\n' ' ')"
    printf '%s\n' "$sources" >"$apt_cache/lists.of"
}

link_lists() {
    find "$apt_cache/lists" -type l -delete
    find $lists -maxdepth 1 -type f -name '*_*' | while read -r list; do
        [ -e "$apt_cache/lists/${list##*/}" ] || ln -s "$list" "$apt_cache/lists/"
    done
}

view=
ask_privately() { # apt with the declared sources, before they are this host's
    umask 077
    mkdir -p "$apt_cache/lists"
    rm -rf "$apt_cache/sources" "$apt_cache/preferences" "$apt_cache/declared"
    mkdir "$apt_cache/sources" "$apt_cache/preferences" "$apt_cache/declared" || unreadable "$apt_cache"
    link_others sources.list.d sources
    link_others preferences.d preferences
    declare_sources || exit 3
    view="-o Dir::State::lists=$apt_cache/lists -o Dir::Cache=$apt_cache/cache -o APT::Sandbox::User=root"
    mkdir -p "$apt_cache/cache/archives/partial"
    if [ "$(cat "$apt_cache/lists.of" 2>/dev/null)" != "$sources" ] ||
        [ -z "$(find "$apt_cache/lists.of" -mmin -60)" ]; then
        rm -rf "$apt_cache/lists" && mkdir "$apt_cache/lists"
        fetch_declared
    fi
    link_lists
    view="$view -o Dir::Etc::sourceparts=$apt_cache/sources -o Dir::Etc::preferencesparts=$apt_cache/preferences"
}

simulate() {
    # shellcheck disable=SC2086  # options and packages, a word each
    plan=$(apt-get --simulate --quiet $apt_options $view install $wanted 2>&1)
}

# apt_preferences(5): above 1000 a version is to be had even if that is a downgrade.
preferred() {
    # shellcheck disable=SC2086  # options and packages, a word each
    apt-cache $view policy $present | awk '
        function tell() {
            if (name && candidate != installed && rank[candidate] > 1000 && rank[installed] <= 1000) print name
        }
        /^[^ ]/ { tell(); name = $1; sub(/:$/, "", name); split("", rank) }
        /^  Installed: / { installed = $2 }
        /^  Candidate: / { candidate = $2 }
        /^ \*\*\* / { rank[$2] = $3 }
        /^     [^ ]/ { rank[$1] = $2 }
        END { tell() }'
}

ranked=$(printf '%s\n' "$sources" | awk -F'\t' '$6 != ""')
if [ -n "$wanted$ranked" ]; then
    pending=
    while IFS="$tab" read -r _ name _ _ list preferences; do
        [ -z "$name" ] || in_place "$name" "$list" "$preferences" || pending="$pending $name"
    done <<EOT
$sources
EOT
    [ -z "$pending" ] || ask_privately
    if [ -n "$ranked" ] && [ -n "$present" ]; then
        for name in $(preferred); do
            printf 'preferred\t%s\n' "$name"
            wanted="$wanted $name"
        done
    fi
fi

if [ -n "$wanted" ]; then
    # Package lists are a cache: fetching them is the one thing that a plan writes on a host.
    if ! simulate || [ -z "$(find $lists -maxdepth 0 -mmin -10080)" ]; then
        apt-get update --quiet >/dev/null 2>&1
        [ -z "$pending" ] || ask_privately
        simulate || unreadable "apt finds no way to install$wanted: $(printf '%s' "$plan" | grep '^E:')"
    fi
    printf '%s\n' "$plan" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/will	\1	\2/p
        s/^Inst \([^ ]*\) \[\([^]]*\)\] (\([^ ]*\) .*/will	\1	\3	\2/p
        s/^Remv \([^ ]*\).*/gone	\1/p'
fi
echo end
