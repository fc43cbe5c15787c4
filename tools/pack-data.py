#!/usr/bin/env python3
"""Packs a directory of text files into one blob for embedding in the program.

The blob is a sequence of entries: name, NUL, decimal length, NUL, bytes, NUL; names are relative paths in byte
order. JSON files are written compactly. An assembler file exports the blob as `pl_pack_<name>` (start) and
`pl_pack_<name>_end`, followed by 64 readable bytes so that the JSON parser may read past the end.

usage: pack-data.py DIRECTORY NAME OUTPUT_DIRECTORY
"""
import json
import pathlib
import sys


def content(path):
    if path.suffix == ".json":
        return json.dumps(json.loads(path.read_text("utf-8")), ensure_ascii=False, separators=(",", ":")).encode()
    return path.read_bytes()


def main():
    directory, name, output = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    blob = bytearray()
    for path in sorted(directory.rglob("*"), key=lambda p: p.relative_to(directory).as_posix().encode()):
        if path.suffix not in (".json", ".sql", ".py", ".mjs"):
            continue
        data = content(path)
        blob += path.relative_to(directory).as_posix().encode() + b"\0" + str(len(data)).encode() + b"\0" + data + b"\0"
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{name}.pack").write_bytes(bytes(blob))
    symbol = f"pl_pack_{name}"
    (output / f"{name}.S").write_text(
        f'.section .rodata\n.balign 64\n.global {symbol}\n{symbol}:\n.incbin "{output / (name + ".pack")}"\n'
        f'.global {symbol}_end\n{symbol}_end:\n.zero 64\n.section .note.GNU-stack,"",@progbits\n')


if __name__ == "__main__":
    main()
