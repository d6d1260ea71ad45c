/* SPDX-License-Identifier: MIT */

/*
 * Exact max_records: ringq/src/queue/permits.c, make_room() of queue_put.c, own_lane() and rq_port_reap() of port.c.
 *
 * Two places; three producers with a lane each, the first of which may be killed, at any step; a consumer takes any lane's first
 * record at any time. A record's position is its number in its lane. Whoever finds the queue full reaps, tries again,
 * and gives up.
 *
 * What must hold: never more records than places; "full" is said only if there was an instant in the look at which every
 * place was taken; and at the end, with all records taken, every place can be had, whoever died where.
 */

#define PLACES 2
#define LANES 3
#define WORD(lane, position) (1 + (lane) * 4 + (position)) /* place_word() */
#define LANE(word) (((word) - 1) / 4)
#define POSITION(word) (((word) - 1) % 4)

byte words[PLACES];
byte head[4], tail[4]; /* of each lane; one more, so that a word of 0 has a lane to ask */
byte owner[LANES];     /* member + 1 */
bit killed[LANES], dead[LANES], was_full[LANES];
byte records;

#define IS_FREE(word) ((word) == 0 || head[LANE(word)] > POSITION(word))

/* The onlooker: an instant at which every place was taken, for all who look just now. */
inline note()
{
	if
	:: !IS_FREE(words[0]) && !IS_FREE(words[1]) -> was_full[0] = 1; was_full[1] = 1; was_full[2] = 1
	:: else
	fi
}

/* look(): one word after the other; i: the first free one, or PLACES. */
inline look(a, b)
{
	atomic {
		a = words[0];
		i = (IS_FREE(a) -> 0 : PLACES)
	};
	if
	:: i == PLACES ->
		atomic {
			b = words[1];
			i = (IS_FREE(b) -> 1 : PLACES)
		}
	:: else
	fi
}

/* find() */
inline find()
{
	atomic { was_full[me] = 0; note() };
	do
	:: look(a, b);
		if
		:: i < PLACES -> break
		:: else
		fi;
#ifdef FAULT_ONE_LOOK
		break;
#else
		look(c, d);
		if
		:: i < PLACES -> a = c; b = d; break
		:: i == PLACES && a == c && b == d -> break
		:: else
		fi
#endif
	od;
	c = 0;
	d = 0
}

/* rq_permits_drop(), one place: by CAS */
inline drop_place(n)
{
	atomic {
		w = words[n];
		if
#ifdef FAULT_DROP_THE_PUBLISHED
		:: w && LANE(w) == l -> words[n] = 0
#else
		:: w && LANE(w) == l && POSITION(w) >= tail[l] -> words[n] = 0
#endif
		:: else
		fi;
		w = 0
	}
}

/* rq_port_reap(): own_lane() by CAS, rq_producer_adopt(), rq_permits_drop(), then the lane is let go. */
inline reap(id)
{
	l = 0;
	do
	:: l == LANES -> break
	:: else ->
		w = owner[l];
		if
#ifdef FAULT_REAP_THE_LIVING
		:: w && w != id ->
#else
		:: w && w <= LANES && dead[w - 1] ->
#endif
			atomic {
				if
				:: owner[l] == w -> owner[l] = id; w = 0
				:: else
				fi
			};
			if
			:: w == 0 ->
#ifndef FAULT_DROP_NONE
				drop_place(0);
				drop_place(1);
#endif
				owner[l] = 0
			:: else
			fi
		:: else
		fi;
		w = 0;
		l++
	od;
	l = 0
}

/* The CAS of rq_place_take() */
inline take(n, expected)
{
	atomic {
		if
#ifdef FAULT_TAKE_BY_STORE
		:: true ->
#else
		:: words[n] == expected ->
#endif
			words[n] = WORD(me, tail[me]);
			i = PLACES + 1;
			note()
		:: else
		fi
	}
}

/* ringq_put() */
proctype producer(byte me; byte most)
{
	byte i, a, b, c, d, l, w, puts;
	bit reaped;
	{
		owner[me] = me + 1;
		do
		:: puts == most -> break
		:: else ->
#ifdef FAULT_PUBLISH_FIRST
			atomic { records++; assert(records <= PLACES); tail[me]++ };
#endif
			find();
			if
			:: i == PLACES ->
				assert(was_full[me]); /* -EAGAIN */
				if
				:: reaped -> break
				:: else -> reap(me + 1); reaped = 1
				fi
			:: i == 0 -> take(0, a)
			:: i == 1 -> take(1, b)
			fi;
			a = 0;
			b = 0;
			if
			:: i == PLACES + 1 ->
#ifndef FAULT_PUBLISH_FIRST
				atomic { records++; assert(records <= PLACES); tail[me]++ }; /* P */
#endif
				puts++
			:: else
			fi;
			i = 0
		od
	} unless { d_step { killed[me] -> i = 0; a = 0; b = 0; c = 0; d = 0; l = 0; w = 0; puts = 0 } }
}

/* Takes; the last time when nothing else moves. Then reaps, and every place must be free. */
active proctype consumer()
{
	byte l, w;
	do
	:: atomic { head[0] < tail[0] -> head[0]++; records-- }
	:: atomic { head[1] < tail[1] -> head[1]++; records-- }
	:: atomic { head[2] < tail[2] -> head[2]++; records-- }
	:: timeout -> break
	od;
	reap(LANES + 1);
	assert(records == 0 && IS_FREE(words[0]) && IS_FREE(words[1]))
}

/* The kernel kills one and marks its lease. */
active proctype kernel()
{
	atomic {
		if
		:: killed[0] = 1
		:: true
		fi
	};
	atomic { dead[0] = killed[0] }
}

init
{
	atomic { run producer(0, 1); run producer(1, 1); run producer(2, 1) }
}
