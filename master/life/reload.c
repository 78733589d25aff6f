/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/* From a configuration file to a generation that is being built.  Master. */
#include "master/life/reload.h"

#include "common/clock.h"
#include "common/container.h"
#include "common/log.h"
#include "master/bundle/bundles.h"
#include "master/bundle/files.h"
#include "master/door/listen.h"
#include "master/host/ids.h"
#include "master/host/places.h"
#include "master/life/generation.h"
#include "master/life/judge.h"
#include "master/life/say.h"
#include "master/life/stored.h"
#include "master/life/succession.h"
#include "master/life/to_checker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_WRONG 78 /* EX_CONFIG: the unit does not start us again */

static void watch_files(struct master *m);

static void
log_as(struct master *m, const struct conf *conf)
{
	/* A trial's lines are read by the master that tries it. */
	log_open(m->log_fd, conf->log.level, conf->log.format == LOG_JSON && !m->opt.testing,
	    !m->journal);
}

void
reload_apply(struct master *m)
{
	const struct conf *conf = m->current->conf;

	log_as(m, conf);
	m->events->applied(m);
	watch_files(m);
}

/* Whoever asks for a reload, or waits for one, when the service stops. */
static void
refuse(struct reload *r)
{
	static const char why[] = "stopping";

	errors_clear(&r->errors);
	(void)errors_add(&r->errors, why, strlen(why));
}

static void
fail(struct master *m, const char *why)
{
	struct reload *r = &m->reloads[m->kind];
	char brief[LOG_LINE_MAX / 4];

	if (r->errors.count == 0)
		say(m, PROBLEM_ERROR, why);
	r->refused = real_ms();
	errors_brief(&r->errors, brief, sizeof(brief));
	if (m->current) {
		log_say(LOG_ERR, "%s: %s",
		    m->kind == RELOAD_FILE ? "not reloaded, keeping the old configuration" :
					     "certificates not loaded, keeping those in use",
		    brief);
		return;
	}
	if (!m->opt.testing && stored_run(m, brief) == 0)
		return;
	if (!m->opt.testing)
		log_say(LOG_ERR, "cannot start: %s", brief);
	m->status = m->wrong && !m->opt.testing ? EXIT_WRONG : 1;
	m->done = 1;
}

static void
tell(struct master *m, const struct generation *old, const struct generation *g)
{
	/* Of an older program that did not tell what it showed, nothing is said that may not be so. */
	if (m->force_new && old->pairs.count == 0)
		return;
	m->reloads[m->kind].taken = judge_tell(old, g);
	if (!m->reloads[m->kind].taken && m->watched)
		log_say(LOG_NOTICE, "changed files loaded");
}

/* A try that failed for want of something else than good files is worth another one. */
static void
end_watched(struct master *m, const char *why)
{
	if (m->watched && (!why || m->reloads[m->kind].errors.count == 0))
		bundles_close(m->tried);
	m->watched = 0;
}

/* What was asked for while something else went on. */
static void
on_again(struct timer *t)
{
	struct master *m = CONTAINER(t, struct master, again);

	for (int kind = 0; kind < RELOAD_KINDS && !m->done; kind++)
		if (m->reloads[kind].again && !m->building) {
			m->reloads[kind].again = 0;
			reload_begin(m, (enum reload_kind)kind);
		}
}

static int
is_asked_again(const struct master *m)
{
	for (int kind = 0; kind < RELOAD_KINDS; kind++)
		if (m->reloads[kind].again)
			return 1;
	return 0;
}

/* One that was taken over has nothing wrong any more, and neither has what it was built on. */
static void
succeed(struct master *m)
{
	/* Whoever has read the configuration has read the files as well. */
	for (int kind = m->kind; kind < RELOAD_KINDS && !m->current->stored; kind++)
		errors_clear(&m->reloads[kind].errors);
	stored_drop(m);
	m->force_new = 0;
	reload_apply(m);
}

static void
reload_done(struct master *m, const char *why)
{
	end_watched(m, why);
	if (m->stopping)
		refuse(&m->reloads[m->kind]);
	else if (why)
		fail(m, why);
	else
		succeed(m);
	m->reloading = m->building != NULL; /* another one may have begun: what was stored */
	m->events->reloaded(m, m->kind, why);
	if (is_asked_again(m) && !m->done)
		timer_set(m->loop, &m->again, 0);
}

