# Prints what is on a host, seen with nothing of the roll-out's own: a line per thing, by tabs.
export LC_ALL=C
roots="/etc /opt /srv /usr/local /var/cache/ai-idp /var/lib/ai-idp/roles /var/lib/ai-idp/rollout"
# What enables a unit is seen better as the state of that unit.
skip='/etc/systemd/system/[^/]*\.(wants|requires)'

set --
for root in $roots; do
    [ ! -e "$root" ] || set -- "$@" "$root"
done
find "$@" -regextype posix-extended -regex "$skip" -prune -o -type f,d,l \
    -printf 'entry\t%y\t%m\t%u:%g\t%p\t%l\n'
find "$@" -type f -exec sha256sum {} + | sed 's/^/sum\t/'

dpkg-query --show --showformat='package\t${Package}\t${Version}\t${db:Status-Status}\n'
cat /var/lib/dpkg/info/*.list | sort -u | sed -n 's#^/\(etc\|opt\|srv\|usr/local\)/#owned\t&#p'

systemctl list-units --all --plain --no-legend --type=service,timer,socket,path |
    awk '{ print "active\t" $1 "\t" $3 }'
systemctl list-unit-files --plain --no-legend --type=service,timer,socket,path |
    awk '{ print "enabled\t" $1 "\t" $2 }'

if command -v docker >/dev/null && systemctl is-active --quiet docker; then
    docker ps --all --quiet | xargs -r docker inspect --format \
        '{{printf "container\t%s\t%s\t%s\t%s" .Name .Config.Image .State.Status .State.StartedAt}}'
fi

if command -v pct >/dev/null; then
    pct list | awk 'NR > 1 { print "guest\t" $1 "\tstatus: " $2 }'
    for config in /etc/pve/lxc/*.conf; do
        [ ! -e "$config" ] || sed "s/^/guest\t$(basename "$config" .conf)\t/" "$config"
    done
    pveam list local | awk 'NR > 1 { print "template\t" $1 }'
fi
