/* SPDX-License-Identifier: MIT */

/*
 * Waiting: ringq/src/base/event.h, wait.c, and rq_block() of block.c, for the event `items`.
 *
 * Producers publish and signal; consumers take, or sleep until there is something. A publish stays in its producer's
 * store buffer until the memory takes it, a fence waits for that, or membarrier. One participant is killed, at any step;
 * one handle is released under its sleeper; consumers time out; one of them has a buffer that is too small.
 *
 * What must hold: when nothing can move any more, nobody sleeps while there is a record. A first sleep ends by its own
 * time-out, but only after a death, so that no wake-up lost without one is hidden. Later sleeps have no end here: the
 * leases alone must do. That some later ones are short as the first is left out: they can do less wrong. So is who joins.
 *
 * RUN: -DHAS=7 -DBATCH=1 -DDEATHS=1 -DRELEASES=1 -DLATE=1
 * RUN: -DHAS=13 -DBATCH=2 -DDEATHS=1 -DRELEASES=0 -DLATE=0
 * RUN: -DHAS=25 -DBATCH=1 -DDEATHS=0 -DRELEASES=1 -DLATE=0
 */

#define PRODUCERS 2
#define MEMBERS 5 /* producers first; a run need not have them all */
#define SMALL 4   /* the consumer whose buffer is too small */

#define WAITERS 1 /* RQ_EVENT_ASLEEP, and so on */
#define FENCED 2
#define SEQUENCE 4

#define AGAIN 0
#define GOT 1
#define TOO_SMALL 2

byte event;          /* the futex word: 2 bits of sequence here */
byte items;          /* records that can be taken */
byte buffer[PRODUCERS]; /* records published, as yet only for the producer's own eyes */

bit dead[MEMBERS];    /* FUTEX_OWNER_DIED in its lease */
bit waiters[MEMBERS]; /* FUTEX_WAITERS in its lease */
bit killed[MEMBERS];
byte deaths, releases;

/* The kernel: who sleeps, on the leases of whom (one bit each), and the lease that woke it, plus 1. */
bit sleeps[MEMBERS];
byte watches[MEMBERS];
byte woken_by[MEMBERS];

inline fence(me)
{
	me >= PRODUCERS || !buffer[me]
}

/* rq_sys.barrier(): each of the others passes a full barrier at some instant in it. */
inline barrier()
{
	!buffer[0];
	!buffer[1]
}

/* Wakes any of those who sleep, as the order of the kernel's list is nobody's promise. n: how many. */
inline futex_wake(most, n)
{
	atomic {
		n = 0;
		do
		:: n == most -> break
		:: n < most && sleeps[2] -> sleeps[2] = 0; n++
		:: n < most && sleeps[3] -> sleeps[3] = 0; n++
		:: n < most && sleeps[4] -> sleeps[4] = 0; n++
		:: n < most && !sleeps[2] && !sleeps[3] && !sleeps[4] -> break
		od
	}
}

inline futex_wake_all()
{
	d_step { sleeps[2] = 0; sleeps[3] = 0; sleeps[4] = 0 }
}

/* rq_event_wake(event, 1) */
inline event_wake(me, most)
{
#ifndef FAULT_NO_FENCE
	fence(me); /* W2 */
#endif
	w = event;
#ifdef FAULT_CLEAR_FIRST
	atomic { (w & WAITERS) && event == w -> event = (w + SEQUENCE) & 14 };
#endif
	if
	:: !(w & WAITERS)
	:: else ->
		futex_wake(most, n);
		do
#ifdef FAULT_ONE_OF_SEVERAL_WILL_DO
		:: n || !(w & WAITERS) -> break
#else
		:: n >= most || !(w & WAITERS) -> break
#endif
		:: else ->
			atomic {
				if
				:: event == w ->
#ifdef FAULT_NO_SEQUENCE
					event = w & 14;
#else
					event = (w + SEQUENCE) & 14;
#endif
					n = 9
				:: else -> w = event
				fi
			}
#ifndef FAULT_CLEAR_AND_WAKE_NONE
			if
			:: n == 9 -> futex_wake_all()
			:: else
			fi
#endif
		od
	fi;
	w = 0;
	n = 0
}

/* ringq_put(): publish, then rq_event_notify(). */
proctype producer(byte me; byte records)
{
	byte w, n;
	{
		buffer[me] = records; /* P */
		w = event; /* W1, after a light barrier */
		if
		:: w & (WAITERS | FENCED) -> event_wake(me, records)
		:: else -> w = 0
		fi
	} unless { d_step { killed[me] -> w = 0; n = 0 } }
}

/* rq_event_prepare() */
inline event_prepare()
{
	do
	:: word = event;
		do
		:: word & WAITERS -> break
		:: else -> /* S1 */
			atomic {
				if
				:: event == word -> event = word | WAITERS; word = word | WAITERS
				:: else -> word = event
				fi
			}
		od;
		if
		:: word & FENCED -> break /* after a fence: nothing of this thread's is in a buffer */
		:: else ->
#ifndef FAULT_NO_BARRIER
			barrier(); /* S2 */
#endif
			atomic {
				if
				:: event == word -> event = word | FENCED; word = word | FENCED; break
				:: else -> word = 0
				fi
			}
		fi
	od
}

/* op->attempt(): what there is, is taken by a CAS. */
inline attempt(me)
{
	atomic {
		if
		:: items > 0 && me != SMALL -> items--; r = GOT
		:: items > 0 && me == SMALL -> r = TOO_SMALL
		:: else -> r = AGAIN
		fi
	}
}