void
reload_open_ports(struct master *m)
{
	struct problems conf_problems = { 0 }, p = { 0 };
	struct conf *conf = conf_load(m->opt.conf_path, &conf_problems, NULL);

	if (conf) {
		/* It says how even the start is logged; a later one says it when it serves. */
		log_as(m, conf);
		listeners_prepare(&m->door, conf, &p);
	}
	if (p.errors > 0 && m->stored[HELPER_WORKER] != -1) {
		listeners_rollback(
		    &m->door); /* what ran before may have its ports; reload_begin sees */
	} else {
		say_all(m, &p);
		if (p.errors > 0)
			exit(1);
	}
	conf_free(&conf);
	problems_clear(&conf_problems); /* reload_begin finds and says them again */
	problems_clear(&p);
}

/* The files; nothing that is in use may be missing.  Returns 0, or -1 and no bundle. */
static int
gather_files(struct master *m, const struct conf *conf, const char *text, int anew,
    struct problems *p, int *bundles)
{
	struct shown shown;
	const struct shown *now = generation_shown(m->current, &shown);

	if (bundles_make(conf, m->opt.conf_path, text, m->ticket_seed, now, anew, p, bundles) == -1)
		return -1;
	pairs_missing(now, conf, bundles[HELPER_WORKER], p);
	if (p->errors == 0)
		return 0;
	bundles_close(bundles);
	return -1;
}

/* Everything that conf needs and that is not a process; errors are in *p. */
static void
gather(struct master *m, const struct conf *conf, const char *text, struct problems *p,
    struct identity *ids, int *bundles)
{
	ids_find(conf, m->drop, p, ids);
	ids_find_groups(conf, p);
	places_check(conf, p);
	if (m->opt.testing)
		listeners_look(conf, p);
	else
		listeners_prepare(&m->door, conf, p);
	/* What is held changes only when somebody says so. */
	(void)gather_files(m, conf, text, m->kind == RELOAD_CERTS && !m->watched, p, bundles);
}

static void
build(
    struct master *m, struct conf *conf, char *text, const struct identity *ids, const int *bundles)
{
	struct generation *g = succession_begin(m, conf, text, ids, bundles);

	if (!g) {
		listeners_rollback(&m->door);
		reload_done(m, "a generation could not be made");
		return;
	}
	succession_progress(g);
}

/* What has been read becomes a generation, if it is another than the current one. */
static void
take_over(
    struct master *m, enum reload_kind kind, struct conf *conf, char *text, struct problems *p)
{
	int bundles[HELPER_COUNT] = { -1, -1, -1 };
	struct identity ids[HELPER_COUNT];
	int is_same;

	m->reloading = 1;
	m->kind = kind;
	m->reloads[kind].begun++;
	errors_clear(&m->reloads[kind].errors);
	free(m->reloads[kind].taken);
	m->reloads[kind].taken = NULL;
	if (conf)
		gather(m, conf, text, p, ids, bundles);
	else if (!file_exists(m->opt.conf_path))
		p->outside = p->errors;
	m->wrong = p->errors > p->outside;
	say_all(m, p);
	is_same = conf && p->errors == 0 && m->current && !m->force_new &&
	    bundles_same(bundles, m->current->bundles);
	if (is_same)
		log_say(LOG_NOTICE, "%s: nothing has changed, keeping generation %u",
		    kind == RELOAD_FILE ? "reloaded" : "certificates", m->current->id);
	if (!conf || p->errors > 0 || is_same) {
		bundles_close(bundles);
		listeners_rollback(&m->door);
		conf_free(&conf);
		free(text);
		if (is_same) {
			m->current->stored = 0;
			/* Nothing is new in the file; but where servers are may have changed. */
			to_checker_resolve(m->current);
		}
		reload_done(m, is_same ? NULL : "it cannot be used");
	} else {
		build(m, conf, text, ids, bundles);
	}
}

/* The configuration that runs, once more: the files that it names may be others. */
static struct conf *
same_again(const struct master *m, struct problems *p, char **text_r)
{
	struct conf *conf;

	*text_r = strdup(m->current->text);
	conf = *text_r ? conf_parse(*text_r, m->opt.conf_path, NULL, p) : NULL;
	if (conf)
		problems_clear(p); /* they were said when it was read */
	return conf;
}

void
reload_begin(struct master *m, enum reload_kind kind)
{
	struct reload *r = &m->reloads[kind];
	struct problems p = { 0 };
	struct conf *conf;
	char *text = NULL;

	if (m->stopping) {
		r->begun++;
		refuse(r);
		m->events->reloaded(m, kind, "stopping");
		return;
	}
	if (m->building) {
		r->again = 1;
		return;
	}
	r->again = 0; /* whoever asked meanwhile is served by this one */
	if (kind == RELOAD_CERTS && m->current) {
		conf = same_again(m, &p, &text);
	} else {
		m->events->reloading(m);
		conf = conf_load_from(m->opt.conf_path, m->opt.conf_dir, &p, &text);
	}
	take_over(m, kind, conf, text, &p);
	problems_clear(&p);
}

