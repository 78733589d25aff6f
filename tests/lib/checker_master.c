/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Plays the master for a real checker, so that the checker can be tried alone:
 *
 *   checker_master CHECKER CONF [HOSTS [RESOLV]]
 *
 * It starts the program CHECKER on the configuration CONF with these hosts and resolv.conf files,
 * runs rise and fall on what it reports, writes the board, and prints a line per report:
 *
 *   T result B/S+N ok|bad STATE STATUS MS TEXT
 *   T addresses B/S ADDRESS... ttl SECONDS
 *   T days B/S+N DAYS
 *
 * (T: milliseconds since the start.  N: which of the server's slots.)  What the checker logs
 * comes as it is.  Its input takes: now SLOT, maint SLOT 0|1, again, ping, pause MS
 * (leave the pipe alone), end.
 */
#include "common/board.h"
#include "common/bundle.h"
#include "common/child.h"
#include "common/clock.h"
#include "common/conf.h"
#include "common/health.h"
#include "common/log.h"
#include "common/mail/reason.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct conf *conf;
static struct board *board;
static struct board_server *servers; /* by slot */
static struct health *healths;
static int board_fd, report_fd, log_fd;
static struct chan to_checker;
static uint64_t start_ms, paused_until;
static char *empty; /* the checker's root directory */

static void
clean(void)
{
	if (empty)
		rmdir(empty);
}

static char *
slurp(const char *path, size_t *size_r)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;

	*size_r = 0;
	if (!f)
		fatal("%s: %s", path, strerror(errno));
	do {
		text = realloc(text, *size_r + 65537);
		*size_r += fread(text + *size_r, 1, 65536, f);
	} while (!feof(f) && !ferror(f));
	text[*size_r] = '\0';
	fclose(f);
	return text;
}

static void
add(struct bundle_writer *w, enum piece_kind kind, const char *name, const char *data, size_t size)
{
	struct piece p = { .kind = kind, .name = name, .key_name = "", .data = data, .size = size };

	if (bundle_add(w, &p) == -1)
		fatal("bundle: %s", strerror(errno));
}

static void
add_file(struct bundle_writer *w, enum piece_kind kind, const char *path)
{
	size_t size;
	char *text;

	if (!path)
		return;
	text = slurp(path, &size);
	add(w, kind, path, text, size);
	free(text);
}

static int
make_bundle(const char *path, const char *text, const char *hosts, const char *resolv)
{
	struct bundle_writer *w = bundle_new("checker");
	char *full = realpath(path, NULL);
	int fd;

	add(w, PIECE_CONF, full, text, strlen(text));
	add_file(w, PIECE_HOSTS, hosts);
	add_file(w, PIECE_RESOLV, resolv);
	for (size_t i = 0; i < conf->backend_count; i++)
		if (conf->backends[i].check.tls.on)
			add_file(w, PIECE_CA, conf->backends[i].check.tls.ca_file);
	fd = bundle_seal(w);
	bundle_writer_free(&w);
	free(full);
	return fd;
}

/* Put fd where the checker looks for it. */
static void
place(int fd, int where)
{
	if (dup2(fd, where) == -1)
		_exit(127);
}

static pid_t
spawn(const char *program, int bundle, int reader, int log, int pipe_end, const struct chan *chan,
    const struct chan *keeper)
{
	struct child c = { .role = ROLE_CHECKER, .workers = 1, .journal = 1, .root = "" };
	char buf[CHILD_ARGS_BUF], *argv[CHILD_ARGS + 1];
	int fds[6] = { log, chan->fd, bundle, reader, keeper->fd, pipe_end };
	char root[] = "/tmp/checker_master.XXXXXX";
	pid_t pid;

	if (geteuid() == 0) {
		c.drop = 1;
		c.uid = c.gid = 65534;
		c.root = mkdtemp(root);
	}
	child_args(&c, program, buf, argv);
	pid = fork();
	if (pid != 0) {
		empty = c.drop ? strdup(root) : NULL;
		return pid;
	}
	for (int i = 0; i < 6; i++)
		fds[i] = fcntl(fds[i], F_DUPFD, 64);
	for (int i = 0; i < 6; i++)
		place(fds[i], FD_LOG + i);
	place(open("/dev/null", O_RDWR), 0);
	place(0, 1);
	execv(program, argv);
	_exit(127);
}

