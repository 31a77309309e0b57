# Prints whether this host carries the mark of the roll-out $expected, and the roles recorded here.
# Exit 3: the record could not be read. Exit 4: the host belongs to another roll-out.
state=/var/lib/ai-idp
if [ -e $state/rollout ]; then
    found=
    # An empty mark is a wrong one.
    read -r found <$state/rollout || [ -n "$found" ] || [ ! -s $state/rollout ] || exit 3
    if [ "$found" != "$expected" ]; then
        cat >&2 <<END
this host was deployed with another secret store (roll-out $found, not $expected), and its secrets are in that one
restore the store and its identity from your backup to where group_data/all.py names them (secret_store, secret_identity)
or, if they are lost: remove $state/rollout on this host, and the next run gives it new secrets
END
        exit 4
    fi
    echo marked
fi
for role in $state/roles/*; do
    [ ! -e "$role" ] || printf 'role\t%s\n' "${role##*/}"
done
echo end
