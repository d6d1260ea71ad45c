# SPDX-License-Identifier: MIT
"""
Lines that are cut without a word, or lose what they carry: the bridge is in a network of its own, behind a router that
forwards or does not. All networks are this process's, and end with it; skipped where they are not permitted.
"""

import os
import random
import subprocess
import sys
import threading
import time

import broker
import harness
from harness import Feeder, Reader, check, end, eventually, log_of, main, put, record

HERE, ROUTER, THERE = '10.77.1.1', ('10.77.1.2', '10.77.2.2'), '10.77.2.1'


class Line:
    """Between this network, where the broker is, and one in which a bridge can be run."""

    def __init__(self):
        self.router, self.far = (subprocess.Popen(['unshare', '-n', 'sleep', '1000']) for _ in range(2))
        harness.CHILDREN.extend((self.router, self.far))
        own = os.readlink('/proc/self/ns/net')
        for p in (self.router, self.far):
            eventually('a network', lambda p=p: os.readlink(f'/proc/{p.pid}/ns/net') != own)
        self.ip('link', 'set', 'lo', 'up')
        self.pair('near', HERE, 'r1', ROUTER[0], self.router)
        self.ip('route', 'add', f'{THERE}/32', 'via', ROUTER[0])
        self.pair('r2', ROUTER[1], 'far', THERE, self.far, self.router)
        self.ip('route', 'add', f'{HERE}/32', 'via', ROUTER[1], inside=self.far)
        self.forwards(True)

    def ip(self, *words, inside=None, tool='ip'):
        enter = ['nsenter', f'--net=/proc/{inside.pid}/ns/net'] if inside else []
        return subprocess.run([*enter, tool, *words], check=True, capture_output=True)

    def pair(self, name, address, other, other_address, peer, inside=None):
        self.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', other, 'netns', str(peer.pid), inside=inside)
        for what, where, whose in ((name, address, inside), (other, other_address, peer)):
            self.ip('address', 'add', f'{where}/24', 'dev', what, inside=whose)
            self.ip('link', 'set', what, 'up', inside=whose)

    def forwards(self, does):
        """A router that does not forward drops what comes, and tells nobody."""
        self.ip('-c', f'echo {int(does)} >/proc/sys/net/ipv4/ip_forward', inside=self.router, tool='sh')

    def sent_again(self):
        """How many segments had to be, at either end."""
        total = 0
        for inside in ([], ['nsenter', f'--net=/proc/{self.far.pid}/ns/net']):
            out = subprocess.run([*inside, 'cat', '/proc/net/snmp'], check=True, capture_output=True, text=True).stdout
            names, values = (row.split() for row in out.splitlines() if row.startswith('Tcp:'))
            total += int(values[names.index('RetransSegs')])
        return total


LINE = []


def over_the_line(s, name, out='', into='', **broker_options):
    """A broker here, which is reached over the line, and a bridge from a region to another by way of it."""
    if not LINE:
        LINE.append(Line())
        port = broker.free_port()
        b = s.broker(settings=[f'listeners.tcp.2 = {HERE}:{port}'])
        b.far_port = port
    b = s.brokers[0]
    a, z = s.region(name + '-a', 'q', '--acknowledged'), s.region(name + '-b')
    common = f'queue = q\nuri = amqp://{HERE}:{b.far_port}\ninsecure = yes\nremote-queue = {name}\ntopology = declare\n' \
             'heartbeat = 1\nconnect-timeout = 2\n'
    config = s.config(name, f'[{name}-out]\ndirection = out\nregion = {a}\n{common}{out}\n'
                            f'[{name}-in]\ndirection = in\nregion = {z}\n{common}{into}\n')
    bridge = s.bridge(config, enter=['nsenter', f'--net=/proc/{LINE[0].far.pid}/ns/net'])
    return LINE[0], a, z, config, bridge


def a_cut_line_is_noticed(s):
    """Both directions say so after two heartbeats, and go on when the line does."""
    line, a, z, config, p = over_the_line(s, 'cut')
    reader = Reader(z, 600)
    put(s, f'{a}/q', range(200))
    eventually('it runs', lambda: len(reader.seen) == 200)
    line.forwards(False)
    put(s, f'{a}/q', range(200, 400))
    began = time.monotonic()
    eventually('it is noticed', lambda: log_of(p).count('no sign of life') >= 2, 20)
    print(f'        noticed after {time.monotonic() - began:.1f} s')
    put(s, f'{a}/q', range(400, 600))
    check(len(reader.seen) == 200, 'the line is not cut')
    line.forwards(True)
    reader.wait()
    reader.account()
    end(p)


def a_line_that_is_cut_within_a_message_is_noticed(s):
    """What is being sent is larger than all buffers: it cannot be sent, and no answer comes."""
    line, a, z, config, p = over_the_line(s, 'within', out='window = 50')
    size = 4000000
    put(s, f'{a}/q', range(1))
    check(s.ringq('get', '-n', '1', '-w', '20', f'{z}/q')[:-1] == record(0), 'it does not run')
    line.forwards(False)
    put(s, f'{a}/q', [1], size)
    eventually('it is noticed', lambda: s.meters(config, 'within-out')['failures'] > 0, 20)
    check('no sign of life' in log_of(p), 'the log does not say so')
    line.forwards(True)
    while (came := s.ringq('get', '-n', '1', '-w', '60', f'{z}/q')[:-1]) != record(1, size):
        check(came == record(0), f'it does not come, but {came[:40]}')  # whose confirmation or acknowledgement was cut off
    end(p)


def a_lossy_line_loses_nothing(s):
    """A third of the time nothing passes, for some ms or half a second."""
    n, over = harness.brief_or_long(1500, 3000, 60000), threading.Event()
    line, a, z, config, p = over_the_line(s, 'lossy')
    reader, feeder, before = Reader(z, n), Feeder(f'{a}/q', n, rate=1000), line.sent_again()

    def lose():
        chance = random.Random(1)
        while not over.is_set():
            for does, most in ((False, chance.choice((0.01, 0.01, 0.5))), (True, 0.3)):
                line.forwards(does)
                time.sleep(chance.uniform(0, most))
        line.forwards(True)
    loses = threading.Thread(target=lose, daemon=True)
    loses.start()
    try:
        eventually('half of it', lambda: len(reader.seen) >= n // 2, 120)
    finally:
        over.set()
        loses.join()
    reader.wait()
    feeder.join()
    check(line.sent_again() > before, 'the line has lost nothing')
    print(f'        {reader.account()} of {n} came twice, {s.meters(config, "lossy-out")["failures"]} links ended')
    end(p)


def in_a_network():
    """Begins anew in a network of its own. Returns whether this is one; not where all that a line needs is not permitted."""
    if 'RINGQ_TEST_NETWORK' in os.environ:
        return True
    needs = 'ip link add name one type veth peer name two && echo 1 >/proc/sys/net/ipv4/ip_forward && ' \
            'nsenter --net=/proc/self/ns/net true'
    for how in ('-n', '-rn'):
        if subprocess.run(['unshare', how, 'unshare', '-n', 'sh', '-c', needs], capture_output=True).returncode == 0:
            os.environ['RINGQ_TEST_NETWORK'] = 'own'
            os.execvp('unshare', ['unshare', how, sys.executable, *sys.argv])
    return False


if __name__ == '__main__':
    if not in_a_network():
        print('skipped: networks of its own are not permitted')
        sys.exit(harness.SKIPPED)
    sys.exit(main(a_cut_line_is_noticed, a_line_that_is_cut_within_a_message_is_noticed, a_lossy_line_loses_nothing))