static const struct conf_server *
server_of(uint32_t slot)
{
	for (size_t i = 0; i < conf->server_count; i++)
		if (slot >= conf->servers[i].slot &&
		    slot < conf->servers[i].slot + conf->servers[i].slots)
			return &conf->servers[i];
	fatal("report for slot %u, which is no server's", slot);
}

static void
on_addresses(const struct conf_server *s, const struct report *r)
{
	char buf[ADDR_TEXT];

	/* One address a slot, whatever stood there. */
	for (uint32_t i = 0; i < s->slots; i++) {
		servers[s->slot + i].addr_count = i < r->count;
		if (i < r->count)
			servers[s->slot + i].addrs[0] = r->addrs[i];
		board_write(board, s->slot + i, &servers[s->slot + i]);
	}
	for (uint32_t i = 0; i < r->count; i++)
		printf(" %s", addr_text(&r->addrs[i], buf));
}

static void
on_report(const struct report *r)
{
	const struct conf_server *s = server_of(r->server);
	const struct conf_backend *b = &conf->backends[s->backend];
	struct health_rules rules = { b->check.rise, b->check.fall };
	char why[REASON_WORDS];

	if (!memchr(r->found.text, '\0', sizeof(r->found.text)))
		fatal("report without an end");
	reason_words(b, &r->found, why, sizeof(why));
	printf("%llu ", (unsigned long long)(mono_ms() - start_ms));
	switch (r->type) {
	case REPORT_RESULT:
		healths[r->server] = health_next(healths[r->server], rules, (int)r->ok);
		servers[r->server].health = healths[r->server].state;
		board_write(board, r->server, &servers[r->server]);
		printf("result %s/%s+%u %s %s %u %u %s", b->name, s->name, r->server - s->slot,
		    r->ok ? "ok" : "bad", health_name(healths[r->server].state), r->status, r->ms,
		    why);
		break;
	case REPORT_ADDRESSES:
		printf("addresses %s/%s", b->name, s->name);
		on_addresses(s, r);
		printf(" ttl %u", r->ttl);
		break;
	case REPORT_CERT_DAYS:
		printf("days %s/%s+%u %d", b->name, s->name, r->server - s->slot, r->days);
		break;
	default:
		fatal("report of type %u", r->type);
	}
	printf("\n");
	fflush(stdout);
}

static void
on_command(char *line)
{
	struct msg_server m = { 0 };
	struct msg_ping ping = { 7 };
	struct msg_empty none = { 0 };
	unsigned slot = 0, value = 0;

	if (sscanf(line, "now %u", &slot) == 1) {
		m.server = slot;
		(void)chan_tell(&to_checker, MSG_CHECK_NOW, &m);
	} else if (sscanf(line, "maint %u %u", &slot, &value) == 2 && slot < conf->slot_count) {
		servers[slot].admin = value ? ADMIN_MAINT : 0;
		board_write(board, slot, &servers[slot]);
	} else if (strncmp(line, "again", 5) == 0) {
		(void)chan_tell(&to_checker, MSG_RESOLVE, &none);
	} else if (strncmp(line, "ping", 4) == 0) {
		(void)chan_tell(&to_checker, MSG_PING, &ping);
	} else if (sscanf(line, "pause %u", &value) == 1) {
		paused_until = mono_ms() + value;
	} else {
		exit(0);
	}
}

