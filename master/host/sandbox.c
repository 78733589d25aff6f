/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * The master's own walls.
 *
 * Its filter denies and never lists: children, and the next version that this one re-executes
 * itself as, inherit it, and one of them that needed a call more than a list has would die.  So it
 * names what leads out of a process, a namespace or the kernel's rules, and what nobody here needs.
 */
#include "master/host/sandbox.h"

#include "common/log.h"
#include "common/privdrop.h"
#include "common/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- System calls ---- */

#define NEW(flag) \
	{ \
		CALL(clone), WHEN(BITS(0, flag, flag)) \
	}
#define FAMILY(af) \
	{ \
		CALL(socket), WHEN(IS(0, af)) \
	}
/* clang-format off */
static const struct sandbox_call denied[] = {
	/* into other processes */
	{ CALL(ptrace) }, { CALL(process_vm_readv) }, { CALL(process_vm_writev) },
	{ CALL(process_madvise) }, { CALL(pidfd_getfd) }, { CALL(kcmp) },
	/* another view of the file system */
	{ CALL(mount) }, { CALL(umount2) }, { CALL(pivot_root) }, { CALL(open_tree) },
	{ CALL(move_mount) }, { CALL(fsopen) }, { CALL(fsconfig) }, { CALL(fsmount) },
	{ CALL(fspick) }, { CALL(mount_setattr) }, { CALL(open_by_handle_at) },
	{ CALL(name_to_handle_at) }, { CALL(fanotify_init) }, { CALL(quotactl) },
	{ CALL(mknod) }, { CALL(mknodat) },
	/* namespaces, in which any user is root and the kernel is at its widest */
	{ CALL(unshare) }, { CALL(setns) },
	NEW(CLONE_NEWNS), NEW(CLONE_NEWUSER), NEW(CLONE_NEWPID), NEW(CLONE_NEWNET),
	NEW(CLONE_NEWIPC), NEW(CLONE_NEWUTS), NEW(CLONE_NEWCGROUP),
	/* the kernel itself */
	{ CALL(init_module) }, { CALL(finit_module) }, { CALL(delete_module) },
	{ CALL(kexec_load) }, { CALL(kexec_file_load) }, { CALL(bpf) },
	{ CALL(perf_event_open) }, { CALL(userfaultfd) }, { CALL(io_uring_setup) },
	{ CALL(io_uring_enter) }, { CALL(io_uring_register) },
	{ CALL(iopl) }, { CALL(ioperm) }, { CALL(modify_ldt) },
	{ CALL(syslog) }, { CALL(acct) }, { CALL(lookup_dcookie) },
	/* the machine */
	{ CALL(reboot) }, { CALL(swapon) }, { CALL(swapoff) },
	{ CALL(sethostname) }, { CALL(setdomainname) }, { CALL(vhangup) },
	{ CALL(settimeofday) }, { CALL(clock_settime) }, { CALL(clock_adjtime) }, { CALL(adjtimex) },
	/* keys of the kernel's */
	{ CALL(keyctl) }, { CALL(add_key) }, { CALL(request_key) },
	/* sockets that are neither the internet's nor local, and terminals' input */
	FAMILY(AF_PACKET), FAMILY(AF_ALG), FAMILY(AF_VSOCK), FAMILY(AF_BLUETOOTH),
	{ CALL(ioctl), WHEN(IS(1, 0x5412)) },	/* TIOCSTI */
	/* memory that can be written and executed at the same time */
	{ CALL(mmap), WHEN(BITS(2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC)) },
	{ CALL(mprotect), WHEN(BITS(2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC)) },
};
/* clang-format on */

/* ---- Capabilities ---- */

#define BIT(cap) (UINT64_C(1) << (cap))
#define WORKING \
	(BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SETUID) | BIT(CAP_SETGID) | BIT(CAP_SYS_CHROOT) | \
	    BIT(CAP_KILL))

static const struct {
	int cap;
	const char *name;
} cap_names[] = {
	{ CAP_NET_BIND_SERVICE, "net_bind_service" },               /* ports below 1024 */
	{ CAP_SETUID, "setuid" },                                   /* the children's identities */
	{ CAP_SETGID, "setgid" }, { CAP_SYS_CHROOT, "sys_chroot" }, /* their empty directory */
	{ CAP_KILL, "kill" }, /* their end, when they do not answer */
};

struct caps {
	uint64_t effective, permitted, inheritable;
};

static int
caps_read(struct caps *c_r)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct s[2];

	if (syscall(SYS_capget, &head, s) == -1)
		return -1;
	c_r->effective = s[0].effective | (uint64_t)s[1].effective << 32;
	c_r->permitted = s[0].permitted | (uint64_t)s[1].permitted << 32;
	c_r->inheritable = s[0].inheritable | (uint64_t)s[1].inheritable << 32;
	return 0;
}

