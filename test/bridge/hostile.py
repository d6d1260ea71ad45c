# SPDX-License-Identifier: MIT
"""A broker that lies, errs, or sends rubbish: records stay where they are, and the bridge lives. Needs no RabbitMQ."""

import collections
import json
import os
import random
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import warnings

import broker
import harness
import fake
from harness import brief_or_long, certificate, check, dead_letters, end, eventually, log_of, main, put, record


def section(s, name, port, direction, *lines):
    return s.config(name, '\n'.join([f'[{name}]', f'direction = {direction}', f'region = {s.prefix}-{name}', 'queue = q',
                                     'remote-queue = q', f'uri = amqp://127.0.0.1:{port}', 'connect-timeout = 2',
                                     'stop-timeout = 300ms', *lines]))


def out(s, name, port, *lines):
    return s.region(name, 'q', '--acknowledged'), section(s, name, port, 'out', *lines)


def into(s, name, port, *lines):
    return s.region(name, 'q'), section(s, name, port, 'in', *lines)


def waiting(s, target):
    """How many records are left, which it takes: those that came back among them."""
    out, n = s.ringq('get', '--frame=len', '-w', '0', f'{target}/q', status=1), 0
    while out:
        out = out[8 + int.from_bytes(out[:8], 'little'):]
        n += 1
    return n


def messages_say_what_they_are(s):
    seen = []

    def on_message(connection, message):
        seen.append(message)
        connection.send(fake.ack(message.tag))
    f = fake.Fake(on_message)
    a, config = out(s, 'props', f.port, 'content-type = text/plain', 'header = origin: here', 'header = kind: test')
    before = int(time.time())
    put(s, a, range(3))
    s.run_bridge('run', '--once', config)
    f.close()
    check(not f.faults, f.faults)
    check([m.body for m in seen] == [record(i) for i in range(3)], 'bodies')
    for m in seen:
        check(m.delivery_mode == 2 and m.content_type == 'text/plain', 'persistent, and of its type')
        check(before <= m.timestamp <= time.time() + 1, 'timestamp')
        check(b'origin' in m.headers and b'here' in m.headers and b'kind' in m.headers, 'headers')
    ids = [m.message_id for m in seen]
    check(len(set(ids)) == 3 and all(i.startswith('q@') for i in ids), f'{ids}')
    check([int(i.rsplit(':')[-1]) for i in ids] == [0, 1, 2], f'{ids}')


def an_id_is_the_same_when_it_comes_again(s):
    """The bridge is killed before the confirm, then the link ends: three times the same id, and the attempt is not spent."""
    ids = []

    def on_message(connection, message):
        ids.append(message.message_id)
        if len(ids) == 2:
            connection.peer.shutdown(2)
        elif len(ids) == 3:
            connection.send(fake.ack(message.tag))
    f = fake.Fake(on_message)
    a, config = out(s, 'sameid', f.port)
    put(s, a, [7])
    p = s.bridge(config)
    eventually('the first', lambda: len(ids) == 1)
    broker.end(p, signal.SIGKILL)
    s.run_bridge('run', '--once', config)
    f.close()
    check(len(ids) == 3 and len(set(ids)) == 1, f'{ids}')
    check(waiting(s, a) == 0, 'not gone')


def an_unconfirmed_record_is_never_gone(s):
    """Confirms of what was not sent, or was decided before; of another connection's numbers."""
    for name, answers in (
            ('beyond', lambda m: fake.ack(m.tag + 5)),
            ('zero', lambda m: fake.ack(0)),
            ('huge', lambda m: fake.ack(2 ** 64 - 1, multiple=True)),
            ('returned', lambda m: fake.returned(m.message_id) + fake.ack(m.tag)),
            ('foreign', lambda m: fake.returned('q@0:0:99')),
            ('nack', lambda m: fake.nack(m.tag) + fake.ack(m.tag)),
            ('delivery', lambda m: fake.deliver(1, b'not asked for'))):
        f = fake.Fake(lambda connection, message, answers=answers: connection.send(answers(message)))
        a, config = out(s, 'lies-' + name, f.port)
        put(s, a, range(3))
        p = s.bridge(config)
        eventually(f'{name}: it goes on', lambda: s.meters(config, 'lies-' + name)['published'] > 4, 20)
        nothing_is_gone(s, f, p, a, config, 'lies-' + name)


