#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
A pool of four workers with acknowledgements, over ringq and over brokers on loopback of this machine: a table in Markdown.

usage: run.py RINGQ-POOL [--jobs N] [--kills N] [--rounds N] [--only WAY]...

Each server is one of this program's own, in a folder of its own, on a port of its own, and ends with it. Ways take turns; a
figure is the median of the rounds. A server that is not there is left out, with a line.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../test/bridge'))
import broker  # noqa: E402

WAYS = {
    'ringq': ('ringq', 'take, ack'),
    'redis': ('Redis lists', 'LPUSH, BLMOVE, LREM; a watcher gives back what lies for 1 s'),
    'beanstalkd': ('beanstalkd', 'put, reserve, delete'),
    'rabbitmq-1': ('RabbitMQ, prefetch 1', 'confirms of 100, transient, an ack each'),
    'rabbitmq-100': ('RabbitMQ, prefetch 100', 'confirms of 100, transient, an ack each'),
}


def left_out(name, why):
    print(f'{name}: {why}; left out', file=sys.stderr)


class Server:
    """A program that listens on a port of 127.0.0.1."""

    def __init__(self, folder, program, words):
        self.port = broker.free_port()
        self.folder = tempfile.mkdtemp(prefix='server', dir=folder)
        words = [word.format(port=self.port, folder=self.folder) for word in words]
        with open(f'{self.folder}/output', 'w') as log:
            self.process = subprocess.Popen([program, *words], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        broker.wait_for_port(self.port, self.process, f'{self.folder}/output')

    def close(self):
        broker.end(self.process)


def start(way, folder):
    """A server for a way, or None where none is needed."""
    if way == 'ringq':
        return None
    if way == 'redis':
        # Nothing is written to disk, as nobody else does here.
        return Server(folder, shutil.which('redis-server'),
                      ['--port', '{port}', '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '{folder}'])
    if way == 'beanstalkd':
        return Server(folder, shutil.which('beanstalkd'), ['-l', '127.0.0.1', '-p', '{port}'])
    return broker.Broker(folder)


def find_ways(program, only):
    """Those whose server is there, and that the program knows. ringq is always one."""
    known = subprocess.run([program, '--ways'], check=True, capture_output=True, text=True).stdout.split()
    there = {'ringq': True, 'redis': shutil.which('redis-server'), 'beanstalkd': shutil.which('beanstalkd'),
             'rabbitmq-1': broker.is_there(), 'rabbitmq-100': broker.is_there()}
    ways = []
    for way, (name, _) in WAYS.items():
        if only and way not in only + ['ringq']:
            continue
        if way not in known:
            left_out(name, 'the client library was missing when this was built')
        elif not there[way]:
            left_out(name, 'the server is not there')
        else:
            ways.append(way)
    return ways


def measure(program, way, folder, jobs, kills):
    """Jobs a second, and the median and the longest time to redelivery in ms; by a server that is new."""
    server = start(way, folder)
    try:
        done = subprocess.run([program, way, str(server.port if server else 0), str(jobs), str(kills)], capture_output=True,
                              text=True, timeout=900)
    finally:
        if server:
            server.close()
    if done.returncode:
        raise RuntimeError(f'{way}: {done.stderr}')
    return [float(word) for word in done.stdout.split()]


def show(figures):
    print('| jobs through | used as | jobs/s | beside ringq | redelivery, ms: median | longest |')
    print('| --- | --- | ---: | ---: | ---: | ---: |')
    base = statistics.median(row[0] for row in figures['ringq'])
    for way, rows in figures.items():
        name, how = WAYS[way]
        rate = statistics.median(row[0] for row in rows)
        again, longest = statistics.median(row[1] for row in rows), max(row[2] for row in rows)
        print(f'| {name} | {how} | {rate:,.0f} | {rate / base:.3f} | {again:,.2f} | {longest:,.2f} |')


def main():
    words = argparse.ArgumentParser(description='A pool of workers over ringq and over brokers.')
    words.add_argument('program')
    words.add_argument('--jobs', type=int, default=100000)
    words.add_argument('--kills', type=int, default=20)
    words.add_argument('--rounds', type=int, default=3)
    words.add_argument('--only', action='append', choices=WAYS, help='this way, and others named so')
    o = words.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    figures = {}
    with tempfile.TemporaryDirectory(prefix='ringq-brokers') as folder:
        for way in find_ways(o.program, o.only) * o.rounds:
            figures.setdefault(way, []).append(measure(o.program, way, folder, o.jobs, o.kills))
    show(figures)


main()
