# Prints what is on a host, seen with nothing of the roll-out's own: a line per thing, by tabs.
export LC_ALL=C
roots="/etc /opt /srv /usr/local /var/cache/ai-idp /var/lib/ai-idp/roles /var/lib/ai-idp/rollout"
roots="$roots /usr/share/pam-configs"
roots="$roots /var/lib/ai-idp-commit-events /var/lib/ai-idp-vault /var/lib/prometheus/node-exporter"
# What enables a unit is seen better as the state of that unit.
skip='/etc/systemd/system/[^/]*\.(wants|requires)'
# Measurements are written all the time.
skip="$skip|.*/[^/]*\.prom\..*"
# A hundred thousand files that follow from a lock.
trees='/opt/ai-idp/(n8n/[0-9]|npu/openvino-)[^/]*'

set --
for root in $roots; do
    [ ! -e "$root" ] || set -- "$@" "$root"
done
find "$@" -regextype posix-extended -regex "$skip|$trees" -prune -o -type f,d,l \
    -printf 'entry\t%y\t%m\t%u:%g\t%p\t%l\n'
[ ! -e /var/lib/prometheus ] ||
    find /var/lib/prometheus -maxdepth 0 -printf 'entry\t%y\t%m\t%u:%g\t%p\t%l\n'
find "$@" -regextype posix-extended -regex "$trees" -prune -o -type f ! -name '*.prom*' -exec sha256sum {} + | sed 's/^/sum\t/'

dpkg-query --show --showformat='package\t${Package}\t${Version}\t${db:Status-Status}\n'
cat /var/lib/dpkg/info/*.list | sort -u | sed -n 's#^/\(etc\|opt\|srv\|usr/local\|usr/share/pam-configs\)/#owned\t&#p'

systemctl list-units --all --plain --no-legend --type=service,timer,socket,path |
    awk '{ print "active\t" $1 "\t" $3 }'
systemctl list-unit-files --plain --no-legend --type=service,timer,socket,path |
    awk '{ print "enabled\t" $1 "\t" $2 }'

# An instance of a template is no file of its own.
systemctl list-units --all --plain --no-legend --type=service | awk '$1 ~ /@./ { print $1 }' |
    while read -r instance; do
        printf 'enabled\t%s\t%s\n' "$instance" "$(systemctl is-enabled "$instance" 2>/dev/null)"
    done

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
