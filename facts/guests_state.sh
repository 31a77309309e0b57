# Prints what a Proxmox VE node has, as far as $vmids, $template_storage, $bridge and $devices ask
# for it: sections that begin with "== NAME", each in the words of the tool that says it.
set -eu
export LC_ALL=C

command -v pct >/dev/null || { printf '== no node\n== end\n'; exit 0; }

printf '== name\n'
uname -n
printf '== resources\n'
pvesh get /cluster/resources --type vm --output-format json
printf '\n== storages\n'
pvesh get /nodes/localhost/storage --output-format json
printf '\n== containers\n'
pct list
printf '== templates\n'
# It fails for a storage that does not exist or holds no templates: the storages tell that better.
pveam list "$template_storage" 2>/dev/null || printf '== no templates\n'
printf '== offered\n'
pveam available --section system
for vmid in $vmids; do
    # pct.conf(5); `pct config` shows what is pending as if it were in force.
    [ ! -e "/etc/pve/lxc/$vmid.conf" ] || { printf '== config %s\n' "$vmid"; cat "/etc/pve/lxc/$vmid.conf"; }
done
printf '\n== present\n'
for path in $devices ${bridge:+"/sys/class/net/$bridge"}; do
    [ ! -e "$path" ] || printf '%s\n' "$path"
done
printf '== end\n'