def nothing_is_gone(s, f, p, a, config, name):
    """Of three records, for none of which there was a confirm. What all sides say of it tells why, where it is not so."""
    end(p)
    f.close()
    meters, left = s.meters(config, name), waiting(s, a)
    said = '\n'.join(f.said)
    check(left == 3 and not any(meters[m] for m in ('confirmed', 'bytes', 'dead_lettered', 'put', 'acknowledged')),
          f'{name}: {left} of 3 are left\n{dict(meters)}\nthe broker: {f.faults}\n{said}\nthe bridge:\n{log_of(p)[-9000:]}')


def what_is_cut_short_confirms_nothing(s):
    """A message that comes back is cut after each of its bytes, at each connection after another; its confirm follows."""
    step, done = brief_or_long(6, 1, 1), threading.Event()

    def on_message(connection, message):
        data, keep = fake.returned(message.message_id), connection.number * step
        if keep >= len(data):
            done.set()
            return
        data = data[:keep] + fake.ack(message.tag)
        at = message.tag * connection.number % len(data)
        connection.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.send(data[:at])
        connection.send(data[at:])
        if message.tag == 3:
            connection.peer.shutdown(socket.SHUT_WR)  # whoever waits for the rest of a frame waits no more
    f = fake.Fake(on_message)
    a, config = out(s, 'cut', f.port, 'reconnect-max = 50ms')
    put(s, a, range(3))
    p = s.bridge(config)
    eventually('each cut', done.is_set)
    nothing_is_gone(s, f, p, a, config, 'cut')


def confirms_come_in_any_order(s):
    """Backwards, several at once, and twice."""
    n, held = 400, []

    def on_message(connection, message):
        held.append(message)
        if len(held) % 100 == 0:
            tags = [m.tag for m in held[-100:]]
            parts = [fake.ack(t) for t in reversed(tags[:50])]
            parts += [fake.ack(tags[-1], multiple=True), fake.ack(tags[-1], multiple=True), fake.ack(tags[20])]
            connection.send(b''.join(parts))
    f = fake.Fake(on_message)
    a, config = out(s, 'anyorder', f.port, 'window = 100')
    put(s, a, range(n))
    s.run_bridge('run', '--once', config)
    f.close()
    check(sorted(m.body for m in held) == [record(i) for i in range(n)], f'{len(held)} came')
    check(waiting(s, a) == 0 and s.meters(config, 'anyorder')['confirmed'] == n, 'not gone')


def confirms_are_of_their_connection(s):
    """Numbers begin anew with a connection: its second message is another record than the second of the one before."""
    def on_message(connection, message):
        if connection.number == 1 and message.tag == 3:
            connection.send(fake.ack(1))
            connection.peer.shutdown(socket.SHUT_WR)
        elif connection.number == 2 and message.tag == 2:
            connection.send(fake.ack(2))
    f = fake.Fake(on_message)
    a, config = out(s, 'numbers', f.port)
    put(s, a, range(3))
    p = s.bridge(config)
    eventually('two are confirmed', lambda: s.meters(config, 'numbers')['confirmed'] == 2)
    end(p)
    f.close()
    check(s.ringq('get', '-w', '0', f'{a}/q', status=1) == record(1) + b'\n', 'another one is left than was not confirmed')


def the_window_is_never_exceeded(s):
    held = []
    f = fake.Fake(lambda connection, message: held.append(message))
    a, config = out(s, 'bounded', f.port, 'window = 32')
    put(s, a, range(500))
    p = s.bridge(config)
    eventually('the window is full', lambda: len(held) == 32)
    time.sleep(0.5)
    check(len(held) == 32, f'{len(held)} are on their way')
    eventually('it is told', lambda: s.meters(config, 'bounded')['window'] == 32)
    eventually('and for how long', lambda: s.meters(config, 'bounded')['oldest_ms'] >= 500)
    end(p)
    f.close()
    left = waiting(s, a)
    check(left == 500, f'{left} of 500 are left')


def strict_order_sends_one_at_a_time(s):
    """Also what was refused, and what a bridge had in hand when it was killed, comes before what is younger."""
    n, came, ends, process = 20, [], [], []

    def on_message(connection, message):
        came.append(message.body)
        if select.select([connection.peer], [], [], 0.03)[0]:
            ends.append('something came before this was confirmed')
        if len(came) == 10:
            process[0].kill()
        else:
            connection.send(fake.nack(message.tag) if len(came) % 4 == 3 else fake.ack(message.tag))
    f = fake.Fake(on_message)
    a, config = out(s, 'strict', f.port, 'strict-order = yes')
    put(s, a, range(n))
    process.append(s.bridge(config))
    eventually('it was killed', lambda: process[0].poll() is not None)
    s.run_bridge('run', '--once', config)
    f.close()
    check(not ends and not f.faults, f'{ends}, {f.faults}')
    check([m for i, m in enumerate(came) if i == 0 or m != came[i - 1]] == [record(i) for i in range(n)], 'not in order')
    check(waiting(s, a) == 0, 'something is left')


