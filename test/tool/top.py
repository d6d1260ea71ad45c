#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`ringq top`: rates in a pipe, the picture on a terminal of 80 columns, keys, and a terminal that is always given back.

usage: top.py RINGQ
"""
import contextlib
import fcntl
import glob
import json
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import termios
import time

RINGQ = sys.argv[1]
NAME = f"test-top-{os.getpid()}"
failed = 0


def check(good, what):
    global failed
    if not good:
        print("failed:", what)
        failed = 1


def ringq(*arguments, put=None):
    return subprocess.run([RINGQ, *arguments], input=put, capture_output=True, timeout=60, check=False)


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *arguments, rows=24, columns=80, as_job=False):
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.as_job, self.text = as_job, b""
        self.child = subprocess.Popen([RINGQ, *arguments], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                      env={**os.environ, "TERM": "xterm"}, preexec_fn=self.begin)

    def begin(self):
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)  # ignored by what nohup, or a script's &, runs, and then by top, too
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if not self.as_job:
            return
        # As a shell does it: only what has a parent of another group in its session can be stopped by a terminal.
        job = os.fork()
        if job:
            os.closerange(3, 1024)  # among them what Popen waits for
            os._exit(os.waitstatus_to_exitcode(os.waitpid(job, 0)[1]) & 255)
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            try:
                self.text += os.read(self.master, 65536)
            except OSError:
                return

    def wait_for(self, pattern):
        """Until it shows that: in the last picture."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            self.read()
            if re.search(pattern, "\n".join(self.screen())):
                return True
            if self.child.poll() is not None:
                self.read()
                return bool(re.search(pattern, "\n".join(self.screen())))
        return False

    def screen(self):
        """The lines of the last picture that is whole."""
        pictures = self.text.split(b"\033[?1049h")[-1].split(b"\033[H")
        whole = [p for p in pictures if b"\033[J" in p]
        if not whole:
            return []
        text = re.sub(rb"\033\[[0-9;?]*[A-Za-z]", b"", whole[-1].split(b"\033[J")[0])
        return text.decode().split("\r\n")

    def type(self, keys):
        os.write(self.master, keys)

    def end(self):
        try:
            status = self.child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            with open(f"/proc/{self.child.pid}/status", encoding="ascii") as file:
                signals = [line for line in file if line.startswith(("State", "Sig", "Shd"))]
            with open(f"/proc/{self.child.pid}/wchan", encoding="ascii") as file:
                check(False, f"it does not end; {file.read()}\n{''.join(signals)}{self.screen()}")
            self.child.kill()
            status = self.child.wait()
        self.read(0.01)
        return status

    def is_as_before(self):
        # What was taken over is given back: the screen, the cursor, the modes.
        shown = [self.text.rfind(a) < self.text.rfind(b) for a, b in
                 ((b"\033[?1049h", b"\033[?1049l"), (b"\033[?25l", b"\033[?25h"), (b"\033[?7l", b"\033[?7h"))]
        return all(shown) and termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
        os.close(self.slave)


def state_of(process):
    with open(f"/proc/{process}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(") ")[2][0]


@contextlib.contextmanager
def terminal(*arguments, **size):
    t = Terminal(*arguments, **size)
    try:
        yield t
    finally:
        t.close()


def in_a_pipe():
    ringq("put", f"{NAME}/slow", put=b"x\n" * 7)
    feed = subprocess.Popen([RINGQ, "put", f"{NAME}/fast"], stdin=subprocess.PIPE)
    top = subprocess.Popen([RINGQ, "top", NAME, "-n", "3", "-i", "0.3", "-J"], stdout=subprocess.PIPE)
    looks = []
    for _ in range(3):
        feed.stdin.write(b"y\n" * 100)
        feed.stdin.flush()
        looks.append(json.loads(top.stdout.readline()))
    check(top.wait(timeout=30) == 0, "top in a pipe ended badly")
    feed.stdin.close()
    feed.wait()
    came = 0.0
    for before, look in zip(looks, looks[1:]):
        fast = {q["queue"]: q for q in look["queues"]}["fast"]
        old = {q["queue"]: q for q in before["queues"]}["fast"]
        seconds = (look["time_ns"] - before["time_ns"]) / 1e9
        wanted = (fast["records_in"] - old["records_in"]) / seconds
        came += fast["records_in"] - old["records_in"]
        check(0.5 * wanted <= fast["in_per_second"] <= 2 * wanted, f"{fast['in_per_second']} a second, not {wanted}")
        check(fast["trend_per_second"] == fast["in_per_second"], "the trend is not what came in")
    check(came > 0, "nothing came in")
    last = {q["queue"]: q for q in looks[-1]["queues"]}
    check(last["slow"]["records"] == 7 and last["slow"]["in_per_second"] == 0, f"slow is {last['slow']}")
    table = ringq("top", NAME, "--once", "-i", "0.1", "--sort=name").stdout.decode()
    names = re.findall(rf"^{NAME}/(\S+)", table, re.M)
    check(len(names) == 3 and names == sorted(names), f"sorted by name: {names}")
    table = ringq("top", NAME, "--once", "-i", "0.1", "--sort=depth", "-H").stdout.decode()
    check(table.startswith(f"{NAME}/fast"), f"sorted by depth: {table}")
    table = ringq("top", "--once", "-i", "0.1", "-f", f"{NAME}/slo", "-H").stdout.decode()
    check(re.fullmatch(rf"{NAME}/slow +7 +0 +0 +0 .*\n", table), f"filtered: {table!r}")
    check(ringq("top", f"{NAME}/fast", "--once", "-i", "0.1", "-H").stdout.count(b"\n") == 1, "one queue")
    check(ringq("top", "--sort=odd").returncode == 2, "an odd column")
    check(ringq("top", NAME, "-i", "0").returncode == 2, "no interval")
    check(ringq("top", f"{NAME}-none").returncode == 3, "no such region")


