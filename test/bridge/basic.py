# SPDX-License-Identifier: MIT
"""Records of one region come to another through a broker, at least once, whatever is killed on the way."""

import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import broker
import harness
from harness import (Feeder, Producer, Reader, Worker, brief_or_long, certificate, check, end, eventually, log_of,
                     main, put, record)


def both(s, b, name, out='', into='', **options):
    """A region `name`-a whose queue goes out to the broker, and `name`-b into which it comes."""
    a = s.region(name + '-a', 'q', '--acknowledged', *options.get('source', ()))
    z = s.region(name + '-b', 'q', *options.get('target', ()))
    config = s.config(name, f'''
        [{name}-out]
        direction = out
        region = {a}
        queue = q
        uri = amqp://127.0.0.1:{b.port}
        remote-queue = {name}
        topology = declare
        {out}
        [{name}-in]
        direction = in
        region = {z}
        queue = q
        uri = amqp://127.0.0.1:{b.port}
        remote-queue = {name}
        topology = declare
        {into}
        ''')
    return a, z, config


def the_broker(s):
    """The one of the stage: with TLS, and small bounds that some tests want."""
    if not s.brokers:
        s.ca = certificate(s.folder, 'good', host='ca', ca=True)
        s.broker(settings=['vm_memory_high_watermark.absolute = 1GB', 'max_message_size = 1200000'],
                 tls=certificate(s.folder, 'server', s.ca))
    return s.brokers[0]


def everything_comes_in_order(s):
    n = brief_or_long(4000, 20000, 200000)
    a, z, config = both(s, the_broker(s), 'plain')
    p, reader = s.bridge(config), Reader(z, n)
    feeder = Feeder(a, n)
    reader.wait(alive=lambda: p.poll() is None)
    check(reader.account() == 0, 'something came twice, though nothing ended')
    check(reader.order == [record(i) for i in range(n)], 'the order of the producer was not kept')
    feeder.join()
    eventually('all is confirmed', lambda: s.meters(config, 'plain-out')['confirmed'] == n)
    end(p)
    meters = s.meters(config, 'plain-in')
    check(meters['put'] == n and meters['acknowledged'] == n and meters['state'] == harness.ENDED, f'meters: {dict(meters)}')


def bytes_are_kept(s):
    """Empty, with every byte, and larger than a frame."""
    b = the_broker(s)
    a, z, config = both(s, b, 'bytes')
    records = [b'', bytes(range(256)), os.urandom(131072 - 8), os.urandom(131072), os.urandom(1000003), b'']
    framed = b''.join(len(r).to_bytes(8, 'little') + r for r in records)
    s.ringq('put', '--frame=len', a, data=framed)
    p = s.bridge(config)
    came = s.ringq('get', '--frame=len', '--format=raw', '-n', str(len(records)), '-w', '20', z)
    check(came == framed, 'what came is not what was sent')
    broker.end(p)


