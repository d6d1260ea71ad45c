#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the compiler does not see of ringq/src, and a reader relies on:

  each field of the shared format has its offset asserted (base/layout.h);
  no file outside base/ takes a packed word apart by a number: widths have names there (base/words.h, base/owner.h);
  each file, function and name of the library that a comment or a page of docs/ mentions is there;
  a header's guard has its name;
  nothing lies about that a tool has left: a patch's, an editor's.

Then it seeds a fault of each kind into a copy, and fails unless each is found.

Usage: source.py ROOT
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
C = ('.c', '.h', '.cc', '.hpp')
TEXT = {*C, '.py', '.pml', '.sh', '.build', '.map', '.md', '.bt', ''}
# Of the system, or what a command line or a run makes.
OTHERS = {'longjmp', 'closefrom', '_Fork', 'sdt.h', 'NAME.pml', 'peers.md', 'table.md'}


def comments(text):
    """Line and content of each."""
    for found in COMMENT.finditer(text):
        if found.group()[0] == '/':
            yield text.count('\n', 0, found.start()) + 1, found.group()


def code(text):
    return COMMENT.sub(lambda found: found.group() if found.group()[0] == '"' else re.sub(r'[^\n]', ' ', found.group()), text)


def fields_without_offset(layout):
    asserted = set(re.findall(r'^RQ_AT\((\w+), (\w+), \d+\);', layout, re.M))
    for name, body in re.findall(r'^struct (rq_\w+) \{\n(.*?)^\};', code(layout), re.S | re.M):
        for field in re.findall(r'(\w+)(?:\[[^;]*\])?;', body):
            if not re.match('pad|reserved', field) and (name, field) not in asserted:
                yield f'layout.h: {name}.{field} has no offset asserted'


def numbers_in_words(path, text):
    for number, line in enumerate(code(text).split('\n'), 1):
        if re.search(r'>> ?\d', line) and '^' not in line:  # a hash mixes its bits
            yield f'{path}:{number}: a width without a name: {line.strip()}'


def guards(path, text):
    guard = re.search(r'^#ifndef (RQ_\w+_H)$', text, re.M)
    parts = [part.upper() for part in path.with_suffix('').parts]
    if not guard or guard.group(1) not in (f'RQ_{parts[-1]}_H', 'RQ_' + '_'.join(parts[-2:]) + '_H'):
        yield f'{path}: its guard has another name'


def left_over(paths):
    for path in paths:
        if re.search(r'\.(orig|rej|bak|swp)$|~$', path.name):
            yield f'{path}: left over'


def known_names(root, files):
    words = set()
    for path in files:
        if path.name == 'source.py': # the seeds
            continue
        text = (root / path).read_text(errors='replace')
        words |= set(re.findall(r'\w+', code(text) if path.suffix in C else text if path.suffix != '.md' else ''))
    return words


def unknown(text, where, names, words):
    for name in re.findall(r'[\w.-]+\.(?:h|c|pml|sh|py|md|hpp)\b', text):
        if name not in names | OTHERS and not name.startswith('...') and '-gdb.py' not in name:
            yield f'{where}: there is no file {name}'
    for name in re.findall(r'\b(?:([a-z_]\w*)\(\)|((?:rq|RQ|ringq|RINGQ)_\w*[a-zA-Z0-9]))', text):
        name = name[0] or name[1]
        if name not in words | OTHERS and not any(word.startswith(name + '_') for word in words):
            yield f'{where}: there is no {name}'


def faults(root, files):
    names = {path.name for path in files}
    words = known_names(root, files)
    src = pathlib.Path('ringq/src')
    yield from fields_without_offset((root / src / 'base/layout.h').read_text())
    for path in files:
        text = (root / path).read_text(errors='replace')
        if src in path.parents and path.suffix in C:
            if path.parent.name != 'base':
                yield from numbers_in_words(path, text)
            if path.suffix == '.h':
                yield from guards(path.relative_to(src), text)
        if path.suffix in C:
            for line, comment in comments(text):
                yield from unknown(comment, f'{path}:{line}', names, words)
        elif path.suffix == '.md' and path.name not in ('notebook.md', 'CHANGELOG.md'):
            for piece in re.findall(r'`([^`\n]+)`', text):
                yield from unknown(piece, path, names, words)


SEEDS = {
    'base/layout.h': ('RQ_AT(rq_entry, pos, 16);', '', 'rq_entry.pos has no offset'),
    'lane/lane.h': ('(head >> RQ_CHUNK_SHIFT)', '(head >> 32)', 'a width without a name'),
    'queue/permits.h': ('#ifndef RQ_PERMITS_H', '#ifndef RQ_PLACES_H', 'its guard has another name'),
    'order/stamp.h': ('merge.h needs this', 'choose.h needs this', 'there is no file choose.h'),
    'lane/put.h': ('see rq_producer_set_limit()', 'see set_the_limit()', 'there is no set_the_limit'),
    'region/lease.c': ('#include "region/lease.h"', '#include "region/lease.h"\n/* RQ_NO_SUCH */', 'there is no RQ_NO_SUCH'),
}


def seeded(root, files):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder)
        for path in files:
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / path, copy / path)
        for name, (old, new, said) in SEEDS.items():
            path = copy / 'ringq/src' / name
            text = path.read_text()
            if old not in text:
                yield f'seed of {name}: it is not there'
            path.write_text(text.replace(old, new))
        said = '\n'.join(faults(copy, files))
        for name, seed in SEEDS.items():
            if seed[2] not in said:
                yield f'seeded into {name}, not found: {seed[1] or seed[0]}'


def main(root):
    listed = subprocess.run(['git', '-C', root, 'ls-files', '-co', '--exclude-standard'], capture_output=True, text=True)
    paths = [*map(pathlib.Path, listed.stdout.split())] if listed.returncode == 0 else \
        [path.relative_to(root) for path in root.rglob('*') if 'build' not in path.relative_to(root).parts[:1]]
    files = [path for path in paths if path.suffix in TEXT and (root / path).is_file()]
    wrong = [*left_over(paths), *faults(root, files), *seeded(root, files)]
    if not any(left_over([pathlib.Path('queue/get.c.orig')])):
        wrong.append('left over, not found: queue/get.c.orig')
    print(*wrong, sep='\n')
    print(f'{len(files)} files read, {len(wrong)} faults')
    return bool(wrong)


sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
