/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The hand-over of connections and the change of generations, for the model checker spin.
 *
 * Clients connect; a master accepts, keeps a duplicate and hands over; two workers, one of the old
 * and one of the new generation, take, touch, serve; master, workers and clients die at any step.
 * Checked in every reachable state:
 *   - no connection is looked at by two workers;
 *   - a connection that nobody has looked at, and whose client lives, is in somebody's hands.
 * What the design gives up, and the model therefore excuses: what only a dying master held.  (The
 * thirty seconds after which it gives up a connection that worker after worker dies with are more
 * than any run of this model.)
 *
 * IGNORE_MARK, NO_DUPLICATE and EXIT_EARLY each break one rule; the checker must then object.
 */
#define CONNS   2
#define WORKERS 2
#define NOBODY  9
#ifndef DEATHS
#define DEATHS 2 /* of workers */
#endif
#define ROOM    3 /* messages that a channel holds */

mtype = { HANDOVER, RETIRE, TOUCHED, CLOSED };

chan to_worker[WORKERS] = [ROOM] of { mtype, byte };
chan from_worker[WORKERS] = [ROOM] of { mtype, byte };

/* The kernel's view. */
bool backlog[CONNS]; /* connected, not accepted */
bool client_gone[CONNS];
bool mark[CONNS];    /* TCP_NODELAY: somebody has looked at bytes */
bool looked[CONNS];  /* somebody has, and nobody may again */
bool over[CONNS];    /* closed by a worker or, for good reason, by the master */
bool excused[CONNS];

/* The master's view; dead: all of its descriptors are closed. */
bool master_dead;
bool in_master[CONNS]; /* accepted, not yet handed over */
bool duplicate[CONNS];
byte owner[CONNS] = NOBODY;
#ifdef IGNORE_MARK
bool again[CONNS]; /* handed over a second time */
#endif
bool serving[WORKERS]; /* READY, and not told to retire */
bool reloaded;

/* The workers. */
bool worker_dead[WORKERS];
bool noticed[WORKERS];
bool retired[WORKERS];
bool has[CONNS * WORKERS];
byte deaths;
#define HAS(w, c) has[(c) * WORKERS + (w)]

/* Whether a descriptor of the connection is queued on its way to a living worker. */
#define ON_ITS_WAY(w, c) (!worker_dead[w] && to_worker[w]??[HANDOVER, c])
#define IN_HANDS(c) (backlog[c] || in_master[c] || (duplicate[c] && !master_dead) || \
	(HAS(0, c) && !worker_dead[0]) || (HAS(1, c) && !worker_dead[1]) || \
	ON_ITS_WAY(0, c) || ON_ITS_WAY(1, c))

#define LOST(c) (came[c] && !client_gone[c] && !mark[c] && !over[c] && !excused[c] && !IN_HANDS(c))
bool came[CONNS];

active proctype Monitor()
{
end:
	atomic { (LOST(0) || LOST(1)) -> assert(false) }
}

/* The second comes after the first: they are alike, so the other order would show nothing new. */
proctype Client(byte c)
{
	(c == 0 || came[0]);
	atomic { came[c] = true; backlog[c] = true }
	if
	:: client_gone[c] = true
	:: skip
	fi
}

/* Give connection c to worker w; the descriptor travels with the message. */
inline hand_over(w, c)
{
	in_master[c] = false;
	owner[c] = w;
#ifndef NO_DUPLICATE
	duplicate[c] = true;
#endif
	to_worker[w] ! HANDOVER, c
}

/* Worker w is gone: what it had not looked at goes to another one. */
inline bury(w)
{
	noticed[w] = true;
	serving[w] = false;
	/* What it said before it died is read first. */
	do
	:: from_worker[w] ? [TOUCHED, _] -> from_worker[w] ? TOUCHED, c; duplicate[c] = false
	:: from_worker[w] ? [CLOSED, _] ->
		from_worker[w] ? CLOSED, c; duplicate[c] = false; owner[c] = NOBODY
	:: empty(from_worker[w]) -> break
	od;
	for (c : 0 .. CONNS - 1) {
		if
		:: owner[c] != w -> skip
		:: owner[c] == w && !duplicate[c] -> owner[c] = NOBODY; over[c] = true
#ifdef IGNORE_MARK
		:: owner[c] == w && duplicate[c] ->
			again[c] = true;
#else
		:: owner[c] == w && duplicate[c] && mark[c] ->
			duplicate[c] = false; owner[c] = NOBODY; over[c] = true
		:: owner[c] == w && duplicate[c] && !mark[c] ->
#endif
			duplicate[c] = false; owner[c] = NOBODY; in_master[c] = true
		fi
	}
	c = 0
}