def nothing_is_lost_by_kills(s):
    """
    Two machines send to each other. Their bridges, those who put and take there, and the broker are killed at random instants;
    each record of both ways is there in the end.
    """
    kills, n, pause = brief_or_long((16, 1500, 0.3), (200, 8000, 0.1), (2000, 200000, 0.2))
    b, window, batch = the_broker(s), 200, 100
    machines = {'a': s.region('kills-a', 'out', '--acknowledged'), 'b': s.region('kills-b', 'out', '--acknowledged')}
    text = ''
    for here, there in ('ab', 'ba'):
        s.region(f'kills-{here}', 'in', '--acknowledged')
        common = f'region = {machines[here]}\nuri = amqp://127.0.0.1:{b.port}\ntopology = declare\nwindow = {window}\n'
        text += f'[{here}-out]\ndirection = out\nqueue = out\nremote-queue = to-{there}\n{common}' \
                f'[{here}-in]\ndirection = in\nqueue = in\nremote-queue = to-{here}\n{common}'
    config, killed = s.config('kills', text), collections.Counter()
    workers = {m: Worker(f'{machines[m]}/in', s.folder) for m in machines}
    producers = {m: Producer(f'{machines[m]}/out', n, n / (kills * (pause + 0.1))) for m in machines}

    def bridge(machine):
        return s.bridge(config, f'--bridge={machine}-out', f'--bridge={machine}-in', log=f'{s.folder}/log.kills.{machine}')
    bridges = {m: bridge(m) for m in machines}
    for i in range(kills):
        time.sleep(random.uniform(0, 2 * pause))
        what, m = random.choice(('bridge', 'bridge', 'worker', 'producer')), random.choice('ab')
        if i % 66 == 11:  # that takes seconds
            what = 'broker'
        elif what == 'producer' and not producers[m].kill():
            what = 'bridge'
        if what == 'broker':
            b.kill()
            b.start()
        elif what == 'bridge':
            broker.end(bridges[m], signal.SIGKILL)
            bridges[m] = bridge(m)
        elif what == 'worker':
            workers[m].kill()
        killed[what] += 1
        for p in producers.values():  # however slow the machine is, there is load up to the last kill
            p.allowed = n * (i + 1) // kills + 500
    eventually('all is there', lambda: all(len(w.seen()) >= n for w in workers.values()), 240)
    time.sleep(0.3)
    doubles = 0
    for m, p in bridges.items():
        end(p)
        broker.end(workers[m].process)
        seen = workers[m].seen()
        check(sorted(seen) == list(range(n)), f'{m}: {n} records were sent, {len(seen)} came')
        doubles += sum(seen.values()) - n
        producers[m].join()
        check(producers[m].fault is None, f'who puts at {m}: {producers[m].fault}')
        for queue in ('out', 'in'):
            stat = json.loads(s.ringq('stat', '-J', f'{machines[m]}/{queue}'))
            check(stat['records'] == 0, f'left: {stat}')
    again = batch * sum(p.killed for p in producers.values())
    most = 2 * window * (killed['bridge'] + 2 * killed['broker']) + killed['worker'] + again
    print(f'        {killed.total()} killed: {dict(killed)}; {2 * n} records, {doubles} came twice')
    check(doubles <= most, f'{doubles} came twice, more than was in hand ({most})')
    check(not any(b.messages().values()), f'left in the broker: {b.messages()}')


def a_stop_leaves_nothing_in_hand(s):
    """SIGTERM under load: what was confirmed is gone, the rest is in the queue, and nothing is in both places."""
    b = the_broker(s)
    n = brief_or_long(3000, 10000, 100000)
    a, z, config = both(s, b, 'stop')
    feeder, reader = Feeder(a, n), Reader(z, n)
    for _ in range(brief_or_long(3, 8, 40)):
        p = s.bridge(config)
        time.sleep(random.uniform(0.1, 0.5))
        began = time.monotonic()
        end(p, patience=15)
        check(time.monotonic() - began < 14, 'it had to be killed')
        meters, stat = s.meters(config, 'stop-out'), json.loads(s.ringq('stat', '-J', f'{a}/q'))
        check(meters['window'] == 0 and meters['state'] == harness.ENDED, f'meters: {dict(meters)}')
        check(stat['records_in'] - stat['records'] == meters['confirmed'] or feeder.is_alive(), f'in hand: {stat}')
    p = s.bridge(config)
    reader.wait()
    feeder.join()
    check(reader.account() == 0, 'a clean stop made a record come twice')
    broker.end(p)


def once_ends_when_nothing_waits(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'once')
    put(s, a, range(500))
    s.run_bridge('run', '--once', '--bridge=once-out', config)
    check(s.meters(config, 'once-out')['confirmed'] == 500, 'not all went out')
    s.run_bridge('run', '--count=200', '--bridge=once-in', config)
    s.run_bridge('run', '--once', '--bridge=once-in', config)
    came = s.ringq('get', '-w', '0', z, status=1).split()
    check(len(came) == 1000, f'{len(came) // 2} came')


