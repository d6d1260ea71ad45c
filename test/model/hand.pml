/* SPDX-License-Identifier: MIT */

/*
 * What is in hand of an acknowledged queue: lane/hand.h and hand.c, claim() of queue/take.c, undone() of lane/put.c,
 * rq_is_drained() of queue/drained.c.
 *
 * One lane, whose ring has room for RING records; its producer writes where both head and all that is in hand have gone
 * on. Member 0 takes until nothing waits and nothing is in hand. The others take, acknowledge and give back, and each may be
 * killed at any step, with records in its hands. What they had comes back to whoever looks. With ADOPT the producer may be
 * killed at any step, too, while records of its lane are in hand, and another one has its lane then, and puts what is left.
 * The queue is closed when all has been put: what ends member 0 is what lets a take, or a join, of a closed queue end.
 *
 * What must hold: a record is in no two hands at once, is never written over while it is not acknowledged, is not delivered
 * after it was; and when somebody finds that nothing is in hand and nothing waits, each record has been acknowledged.
 *
 *   MORTALS   members that may be killed
 *   RECORDS   of the lane
 *   BATCH     records that one claim may take
 *   BACK      1: the mortals may give a record back; 2: member 0, too
 *
 * RUN: -DMORTALS=1 -DRECORDS=2 -DRING=1 -DBATCH=1 -DBACK=1
 * RUN: -DMORTALS=1 -DRECORDS=2 -DRING=1 -DBATCH=1 -DBACK=0 -DADOPT
 * ONLY FAULTS: -DMORTALS=1 -DRECORDS=2 -DRING=2 -DBATCH=2 -DBACK=0
 * ONLY FAULTS: -DMORTALS=1 -DRECORDS=2 -DRING=1 -DBATCH=1 -DBACK=2
 */

#define MEMBERS (MORTALS + 1)
#define EACH BATCH /* entries of a book */
#define ENTRIES (MEMBERS * EACH)

/* enum rq_entry_kind; a state is kind << 4 | claim, a claim member << 2 | ticket */
#define FREE 0
#define CLAIM 1
#define HELD 2
#define BACKED 3
#define ARRIVING 4
#define LEAVING 5
#define STATE(kind, claim) ((kind) * 16 + (claim))
#define KIND(state) ((state) / 16)
#define CLAIM_OF(state) ((state) % 16)
#define MEMBER(claim) ((claim) / 4)
#define NAME(member, ticket) ((member) * 4 + (ticket))
#define BIT(member) (1 << (member))

byte head, tail, taker; /* head and taker change together */
byte won[MEMBERS];
byte state[ENTRIES], pos[ENTRIES], from[ENTRIES];
byte moves;
byte takers = 1; /* a bit for each member that takes, or has taken: its book is read. Member 0 has come before */
bit killed[MEMBERS], dead[MEMBERS];

/* What an onlooker knows. */
bit done[RECORDS];
byte holder[RECORDS]; /* member + 1 of who was told that it has it */

inline cas(word, was, now, did)
{
	atomic {
		if
		:: word == was -> word = now; did = 1
		:: else -> did = 0
		fi
	}
}

/* read_entry(): s and p, or s is 0 */
inline read(at)
{
	s = state[at]; /* Z6 */
	atomic {
		p = pos[at];
		if
		:: CLAIM_OF(state[at]) == CLAIM_OF(s) && KIND(state[at]) != FREE -> s = state[at]
		:: KIND(state[at]) == LEAVING -> s = state[at]
		:: else -> s = 0
		fi
	}
}

/* judge(): whether a claim has won its record. Of one that has not been made yet, not. */
inline judge()
{
	h = head;
	if
	:: h <= p ->
#ifdef FAULT_OPEN_IS_WON
		ok = 1
#else
		ok = 0
#endif
	:: else ->
		atomic { ok = (taker == CLAIM_OF(s)) };
		if
		:: !ok ->
			w = won[MEMBER(CLAIM_OF(s))]; /* Z4 */
			ok = (w == CLAIM_OF(s))
		:: else
		fi
	fi
}

/* finish_move(): the old entry i leaves to the one that says ARRIVING with claim c, if any does. */
inline finish_move(old, mover)
{
	atomic {
		k = 0;
		do
		:: k < ENTRIES && state[k] != STATE(ARRIVING, mover) -> k++
		:: else -> break
		od
	};
#ifdef FAULT_OLD_GOES_FIRST
	cas(state[old], STATE(LEAVING, mover), 0, ok);
#endif
	if
	:: k < ENTRIES -> cas(state[k], STATE(ARRIVING, mover), STATE(HELD, mover), ok)
	:: else
	fi;
	moves++; /* Z8 */
#ifndef FAULT_OLD_GOES_FIRST
	cas(state[old], STATE(LEAVING, mover), 0, ok)
#endif
}

