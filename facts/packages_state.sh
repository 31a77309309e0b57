# Prints which of the packages on standard input are installed, and what apt would do. A line each:
# NAME, NAME=VERSION (a pattern of apt's), NAME- for one that shall be absent, or a source by tabs.
# Exit 3: something could not be read. That is never the same as not installed.
# A plan runs this for many roles of every host: what the shell can do itself starts no process.
# dpkg does not tell of a journal that a power cut left; apt refuses to work until dpkg has closed it
# (apt-pkg/deb/debsystem.cc, CheckUpdates).
journal=
for entry in /var/lib/dpkg/updates/[0-9]*; do
    [ ! -e "$entry" ] || journal=left
done
set -f
line_end='
'
names=$(cat)
packages='' sources='' ranked=''
IFS=$line_end
for line in $names; do
    case $line in
    *"$tab") sources=$sources$line$line_end ;;
    *"$tab"*) sources=$sources$line$line_end ranked=$ranked$line$line_end ;; # it has preferences
    *) packages="$packages $line" ;;
    esac
done
unset IFS
sources=${sources%"$line_end"}
lists=/var/lib/apt/lists
apt_options='--no-install-recommends --allow-downgrades --allow-change-held-packages'

asked=
for package in $packages; do
    package=${package%%=*}
    asked="$asked ${package%-}"
done
# dpkg itself is asked for as well: without its line the database was not read.
# shellcheck disable=SC2086  # one word per package is wanted
known=$(dpkg-query --show \
    --showformat='have\t${Package}\t${db:Status-Status}\t${Version}\t${db:Status-Want}\n' \
    dpkg $asked 2>/dev/null)
case $known in *'have	dpkg	installed	'*) ;; *) unreadable "the dpkg database" ;; esac
printf '%s\n' "$known"
unfinished=$journal$(dpkg --audit 2>&1)
[ ! -e /usr/sbin/policy-rc.d ] || ! grep -q '^# ai-idp:' /usr/sbin/policy-rc.d || echo guarded

look_up() { # name; its $version, empty where it is not installed
    version= IFS=$line_end
    for line in $known; do
        case $line in
        "have$tab$1${tab}installed$tab"*)
            version=${line#*"${tab}installed$tab"}
            version=${version%%"$tab"*}
            break
            ;;
        esac
    done
    unset IFS
}

is_there() { # name: whether anything of it but its configuration is, also half unpacked or removed
    IFS=$line_end
    for line in $known; do
        case $line in
        "have$tab$1${tab}not-installed$tab"* | "have$tab$1${tab}config-files$tab"*) ;;
        "have$tab$1$tab"*) unset IFS && return 0 ;;
        esac
    done
    unset IFS
    return 1
}

wanted= present=
for package in $packages; do
    case $package in
    *=*)
        look_up "${package%%=*}"
        pattern=${package#*=}
        # shellcheck disable=SC2254  # apt reads it as a pattern too
        case $version in '') wanted="$wanted $package" ;; $pattern) ;; *) wanted="$wanted $package" ;; esac
        ;;
    *-) ! is_there "${package%-}" || wanted="$wanted $package" ;;
    *)
        look_up "$package"
        if [ -n "$version" ]; then present="$present $package"; else wanted="$wanted $package"; fi
        ;;
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

updated='' repairs='' plan=''
simulate() {
    [ -z "$unfinished" ] || repair || { plan=$said && return 1; }
    # shellcheck disable=SC2046,SC2086  # options and packages, a word each
    [ -z "$wanted" ] ||
        plan=$(apt-get --simulate --quiet $apt_options $view $(options_of_copy) install $wanted 2>&1) || {
        # dpkg does not tell of a complete package whose counterpart is of another version.
        { [ -n "$unfinished" ] || repair; } && as_asked && unfinished=told
    }
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

pending=
if [ -n "$wanted$ranked" ]; then
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

if [ -n "$wanted$unfinished" ]; then
    # Package lists are a cache: fetching them is the one thing that a plan writes on a host.
    if ! simulate || [ -z "$(find $lists -maxdepth 0 -mmin -10080)" ]; then
        apt-get update --quiet >/dev/null 2>&1
        updated=yes
        [ -z "$pending" ] || ask_privately
        simulate ||
            unreadable "apt finds no way to install${wanted:- what dpkg left unfinished}: $(printf '%s' "$plan" | grep '^E:')"
    fi
    printf '%s\n' "$repairs" "$plan" | sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/will	\1	\2/p
        s/^Inst \([^ ]*\) \[\([^]]*\)\] (\([^ ]*\) .*/will	\1	\3	\2/p
        s/^Conf \([^ ]*\) (\([^ ]*\) .*/complete	\1	\2/p
        s/^Remv \([^ ]*\).*/gone	\1/p'
fi
[ -z "$unfinished" ] || echo unfinished
echo end