active proctype Master()
{
	byte c; /* 0 between steps, so that it makes no more states */

	serving[0] = true;
	do
	/* accept; the listener is not polled while no worker has credit */
	:: atomic {
		backlog[0] && (serving[0] || serving[1]) -> backlog[0] = false; in_master[0] = true }
	:: atomic {
		backlog[1] && (serving[0] || serving[1]) -> backlog[1] = false; in_master[1] = true }
	:: atomic { in_master[0] && serving[0] && nfull(to_worker[0]) -> hand_over(0, 0) }
	:: atomic { in_master[0] && serving[1] && nfull(to_worker[1]) -> hand_over(1, 0) }
	:: atomic { in_master[1] && serving[0] && nfull(to_worker[0]) -> hand_over(0, 1) }
	:: atomic { in_master[1] && serving[1] && nfull(to_worker[1]) -> hand_over(1, 1) }
	:: atomic { from_worker[0] ? TOUCHED, c -> duplicate[c] = false; c = 0 }
	:: atomic { from_worker[1] ? TOUCHED, c -> duplicate[c] = false; c = 0 }
	:: atomic { from_worker[0] ? CLOSED, c -> duplicate[c] = false; owner[c] = NOBODY; c = 0 }
	:: atomic { from_worker[1] ? CLOSED, c -> duplicate[c] = false; owner[c] = NOBODY; c = 0 }
	/* reload: the new generation is ready before the old one is told to retire */
	:: atomic { !reloaded && !worker_dead[1] && nfull(to_worker[0]) ->
		reloaded = true;
		serving[1] = true;
		serving[0] = false;
		if
		:: !worker_dead[0] -> to_worker[0] ! RETIRE, 0
		:: else
		fi }
	:: atomic { worker_dead[0] && !noticed[0] -> bury(0) }
	:: atomic { worker_dead[1] && !noticed[1] -> bury(1) }
	/* a replacement is spawned: a fresh process in the same slot */
	:: atomic { worker_dead[0] && noticed[0] && !reloaded ->
		worker_dead[0] = false; noticed[0] = false; serving[0] = true }
	:: atomic { worker_dead[1] && noticed[1] && reloaded ->
		worker_dead[1] = false; noticed[1] = false; serving[1] = true }
	/* death: what it alone held is gone with it */
	:: atomic { !master_dead -> master_dead = true;
		for (c : 0 .. CONNS - 1) {
			if
			:: in_master[c] || (duplicate[c] && worker_dead[owner[c]]) ->
				excused[c] = true
			:: else
			fi;
			in_master[c] = false
		}
		c = 0;
		/* The backlog outlives it: systemd keeps the listeners. */
		break }
	od
}

inline look(n)
{
	assert(!looked[n]);
	looked[n] = true
}

active [WORKERS] proctype Worker()
{
	byte w = _pid - 2, c;

	do
	:: atomic { !worker_dead[w] && to_worker[w] ? [HANDOVER, _] ->
		to_worker[w] ? HANDOVER, c; HAS(w, c) = true; c = 0 }
	:: atomic { !worker_dead[w] && to_worker[w] ? [RETIRE, _] ->
		to_worker[w] ? RETIRE, _; retired[w] = true }
	/* the first look: the mark is on the socket before it */
	:: atomic { !worker_dead[w] && HAS(w, 0) && !mark[0] -> mark[0] = true; look(0) }
	:: atomic { !worker_dead[w] && HAS(w, 1) && !mark[1] -> mark[1] = true; look(1) }
#ifdef IGNORE_MARK
	:: atomic { !worker_dead[w] && HAS(w, 0) && mark[0] && again[0] -> look(0) }
#endif
	/* TOUCHED may come late: the mark speaks for it */
	:: atomic { !worker_dead[w] && HAS(w, 0) && mark[0] && nfull(from_worker[w]) &&
		!(from_worker[w] ?? [TOUCHED, 0]) && duplicate[0] -> from_worker[w] ! TOUCHED, 0 }
	:: atomic { !worker_dead[w] && HAS(w, 1) && mark[1] && nfull(from_worker[w]) &&
		!(from_worker[w] ?? [TOUCHED, 1]) && duplicate[1] -> from_worker[w] ! TOUCHED, 1 }
	:: atomic { !worker_dead[w] && HAS(w, 0) && mark[0] && nfull(from_worker[w]) ->
		HAS(w, 0) = false; over[0] = true; from_worker[w] ! CLOSED, 0 }
	:: atomic { !worker_dead[w] && HAS(w, 1) && mark[1] && nfull(from_worker[w]) ->
		HAS(w, 1) = false; over[1] = true; from_worker[w] ! CLOSED, 1 }
#ifdef EXIT_EARLY
	:: atomic { !worker_dead[w] && retired[w] -> HAS(w, 0) = false; HAS(w, 1) = false; break }
#endif
	/* the last connection of a retired worker is over */
	:: atomic { !worker_dead[w] && retired[w] && empty(to_worker[w]) && !HAS(w, 0) &&
		!HAS(w, 1) -> break }
	/* death at any step; everything it held closes, what was queued to it too */
	:: atomic { !worker_dead[w] && deaths < DEATHS -> deaths++; worker_dead[w] = true;
		for (c : 0 .. CONNS - 1) {
			if
			:: master_dead && (HAS(w, c) || (to_worker[w] ?? [HANDOVER, eval(c)])) ->
				excused[c] = true /* both dead: nobody is left to help */
			:: else
			fi;
			HAS(w, c) = false
		}
		c = 0;
		do
		:: to_worker[w] ? _, _
		:: empty(to_worker[w]) -> break
		od }
	od
}

init {
	atomic { run Client(0); run Client(1) }
}
