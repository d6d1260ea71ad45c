#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes ringq(7), the rules of all calls, from the comment that the umbrella header begins with.

    section7.py VERSION DATE UMBRELLA HEADER... EXAMPLE.c...

A line of that comment that begins with two blanks, a word or two and two blanks begins a rule. Of each header there is what it
says of its subject as a whole, which is what stands by itself or before the type of its handle, its constants, and all its
calls, each with the first sentence of its comment. The examples are shown as they are, each below the comment that it begins
with.
"""
import pathlib
import re
import sys

from section3 import BLOCK, CALL, ENUM, body, date_words, escape, literal, paragraphs, split_sections, summary_of

RULE = re.compile(r"^  (?P<word>[A-Za-z][a-z]*(?: [a-z]+)?) {2,}(?P<text>\S.*)$")
MACRO = re.compile(r"^(?:/\* .* \*/\n)?#define RINGQ_(?!API|\w+_H$).*$", re.M)


def parts_of(comment):
    """Paragraphs, and lists of rules: each a list of (word, text)."""
    parts = []
    for block in re.split(r"\n\s*\n", "\n".join(re.sub(r"^\s*\*", "", line).rstrip() for line in comment.splitlines())):
        rules = []
        for line in block.splitlines():
            match = RULE.match(line)
            if match:
                rules.append([match.group("word"), match.group("text")])
            elif rules:
                rules[-1][1] += " " + line.strip()
        if rules:
            parts.append(rules)
        elif block.strip():
            parts.append(" ".join(block.split()))
    return parts


def rules_of(header):
    text = pathlib.Path(header).read_text(encoding="utf-8")
    return parts_of(BLOCK.search(text).group("text"))


def shown(parts):
    """Paragraphs and rules, as of parts_of(), marked up."""
    lines = []
    for part in parts:
        if isinstance(part, str):
            lines += [".Pp", body(part)]
        else:
            lines.append(".Bl -tag -width Arguments")
            for word, text in part:
                lines += [f".It {word}", body(text)]
            lines.append(".El")
    return lines


def subject_of(text):
    """What a header says of its subject."""
    lines = []
    for match in BLOCK.finditer(text):
        if not match.group("after") or match.group("after").startswith("typedef"):
            lines += shown(parts_of(match.group("text")))
    return lines


def constants_of(text):
    lines = []
    macros = [match.group(0) for match in MACRO.finditer(text)]
    if macros:
        lines += [".Pp", *literal("\n".join(macros))]
    for enum in ENUM.finditer(text):
        lines += [line for paragraph in paragraphs(enum.group("text") or "") for line in (".Pp", body(paragraph))]
        lines += ([] if enum.group("text") else [".Pp"]) + literal(enum.group("whole"))
    return lines


def calls_of(text):
    """A header's calls: the names of each comment's, and what it says first."""
    lines = []
    for match in BLOCK.finditer(text):
        names = [call.group("name") for call in CALL.finditer(match.group("after"))]
        if names:
            first = split_sections(paragraphs(match.group("text"))[0])[0][1]
            lines += [f".It Xr {' 3 , Xr '.join(names)} 3", body(summary_of(first) + ".")]
    return [".Bl -tag -width Ds", *lines, ".El"] if lines else []


def example_of(path):
    """A program: what its first comment says, then the rest."""
    text = re.sub(r"^/\* SPDX.*\n", "", pathlib.Path(path).read_text(encoding="utf-8"))
    match = re.match(r"/\*(?P<text>(?:(?!\*/).)*)\*/\n", text, re.S)
    lines = [line for paragraph in paragraphs(match.group("text")) for line in (".Pp", body(paragraph))] if match else []
    return [*lines, ".Pp", *literal(text[match.end() if match else 0:].strip())]


def without_idle_breaks(lines):
    """A paragraph does not begin where a section, or something that is set apart, begins by itself."""
    return [line for i, line in enumerate(lines)
            if line != ".Pp" or not (lines[i - 1].startswith((".Ss", ".Sh")) or lines[i + 1].startswith(".Bd"))]


def main():
    version, date, umbrella, files = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    headers, examples = ([file for file in files if file.endswith(suffix)] for suffix in (".h", ".c"))
    name = re.compile(r"^ringq: ")
    parts = rules_of(umbrella)
    summary = re.split(r"[;.] ?", name.sub("", parts[0]))[0]
    lines = [f".\\\" Made from {pathlib.Path(umbrella).name} by docs/man/section7.py: change that.",
             f".Dd {date_words(date)}", ".Dt RINGQ 7", f".Os ringq {version}", ".Sh NAME", ".Nm ringq", f".Nd {escape(summary)}",
             ".Sh SYNOPSIS", ".In ringq/ringq.h", ".Pp", "cc FILE.c $(pkg\\-config \\-\\-cflags \\-\\-libs ringq)",
             ".Sh DESCRIPTION", body(name.sub("These are ", parts[0])), *shown(parts[1:]), ".Sh CALLS"]
    for header in headers:
        text = pathlib.Path(header).read_text(encoding="utf-8")
        section = subject_of(text) + constants_of(text) + calls_of(text)
        if section and not pathlib.Path(header).samefile(umbrella):
            lines += [f".Ss In {pathlib.Path(header).name}", *section]
    lines += [".Sh EXAMPLES", *(line for example in examples for line in example_of(example))]
    lines += [".Sh SEE ALSO", ".Xr ringq 1"]
    print("\n".join(without_idle_breaks(lines)))


if __name__ == "__main__":
    main()
