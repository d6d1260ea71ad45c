# SPDX-License-Identifier: MIT
"""Queues, records and members of ringq in GDB, of a live process or of a core that has the region's memory.

GDB loads this by itself with the library; else: source ringq-gdb.py. Where fields are it learns from the library's debug
information. How words are packed is written below once more, as layout.h draws them, for one major version of the layout.

    print *QUEUE            a handle in one line; print/r shows it as it is
    ringq regions           what this process has attached
    ringq queues            its handles
    ringq records QUEUE [N] what waits in a queue: an expression, or a name; N records of each lane at most, 10 by default
    ringq members           who takes part, in each region
"""

import gdb
import gdb.printing

MAJOR = 6  # of the layout: RQ_MAJOR
GRANULE = 16
SEQUENCE_MASK = (1 << 28) - 1
MEMBERS_A_PAGE, LEASES_BYTES = 3, 24
STEPS_MOST = 1 << 20  # headers in a lane; more would be a corrupt lane
TEXT_MOST = 48
ORDERS = {0: 'total order', 1: 'producer order'}
ACTIVITIES = {0: 'awake', 1: 'asleep in put', 2: 'asleep in get', 3: 'asleep in take', 4: 'asleep in lock',
              5: 'asleep in join'}
NOT_HERE = 'the region is not in this core: no core has it unless asked (gdb: set dump-excluded-mappings on; gcore)'


class Fault(Exception):
    """What is said instead of an answer."""


