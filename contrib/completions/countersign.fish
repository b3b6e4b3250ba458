# SPDX-License-Identifier: Apache-2.0
# fish completion for countersign: the program itself knows what may follow.

function __countersign_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l lines ($words[1] __complete $words[2..] "$word" 2>/dev/null)
    set -l directive (string match -r '^:(\d+)$' -- $lines[-1])[2]
    set -l prefix (string match -r '^-[^=]*=' -- $word; or echo)

    for line in $lines[1..-2]
        echo -- $prefix$line
    end
    if test (math "bitand($directive, 16)") -ne 0
        __fish_complete_directories $word
    else if test (math "bitand($directive, 4)") -eq 0
        __fish_complete_path $word
    end
end

complete -c countersign -f -a '(__countersign_complete)'
