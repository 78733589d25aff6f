/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * What is tried inside the walls: system calls that kill whoever makes them, and calls whose
 * outcome depends on the process.  A process's needs are in needs.c.
 */
#include "tests/hostile/attacks.h"
#include "tests/hostile/needs.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#define MPTCP 262

/* Stand for process ids until attacks_fill. */
#define MASTER  -1000001L
#define SIBLING -1000002L

static char buf[64];
static struct iovec iov = { buf, sizeof(buf) };
static struct open_how how = { .flags = O_RDONLY };
static struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
static struct rlimit64 nofile = { 1, 1 };
static cpu_set_t cpus;
static struct timespec now;
static struct __user_cap_header_struct caps = { .version = _LINUX_CAPABILITY_VERSION_3 };
static struct __user_cap_data_struct all_caps[2] = { { ~0U, ~0U, ~0U }, { ~0U, ~0U, ~0U } };
static const int on = 1;
static char *argv[] = { (char[]){ "sh" }, NULL };

#define P(x) ((long)(x))

/* clang-format off */
struct raw_attack raw_attacks[] = {
	/* files */
	{ "openat /etc/passwd", SYS_openat, { AT_FDCWD, P("/etc/passwd"), O_RDONLY } },
	{ "openat2 /etc/passwd", SYS_openat2, { AT_FDCWD, P("/etc/passwd"), P(&how), sizeof(how) } },
#ifdef SYS_open
	{ "open /etc/passwd", SYS_open, { P("/etc/passwd"), O_RDONLY } },
	{ "creat /tmp/x", SYS_creat, { P("/tmp/x"), 0600 } },
	{ "stat /etc", SYS_stat, { P("/etc"), P(buf) } },
	{ "readlink /proc/self/exe", SYS_readlink, { P("/proc/self/exe"), P(buf), sizeof(buf) } },
	{ "unlink /tmp/x", SYS_unlink, { P("/tmp/x") } },
#endif
	{ "statx /etc", SYS_statx, { AT_FDCWD, P("/etc"), 0, 0xfff, P(buf) } },
	{ "mkdirat /tmp/x", SYS_mkdirat, { AT_FDCWD, P("/tmp/x"), 0700 } },
	{ "linkat", SYS_linkat, { AT_FDCWD, P("/etc/passwd"), AT_FDCWD, P("/tmp/x"), 0 } },
	{ "fchmodat /etc/passwd", SYS_fchmodat, { AT_FDCWD, P("/etc/passwd"), 0666 } },
	{ "open_by_handle_at", SYS_open_by_handle_at, { AT_FDCWD, P(buf), O_RDONLY } },
	{ "chdir", SYS_chdir, { P("..") } },
	{ "chroot", SYS_chroot, { P("/") } },
	{ "mount proc", SYS_mount, { P("proc"), P("/"), P("proc"), 0, 0 } },
	{ "umount2", SYS_umount2, { P("/"), 0 } },
	{ "pivot_root", SYS_pivot_root, { P("/"), P("/") } },
	{ "open_tree", SYS_open_tree, { AT_FDCWD, P("/"), 0 } },
	{ "fsopen", SYS_fsopen, { P("proc"), 0 } },
	{ "memfd_create", SYS_memfd_create, { P("x"), 0 } },
	{ "memfd_secret", SYS_memfd_secret, { 0 } },
	{ "inotify_init1", SYS_inotify_init1, { 0 } },
	{ "getdents64", SYS_getdents64, { 0, P(buf), sizeof(buf) } },
	/* other programs, other processes */
	{ "execve /bin/sh", SYS_execve, { P("/bin/sh"), P(argv), 0 } },
	{ "execveat", SYS_execveat, { 4, P(""), P(argv), 0, AT_EMPTY_PATH } },
#ifdef SYS_fork
	{ "fork", SYS_fork, { 0 } },
	{ "vfork", SYS_vfork, { 0 } },
#endif
	{ "clone", SYS_clone, { SIGCHLD } },
	{ "clone a thread", SYS_clone, { CLONE_VM | CLONE_SIGHAND | CLONE_THREAD } },
	{ "clone3", SYS_clone3, { P(buf), sizeof(buf) } },
	{ "ptrace the sibling", SYS_ptrace, { PTRACE_SEIZE, SIBLING } },
	{ "ptrace the master", SYS_ptrace, { PTRACE_SEIZE, MASTER } },
	{ "process_vm_readv the sibling", SYS_process_vm_readv, { SIBLING, P(&iov), 1, P(&iov), 1 } },
	{ "process_vm_writev the master", SYS_process_vm_writev, { MASTER, P(&iov), 1, P(&iov), 1 } },
	{ "kill the master", SYS_kill, { MASTER, SIGKILL } },
	{ "kill the sibling", SYS_kill, { SIBLING, SIGKILL } },
	{ "kill everybody", SYS_kill, { -1, SIGKILL } },
	{ "tgkill the sibling", SYS_tgkill, { SIBLING, SIBLING, SIGABRT } },
	{ "rt_sigqueueinfo to the sibling", SYS_rt_sigqueueinfo, { SIBLING, SIGTERM, P(buf) } },
	{ "pidfd_open the sibling", SYS_pidfd_open, { SIBLING, 0 } },
	{ "pidfd_send_signal", SYS_pidfd_send_signal, { 3, SIGKILL } },
	{ "pidfd_getfd", SYS_pidfd_getfd, { 3, 3, 0 } },
	{ "prlimit64 on the sibling", SYS_prlimit64, { SIBLING, RLIMIT_NOFILE, P(&nofile) } },
	{ "prlimit64 on the master", SYS_prlimit64, { MASTER, RLIMIT_NOFILE, P(&nofile) } },
	{ "sched_setaffinity of the sibling", SYS_sched_setaffinity, { SIBLING, sizeof(cpus), P(&cpus) } },
	{ "sched_setaffinity of the master", SYS_sched_setaffinity, { MASTER, sizeof(cpus), P(&cpus) } },
	{ "sched_setscheduler", SYS_sched_setscheduler, { SIBLING, SCHED_IDLE, P(buf) } },
	{ "setpriority of all of a uid", SYS_setpriority, { PRIO_USER, 0, 19 } },
	{ "kcmp", SYS_kcmp, { SIBLING, MASTER, 0 } },
	{ "setsid", SYS_setsid, { 0 } },
	/* identity and walls */
	{ "setuid 0", SYS_setuid, { 0 } },
	{ "setresuid 0", SYS_setresuid, { 0, 0, 0 } },
	{ "setgroups", SYS_setgroups, { 0, 0 } },
	{ "capset", SYS_capset, { P(&caps), P(all_caps) } },
	{ "prctl: dumpable", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "seccomp: another filter", SYS_seccomp, { 1, 0, P(buf) } },
	{ "unshare a user namespace", SYS_unshare, { CLONE_NEWUSER } },
	{ "setns", SYS_setns, { 3, 0 } },
	{ "personality", SYS_personality, { 0x0040000 } },
	{ "keyctl", SYS_keyctl, { KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1 } },
	{ "add_key", SYS_add_key, { P("user"), P("x"), P(buf), 1, KEY_SPEC_PROCESS_KEYRING } },
	/* memory, and the larger doors of the kernel */
	{ "mmap code", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "mmap writable code", SYS_mmap,
	    { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "mmap a descriptor", SYS_mmap, { 0, 4096, PROT_READ, MAP_PRIVATE, 4 } },
	{ "mmap a descriptor, shared", SYS_mmap, { 0, 4096, PROT_READ, MAP_SHARED, 4 } },
	{ "mprotect data to code", SYS_mprotect, { 0, 4096, PROT_READ | PROT_EXEC } },
	{ "pkey_mprotect", SYS_pkey_mprotect, { 0, 4096, PROT_READ, 0 } },
	{ "remap_file_pages", SYS_remap_file_pages, { 0, 4096, 0, 0, 0 } },
	{ "process_madvise", SYS_process_madvise, { 3, P(&iov), 1, MADV_DONTNEED } },
	{ "userfaultfd", SYS_userfaultfd, { 0 } },
	{ "io_uring_setup", SYS_io_uring_setup, { 1, P(buf) } },
	{ "io_setup", SYS_io_setup, { 1, P(buf) } },
	{ "bpf", SYS_bpf, { 0, P(buf), sizeof(buf) } },
	{ "perf_event_open", SYS_perf_event_open, { P(buf), 0, -1, -1, 0 } },
	{ "shmget", SYS_shmget, { 0, 4096, 01600 } },
	{ "finit_module", SYS_finit_module, { 4, P(""), 0 } },
	{ "kexec_load", SYS_kexec_load, { 0, 0, 0, 0 } },
	{ "reboot", SYS_reboot, { 0 } },
	{ "clock_settime", SYS_clock_settime, { CLOCK_REALTIME, P(&now) } },
	{ "syslog", SYS_syslog, { 3, P(buf), sizeof(buf) } },
	/* sockets */
	{ "socket AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "socketpair", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, P(buf) } },
	{ "socket AF_NETLINK", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
	{ "socket AF_PACKET", SYS_socket, { AF_PACKET, SOCK_RAW, 0 } },
	{ "socket AF_VSOCK", SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 } },
	{ "socket AF_ALG", SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 } },
	{ "socket raw", SYS_socket, { AF_INET, SOCK_RAW, IPPROTO_ICMP } },
	{ "socket MPTCP", SYS_socket, { AF_INET, SOCK_STREAM, MPTCP } },
	{ "socket MPTCP over IPv6", SYS_socket, { AF_INET6, SOCK_STREAM, MPTCP } },
	{ "socket SCTP", SYS_socket, { AF_INET, SOCK_STREAM, IPPROTO_SCTP } },
	{ "socket UDP-Lite", SYS_socket, { AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE } },
	{ "sendto an address", SYS_sendto, { 3, P(buf), 1, 0, P(buf), 16 } },
	{ "sendto with MSG_FASTOPEN", SYS_sendto, { 3, P(buf), 1, MSG_FASTOPEN, P(buf), 16 } },
	{ "sendmsg to the master", SYS_sendmsg, { 3, P(&mh), 0 } },
	{ "sendmmsg", SYS_sendmmsg, { 3, P(&mh), 1, 0 } },
	{ "setsockopt SO_LINGER", SYS_setsockopt, { 3, SOL_SOCKET, SO_LINGER, P(buf), 8 } },
	{ "setsockopt TCP_ULP", SYS_setsockopt, { 3, IPPROTO_TCP, TCP_ULP, P("tls"), 4 } },
	{ "setsockopt TCP_REPAIR", SYS_setsockopt, { 3, IPPROTO_TCP, TCP_REPAIR, P(&on), sizeof(on) } },
	{ "setsockopt SO_ATTACH_FILTER", SYS_setsockopt, { 3, SOL_SOCKET, SO_ATTACH_FILTER, P(buf), 16 } },
	{ "setsockopt SO_REUSEPORT", SYS_setsockopt, { 3, SOL_SOCKET, SO_REUSEPORT, P(&on), sizeof(on) } },
	{ "getsockopt SO_PEERCRED", SYS_getsockopt, { 3, SOL_SOCKET, SO_PEERCRED, P(buf), P(&on) } },
	{ "listen", SYS_listen, { 3, 1 } },
	{ "accept4", SYS_accept4, { 3, 0, 0, 0 } },
	{ "shutdown for reading", SYS_shutdown, { 3, SHUT_RD } },
	{ "splice at an offset", SYS_splice, { 4, P(buf), 3, 0, 1, 0 } },
	{ "sendfile", SYS_sendfile, { 3, 4, 0, 1 } },
	{ "vmsplice", SYS_vmsplice, { 7, P(&iov), 1, 0 } },
	{ "ioctl TIOCSTI", SYS_ioctl, { 0, TIOCSTI, P(buf) } },
	{ "dup", SYS_dup, { 3 } },
	{ "fcntl F_SETOWN", SYS_fcntl, { 3, F_SETOWN, MASTER } },
	{ "fcntl F_SETLEASE", SYS_fcntl, { 4, F_SETLEASE, F_RDLCK } },
	{ "pread64 of the bundle", SYS_pread64, { 4, P(buf), 1, 0 } },
	{ "ftruncate the tally", SYS_ftruncate, { 8, 0 } },
	{ "fallocate the tally", SYS_fallocate, { 8, 3, 0, 4096 } },
	{ 0 },
};
/* clang-format on */

void
attacks_fill(void)
{
	for (struct raw_attack *a = raw_attacks; a->name; a++)
		for (int i = 0; i < 6; i++) {
			if (a->args[i] == MASTER)
				a->args[i] = outside.master;
			else if (a->args[i] == SIBLING)
				a->args[i] = outside.sibling;
		}
}

/* ---- What depends ---- */

static int
connects(int family, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(family, SOCK_STREAM, 0);

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&v6.sin6_addr.s6_addr[12], &v4.sin_addr, 4); /* ::ffff:127.0.0.1 */
	memset(&v6.sin6_addr.s6_addr[10], 0xff, 2);
	if (fd == -1)
		return errno == EAFNOSUPPORT ? EACCES : errno; /* no IPv6 here */
	if (family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4)) == 0 :
				connect(fd, (struct sockaddr *)&v6, sizeof(v6)) == 0)
		return 0;
	return errno == ECONNREFUSED ? 0 : errno; /* nobody there, but the way was open */
}

