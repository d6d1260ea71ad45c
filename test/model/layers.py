#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The units of a source tree lie in layers. TREE/LAYERS lists them, lowest first, each without its suffix; ../UNIT in the
list is of a tree beside this one, which lies below.

  A file includes its own unit's header and those of lower units, no others;
  it calls, or points to, nothing that a higher unit defines, except for one table, of which base/upcalls.h tells;
  no .c file declares what another defines;
  of two trees one lies below the other.

Then it seeds a fault of each kind into a copy, and fails unless each is found.

Usage: layers.py TREE
"""
import pathlib
import re
import shutil
import sys
import tempfile

SUFFIXES = ('.c', '.h', '.cc', '.hpp')
UPWARDS = {'rq_upcalls'}

SILENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
INCLUDE = re.compile(r'^# *include *"([^"]+)"', re.M)
DIRECTIVE = re.compile(r'^#(?:.*\\\n)*.*', re.M)
# At the left margin, as the formatter has it: names that the linker sees.
FUNCTION = re.compile(r'^(?!static\b|typedef\b)\w[\w *\n]*[ *\n](\w+)\([^;{}]*\)\s*\{', re.M)
VARIABLE = re.compile(r'^(?!static\b|typedef\b|extern\b|return\b|(?:struct|union|enum) \w+;)'
                      r'\w[\w *]*[ *](\w+)(?:\[[^]\n]*\])*(?: =|;)', re.M)
DECLARATION = re.compile(r'^\w[^;{}=]*;', re.M)
BY_HAND = re.compile(r'^(?:extern [^"]|(?!static\b|typedef\b|return\b)'
                     r'(?:struct |enum |unsigned |const )?[a-z]\w* [^=({]*\([^{]*\);$)')
NAME = re.compile(r'(?<![.\w])(?<!->)(?<!struct )(?<!union )(?<!enum )[A-Za-z_]\w*')


def code(text):
    """Without comments and strings, line by line the same."""
    return SILENT.sub(lambda found: re.sub(r'[^\n]', ' ', found.group()), text)


def line_of(text, at):
    return text.count('\n', 0, at) + 1


def listed(tree):
    return (tree / 'LAYERS').read_text().split()


def files_of(tree, unit):
    return [path for path in (tree / (unit + suffix) for suffix in SUFFIXES) if path.is_file()]


def defined(path):
    """What others could name. A .cc file here has a namespace of its own."""
    if path.suffix != '.c':
        return set()
    text = DIRECTIVE.sub('', code(path.read_text()))
    return {found.group(1) for kind in (FUNCTION, VARIABLE) for found in kind.finditer(text)} - {'main'}


def definers(tree, units):
    """The place of the lowest unit that defines a name: programs beside each other may each have one of that name."""
    places = {}
    for place, unit in enumerate(units):
        for path in files_of(tree, unit):
            for name in defined(path):
                places.setdefault(name, place)
    return places


def includes(where, text, unit, rank):
    for found in INCLUDE.finditer(text):
        of = found.group(1).rsplit('.', 1)[0]
        if rank.get(of, len(rank)) > rank[unit]:
            yield f'{where}:{line_of(text, found.start())}: includes {found.group(1)}, which is not below it'


def declarations_by_hand(where, text):
    for number, line in enumerate(text.split('\n'), 1):
        if BY_HAND.match(line):
            yield f'{where}:{number}: declares what belongs in a header'


def names(where, text, unit, units, places):
    own = units.index(unit)
    text = INCLUDE.sub('', code(text))
    if where.suffix in ('.h', '.hpp'):
        text = DECLARATION.sub(lambda found: re.sub(r'[^\n]', ' ', found.group()), text)
    for found in NAME.finditer(text):
        place = places.get(found.group(), -1)
        if place > own and found.group() not in UPWARDS:
            yield f'{where}:{line_of(text, found.start())}: names {found.group()}, which {units[place]}, above it, defines'


def trees(tree, units):
    for other in sorted({unit.split('/')[1] for unit in units if unit.startswith('../')}):
        layers = tree.parent / other / 'LAYERS'
        if layers.is_file() and f'../{tree.name}/' in layers.read_text():
            yield f'LAYERS: of {other} and {tree.name} each is below the other'


def faults(tree):
    units = listed(tree)
    rank = {unit: place for place, unit in enumerate(units)}
    places = definers(tree, units)
    yield from (f'LAYERS: no file {unit}' for unit in units if not files_of(tree, unit))
    yield from trees(tree, units)
    for path in sorted(path for path in tree.rglob('*') if path.suffix in SUFFIXES):
        where = path.relative_to(tree)
        unit = where.with_suffix('').as_posix()
        if unit not in rank:
            yield f'{where}: not in LAYERS'
            continue
        text = path.read_text()
        yield from includes(where, text, unit, rank)
        yield from names(where, text, unit, units, places)
        if path.suffix in ('.c', '.cc'):
            yield from declarations_by_hand(where, text)


def seeds(tree):
    """Unit, line and what is to be said of it."""
    own = [unit for unit in listed(tree) if not unit.startswith('../')]
    low, top = own[0], own[-1]
    unit, name = next((unit, name) for unit in reversed(own) for path in files_of(tree, unit)
                      for name in sorted(defined(path) - UPWARDS))
    yield low, f'#include "{top}.h"', f'includes {top}.h, which is not below it'
    yield low, '#include "nowhere.h"', 'includes nowhere.h, which is not below it'
    yield low, f'int upward(void)\n{{\n\treturn {name}();\n}}', f'names {name}, which {unit}, above it, defines'
    yield low, f'void *pointer = (void *){name};', f'names {name}, which {unit}, above it, defines'
    yield top, 'extern int declared_by_hand;', 'declares what belongs in a header'
    yield top, 'int declared_by_hand(void);', 'declares what belongs in a header'


def copied(tree, folder):
    """The tree, and those that it names beside it."""
    for name in {tree.name} | {unit.split('/')[1] for unit in listed(tree) if unit.startswith('../')}:
        shutil.copytree(tree.parent / name, folder / name)
    return folder / tree.name


def unfound(tree, folder):
    copy = copied(tree, folder)
    for unit, line, said in seeds(tree):
        path = files_of(copy, unit)[0]
        text = path.read_text()
        path.write_text(f'{text}{line}\n')
        if not any(said in fault for fault in faults(copy)):
            yield f'seeded into {unit}, not found: {line}'
        path.write_text(text)
    other = next((unit.split('/')[1] for unit in listed(tree) if unit.startswith('../')), None)
    if other:
        with open(folder / other / 'LAYERS', 'a') as layers:
            layers.write(f'../{tree.name}/any\n')
        if not any('each is below the other' in fault for fault in faults(copy)):
            yield f'seeded into LAYERS of {other}, not found: ../{tree.name}'


def main(tree):
    wrong = list(faults(tree))
    if not wrong:
        with tempfile.TemporaryDirectory() as folder:
            wrong = list(unfound(tree, pathlib.Path(folder)))
    print(*wrong, f'{len(listed(tree))} units, {len(wrong)} faults', sep='\n')
    return bool(wrong)


sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