/* rq_members_watch(): one lease after the other; those of the dead are left out. */
inline members_watch(me)
{
	watching = 0;
	j = 0;
	do
	:: j == MEMBERS -> break
	:: else ->
		atomic {
			if
			:: j != me && !dead[j] ->
				watching = watching | (1 << j);
#ifndef FAULT_NO_WAITERS_BIT
				waiters[j] = 1
#endif
			:: else
			fi;
			j++
		}
	od;
	j = 0
}

#define A_DEATH_IS_WATCHED(mask) ((dead[0] && (mask & 1)) || (dead[1] && (mask & 2)) || (dead[2] && (mask & 4)) || \
	(dead[3] && (mask & 8)) || (dead[4] && (mask & 16)))

/* sleep_once(): futex_wait the first time, futex_waitv after it. */
inline sleep_once(me)
{
	atomic {
		woken_by[me] = 0;
		if
		:: event == word && !A_DEATH_IS_WATCHED(watching) -> sleeps[me] = 1; watches[me] = watching
		:: else
		fi
	};
end_asleep:
	if
	:: !sleeps[me]
	:: !slept && deaths -> sleeps[me] = 0 /* RQ_SLEEP_SHORT is over */
	fi;
	watches[me] = 0;
	if
	:: woken_by[me] ->
#ifndef FAULT_A_LEASE_WAKES_ONE
		d_step { /* futex_wake(the lease, all) */
			j = 2;
			do
			:: j == MEMBERS -> break
			:: else ->
				if
				:: sleeps[j] && (watches[j] & (1 << (woken_by[me] - 1))) -> sleeps[j] = 0
				:: else
				fi;
				j++
			od;
			j = 0
		};
#endif
		woken_by[me] = 0
	:: else
	fi
}

/* ringq_get(): one attempt, then rq_block(). */
proctype consumer(byte me)
{
	byte w, n, word, r, j, watching;
	bit slept;
	{
		attempt(me);
		if
		:: DEATHS -> slept = 1 /* it has slept before */
		:: true
		fi;
		do
		:: r != AGAIN -> break
		:: else ->
#ifndef FAULT_WATCH_AFTER_THE_LOOK
#ifndef FAULT_NO_LEASES
			if
			:: slept && DEATHS -> members_watch(me)
			:: else
			fi;
#endif
#endif
			event_prepare();
#ifndef FAULT_NO_SECOND_LOOK
			attempt(me);
			if
			:: r != AGAIN -> break
			:: else
			fi;
#endif
#ifdef FAULT_WATCH_AFTER_THE_LOOK
			if
			:: slept && DEATHS -> members_watch(me)
			:: else
			fi;
#endif
			if
			:: LATE -> event_wake(me, 1); goto out /* -ETIMEDOUT */
			:: skip
			fi;
			sleep_once(me);
			atomic {
				word = 0;
				watching = 0;
				slept = 1;
			};
			if
			:: atomic { releases < RELEASES -> releases++ }; /* the handle is gone: sleep_outside() */
#ifndef FAULT_RELEASE_TAKES_IT_ALONG
				event_wake(me, 1);
#endif
				goto out
			:: attempt(me)
			fi
		od;
		if
#ifndef FAULT_ERROR_TAKES_IT_ALONG
		:: r == TOO_SMALL -> event_wake(me, 1) /* somebody else may have a buffer for it */
#endif
		:: else
		fi;
		if /* rq_event_disarm(), as claimed() does now and then */
		:: r == GOT ->
			w = event;
			atomic {
				if
				:: (w & FENCED) && !(w & WAITERS) && event == w -> event = (w + SEQUENCE) & 13
				:: else
				fi;
				w = 0
			}
		:: skip
		fi
out:		skip;
		d_step { w = 0; n = 0; word = 0; r = 0; j = 0; watching = 0; slept = 0 }
	} unless { d_step { killed[me] -> w = 0; n = 0; word = 0; r = 0; j = 0; watching = 0; slept = 0 } }
}

/* Stores reach the memory at any time. */
active proctype memory()
{
end:	do
	:: atomic { buffer[0] -> items = items + buffer[0]; buffer[0] = 0 }
	:: atomic { buffer[1] -> items = items + buffer[1]; buffer[1] = 0 }
	od
}

/* The kernel ends one thread: its stores are done, its lease is marked, one who sleeps on that is woken. */
active proctype kernel()
{
	byte j;
	if
	:: DEATHS -> j = 0
	:: DEATHS && (HAS & 2) -> j = 1
	:: DEATHS && (HAS & 4) -> j = 2
	:: DEATHS && (HAS & 8) -> j = 3
	:: DEATHS && (HAS & 16) -> j = 4
	:: goto out
	fi;
	atomic { killed[j] = 1; sleeps[j] = 0; watches[j] = 0 };
	j >= PRODUCERS || !buffer[j];
	atomic {
		dead[j] = 1;
		deaths = 1;
		if
		:: waiters[j] && sleeps[2] && (watches[2] & (1 << j)) -> sleeps[2] = 0; woken_by[2] = j + 1
		:: waiters[j] && sleeps[3] && (watches[3] & (1 << j)) -> sleeps[3] = 0; woken_by[3] = j + 1
		:: waiters[j] && sleeps[4] && (watches[4] & (1 << j)) -> sleeps[4] = 0; woken_by[4] = j + 1
		:: else
		fi
	}
out:	skip
}

/* When nothing moves any more. */
active proctype judge()
{
	timeout -> assert(items == 0 || !(sleeps[2] || sleeps[3] || sleeps[4]))
}

init
{
	atomic {
		run producer(0, BATCH);
		if
		:: HAS & 2 -> run producer(1, 1)
		:: else
		fi;
		if
		:: HAS & 4 -> run consumer(2)
		:: else
		fi;
		if
		:: HAS & 8 -> run consumer(3)
		:: else
		fi;
		if
		:: HAS & 16 -> run consumer(4)
		:: else
		fi
	}
}
