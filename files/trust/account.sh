# Gives this host the account that deploys it: key-only login, any command through sudo.
# Run as root with the account's name and its public key; a second run changes nothing.
set -eu
umask 077
PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
DEBIAN_FRONTEND=noninteractive
export PATH LC_ALL DEBIAN_FRONTEND
account=$1
key=$2

# Proxmox comes without sudo. The package lists of a machine without a subscription are only
# partly readable, so the update may fail as long as the installation does not.
if ! command -v sudo >/dev/null; then
    apt-get -q -y install sudo || { apt-get -q update || :; apt-get -q -y install sudo; }
fi

id -u "$account" >/dev/null 2>&1 ||
    useradd --system --user-group --create-home --home-dir "/home/$account" \
        --shell /bin/bash --comment 'Deploys this host' "$account"
# `*` matches no password. The `!` of useradd would also refuse keys where sshd has UsePAM off.
[ "$(getent shadow "$account" | cut -d: -f2)" = '*' ] || usermod --password '*' "$account"

home=$(getent passwd "$account" | cut -d: -f6)
group=$(id -gn "$account")
install -d -o "$account" -g "$group" -m 0700 "$home/.ssh"
keys=$home/.ssh/authorized_keys
if ! grep -qxF -e "$key" "$keys" 2>/dev/null; then
    draft=$(mktemp "$keys.XXXXXX")
    { [ ! -s "$keys" ] || sed '$a\' "$keys"; printf '%s\n' "$key"; } >"$draft"
    chown "$account:$group" "$draft"
    mv "$draft" "$keys"
fi

# sudo passes over names with a dot, so the draft is never in force.
rule="$account ALL=(ALL:ALL) NOPASSWD: ALL"
if [ "$(cat "/etc/sudoers.d/$account" 2>/dev/null)" != "$rule" ]; then
    draft=$(mktemp "/etc/sudoers.d/.$account.XXXXXX")
    printf '%s\n' "$rule" >"$draft"
    chmod 0440 "$draft"
    visudo -c -q -f "$draft" || { rm -f "$draft"; exit 1; }
    mv "$draft" "/etc/sudoers.d/$account"
fi