def held_output():
    """As by Ctrl-S: it ends all the same."""
    with terminal("top", NAME, "-i", "0.05", rows=60, columns=200) as t:
        check(t.wait_for("fast"), "no picture before output is held")
        for _ in range(200):
            if state_of(t.child.pid) == "S" and not select.select([], [t.slave], [], 0)[1]:
                break
            time.sleep(0.05)
        os.kill(t.child.pid, signal.SIGTERM)
        check(t.child.wait(timeout=30) == 0, "held output: it does not end")
        check(termios.tcgetattr(t.slave) == t.before, "held output: the terminal is not given back")


def on_a_terminal():
    with terminal("top", NAME, "-i", "0.2") as t:
        check(t.wait_for(r"fast +\d+ +0 +0 +0"), f"no picture: {t.screen()}")
        lines = t.screen()
        check(all(len(line.rstrip()) <= 80 for line in lines) and len(lines) <= 24, f"does not fit: {lines}")
        check(len(lines[2]) <= 80 and "NOTE" in lines[2], f"titles: {lines[2]}")
        check(any("~" in line and "cut-off" in line for line in lines), f"a long name is not cut off: {lines}")
        t.type(b"n")
        check(t.wait_for("by name"), "not sorted by name")
        t.type(b"\033[C")
        check(t.wait_for("by depth"), "right is no key")
        t.type(b"/slow")
        check(t.wait_for(r"filter: slow(.|\n)*slow +7"), "no filter")
        check(t.wait_for("2 hidden"), "the filter hides nothing")
        t.type(b"\033")
        check(t.wait_for(r"by depth(.|\n)*fast"), "escape is no key")
        t.type(b"?")
        check(t.wait_for("quit"), "no help")
        t.type(b"x")
        check(t.wait_for("fast"), "help stays")
        fcntl.ioctl(t.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 100, 0, 0))
        os.kill(t.child.pid, signal.SIGWINCH)
        check(t.wait_for(r"^[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*$"), f"a small terminal has {t.screen()}")
        t.type(b"q")
        check(t.end() == 0 and t.is_as_before(), "q does not end it well")


def signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGALRM,
                   signal.SIGSEGV, signal.SIGABRT, signal.SIGPIPE):
        with terminal("top", NAME, "-i", "60") as t:
            check(t.wait_for("fast"), f"no picture before {number}")
            check(termios.tcgetattr(t.slave) != t.before, "the terminal is not taken over")
            if number == signal.SIGINT:
                t.type(b"\003")
            else:
                os.kill(t.child.pid, number)
            print(f"ends by {number}?", flush=True)
            status = t.end()
            wanted = 0 if number in (signal.SIGINT, signal.SIGTERM) else -number
            check(status == wanted, f"signal {number}: ended with {status}")
            check(t.is_as_before(), f"signal {number}: the terminal is not given back")
    with terminal("top", NAME, "-i", "0.2", as_job=True) as t:
        check(t.wait_for("fast"), "no picture before a stop")
        job = os.tcgetpgrp(t.master)
        t.type(b"\032")
        for _ in range(600):
            if state_of(job) == "T":
                break
            time.sleep(0.05)
        check(state_of(job) == "T", "it does not stop")
        t.read()
        check(t.is_as_before(), "stopped: the terminal is not given back")
        t.text = b""
        os.kill(job, signal.SIGCONT)
        check(t.wait_for("fast"), "continued: no picture")
        t.type(b"q")
        check(t.end() == 0 and t.is_as_before(), "continued: q does not end it well")


def hold_many():
    """A process that has as many descriptors as it may, to 15000. It never returns."""
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 15000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contextlib.suppress(OSError):
        while True:
            os.open("/dev/null", os.O_RDONLY)
    signal.alarm(60)  # if the test does not end it
    while True:
        signal.pause()


def slow_looks():
    """Where a look takes longer than the interval, keys are read all the same: here processes have many descriptors."""
    holders, took = [], 0
    try:
        while took < 0.1 and len(holders) < 40:
            holder = os.fork()
            if holder == 0:
                hold_many()
            holders.append(holder)
            begin = time.monotonic()
            ringq("list")
            took = time.monotonic() - begin
        check(took >= 0.1, "a look is too quick for this test")
        with terminal("top", NAME, "-i", "0.05") as t:
            check(t.wait_for("fast"), "slow looks: no picture")
            t.type(b"q")
            for _ in range(200):
                if t.child.poll() is not None:
                    break
                t.read()
                time.sleep(0.05)
            check(t.child.poll() == 0, "slow looks: q is not read")
    finally:
        for holder in holders:
            os.kill(holder, signal.SIGKILL)
            os.waitpid(holder, 0)


def main():
    for queue in ("slow", "fast", "a-queue-whose-name-is-so-long-that-it-is-cut-off"):
        check(ringq("create", f"{NAME}/{queue}").returncode == 0, "create")
    try:
        in_a_pipe()
        on_a_terminal()
        signals()
        held_output()
        slow_looks()
    finally:
        for file in glob.glob(f"/dev/shm/ringq.{NAME}*"):
            os.unlink(file)
    sys.exit(failed)


main()
