# Prints what a Jetson's board has: power modes, the present one, swap, tools and units, by tabs.
# $swap_file: where one is or would be; unit names come over standard input, a line each.
# Exit 3: something could not be read. That is never the same as absent.
export LC_ALL=C
modes=/etc/nvpmodel.conf
asked=/var/lib/ai-idp/jetson-reboot-asked
swaps=/proc/swaps
units=$(cat)

unreadable() {
    printf 'unreadable: %s\n' "$*" >&2
    exit 3
}

if [ -e $modes ]; then
    lines=$(sed -n '/^[[:space:]]*</p;/_PG_MASK/p' $modes) || unreadable $modes
    printf '%s\n' "$lines" | sed 's/^/conf\t/'
    said=$(nvpmodel -q 2>&1) || unreadable "nvpmodel -q: $said"
    printf '%s\n' "$said" | sed 's/^/said\t/'
    # What of the graphics unit has no power, as its driver has it (nvgpu, sysfs.c).
    printf '%s\n' "$lines" | sed -n 's/^[[:space:]]*\([A-Z]*_PG_MASK\)[[:space:]]\{1,\}\(\/[^[:space:]]*\).*/\1 \2/p' |
        while read -r mask path; do
            [ ! -r "$path" ] || printf 'real\t%s\t%s\n' "$mask" "$(cat "$path")"
            [ ! -r "${path%/*}/golden_img_status" ] ||
                printf 'used\t%s\n' "$(cat "${path%/*}/golden_img_status")"
        done
fi
[ ! -e $asked ] || sed 's/^/asked\t/' $asked || unreadable $asked

for tool in tegrastats jetson_clocks; do
    ! command -v $tool >/dev/null || printf 'tool\t%s\n' $tool
done

sed 1d $swaps | while read -r device _; do printf 'swap\t%s\n' "$device"; done
there=${swap_file%/*}
while [ -n "$there" ] && [ ! -d "$there" ]; do there=${there%/*}; done
disk=$(df --output=source,avail --block-size=1 "${there:-/}" | tail -n 1) || unreadable "${there:-/}"
# shellcheck disable=SC2086  # two words
printf 'disk\t%s\t%s\n' $disk
[ ! -e "$swap_file" ] || printf 'swap-file\t%s\n' "$(stat --format=%s "$swap_file")"

# shellcheck disable=SC2086  # one word per unit is wanted
shown=$(systemctl show -p Id -p LoadState -p UnitFileState -p ActiveState $units) || unreadable systemctl
# Each under the name that was asked for: display-manager.service is another one's second name.
# shellcheck disable=SC2086  # in one line
printf '%s\n' "$shown" | awk -v names="$(echo $units)" '
    BEGIN { RS = ""; FS = "\n"; split(names, asked, " ") }
    { gsub("\n", "\t"); print "unit\t" asked[NR] "\t" $0 }'
echo end
