/* SPDX-License-Identifier: MIT */
#ifndef RQ_PROBE_H
#define RQ_PROBE_H

/*
 * Static probes (USDT), for bpftrace, perf, GDB and SystemTap: where a thread sleeps, wakes others, takes or gives back memory,
 * or sees that somebody has died. A probe that nobody looks at is a NOP and a note in the file, and its arguments are what is
 * at hand there anyway. None is on the path of a put or a get that neither sleeps nor takes memory: the test `probes` compares
 * the object code with and without them. docs/observe.md has the meaning of each argument.
 *
 * Names are of the queue, a string in the region that may be empty. Objects are their ids, as `ringq who` has them.
 */

#ifdef RQ_PROBES
#include <sys/sdt.h>
#define RQ_PROBE2(...) DTRACE_PROBE2(ringq, __VA_ARGS__)
#define RQ_PROBE3(...) DTRACE_PROBE3(ringq, __VA_ARGS__)
#define RQ_PROBE4(...) DTRACE_PROBE4(ringq, __VA_ARGS__)
#else
/* The arguments count as used, and are not computed. */
int rq_probe_none(int none, ...);
#define RQ_PROBE2(name, ...) ((void)sizeof(rq_probe_none(0, __VA_ARGS__)))
#define RQ_PROBE3 RQ_PROBE2
#define RQ_PROBE4 RQ_PROBE2
#endif

#define rq_probe_sleep(object, activity, name) RQ_PROBE3(sleep, object, activity, name)
#define rq_probe_woken(object, activity, result) RQ_PROBE3(woken, object, activity, result)
#define rq_probe_wake(event, wanted, woken) RQ_PROBE3(wake, event, wanted, woken)

#define rq_probe_lane_take(name, lane, died) RQ_PROBE3(lane_take, name, lane, died)
#define rq_probe_chunk_take(name, lane, bytes, units) RQ_PROBE4(chunk_take, name, lane, bytes, units)
#define rq_probe_units_take(region, first, units, bytes) RQ_PROBE4(units_take, region, first, units, bytes)
#define rq_probe_units_give_back(region, first, units) RQ_PROBE3(units_give_back, region, first, units)
#define rq_probe_memory_short(region, units) RQ_PROBE2(memory_short, region, units)
#define rq_probe_sweep(region, freed) RQ_PROBE2(sweep, region, freed)

#define rq_probe_member_join(region, index, died) RQ_PROBE3(member_join, region, index, died)
#define rq_probe_dead_holder(object, member) RQ_PROBE2(dead_holder, object, member)
#define rq_probe_dead_peer(name, side) RQ_PROBE2(dead_peer, name, side)
#define rq_probe_dead_woke(region, lease) RQ_PROBE2(dead_woke, region, lease)
#define rq_probe_dead_taker(object, process, thread, attempt) RQ_PROBE4(dead_taker, object, process, thread, attempt)

#endif
