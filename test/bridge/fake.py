# SPDX-License-Identifier: MIT
"""A broker that does what a test tells it, right or wrong: as much of AMQP 0-9-1 as the bridge speaks."""

import collections
import socket
import struct
import threading

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK = ((10, n) for n in (10, 11, 30, 31, 40, 41))
CLOSE, CLOSE_OK, BLOCKED, UNBLOCKED = ((10, n) for n in (50, 51, 60, 61))
CHANNEL_OPEN, CHANNEL_OPEN_OK, CHANNEL_CLOSE = ((20, n) for n in (10, 11, 40))
QUEUE_DECLARE, QUEUE_DECLARE_OK = (50, 10), (50, 11)
QOS, QOS_OK, CONSUME, CONSUME_OK, CANCEL, PUBLISH, RETURN, DELIVER, ACK, REJECT, NACK = (
    (60, n) for n in (10, 11, 20, 21, 30, 40, 50, 60, 80, 90, 120))
CONFIRM_SELECT, CONFIRM_SELECT_OK = (85, 10), (85, 11)


def short(text):
    data = text.encode() if isinstance(text, str) else text
    return bytes([len(data)]) + data


def long(data):
    return struct.pack('>I', len(data)) + data


def frame(kind, channel, payload):
    return struct.pack('>BHI', kind, channel, len(payload)) + payload + b'\xce'


def method(channel, which, arguments=b''):
    return frame(METHOD, channel, struct.pack('>HH', *which) + arguments)


def content(body, message_id=None, content_type=None, announced=None):
    flags, properties = 0, b''
    if content_type is not None:
        flags |= 1 << 15
        properties += short(content_type)
    if message_id is not None:
        flags |= 1 << 7
        properties += short(message_id)
    head = struct.pack('>HHQH', 60, 0, len(body) if announced is None else announced, flags) + properties
    return frame(HEADER, 1, head) + (frame(BODY, 1, body) if body else b'')


def deliver(tag, body, redelivered=False, **properties):
    return method(1, DELIVER, short('c') + struct.pack('>QB', tag, redelivered) + short('') + short('q')) + content(
        body, **properties)


def ack(tag, multiple=False):
    return method(1, ACK, struct.pack('>QB', tag, multiple))


def nack(tag, multiple=False):
    return method(1, NACK, struct.pack('>QB', tag, multiple))


def returned(message_id, body=b'x'):
    return method(1, RETURN, struct.pack('>H', 312) + short('NO_ROUTE') + short('') + short('q')) + content(
        body, message_id=message_id)


class Message:
    """What was published: its tag, properties and body."""

    def __init__(self, tag):
        self.tag, self.size, self.body = tag, None, b''
        self.content_type = self.message_id = self.delivery_mode = self.timestamp = None
        self.headers = b''

    def read_header(self, payload):
        self.size, flags = struct.unpack('>QH', payload[4:14])
        at = 14

        def text():
            nonlocal at
            n = payload[at]
            at += 1 + n
            return payload[at - n:at].decode()
        if flags & 1 << 15:
            self.content_type = text()
        if flags & 1 << 13:
            n, = struct.unpack('>I', payload[at:at + 4])
            self.headers = payload[at + 4:at + 4 + n]
            at += 4 + n
        if flags & 1 << 12:
            self.delivery_mode = payload[at]
            at += 1
        if flags & 1 << 7:
            self.message_id = text()
        if flags & 1 << 6:
            self.timestamp, = struct.unpack('>Q', payload[at:at + 8])


class Fake:
    """
    Listens on loopback. on_message(connection, message) is called for each message that is whole, on_consume(connection) when
    a consumer has come; spoil(bytes) may change whatever goes out; with tls, a context, it is spoken over that. `said` has the
    last things that went in and out, `asked` counts the methods that came, `declared` has queues and whether it was only to be
    looked whether they are there, `logins` what was said of who logs in.
    """

    def __init__(self, on_message=None, on_consume=None, on_ack=None, spoil=None, tune=(1, 131072, 0), tls=None):
        self.on_message, self.on_consume, self.on_ack = on_message, on_consume, on_ack
        self.spoil, self.tune, self.tls = spoil, tune, tls
        self.connections, self.faults, self.said = 0, [], collections.deque(maxlen=100)
        self.logins, self.declared, self.asked = [], [], collections.Counter()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(peer, self.connections), daemon=True).start()

    def close(self):
        """Nobody listens on its port any more: a descriptor that is closed is still accepted from by who waits in there."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.listener.close()

    def serve(self, peer, number):
        peer.settimeout(20)
        try:
            if self.tls:
                peer = self.tls.wrap_socket(peer, server_side=True)
            Connection(self, peer, number).run()
        except (OSError, EOFError) as end:
            self.said.append(f'{number}: end: {end!r}')
        except Exception as fault:  # the test asks for it
            self.faults.append(fault)
        finally:
            peer.close()


class Connection:
    def __init__(self, fake, peer, number):
        self.fake, self.peer, self.number = fake, peer, number
        self.tags, self.message = 0, None

    def send(self, data):
        data = self.fake.spoil(data) if self.fake.spoil else data
        self.fake.said.append(f'{self.number}: out: {data[:200].hex()}')
        self.peer.sendall(data)

    def read(self, n):
        data = b''
        while len(data) < n:
            more = self.peer.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def run(self):
        self.read(8)
        self.send(method(0, START, b'\x00\x09' + long(b'') + long(b'PLAIN EXTERNAL') + long(b'en_US')))
        while True:
            kind, channel, size = struct.unpack('>BHI', self.read(7))
            payload = self.read(size + 1)[:-1]
            if kind == METHOD:
                self.on_method(struct.unpack('>HH', payload[:4]), payload[4:])
            elif kind == HEADER and self.message:
                self.message.read_header(payload)
                self.whole()
            elif kind == BODY and self.message:
                self.message.body += payload
                self.whole()

    def whole(self):
        if len(self.message.body) == self.message.size and self.fake.on_message:
            self.fake.said.append(f'{self.number}: message {self.message.tag}: {self.message.message_id}')
            self.fake.on_message(self, self.message)

    def on_method(self, which, arguments):
        self.fake.asked[which] += 1
        if which == START_OK:
            self.fake.logins.append(arguments)
        elif which == QUEUE_DECLARE:
            n = arguments[2]
            self.fake.declared.append((arguments[3:3 + n].decode(), bool(arguments[3 + n] & 1)))
        answers = {
            START_OK: method(0, TUNE, struct.pack('>HIH', *self.fake.tune)),
            OPEN: method(0, OPEN_OK, short('')),
            CHANNEL_OPEN: method(1, CHANNEL_OPEN_OK, long(b'')),
            QUEUE_DECLARE: method(1, QUEUE_DECLARE_OK, short('q') + struct.pack('>II', 0, 0)),
            CONFIRM_SELECT: method(1, CONFIRM_SELECT_OK),
            QOS: method(1, QOS_OK),
            CONSUME: method(1, CONSUME_OK, short('c')),
            CLOSE: method(0, CLOSE_OK),
        }
        if which in answers:
            self.send(answers[which])
        if which == PUBLISH:
            self.tags += 1
            self.message = Message(self.tags)
        elif which == CONSUME and self.fake.on_consume:
            self.fake.on_consume(self)
        elif which in (ACK, REJECT) and self.fake.on_ack:
            self.fake.on_ack(self, which, struct.unpack('>Q', arguments[:8])[0], arguments[8])
