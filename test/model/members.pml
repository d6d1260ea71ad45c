/* SPDX-License-Identifier: MIT */

/*
 * Members and adoption: ringq/src/region/member.c, lease.c; own_lane() and adopt() of queue/port.c.
 *
 * Three threads join one table of two seats, want one lane, publish in it, and end, or are killed at any step. A lease is
 * incarnation and holder in one word, taken by one CAS; the kernel marks it when its holder dies. The owner word of the
 * lane names seat and incarnation.
 *
 * What must hold: a seat has one live holder; a lane has one live owner inside it, and is taken from no living one; at the
 * end whoever comes finds a seat and the lane, whoever died where.
 */

#define SEATS 2
#define THREADS 3
#define ALIVE(w) ((w) % 2)              /* rq_lease_held() */
#define INCARNATION(w) ((w) / 2)
#define ID(seat, w) (1 + (seat) + SEATS * INCARNATION(w)) /* rq_membership.id */
#define SEAT(id) (((id) - 1) % SEATS)
#define ID_INCARNATION(id) (((id) - 1) / SEATS)

byte lease[SEATS];  /* incarnation * 2 + held */
byte owner;         /* of the lane: an id, or 0 */
bit killed[THREADS];
byte holder[SEATS]; /* onlooker: thread + 1 that holds the seat */
byte inside;        /* onlooker: threads alive that put to the lane */
bit is_inside[THREADS];

proctype thread(byte me)
{
	byte seat, word, id, who;
	bit mine;
	{
		/* rq_member_join() */
		do
		:: seat == SEATS -> break /* -EUSERS */
		:: else ->
			word = lease[seat];
			if
			:: !ALIVE(word) ->
				atomic { /* rq_lease_take(); the entry is pending, so that a death at once is found */
					if
#ifdef FAULT_LEASE_BY_STORE
					:: true ->
#else
					:: lease[seat] == word ->
#endif
						assert(!ALIVE(lease[seat]));
#ifdef FAULT_NO_INCARNATION
						lease[seat] = word + 1;
#else
						lease[seat] = (INCARNATION(word) + 1) * 2 + 1;
#endif
						id = ID(seat, lease[seat]);
						holder[seat] = me + 1
					:: else
					fi
				}
			:: else
			fi;
			word = 0;
			if
			:: id -> break
			:: else -> seat++
			fi
		od;
		if
		:: id ->
			/* own_lane() */
			who = owner;
#ifdef FAULT_OWN_THE_LIVING
			mine = 1;
#else
			if
			:: who == 0 -> mine = 1
			:: else ->
				word = lease[SEAT(who)]; /* rq_member_alive() */
				mine = !(INCARNATION(word) == ID_INCARNATION(who) && ALIVE(word))
			fi;
#endif
			word = 0;
			atomic {
				if
#ifdef FAULT_OWN_BY_STORE
				:: mine -> owner = id
#else
				:: mine && owner == who -> owner = id
#endif
				:: else -> mine = 0
				fi;
				who = 0;
				if
				:: mine -> inside++; is_inside[me] = 1; assert(inside == 1)
				:: else
				fi
			};
			if
			:: mine ->
				/* puts; then end_bond() */
				d_step { inside--; is_inside[me] = 0; owner = (owner == id -> 0 : owner) };
				mine = 0
			:: else
			fi;
			/* rq_lease_drop() */
			d_step { lease[seat] = lease[seat] - 1; holder[seat] = 0; id = 0 }
		:: else
		fi;
		seat = 0
	} unless { d_step { killed[me] -> seat = 0; word = 0; id = 0; who = 0; mine = 0 } }
}

/* exit_robust_list(): after the thread has done its last step, its lease is marked. */
inline end_of(t)
{
	killed[t] = 1;
	d_step {
		inside = inside - is_inside[t];
		is_inside[t] = 0
	};
#ifndef FAULT_NO_MARK
	d_step {
		if
		:: holder[0] == t + 1 -> lease[0] = lease[0] - 1; holder[0] = 0
		:: holder[1] == t + 1 -> lease[1] = lease[1] - 1; holder[1] = 0
		:: else
		fi
	}
#else
	holder[0] = (holder[0] == t + 1 -> 0 : holder[0])
#endif
}

active proctype kernel()
{
	if
	:: end_of(0)
	:: true
	fi;
	if
	:: end_of(1)
	:: true
	fi;
	timeout;
	/* All is quiet: nothing is held, and the lane can be had. */
	assert(!ALIVE(lease[0]) && !ALIVE(lease[1]));
	assert(owner == 0 || !ALIVE(lease[SEAT(owner)]) || INCARNATION(lease[SEAT(owner)]) != ID_INCARNATION(owner))
}

init
{
	atomic { run thread(0); run thread(1); run thread(2) }
}
