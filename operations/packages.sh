# Has apt install or remove ($action) what $packages says, in its own words (NAME, NAME=VERSION,
# NAME-), without starting any service, and leave the ones in $hold as they are from then on.
# Runs detached: a dpkg that loses its terminal half-way leaves the host in need of repair.
set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
umask 022
policy=/usr/sbin/policy-rc.d
mkdir -p -m 0700 /var/lib/ai-idp
exec 9>>/var/lib/ai-idp/packages.lock
flock 9

allow() {
    rm -f "$policy"
    [ ! -e "$policy.before-ai-idp" ] || mv "$policy.before-ai-idp" "$policy"
}

# Debian's postinst scripts would start a service with a configuration that is not ours; a policy
# that answers 101 forbids it (invoke-rc.d(8)).
grep -qs '^# ai-idp:' "$policy" || [ ! -e "$policy" ] || mv "$policy" "$policy.before-ai-idp"
printf '#!/bin/sh\n# ai-idp: packages are installed without starting services\nexit 101\n' >"$policy"
chmod 0755 "$policy"
trap '' HUP PIPE TERM INT
trap allow EXIT

apt() {
    apt-get --quiet --assume-yes --no-install-recommends --allow-downgrades \
        --allow-change-held-packages -o DPkg::Lock::Timeout=600 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

unfinished() {
    [ -z "$(dpkg --audit)" ] || return 0
    # apt refuses to work where dpkg's journal is left, of which dpkg tells nothing.
    for entry in /var/lib/dpkg/updates/[0-9]*; do
        [ ! -e "$entry" ] || return 0
    done
    # One of two packages that need exactly each other's version may be complete, of which dpkg tells
    # nothing either. What else is missing on the host, apt finds on the way to what it is asked for.
    # shellcheck disable=SC2086  # one word per package is wanted
    [ -n "$packages" ] && ! apt --simulate "$action" $packages >/dev/null 2>&1 &&
        ! apt-get --quiet --simulate check >/dev/null 2>&1
}

configure_rest() { # dpkg, unlike apt, does not wait for its lock: it ends with 2
    deadline=$(($(date +%s) + 600))
    until
        dpkg --configure -a --force-confdef --force-confold
        [ $? != 2 ]
    do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 2
    done
}

# Until a package that was cut off while it was unpacked is unpacked again, apt does nothing at all
# unless it has an archive of it (apt-pkg/algorithms.cc, pkgApplyStatus).
without_archive() {
    apt --simulate --fix-broken install 2>&1 |
        sed -n "s/^E: The package \([^ ]*\) needs to be reinstalled, but I can't find an archive .*/\1/p"
}

repair() {
    configure_rest || return 1
    unfinished || return 0
    # What apt does not find in its lists it takes off.
    updated=1
    apt -o APT::Update::Error-Mode=any update || updated=
    while lost=$(without_archive) && [ -n "$lost" ]; do
        [ -n "$updated" ] || return 1
        dpkg --remove --force-remove-reinstreq --force-depends "$lost" || return 1
    done
    apt --fix-broken install
    result=$?
    # It leaves those that it has an archive of, and fails where one of them lacks its configuration.
    # shellcheck disable=SC2046  # one word per package is wanted
    set -- $(dpkg-query --show --showformat='${db:Status-Eflag} ${binary:Package}=${Version}\n' |
        sed -n 's/^reinstreq //p')
    if [ $# != 0 ]; then
        apt --reinstall install "$@"
        result=$?
    fi
    # A package that came as a file and went is no name to apt.
    # shellcheck disable=SC2086
    [ "$action" != remove ] || packages=$(dpkg-query --show --showformat='${Package}\n' $packages 2>/dev/null)
    return $result
}

! unfinished || repair || exit 1
if [ -n "$packages" ]; then
    # shellcheck disable=SC2086  # one word per package is wanted
    [ -z "${before-}" ] || apt --download-only "$action" $packages || exit 1
    result=1
    # shellcheck disable=SC2086
    if [ -z "${before-}" ] || sh -eu -c "$before"; then
        apt "$action" $packages
        result=$?
    fi
    # What `before` took down comes back, also where it did so only in part.
    [ -z "${after-}" ] || sh -eu -c "$after" || result=1
    [ $result = 0 ] || exit 1
fi
# shellcheck disable=SC2086
[ -z "$hold" ] || apt-mark hold $hold
