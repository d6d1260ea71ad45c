/* SPDX-License-Identifier: MIT */

/*
 * A lane: ringq/src/lane/: lane.h, put.[ch], get.[ch].
 *
 * A chunk is a ring of two cells here. The producer goes round in chunk 0, and moves to chunk 1 by a LINK whenever it
 * likes. It is killed at any step, and the lane adopted by another, who goes on at the tail that the headers give. Two
 * consumers look and claim by CAS, each stopped anywhere for as long as it takes; whoever steps over the LINK gives the
 * memory of chunk 0 back if nobody has named it. Stores of the producer and of the hazard words stay in store buffers
 * until the memory takes them, in order, or a membarrier waits for them.
 *
 * RUN: -DPUTS=3 -DADOPT=0
 * RUN: -DPUTS=2 -DADOPT=1
 *
 * What must hold: records come out once, whole, in order; a record whose publish is seen is never lost, one that was not
 * published never comes out; nobody reads memory that was given back, after looking at head again (H2).
 */

#define CELLS 2
#define LINK 9
#define NONE 0

byte header[4];  /* of chunk * CELLS + cell: record number, LINK or NONE, as all see it */
byte payload[4];
byte head;       /* chunk * 16 + position, which counts on through all rounds */
bit given_back;  /* chunk 0's pages are punched */
byte reading[2]; /* hazard words as all see them: chunk + 1 */
byte hazard[2];  /* 1 + what is still in its consumer's store buffer, or 0 */
byte taken;      /* the last record that came out */
byte last;       /* the last record whose publish all see */
bit killed, dead;

/* The store buffer of the producer: P waits behind all that was written before it. */
byte p_cell, p_value;
bit p_waits;

#define CELL(h) ((h) / 16 * CELLS + (h) % 16 % CELLS)


/* The producer's side, from chunk * 16 + position at, with record n next. */
inline put(at)
{
	/* rq_producer_room(): P0. One cell is for the zero header behind. */
	if
	:: head / 16 == at / 16 -> no_room = (at - head >= CELLS - 1)
	:: else -> no_room = (at % 16 >= CELLS - 1)
	fi;
#ifdef FAULT_NO_ROOM_NEEDED
	no_room = 0;
#endif
	if
	:: (no_room && at / 16 == 0) -> /* take_chunk(): what lies behind is written first */
		payload[2] = n;
		header[2] = n;
		header[3] = NONE;
		!p_waits;
#ifdef FAULT_LINK_FIRST
		header[2] = NONE;
#endif
		p_cell = CELL(at); p_value = LINK; p_waits = 1; /* P */
#ifdef FAULT_LINK_FIRST
		!p_waits;
		header[2] = n;
#endif
		at = 17;
		n++
	:: (no_room && at / 16 == 1) -> skip
	:: !no_room ->
		!p_waits;
#ifdef FAULT_PUBLISH_BEFORE_PAYLOAD
		header[CELL(at + 1)] = NONE;
		p_cell = CELL(at); p_value = n; p_waits = 1;
		!p_waits;
		payload[CELL(at)] = n;
#else
		payload[CELL(at)] = n; /* rq_copy_in() */
#ifndef FAULT_NO_ZERO_BEHIND
		header[CELL(at + 1)] = NONE;
#endif
		p_cell = CELL(at); p_value = n; p_waits = 1; /* P */
#endif
		at++;
		n++
	fi
}

proctype producer()
{
	byte at, n = 1;
	bit no_room;
	{
		do
		:: n <= PUTS -> put(at)
		:: n > PUTS -> break
		od
	} unless { d_step { killed -> at = 0; n = 0; no_room = 0 } }
}

/* rq_producer_adopt(), then puts of its own: records go on with the number behind the last one found. */
proctype adopter()
{
	byte at, n, start;
	bit no_room;
#ifdef FAULT_ADOPT_THE_LIVING
	killed || true;
#else
end_unused:
	dead;
#endif
walk:	at = head;
	start = at;
	n = 0;
	do
	:: header[CELL(at)] == NONE -> break
	:: header[CELL(at)] == LINK -> at = 16
	:: header[CELL(at)] != NONE && header[CELL(at)] != LINK -> n = header[CELL(at)]; at++
	od;
	if
	:: head != start -> goto walk
	:: else
	fi;
	if
	:: n == 0 -> n = last /* rq_lane.puts */
	:: else
	fi;
	n++;
	do
	:: n <= PUTS -> put(at)
	:: n > PUTS -> break
	od
}

active proctype memory()
{
end:	do
	:: atomic { p_waits ->
			header[p_cell] = p_value;
			last = (p_value == LINK -> header[2] : p_value);
			p_waits = 0; p_cell = 0; p_value = 0 }
	:: atomic { hazard[0] -> reading[0] = hazard[0] - 1; hazard[0] = 0 }
	:: atomic { hazard[1] -> reading[1] = hazard[1] - 1; hazard[1] = 0 }
	od
}

active proctype kernel()
{
	if
	:: ADOPT -> killed = 1; !p_waits; dead = 1
	:: true
	fi
}

/* crossed(), give_back() */
inline crossed()
{
	!hazard[me];
	hazard[me] = 1; /* this one reads none of them any more */
	!hazard[me];
#ifndef FAULT_NO_BARRIER
	!hazard[1 - me];
#endif
#ifdef FAULT_NO_HAZARD
	given_back = 1
#else
	if
	:: reading[1 - me] == 1 /* H3: the memory stays */
	:: else -> given_back = 1
	fi
#endif
}

/* rq_lane_look(), rq_copy_out(), rq_lane_claim() */
proctype consumer(byte me)
{
	byte h, what, copy, named;
	do
	:: taken == PUTS -> break
	:: else ->
		h = head; /* G1 */
		if
		:: named != h / 16 + 1 -> /* announce(): H1 */
			!hazard[me];
			hazard[me] = h / 16 + 2;
			named = h / 16 + 1;
#ifndef FAULT_NO_SECOND_LOOK
			if /* H2 */
			:: head != h -> goto again
			:: else
			fi
#endif
		:: else
		fi;
		assert(!(h / 16 == 0 && given_back));
		what = header[CELL(h)]; /* G2 */
		if
		:: what == NONE -> goto again
		:: what == LINK ->
			atomic {
				if
				:: head == h -> head = 16; what = 0
				:: else
				fi
			};
			if
			:: what == 0 -> named = 0; crossed()
			:: else
			fi;
			goto again
		:: else
		fi;
		assert(!(h / 16 == 0 && given_back));
		copy = payload[CELL(h)];
		atomic { /* G3 */
			if
#ifdef FAULT_CLAIM_BY_STORE
			:: true ->
#else
#ifdef FAULT_HEAD_REPEATS
			:: h / 16 == head / 16 && h % 16 % CELLS == head % 16 % CELLS ->
#else
			:: head == h ->
#endif
#endif
				head++;
				assert(copy == taken + 1 && what == copy);
				taken = copy
			:: else
			fi
		};
again:		skip;
		d_step { h = 0; what = 0; copy = 0 }
	od;
	named = 0
}

init
{
	atomic {
		run producer();
		run consumer(0);
		if
		:: ADOPT -> run adopter()
		:: else -> run consumer(1)
		fi
	}
}
