# SPDX-License-Identifier: Apache-2.0
# bash completion for countersign: what its own --help lists, so both are always the same.

_countersign_verbs()
{
    "$1" --help 2>/dev/null | sed -nE 's/^  ([a-z][a-z-]*( [a-z][a-z-]*)?) .*/\1/p'
}

# The verb on the line, one word or two; nothing where there is none yet.
_countersign_verb()
{
    local words=() word

    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == -* ]] || words+=("$word")
    done
    _countersign_verbs "${COMP_WORDS[0]}" |
        grep -Fx -e "${words[0]-} ${words[1]-}" -e "${words[0]-}" | tail -n 1
}

_countersign()
{
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb
    local at=$COMP_CWORD

    COMPREPLY=()
    case $before in
        --socket | --tlscacert | --tlscert | --tlskey | --key | --pin-file | --file | --journal)
            mapfile -t COMPREPLY < <(compgen -f -- "$current")
            return ;;
        --type)
            mapfile -t COMPREPLY < <(compgen -W \
                "ec-p256 ec-p384 ec-p521 rsa-2048 rsa-3072 rsa-4096 ed25519" -- "$current")
            return ;;
        --outcome)
            mapfile -t COMPREPLY < <(compgen -W \
                "released done refused failed cancelled" -- "$current")
            return ;;
        --from)
            compopt -o nospace 2>/dev/null
            mapfile -t COMPREPLY < <(compgen -W \
                "daemon oci: oci-archive: docker-archive: registry:" -- "$current")
            return ;;
        -d | --trust-dir)
            mapfile -t COMPREPLY < <(compgen -d -- "$current")
            return ;;
    esac

    # bash takes "oci:DIR" for three words.
    [[ $current == : ]] && at=$((at + 1))
    if ((at >= 2)) && [[ ${COMP_WORDS[at-1]} == : &&
        ${COMP_WORDS[at-2]} == @(oci|oci-archive|docker-archive) ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[at]-}")
        return
    fi

    verb=$(_countersign_verb)
    if [[ $current == -* ]]; then
        # shellcheck disable=SC2086 # a verb may be two words
        mapfile -t COMPREPLY < <(compgen -W \
            "$("${COMP_WORDS[0]}" $verb --help 2>/dev/null | grep -oE -- '--[a-z0-9-]+')" \
            -- "$current")
    elif [[ -z $verb ]]; then
        # The first word of a verb, or the second one of those that start like this.
        mapfile -t COMPREPLY < <(compgen -W \
            "$(_countersign_verbs "${COMP_WORDS[0]}" |
                if ((COMP_CWORD == 1)); then cut -d ' ' -f 1; else sed -n "s/^$before //p"; fi |
                sort -u)" -- "$current")
    elif [[ $verb == approve || $verb == deny || $verb == pending ]]; then
        # Those that wait and that the agent lets this user see.
        mapfile -t COMPREPLY < <(compgen -W \
            "$("${COMP_WORDS[0]}" pending 2>/dev/null | sed -nE 's/^([0-9a-z]{8}) .*/\1/p')" \
            -- "$current")
    elif [[ $verb == "delegation add" || $verb == "key import" || $verb == "key load" ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
    fi
}

complete -F _countersign countersign
