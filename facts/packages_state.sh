# Prints which of the packages named on standard input (a line each) are installed, and what apt would do.
# Exit 3: the package database could not be read. That is never the same as not installed.
unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

export LC_ALL=C DEBIAN_FRONTEND=noninteractive
names=$(cat)
lists=/var/lib/apt/lists

# dpkg itself is asked for as well: without its line the database was not read.
# shellcheck disable=SC2086  # one word per package is wanted
known=$(dpkg-query --show --showformat='have\t${Package}\t${db:Status-Status}\t${Version}\n' dpkg $names 2>/dev/null)
case $known in *'have	dpkg	installed	'*) ;; *) unreadable "the dpkg database" ;; esac
printf '%s\n' "$known"
[ -z "$(dpkg --audit 2>&1)" ] || echo unfinished
[ ! -e /usr/sbin/policy-rc.d ] || ! grep -q '^# ai-idp:' /usr/sbin/policy-rc.d || echo guarded

missing=
for name in $names; do
    case $known in *"have	$name	installed	"*) ;; *) missing="$missing $name" ;; esac
done

if [ -n "$missing" ]; then
    # Package lists are a cache: fetching them is the one thing that a plan writes on a host.
    if ! plan=$(apt-get --simulate --quiet --no-install-recommends install $missing 2>&1) ||
        [ -z "$(find $lists -maxdepth 0 -mmin -10080)" ]; then
        apt-get update --quiet >/dev/null 2>&1
        plan=$(apt-get --simulate --quiet --no-install-recommends install $missing 2>&1) ||
            unreadable "apt finds no way to install$missing: $(printf '%s' "$plan" | grep '^E:')"
    fi
    printf '%s\n' "$plan" | sed -n 's/^Inst \([^ ]*\) \(\[[^]]*\] \)\{0,1\}(\([^ ]*\) .*/will	\1	\3/p;s/^Remv \([^ ]*\).*/gone	\1/p'
fi
echo end
