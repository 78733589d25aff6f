/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Giving up identity, file system and privileges.
 *
 * Runs in worker, checker and keeper as their first act, before they have read a byte of anything.
 * No step is believed: each one is asked back from the kernel, and the way back must be shut.
 */
#include "common/privdrop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Whether the directory is what a process may be shut up in; errno says what is wrong. */
static int
is_empty_room(int fd)
{
	const struct dirent *e;
	struct stat st;
	DIR *d;
	int copy;

	if (fstat(fd, &st) == -1)
		return 0;
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH))) {
		errno = EPERM;
		return 0;
	}
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = copy == -1 ? NULL : fdopendir(copy);
	if (!d) {
		if (copy != -1)
			close(copy);
		return 0;
	}
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			break;
	closedir(d);
	if (e)
		errno = ENOTEMPTY;
	return !e;
}

static const char *
shut_up_in(const char *root)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const char *failed = NULL;
	int err;

	if (fd == -1)
		return "open the empty directory";
	if (!is_empty_room(fd))
		failed = "chroot: the directory must be root's, and empty";
	else if (fchdir(fd) == -1 || chroot(".") == -1)
		failed = "chroot";
	else if (chdir("/") == -1)
		failed = "chdir";
	err = errno;
	close(fd);
	errno = err;
	return failed;
}

const char *
privdrop_identity(const char *root, uid_t uid, gid_t gid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;
	const char *failed;

	errno = EINVAL;
	if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return "an identity that is not root's";
	failed = shut_up_in(root);
	if (failed)
		return failed;
	if (setgroups(0, NULL) == -1)
		return "setgroups";
	if (setresgid(gid, gid, gid) == -1)
		return "setresgid";
	if (setresuid(uid, uid, uid) == -1)
		return "setresuid";

	errno = EPERM;
	if (getresuid(&r, &e, &s) == -1 || r != uid || e != uid || s != uid)
		return "setresuid: uid is another";
	if (getresgid(&rg, &eg, &sg) == -1 || rg != gid || eg != gid || sg != gid)
		return "setresgid: gid is another";
	if (getgroups(0, NULL) != 0)
		return "setgroups: groups are left";
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setresgid((gid_t)-1, 0, (gid_t)-1) == 0)
		return "there is a way back to root";
	if (chroot(".") == 0)
		return "there is a way out of the directory";
	return NULL;
}

static const char *
drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { 0 };

	/* Kernels since 4.3 have ambient ones, which systemd may have given to all of us. */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 && errno != EINVAL)
		return "drop ambient capabilities";
	if (syscall(SYS_capset, &head, sets) == -1)
		return "drop capabilities";
	memset(sets, 0xff, sizeof(sets));
	if (syscall(SYS_capget, &head, sets) == -1)
		return "read capabilities";
	errno = EPERM;
	for (int i = 0; i < 2; i++)
		if (sets[i].effective || sets[i].permitted || sets[i].inheritable)
			return "drop capabilities: some are left";
	return NULL;
}

static int
limit(__rlimit_resource_t what)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit now;

	if (setrlimit(what, &none) == -1 || getrlimit(what, &now) == -1)
		return -1;
	errno = EPERM;
	return now.rlim_cur == 0 && now.rlim_max == 0 ? 0 : -1;
}

int
privdrop_no_new_privs(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

const char *
privdrop_process(void)
{
	const char *failed = drop_capabilities();

	if (failed)
		return failed;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || !privdrop_no_new_privs())
		return "no_new_privs";
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return "not dumpable";
	if (limit(RLIMIT_CORE) == -1)
		return "limit cores";
	if (limit(RLIMIT_FSIZE) == -1)
		return "limit files";
	if (limit(RLIMIT_NPROC) == -1)
		return "limit processes";
	return NULL;
}