def what_is_refused_so_often_is_set_aside(s):
    f = fake.Fake(lambda connection, message: connection.send(fake.nack(message.tag)))
    a, config = out(s, 'refused', f.port, 'attempts = 3', 'dead-letter = dead', 'reconnect-max = 50ms')
    s.region('refused', 'dead')
    put(s, f'{a}/q', range(5))
    p = s.bridge(config)
    letters = dead_letters(s, a, 'dead', 5)
    check(sorted(letters) == [(3, record(i)) for i in range(5)], f'{letters}')
    eventually('it is counted', lambda: s.meters(config, 'refused')['dead_lettered'] == 5)
    check(s.meters(config, 'refused')['nacked'] == 15, f'{dict(s.meters(config, "refused"))}')
    end(p)
    f.close()
    check(waiting(s, a) == 0, 'something is left')


def a_record_that_kills_is_set_aside(s):
    """
    A bridge dies each time that it has sent one record, before it hears of it. The queue sets that one aside after its
    attempts; none of its neighbours, which were in hand beside it, shares its fate.
    """
    n, sent, process, poison = 40, collections.Counter(), [], record(17)

    def on_message(connection, message):
        sent[message.body] += 1
        if message.body == poison:
            while process[-1].poll() is not None:
                time.sleep(0.001)  # the one that has sent this is not listed yet
            process[-1].kill()
        else:
            connection.send(fake.ack(message.tag))
    f = fake.Fake(on_message)
    s.region('poison', 'dead')
    a = s.region('poison', 'q', '--acknowledged', '--max-attempts=4', '--dead-letters=dead')
    config = section(s, 'poison', f.port, 'out')
    put(s, f'{a}/q', range(n))
    process.append(s.bridge(config))
    for _ in range(4):
        eventually('it is killed', lambda: process[-1].poll() is not None)
        process.append(s.bridge(config))
    letters = dead_letters(s, a, 'dead', 1)
    check(letters == [(4, poison)], f'{letters}')
    eventually('all others are sent', lambda: len(sent) == n)
    eventually('and confirmed', lambda: json.loads(s.ringq('stat', '-J', f'{a}/q'))['records'] == 0)
    check(sent[poison] == 4 and s.ringq('get', '-w', '0', f'{a}/dead', status=1) == b'', f'{sent}')
    end(process[-1])
    f.close()


def pauses_grow(s):
    """A broker that hangs up at once is called again later and later: no sooner than by half of what doubles."""
    calls, listener = [], socket.create_server(('127.0.0.1', 0))

    def hang_up():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            calls.append(time.monotonic())
            peer.close()
    threading.Thread(target=hang_up, daemon=True).start()
    a, config = out(s, 'pauses', listener.getsockname()[1], 'reconnect-min = 100ms', 'reconnect-max = 400ms')
    p = s.bridge(config)
    eventually('it tries on', lambda: len(calls) >= 6)
    end(p)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    pauses = [after - before for before, after in zip(calls, calls[1:])]
    check(all(is_ >= least for is_, least in zip(pauses, (0.05, 0.1, 0.2, 0.2, 0.2))), f'{pauses}')
    check(log_of(p).count('it is tried again') <= 2, f'it is told of each time:\n{log_of(p)}')


def a_check_changes_nothing(s):
    f = fake.Fake()
    a, config = out(s, 'checked', f.port, 'topology = declare')
    put(s, a, range(3))
    for words in (['check'], ['run', '--dry-run']):
        said = s.run_bridge(*words, config)
        check(said.count('good') == 2, said)
    check(f.declared == [('q', True)] * 2, f'{f.declared}')
    check(not any(f.asked[which] for which in (fake.PUBLISH, fake.CONSUME, fake.CONFIRM_SELECT)), f'{f.asked}')
    check(json.loads(s.ringq('stat', '-J', f'{a}/q'))['records_out'] == 0, 'something was taken')
    check(s.run_bridge('status', config, status=3).count('it has not run yet') == 1, 'it left meters behind')
    p = s.bridge(config)
    eventually('it declares', lambda: ('q', False) in f.declared)
    end(p)
    f.close()


