# Prints what is on a host, seen with nothing of the roll-out's own: a line per thing, by tabs.
export LC_ALL=C
roots="/etc /opt /srv /usr/local /var/lib/ai-idp/roles /var/lib/ai-idp/rollout"
# Written by programs of their own accord, or seen better another way (units, packages, containers).
skip='^/etc/(mtab|\.pwd\.lock|ld\.so\.cache|machine-id|adjtime|resolv\.conf|aliases\.db)$|^/etc/ssl/certs/|^/etc/systemd/system/.*\.(wants|requires)(/|$)|^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^/opt/containerd'

# shellcheck disable=SC2086  # one word per root is wanted
find $roots \( -type f -o -type l -o -type d \) 2>/dev/null | grep -Ev "$skip" | sort >/run/observed
tr '\n' '\0' </run/observed | xargs -0 stat --printf='entry\t%F\t%a\t%U:%G\t%n\n'
tr '\n' '\0' </run/observed | xargs -0 -I{} sh -c '[ -L "$1" ] && printf "link\t%s\t%s\n" "$1" "$(readlink "$1")"' sh {}
grep -v '^$' /run/observed | while read -r path; do [ -L "$path" ] || [ ! -f "$path" ] || printf '%s\0' "$path"; done | xargs -0 -r sha256sum | sed 's/^/sum\t/'
rm -f /run/observed

dpkg-query --show --showformat='package\t${Package}\t${Version}\t${db:Status-Status}\n'
cat /var/lib/dpkg/info/*.list 2>/dev/null | sort -u | grep '^/etc/\|^/opt/\|^/srv/\|^/usr/local/' | sed 's/^/owned\t/'

systemctl list-units --all --plain --no-legend --type=service,timer,socket | awk '{print "active\t" $1 "\t" $3}'
systemctl list-unit-files --plain --no-legend --type=service,timer,socket | awk '{print "enabled\t" $1 "\t" $2}'

if command -v docker >/dev/null && systemctl is-active --quiet docker; then
    docker ps --all --quiet | xargs -r docker inspect --format \
        '{{printf "container\t%s\t%s\t%s" .Name .Config.Image .State.Status}}'
fi