static void
on_channel(void)
{
	_Alignas(8) char buf[CHAN_BUF];
	struct msg m;

	switch (chan_recv(&to_checker, buf, sizeof(buf), &m)) {
	case CHAN_MSG:
		printf("%llu message %s %s\n", (unsigned long long)(mono_ms() - start_ms),
		    msg_name(m.type),
		    m.type == MSG_FAILED ? ((const struct msg_failed *)m.fixed)->text : "");
		fflush(stdout);
		break;
	case CHAN_AGAIN:
		break;
	case CHAN_GONE:
		printf("%llu gone\n", (unsigned long long)(mono_ms() - start_ms));
		exit(1);
	case CHAN_BAD:
		fatal("bad message from the checker");
	}
}

static void
on_log(void)
{
	char lines[8192];
	ssize_t n = read(log_fd, lines, sizeof(lines));

	if (n > 0)
		fwrite(lines, 1, (size_t)n, stdout);
	fflush(stdout);
}

static void
serve(void)
{
	struct pollfd p[4] = { { .fd = report_fd }, { .fd = to_checker.fd, .events = POLLIN },
		{ .fd = 0, .events = POLLIN }, { .fd = log_fd, .events = POLLIN } };
	struct report r;
	char line[256];

	for (;;) {
		p[0].events = mono_ms() < paused_until ? 0 : POLLIN;
		if (poll(p, 4, 50) == -1 && errno != EINTR)
			fatal("poll: %s", strerror(errno));
		if (p[0].revents & POLLIN) {
			if (read(report_fd, &r, sizeof(r)) != (ssize_t)sizeof(r))
				fatal("half a report");
			on_report(&r);
		}
		if (p[3].revents & POLLIN)
			on_log();
		if (p[1].revents)
			on_channel();
		if (p[2].revents) {
			if (!fgets(line, sizeof(line), stdin))
				exit(0);
			on_command(line);
		}
	}
}

int
main(int argc, char **argv)
{
	struct problems problems = { 0 };
	struct chan child_end, keeper[2];
	int pipe_fds[2], log_fds[2], bundle, reader;
	char *text;

	if (argc < 3 || argc > 5)
		return 64;
	setvbuf(stdin, NULL, _IONBF, 0);
	conf = conf_load(argv[2], &problems, &text);
	for (size_t i = 0; !conf && i < problems.count; i++)
		fprintf(stderr, "%s\n", problems.items[i].text);
	if (!conf)
		return 1;
	bundle = make_bundle(argv[2], text, argc > 3 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL);
	board = board_new(conf->slot_count, &board_fd);
	servers = calloc(conf->slot_count + 1, sizeof(*servers));
	healths = calloc(conf->slot_count + 1, sizeof(*healths));
	reader = board_reader(board_fd);
	if (!board || !servers || !healths || bundle == -1 || reader == -1 ||
	    pipe(pipe_fds) == -1 || pipe2(log_fds, O_NONBLOCK) == -1 ||
	    chan_pair(ROLE_MASTER, ROLE_CHECKER, &to_checker, &child_end) == -1 ||
	    chan_pair(ROLE_CHECKER, ROLE_KEEPER, &keeper[0], &keeper[1]) == -1)
		fatal("start: %s", strerror(errno));
	for (size_t i = 0; i < conf->server_count; i++) {
		const struct conf_server *s = &conf->servers[i];

		for (uint32_t k = 0; k < s->slots; k++) {
			healths[s->slot + k] =
			    health_start(conf->backends[s->backend].check.initial_up);
			servers[s->slot + k] = (struct board_server){
				.health = healths[s->slot + k].state,
				.weight = 256,
				.addr_count = !s->host,
				.addrs = { s->addr },
			};
			board_write(board, s->slot + k, &servers[s->slot + k]);
		}
	}
	start_ms = mono_ms();
	if (spawn(argv[1], bundle, reader, log_fds[1], pipe_fds[1], &child_end, &keeper[0]) == -1)
		fatal("fork: %s", strerror(errno));
	atexit(clean);
	close(pipe_fds[1]);
	close(child_end.fd);
	close(log_fds[1]);
	report_fd = pipe_fds[0];
	log_fd = log_fds[0];
	serve();
}