def exit_statuses_say_what_is_wrong(s):
    a, config = out(s, 'statuses', broker.free_port())
    s.run_bridge('status', section(s, 'nowhere', 1, 'out'), status=3)
    s.run_bridge('status', config, status=3)  # it has never run
    check('Too many open files' in s.run_bridge('run', config, status=7, most_files=4), 'without descriptors')
    file = f'/dev/shm/ringq.{s.prefix}-damaged'
    s.region('damaged')
    with open(file, 'r+b') as f:
        f.write(bytes(64))
    s.run_bridge('status', section(s, 'damaged', 1, 'out'), status=6)
    # Root may open what nobody may: then another asks, if it can reach the program.
    os.chmod(f'/dev/shm/ringq.{a}', 0)
    if os.geteuid():
        s.run_bridge('status', config, status=4)
    elif subprocess.run([harness.BRIDGE, '--help'], user=65534, group=65534, capture_output=True).returncode == 0:
        os.chmod(s.folder, 0o711)
        s.run_bridge('status', config, status=4, user=65534)


def the_service_manager_is_told(s):
    """Ready, alive and stopping; the password by its credentials; and lines for the journal have a level."""
    told, manager = [], socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(f'{s.folder}/notify')
    manager.settimeout(20)
    os.mkdir(f'{s.folder}/given')
    s.write('given/broker', 'user = somebody\npassword = of-the-manager\n', 0o444)
    f = fake.Fake(lambda connection, message: connection.send(fake.ack(message.tag)))
    a, config = out(s, 'service', f.port)
    with open(config) as file:
        text = file.read()
    s.write('service', text.replace(f'credentials = {s.credentials}', 'credentials = broker'))
    p = s.bridge(config, env={'NOTIFY_SOCKET': f'{s.folder}/notify', 'WATCHDOG_USEC': '200000', 'JOURNAL_STREAM': '1:2',
                              'CREDENTIALS_DIRECTORY': f'{s.folder}/given'})

    def hear(word):
        while word not in told:
            told.append(manager.recv(1000).decode())
    hear('READY=1')
    eventually('it logs in', lambda: f.logins)
    check(b'\0somebody\0of-the-manager' in f.logins[0], f'{f.logins}')
    told.clear()
    hear('WATCHDOG=1')
    told.clear()
    hear('WATCHDOG=1')
    p.send_signal(signal.SIGTERM)
    hear('STOPPING=1')
    end(p)
    manager.close()
    f.close()
    lines = log_of(p).splitlines()
    check(lines and all(re.match(r'<[3-6]>ringq-bridge-amqp: ', line) for line in lines), f'{lines}')


def others_see_what_it_does(s):
    """By the command, as `ringq bridge`, `ringq top` and `ringq export`; also that it was killed."""
    f = fake.Fake(lambda connection, message: connection.send(fake.ack(message.tag)))
    a, config = out(s, 'seen', f.port)
    os.symlink(harness.BRIDGE, f'{s.folder}/ringq-bridge')
    env = {**os.environ, 'PATH': f'{s.folder}:{os.environ["PATH"]}'}

    def ringq(*words):
        return subprocess.run([harness.TOOL, *words], env=env, capture_output=True, text=True, timeout=60)

    def top():
        return json.loads(ringq('top', a, '--once', '-J', '-i', '50ms').stdout)['bridges']
    check(ringq('bridge', 'check', config).returncode == 0, 'ringq bridge check')
    check(ringq('bridge', 'status', config).returncode == 3, 'it has run')
    check(top() == [], 'a bridge that never ran')
    put(s, a, range(50))
    p = s.bridge(config)
    eventually('all is told', lambda: [b['meters']['confirmed'] for b in top()] == [50])
    seen = top()[0]
    check((seen['bridge'], seen['killed'], seen['meters']['process']) == ('seen', False, p.pid), f'{seen}')
    check(f'seen\tconfirmed\t50\n' in ringq('bridge', 'status', config).stdout, 'ringq bridge status')
    for killed in (0, 1):
        said = ringq('export', a).stdout
        for line in (f'ringq_bridge_confirmed_total{{region="{a}",bridge="seen"}} 50',
                     f'ringq_bridge_killed{{region="{a}",bridge="seen"}} {killed}'):
            check(line in said.splitlines(), f'no {line} in\n{said}')
        broker.end(p, signal.SIGKILL)
    check(top()[0]['killed'], 'top does not tell that it was killed')
    p = s.bridge(config)
    eventually('there is another', lambda: not top()[0]['killed'])
    end(p)
    f.close()


