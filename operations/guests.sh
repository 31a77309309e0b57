# Steps with a guest of a Proxmox VE node, for `pct` and its kin; they run detached.
set -eu
export LC_ALL=C
trap '' HUP PIPE TERM INT

create() { # VMID KEYS TEMPLATE OPTION...
    vmid=$1 keys=$2 template=$3
    shift 3
    [ ! -e "/etc/pve/lxc/$vmid.conf" ] || { echo "container $vmid exists by now" >&2; return 1; }
    file=$(mktemp)
    printf '%s\n' "$keys" >"$file"
    ended=0
    pct create "$vmid" "$template" --ssh-public-keys "$file" --tags ai-idp "$@" || ended=$?
    rm -f "$file"
    [ "$ended" -ne 0 ] || return 0
    # pct takes back what it began, unless it was killed itself. Only what has our mark is ours.
    if grep -Eqs '^tags: (.*;)?ai-idp(;|$)' "/etc/pve/lxc/$vmid.conf"; then
        pct unlock "$vmid"
        pct destroy "$vmid" --force 1
    fi
    return "$ended"
}

started() { # VMID SECONDS: its start has ended
    deadline=$(($(date +%s) + $2))
    while :; do
        # Fails for a start that ended degraded as well, which is the end of a start too.
        state=$(timeout "$2" pct exec "$1" -- systemctl is-system-running --wait 2>/dev/null) || :
        case $state in running | degraded) return 0 ;; esac
        if [ "$(date +%s)" -ge "$deadline" ]; then
            echo "container $1 runs, but has not started after $2 s: look at it with \`pct enter $1\`" >&2
            return 1
        fi
        sleep 1
    done
}

