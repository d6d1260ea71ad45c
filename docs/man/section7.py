#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes ringq(7), the rules of all calls, from the comment that the umbrella header begins with.

    section7.py VERSION DATE UMBRELLA HEADER...

A line of that comment that begins with two blanks, a capitalized word and blanks begins a rule. All calls of the headers
are listed, each with the first sentence of its comment.
"""
import pathlib
import re
import sys

from section3 import BLOCK, CALL, body, date_words, escape, paragraphs, split_sections

RULE = re.compile(r"^  (?P<word>[A-Z][a-z]+) {2,}(?P<text>\S.*)$")


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


def calls_of(header):
    """A header's calls: the names of each comment's, and what it says first."""
    for match in BLOCK.finditer(pathlib.Path(header).read_text(encoding="utf-8")):
        names = [call.group("name") for call in CALL.finditer(match.group("after"))]
        if names:
            first = split_sections(paragraphs(match.group("text"))[0])[0][1]
            yield names, re.split(r"(?<=\w)[.:;](?: |$)", first)[0]


def main():
    version, date, umbrella, headers = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    name = re.compile(r"^ringq: ")
    parts = rules_of(umbrella)
    summary = re.split(r"[;.] ?", name.sub("", parts[0]))[0]
    lines = [f".\\\" Made from {pathlib.Path(umbrella).name} by docs/man/section7.py: change that.",
             f".Dd {date_words(date)}", ".Dt RINGQ 7", f".Os ringq {version}", ".Sh NAME", ".Nm ringq", f".Nd {escape(summary)}",
             ".Sh SYNOPSIS", ".In ringq/ringq.h",
             ".Sh DESCRIPTION", body(name.sub("These are ", parts[0]))]
    for part in parts[1:]:
        if isinstance(part, str):
            lines += [".Pp", body(part)]
        else:
            lines.append(".Bl -tag -width Arguments")
            for word, text in part:
                lines += [f".It {word}", body(text)]
            lines.append(".El")
    lines.append(".Sh CALLS")
    for header in headers:
        calls = list(calls_of(header))
        if not calls:
            continue
        lines += [f".Ss In {pathlib.Path(header).name}", ".Bl -tag -width Ds"]
        for names, first in calls:
            lines.append(f".It Xr {' 3 , Xr '.join(names)} 3")
            lines.append(body(first + "."))
        lines.append(".El")
    lines += [".Sh SEE ALSO", ".Xr ringq 1"]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
