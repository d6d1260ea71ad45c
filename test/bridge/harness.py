# SPDX-License-Identifier: MIT
"""What the tests of the bridge share: regions, bridges as processes, and an account of every record."""

import collections
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import broker

TOOL, BRIDGE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
SIZE = os.environ.get('RINGQ_TEST_SIZE', 'quick')
SKIPPED = 77
ENDED, CONNECTING, CONNECTED, BLOCKED, FULL = range(5)  # the meter `state`
CHILDREN = []  # of readers and feeders, which a test that fails leaves behind


def brief_or_long(quick, whole, long):
    return {'quick': quick, 'whole': whole}.get(SIZE, long)


def eventually(what, condition, patience=60):
    until = time.monotonic() + patience
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.03)
    raise AssertionError('in vain: ' + what)


class Stage:
    """A folder, and regions whose names are no others', which go in the end."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='ringq-bridge')
        self.prefix = f'bridge-test-{os.getpid()}'
        self.regions, self.processes, self.brokers = [], [], []
        self.credentials = self.write('credentials', f'user = {broker.USER}\npassword = {broker.PASSWORD}\n', 0o600)

    def write(self, name, text, mode=0o644):
        path = f'{self.folder}/{name}'
        with open(path, 'w') as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def broker(self, **options):
        self.brokers.append(broker.Broker(self.folder, **options))
        return self.brokers[-1]

    def ringq(self, *words, data=None, status=0):
        done = subprocess.run([TOOL, *words], input=data, capture_output=True, timeout=120)
        if done.returncode != status:
            raise AssertionError(f'ringq {words}: {done.returncode}, {done.stderr.decode()}')
        return done.stdout

    def region(self, name, queue='q', *options):
        full = f'{self.prefix}-{name}'
        self.ringq('create', *options, f'{full}/{queue}')
        if full not in self.regions:
            self.regions.append(full)
        return full

    def config(self, name, text):
        """Sections of lines as given, with what all tests have the same."""
        common = f'credentials = {self.credentials}\nreconnect-min = 50ms\nreconnect-max = 1\n'
        lines = []
        for line in text.strip().splitlines():
            lines.append(line.strip())
            if lines[-1].startswith('['):
                lines.append(common)
        return self.write(name, '\n'.join(lines) + '\n')

    def bridge(self, config, *options, log=None, enter=(), env=None):
        path = log or f'{self.folder}/log.{os.path.basename(config)}.{len(self.processes)}'
        with open(path, 'a') as file:
            process = subprocess.Popen([*enter, BRIDGE, 'run', *options, config], stdin=subprocess.DEVNULL, stdout=file,
                                       stderr=file, env={**os.environ, **(env or {})})
        process.log = path
        self.processes.append(process)
        return process

    def run_bridge(self, *words, status=0, patience=60, env=None, user=None, most_files=None):
        env, few = {**os.environ, **(env or {})}, None
        if most_files:
            few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
            # A search for leaks opens files of its own, and aborts without.
            env['ASAN_OPTIONS'] = env.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
        done = subprocess.run([BRIDGE, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=patience, env=env, user=user, preexec_fn=few)
        check(done.returncode == status, f'{words}: exit status {done.returncode}, not {status}: {done.stdout}')
        return done.stdout

    def meters(self, config, bridge):
        done = subprocess.run([BRIDGE, 'status', config], capture_output=True, text=True, timeout=60)
        rows = [line.split('\t') for line in done.stdout.splitlines()]
        return collections.defaultdict(int, {row[1]: int(row[2]) for row in rows if row[0] == bridge})

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
            broker.end(process, signal.SIGKILL)
        for process in CHILDREN:
            broker.end(process, signal.SIGKILL)
        for b in self.brokers:
            b.close()
        for region in self.regions:
            subprocess.run([TOOL, 'unlink', region], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def log_of(process):
    with open(process.log) as file:
        return file.read()


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def record(i, size=56):
    """A record of a line, by which it is known again: its number, then what depends on it."""
    return f'{i:010d} '.encode().ljust(size - 1, bytes([97 + i % 26]))


def put(s, target, numbers, size=56):
    s.ringq('put', target, data=b''.join(record(i, size) + b'\n' for i in numbers))


def dead_letters(s, region, queue, n):
    """Takes n of them: how often each was delivered, and its bytes."""
    out = s.ringq('get', '--frame=len', '-n', str(n), '-w', '20', f'{region}/{queue}')
    letters = []
    while out:
        size = int.from_bytes(out[:8], 'little')
        letter, out = out[8:8 + size], out[8 + size:]
        head = int.from_bytes(letter[:4], 'little')
        letters.append((int.from_bytes(letter[4:8], 'little'), letter[head:]))
    return letters


def listens(p):
    """Whether a bridge has come so far that SIGTERM is a request, or has ended. On a busy machine that takes seconds."""
    try:
        with open(f'/proc/{p.pid}/status') as file:
            blocked = next((line.split()[1] for line in file if line.startswith('SigBlk:')), '0')
    except OSError:
        return True
    return p.poll() is not None or int(blocked, 16) >> signal.SIGTERM - 1 & 1


def end(p, patience=30):
    """SIGTERM to a bridge, which ends well."""
    eventually('it listens to signals', lambda: listens(p))
    broker.end(p, patience=patience)
    check(p.returncode == 0, f'exit status {p.returncode}:\n{log_of(p)[-3000:]}')


class Feeder(threading.Thread):
    """Puts numbered records, a thousand a go, from a process of its own."""

    def __init__(self, target, n, rate=None):
        super().__init__(daemon=True)
        self.target, self.n, self.rate, self.fault = target, n, rate, None
        self.start()

    def run(self):
        process = subprocess.Popen([TOOL, 'put', self.target], stdin=subprocess.PIPE)
        CHILDREN.append(process)
        try:
            for i in range(0, self.n, 200):
                lines = b''.join(record(k) + b'\n' for k in range(i, min(i + 200, self.n)))
                process.stdin.write(lines)
                process.stdin.flush()
                if self.rate:
                    time.sleep(200 / self.rate)
            process.stdin.close()
            check(process.wait() == 0, 'put failed')
        except Exception as fault:
            self.fault = fault


class Reader(threading.Thread):
    """Takes records, until n different ones have come and nothing more does; counts how often each came."""

    def __init__(self, target, n):
        super().__init__(daemon=True)
        self.target, self.n = target, n
        self.seen = collections.Counter()
        self.order = []
        self.process = subprocess.Popen([TOOL, 'get', self.target], stdout=subprocess.PIPE)
        CHILDREN.append(self.process)
        self.start()

    def run(self):
        for line in self.process.stdout:
            self.seen[line[:-1]] += 1
            self.order.append(line[:-1])

    def wait(self, patience=120, alive=lambda: True):
        eventually(f'{len(self.seen)} of {self.n} came', lambda: len(self.seen) >= self.n or not alive(), patience)

    def account(self):
        """Each record came, whole; how many came more than once."""
        time.sleep(0.3)
        broker.end(self.process)
        self.join()
        lost = [i for i in range(self.n) if record(i) not in self.seen]
        check(not lost, f'{len(lost)} records are lost, the first of them number {lost[:5]}')
        check(len(self.seen) == self.n, f'{len(self.seen) - self.n} records came that nobody sent')
        return sum(self.seen.values()) - self.n


class Producer(threading.Thread):
    """Puts numbered records, a hundred a process. One that is killed has put who knows which: all of its hundred come again."""

    def __init__(self, target, n, rate):
        super().__init__(daemon=True)
        self.target, self.n, self.rate, self.fault, self.killed, self.process = target, n, rate, None, 0, None
        self.allowed = min(n, 500)  # up to which number it may put
        self.start()

    def run(self):
        try:
            for i in range(0, self.n, 100):
                while i >= self.allowed:
                    time.sleep(0.01)
                while not self.put(b''.join(record(k) + b'\n' for k in range(i, min(i + 100, self.n)))):
                    self.killed += 1
        except Exception as fault:
            self.fault = fault

    def put(self, lines):
        """Half of them, and the rest after a while, in which it can be killed."""
        process = subprocess.Popen([TOOL, 'put', self.target], stdin=subprocess.PIPE, bufsize=0)
        CHILDREN.append(process)
        self.process, half = process, len(lines) // 2
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(lines[:half])
            time.sleep(100 / self.rate)
            process.stdin.write(lines[half:])
        process.stdin.close()
        status = process.wait()
        CHILDREN.remove(process)
        check(status in (0, -signal.SIGKILL), f'put: exit status {status}')
        return status == 0

    def kill(self):
        """Whether there was one to be killed."""
        process, self.process = self.process, None
        if not process or process.poll() is not None:
            return False
        process.kill()
        return True


class Worker:
    """Takes records into files, a file a process: acknowledges what is there. A process that is killed is followed by another."""

    def __init__(self, target, folder):
        self.target, self.folder, self.killed = target, tempfile.mkdtemp(dir=folder), 0
        self.start()

    def start(self):
        self.process = subprocess.Popen([TOOL, 'record', '--take', self.target, f'{self.folder}/{self.killed}'],
                                        stdout=subprocess.DEVNULL)
        CHILDREN.append(self.process)

    def kill(self):
        broker.end(self.process, signal.SIGKILL)
        self.killed += 1
        self.start()

    def seen(self):
        """How often each number came, whole."""
        seen = collections.Counter()
        for name in os.listdir(self.folder):
            with open(f'{self.folder}/{name}', 'rb') as file:
                seen.update(int(number) for number, rest in re.findall(rb'(\d{10}) ([a-z]{44})', file.read())
                            if record(int(number)) == number + b' ' + rest)
        return seen


def certificate(folder, name, signer=None, host='localhost', days=30, ca=False):
    """A certificate, signed by another or by itself; its files, of which the last is of who has signed it."""
    key, cert, asks = (f'{folder}/{name}.{kind}' for kind in ('key', 'pem', 'csr'))
    run = lambda *words: subprocess.run(['openssl', *words], check=True, capture_output=True)
    extension = f'{folder}/{name}.ext'
    with open(extension, 'w') as file:
        file.write('basicConstraints=CA:TRUE\n' if ca else f'subjectAltName=DNS:{host}\n')
    run('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-subj', f'/CN={host}', '-keyout', key, '-out', asks)
    by = ['-signkey', key] if not signer else ['-CA', signer['cert'], '-CAkey', signer['key'], '-CAcreateserial']
    run('x509', '-req', '-in', asks, *by, '-days', str(days), '-extfile', extension, '-out', cert)
    return {'key': key, 'cert': cert, 'ca': signer['cert'] if signer else cert}


def main(*tests, needs_broker=True):
    """Runs tests, each on the same stage; the exit status says how it went."""
    if needs_broker and not broker.is_there():
        print('skipped: rabbitmq-server is not installed')
        return SKIPPED
    wanted, failed = sys.argv[3:], 0
    # Who runs tests ends those that take too long: brokers and regions go then, too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    stage = Stage()
    try:
        for test in tests:
            if wanted and test.__name__ not in wanted:
                continue
            began = time.monotonic()
            try:
                test(stage)
                print(f'ok      {test.__name__} ({time.monotonic() - began:.1f} s)', flush=True)
            except Exception:
                failed += 1
                print(f'FAILED  {test.__name__}\n{traceback.format_exc()}', flush=True)
                for process in stage.processes[-4:]:
                    print(f'--- {process.log}\n{log_of(process)[-3000:]}', flush=True)
    finally:
        stage.close()
    return 1 if failed else 0
