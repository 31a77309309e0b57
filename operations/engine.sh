# What happens around an exchange of the engine's packages: $action is before or after.
running=/var/lib/ai-idp/engine.running

# live-restore bridges patch releases alone (docs.docker.com, "Live restore"): an engine of another
# kind is handed stopped containers.
before() {
    ! systemctl is-active --quiet docker.service || docker ps --quiet >$running
    [ ! -s $running ] || xargs docker stop <$running >/dev/null
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
    [ ! -s $running ] || xargs docker start <$running >/dev/null
    rm -f $running
}

"$action"
