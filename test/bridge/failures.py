# SPDX-License-Identifier: MIT
"""What happens at each failure: the rows of the table in docs/many-machines.md, one test each."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import broker
import harness
from basic import both, the_broker
from harness import (Feeder, Reader, brief_or_long, certificate, check, dead_letters, end, eventually, log_of, main, put,
                     record)


def waiting(s, target):
    return json.loads(s.ringq('stat', '-J', target))['records']


def resident(process):
    with open(f'/proc/{process.pid}/status') as file:
        status = dict(line.split(':', 1) for line in file)
    # Shared memory is the queue's, not the bridge's.
    return int(status['RssAnon'].split()[0])


def a_broker_under_alarm_holds_records_back(s):
    b = the_broker(s)
    n, window = brief_or_long(4000, 20000, 200000), 100
    a, z, config = both(s, b, 'alarm', out=f'window = {window}')
    p, reader = s.bridge(config), Reader(z, n)
    put(s, a, range(10))
    eventually('it runs', lambda: len(reader.seen) == 10)
    before = resident(p)
    b.ctl('set_vm_memory_high_watermark', '0.000001')
    feeder = Feeder(a, n)
    eventually('blocked', lambda: s.meters(config, 'alarm-out')['state'] == harness.BLOCKED, 30)
    check('takes no messages now' in log_of(p), 'the log does not say so')
    feeder.join()
    time.sleep(0.5)
    meters = s.meters(config, 'alarm-out')
    check(meters['window'] <= window, f'{meters["window"]} in hand')
    check(waiting(s, f'{a}/q') >= n - 2 * window, 'records left the queue for nowhere')
    check(resident(p) - before < 8192, f'it grew by {resident(p) - before} KiB')
    b.ctl('set_vm_memory_high_watermark', 'absolute', '1GB')
    reader.wait()
    reader.account()
    check(s.meters(config, 'alarm-out')['blocked_ms'] > 0, 'the time was not counted')
    end(p)


def producers_wait_for_a_broker_under_alarm(s):
    """The bridge takes no more than its window, so that max_bytes holds up who puts, and nothing else does."""
    b = the_broker(s)
    n, most = 4000, 65536
    a, z, config = both(s, b, 'pressure', source=[f'--max-bytes={most}'])
    p, reader = s.bridge(config), Reader(z, n)
    b.ctl('set_vm_memory_high_watermark', '0.000001')
    try:
        feeder = Feeder(a, n)
        eventually('blocked', lambda: s.meters(config, 'pressure-out')['state'] == harness.BLOCKED, 30)
        time.sleep(1)
        check(feeder.is_alive() and not reader.seen, 'nobody waits')
        check(waiting(s, f'{a}/q') * len(record(0)) <= most, 'more waits than max_bytes allows')
    finally:
        b.ctl('set_vm_memory_high_watermark', 'absolute', '1GB')
    reader.wait()
    reader.account()
    feeder.join()
    check(not feeder.fault, feeder.fault)
    end(p)


def a_stop_under_alarm_ends(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'alarmstop')
    p = s.bridge(config)
    b.ctl('set_vm_memory_high_watermark', '0.000001')
    try:
        put(s, a, range(2000))
        eventually('blocked', lambda: s.meters(config, 'alarmstop-out')['state'] == harness.BLOCKED, 30)
        began = time.monotonic()
        broker.end(p)
        check(p.returncode == 0 and time.monotonic() - began < 20, f'{p.returncode}, {time.monotonic() - began:.1f} s')
    finally:
        b.ctl('set_vm_memory_high_watermark', 'absolute', '1GB')
    s.run_bridge('run', '--once', '--bridge=alarmstop-out', config)
    check(waiting(s, f'{a}/q') == 0, 'not all went out afterwards')


def a_full_queue_stops_the_broker(s):
    b = the_broker(s)
    n = brief_or_long(3000, 20000, 200000)
    a, z, config = both(s, b, 'full', into='window = 50\nheartbeat = 1', target=['--max-records=100'])
    p = s.bridge(config)
    put(s, a, range(n))
    eventually('full', lambda: s.meters(config, 'full-in')['state'] == harness.FULL)
    before = resident(p)
    time.sleep(3)  # three heartbeats: the link lives on
    meters = s.meters(config, 'full-in')
    check(meters['put'] == 100 and meters['connects'] == 1 and meters['failures'] == 0, f'{dict(meters)}')
    check(meters['full_ms'] > 2000, f'{meters["full_ms"]} ms')
    check(resident(p) - before < 4096, f'it grew by {resident(p) - before} KiB')
    reader = Reader(z, n)
    reader.wait()
    check(reader.account() == 0 and reader.order == [record(i) for i in range(n)], 'not all once and in order')
    broker.end(p)


def what_cannot_be_routed_is_set_aside(s):
    b = the_broker(s)
    a = s.region('route', 'q', '--acknowledged')
    s.region('route', 'dead')
    config = s.config('route', f'''
        [route]
        direction = out
        region = {a}
        queue = q
        uri = amqp://127.0.0.1:{b.port}
        exchange = amq.direct
        routing-key = nobody
        attempts = 3
        dead-letter = dead
        ''')
    put(s, f'{a}/q', range(5))
    p = s.bridge(config)
    letters = dead_letters(s, a, 'dead', 5)
    check(sorted(letters) == [(3, record(i)) for i in range(5)], f'{letters}')
    eventually('it is counted', lambda: s.meters(config, 'route')['dead_lettered'] == 5)
    meters = s.meters(config, 'route')
    check(meters['returned'] == 15 and meters['confirmed'] == 0, f'{dict(meters)}')
    check('no queue for exchange "amq.direct", key "nobody"' in log_of(p), 'the log does not say so')
    broker.end(p)


def without_dead_letters_it_waits_for_a_route(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'gone')
    p, reader = s.bridge(config), Reader(z, 500)
    put(s, a, range(200))
    eventually('the first came', lambda: len(reader.seen) == 200)
    b.ctl('delete_queue', 'gone')
    put(s, a, range(200, 500))
    reader.wait()  # the consumer was told that its queue is gone, and has declared it again
    reader.account()
    check('is gone' in log_of(p), 'the log does not say so')
    broker.end(p)


def a_queue_that_refuses_is_tried_again(s):
    b = the_broker(s)
    more = 'argument = x-max-length=10\nargument = x-overflow=reject-publish'
    a, z, config = both(s, b, 'refuse', out=more, into=more)
    put(s, a, range(60))
    p = s.bridge(config, '--bridge=refuse-out')
    eventually('refused', lambda: s.meters(config, 'refuse-out')['nacked'] > 0)
    q = s.bridge(config, '--bridge=refuse-in')
    reader = Reader(z, 60)
    reader.wait()
    reader.account()
    broker.end(p)
    broker.end(q)


def what_is_too_large_does_not_hold_up_others(s):
    """The broker closes the channel over a message: the one to blame is found, and the others go on."""
    a, z, config = both(s, the_broker(s), 'large', out='attempts = 3\ndead-letter = dead')
    s.region('large-a', 'dead')
    put(s, f'{a}/q', range(50))
    put(s, f'{a}/q', [50], 1300000)
    put(s, f'{a}/q', range(51, 100))
    p = s.bridge(config)
    letters = dead_letters(s, a, 'dead', 1)
    check(letters == [(3, record(50, 1300000))], f'{[(n, len(r)) for n, r in letters]}')
    reader = Reader(z, 99)
    reader.wait()
    eventually('all is confirmed', lambda: s.meters(config, 'large-out')['confirmed'] == 99)
    broker.end(reader.process)
    check(set(reader.seen) == {record(i) for i in range(100) if i != 50}, 'the others did not come')
    broker.end(p)


def a_wrong_password_is_told_and_can_be_mended(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'password')
    secret = s.write('secret', f'user = {broker.USER}\npassword = wrong-and-not-in-any-log-either\n', 0o600)
    with open(config) as file:
        text = file.read().replace(s.credentials, secret)
    s.write('password', text)
    p = s.bridge(config)
    eventually('it says so', lambda: 'log in: ' in log_of(p))
    check('ACCESS_REFUSED' in log_of(p), log_of(p))
    out = s.run_bridge('check', config, status=1)
    check('NOT GOOD: log in' in out, out)
    s.write('secret', f'user = {broker.USER}\npassword = {broker.PASSWORD}\n', 0o600)
    put(s, a, range(10))
    reader = Reader(z, 10)
    reader.wait()
    for place in ('cmdline', 'environ'):
        with open(f'/proc/{p.pid}/{place}', 'rb') as file:
            check(broker.PASSWORD.encode() not in file.read(), f'the password is in {place}')
    check(broker.PASSWORD not in log_of(p) and 'wrong-and' not in log_of(p), 'a password is in the log')
    with open(f'/proc/{p.pid}/limits') as file:
        core = [line.split() for line in file if line.startswith('Max core file size')][0]
    check(core[4] == '1', f'a core may be written: {core}')
    broker.end(p)
    reader.account()


def credentials_that_others_may_read_are_refused(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'mode')
    os.chmod(s.credentials, 0o644)
    try:
        out = s.run_bridge('check', config, status=1)
        check('its mode must be 0600' in out, out)
    finally:
        os.chmod(s.credentials, 0o600)
    s.run_bridge('run', '--once', '--bridge=mode-out', config)
    out = s.run_bridge('check', config)
    check(out.count('good') == 4 and 'NOT GOOD' not in out, out)


def a_file_with_faults_is_refused(s):
    path = s.write('faults', '''
[one]
direction = sideways
region = r
queue = q
uri = amqp://user:hunter2@127.0.0.1
password = hunter2
window = 0
nonsense = 1
[two]
direction = out
region = r
queue = q
remote-queue = x
uri = amqp://broker.example.com
credentials = c
[two]
window = 1.5
max-message = unbounded
connect-timeout = forever
reconnect-min = 500us
stop-timeout = 2h
heartbeat = 10 apples
''')
    out = s.run_bridge('check', path, status=2)
    for line, what in ((3, 'out or in'), (6, 'no user or password may stand in it'), (7, 'no password stands here'),
                       (8, 'out of bounds'), (9, 'no such key'), (10, 'one'), (17, 'in the clear'), (17, 'second bridge'),
                       (18, 'a number'), (19, 'out of bounds'), (20, 'out of bounds'), (21, 'out of bounds'),
                       (22, 'out of bounds'), (23, 'a time')):
        check(any(f':{line}: ' in row and what in row for row in out.splitlines()), f'line {line}, {what}:\n{out}')
    check('hunter2' not in out, 'a password is in the log')


def wrong_arguments_of_a_queue_are_told(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'arguments')
    s.run_bridge('run', '--once', '--bridge=arguments-out', config)
    config = both_with(s, config, 'argument = x-max-length=5')
    p = s.bridge(config, '--bridge=arguments-out')
    eventually('it says so', lambda: 'queue arguments: refused (406)' in log_of(p))
    end(p)


def both_with(s, config, line):
    with open(config) as file:
        return s.write(os.path.basename(config), file.read().replace('topology = declare', 'topology = declare\n' + line))


def a_broker_that_hangs_is_left(s):
    """SIGSTOP: no packet says that it is gone; the heartbeat does."""
    b = the_broker(s)
    n = 2000
    a, z, config = both(s, b, 'hang', out='heartbeat = 1\nconnect-timeout = 2', into='heartbeat = 1\nconnect-timeout = 2')
    p, reader = s.bridge(config), Reader(z, n)
    put(s, a, range(1000))
    eventually('it runs', lambda: len(reader.seen) == 1000)
    b.server.send_signal(signal.SIGSTOP)
    try:
        put(s, a, range(1000, n))
        eventually('it is left', lambda: log_of(p).count('no sign of life') == 2, 20)
        time.sleep(2)
    finally:
        b.server.send_signal(signal.SIGCONT)
    reader.wait()
    reader.account()
    end(p)


def the_next_broker_is_tried(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'next')
    with open(config) as file:
        text = file.read().replace('uri =', f'uri = amqp://127.0.0.1:{broker.free_port()}\nuri =')
    s.write('next', text)
    p = s.bridge(config)
    put(s, a, range(10))
    reader = Reader(z, 10)
    reader.wait()
    reader.account()
    broker.end(p)


def a_broker_in_its_place_is_served(s):
    """Another broker has its address, and none of its queues: they are declared, and what was not confirmed comes."""
    b = the_broker(s)
    a, z, config = both(s, b, 'place')
    p, reader = s.bridge(config), Reader(z, 500)
    put(s, a, range(200))
    eventually('the first came', lambda: len(reader.seen) == 200)
    eventually('all is acknowledged', lambda: s.meters(config, 'place-in')['acknowledged'] == 200)
    b.kill()
    put(s, a, range(200, 500))
    shutil.rmtree(f'{b.folder}/data')
    b.start()
    reader.wait()
    reader.account()
    end(p)


def a_queue_that_is_not_acknowledged_is_refused(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'plainqueue')
    s.ringq('unlink', a)
    s.region('plainqueue-a', 'q')
    out = s.run_bridge('run', '--bridge=plainqueue-out', config, status=2)
    check('is not acknowledged' in out, out)


def a_closed_queue_ends_the_bridge(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'closed')
    put(s, a, range(100))
    s.ringq('close', f'{a}/q')
    s.run_bridge('run', '--bridge=closed-out', config, status=5)
    check(s.meters(config, 'closed-out')['confirmed'] == 100, 'not all went out before')
    s.ringq('close', f'{z}/q')
    s.run_bridge('run', '--bridge=closed-in', config, status=5)
    check(b.messages()['closed'] == 100, 'the broker has not kept what could not be put')


def quorum_queues_serve(s):
    b = the_broker(s)
    a, z, config = both(s, b, 'quorum', out='queue-type = quorum', into='queue-type = quorum')
    p, reader = s.bridge(config), Reader(z, 300)
    put(s, a, range(300))
    reader.wait()
    check(reader.account() == 0, 'doubles')
    broker.end(p)


def tls_is_verified(s):
    """A good certificate passes; a foreign one, one for another host, and one that has expired do not, unless told so."""
    b = the_broker(s)
    foreign = certificate(s.folder, 'foreign', host='other', ca=True)
    a, z, config = both(s, b, 'tls')
    with open(config) as file:
        plain = file.read()

    def check_with(host, lines, status, port=b.tls_port):
        text = plain.replace(f'amqp://127.0.0.1:{b.port}', f'amqps://{host}:{port}')
        s.write('tls', text.replace('topology = declare', 'topology = declare\n' + lines))
        return s.run_bridge('check', config, status=status)

    trusted = f'tls-ca = {s.ca["cert"]}'
    check_with('localhost', trusted, 0)
    put(s, a, range(100))
    p, reader = s.bridge(config), Reader(z, 100)
    reader.wait()
    reader.account()
    broker.end(p)
    check('not signed by who `tls-ca` names' in check_with('localhost', f'tls-ca = {foreign["cert"]}', 1), 'a foreign one')
    check('is for another host than 127.0.0.1' in check_with('127.0.0.1', trusted, 1), 'another host')
    check_with('127.0.0.1', 'insecure = yes', 0)
    check('needs `tls-ca`' in check_with('localhost', '', 2), 'no CA')
    old = certificate(s.folder, 'expired', s.ca, days=-1)
    port = broker.free_port()
    server = subprocess.Popen(['openssl', 's_server', '-accept', str(port), '-cert', old['cert'], '-key', old['key'], '-quiet'],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually('it listens', lambda: 'has expired' in check_with('localhost', trusted, 1, port), 20)
    finally:
        broker.end(server)


if __name__ == '__main__':
    sys.exit(main(
        a_broker_under_alarm_holds_records_back, producers_wait_for_a_broker_under_alarm, a_stop_under_alarm_ends,
        a_full_queue_stops_the_broker,
        what_cannot_be_routed_is_set_aside, without_dead_letters_it_waits_for_a_route, a_queue_that_refuses_is_tried_again,
        what_is_too_large_does_not_hold_up_others, a_wrong_password_is_told_and_can_be_mended,
        credentials_that_others_may_read_are_refused, a_file_with_faults_is_refused, wrong_arguments_of_a_queue_are_told,
        a_broker_that_hangs_is_left, the_next_broker_is_tried, a_broker_in_its_place_is_served,
        a_queue_that_is_not_acknowledged_is_refused, a_closed_queue_ends_the_bridge, quorum_queues_serve, tls_is_verified))
