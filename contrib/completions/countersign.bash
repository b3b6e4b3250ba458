# SPDX-License-Identifier: Apache-2.0
# bash completion for countersign: the program itself knows what may follow.

_countersign()
{
    local words=() word line i directive=0 current=${COMP_WORDS[COMP_CWORD]} before files=()

    # bash takes "oci:DIR" and "--from=x" for several words each.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ ${#words[@]} -gt 0 && ($word == [:=] || ${COMP_WORDS[i-1]} == [:=]) ]]; then
            words[-1]+=$word
        else
            words+=("$word")
        fi
    done
    # What of the last word stands before the part that bash replaces.
    [[ $current == [:=] ]] && current=
    before=${words[-1]%"$current"}
    [[ $before == -*=* ]] && before=${before#*=}

    COMPREPLY=()
    while read -r line; do
        if [[ $line =~ ^:([0-9]+)$ ]]; then
            directive=${BASH_REMATCH[1]}
        else
            line=${line%%$'\t'*}
            COMPREPLY+=("${line#"$before"}")
        fi
    done < <("${COMP_WORDS[0]}" __completeNoDesc "${words[@]}" 2>/dev/null)

    ((directive & 2)) && compopt -o nospace 2>/dev/null
    if ((directive & 16)); then
        mapfile -t files < <(compgen -d -- "$current")
    elif ! ((directive & 4)); then
        mapfile -t files < <(compgen -f -- "$current")
    fi
    ((${#files[@]})) && compopt -o filenames 2>/dev/null
    COMPREPLY+=("${files[@]}")
}

complete -F _countersign countersign