/* rq_hand_of_lane(), rq_hand_count(), next_entry(): the lowest position in hand or back below `lowest`, *any: whether there is one. */
inline read_books()
{
#ifdef FAULT_TAKERS_BEFORE_MOVES
	seen = takers;
	m = moves;
#else
	m = moves;
	seen = takers; /* D5 */
#endif
	i = 0;
	do
	:: i == ENTRIES -> break
	:: else ->
		if
		:: seen & BIT(i / EACH) -> read(i)
		:: else -> s = 0
		fi;
		if
		:: KIND(s) == CLAIM ->
			judge();
			if
			:: ok -> any = 1; lowest = (p < lowest -> p : lowest); i++
			:: !ok && state[i] == s -> i++
			:: else /* it has changed: again */
			fi
		:: KIND(s) == HELD || KIND(s) == BACKED || KIND(s) == LEAVING ->
			any = 1; lowest = (p < lowest -> p : lowest); i++
		:: else -> i++
		fi
	od;
#ifdef FAULT_NO_LOOK_AT_MOVES
	m = moves
#endif
}

/* ringq_put(), of all records, one after the other */
inline put_all()
{
	do
	:: tail == RECORDS -> break
	:: else ->
#ifdef FAULT_BOOKS_BEFORE_HEAD
		lowest = RECORDS;
		read_books();
		lowest = (head < lowest -> head : lowest);
#else
		lowest = head; /* P0 */
#ifdef FAULT_ONLY_HEAD
		m = moves;
#elif defined(ADOPT) && defined(FAULT_ADOPTER_ONLY_HEAD)
		if
		:: adopter -> m = moves
		:: else -> read_books()
		fi;
#else
		read_books();
#endif
#endif
		atomic {
			if
			:: m == moves && tail - lowest < RING ->
				assert(tail < RING || done[tail - RING]); /* nobody reads there any more */
				tail++
			:: else
			fi;
			h = 0; i = 0; k = 0; m = 0; p = 0; s = 0; w = 0; lowest = 0; seen = 0; any = 0; ok = 0
		}
	od
}

bit producer_killed; /* one is killed, at most */

/*
 * What was published is all that is left of a dead one: who adopts the lane
 * goes on behind it, and knows nothing of what the other had read.
 */
proctype producer()
{
	byte h, i, k, m, p, s, w, lowest, seen;
	bit any, ok;
#ifdef ADOPT
#ifdef FAULT_ADOPTER_ONLY_HEAD
	bit adopter;
#endif
	put_all() unless { atomic { producer_killed -> h = 0; i = 0; k = 0; m = 0; p = 0; s = 0; w = 0; lowest = 0; seen = 0; any = 0; ok = 0 } };
#ifdef FAULT_ADOPTER_ONLY_HEAD
	adopter = 1;
#endif
#endif
	put_all()
}

/* The caller is told that it has the record of entry e. */
inline deliver(entry)
{
	atomic {
		assert(!done[pos[entry]]);
		assert(holder[pos[entry]] == 0 || dead[holder[pos[entry]] - 1]);
		holder[pos[entry]] = me + 1
	}
}

/* Acknowledged, or given back. */
inline finish(mine)
{
	if
	:: atomic { true -> done[pos[mine]] = 1; holder[pos[mine]] = 0; state[mine] = 0 } /* Z0 */
	:: atomic { BACK && (me || BACK == 2) -> holder[pos[mine]] = 0; state[mine] = STATE(BACKED, CLAIM_OF(state[mine])) }
	fi
}

/* claim(): n records by one claim */
inline claim()
{
	n = 0;
	h = head;
	atomic {
		n = (tail - h > BATCH -> BATCH : tail - h);
		if
		:: n -> ticket++; c = NAME(me, ticket)
		:: else
		fi
	};
	if
	:: n ->
#ifndef FAULT_CLAIM_BEFORE_ENTRIES
		write_entries();
#endif
		t = taker;
#ifndef FAULT_NO_WON
		if
		:: t && MEMBER(t) != me ->
			atomic {
				if
				:: won[MEMBER(t)] < t -> won[MEMBER(t)] = t /* Z4 */
				:: else
				fi
			}
		:: else
		fi;
#endif
		atomic { /* Z3 */
			ok = (head == h && taker == t);
			if
			:: ok -> head = h + n; taker = c
			:: else
			fi
		};
#ifdef FAULT_CLAIM_BEFORE_ENTRIES
		write_entries();
#endif
		e = 0;
		do
		:: e == n -> break
		:: else ->
			state[me * EACH + e] = (ok -> STATE(HELD, c) : 0); /* Z5 */
			e++
		od;
		if
		:: ok ->
			e = 0;
			do
			:: e == n -> break
			:: else ->
				deliver(me * EACH + e);
				finish(me * EACH + e);
				e++
			od
		:: else
		fi
	:: else
	fi
}

