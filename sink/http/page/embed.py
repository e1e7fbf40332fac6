#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes index.html as a C file, with the Content-Security-Policy that allows its own script and style.

usage: embed.py index.html style.css script.js OUT.c
"""
import base64
import hashlib
import sys


def source_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "'sha256-" + base64.b64encode(digest).decode() + "'"


def c_array(data: bytes) -> str:
    lines = []
    for at in range(0, len(data), 16):
        lines.append("    " + " ".join(f"0x{byte:02x}," for byte in data[at : at + 16]))
    return "\n".join(lines)


def main() -> None:
    html_path, style_path, script_path, out_path = sys.argv[1:5]
    with open(style_path, encoding="utf-8") as file:
        style = file.read()
    with open(script_path, encoding="utf-8") as file:
        script = file.read()
    with open(html_path, encoding="utf-8") as file:
        html = file.read()
    html = html.replace("/*STYLE*/", style, 1).replace("/*SCRIPT*/", script, 1)
    csp = "; ".join(
        [
            "default-src 'none'",
            f"script-src {source_hash(script)}",
            f"style-src {source_hash(style)}",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
    data = html.encode()
    with open(out_path, "w", encoding="utf-8") as out:
        out.write('#include "sink/http/page.h"\n\n')
        out.write(f"const unsigned char page_html[] = {{\n{c_array(data)} 0}};\n")
        out.write(f"const size_t page_html_length = {len(data)};\n")
        out.write(f'const char page_csp[] = "{csp}";\n')


if __name__ == "__main__":
    main()
