#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of docs/examples/python: what they print, and that only their import names ringq.

usage: examples.py FOLDER
"""
import collections
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(sys.argv[1])
TAKEN = '我取到了:'
BEGINS = r'我是子进程: .*'


# Lines of several processes must not be mixed: each is one write.
RUN = """
import os, runpy, sys

class Lines:
    text = ''

    def write(self, text):
        *lines, self.text = (self.text + text).split('\\n')
        for line in lines:
            os.write(1, (line + '\\n').encode())

    def flush(self):
        pass

sys.stdout = Lines()
runpy.run_path(sys.argv[1], run_name='__main__')
"""


def run(name, status=0):
    """The lines that a program prints."""
    done = subprocess.run([sys.executable, '-c', RUN, FOLDER / name], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, f'{name}: exit {done.returncode}\n{done.stdout}{done.stderr}'
    return done.stdout.splitlines(), done.stderr


def quiet(name):
    lines, errors = run(name)
    assert not errors, f'{name}: {errors}'
    return lines


def same(lines, expected):
    assert lines == expected, f'{lines}\nin place of\n{expected}'


def producer_consumer():
    same(quiet('producer_consumer.py'), [f'Producing: {i}' for i in range(5)] + [f'Consuming: {i}' for i in range(5)])


def sentinel():
    lines = quiet('sentinel.py')
    lines.remove('Creating data and putting it on the queue')
    same(lines, [line for item in (5, 10, 13, -1) for line in (f'data found to be processed: {item}', str(2 * item))])


def three_consumers():
    got = collections.defaultdict(list)
    for line in quiet('three_consumers.py'):
        name, number = re.fullmatch(r"%s取到了:%s \('(p[123])', (\d+)\)", line).groups()
        got[name].append(int(number))
    assert {len(numbers) for numbers in got.values()} == {50000} and len(got) == 3, 'each takes 50000'
    assert all(numbers == sorted(numbers) for numbers in got.values()), 'each in order'
    same(sorted(sum(got.values(), [])), list(range(150000)))


def blocking():
    lines = quiet('blocking.py')
    same([line for line in lines if line.startswith(TAKEN)], [f'{TAKEN} {i}' for i in range(10)])
    assert len([line for line in lines if re.fullmatch(BEGINS, line)]) == 2
    assert re.fullmatch(r'<ringq\.multiprocessing\.queues\.Queue of 3 objects, .*>', lines[-1]), lines[-1]


def nonblocking():
    """Whether the second process finds anything is chance: both outcomes are right."""
    lines, errors = run('nonblocking.py')
    taken = [line for line in lines if line.startswith(TAKEN)]
    same(taken, [f'{TAKEN} {i}' for i in range(len(taken))])
    assert errors.rstrip().endswith('queue.Empty') if len(taken) < 10 else not errors, errors
    assert re.fullmatch(rf'<ringq.* of {3 + 10 - len(taken)} objects, .*>', lines[-1]), lines[-1]


def bounded():
    same(quiet('bounded.py'), ['True', 'False', 'True', '3', '消息1', '2'])


def writer_reader():
    same(quiet('writer_reader.py'), [f'get {letter} from queue' for letter in 'ABC'] + ['数据读写结束'])


def pool():
    lines = quiet('pool.py')
    same([line for line in lines if line.startswith('ge data')], [f'ge data from queue:\t{letter}' for letter in 'ABC'])
    assert lines[0].endswith('start') and lines[-1].endswith('end')


def pipe():
    same(quiet('pipe.py'), ['Hello, receiver!'])


def hello():
    same(quiet('hello.py'), ['Received data: Hello, worker!'])


def value_array():
    same(quiet('value_array.py'), ['5', '[2.0, 4.0, 6.0, 8.0]'])


def main():
    tests = [producer_consumer, sentinel, three_consumers, blocking, nonblocking, bounded, writer_reader, pool, pipe, hello,
             value_array]
    programs = sorted(FOLDER.glob('*.py'))
    same([program.stem for program in programs], sorted(test.__name__ for test in tests))
    for program in programs:
        lines = [line for line in program.read_text().splitlines() if 'ringq' in line]
        assert len(lines) == 1 and re.fullmatch(r'from ringq\.multiprocessing import [\w, ]+', lines[0]), program
    for test in tests:
        test()
        print('passed', test.__name__)


main()
