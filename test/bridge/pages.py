# SPDX-License-Identifier: MIT
"""What the bridge's pages say is what there is: keys, meters, options, tests; and the unit is as confined as it says."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

bridge, unit, config, meters, page1, page5, guide = sys.argv[1:]
failed = 0


def read(path):
    with open(path) as file:
        return file.read()


def fail(what):
    global failed
    failed = 1
    print('failed:', what)


def same(what, has, said):
    for name in sorted(set(has) - set(said)):
        fail(f'{what} {name} is not on the page')
    for name in sorted(set(said) - set(has)):
        fail(f'the page has {what} {name}, which there is not')


keys = re.findall(r'^\tKEY\("([\w-]+)"', read(config), re.M)
heads = '\n'.join(line for line in read(page5).splitlines() if line.startswith('*'))
same('key', keys, re.findall(r'\*([\w-]+)\* = ', heads))

names = re.findall(r'\bM\(\w+, "(\w+)"', read(meters))
section = read(page1).split('# METERS')[1].split('\n# ')[0]
listed = re.findall(r'^\*(\w+)\*$', section, re.M)
if listed != names:
    fail(f'meters: the page has {listed}, and there are {names}')

shown = subprocess.run([bridge, '--help'], capture_output=True, text=True, check=True).stdout
same('option', re.findall(r'--[\w-]+', shown.split('--help tells')[0]),
     re.findall(r'--[\w-]+', read(page1).split('# OPTIONS')[1].split('\n# ')[0]))

folder = os.path.dirname(os.path.abspath(__file__))
tests = ''.join(read(f'{folder}/{name}.py') for name in ('basic', 'failures', 'hostile', 'line'))
for row in re.findall(r'^\| .* \|$', read(guide).split('## What happens at each failure')[1].split('\n## ')[0], re.M)[2:]:
    for name in re.findall(r'`(\w+_\w+)`', row.rsplit('|', 2)[1]):
        if f'def {name}(s)' not in tests or len(re.findall(rf'\b{name}\b', tests)) < 2:
            fail(f'the guide names {name}, and no test that runs has that name')
    if '`' not in row.rsplit('|', 2)[1]:
        fail(f'no test: {row}')


def analyze(words, text):
    """What systemd-analyze says of a unit: all of it, and the lines that name the unit."""
    with tempfile.TemporaryDirectory() as folder:
        instance = f'{folder}/ringq-bridge@test.service'
        with open(instance, 'w') as file:
            file.write(text)
        done = subprocess.run(['systemd-analyze', *words, instance], capture_output=True, text=True,
                              env={**os.environ, 'LC_ALL': 'C'})
    said = done.stdout + done.stderr
    return said, [line for line in said.splitlines() if 'ringq-bridge@test.service' in line]


if shutil.which('systemd-analyze'):
    # Of the program that was built: none need be installed.
    there = re.sub(r'^(ExecStart=)\S+', rf'\1{os.path.abspath(bridge)}', read(unit), flags=re.M)
    if analyze(['verify', '--man=no'], there + '[Service]\nRestart=sometimes\n')[1]:
        for line in analyze(['verify', '--man=no'], there)[1]:
            fail(f'the unit: {line}')
    else:
        print('left out: systemd-analyze verify finds no fault here')
    said, _ = analyze(['security', '--offline=yes', '--no-pager'], there)
    level = re.search(r'Overall exposure level.*: ([\d.]+)', said)
    if not level:
        print(f'left out: systemd-analyze security does not work here: {said[-300:]}')
    elif float(level[1]) >= 2:
        fail(f'the unit is exposed: {level[1]}')

sys.exit(failed)
