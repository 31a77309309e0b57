# Prints the disks with what is mounted of them where $disks is set, Docker's data root, the mount
# point that the engine waits for, and the containers and volumes that lie there. Exit 3: something could not be read. That is never the
# same as absent.
export LC_ALL=C
configuration=/etc/docker/daemon.json
guard=/etc/systemd/system/docker.service.d/ai-idp.conf

unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

if [ -n "$disks" ]; then
    tree=$(lsblk --json --bytes --paths --output NAME,TYPE,TRAN,SIZE,FSTYPE,MOUNTPOINTS) ||
        unreadable "the disks (lsblk)"
    printf 'disks\t%s\n' "$(printf '%s' "$tree" | tr -d '\n')"
fi

root=/var/lib/docker
if [ -e $configuration ]; then
    text=$(cat $configuration) || unreadable $configuration
    set -- "$(printf '%s\n' "$text" | sed -n 's/.*"data-root"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p')"
    root=${1:-$root}
fi
printf 'root\t%s\n' "$root"
[ ! -e $guard ] || sed -n 's/^AssertPathIsMountPoint=/guard\t/p' $guard || unreadable $guard

entries() { # kind, folder of the data root: its folders, a line each
    [ -d "$root/$2" ] || return 0
    find "$root/$2" -mindepth 1 -maxdepth 1 -type d -printf "$1\t%f\n" || unreadable "$root/$2"
}
entries container containers
entries volume volumes
# One of the containerd image store has its snapshotter's name there, others have overlay2.
[ ! -d "$root/containers" ] ||
    find "$root/containers" -name config.v2.json -exec grep -lF '"Driver":"overlayfs"' {} + |
    sed 's/.*/snapshot\t&/'
echo end