def a_standby_takes_over(s):
    """Two processes of one configuration: one is active; when it is killed the other goes on, at once."""
    b = the_broker(s)
    n = brief_or_long(3000, 6000, 60000)
    a, z, config = both(s, b, 'standby')
    one, two = s.bridge(config), s.bridge(config)
    # One process may be the first for one direction, and the other for the other.
    eventually('both run', lambda: 'connected' in log_of(one) + log_of(two) and
               (log_of(one) + log_of(two)).count('standing by') == 2)
    stood = [s.meters(config, f'standby-{way}')['standby_ms'] for way in ('out', 'in')]
    eventually('that one stands by is told', lambda: all(
        s.meters(config, f'standby-{way}')['standby_ms'] > before for way, before in zip(('out', 'in'), stood)))
    active = {p.pid: p for p in (one, two)}[s.meters(config, 'standby-out')['process']]
    other = two if active is one else one
    reader, feeder = Reader(z, n), Feeder(a, n, rate=3000)
    eventually('something has come', lambda: len(reader.seen) > 100)
    broker.end(active, signal.SIGKILL)
    began = time.monotonic()
    says = 'standby-out: the process that ran this bridge has died: taking over'
    eventually('it has taken over', lambda: says in log_of(other))
    print(f'        took over after {time.monotonic() - began:.2f} s')
    eventually('it is told', lambda: s.meters(config, 'standby-out')['process'] == other.pid)
    reader.wait()
    feeder.join()
    reader.account()
    end(other)


