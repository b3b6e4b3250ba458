# SPDX-License-Identifier: Apache-2.0
# PowerShell completion for countersign (7.3 and later, which pass empty words on): the program
# itself knows what may follow. To be dotted in $PROFILE.

Register-ArgumentCompleter -Native -CommandName countersign -ScriptBlock {
    param($word, $ast, $position)
    $typed = @($ast.CommandElements | Where-Object { $_.Extent.EndOffset -lt $position } |
        Select-Object -Skip 1 | ForEach-Object { "$_" })
    $lines = & $ast.CommandElements[0].ToString() __complete @typed "$word" 2>$null
    $lines | Where-Object { $_ -notmatch '^:\d+$' } | ForEach-Object {
        $text, $what = $_ -split "`t", 2
        if ($word -match '^-[^=]*=') { $text = $Matches[0] + $text }
        [System.Management.Automation.CompletionResult]::new(
            $text, $text, 'ParameterValue', $(if ($what) { $what } else { $text }))
    }
}