/* ---- Watching ---- */

static const char *
first_error(const struct problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].kind == PROBLEM_ERROR)
			return p->items[i].text;
	return "";
}

/* What is wrong with the files is said once, not at every look; status has it as long as it is so. */
static void
note_wrong(struct master *m, const char *wrong, int is_same)
{
	struct reload *r = &m->reloads[RELOAD_CERTS];

	if (*wrong && strcmp(wrong, m->watch_error) != 0) {
		log_say(LOG_ERR, "%s%s", wrong,
		    strstr(wrong, "keeping the files already loaded") ?
			"" :
			"; keeping the files already loaded");
		errors_clear(&r->errors);
		(void)errors_add(&r->errors, wrong, strlen(wrong));
		r->refused = real_ms();
	} else if (is_same) {
		errors_clear(&r->errors);
	}
	snprintf(m->watch_error, sizeof(m->watch_error), "%s", wrong);
}

/* These bundles are to be tried, unless they were refused before; then they are in m->tried. */
static int
is_worth_a_try(struct master *m, int *bundles)
{
	if (m->tried[0] != -1 && bundles_same(bundles, m->tried)) {
		bundles_close(bundles);
		return 0;
	}
	bundles_close(m->tried);
	memcpy(m->tried, bundles, sizeof(m->tried));
	m->watched = 1;
	return 1;
}

/*
 * Whether the files that the running configuration names are others than those that are in use,
 * and may be good.
 */
static int
files_changed(struct master *m, const struct conf *conf, const char *text)
{
	int bundles[HELPER_COUNT] = { -1, -1, -1 };
	struct problems p = { 0 };
	int good = gather_files(m, conf, text, 0, &p, bundles) == 0;
	int is_same = good && bundles_same(bundles, m->current->bundles);

	note_wrong(m, first_error(&p), is_same);
	problems_clear(&p);
	if (good && !is_same)
		return is_worth_a_try(m, bundles);
	bundles_close(bundles);
	return 0;
}

/*
 * Whether the configuration is another than the one that runs, and may be good; or is wrong in
 * another way than at the last look, so that it has to be said.
 */
static int
conf_changed(struct master *m)
{
	int bundles[HELPER_COUNT] = { -1, -1, -1 };
	struct problems p = { 0 };
	char *text = NULL;
	struct conf *conf = conf_load_from(m->opt.conf_path, m->opt.conf_dir, &p, &text);
	int good = conf && gather_files(m, conf, text, 0, &p, bundles) == 0;
	const char *wrong = first_error(&p);
	int is_new = strcmp(wrong, m->conf_error) != 0;
	int result = !good && is_new && *wrong;

	snprintf(m->conf_error, sizeof(m->conf_error), "%s", wrong);
	/* One that was refused and is as it was before is read again, so that nobody worries. */
	if (good && (strcmp(text, m->current->text) != 0 || m->reloads[RELOAD_FILE].errors.count))
		result = is_worth_a_try(m, bundles);
	else
		bundles_close(bundles);
	conf_free(&conf);
	problems_clear(&p);
	free(text);
	return result;
}

/* Renewed certificates, keys, CAs and CRLs are taken over; the configuration where it says so. */
static void
on_watch(struct timer *t)
{
	struct master *m = CONTAINER(t, struct master, watch);
	struct problems p = { 0 };
	struct conf *conf;
	char *text;

	if (!m->current || m->stopping)
		return;
	timer_set(m->loop, t, m->current->conf->watch);
	if (m->building)
		return;
	if (m->current->conf->watch_config && conf_changed(m)) {
		reload_begin(m, RELOAD_FILE);
		return;
	}
	conf = same_again(m, &p, &text);
	if (conf && files_changed(m, conf, text))
		reload_begin(m, RELOAD_CERTS);
	problems_clear(&p);
	conf_free(&conf);
	free(text);
}

static void
watch_files(struct master *m)
{
	m->watch.fn = on_watch;
	timer_stop(&m->watch);
	if (m->current->conf->watch)
		timer_set(m->loop, &m->watch, m->current->conf->watch);
}

void
reload_init(struct master *m)
{
	m->again.fn = on_again;
	m->replaces = tell;
	m->settled = reload_done;
}
