#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each JSON that the command prints is as its schema says; each command that prints JSON has one, and each schema is met.

usage: schema.py RINGQ SCHEMA...
"""
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import time

try:
    import jsonschema
except ImportError:
    # Debian's is of Debian's Python.
    if sys.executable != "/usr/bin/python3" and os.path.exists("/usr/bin/python3"):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv])
    print("skipped: no jsonschema (Debian's python3-jsonschema)")
    sys.exit(77)

RINGQ = sys.argv[1]
NAME = f"test-schema-{os.getpid()}"
SCHEMAS = {pathlib.Path(path).stem: json.loads(pathlib.Path(path).read_text(encoding="utf-8")) for path in sys.argv[2:]}
met = dict.fromkeys(SCHEMAS, 0)
failed = 0


def fail(what):
    global failed
    print("failed:", what)
    failed = 1


def ringq(*arguments, put=b""):
    return subprocess.run([RINGQ, *arguments], input=put, capture_output=True, timeout=60, check=False)


def judge(command, text):
    validator = jsonschema.Draft7Validator(SCHEMAS[command])
    for line in text.splitlines():
        met[command] += 1
        for error in validator.iter_errors(json.loads(line)):
            fail(f"{command}: {error.message[:300]} in {line[:300]}")


def look(command, *arguments, json_by="--json"):
    shown = ringq(command, *arguments, json_by)
    if not shown.stdout:
        fail(f"{command} {arguments} prints nothing: {shown.stderr}")
    judge(command, shown.stdout)


def strict(schema, where):
    """Each object says what may be in it: else a schema could allow all."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            fail(f"{where}: an object that may have anything in it")
        for key, value in schema.items():
            strict(value, f"{where}/{key}")
    elif isinstance(schema, list):
        for value in schema:
            strict(value, where)


def all_have_one():
    for command in ringq("--commands").stdout.decode().split():
        prints_json = "--json" in ringq(command, "--options").stdout.decode().split()
        if prints_json != (command in SCHEMAS) and command != "get":
            fail(f"{command} has {'no' if prints_json else 'a'} schema")
    for name, schema in SCHEMAS.items():
        jsonschema.Draft7Validator.check_schema(schema)
        strict(schema, name)


def looks(files):
    sleeper = subprocess.Popen([RINGQ, "get", f"{NAME}/idle"], stdout=subprocess.DEVNULL)
    feeder = subprocess.Popen([RINGQ, "put", f"{NAME}/fed"], stdin=subprocess.PIPE)
    feeder.stdin.write(b"x\n")
    feeder.stdin.flush()
    for _ in range(400):
        if re.search(rb"asleep in get", ringq("who", NAME).stdout) and b"fed" in ringq("who", NAME).stdout:
            break
        time.sleep(0.05)
    events = subprocess.Popen([RINGQ, "events", NAME, "-J", "-i", "20ms", "--timeout=1"], stdout=subprocess.PIPE)
    time.sleep(0.3)
    ringq("create", f"{NAME}/made")
    look("list")
    look("list", NAME)
    worker = subprocess.Popen([RINGQ, "exec", f"{NAME}/pending", "sh", "-c", "while kill -0 $PPID; do sleep 0.05; done"],
                              stderr=subprocess.DEVNULL)
    ringq("put", f"{NAME}/pending", put=b"job\n")
    for _ in range(400):
        stat = json.loads(ringq("stat", f"{NAME}/pending", "-J").stdout)
        if stat["in_hand"] == 1:
            break
        time.sleep(0.05)
    if (stat["in_hand"], stat["oldest_process"], stat["max_attempts"]) != (1, worker.pid, 2):
        fail(f"stat does not tell who has a record in hand: {stat}")
    for queue in ("full", "idle", "fed", "pending", "wide"):
        look("stat", f"{NAME}/{queue}")
        look("stat", f"{NAME}/{queue}", "--lanes")
    look("top", NAME, "-n", "2", "-i", "60ms")
    look("peek", f"{NAME}/pending", "--in-hand")
    held = json.loads(ringq("peek", f"{NAME}/pending", "--in-hand", "-J").stdout)
    if (held["in_hand"], held["holder"]["process"], held["text"], held["held"] is None) != (True, worker.pid, "job", False):
        fail(f"peek does not tell who has it in hand: {held}")
    look("check", f"{NAME}/pending")
    worker.kill()
    worker.wait()
    look("who", NAME)
    look("peek", f"{NAME}/full")
    look("tail", f"{NAME}/full")
    look("doctor")
    look("check", f"{NAME}/full")
    look("check", f"{NAME}/full", "--max-depth=1", "--max-age=0")
    look("check", f"{NAME}-none")
    look("report")
    look("version")
    look("clean")
    look("bench", "--time=5ms")
    look("record", f"{NAME}/full", files + "1", "--now")
    look("replay", files + "1", f"{NAME}/again", "--fast")
    look("array", "list", NAME)
    for array in ("whole", "real", "bytes"):
        look("array", "get", f"{NAME}/{array}")
        look("array", "watch", f"{NAME}/{array}", "--timeout=10ms")
    judge("get", ringq("get", f"{NAME}/full", "-n", "2", "--format=json").stdout)
    look("drain", f"{NAME}/full")
    os.kill(feeder.pid, 9)
    feeder.wait()
    look("who", NAME)
    look("stat", f"{NAME}/fed", "--lanes")
    look("doctor")
    judge("events", events.communicate(timeout=60)[0])
    sleeper.kill()
    sleeper.wait()


def main():
    all_have_one()
    for queue, options in {"full": ["--max-records=20"], "idle": [], "fed": ["--order=producer"], "again": [],
                           "wide": ["--max-bytes=unbounded"], "pending": ["--acknowledged", "--max-attempts=2"]}.items():
        if ringq("create", f"{NAME}/{queue}", *options).returncode:
            fail(f"create {queue}")
    for array, kind in {"whole": "int64", "real": "double", "bytes": "bytes"}.items():
        ringq("array", "create", f"{NAME}/{array}", f"--type={kind}", "--count=2")
    ringq("array", "create", f"{NAME}/bridge.one", "--type=uint64", "--count=64")
    ringq("put", f"{NAME}/full", put='one\n\xff\nöä"\\\n\n'.encode("latin-1") + "öä\n".encode())
    pathlib.Path(f"/dev/shm/ringq.{NAME}-odd").write_text("no region", encoding="utf-8")
    files = f"{os.environ.get('TMPDIR', '/tmp')}/{NAME}-"
    try:
        looks(files)
    finally:
        for file in glob.glob(f"/dev/shm/ringq.{NAME}*") + glob.glob(files + "*"):
            os.unlink(file)
    for name, times in met.items():
        if not times:
            fail(f"no output of {name} was seen")
    sys.exit(failed)


main()
