# Prints who works at a desk; reads nothing of the home but as that person.
# Variables: user, folder (of the vault, below the home). Exit 3: something could not be read.
export LC_ALL=C
entry=$(getent passwd "$user")
case $? in
0) ;;
2) echo end && exit 0 ;;
*) exit 3 ;;
esac
home=$(printf '%s\n' "$entry" | cut -d: -f6)
printf 'account\t%s\t%s\n' "$(id -gn "$user")" "$home"
owner=$(stat --format %U "$home" 2>/dev/null)
printf 'home\t%s\n' "${owner:-nobody}"
# A link of the person's leads where the person may read, not where root may.
[ "$owner" != "$user" ] || runuser -u "$user" -- sh -s -- "$home" "$folder" <<'END' || exit 3
cd "$1" || exit 3
for key in .ssh/id_*.pub; do
    [ ! -f "$key" ] || sed -n 's/^\([a-z0-9@.-]* [A-Za-z0-9+/=]*\).*/key\t\1/p' "$key"
done
if [ -e "$2/.git" ]; then
    printf 'clone\t%s\n' "$(git -C "$2" config --get remote.origin.url)"
elif [ -n "$(ls -A "$2" 2>/dev/null)" ] || { [ -e "$2" ] && [ ! -d "$2" ]; }; then
    echo other
fi
END
echo end