inline write_entries()
{
	e = 0;
	do
	:: e == n -> break
	:: else ->
		pos[me * EACH + e] = h + e;
		state[me * EACH + e] = STATE(CLAIM, c); /* Z2 */
		e++
	od
}

/* rq_hand_returned(), rq_hand_move(): takes what is back of one entry, or does what the dead have left half done. */
inline take_returned(other)
{
	read(other);
	if
	:: KIND(s) == LEAVING -> finish_move(other, CLAIM_OF(s))
	:: KIND(s) == CLAIM && dead[other / EACH] ->
		judge();
		w = (ok -> STATE(HELD, CLAIM_OF(s)) : 0);
		cas(state[other], s, w, ok)
	:: KIND(s) == ARRIVING && dead[other / EACH] ->
		if
		:: state[from[other]] == STATE(LEAVING, CLAIM_OF(s)) -> finish_move(from[other], CLAIM_OF(s))
		:: else -> cas(state[other], s, 0, ok)
		fi
	:: (KIND(s) == BACKED || (KIND(s) == HELD && dead[other / EACH])) && state[me * EACH] == 0 && ticket < 3 ->
		atomic { ticket++; c = NAME(me, ticket); e = me * EACH; pos[e] = p; from[e] = other };
		state[e] = STATE(ARRIVING, c);
		cas(state[other], s, STATE(LEAVING, c), ok); /* Z7 */
		if
		:: ok ->
			finish_move(other, c);
			e = me * EACH;
			deliver(e);
			finish(e)
		:: else -> state[e] = 0
		fi
	:: else
	fi;
	atomic { s = 0; p = 0; h = 0; w = 0; k = 0; ok = 0; c = 0; e = 0 }
}

/* Takes once what waits, and once what is back. */
proctype mortal(byte me)
{
	byte h, i, k, p, s, w, n, c, e, t, ticket;
	bit ok;
	{
		takers = takers | BIT(me); /* D4 */
		claim();
		atomic { h = 0; n = 0; c = 0; e = 0; t = 0; ok = 0 };
		i = 0;
		do
		:: i == ENTRIES || ticket == 3 -> break
		:: else ->
			if
			:: i / EACH != me -> take_returned(i)
			:: else
			fi;
			i++
		od
	} unless { atomic { killed[me]; dead[me] = 1; h = 0; i = 0; k = 0; p = 0; s = 0; w = 0; n = 0; c = 0; e = 0; t = 0; ok = 0; ticket = 0 } };
	dead[me] = 1
}

/* Takes until all is done. */
proctype survivor(byte me)
{
	byte h, i, k, m, p, s, w, n, c, e, t, ticket, lowest, seen;
	bit any, ok;
	do
	:: i = 0;
		do
		:: i == ENTRIES -> break
		:: else ->
			atomic { ticket = 0 };
			take_returned(i);
			i++
		od;
		claim();
		atomic { h = 0; n = 0; c = 0; e = 0; t = 0; ok = 0; i = 0 };
		/* rq_is_drained() */
		if
		:: head == RECORDS ->
			any = 0;
			read_books();
			if
			:: !any && m == moves -> break
			:: else
			fi
		:: else
		fi;
		atomic { h = 0; i = 0; k = 0; m = 0; p = 0; s = 0; w = 0; lowest = 0; seen = 0; any = 0; ok = 0 }
	od;
	i = 0;
	do
	:: i == RECORDS -> break
	:: else ->
		assert(done[i]);
		i++
	od
}

/* At any time, or never. */
proctype killer(byte victim)
{
	killed[victim] = 1
}

#ifdef ADOPT
proctype killer_of_producer()
{
	producer_killed = 1
}
#endif

init
{
	atomic {
		byte member;
		run producer();
#ifdef ADOPT
		run killer_of_producer();
#endif
		run survivor(0);
		member = 1;
		do
		:: member == MEMBERS -> break
		:: else ->
			run mortal(member);
			if
			:: run killer(member)
			:: true
			fi;
			member++
		od
	}
}
