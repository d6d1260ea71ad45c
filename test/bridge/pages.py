# SPDX-License-Identifier: MIT
"""What the bridge's pages say is what there is: keys, meters, options, tests; and the unit is as confined as it says."""

import os
import re
import shutil
import subprocess
import sys

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
for row in re.findall(r'^\| .* \|$', read(guide).split('## What happens at each failure')[1], re.M)[2:]:
    for name in re.findall(r'`(\w+_\w+)`', row.rsplit('|', 2)[1]):
        if f'def {name}(s)' not in tests or len(re.findall(rf'\b{name}\b', tests)) < 2:
            fail(f'the guide names {name}, and no test that runs has that name')
    if '`' not in row.rsplit('|', 2)[1]:
        fail(f'no test: {row}')

if shutil.which('systemd-analyze'):
    instance = os.path.join(os.path.dirname(unit), 'ringq-bridge@test.service')
    shutil.copy(unit, instance)
    done = subprocess.run(['systemd-analyze', 'security', '--offline=yes', '--no-pager', instance], capture_output=True, text=True)
    os.unlink(instance)
    level = re.search(r'Overall exposure level.*: ([\d.]+)', done.stdout)
    if level and float(level[1]) >= 2:
        fail(f'the unit is exposed: {level[1]}')

sys.exit(failed)
