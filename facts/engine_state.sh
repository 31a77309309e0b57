# Prints the running containers: name, Compose project, service, image, by tabs.
# Exit 3: they could not be read. That is never the same as none.
export LC_ALL=C
tab=$(printf '\t')
label='{{index .Config.Labels "com.docker.compose'
# A call of the client would start a stopped engine through its socket, and reading starts nothing.
if systemctl is-active --quiet docker.service; then
    ids=$(docker ps --quiet --no-trunc) || exit 3
    # shellcheck disable=SC2086  # one word per container is wanted
    [ -z "$ids" ] || docker inspect --format \
        "{{.Name}}$tab$label.project\"}}$tab$label.service\"}}$tab{{.Config.Image}}" $ids || exit 3
fi
echo end
