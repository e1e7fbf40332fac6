# SPDX-License-Identifier: Apache-2.0
"""embed.py SYMBOL INPUT OUTPUT: a text file as a C string, for the build."""

import pathlib
import sys

symbol, source, output = sys.argv[1:]
escapes = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t", ord("\r"): "\\r"}


def literal(line):
    """Octal for what is not printable ASCII: three digits cannot run into what follows."""
    return "".join(escapes.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in line)


lines = pathlib.Path(source).read_bytes().splitlines(keepends=True)
text = "\n".join(f'    "{literal(line)}"' for line in lines)
name = pathlib.Path(source).name
pathlib.Path(output).write_text(
    f"/* Made from {name} by the build. */\nextern const char {symbol}[];\nconst char {symbol}[] =\n{text};\n")