def several_share_a_queue(s):
    """Both processes are active; when one is killed, the other has what that had in hand."""
    n = brief_or_long(3000, 8000, 80000)
    a, z, config = both(s, the_broker(s), 'share', out='share = yes\nwindow = 50', into='share = yes\nwindow = 50')
    one, two = s.bridge(config), s.bridge(config)
    eventually('both are connected', lambda: all(log_of(p).count('connected') == 2 for p in (one, two)))
    reader, feeder = Reader(z, n), Feeder(a, n, rate=3000)
    eventually('half of it', lambda: len(reader.seen) > n // 2)
    broker.end(one, signal.SIGKILL)
    reader.wait()
    feeder.join()
    doubles = reader.account()
    check(doubles <= 100, f'{doubles} came twice, more than was in hand')
    check('standing by' not in log_of(one) + log_of(two), 'one stood by')
    end(two)


def what_a_killed_bridge_has_put_is_known(s):
    """With `dedup`, a kill has one message come twice at most, not a window of them."""
    kills, n = brief_or_long((5, 2000), (10, 5000), (100, 50000))
    b = the_broker(s)
    a, z, config = both(s, b, 'known', into='window = 200\ndedup = 1000')
    out, p = s.bridge(config, '--bridge=known-out'), s.bridge(config, '--bridge=known-in')
    reader, feeder = Reader(z, n), Feeder(a, n)
    for i in range(kills):
        eventually('some came', lambda: len(reader.seen) > n * i // (kills + 1))
        broker.end(p, signal.SIGKILL)
        p = s.bridge(config, '--bridge=known-in')
    reader.wait()
    feeder.join()
    doubles = reader.account()
    meters = s.meters(config, 'known-in')
    print(f'        {kills} kills: {meters["redelivered"]} came again, {doubles} of them were put twice')
    check(meters['redelivered'] > kills and doubles <= kills, f'{doubles} came twice; {dict(meters)}')
    end(p)
    end(out)


def the_region_may_come_anew(s):
    """A region that is unlinked and made again: the bridge goes over to the one that has the name."""
    b = the_broker(s)
    a, z, config = both(s, b, 'anew')
    p = s.bridge(config)
    put(s, a, [1])
    check(s.ringq('get', '-n', '1', '-w', '20', z).rstrip() == record(1).rstrip(), 'the first')
    s.ringq('unlink', a)
    s.region('anew-a', 'q', '--acknowledged')
    put(s, a, [2])
    check(s.ringq('get', '-n', '1', '-w', '20', z).rstrip() == record(2).rstrip(), 'the second')
    broker.end(p)


def packs_carry_many(s):
    b = the_broker(s)
    n = brief_or_long(20000, 50000, 1000000)
    a, z, config = both(s, b, 'pack', out='pack = 16K\nwindow = 20000')
    reader, feeder = Reader(z, n), Feeder(a, n)
    p = s.bridge(config)
    reader.wait()
    feeder.join()
    check(reader.account() == 0 and reader.order == [record(i) for i in range(n)], 'not all once and in order')
    eventually('all is confirmed', lambda: s.meters(config, 'pack-out')['confirmed'] == n)
    meters = s.meters(config, 'pack-out')
    check(meters['published'] < n / 20, f'{meters["published"]} messages')
    broker.end(p)


def the_guide_connects_two_machines(s):
    """What docs/many-machines.md tells a new user to do, to the letter, but for hosts, and for the names of regions."""
    b = the_broker(s)
    folder = f'{s.folder}/guide'
    os.makedirs(f'{folder}/bin')
    for name, path in (('ringq', harness.TOOL), ('ringq-bridge', harness.BRIDGE)):
        os.symlink(path, f'{folder}/bin/{name}')
    s.write('guide/bin/rabbitmqctl', '#!/bin/sh\n' + ''.join(f"export {name}='{value}'\n" for name, value in b.env.items()) +
            f'exec {broker.CTL} -q -n {b.env["RABBITMQ_NODENAME"]} "$@"\n', 0o755)
    with open(f'{os.path.dirname(os.path.abspath(__file__))}/../../docs/many-machines.md') as file:
        guide = file.read().split('## How to\n')[1].split('\n## ')[0]
    regions = {'out': f'{s.prefix}-guide-a', 'in': f'{s.prefix}-guide-b'}
    s.regions.extend(regions.values())
    for queue, way in (('outbox', 'out'), ('dead', 'out'), ('inbox', 'in')):
        guide = guide.replace(f'jobs/{queue}', f'{regions[way]}/{queue}')
    guide = re.sub('^tls-ca = .*\n', '', guide, flags=re.M).replace('amqps://mq.example.com', f'amqp://127.0.0.1:{b.port}')
    *one_way, both_ways = re.findall('```ini\n(.*?)```', guide, re.S)
    for way, text in zip(('out', 'in'), one_way):
        s.write(f'guide/{way}.conf', text.replace('region = jobs', f'region = {regions[way]}'))
    broker_side, secret, queues, run, see = re.findall('```sh\n(.*?)```', guide, re.S)
    check_it, run_it = run.splitlines()
    run_it = run_it.split('#')[0]
    inbox, = re.findall('`(ringq create [^`]*/inbox)`', guide)
    script = ['trap "kill \\$(jobs -p)" EXIT', broker_side, secret, queues, inbox, check_it,
              check_it.replace('out.conf', 'in.conf'), f'{run_it} &', f'{run_it.replace("out.conf", "in.conf")} &', see]
    done = subprocess.run(['bash', '-ec', '\n'.join(script)], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120,
                          env={**os.environ, 'PATH': f'{folder}/bin:{os.environ["PATH"]}'})
    check(done.returncode == 0 and '\nhello\n' in done.stdout and 'NOT GOOD' not in done.stdout, done.stdout)
    guide_both_ways(s, both_ways.replace('./', f'{folder}/'))


def guide_both_ways(s, text):
    """The file of A as it stands there, and that of B, in which the remote queues change places."""
    for here in 'ab':
        region = s.region(f'guide-both-{here}', 'outbox', '--acknowledged')
        s.region(f'guide-both-{here}', 'inbox')
        of = text.replace('region = jobs', f'region = {region}')
        if here == 'b':
            of = re.sub('jobs-of-([ab])', lambda m: 'jobs-of-' + ('a' if m[1] == 'b' else 'b'), of)
        s.bridge(s.write(f'guide/both-{here}.conf', of))
    for i, (here, there) in enumerate(('ab', 'ba')):
        put(s, f'{s.prefix}-guide-both-{here}/outbox', [i])
        came = s.ringq('get', '-n', '1', '-w', '20', f'{s.prefix}-guide-both-{there}/inbox')
        check(came == record(i) + b'\n', f'from {here} to {there}: {came}')
    for p in s.processes[-2:]:
        end(p)


if __name__ == '__main__':
    sys.exit(main(everything_comes_in_order, bytes_are_kept, nothing_is_lost_by_kills, a_stop_leaves_nothing_in_hand,
                  once_ends_when_nothing_waits, a_standby_takes_over, several_share_a_queue,
                  what_a_killed_bridge_has_put_is_known, the_region_may_come_anew, packs_carry_many,
                  the_guide_connects_two_machines))