static int
caps_write(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct s[2] = {
		{ .effective = (uint32_t)caps, .permitted = (uint32_t)caps },
		{ .effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32) },
	};

	return (int)syscall(SYS_capset, &head, s);
}

/* What execve as root gives back is bounded by this set. */
static void
cut_bounding_set(void)
{
	int left = 0;

	for (int cap = 0; cap <= 63; cap++) {
		if ((WORKING & BIT(cap)) || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			left++;
	}
	/* Root in a container may have capabilities to lose and not the one to lose them with. */
	if (left > 0 && geteuid() == 0)
		log_say(LOG_WARNING,
		    "sandbox: the bounding set keeps %d capabilities that are not needed", left);
}

static void
cut_capabilities(void)
{
	struct caps now;

	cut_bounding_set();
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 && errno != EINVAL)
		fatal("sandbox: drop ambient capabilities: %s", strerror(errno));
	if (caps_read(&now) == -1)
		fatal("sandbox: read capabilities: %s", strerror(errno));
	if (now.effective == (now.permitted & WORKING) && now.permitted == now.effective &&
	    now.inheritable == 0)
		return;
	if (caps_write(now.permitted & WORKING) == -1 || caps_read(&now) == -1 ||
	    ((now.effective | now.permitted) & ~WORKING) || now.inheritable)
		fatal("sandbox: drop capabilities: %s", strerror(errno));
}

/* ---- All of it ---- */

void
master_sandbox(struct walls *w)
{
	cut_capabilities();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || !privdrop_no_new_privs())
		fatal("sandbox: no_new_privs: %s", strerror(errno));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("sandbox: not dumpable: %s", strerror(errno));
	w->own = LAYER_NO_NEW_PRIVS;
	/* After very many upgrades there is no room for one more of the same. */
	if (sandbox_deny(denied, sizeof(denied) / sizeof(denied[0])) == 0 ||
	    (errno == ENOMEM && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2))
		w->own |= LAYER_SECCOMP;
	else if (errno != ENOSYS)
		fatal("sandbox: the filter of system calls: %s", strerror(errno));
}

/* ---- Saying so ---- */

static const char *
caps_text(char buf[SANDBOX_TEXT])
{
	struct caps now = { 0 };
	size_t len = 0;

	(void)caps_read(&now);
	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(cap_names) / sizeof(cap_names[0]); i++)
		if (now.effective & BIT(cap_names[i].cap))
			len += (size_t)snprintf(buf + len, SANDBOX_TEXT - len, "%s%s",
			    len > 0 ? " " : "", cap_names[i].name);
	return len > 0 ? buf : "none";
}

static const char *
role_word(enum role role)
{
	return role == ROLE_WORKER ? "worker" : role == ROLE_CHECKER ? "checker" : "keeper";
}

void
master_sandbox_child(struct walls *w, enum role role, uint32_t layers)
{
	uint32_t missing = LAYERS_ALL & ~layers;
	char text[SANDBOX_TEXT], other[SANDBOX_TEXT];

	if (w->children[role] == layers)
		return;
	if (w->children[ROLE_WORKER] + w->children[ROLE_CHECKER] + w->children[ROLE_KEEPER] == 0)
		log_say(LOG_INFO, "sandbox: master: %s; capabilities: %s",
		    sandbox_text(w->own, text), caps_text(other));
	w->children[role] = layers;
	log_say(LOG_INFO, "sandbox: %s: %s", role_word(role), sandbox_text(layers, text));
	if (missing)
		log_say(LOG_WARNING, "sandbox: around the %s there is no %s", role_word(role),
		    sandbox_text(missing, text));
}

void
master_sandbox_show(const struct walls *w, FILE *f)
{
	static const enum role roles[] = { ROLE_WORKER, ROLE_CHECKER, ROLE_KEEPER };
	char text[SANDBOX_TEXT];

	fprintf(f, "Sandbox_master: %s\n", sandbox_text(w->own, text));
	fprintf(f, "Capabilities_master: %s\n", caps_text(text));
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		fprintf(f, "Sandbox_%s: %s\n", role_word(roles[i]),
		    sandbox_text(w->children[roles[i]], text));
}

void
master_sandbox_version(FILE *f)
{
	uint32_t layers = sandbox_offered(), missing = LAYERS_ALL & ~layers;
	char text[SANDBOX_TEXT];

	fprintf(f, "sandbox layers here: %s (Landlock version %d)\n", sandbox_text(layers, text),
	    sandbox_landlock_abi());
	if (missing)
		fprintf(f, "not available here: %s%s\n", sandbox_text(missing, text),
		    missing & LAYER_UID ? " (chroot and uid: when started as root)" : "");
}