def a_certificate_of_its_own_logs_in(s):
    """Without credentials: EXTERNAL, over TLS that asks for it. Below TLS 1.2 nothing is said, whatever OpenSSL would allow."""
    ca = certificate(s.folder, 'ca', host='ca', ca=True)
    server, own = certificate(s.folder, 'server', ca), certificate(s.folder, 'client', ca, host='bridge')
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server['cert'], server['key'])
    context.load_verify_locations(ca['cert'])
    context.verify_mode = ssl.CERT_REQUIRED
    seen = []

    def on_message(connection, message):
        seen.append(connection.peer.getpeercert()['subject'])
        connection.send(fake.ack(message.tag))
    f = fake.Fake(on_message, tls=context)
    a, config = out(s, 'own', f.port)
    with open(config) as file:
        text = file.read().replace('amqp://127.0.0.1', 'amqps://localhost').replace(f'credentials = {s.credentials}\n', '')
    text += f'tls-ca = {ca["cert"]}\n'
    s.write('own', text)
    check('`credentials` is missing' in s.run_bridge('check', config, status=2), 'neither password nor certificate')
    s.write('own', text + f'tls-cert = {own["cert"]}\n')
    check('go together' in s.run_bridge('check', config, status=2), 'a certificate without its key')
    s.write('own', text + f'tls-cert = {own["cert"]}\ntls-key = {own["key"]}\n')
    put(s, a, range(3))
    s.run_bridge('run', '--once', config)
    check(seen == [((('commonName', 'bridge'),),)] * 3 and b'\x08EXTERNAL' in f.logins[0], f'{seen}, {f.logins}, {f.faults}')
    lax = s.write('openssl.cnf', '[d]\nssl_conf = s\n[s]\nsystem_default = l\n[l]\nMinProtocol = TLSv1\n'
                  'CipherString = DEFAULT:@SECLEVEL=0\n')
    with open(lax) as file:
        lax_text = 'openssl_conf = d\n' + file.read()
    s.write('openssl.cnf', lax_text)
    warnings.simplefilter('ignore', DeprecationWarning)  # that is what they are for here
    context.set_ciphers('ALL:@SECLEVEL=0')
    context.minimum_version = ssl.TLSVersion.TLSv1
    s.run_bridge('check', config, env={'OPENSSL_CONF': lax})
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    logins = len(f.logins)
    said = s.run_bridge('check', config, status=1, env={'OPENSSL_CONF': lax})
    check(said.count('NOT GOOD') == 1 and len(f.logins) == logins, said)
    f.close()


def what_is_larger_than_allowed_is_passed_over(s):
    """It goes to the dead letters, and leaves the window, also one of a single place."""
    for order in ('no', 'yes'):
        bodies, name = [], f'oversize-{order}'

        def on_message(connection, message):
            bodies.append(message.body)
            connection.send(fake.ack(message.tag))
        f = fake.Fake(on_message)
        a, config = out(s, name, f.port, 'max-message = 1000', 'dead-letter = dead', f'strict-order = {order}')
        s.region(name, 'dead')
        s.ringq('put', f'{a}/q', data=b''.join(record(i, 2000 if i % 4 in (0, 3) else 56) + b'\n' for i in range(12)))
        s.run_bridge('run', '--once', config, patience=20)
        f.close()
        check(bodies == [record(i) for i in range(12) if i % 4 in (1, 2)], f'{len(bodies)} came')
        check(s.meters(config, name)['dead_lettered'] == 6 and waiting(s, a) == 0, 'not all is gone')


def a_pack_that_is_refused_is_sent_one_by_one(s):
    """The channel is closed over a pack: none of its records is to blame before it was sent alone."""
    bodies = []

    def on_message(connection, message):
        if message.content_type == 'application/x-ringq-pack':
            connection.send(fake.method(1, fake.CHANNEL_CLOSE, struct.pack('>H', 406) + fake.short('no') + b'\x00' * 4))
        else:
            bodies.append(message.body)
            connection.send(fake.ack(message.tag))
    f = fake.Fake(on_message)
    a, config = out(s, 'badpack', f.port, 'pack = 16K', 'window = 100')
    put(s, a, range(5))
    s.run_bridge('run', '--once', config)
    f.close()
    check(bodies == [record(i) for i in range(5)], f'{bodies}')
    meters = s.meters(config, 'badpack')
    check(meters['redelivered'] == 0 and meters['failures'] == 1 and meters['confirmed'] == 5, f'{dict(meters)}')


