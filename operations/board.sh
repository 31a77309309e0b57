# Brings the board of a Jetson to the power mode $mode, whose number is $number.
# $action: switch (now), reboot_into (which ends this boot) or confirm (after it).
export LC_ALL=C
asked=/var/lib/ai-idp/jetson-reboot-asked
clocks=ai-idp-jetson-clocks.service

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

confirm() { # what nvpmodel said before
    present=$(nvpmodel -q 2>&1)
    printf '%s\n' "$present" | grep -qxF "NV Power Mode: $mode" ||
        fail "power mode $mode was set and the board is in another one; nvpmodel says: $present${1:+; before: $1}"
    rm -f $asked
}

switch() {
    # What holds the clocks would put those of the old mode back when it ends later.
    held=$(systemctl is-active $clocks 2>/dev/null)
    [ "$held" != active ] || systemctl stop $clocks || fail "$clocks does not stop"
    # It asks before it reboots; a reboot that no plan has announced is not made.
    said=$(echo no | timeout 60 nvpmodel -m "$number" 2>&1)
    case $said in *"Reboot required"*)
        mkdir -p "${asked%/*}" && printf '%s\n' "$mode" >$asked
        [ "$held" != active ] || systemctl start $clocks
        fail "the board takes power mode $mode only with a reboot, which this plan does not announce;" \
            "run it once more: the next one does" ;;
    esac
    # Whichever mode it is in now: what was let go for this is held again.
    [ "$held" != active ] || systemctl start $clocks || fail "$clocks does not start again"
    confirm "$said"
}

reboot_into() {
    # It reboots by itself where it has asked; where it has not, the announced reboot is made all the same.
    yes YES | timeout 60 nvpmodel -m "$number"
    sync
    systemctl reboot
}

"$action"