static int
a_server(const void *arg)
{
	(void)arg;
	return connects(AF_INET, outside.server);
}
static int
a_other(const void *arg)
{
	(void)arg;
	return connects(AF_INET, outside.other);
}
static int
a_other6(const void *arg)
{
	(void)arg;
	return connects(AF_INET6, outside.other);
}
static int
a_ssh(const void *arg)
{
	(void)arg;
	return connects(AF_INET, 22);
}
static int
a_dns_tcp(const void *arg)
{
	(void)arg;
	return connects(AF_INET, 53);
}
static int
a_udp(const void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)arg;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return fd == -1 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
		send(fd, buf, 1, 0) == -1 ?
	    errno :
	    0;
}

static int
binds(uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1)
		return errno;
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 ? 0 : errno;
}
static int
a_bind_any(const void *arg)
{
	(void)arg;
	return binds(0);
}
static int
a_bind_port(const void *arg)
{
	(void)arg;
	return binds(45678);
}

/* A connect that does not ask Landlock. */
static int
a_fast_open(const void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)arg;
	return setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) == 0 ? 0 : errno;
}
static int
a_send_buffer(const void *arg)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)arg;
	return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &on, sizeof(on)) == 0 ? 0 : errno;
}

/* Make a connection end in a reset, without SO_LINGER. */
static int
a_reset(const void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(outside.server) };
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)arg;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		return errno;
	return connect(fd, &none, sizeof(none)) == 0 ? 0 : errno;
}

