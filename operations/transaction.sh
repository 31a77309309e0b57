#!/bin/sh
# Lands a staged set of files whole or not at all, and ends its work without SSH.
#
# usage: transaction.sh start|finish|recover DIRECTORY     (run is its detached half)
#
# DIRECTORY/entries  kind, mode, owner, group, path, link target of the whole set, by tabs
# DIRECTORY/put      paths to write      DIRECTORY/drop   paths to remove
# DIRECTORY/stage    the whole set, at its own paths below $STAGE
# DIRECTORY/steps    prepare, validate, activate, deactivate, probe, live: shell, each optional;
#                    $RESTORING is 1 where activate and probe bring the previous state back
# DIRECTORY/probe_seconds, confirm_seconds, units, service
#
# exit: 0 landed · 10 refused, nothing changed · 11 restored · 12 restored, but not well again
set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 077
mode=$1
cd "$2" || exit 10
directory=$PWD
service=$(cat service)
export STAGE="$directory/stage" RESTORING=
tab=$(printf '\t')

# Names -------------------------------------------------------------------------------------------

beside() { # a name in the target's own directory: only there is a rename atomic
    printf '%s/.%s.ai-idp' "${1%/*}" "${1##*/}"
}

exists() {
    [ -e "$1" ] || [ -L "$1" ]
}

step() {
    [ ! -s "steps/$1" ] || sh -eu "steps/$1"
}

# The set of files --------------------------------------------------------------------------------

own_stage() {
    while IFS="$tab" read -r kind mode_ owner group path target; do
        case $kind in
        file) chown "$owner:$group" "stage$path" && chmod "$mode_" "stage$path" || return 1 ;;
        esac
    done <entries
}

