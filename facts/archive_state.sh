# Prints the unpacked archives in $folders: `whole` when as they were unpacked, else `damaged`.
# Exit 3: something could not be read. That is never the same as absent.
export LC_ALL=C
for folder in $folders; do
    [ -e "$folder" ] || continue
    for unpacked in $(find "$folder" -mindepth 1 -maxdepth 1 ! -name '.*'); do
        now=$(contents "$unpacked") || { echo "unreadable: $unpacked" >&2; exit 3; }
        if [ -e "$unpacked/.contents" ] && [ "$now" = "$(cat "$unpacked/.contents")" ]; then
            printf 'whole\t%s\n' "$unpacked"
        else
            printf 'damaged\t%s\n' "$unpacked"
        fi
    done
done
echo 'end of archives'
