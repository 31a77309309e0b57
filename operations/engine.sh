# What happens around an exchange of the engine's packages: $action is before or after.
running=/var/lib/ai-idp/engine.running

# live-restore bridges patch releases alone (docs.docker.com, "Live restore"): an engine of another
# kind is handed stopped containers.
before() {
    if systemctl is-active --quiet docker.service; then
        # What an exchange that was cut short had stopped is still to be started after this one.
        docker ps --quiet >>$running
        docker ps --quiet | xargs -r docker stop >/dev/null
    fi
    # Debian's service stays on the old program else: packages are not allowed to stop it.
    for unit in docker.socket docker.service containerd.service; do
        ! systemctl is-active --quiet $unit || systemctl stop $unit
    done
}

after() {
    systemctl daemon-reload
    systemctl reset-failed docker.service 2>/dev/null || :
    systemctl start docker.service
    # One that was stopped by a command stays so when the engine starts, whatever its policy.
    touch $running
    sort -u $running | while read -r container; do
        # One that was removed meanwhile has nothing to come back for.
        ! docker container inspect "$container" >/dev/null 2>&1 || docker start "$container" >/dev/null || exit 1
    done
    rm -f $running
}

"$action"