keep_old() {
    mkdir -p old/tree && : >old/absent && : >old/directories && sort -u put drop >changed || return 1
    while read -r path; do
        if [ -d "$path" ] && [ ! -L "$path" ]; then
            stat --printf='%a\t%u:%g\t%n\n' "$path" >>old/directories || return 1
        elif exists "$path"; then
            mkdir -p "old/tree${path%/*}" && cp -a "$path" "old/tree$path" || return 1
        else
            parent=${path%/*}
            while [ -n "$parent" ] && ! exists "$parent"; do
                printf '%s\n' "$parent" >>old/absent
                parent=${parent%/*}
            done
            printf '%s\n' "$path" >>old/absent
        fi
    done <changed
    # The children of a directory that is removed again go first.
    sort -ru old/absent -o old/absent
}

keep_on_disk() { # what recover needs: a power cut may leave empty what was written a moment ago
    find transaction.sh service old \( -type f -o -type d \) -exec sync {} + &&
        touch swapped && sync swapped .
}

write_beside() {
    while IFS="$tab" read -r kind mode_ owner group path target; do
        grep -qxF -e "$path" put || continue
        case $kind in
        directory)
            (umask 022 && mkdir -p "${path%/*}") && mkdir -p "$path" || return 1 ;;
        file)
            (umask 022 && mkdir -p "${path%/*}") && rm -f "$(beside "$path")" &&
                cp -p "stage$path" "$(beside "$path")" && sync "$(beside "$path")" || return 1 ;;
        link)
            (umask 022 && mkdir -p "${path%/*}") && ln -sfn "$target" "$(beside "$path")" || return 1 ;;
        esac
    done <entries
}

remove_new() {
    while read -r path; do
        if [ -d "$path" ] && [ ! -L "$path" ]; then rmdir "$path" 2>/dev/null || :; else rm -f "$path"; fi
    done <old/absent
}

discard_beside() {
    while read -r path; do rm -f "$(beside "$path")"; done <put
    [ ! -e old/absent ] || remove_new
}

swap() {
    while IFS="$tab" read -r kind mode_ owner group path target; do
        grep -qxF -e "$path" put || continue
        case $kind in
        directory) chown "$owner:$group" "$path" && chmod "$mode_" "$path" || return 1 ;;
        *) mv -fT "$(beside "$path")" "$path" || return 1 ;;
        esac
    done <entries
    while read -r path; do
        if [ -d "$path" ] && [ ! -L "$path" ]; then
            rmdir "$path" 2>/dev/null || printf 'kept %s: something not of this roll-out lies in it\n' "$path"
        else
            rm -f "$path" || return 1
        fi
    done <drop
}

put_back() {
    whole=0
    while IFS="$tab" read -r mode_ owner path; do
        mkdir -p "$path" && chown "$owner" "$path" && chmod "$mode_" "$path" || whole=1
    done <old/directories
    find old/tree ! -type d -printf '/%P\n' >old/files || whole=1
    while read -r path; do
        new=$(beside "$path")
        cp -a "old/tree$path" "$new" && { [ -L "$new" ] || sync "$new"; } && mv -fT "$new" "$path" || whole=1
    done <old/files
    remove_new
    return $whole
}

# The service -------------------------------------------------------------------------------------

probe() {
    asked=steps/probe
    # What ran before is asked what it landed with: the new set may be of another model, port or version.
    [ -z "$RESTORING" ] || [ ! -e ../probe ] || asked=../probe
    [ -s "$asked" ] || return 0
    deadline=$(($(date +%s) + $(cat probe_seconds)))
    until sh -eu "$asked" >probe_output 2>&1; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            cat probe_output
            return 1
        fi
        sleep 0.2
    done
}

confirm() {
    [ "$(cat confirm_seconds)" -gt 0 ] || return 0
    : >awaiting
    deadline=$(($(date +%s) + $(cat confirm_seconds)))
    until [ -e confirmed ]; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            echo "no second SSH session confirmed the change within $(cat confirm_seconds) s"
            return 1
        fi
        sleep 0.1
    done
}

journal() {
    # shellcheck disable=SC2046  # one pair of words per unit is wanted
    [ ! -s units ] || journalctl --no-pager --lines 15 --output cat $(sed 's/^/-u /' units) 2>/dev/null
}

# The run -----------------------------------------------------------------------------------------

finish() { # exit code, sentence
    printf '%s: %s\n' "$service" "$2"
    # Nothing is undone without `swapped`, so that goes first.
    [ "$1" = 12 ] || { rm -f swapped && rm -rf old; }
    rm -rf stage steps awaiting confirmed
    printf '%s\n' "$1" >result.new && mv result.new result
    exit "$1"
}

refuse() {
    discard_beside
    finish 10 "refused at '$1', nothing was changed"
}

restore() {
    journal
    RESTORING=1
    echo "$service: '$1' failed, the previous state is being restored"
    if [ ! -e ../manifest ] && [ -s steps/deactivate ]; then
        # Nothing of ours ran here before: as before means off, not Debian's default on.
        step deactivate
        put_back && finish 11 "'$1' failed on the first roll-out, the service is off as before"
    elif put_back && step activate && probe; then
        finish 11 "'$1' failed, the previous state is back and answers"
    fi
    finish 12 "'$1' failed, the previous files are back but the service does not answer as it should"
}

land() {
    step live | sha256sum | cut -d' ' -f1 >../live.new && mv ../live.new ../live
    # Synchronised: a power cut may leave a renamed file empty.
    cp steps/probe ../probe.new && sync ../probe.new && mv ../probe.new ../probe
    # In this order: undone beside the new manifest, old files would belong to nobody.
    sort -u manifest >../manifest.new && sync ../manifest.new && rm -f swapped && mv ../manifest.new ../manifest
    finish 0 "landed"
}

run() {
    # A lost SSH connection takes the terminal and the pipes with it; the work goes on.
    trap '' HUP PIPE TERM INT
    exec 9>>../lock
    flock 9
    own_stage || refuse "owners and modes"
    step prepare || refuse "prepare"
    step validate || refuse "validate"
    keep_old || refuse "keeping the old files"
    write_beside && keep_on_disk || refuse "writing"
    swap || restore "swap"
    step activate || restore "activate"
    probe || restore "probe"
    confirm || restore "confirm"
    land
}

report() {
    sed "s#$STAGE##g" log
    exit "$(cat result)"
}

wait_for_result() {
    until [ -e result ]; do
        [ ! -e awaiting ] || [ "$1" = finish ] || exit 0
        if ! kill -0 "$(cat pid)" 2>/dev/null && [ ! -e result ]; then
            sed "s#$STAGE##g" log
            echo "$service: the transaction was killed; the next run undoes it first"
            exit 12
        fi
        sleep 0.05
    done
    report
}

case $mode in
start)
    : >log
    setsid sh "$directory/transaction.sh" run "$directory" </dev/null >log 2>&1 &
    echo $! >pid
    wait_for_result start
    ;;
finish) wait_for_result finish ;;
run) run ;;
recover) [ ! -e swapped ] || { put_back && rm -f swapped; } ;;
esac
