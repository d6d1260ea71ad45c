#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the pages of section 3 from the comments of the public headers, so that nothing is written twice.

    section3.py OUT VERSION DATE HEADER...

DATE is 2026-11-28, say: when the version was made. A page for each comment that stands before calls; the first call names
it, the others are links to it. The words Errors:, Returns, Ownership:, Threads: and Progress: in a comment begin the sections
of their own. Structures that the calls have as arguments are shown as the header has them, and the constants that a page is
about; the page of a structure that no call has is its own. Whatever else a page names, it refers to.
"""
import pathlib
import re
import sys
import textwrap

# What stands right behind a comment is what it is of: of nothing, if that is an empty line.
BLOCK = re.compile(r"/\*\*(?P<text>(?:(?!\*/).)*)\*/\n(?P<after>.*?)(?=\n\s*\n|\n/\*|(?<=\n)\s*\n|\Z)", re.S)
CALL = re.compile(r"RINGQ_API\s+(?P<type>[^;(]*?)\b(?P<name>ringq_\w+)\s*\((?P<arguments>[^;]*)\)\s*;", re.S)
STRUCT = re.compile(r"(?:/\*\*(?P<text>(?:(?!\*/).)*?)\*/\n)?(?P<whole>struct (?P<name>ringq_\w+) \{\n.*?\n\};)", re.S)
ENUM = re.compile(r"(?:/\*\*(?P<text>(?:(?!\*/).)*?)\*/\n)?(?P<whole>enum (?:ringq_\w+ )?\{[^}]*\};)", re.S)
SECTIONS = {"Errors": "ERRORS", "Returns": "RETURN VALUES", "Ownership": "OWNERSHIP", "Threads": "THREADS",
            "Progress": "PROGRESS"}
ORDER = ["DESCRIPTION", "RETURN VALUES", "ERRORS", "OWNERSHIP", "THREADS", "PROGRESS"]
LABEL = re.compile(r"(?:(?<=^)|(?<=[.:;] )|(?<=\n))(?P<word>Errors|Ownership|Threads|Progress):|(?<![a-z] )\b(?P<r>Returns)\b")


def paragraphs(comment):
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment.strip().splitlines()]
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", "\n".join(lines)) if part.strip()]


def split_sections(text):
    """The parts of a paragraph: (section, text)."""
    parts, section, start = [], "DESCRIPTION", 0
    for match in LABEL.finditer(text):
        word = match.group("word") or match.group("r")
        parts.append((section, text[start:match.start()].strip()))
        section, start = SECTIONS[word], match.end() if match.group("word") else match.start()
    parts.append((section, text[start:].strip()))
    return [part for part in parts if part[1]]


def date_words(date):
    year, month, day = date.split("-")
    months = ("January February March April May June July August September October November December").split()
    return f"{months[int(month) - 1]} {int(day)}, {year}"


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def sentences(text):
    return re.split(r"(?<=[.:;]) (?=[A-Z\-*])", text)


def body(text):
    """A sentence a line, and the calls that it names marked up."""
    lines = []
    for sentence in sentences(text):
        at = 0
        for match in re.finditer(r"(?P<open>\(?)\b(?P<name>[a-z_]+)\(\)(?P<close>[.,;:)]*)(?=\s|$)", sentence):
            before = sentence[at:match.start()].strip()
            lines += [escape(before)] if before else []
            lines.append(" ".join([".Fn" if not match.group("open") else ".Pq Fn", match.group("name"),
                                   *(match.group("close") if not match.group("open") else
                                     match.group("close").replace(")", "", 1))]))
            at = match.end()
        rest = sentence[at:].strip()
        lines += [escape(rest)] if rest else []
    return "\n".join(line for long in lines for line in wrap(long))


def wrap(line):
    return [line] if line.startswith(".") else textwrap.wrap(line, 78, break_long_words=False, break_on_hyphens=False)


def literal(text):
    return [".Bd -literal", *(escape(line.expandtabs(8)) for line in text.splitlines()), ".Ed"]


def summary_of(text):
    return re.split(r"(?<=[\w)])[.:;](?: |$)", text)[0]


def shown_whole(title, matches):
    lines = [f".Sh {title}"] if matches else []
    for match in matches:
        for paragraph in paragraphs(match.group("text") or ""):
            lines += ([".Pp"] if len(lines) > 1 else []) + [body(paragraph)]
        lines += literal(match.group("whole"))
    return lines


def structures(calls, structs):
    """Those that the calls have as arguments."""
    names = dict.fromkeys(re.findall(r"struct (ringq_\w+)", " ".join(call.group("arguments") for call in calls)))
    return [structs[name] for name in names if name in structs]


def constants(uses, comment, enums):
    """Those of which arguments or structures have one, or of which the comment names all."""
    def is_about(enum):
        names = re.findall(r"^\s*(RINGQ_\w+)|[{,] *(RINGQ_\w+)", re.sub(r"/\*.*?\*/", "", enum.group("whole"), flags=re.S), re.M)
        names = {first or second for first, second in names}
        tag = re.match(r"enum (ringq_\w+)", enum.group("whole"))
        return (names & set(re.findall(r"RINGQ_\w+", uses)) or names <= set(re.findall(r"RINGQ_\w+", comment)) or
                (tag and re.search(rf"enum {tag.group(1)}\b", uses)))
    return [enum for enum in enums if is_about(enum)]


def see_also(text, own, headers):
    """References to the calls and structures of the headers that a text names, and to ringq(7)."""
    named = {name for name in re.findall(r"\b(ringq_\w+)\(\)", text) if f"{name}(" in headers}
    named |= {name for name in re.findall(r"struct (ringq_\w+)", text) if f"struct {name} {{" in headers and name not in own}
    # A structure that calls have as an argument has no page of its own.
    named = {name for name in named - set(own) if not re.search(rf"struct {name} \{{", headers) or
             not re.search(rf"RINGQ_API[^;]*struct {name}\b", headers)}
    return [".Sh SEE ALSO", *(f".Xr {name} 3 ," for name in sorted(named)), ".Xr ringq 7"]


def struct_page(struct, version, date, header, headers):
    """Of a structure that no call has as an argument."""
    name = struct.group("name")
    texts = paragraphs(struct.group("text") or "")
    summary = summary_of(texts[0] if texts else "a structure of ringq")
    lines = [f".\\\" Made from {header} by docs/man/section3.py: change that.", f".Dd {date_words(date)}", f".Dt {name.upper()} 3",
             ".Os", ".Sh NAME", f".Nm {name}", f".Nd {escape(summary[0].lower() + summary[1:])}", ".Sh LIBRARY",
             f"ringq {version} (libringq, \\-lringq)", ".Sh SYNOPSIS", ".In ringq/ringq.h", *literal(struct.group("whole")),
             ".Sh DESCRIPTION", "\n.Pp\n".join(map(body, texts)), *see_also(struct.group(0), [name], headers)]
    return "\n".join(lines) + "\n"


def page(calls, comment, version, date, header, structs, enums, headers):
    sections = {}
    for paragraph in paragraphs(comment):
        for section, text in split_sections(paragraph):
            sections.setdefault(section, []).append(text)
    first = calls[0].group("name")
    summary = summary_of(sections.get("DESCRIPTION", ["a call of ringq"])[0])
    structs = structures(calls, structs)
    uses = " ".join([call.group("arguments") for call in calls] + [struct.group("whole") for struct in structs])
    lines = [f".\\\" Made from {header} by docs/man/section3.py: change that.", f".Dd {date_words(date)}", f".Dt {first.upper()} 3",
             ".Os", ".Sh NAME"]
    lines += [f".Nm {call.group('name')}" + (" ," if call is not calls[-1] else "") for call in calls]
    lines += [f".Nd {escape(summary[0].lower() + summary[1:])}", ".Sh LIBRARY", f"ringq {version} (libringq, \\-lringq)",
              ".Sh SYNOPSIS", ".In ringq/ringq.h"]
    for call in calls:
        lines += [f".Ft {' '.join(call.group('type').split())}", f".Fo {call.group('name')}"]
        for argument in split_arguments(call.group("arguments")):
            lines.append(f'.Fa "{argument}"')
        lines.append(".Fc")
    for section in ORDER:
        if section == "RETURN VALUES":
            lines += shown_whole("STRUCTURES", structs)
            lines += shown_whole("CONSTANTS", constants(uses, comment, enums))
        if section not in sections:
            continue
        lines.append(f".Sh {section}")
        for i, text in enumerate(sections[section]):
            if i:
                lines.append(".Pp")
            lines.append(body(text))
    lines += see_also(uses + " " + " ".join(comment.replace("*", " ").split()), [call.group("name") for call in calls], headers)
    return "\n".join(lines) + "\n"


def split_arguments(arguments):
    return [" ".join(a.split()) for a in arguments.split(",")]


def main():
    out, version, date, headers = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
    out.mkdir(parents=True, exist_ok=True)
    made = 0
    texts = {header: pathlib.Path(header).read_text(encoding="utf-8") for header in headers}
    structs = {struct.group("name"): struct for text in texts.values() for struct in STRUCT.finditer(text)}
    enums = [enum for text in texts.values() for enum in ENUM.finditer(text)]
    all_headers = "\n".join(texts.values())
    in_calls = " ".join(call.group("arguments") for text in texts.values() for call in CALL.finditer(text))
    for header, text in texts.items():
        for struct in STRUCT.finditer(text):
            if not re.search(rf"struct {struct.group('name')}\b", in_calls):
                (out / f"{struct.group('name')}.3").write_text(
                    struct_page(struct, version, date, pathlib.Path(header).name, all_headers), encoding="utf-8")
                made += 1
        for match in BLOCK.finditer(text):
            calls = list(CALL.finditer(match.group("after")))
            if not calls:
                continue
            first = calls[0].group("name")
            content = page(calls, match.group("text"), version, date, pathlib.Path(header).name, structs, enums,
                           all_headers)
            (out / f"{first}.3").write_text(content, encoding="utf-8")
            for call in calls[1:]:
                (out / f"{call.group('name')}.3").write_text(f".so man3/{first}.3\n", encoding="utf-8")
            made += len(calls)
    print(f"{made} pages")


if __name__ == "__main__":
    main()
