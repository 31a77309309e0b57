# One step ($action) of the Compose project $project; variables are set in front of this text.
directory=/opt/ai-idp/stacks/$project
record=/var/lib/ai-idp/stacks/$project
tab=$(printf '\t')

compose() { # directory, arguments
    where=$1
    shift
    docker compose --project-name "$project" --project-directory "$where" --file "$where/compose.yaml" "$@"
}

prepare() {
    for image in $images; do
        docker image inspect "$image" >/dev/null 2>&1 || pull "$image"
        case $image in *@*) ;; *) same_as_first "$image" ;; esac
    done
}

pull() { # what comes of a roll-out that fails is known from here too, and goes with the next good one
    said=$(docker pull --quiet "$1" 2>&1) || {
        printf '%s\n' "$said"
        case $said in
        *'no space left on device'*) echo "$1 has no room where Docker keeps its data; free some there" ;;
        *) echo "$1 cannot be had; see that this host reaches its registry, and that the image exists" ;;
        esac
        exit 1
    }
    mkdir -p "$record"
    echo "$1" >>"$record/pulled"
}

# A tag may be given to other bytes; the digest that came first stands for it from then on.
same_as_first() {
    digests=$(docker image inspect --format '{{join .RepoDigests "\n"}}' "$1" | sed 's/.*@//')
    mkdir -p "$record"
    first=$(awk -v image="$1" '$1 == image { print $2 }' "$record/digests" 2>/dev/null) || :
    if [ -z "$first" ]; then
        [ -n "$digests" ] || return 0 # made on this host: no registry has a digest of it
        printf '%s %s\n' "$1" "$(printf '%s\n' "$digests" | head -n 1)" >>"$record/digests"
    elif ! printf '%s\n' "$digests" | grep -qxF "$first"; then
        echo "$1 now is $(printf '%s\n' "$digests" | head -n 1); the first that this host took was $first"
        echo "find out who gave the tag to other bytes, then write the digest that you trust into the image: $1@sha256:..."
        docker image rm "$1" >/dev/null 2>&1 || :
        exit 1
    fi
}

validate() {
    compose "$STAGE$directory" config --quiet
}

stale() { # the containers that do no work yet, or none any more, and shall be made anew
    fingerprint=$(sed -n 's/^AI_IDP_HASH=//p' "$directory/.env" 2>/dev/null) || :
    # A container of the same definition may have read another file of the set that is put back now.
    ! grep -qvxF -e "$directory" -e "$directory/compose.yaml" -e "$directory/.env" put || fingerprint=
    docker ps --filter "label=com.docker.compose.project=$project" \
        --filter health=starting --filter health=unhealthy \
        --format '{{.ID}} {{.Label "ai-idp.hash"}} {{.Status}}' |
        awk -v hash="$fingerprint" '$2 != hash || /\(unhealthy\)/ { print $1 }'
}

unwell() { # where its time is over while it asks, `up --wait` has been seen to end without an error
    docker ps --quiet --filter "label=com.docker.compose.project=$project" \
        --filter health=starting --filter health=unhealthy | grep -q .
}

activate() {
    # What `up` would leave as it is: paused, unhealthy, or changed by `docker update`.
    for id in $replaced; do
        ! docker container inspect "$id" >/dev/null 2>&1 || docker rm --force "$id" >/dev/null
    done
    # One that never became healthy serves nobody whom its end could cut off: no grace for it. What
    # is as it shall be is left, though: after a start of the engine nobody's health is known yet.
    stale | xargs -r docker rm --force >/dev/null
    if ! compose "$directory" --progress quiet up --detach --remove-orphans --wait --wait-timeout "$wait_seconds" ||
        unwell; then
        compose "$directory" ps --all --format 'table {{.Service}}\t{{.Image}}\t{{.Status}}'
        compose "$directory" logs --no-color --no-log-prefix --tail 30
        exit 1
    fi
    mkdir -p "$record"
    record_settings
}

record_settings() {
    # shellcheck disable=SC2046  # one word per container is wanted
    docker inspect --format "{{index .Config.Labels \"com.docker.compose.service\"}}$tab$settings" \
        $(compose "$directory" ps --all --quiet) >"$record/settings.new"
    mv "$record/settings.new" "$record/settings"
}

settle() { # once the stack does what its users want; a failed roll-out removes nothing
    [ -n "$RESTORING" ] || remove_superseded || :
}

remove_superseded() { # the image before the current one stays, as the way back
    compose "$directory" config --images >"$record/images.now" || return
    touch "$record/images" "$record/pulled"
    keep=$((2 * $(wc -l <"$record/images.now")))
    cat "$record/images.now" "$record/images" | awk '!seen[$0]++' | head -n "$keep" >"$record/images.new"
    sort -u "$record/images" "$record/pulled" | grep -vxF -f "$record/images.new" | while read -r image; do
        docker image rm "$image" >/dev/null || echo "kept $image"
    done
    mv "$record/images.new" "$record/images"
    rm "$record/images.now" "$record/pulled"
}

deactivate() { # volumes stay
    docker compose --project-name "$project" --progress quiet down --remove-orphans
    rm -rf "$record"
}

"$action"
