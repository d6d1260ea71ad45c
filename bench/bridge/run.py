# SPDX-License-Identifier: MIT
"""
The bridge beside a bare loop over the same client library, and beside the broker's own shovel: a table in Markdown.

usage: run.py BARE RINGQ RINGQ-BRIDGE-AMQP [RECORDS [ROUNDS]]

56-byte records, persistent, confirmed, a durable classic queue, a window of 1000, all on loopback of this machine. Ways take
turns; each figure is the median of the rounds.
"""

import json
import os
import statistics
import subprocess
import sys
import time

bare = sys.argv[1]
n = int(sys.argv[4]) if len(sys.argv) > 4 else 100000
rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 3
sys.argv[:] = [sys.argv[0], sys.argv[2], sys.argv[3]]
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../test/bridge'))
import broker  # noqa: E402
import harness  # noqa: E402

WINDOW, PACK, PACKED = 1000, 16384, 10


def run_bare(b, mode, queue, count):
    out = subprocess.run([bare, mode, str(b.port), b.password, queue, str(count), str(WINDOW)], check=True,
                         capture_output=True, text=True).stdout.split()
    return [float(x) for x in out]


def sections(s, b, a, z, queue, more):
    common = f'uri = amqp://127.0.0.1:{b.port}\nremote-queue = {queue}\ntopology = declare\nqueue = q\n{more}\n'
    return s.config('bench-' + queue, f'[out]\ndirection = out\nregion = {a}\n{common}\n[in]\ndirection = in\nregion = {z}\n{common}')


def moved(s, config, name, count):
    began = time.monotonic()
    s.run_bridge('run', f'--bridge={name}', f'--count={count}', config, patience=3600)
    return time.monotonic() - began


def through(s, b, queue, count, more):
    """Records a second out, and in."""
    a, z = (s.region(f'{queue}-{end}', 'q', '--acknowledged', '--max-bytes=unbounded') for end in ('a', 'z'))
    config = sections(s, b, a, z, queue, more)
    s.ringq('put', f'{a}/q', data=b''.join(harness.record(i, 57) + b'\n' for i in range(count)))
    out = count / moved(s, config, 'out', count)
    into = count / moved(s, config, 'in', s.meters(config, 'out')['published'])
    came = s.meters(config, 'in')['put']
    harness.check(came == count, f'{came} of {count} came')
    for region in (a, z):
        s.ringq('unlink', region)
    return out, into


def shovel(b, count):
    run_bare(b, 'publish', 'shovel-from', count)
    began = time.monotonic()
    b.ctl('set_parameter', 'shovel', 'bench', json.dumps({
        'src-protocol': 'amqp091', 'src-uri': f'amqp://{broker.USER}:{broker.PASSWORD}@127.0.0.1:{b.port}',
        'src-queue': 'shovel-from', 'src-prefetch-count': WINDOW, 'dest-protocol': 'amqp091',
        'dest-uri': f'amqp://{broker.USER}:{broker.PASSWORD}@127.0.0.1:{b.port}', 'dest-queue': 'shovel-to',
        'dest-add-forward-headers': False, 'ack-mode': 'on-confirm'}))
    while b.messages().get('shovel-to', 0) < count:
        time.sleep(0.05)
    took = time.monotonic() - began
    b.ctl('clear_parameter', 'shovel', 'bench')
    for queue in ('shovel-from', 'shovel-to'):
        b.ctl('delete_queue', queue)
    return count / took


def latency(s, b):
    a, z = (s.region(f'trip-{end}', 'q', '--acknowledged') for end in ('a', 'z'))
    config = sections(s, b, a, z, 'trip', '')
    p = s.bridge(config)
    harness.eventually('both are connected', lambda: harness.log_of(p).count('connected') == 2)
    trip = [float(x) for x in subprocess.run([bare, 'trip', a, z, '300'], check=True, capture_output=True, text=True).stdout.split()]

    def used():
        return time.clock_gettime(~p.pid << 3 | 2)  # the process's CPU clock: clock_getcpuclockid(3)
    time.sleep(1)
    before, began = used(), time.monotonic()
    time.sleep(20)
    idle = (used() - before) / (time.monotonic() - began) / 2
    broker.end(p)
    return trip, run_bare(b, 'confirm', 'confirm', 300), idle


def measure(s):
    b = s.broker(plugins=['rabbitmq_shovel'], settings=['vm_memory_high_watermark.relative = 0.4'])
    b.password = s.write('password', broker.PASSWORD + '\n', 0o600)
    figures = {}

    def note(row, value):
        figures.setdefault(row, []).append(value)
    for i in range(rounds):
        note('bare loop, out', run_bare(b, 'publish', 'bare', n)[0])
        note('bare loop, in', run_bare(b, 'consume', 'bare', n)[0])
        out, into = through(s, b, f'plain{i}', n, f'window = {WINDOW}')
        note('bridge, out', out)
        note('bridge, in', into)
        out, into = through(s, b, f'packed{i}', n * PACKED, f'window = 60000\npack = {PACK}')
        note('bridge, packed, out', out)
        note('bridge, packed, in', into)
        note('shovel, queue to queue', shovel(b, n))
    medians = {row: statistics.median(values) for row, values in figures.items()}
    print('| way | records/s | beside the bare loop | rounds |\n| --- | ---: | ---: | --- |')
    for row, values in figures.items():
        beside = medians[row] / medians['bare loop, in' if row.endswith('in') else 'bare loop, out']
        print(f'| {row} | {medians[row]:,.0f} | {beside:.2f} | {", ".join(f"{v:,.0f}" for v in values)} |')
    trip, confirm, idle = latency(s, b)
    print('\n| latency, one record at a time | p50, ms | p99, ms |\n| --- | ---: | ---: |')
    print(f'| queue to queue, two bridges | {trip[0]} | {trip[1]} |\n| the broker confirms | {confirm[0]} | {confirm[1]} |')
    print('\n| what is wanted | at least | is |\n| --- | ---: | ---: |')
    for way in ('out', 'in'):
        plain, packed = medians[f'bridge, {way}'], medians[f'bridge, packed, {way}']
        print(f'| plain beside the bare loop, {way} | 0.8 | {plain / medians[f"bare loop, {way}"]:.2f} |')
        print(f'| packed beside plain, {way} | 10 | {packed / plain:.1f} |')
    print(f'| CPU of an idle bridge | less than 0.1 % | {idle * 100:.3f} % |')
    print('\n`rabbitmqctl` tells when the shovel is done: up to a second late.')


sys.exit(harness.main(measure))