def duplicates_are_dropped(s):
    acknowledged = []

    def on_consume(connection):
        parts = [fake.deliver(i + 1, record(i % 50), message_id=f'id-{i % 50}', redelivered=i >= 50) for i in range(100)]
        parts.append(fake.deliver(101, record(50)))
        connection.send(b''.join(parts))
    f = fake.Fake(on_consume=on_consume, on_ack=lambda c, which, tag, flag: acknowledged.append((which, tag)))
    z, config = into(s, 'dedup', f.port, 'dedup = 50')
    p = s.bridge(config)
    eventually('all is acknowledged', lambda: (fake.ACK, 101) in acknowledged)
    came = s.ringq('get', '-n', '51', '-w', '10', f'{z}/q').split(b'\n')
    check([r.ljust(55) for r in came if r] == [record(i).ljust(55) for i in range(51)], 'not each once')
    check(waiting(s, z) == 0, 'more came')
    end(p)
    f.close()
    check(s.meters(config, 'dedup')['duplicates'] == 50, 'duplicates were not counted')


def ids_outlive_the_bridge(s):
    """What was put is known over the end of a connection, before which nothing was acknowledged, and of the bridge."""
    sends, connections, acknowledged = {1: range(10), 2: range(11), 3: range(9, 12), 4: range(11, 14)}, [], []

    def identity(i):
        return f'id-{i}' if i % 2 else f'{i:0119d}'  # short, and as long as can be kept

    def on_consume(connection):
        connections.append(connection)
        connection.send(b''.join(fake.deliver(i + 1, record(i), message_id=identity(i), redelivered=connection.number > 1)
                                 for i in sends[connection.number]))
    f = fake.Fake(on_consume=on_consume, on_ack=lambda c, which, tag, flag: acknowledged.append((c.number, tag)))
    z, config = into(s, 'known', f.port, 'dedup = 50')

    def come(numbers):
        came = s.ringq('get', '-n', str(len(numbers)), '-w', '20', f'{z}/q')
        check(came == b''.join(record(i) + b'\n' for i in numbers), f'{came}')
    p = s.bridge(config)
    come(range(10))
    connections[0].peer.shutdown(socket.SHUT_RDWR)
    come([10])
    eventually('it is known', lambda: (2, 11) in acknowledged)
    broker.end(p, signal.SIGKILL)
    p = s.bridge(config)
    come([11])
    eventually('it is known', lambda: (3, 12) in acknowledged)
    end(p)
    with open(config) as file:
        text = file.read()
    s.write('known', text.replace('dedup = 50', 'dedup = 7'))  # the array stays as it is
    p = s.bridge(config)
    come([12, 13])
    check('has room for 50 ids' in log_of(p), log_of(p))
    end(p)
    f.close()
    check(waiting(s, z) == 0, 'more came')


def ids_are_known_to_who_shares(s):
    """Two at once: what the one has put the other does not put again."""
    connections = []

    def on_consume(connection):
        connections.append(connection)
    f = fake.Fake(on_consume=on_consume)
    z, config = into(s, 'sharedids', f.port, 'dedup = 50', 'share = yes')
    one, two = s.bridge(config), s.bridge(config)
    eventually('both consume', lambda: len(connections) == 2)
    for i in range(120):  # more than are kept
        connections[i % 2].send(fake.deliver(i + 1, record(i), message_id=f'id-{i}'))
        check(s.ringq('get', '-n', '1', '-w', '20', f'{z}/q') == record(i) + b'\n', f'number {i}')
    eventually('the last is known', lambda: s.meters(config, 'sharedids')['acknowledged'] == 120)
    connections[0].send(b''.join(fake.deliver(1000 + i, record(i), message_id=f'id-{i}') for i in range(70, 120)))
    connections[1].send(b''.join(fake.deliver(1000 + i, record(i), message_id=f'id-{i}') for i in range(70, 120)))
    eventually('all are told', lambda: s.meters(config, 'sharedids')['duplicates'] == 100)
    check(waiting(s, z) == 0, 'something was put again')
    end(one)
    end(two)
    f.close()


def what_is_not_put_is_not_acknowledged(s):
    """A queue that takes three of ten: the broker hears of three, also from a bridge that is told to stop, or is killed."""
    told = []
    f = fake.Fake(on_consume=lambda connection: connection.send(b''.join(fake.deliver(i + 1, b'%d' % i) for i in range(10))),
                  on_ack=lambda c, which, tag, flag: told.append((c.number, which, tag)))
    config = section(s, 'notput', f.port, 'in')
    for number, how in ((1, signal.SIGTERM), (2, signal.SIGKILL)):
        z = s.region('notput', 'q', '--max-records=3')
        p = s.bridge(config)
        eventually('full', lambda: s.meters(config, 'notput')['state'] == harness.FULL)
        eventually('three are told of', lambda: (number, fake.ACK, 3) in told)
        time.sleep(0.3)
        broker.end(p, how)
        s.ringq('unlink', z)
    f.close()
    check(all(tag <= 3 for _, _, tag in told) and not f.faults, f'{told}, {f.faults}')


