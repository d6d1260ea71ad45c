# SPDX-License-Identifier: MIT
"""A broker that lies, errs, or sends rubbish: records stay where they are, and the bridge lives. Needs no RabbitMQ."""

import os
import random
import signal
import socket
import struct
import sys
import threading
import time

import broker
import harness
import fake
from harness import brief_or_long, check, end, eventually, log_of, main, put, record


def out(s, name, port, *lines):
    a = s.region(name, 'q', '--acknowledged')
    return a, s.config(name, '\n'.join([f'[{name}]', 'direction = out', f'region = {a}', 'queue = q', 'remote-queue = q',
                                        f'uri = amqp://127.0.0.1:{port}', 'connect-timeout = 2', 'stop-timeout = 300ms', *lines]))


def into(s, name, port, *lines):
    z = s.region(name, 'q')
    return z, s.config(name, '\n'.join([f'[{name}]', 'direction = in', f'region = {z}', 'queue = q', 'remote-queue = q',
                                        f'uri = amqp://127.0.0.1:{port}', 'connect-timeout = 2', 'stop-timeout = 300ms', *lines]))


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
    end(p)
    f.close()
    left = waiting(s, a)
    check(left == 500, f'{left} of 500 are left')


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


def ids_are_known_while_the_bridge_lives(s):
    """Over the end of a connection, before which nothing was acknowledged; a bridge that is killed has forgotten them."""
    sends, connections = {1: range(10), 2: range(11), 3: range(10, 12)}, []

    def on_consume(connection):
        connections.append(connection)
        connection.send(b''.join(fake.deliver(i + 1, record(i), message_id=f'id-{i}', redelivered=connection.number > 1)
                                 for i in sends[connection.number]))
    f = fake.Fake(on_consume=on_consume)
    z, config = into(s, 'known', f.port, 'dedup = 50')

    def come(numbers):
        came = s.ringq('get', '-n', str(len(numbers)), '-w', '20', f'{z}/q')
        check(came == b''.join(record(i) + b'\n' for i in numbers), f'{came}')
    p = s.bridge(config)
    come(range(10))
    connections[0].peer.shutdown(socket.SHUT_RDWR)
    come([10])
    broker.end(p, signal.SIGKILL)
    p = s.bridge(config)
    come([10, 11])
    end(p)
    f.close()
    check(waiting(s, z) == 0, 'more came')


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
    f = fake.Fake(on_consume=on_consume, on_ack=lambda c, which, tag, flag: answers.append((which, tag)))
    z, config = into(s, 'reject', f.port, 'max-message = 1000')
    p = s.bridge(config)
    came = s.ringq('get', '--frame=len', '-n', '3', '-w', '10', f'{z}/q')
    check(came == b''.join(struct.pack('<Q', len(r)) + r for r in (b'hello', b'', b'last')), f'{came}')
    eventually('answers', lambda: (fake.ACK, 4) in answers)
    check((fake.REJECT, 1) in answers and (fake.REJECT, 2) in answers, f'{answers}')
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
                  what_is_cut_short_confirms_nothing, confirms_come_in_any_order, the_window_is_never_exceeded,
                  what_is_larger_than_allowed_is_passed_over, a_pack_that_is_refused_is_sent_one_by_one, duplicates_are_dropped,
                  ids_are_known_while_the_bridge_lives, a_full_queue_of_a_region_that_goes_is_left, once_takes_all_that_waits,
                  what_cannot_be_put_is_rejected, rubbish_in_a_delivery_ends_the_link_only, random_changes_do_no_harm,
                  needs_broker=False))
