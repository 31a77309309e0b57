# Prints the containers of the Compose project $project, formatted by $settings as a last column.
# Exit 3: they could not be read. That is never the same as none.
unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

export LC_ALL=C
tab=$(printf '\t')
case $(systemctl is-active docker.service 2>/dev/null) in
active | activating | reloading) ;;
*)
    # A call would start the engine through its socket, and reading starts nothing.
    root=$(sed -n 's/.*"data-root"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' /etc/docker/daemon.json 2>/dev/null)
    [ -z "$(ls -A "${root:-/var/lib/docker}/containers" 2>/dev/null)" ] || echo stopped
    echo end
    exit 0
    ;;
esac

ids=$(docker ps --all --no-trunc --quiet --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.oneoff=False) || unreadable "the containers of $project"
if [ -n "$ids" ]; then
    # A container without a health check has no `Health`, not an empty one.
    # shellcheck disable=SC2086  # one word per container is wanted
    docker inspect --format "container$tab{{index .Config.Labels \"com.docker.compose.service\"}}$tab{{.Id}}$tab{{.Config.Image}}$tab{{.State.Status}}$tab{{with index .State \"Health\"}}{{.Status}}{{end}}$tab{{index .Config.Labels \"ai-idp.hash\"}}$tab$settings" \
        $ids || unreadable "a container of $project"
fi
record=/var/lib/ai-idp/stacks/$project/settings
[ ! -e "$record" ] || sed 's/^/recorded	/' "$record" || unreadable "$record"
echo end
