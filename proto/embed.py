#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Write a text file as a C string: embed.py INPUT OUTPUT HEADER SYMBOL."""
import sys


def main():
    source, output, header, symbol = sys.argv[1:]
    with open(source, encoding="ascii") as file:
        lines = file.read().splitlines()
    with open(output, "w", encoding="ascii") as file:
        file.write('#pragma GCC diagnostic ignored "-Woverlength-strings"\n')
        file.write(f'#include "{header}"\n\nconst char {symbol}[] =\n')
        for line in lines:
            escaped = line.replace("\\", "\\\\").replace('"', '\\"')
            file.write(f'    "{escaped}\\n"\n')
        file.write("    ;\n")


main()
