#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether each test that docs/limits.md and the table of promises in test/README.md name is there.

Usage: promises.py ROOT
"""
import fnmatch
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
sources = [p for p in (root / 'test').rglob('*') if p.is_file() and p.suffix in ('.c', '.cpp', '.h', '.py', '.sh', '.pml', '.build', '')]
text = {p: p.read_text(errors='replace') for p in sources}

# Programs and files, Meson's tests, and Criterion's, whose names are SUITE/TEST.
files = {p.stem for p in sources} | {p.name for p in sources}
meson = set()
unit = set()
for path in [*root.glob('meson.build'), *(root / 'docs').rglob('meson.build'), *(root / 'ringq').rglob('meson.build')]:
    meson |= set(re.findall(r"\btest\('([\w.-]+)'", path.read_text()))
for path, content in text.items():
    if path.name == 'meson.build':
        meson |= set(re.findall(r"'([\w.-]+)'", content))
    if path.suffix == '.c':
        unit |= {f'{suite}/{name}' for suite, name in re.findall(r'^Test\((\w+),\s*(\w+)', content, re.M)}
words = {word for content in text.values() for word in re.findall(r'\w+', content)}

PREFIXES = ('unit_', 'process_', 'model-', 'model-weak-', 'python-', 'tool-', 'bridge-', 'test_', 'fuzz_', 'corpus_', 'header-', 'layers-')


def is_there(name):
    name = re.sub(r'\s.*', '', name)  # with arguments
    if '*' in name:
        return any(fnmatch.fnmatchcase(known, name) for known in unit | files | meson | words) or is_there(name.rstrip('-_*'))
    if '/' in name:
        return name in unit or (root / name).exists()
    if name in files or name in meson:
        return True
    for prefix in PREFIXES:
        if name.startswith(prefix) and is_there(name[len(prefix):]):
            return True
    base = name.rsplit('-', 1)[0]
    return base != name and (base in files or base in meson)


def is_part(name):
    """A case of a program: a function or a word of it."""
    return is_there(name) or name.split()[0] in words


def named(cell):
    """The tests of a cell, and the parts that stand in parentheses or behind a colon."""
    of_parts = r'\([^()]*\)|:[^;]*'
    parts = re.findall(r'`([^`]+)`', ' '.join(re.findall(of_parts, cell)))
    return re.findall(r'`([^`]+)`', re.sub(of_parts, '', cell)), parts


wrong = []


def check(where, cell, needed=True):
    tests, parts = named(cell)
    if needed and not tests:
        wrong.append(f'{where}: no test is named')
    wrong.extend(f'{where}: there is no test {name}' for name in tests if not is_there(name))
    wrong.extend(f'{where}: nothing is called {name}' for name in parts if not is_part(name))


# The page: tests stand in parentheses, alone, with what of them it is behind a colon, or in a column of their own.
page = (root / 'docs' / 'limits.md').read_text()
seen = 0
for group in re.findall(r'\((`[a-z_]+`(?:, `[a-z_]+`)*)(?:: [^()]*)?\)', re.sub(r'\s+', ' ', page)):
    if re.match(r'`(pthread_|mlock|munlock|sched_)', group):  # libc's
        continue
    check('docs/limits.md', group)
    seen += 1
for row in re.findall(r'^\|.*\|$', page.split('| shown by |')[1].split('\n\n')[0], re.M)[1:]:
    check('docs/limits.md', row.strip('|').split('|')[-1])
    seen += 1
situations = page.split('\n## ')[1:]
for situation in situations:
    title = situation.split('\n')[0]
    if title not in ('Under systemd', 'Real-time', 'Under checkers', 'Other libcs') and not re.search(r'\(`[a-z_]+`|shown by', situation):
        wrong.append(f'docs/limits.md: {title}: no test is named')

promises = (root / 'test' / 'README.md').read_text().split('| promise | shown by |')[1]
for row in re.findall(r'^\| (.*) \|$', promises, re.M):
    cells = row.replace(r'\|', ' ').split(' | ')
    if not set(cells[0]) <= set('-| '):
        check(f'test/README.md: {cells[0][:60]}', cells[-1])
        seen += 1

# Whether it would tell.
if is_there('no_such_test') or is_there('region/no_such_test') or seen < 40:
    wrong.append(f'this test sees nothing: {seen} rows')
print('\n'.join(wrong) if wrong else f'{seen} rows')
sys.exit(bool(wrong))