def read(address, n):
    """Bytes of the inferior."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address, n))
    except gdb.MemoryError:
        raise Fault(NOT_HERE) from None


def word(address):
    return int.from_bytes(read(address, 8), 'little')


def there(value):
    """A value whose memory can be read."""
    try:
        value.fetch_lazy()
        return value
    except gdb.MemoryError:
        raise Fault(NOT_HERE) from None


def variable(name):
    try:
        return gdb.parse_and_eval(name)
    except gdb.error:
        raise Fault('no debug information of ringq is loaded here (Debian: libringq0-dbgsym)') from None


def chain(first):
    """What a list has, as structs."""
    while int(first):
        yield there(first.dereference())
        first = first['next']


def text(data, shown=TEXT_MOST):
    """Bytes as people read them: text where it is text, else in hex."""
    more = '...' if len(data) > shown else ''
    data = data[:shown]
    if data and all(32 <= byte < 127 for byte in data):
        return '"' + data.decode() + '"' + more
    return data.hex(' ', -4) + more if data else '(empty)'


def string(data):
    return data.split(b'\0')[0].decode(errors='replace')


class Region:
    """A region that this process has mapped."""

    def __init__(self, value):
        self.value = value
        self.base = int(value['base'])
        self.at = value['at']
        self.page = int(self.at['page'])

    def header(self):
        if not self.base:
            raise Fault('a region that is only observed is not mapped')
        header = there(self.value['header'].dereference())
        if int(header['major']) != MAJOR:
            raise Fault(f"the region's layout is {int(header['major'])}; this knows {MAJOR}")
        return header

    def unit(self, index):
        return self.base + int(self.at['units']) + index * self.page

    def members(self):
        """Number, struct and lease of each entry that has ever been taken."""
        count = min(int(self.header()['members_backed']), int(self.at['member_count']))
        kind = gdb.lookup_type('struct rq_member')
        for i in range(count):
            page = self.base + int(self.at['members']) + i // MEMBERS_A_PAGE * self.page
            member = gdb.Value(page + i % MEMBERS_A_PAGE * kind.sizeof).cast(kind.pointer()).dereference()
            lease = word(page + self.page - LEASES_BYTES + 8 * (i % MEMBERS_A_PAGE))
            if lease >> 32:
                yield i, member, lease


def lives(lease):
    """Whether the thread that took the lease still has it: its id is there, without the mark of FUTEX_OWNER_DIED."""
    return bool(lease & 0x3fffffff) and not lease & 0x40000000


class Record:
    """A record that waits, at an address."""

    def __init__(self, address, header):
        self.sequence = header >> 36
        self.length = header >> 3 & (1 << 33) - 1
        self.stamp = word(address + 8) if header & 4 else None
        self.payload = address + (16 if header & 4 else 8)

    def footprint(self):
        return ((16 if self.stamp is not None else 8) + self.length + GRANULE - 1) // GRANULE * GRANULE


class Lane:
    """A lane of a queue, through the process's handle."""

    def __init__(self, queue, index):
        self.queue, self.index = queue, index
        lanes = queue.value['set']
        kind = gdb.lookup_type('struct rq_lane')
        address = queue.region.base + int(lanes['lanes']) + index * int(lanes['stride'])
        self.value = there(gdb.Value(address).cast(kind.pointer()).dereference())
        self.table_at, self.entries = address + kind.sizeof, int(lanes['table'])
        self.head = int(self.value['head'])

    def entry(self, chunk, table=0):
        return word(self.table_at + 8 * (table * self.entries + (chunk & self.entries - 1)))

    def ring(self, chunk):
        """Address, size and mask of a chunk's memory; None if it has none yet."""
        entry = self.entry(chunk)
        if entry == 0 or entry >> 32 != chunk:
            return None
        code = (entry & 0xff) - 1
        size = (8 + (code & 7) << (code >> 3) >> 3) * self.queue.region.page
        return self.queue.region.unit(entry >> 8 & 0xffffff), size, (1 << (size - 1).bit_length()) - 1

    def records(self):
        """What waits here, first things first."""
        chunk, position = self.head >> 32, (self.head & 0xfffffffc) << 2
        ring = self.ring(chunk)
        for _ in range(STEPS_MOST):
            if not ring:
                return
            at = ring[0] + (position & ring[2])
            header = word(at)
            if header & 3 == 1:
                record = Record(at, header)
                yield record
                position += record.footprint()
            elif header & 7 == 2:  # the rest of the ring is unused
                position += header >> 3 & (1 << 33) - 1
            elif header & 7 == 3:  # on in the next chunk
                chunk, position = chunk + 1 & 0xffffffff, 0
                ring = self.ring(chunk)
            elif header == 0:
                return
            else:
                raise Fault(f'lane {self.index} is corrupt at {at:#x}')

    def waiting(self):
        """How many, from the counts, as rq_lane_count_from() has them."""
        first = next(self.records(), None)
        if not first:
            return 0
        puts, chunk = int(self.value['puts']), (self.head >> 32) + 1 & 0xffffffff
        following = self.entry(chunk)
        last = self.entry(chunk, 1) if following and following >> 32 == chunk else puts
        last = min(last, puts)
        here = last - first.sequence & SEQUENCE_MASK
        return puts - last + (here if 0 < here <= SEQUENCE_MASK // 2 else 1)


class Queue:
    """A handle of the process."""

    def __init__(self, value):
        self.value = value
        self.region = Region(there(value['region'].dereference()))
        self.gone = int(value['id']) == (1 << 64) - 1

    def shared(self):
        self.region.header()
        return there(self.value['shared'].dereference())

    def name(self):
        return string(bytes(read(int(self.shared()['name'].address), 64)))

    def lanes(self):
        used = min(int(self.shared()['lanes_used']), int(self.value['set']['max']))
        return [Lane(self, i) for i in range(used)]

    def __str__(self):
        order = ORDERS.get(int(self.value['order']), 'unknown order')
        if self.gone:
            return 'a queue handle that was released'
        if not self.region.base:
            return f'queue, {order}, observed'
        try:
            shared, lanes = self.shared(), self.lanes()
            words = [f'queue "{self.name()}"', f'{sum(lane.waiting() for lane in lanes)} records in {len(lanes)} lanes', order]
            words += ['closed'] if int(shared['closed']) else []
            words += ['consumers asleep'] if int(shared['not_empty']) & 1 else []
            asleep = int(shared['not_full']) & 1 or any(int(lane.value['not_full']) & 1 for lane in lanes)
            words += ['producers asleep'] if asleep else []
        except Fault as fault:
            words = ['queue', order, str(fault)]
        return ', '.join(words)


def handles():
    for value in chain(variable('rq_process_queues')):
        yield Queue(value)


def queue_called(what):
    """By a name, or by an expression that is a handle or points to one."""
    for queue in handles():
        try:
            if not queue.gone and queue.name() == what:
                return queue
        except Fault:
            pass
    try:
        value = gdb.parse_and_eval(what)
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            value = value.dereference()
        if value.type.strip_typedefs().tag != 'ringq_queue':
            raise Fault(f'{what} is no queue')
        return Queue(there(value))
    except gdb.error as error:
        raise Fault(f'no queue has this name, and as an expression: {error}') from None


# --- Commands ---

class Prefix(gdb.Command):
    """Queues, records and members of ringq."""

    def __init__(self):
        super().__init__('ringq', gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Said(gdb.Command):
    """A command whose faults are said in a line."""

    def __init__(self, name):
        super().__init__('ringq ' + name, gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        try:
            for line in self.lines(*gdb.string_to_argv(argument)):
                print(line)
        except Fault as fault:
            raise gdb.GdbError(str(fault)) from None
        except TypeError:
            raise gdb.GdbError(self.__doc__) from None


class Regions(Said):
    """ringq regions: what this process has attached."""

    def lines(self):
        for value in chain(variable('rq_process_regions')):
            region = Region(value)
            line = f"region at {region.base:#x}, {int(region.at['size'])} bytes, fd {int(value['file']['fd'])}"
            try:
                header = region.header()
                line += f", {sum(lives(lease) for _, _, lease in region.members())} members"
                line += f", layout {int(header['major'])}.{int(header['minor'])}"
            except Fault as fault:
                line += f': {fault}'
            yield line


class Queues(Said):
    """ringq queues: the handles of this process, also those of pipes' ends."""

    def lines(self):
        for queue in handles():
            yield f'{int(queue.value.address):#x}: {queue}'


class Records(Said):
    """ringq records QUEUE [N]: what waits in a queue, a name or an expression; N of each lane at most."""

    def lines(self, what, most='10'):
        queue = queue_called(what)
        for lane in queue.lanes():
            yield f'lane {lane.index}: {lane.waiting()} records'
            for n, record in enumerate(lane.records()):
                if n == int(most):
                    yield '  ...'
                    break
                stamp = f', stamp {record.stamp}' if record.stamp is not None else ''
                data = read(record.payload, min(record.length, TEXT_MOST + 1))
                yield f'  {record.sequence}: {record.length} bytes{stamp}: {text(data)}'


class Members(Said):
    """ringq members: who takes part in each region."""

    def lines(self):
        for value in chain(variable('rq_process_regions')):
            region = Region(value)
            for index, member, lease in region.members():
                yield f'{region.base:#x} member {index}: {describe(member, lives(lease))}'


def describe(member, alive):
    name = string(b''.join(int(member['name'][i]).to_bytes(8, 'little') for i in range(2)))
    line = f"{name}, process {int(member['process'])}, thread {int(member['thread'])}"
    activity = int(member['activity'])
    if not alive:
        return line + ', ended'
    line += ', ' + ACTIVITIES.get(activity, f'activity {activity}')
    return line + (f" of object {int(member['object']):#x}" if activity else '')


# --- Printers ---

class QueuePrinter:
    """A handle, and what to look at next."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        try:
            return str(Queue(self.value))
        except Fault as fault:
            return f'queue: {fault}'

    def children(self):
        for field in ('region', 'shared', 'set', 'flags', 'max_records', 'ports', 'next'):
            yield field, self.value[field]


class MemberPrinter:
    """An entry of a region's table; only its lease, elsewhere in the page, tells whether it lives."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        try:
            return describe(there(self.value), True)
        except Fault as fault:
            return f'member: {fault}'


class RecordsPrinter:
    """A lane, from its own words."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        try:
            head, owner = int(there(self.value)['head']), int(self.value['owner'])
        except Fault as fault:
            return f'lane: {fault}'
        of = f'of member {(owner & 0x1fff) - 1}' if owner else 'nobody\'s'
        return f"lane {of}, {int(self.value['puts'])} put, head at byte {(head & 0xfffffffc) << 2} of chunk {head >> 32}"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter('ringq')
    collection.add_printer('ringq_queue', '^ringq_queue$', QueuePrinter)
    collection.add_printer('rq_member', '^rq_member$', MemberPrinter)
    collection.add_printer('rq_lane', '^rq_lane$', RecordsPrinter)
    return collection


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
Prefix()
for command, name in ((Regions, 'regions'), (Queues, 'queues'), (Records, 'records'), (Members, 'members')):
    command(name)
