# Completion of `make` in a checkout of ai-idp: its targets, and what LIMIT=, HOST=, NAME= and
# INVENTORY= may be. Everywhere else it is the distribution's. Read by bash-completion, or by hand:
#     . files/workstation/make-completion.bash
# shellcheck shell=bash

_ai_idp_stock() { # what the distribution's completion offers; it is read when it is first asked
    local file=${AI_IDP_STOCK_COMPLETION:-/usr/share/bash-completion/completions/make}
    if [ -z "${_ai_idp_stock_function-}" ] && [ -r "$file" ]; then
        # shellcheck disable=SC1090
        . "$file"
        _ai_idp_stock_function=$(complete -p make | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
        complete -F _ai_idp_make make
    fi
    [ -z "${_ai_idp_stock_function-}" ] || "$_ai_idp_stock_function" "$@"
}

_ai_idp_checkout() {
    [ -f inventory.py ] && [ -f deploy.py ] && [ -f Makefile ] && [ -d deploys ]
}

# Hosts and roles are literals of inventory.py: its public lists, and what `all` begins with.
_ai_idp_inventory() { # hosts | roles
    python3 -I - "$1" <<'END' 2>/dev/null
import ast, sys
from pathlib import Path

lists = {
    target.id: getattr(statement.value, "elts", [])
    for statement in ast.parse(Path("inventory.py").read_text()).body
    if isinstance(statement, ast.Assign) and isinstance(statement.value, (ast.List, ast.ListComp))
    for target in statement.targets
    if isinstance(target, ast.Name) and not target.id.startswith("_")
}
first = [getattr(host, "elts", [host])[0] for host in lists.pop("all", [])]
hosts = [name.value for name in first if isinstance(name, ast.Constant)]
print("\n".join(hosts if sys.argv[1] == "hosts" else lists))
END
}

_ai_idp_secrets() {
    [ ! -d secrets ] || find secrets -name '*.age' ! -name '*.previous.age' |
        sed 's#^secrets/##; s#\.age$##'
}

_ai_idp_values() { # of a variable
    case $1 in
    LIMIT) _ai_idp_inventory hosts && _ai_idp_inventory roles ;;
    HOST) _ai_idp_inventory hosts ;;
    NAME) _ai_idp_secrets ;;
    INVENTORY) ls -d inventory.py */inventory.py 2>/dev/null ;;
    ROTATE | REPLACE | GIVE) echo 1 ;;
    esac
}

_ai_idp_make() {
    if ! _ai_idp_checkout; then
        _ai_idp_stock "$@"
        return
    fi
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} variable= offered
    # `=` is a word of its own (COMP_WORDBREAKS), and the value the one after it.
    if [ "$current" = = ]; then
        variable=$before current=
    elif [ "$before" = = ]; then
        variable=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    if [ -n "$variable" ]; then
        offered=$(_ai_idp_values "$variable")
    else
        offered=$(sed -n 's/^\([a-z-]*\):.*## .*/\1/p' Makefile)
        offered+=" $(sed -n 's/.*## //p' Makefile | grep -oE '[A-Z]+=' | sort -u)"
    fi
    mapfile -t COMPREPLY < <(compgen -W "$offered" -- "$current")
    [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}

complete -F _ai_idp_make make