def a_full_queue_of_a_region_that_goes_is_left(s):
    """The region is unlinked and made again while a message waits for room: it comes to the one that has the name."""
    f = fake.Fake(on_consume=lambda connection: connection.send(fake.deliver(1, b'one') + fake.deliver(2, b'two')))
    z, config = into(s, 'fullgone', f.port)
    s.ringq('unlink', z)
    s.region('fullgone', 'q', '--max-records=1')
    p = s.bridge(config)
    eventually('full', lambda: s.meters(config, 'fullgone')['state'] == harness.FULL)
    s.ringq('unlink', z)
    s.region('fullgone', 'q')
    check(s.ringq('get', '-n', '2', '-w', '20', f'{z}/q') == b'one\ntwo\n', 'they did not come again')
    end(p)
    f.close()


def once_takes_all_that_waits(s):
    """However long the first of them lets wait for it, or one waits for room."""
    def slowly(data):
        if data == fake.method(1, fake.QOS_OK):
            time.sleep(1.5)
        return data

    def on_consume(connection):
        connection.send(b''.join(fake.deliver(i + 1, b'%d' % i) for i in range(4)))
    f = fake.Fake(on_consume=on_consume, spoil=slowly)
    z, config = into(s, 'onceslow', f.port)
    s.ringq('unlink', z)
    s.region('onceslow', 'q', '--max-records=1')
    p = s.bridge(config, '--once')
    for i in range(4):
        check(s.ringq('get', '-n', '1', '-w', '10', f'{z}/q') == b'%d\n' % i, f'number {i} did not come:\n{log_of(p)}')
        time.sleep(1.2)
    eventually('it ends', lambda: p.poll() is not None, 20)
    check(p.returncode == 0, f'exit status {p.returncode}')
    f.close()


def what_cannot_be_put_is_rejected(s):
    """Larger than allowed, or a pack that is none: rejected for good, and nothing of it is put; the next one comes."""
    answers = []
    bad_pack = b'\x05\x00\x00\x00good!' + b'\xff\xff\xff\xffbad'

    def on_consume(connection):
        connection.send(fake.deliver(1, b'x' * 5000) + fake.deliver(2, bad_pack, content_type='application/x-ringq-pack') +
                        fake.deliver(3, b'\x05\x00\x00\x00hello\x00\x00\x00\x00', content_type='application/x-ringq-pack') +
                        fake.deliver(4, b'last'))
    f = fake.Fake(on_consume=on_consume, on_ack=lambda c, which, tag, flag: answers.append((which, tag, flag)))
    z, config = into(s, 'reject', f.port, 'max-message = 1000')
    p = s.bridge(config)
    came = s.ringq('get', '--frame=len', '-n', '3', '-w', '10', f'{z}/q')
    check(came == b''.join(struct.pack('<Q', len(r)) + r for r in (b'hello', b'', b'last')), f'{came}')
    eventually('answers', lambda: (fake.ACK, 4, 1) in answers)
    check((fake.REJECT, 1, 0) in answers and (fake.REJECT, 2, 0) in answers, f'not for good: {answers}')
    end(p)
    f.close()


def rubbish_in_a_delivery_ends_the_link_only(s):
    deliveries = [
        fake.deliver(1, b'abc', announced=2),                                      # more than was announced
        fake.deliver(1, b'abc', announced=2 ** 63) + fake.deliver(2, b'def'),      # a second one inside
        fake.frame(fake.BODY, 1, b'of nothing'),
        fake.frame(fake.HEADER, 1, struct.pack('>HHQH', 60, 0, 3, 0)),
        fake.frame(fake.HEADER, 1, b''),
        fake.method(1, fake.DELIVER, b''),
        fake.method(1, (60, 999)),
        fake.method(7, fake.ACK, struct.pack('>QB', 1, 0)),
        fake.frame(77, 1, b'?'),
        struct.pack('>BHI', fake.METHOD, 1, 2 ** 32 - 1) + b'\xce' * 64,
        fake.method(1, fake.CANCEL, fake.short('c') + b'\x01'),
        fake.method(0, fake.CLOSE, struct.pack('>H', 320) + fake.short('\x1b[2Jgo away\n<3>forged') + b'\x00' * 4),
    ]
    turn = []

    def on_consume(connection):
        turn.append(1)
        connection.send(deliveries[len(turn) - 1] if len(turn) <= len(deliveries) else fake.deliver(1, b'good'))
    f = fake.Fake(on_consume=on_consume)
    z, config = into(s, 'rubbish', f.port, 'heartbeat = 1')
    p = s.bridge(config)
    check(s.ringq('get', '-n', '1', '-w', '60', f'{z}/q') == b'good\n', 'the good one did not come')
    check(waiting(s, z) == 0, 'something of the rubbish was put')
    check('\x1b' not in log_of(p) and '\n<3>' not in log_of(p), 'what the broker says is printed as it is')
    end(p)
    f.close()


