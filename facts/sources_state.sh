# Prints the files of the sources on standard input (request_line), and the checked key of each.
# Exit 3: something could not be read. That is never the same as absent.
while IFS="$tab" read -r _ name fingerprint url _; do
    printf 'source\t%s\n' "$name"
    printf 'path\t/etc%s\n' '' /apt /apt/keyrings /apt/sources.list.d /apt/preferences.d \
        "/apt/keyrings/ai-idp-$name.asc" "/apt/sources.list.d/ai-idp-$name.sources" \
        "/apt/preferences.d/ai-idp-$name.pref" |
        service="apt-$name" live='' service_state || exit 3
    if [ -n "$url" ]; then
        have_key "$name" "$fingerprint" "$url" </dev/null
        printf 'key\t%s\n' "$(base64 -w0 "$apt_cache/keys/$name.asc")"
    fi
done
echo 'end of sources'