/* clang-format off */
/*	                                              worker      worker+bind  checker     keeper */
const struct attack attacks[] = {
	{ "connect to the server", a_server,        { WORKS,      WORKS,       WORKS,      KILLED }, "the configured port, on any host" },
	{ "connect to another port", a_other,       { PORTS_SHUT, PORTS_SHUT,  PORTS_SHUT, KILLED }, NULL },
	{ "connect to another port, IPv6", a_other6,{ PORTS_SHUT, PORTS_SHUT,  PORTS_SHUT, KILLED }, NULL },
	{ "connect to port 22", a_ssh,              { PORTS_SHUT, PORTS_SHUT,  PORTS_SHUT, KILLED }, NULL },
	{ "connect to TCP port 53", a_dns_tcp,      { PORTS_SHUT, PORTS_SHUT,  WORKS,      KILLED }, "DNS over TCP" },
	{ "UDP to port 53", a_udp,                  { KILLED,     KILLED,      WORKS,      KILLED }, "any port: the kernel has no rules for UDP" },
	{ "bind to any port", a_bind_any,           { KILLED,     WORKS,       KILLED,     KILLED }, "a source address; the kernel picks the port" },
	{ "bind to a port", a_bind_port,            { KILLED,     PORTS_SHUT,  KILLED,     KILLED }, NULL },
	{ "reset by connect(AF_UNSPEC)", a_reset,   { WORKS,      WORKS,       WORKS,      KILLED }, "its own connections" },
	/* what c-ares may try, and does without */
	{ "TCP_FASTOPEN_CONNECT", a_fast_open,      { KILLED,     KILLED,      ENOPROTOOPT, KILLED }, "no connect past Landlock" },
	{ "SO_SNDBUF of a UDP socket", a_send_buffer, { KILLED,   KILLED,      ENOPROTOOPT, KILLED }, NULL },
	/* what each needs */
	{ "memory, 1 B to 256 MiB", need_memory,    { WORKS,      WORKS,       WORKS,      WORKS }, NULL },
	{ "random numbers after two hours", need_reseed, { WORKS, WORKS,       WORKS,      WORKS }, NULL },
	{ "signatures of every kind", need_sign,    { WORKS,      WORKS,       WORKS,      WORKS }, NULL },
	{ "TLS handshakes, 1.2 and 1.3", need_tls,  { WORKS,      WORKS,       WORKS,      NOT_HERE }, NULL },
	{ "a log line", need_log,                   { WORKS,      WORKS,       WORKS,      WORKS }, NULL },
	{ "a message to the master", need_channel,  { WORKS,      WORKS,       WORKS,      WORKS }, NULL },
	{ "events", need_events,                    { WORKS,      WORKS,       WORKS,      WORKS }, NULL },
	{ "bulk through a pipe", need_bulk,         { WORKS,      WORKS,       KILLED,     KILLED }, "between its own descriptors" },
	{ "abort() is SIGABRT", need_abort,         { -SIGABRT,   -SIGABRT,    -SIGABRT,   -SIGABRT }, NULL },
	{ 0 },
};

const char *const everybody[] = {
	"brk", "close", "clock_gettime", "epoll_ctl", "epoll_wait", "exit", "exit_group", "futex",
	"getpid", "getrandom", "gettid", "gettimeofday", "mremap", "munmap", "recvmsg",
	"restart_syscall", "rt_sigprocmask", "rt_sigreturn", "time", "writev", NULL
};
static const char *const of_worker[] = {
	"connect", "getsockname", "poll", "read", "recvfrom", NULL
};
static const char *const of_binder[] = {
	"bind", "connect", "getsockname", "poll", "read", "recvfrom", NULL
};
static const char *const of_checker[] = {
	"connect", "getpeername", "getsockname", "poll", "read", "recvfrom", "write", NULL
};
static const char *const of_keeper[] = { NULL };
const char *const *const listed[KINDS] = { of_worker, of_binder, of_checker, of_keeper };
/* clang-format on */
