/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A child in an attacker's hands, to be started by a real master in the place of mailreeve-worker,
 * -checker or -keeper.  It takes none of the first steps of an honest child.  Each process that is
 * born tells the next lie; the directory that it lies in says which, and keeps the journal:
 *
 *   next     the number of the next lie        journal   "NUMBER PID NAME PORT" of each, with the
 *                                                        client that it had then
 *   armed    lies are told only while it is there       honest-ROLE   who follows when all is told
 *
 * One that lives on five seconds after its lie says SURVIVED in the log.
 */
#include "common/child.h"
#include "tests/hostile/lies.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct chan master = { .fd = FD_CHAN, .peer = ROLE_MASTER };
static char dir[PATH_MAX];
static unsigned slot;

/* The connection that was handed to us last. */
static int client = -1;
static uint64_t client_id, taken;
static unsigned client_port;

static char *
in_dir(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void
note(const char *text)
{
	if (write(FD_LOG, text, strlen(text)) == -1 && errno != EAGAIN)
		_exit(2);
}

static void
tell_id(enum msg_type type)
{
	static const struct msg_empty empty;
	struct msg_id id = { client_id };

	(void)chan_send(&master, type, &empty, &id, 1, NULL, 0);
}

/* ---- What only a worker or a checker can do ---- */

static void listen_to_master(int ms);

/* Wait until we have a client that says nothing: it will not read either. */
static void
want_mute_client(void)
{
	for (int i = 0; i < 100; i++) {
		struct pollfd p = { .fd = client, .events = POLLIN };

		if (poll(&p, 1, 50) == 0)
			return;
		for (uint64_t before = taken; taken == before;)
			listen_to_master(1000);
	}
	_exit(2);
}

/* Close a socket with a linger time whose client does not read: our close sleeps, not its. */
static void
linger(void)
{
	struct linger l = { 1, 30 };
	static char bytes[1 << 20];

	want_mute_client();
	setsockopt(client, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	while (send(client, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	close(client); /* not the last one: the master has another */
}

static void
linger_and_close(void)
{
	linger();
	tell_id(MSG_CLOSED);
}

static void
linger_and_touch(void)
{
	linger();
	tell_id(MSG_TOUCHED);
}

static void
linger_and_die(void)
{
	linger();
	_exit(0);
}

static void
mark_and_die(void)
{
	int one = 1;

	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	_exit(0);
}

static void
read_and_die(void)
{
	struct pollfd p = { .fd = client, .events = POLLIN };
	char byte;

	while (poll(&p, 1, 50) != 1) {
		listen_to_master(1000);
		p.fd = client;
	}
	if (recv(client, &byte, 1, MSG_DONTWAIT) != 1)
		_exit(2);
	_exit(0);
}

/* Ours and, if that worked, the others': smaller, larger, full of nonsense. */
static void
spoil_tallies(void)
{
	for (int fd = FD_TALLY; fd < FD_TALLY + 2; fd++) {
		struct stat st;
		void *p;

		if (fstat(fd, &st) == -1)
			continue;
		if (ftruncate(fd, 0) == 0 || ftruncate(fd, st.st_size * 2) == 0)
			note("<3>SURVIVED a tally changes its size\n");
		p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED)
			memset(p, 0xff, (size_t)st.st_size);
		if (p != MAP_FAILED && (unsigned)(fd - FD_TALLY) != slot)
			note("<3>SURVIVED another's tally is written to\n");
	}
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, FD_BOARD, 0) != MAP_FAILED)
		note("<3>SURVIVED the board is written to\n");
	_exit(0);
}

static void
flood_messages(void)
{
	for (int i = 0; i < 200000; i++)
		(void)chan_tell(&master, MSG_TAKEN, &(struct msg_taken){ taken });
	_exit(0);
}

static void
flood_suspects(void)
{
	for (int i = 0; i < 200000; i++)
		(void)chan_tell(&master, MSG_SUSPECT, &(struct msg_server){ 0 });
	_exit(0);
}

/* Without a line end, with escapes, with what looks like another's line. */
static void
flood_log(void)
{
	static char junk[65536];

	memset(junk, 'x', sizeof(junk));
	memcpy(junk, "<0>\x1b[2J\x9b\0", 8);
	for (int i = 0; i < 200; i++)
		(void)!write(FD_LOG, junk, sizeof(junk));
	note("\n<6>tail\x07\n\n\n<9>no priority\n");
	_exit(0);
}

static void
close_channel(void)
{
	close(FD_CHAN);
	pause();
}

static void
half_report(void)
{
	(void)!write(FD_REPORT, "half", 4);
}

static void
report_ones(void)
{
	struct report r;

	memset(&r, 0xff, sizeof(r));
	(void)!write(FD_REPORT, &r, sizeof(r));
}

/* More addresses than a record holds, for every slot that there may be. */
static void
report_addresses(void)
{
	struct report r = { .type = REPORT_ADDRESSES };

	for (uint32_t i = 0; i < REPORT_ADDRS; i++)
		r.addrs[i] = (struct addr){ .family = ADDR_V4, .ip = { 10, 0, 0, 11 } };
	for (r.server = 0; r.server < 2 * REPORT_ADDRS; r.server++) {
		r.count = r.server & 1 ? UINT32_MAX : REPORT_ADDRS + 1;
		(void)!write(FD_REPORT, &r, sizeof(r));
	}
}

static void
flood_reports(void)
{
	struct report r = { .type = REPORT_RESULT, .status = CHECK_L7OK, .ok = 1 };

	for (int i = 0; i < 200000; i++) {
		r.ok = i & 1;
		(void)!write(FD_REPORT, &r, sizeof(r));
	}
	_exit(0);
}

static const struct deed {
	const char *name;
	void (*fn)(void);
	unsigned roles;
} deeds[] = {
	{ "linger-and-close", linger_and_close, ROLE_WORKER },
	{ "linger-and-touch", linger_and_touch, ROLE_WORKER },
	{ "linger-and-die", linger_and_die, ROLE_WORKER },
	{ "mark-and-die", mark_and_die, ROLE_WORKER },
	{ "read-and-die", read_and_die, ROLE_WORKER },
	{ "spoil-tallies", spoil_tallies, ROLE_WORKER },
	{ "flood-messages", flood_messages, ROLE_WORKER },
	{ "flood-suspects", flood_suspects, ROLE_WORKER },
	{ "flood-log", flood_log, ROLE_CHILD },
	{ "close-channel", close_channel, ROLE_CHILD },
	{ "half-report", half_report, ROLE_CHECKER },
	{ "report-ones", report_ones, ROLE_CHECKER },
	{ "report-addresses", report_addresses, ROLE_CHECKER },
	{ "flood-reports", flood_reports, ROLE_CHECKER },
};
#define DEEDS (sizeof(deeds) / sizeof(deeds[0]))

/* ---- Which lie, and when ---- */

/* The next number, counted over all processes; one at a time. */
static long
next_number(void)
{
	int fd = open(in_dir("next"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char text[32] = "";
	long n;

	if (fd == -1 || flock(fd, LOCK_EX) == -1 || read(fd, text, sizeof(text) - 1) == -1)
		_exit(2);
	n = strtol(text, NULL, 10);
	snprintf(text, sizeof(text), "%ld\n", n + 1);
	if (pwrite(fd, text, strlen(text), 0) == -1)
		_exit(2);
	close(fd);
	return n;
}

static void
journal(long number, const char *name)
{
	FILE *f = fopen(in_dir("journal"), "a");

	if (!f)
		_exit(2);
	fprintf(f, "%ld %d %s %u\n", number, (int)getpid(), name, client_port);
	fclose(f);
}

static void
take(struct msg *m)
{
	const struct msg_handover *items = m->items;

	for (uint32_t i = 0; i < m->count; i++) {
		if (client != -1) {
			/* The one before is finished as it should be: no back-off for us. */
			tell_id(MSG_TOUCHED);
			close(client);
			tell_id(MSG_CLOSED);
		}
		client = m->fds[i];
		client_id = items[i].id;
		client_port = items[i].peer.port;
		taken++;
	}
	(void)chan_tell(&master, MSG_TAKEN, &(struct msg_taken){ taken });
}

/* Hear the master for so long, or until it has gone. */
static void
listen_to_master(int ms)
{
	_Alignas(8) static unsigned char buf[CHAN_BUF_KEEPER];
	struct pollfd p = { .fd = FD_CHAN, .events = POLLIN };
	struct msg m;

	if (poll(&p, 1, ms) != 1)
		return;
	switch (chan_recv(&master, buf, sizeof(buf), &m)) {
	case CHAN_AGAIN:
		return;
	case CHAN_GONE:
	case CHAN_BAD:
		_exit(0);
	case CHAN_MSG:
		break;
	}
	if (m.type == MSG_HANDOVER)
		take(&m);
	else if (m.type == MSG_RETIRE || m.type == MSG_END)
		_exit(0);
	else if (m.type == MSG_PING)
		(void)chan_tell(&master, MSG_PONG, m.fixed);
	else
		msg_drop_fds(&m);
}

static void
be_honest(char **argv)
{
	char name[64], *path;

	snprintf(name, sizeof(name), "honest-%s", strrchr(argv[0], '-') + 1);
	path = in_dir(name);
	argv[0] = path;
	execv(path, argv);
	_exit(3);
}

int
main(int argc, char **argv)
{
	static struct lie lies[LIES_MOST];
	const struct deed *mine[DEEDS];
	size_t lie_count, deed_count = 0;
	long number;

	if (argc < 2 || sscanf(argv[1], "slot=%u", &slot) != 1 ||
	    readlink("/proc/self/exe", dir, sizeof(dir) - 1) <= 0)
		return 2;
	*strrchr(dir, '/') = '\0';
	signal(SIGPIPE, SIG_IGN);
	master.self = strstr(argv[0], "worker") ? ROLE_WORKER :
	    strstr(argv[0], "checker")          ? ROLE_CHECKER :
						  ROLE_KEEPER;
	lie_count = lies_make(master.self, ROLE_MASTER, lies);
	for (size_t i = 0; i < DEEDS; i++)
		if (deeds[i].roles & master.self)
			mine[deed_count++] = &deeds[i];
	if (slot != 0)
		be_honest(argv);
	if (access(in_dir("told"), F_OK) == 0)
		be_honest(argv);
	(void)chan_tell(&master, MSG_READY, &(struct msg_ready){ .version = MSG_VERSION });
	while (access(in_dir("armed"), F_OK) == -1)
		listen_to_master(10);
	while (master.self == ROLE_WORKER && taken < 2)
		listen_to_master(1000);
	number = next_number();
	if (number >= (long)(lie_count + deed_count)) {
		close(open(in_dir("told"), O_WRONLY | O_CREAT, 0600));
		_exit(0);
	}
	journal(number,
	    number < (long)lie_count ? lies[number].name : mine[number - (long)lie_count]->name);
	if (number < (long)lie_count)
		(void)lie_tell(FD_CHAN, &lies[number]);
	else
		mine[number - (long)lie_count]->fn();
	for (int i = 0; i < 50; i++)
		listen_to_master(100);
	note("<3>SURVIVED\n");
	return 0;
}