def random_changes_do_no_harm(s):
    """All that the broker sends is changed at random, in both directions: the bridge lives, and in the end all goes well."""
    rounds = brief_or_long(40, 55, 20000)
    chance = random.Random(int(os.environ.get('RINGQ_SEED', '1')))
    state = {'wild': True}

    def spoil(data):
        data = bytearray(data)
        if state['wild'] and chance.random() < 0.3:
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(data))
                what = chance.randrange(4)
                if what == 0:
                    data[at] = chance.choice((0, 1, 0x7f, 0x80, 0xff, chance.randrange(256)))
                elif what == 1 and len(data) > 1:
                    del data[at]
                elif what == 2:
                    data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(9)))
                else:
                    data[at] ^= 1 << chance.randrange(8)
        return bytes(data)

    def on_message(connection, message):
        if state['wild']:
            connection.send(chance.choice((fake.ack(message.tag), fake.nack(message.tag), fake.returned(
                message.message_id or ''), fake.deliver(1, b'x'))))
            if chance.random() < 0.2:
                connection.peer.shutdown(2)
        else:
            connection.send(fake.ack(message.tag))

    def on_consume(connection):
        for i in range(5):
            connection.send(fake.deliver(i + 1, b'x' * chance.choice((0, 1, 500)), message_id='id',
                                         content_type=chance.choice((None, 'application/x-ringq-pack'))))
        if state['wild']:
            connection.peer.shutdown(2)
    f = fake.Fake(on_message, on_consume, spoil=spoil)
    a, first = out(s, 'wild-out', f.port, 'reconnect-max = 50ms', 'connect-timeout = 500ms')
    z, second = into(s, 'wild-in', f.port, 'reconnect-max = 50ms', 'connect-timeout = 500ms')
    put(s, a, range(50))
    p, q = s.bridge(first), s.bridge(second)
    until = time.monotonic() + brief_or_long(25, 60, 6000)
    while f.connections < rounds and time.monotonic() < until:
        check(p.poll() is None and q.poll() is None, f'it died:\n{log_of(p)[-3000:]}\n{log_of(q)[-3000:]}')
        s.ringq('drain', f'{z}/q')
        put(s, a, range(3))
        time.sleep(0.1)
    state['wild'] = False
    goes = s.meters(first, 'wild-out')['confirmed']
    put(s, a, range(3))
    eventually('all goes out in the end', lambda: s.meters(first, 'wild-out')['confirmed'] >= goes + 3)
    end(p)
    end(q)
    check(waiting(s, a) == 0, 'something is left')
    f.close()
    print(f'        {f.connections} connections')


if __name__ == '__main__':
    sys.exit(main(messages_say_what_they_are, an_id_is_the_same_when_it_comes_again, an_unconfirmed_record_is_never_gone,
                  what_is_cut_short_confirms_nothing, confirms_come_in_any_order,
                  confirms_are_of_their_connection, the_window_is_never_exceeded,
                  strict_order_sends_one_at_a_time, what_is_refused_so_often_is_set_aside, a_record_that_kills_is_set_aside,
                  pauses_grow, a_check_changes_nothing, exit_statuses_say_what_is_wrong,
                  the_service_manager_is_told, others_see_what_it_does,
                  a_certificate_of_its_own_logs_in,
                  what_is_larger_than_allowed_is_passed_over, a_pack_that_is_refused_is_sent_one_by_one, duplicates_are_dropped,
                  ids_outlive_the_bridge, ids_are_known_to_who_shares, what_is_not_put_is_not_acknowledged,
                  a_full_queue_of_a_region_that_goes_is_left, once_takes_all_that_waits,
                  what_cannot_be_put_is_rejected, rubbish_in_a_delivery_ends_the_link_only, random_changes_do_no_harm,
                  needs_broker=False))
