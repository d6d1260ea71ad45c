# SPDX-License-Identifier: MIT
"""A RabbitMQ of a test's own: folders, ports on loopback, cookie and port mapper are its own, and end with it."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
CTL = '/usr/lib/rabbitmq/bin/rabbitmqctl'
USER, PASSWORD = 'tester', 'not-in-any-log'


def is_there():
    return os.path.exists(SERVER) and shutil.which('epmd') and shutil.which('erl')


def free_port():
    """Below those that the kernel gives out: one that is free now is nobody else's until it is used."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass


def end(process, how=signal.SIGTERM, patience=30):
    """Ends a process that was started here, and waits for it."""
    if process and process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_of(log):
    """The last that a process has written there."""
    try:
        with open(log) as file:
            return file.read()[-4000:]
    except OSError:
        return ''


def wait_for_port(port, process, log='', patience=300):
    """Until the process listens on it."""
    until = time.monotonic() + patience
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f'{process.args[0]} does not start:\n{end_of(log)}')


class Broker:
    def __init__(self, folder, settings=(), tls=None, plugins=()):
        self.folder = tempfile.mkdtemp(prefix='broker', dir=folder)
        self.port, self.dist, self.epmd_port = free_port(), free_port(), free_port()
        self.tls_port = free_port() if tls else None
        self.server = self.epmd = None
        lines = [f'listeners.tcp.1 = 127.0.0.1:{self.port}', f'default_user = {USER}', f'default_pass = {PASSWORD}',
                 'log.console = true', 'log.console.level = warning', 'log.file = false', *settings]
        if tls:
            lines += [f'listeners.ssl.1 = 127.0.0.1:{self.tls_port}', f'ssl_options.cacertfile = {tls["ca"]}',
                      f'ssl_options.certfile = {tls["cert"]}', f'ssl_options.keyfile = {tls["key"]}',
                      'ssl_options.verify = verify_none', 'ssl_options.fail_if_no_peer_cert = false']
        self._write('rabbitmq.conf', '\n'.join(lines) + '\n')
        self._write('plugins', f'[{",".join(plugins)}].\n')
        f = self.folder
        self.env = dict(
            PATH=os.environ.get('PATH', '/usr/bin:/bin'), HOME=f, LANG='C.UTF-8',
            ERL_EPMD_PORT=str(self.epmd_port), ERL_EPMD_ADDRESS='127.0.0.1',
            RABBITMQ_NODENAME=f'ringq{self.port}@localhost', RABBITMQ_DIST_PORT=str(self.dist),
            RABBITMQ_MNESIA_BASE=f'{f}/data', RABBITMQ_LOG_BASE=f'{f}/log', RABBITMQ_LOGS='-',
            RABBITMQ_CONFIG_FILE=f'{f}/rabbitmq.conf', RABBITMQ_ADVANCED_CONFIG_FILE=f'{f}/none',
            RABBITMQ_ENABLED_PLUGINS_FILE=f'{f}/plugins', RABBITMQ_FEATURE_FLAGS_FILE=f'{f}/features',
            RABBITMQ_PID_FILE=f'{f}/pid', RABBITMQ_CONF_ENV_FILE='/dev/null',
            # The process that is started is then the node itself, which can be killed and stopped by its id.
            RABBITMQ_ALLOW_INPUT='1',
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-noinput -kernel inet_dist_use_interface {127,0,0,1}')
        try:
            self.start()
        except BaseException:  # nobody has it yet who could end it
            self.close()
            raise

    def _write(self, name, text):
        with open(f'{self.folder}/{name}', 'w') as file:
            file.write(text)

    def start(self):
        if not self.epmd or self.epmd.poll() is not None:
            self.epmd = subprocess.Popen(
                ['epmd', '-address', '127.0.0.1', '-port', str(self.epmd_port)], env=self.env,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_for_port(self.epmd_port, self.epmd)
        with open(f'{self.folder}/output', 'a') as log:
            self.server = subprocess.Popen([SERVER], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           cwd=self.folder,  # where it would leave a core of its tables
                                           start_new_session=True)
        for port in (self.tls_port or self.port, self.port):
            wait_for_port(port, self.server, f'{self.folder}/output')

    def ctl(self, *words):
        done = subprocess.run([CTL, '-q', '-n', self.env['RABBITMQ_NODENAME'], *words], env=self.env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=90)
        if done.returncode:
            raise RuntimeError(f'rabbitmqctl {words}: {done.stdout}{done.stderr}')
        return done.stdout

    def kill(self):
        """As a power cut of its machine, as far as processes are concerned."""
        end(self.server, signal.SIGKILL)

    def stop(self):
        end(self.server)

    def close(self):
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGCONT)
        end(self.server, patience=20)
        end(self.epmd)
        # The node starts one of its own where ours has gone before it.
        subprocess.run(['epmd', '-port', str(self.epmd_port), '-kill'], env=self.env, capture_output=True, timeout=20)
        # Its helper, which looks up names, ends when the node does.
        shutil.rmtree(self.folder, ignore_errors=True)

    def messages(self):
        rows = [line.split('\t') for line in self.ctl('list_queues', 'name', 'messages', '--no-table-headers').splitlines()]
        return {row[0]: int(row[1]) for row in rows if len(row) == 2}
