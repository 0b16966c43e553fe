/* A plugin that misbehaves on request: the value of a record says how.
 *
 * Compile-time switches give tables that an instance cannot choose at run time:
 *   CAPS=...       capabilities            BATCH=n     max_batch
 *   EXECS          runs programs           INTERVAL=ms min_call_interval_ms
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "dns01_plugin.h"

#ifndef CAPS
#define CAPS DNS01_CAP_STATELESS_REMOVE
#endif
#ifndef BATCH
#define BATCH 0
#endif
#ifndef INTERVAL
#define INTERVAL 0
#endif

static const dns01_host *host;
static char token[256];
static char file[4096];
static int instances;

__attribute__((constructor)) static void loaded(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  fprintf(stderr, "library mapped %s network\n", fd < 0 ? "without" : "with");
  if (fd >= 0) close(fd);
}

static void say(dns01_result *result, const char *text) {
  snprintf(result->message, result->message_cap, "%s", text);
}

static void say_append(dns01_result *result, const char *name, int error) {
  size_t used = strlen(result->message);
  snprintf(result->message + used, result->message_cap - used, "%s=%s ", name,
           error == 0 ? "DONE" : strerrorname_np(error));
}

/* ------------------------------------------------------- attempts to escape */

static int try_open(const char *path, int flags) {
  int fd = open(path, flags, 0600);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

static int result_of(long value) { return value < 0 ? errno : 0; }

static int try_connect(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return errno;
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/dns01d/control"};
  int error = result_of(connect(fd, (struct sockaddr *)&address, sizeof address));
  close(fd);
  return error;
}

static int try_fork(void) {
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  if (pid < 0) return errno;
  waitpid(pid, NULL, 0);
  return 0;
}

static int try_exec(void) {
  char *argv[] = {"/bin/sh", "-c", "exit 0", NULL};
  char *envp[] = {NULL};
  execve(argv[0], argv, envp);
  return errno;
}

static int try_sigio(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return errno;
  int error = result_of(fcntl(pair[0], F_SETOWN, getppid()));
  close(pair[0]);
  close(pair[1]);
  return error;
}

static int try_map(int flags) {
  void *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) return errno;
  munmap(memory, 1 << 20);
  return 0;
}

static int try_chmod(void) {
  /* a file that can be read is still not to be changed */
  return result_of(chmod(file, 0666));
}

static void probe(dns01_result *result) {
  pid_t parent = getppid();
  struct iovec local = {token, 1}, remote = {token, 1};
  struct rlimit limit = {0, 0};
  struct sched_param priority = {0};
#define TRY(name, expression) say_append(result, name, expression)
  TRY("read-shadow", try_open("/etc/shadow", O_RDONLY));
  TRY("read-root", try_open("/root", O_RDONLY | O_DIRECTORY));
  TRY("read-keys", try_open("/etc/ssl/private", O_RDONLY | O_DIRECTORY));
  TRY("read-proc", try_open("/proc/1/environ", O_RDONLY));
  TRY("read-memory", try_open("/proc/self/mem", O_RDWR));
  TRY("read-home", try_open("/home", O_RDONLY | O_DIRECTORY));
  TRY("write-tmp", try_open("/tmp/dns01-escape", O_WRONLY | O_CREAT));
  TRY("write-usr", try_open("/usr/dns01-escape", O_WRONLY | O_CREAT));
  TRY("truncate", result_of(truncate(file, 0)));
  TRY("open-truncate", try_open(file, O_RDONLY | O_TRUNC));
  TRY("chmod", try_chmod());
  TRY("chown", result_of(chown(file, 1, 1)));
  TRY("xattr", result_of(setxattr(file, "user.x", "1", 1, 0)));
  TRY("utimes", result_of(utimensat(AT_FDCWD, file, NULL, 0)));
  TRY("mkdir", result_of(mkdir("/tmp/dns01-escape-dir", 0700)));
  TRY("unlink", result_of(unlink(file)));
  TRY("unix-socket", try_connect());
  TRY("raw-socket", result_of(socket(AF_PACKET, SOCK_RAW, 0)));
  TRY("crypto-socket", result_of(socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0)));
  TRY("uevent-socket", result_of(socket(AF_NETLINK, SOCK_RAW, 15)));
  TRY("kill-parent", result_of(kill(parent, 0)));
  TRY("kill-group", result_of(kill(-getpgrp(), 0)));
  TRY("kill-all", result_of(kill(-1, 0)));
  TRY("tgkill", result_of(syscall(SYS_tgkill, parent, parent, 0)));
  TRY("tkill", result_of(syscall(SYS_tkill, parent, 0)));
  TRY("sigqueue", result_of(sigqueue(parent, 0, (union sigval){0})));
  TRY("pidfd-signal", result_of(syscall(SYS_pidfd_send_signal, 0, 0, NULL, 0)));
  TRY("sigio", try_sigio());
  TRY("ptrace", result_of(ptrace(PTRACE_ATTACH, parent, NULL, NULL)));
  TRY("vm-read", result_of(process_vm_readv(parent, &local, 1, &remote, 1, 0)));
  TRY("vm-write", result_of(process_vm_writev(parent, &local, 1, &remote, 1, 0)));
  TRY("limits", result_of(prlimit(parent, RLIMIT_CORE, &limit, NULL)));
  TRY("scheduler", result_of(sched_setscheduler(parent, SCHED_IDLE, &priority)));
  TRY("renice", result_of(setpriority(PRIO_PROCESS, parent, 19)));
  TRY("fork", try_fork());
  TRY("vfork", result_of(syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)));
  TRY("exec", try_exec());
  TRY("session", result_of(setsid()));
  TRY("group", result_of(setpgid(0, 0)));
  TRY("unshare", result_of(unshare(CLONE_NEWUSER)));
  TRY("namespace", result_of(setns(0, 0)));
  TRY("mount", result_of(mount("none", "/tmp", "tmpfs", 0, NULL)));
  TRY("chroot", result_of(chroot("/tmp")));
  TRY("bpf", result_of(syscall(SYS_bpf, 0, NULL, 0)));
  TRY("perf", result_of(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)));
  TRY("uring", result_of(syscall(SYS_io_uring_setup, 1, NULL)));
  TRY("keyctl", result_of(syscall(SYS_keyctl, 0, 0, 0)));
  TRY("userfaultfd", result_of(syscall(SYS_userfaultfd, 0)));
  TRY("module", result_of(syscall(SYS_init_module, NULL, 0, "")));
  TRY("personality", result_of(syscall(SYS_personality, 0x0400000 /* READ_IMPLIES_EXEC */)));
  TRY("dumpable", result_of(prctl(PR_SET_DUMPABLE, 1)));
  TRY("death-signal", result_of(prctl(PR_SET_PDEATHSIG, 0)));
  TRY("memfd", result_of(memfd_create("x", 0)));
  TRY("shm", result_of(shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600)));
  TRY("shared-map", try_map(MAP_SHARED | MAP_ANONYMOUS));
  TRY("stack-map", try_map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN));
  TRY("clone3", result_of(syscall(SYS_clone3, NULL, 0)));
  TRY("openat2", result_of(syscall(SYS_openat2, AT_FDCWD, "/etc/shadow", NULL, 0)));
  TRY("raise-core", result_of(setrlimit(RLIMIT_CORE, &(struct rlimit){1, 1})));
  TRY("raise-data", result_of(setrlimit(RLIMIT_DATA, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY})));
#if defined(__x86_64__)
  TRY("x32", result_of(syscall(0x40000000 | SYS_kill, parent, 0)));
#endif
}

/* ------------------------------------------------- what must work all the same */

static void *add_one(void *number) {
  ++*(int *)number;
  return NULL;
}

static void rights(dns01_result *result) {
  pthread_t thread;
  int ran = 0, pair[2];
  TRY("thread", pthread_create(&thread, NULL, add_one, &ran));
  pthread_join(thread, NULL);
  TRY("thread-ran", ran == 1 ? 0 : EIO);
  TRY("inet", result_of(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  TRY("inet6", result_of(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  TRY("route", result_of(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0)));
  TRY("socketpair", result_of(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)));
  TRY("resolv", try_open("/etc/resolv.conf", O_RDONLY));
  TRY("hosts", try_open("/etc/hosts", O_RDONLY));
  TRY("usr", try_open("/usr/lib", O_RDONLY | O_DIRECTORY));
  TRY("urandom", try_open("/dev/urandom", O_RDONLY));
  TRY("null", try_open("/dev/null", O_RDWR));
  TRY("own-signal", result_of(kill(getpid(), 0)));
  TRY("file", file[0] ? try_open(file, O_RDONLY) : 0);
  TRY("stack", ({
        volatile char *big = __builtin_alloca(7800 * 1024);
        for (size_t i = 0; i < 7800 * 1024; i += 4096) big[i] = 1;
        0;
      }));
}

/* what the process looks like to itself */
static void facts(dns01_result *result) {
  struct rlimit core, tasks, data;
  sigset_t blocked;
  struct sigaction pipe_action, child_action;
  char input[64] = "", directory[64] = "";
  getrlimit(RLIMIT_CORE, &core);
  getrlimit(RLIMIT_NPROC, &tasks);
  getrlimit(RLIMIT_DATA, &data);
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  sigaction(SIGPIPE, NULL, &pipe_action);
  sigaction(SIGCHLD, NULL, &child_action);
  int any_blocked = 0, open_files = 0;
  for (int s = 1; s < 32; s++) any_blocked |= sigismember(&blocked, s);
  for (int fd = 3; fd < 256; fd++) open_files += fcntl(fd, F_GETFD) >= 0;
  readlink("/proc/self/fd/0", input, sizeof input - 1);
  getcwd(directory, sizeof directory);
  mode_t mask = umask(077);
  extern char **environ;
  int variables = 0;
  while (environ[variables]) variables++;
  const char *listed = getenv("LISTED");
  snprintf(result->message, result->message_cap,
           "core=%ld dumpable=%d data=%ld nnp=%d session=%d stdin=%s cwd=%s umask=%o blocked=%d pipe=%d "
           "child=%d files=%d nproc=%ld variables=%d listed=%s",
           (long)core.rlim_max, prctl(PR_GET_DUMPABLE), (long)data.rlim_max,
           prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), getsid(0) == getpid(), input, directory, mask, any_blocked,
           pipe_action.sa_handler == SIG_IGN, child_action.sa_handler == SIG_DFL, open_files,
           (long)tasks.rlim_cur, variables,
           listed ? listed : "");
}

/* ---------------------------------------------------------------- behaviour */

static void *log_for_ever(void *unused) {
  for (;;) host->log(host, NULL, DNS01_LOG_ERROR, "noise", 5);
  return unused;
}

static dns01_status behave(const dns01_call *call, const dns01_record *record, dns01_result *result) {
  const char *what = record->value.ptr;
#define IS(text) (strcmp(what, text) == 0)
  if (IS("crash")) {
    fprintf(stderr, "about to crash\n");
    *(volatile int *)16 = 1;
  }
  if (IS("exit")) exit(3);
  if (IS("abort")) abort();
  if (IS("close"))
    for (int fd = 3; fd < 64; fd++) shutdown(fd, SHUT_RDWR), close(fd);
  if (IS("hang-masked")) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
  }
  if (IS("close") || IS("hang") || IS("hang-masked"))
    for (;;) pause();
  if (IS("spin"))
    for (volatile int turns = 0;; turns++) {
    }
  if (IS("garbage")) {
    for (int fd = 3; fd < 64; fd++) send(fd, "\x05\0\0\0hello", 9, MSG_NOSIGNAL);
    for (;;) pause();
  }
  if (IS("huge-frame")) {
    for (int fd = 3; fd < 64; fd++) send(fd, "\xff\xff\xff\xff", 4, MSG_NOSIGNAL);
    for (;;) pause();
  }
  if (IS("flood-stdout"))
    for (;;) puts("noise noise noise noise noise noise noise noise noise noise noise");
  if (IS("long-line")) {
    char block[65536];
    memset(block, 'x', sizeof block);
    for (;;) fwrite(block, sizeof block, 1, stderr);
  }
  if (IS("flood-log"))
    for (int i = 0; i < 2000000; i++) host->log(host, call, DNS01_LOG_INFO, "noise", 5);
  if (IS("flood-log-threads")) {
    pthread_t thread;
    for (int i = 0; i < 4; i++) pthread_create(&thread, NULL, log_for_ever, NULL);
    sleep(1);
  }
  if (IS("gigabyte")) {
    size_t got = 0;
    for (char *block; got < 1024 && (block = malloc(1 << 20)); got++) memset(block, 1, 1 << 20);
    snprintf(result->message, result->message_cap, "%zu", got);
  }
  if (IS("fork-bomb")) {
    int made = 0;
    for (int i = 0; i < 10000; i++) made += fork() >= 0;
    snprintf(result->message, result->message_cap, "%d", made);
  }
  if (IS("programs-gigabyte")) {
    /* each stays below RLIMIT_DATA, and together they are 1 GiB until the first has ended */
    int killed = 0, refused = 0, status, go[2];
    pipe(go);
    for (int i = 0; i < 32; i++)
      if (fork() == 0) {
        close(go[1]);
        struct pollfd end = {go[0], POLLIN, 0};
        char *block = malloc(32 << 20);
        if (!block) _exit(1);
        for (int part = 0; part < 32 && poll(&end, 1, 0) == 0; part++) memset(block + (part << 20), 1, 1 << 20);
        _exit(poll(&end, 1, -1) != 1);
      }
    while (waitpid(-1, &status, 0) > 0) {
      if (go[1] >= 0) close(go[1]), go[1] = -1;
      killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
      refused += WIFEXITED(status) && WEXITSTATUS(status) != 0;
    }
    close(go[0]);
    snprintf(result->message, result->message_cap, "%d killed, %d refused", killed, refused);
  }
  if (IS("program-count")) {
    /* they wait for the end of a pipe: where signals cannot be kept inside, they are forbidden */
    int count = 0, go[2];
    pid_t made = pipe(go);
    while (count < 2000 && (made = fork()) > 0) count++;
    if (made == 0) {
      close(go[1]);
      _exit(read(go[0], &count, 1) != 0);
    }
    int why = made < 0 ? errno : 0;
    close(go[1]);
    while (waitpid(-1, NULL, 0) > 0) continue;
    close(go[0]);
    snprintf(result->message, result->message_cap, "%d %s", count, why ? strerrorname_np(why) : "no end");
  }
  if (IS("program-hang")) {
    if (fork() == 0) {
      execl("/bin/sh", "sh", "-c", "sleep 4711 & sleep 4711", (char *)NULL);
      _exit(127);
    }
    for (;;) pause();
  }
  if (IS("program-bomb") || IS("program-bomb-left") || IS("program-deaf")) {
    const char *script = IS("program-deaf") ? "trap '' TERM; while :; do sleep 4712; done"
                                            : "b() { b | b & sleep 4713; }; b; sleep 4713";
    if (fork() == 0) {
      execl("/bin/sh", "sh", "-c", script, (char *)NULL);
      _exit(127);
    }
    if (IS("program-bomb-left")) {
      usleep(700 * 1000);
    } else {
      struct pollfd wait = {call->cancel_fd, POLLIN, 0};
      poll(&wait, 1, 30000);
      while (waitpid(-1, NULL, 0) > 0) continue;
      say(result, "my programs have ended");
      return DNS01_E_CANCELLED;
    }
  }
  if (IS("program")) {
    pid_t pid = fork();
    if (pid == 0) {
      execl("/bin/sh", "sh", "-c", "echo from the program; echo x > /tmp/dns01-escape || exit 9", (char *)NULL);
      _exit(127);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    snprintf(result->message, result->message_cap, "%d", WEXITSTATUS(status));
  }
  if (IS("heed")) {
    struct pollfd wait = {call->cancel_fd, POLLIN, 0};
    poll(&wait, 1, 30000);
    say(result, host->is_cancelled(host, call) ? "asked to stop" : "not asked");
    return DNS01_E_CANCELLED;
  }
  if (IS("sleep")) usleep(300 * 1000);
  if (IS("leak")) {
    /* in two writes, so that no single read sees the whole */
    size_t half = strlen(token) / 2;
    fprintf(stderr, "token is %.*s", (int)half, token);
    usleep(50 * 1000);
    fprintf(stderr, "%s, they say\n", token + half);
    char line[512];
    int len = snprintf(line, sizeof line, "log of %s", token);
    host->log(host, call, DNS01_LOG_WARN, line, len);
    snprintf(result->message, result->message_cap, "refused: %s", token);
    snprintf(result->handle, result->handle_cap, "id-%s", token);
    return DNS01_E_AUTH;
  }
  if (IS("leaky-handle")) snprintf(result->handle, result->handle_cap, "id-%s", token);
  if (IS("handle")) snprintf(result->handle, result->handle_cap, "id-%s", record->fqdn.ptr);
  if (IS("handle?")) say(result, record->handle.ptr);
  if (IS("probe")) probe(result);
  if (IS("rights")) rights(result);
  if (IS("facts")) facts(result);
  if (IS("pid")) snprintf(result->message, result->message_cap, "%d", (int)getpid());
  if (IS("thread")) snprintf(result->message, result->message_cap, "%ld", (long)syscall(SYS_gettid));
  if (IS("transient")) {
    result->retry_after_ms = 1500;
    result->native_code = 503;
    say(result, "try \x1b[31mlater");
    return DNS01_E_TRANSIENT;
  }
  if (IS("unset")) return DNS01_UNSET;
  if (IS("wild")) {
    memset(result->message, 'm', result->message_cap);
    memset(result->handle, 0xff, result->handle_cap);
    result->message[0] = (char)0xfe;
  }
  if (strncmp(what, "keep ", 5) == 0) {
    dns01_str key = {"account", 7}, value = {what + 5, strlen(what + 5)};
    return host->state_put(host, call, key, value);
  }
  if (IS("kept")) {
    size_t len = 0;
    dns01_str key = {"account", 7};
    dns01_status status = host->state_get(host, call, key, result->message, result->message_cap - 1, &len);
    return status;
  }
  if (IS("bad-keys")) {
    static char big[70000];
    dns01_str empty = {"", 0}, slash = {"a/b", 3}, good = {"k", 1}, one = {"1", 1}, large = {big, sizeof big};
    memset(big, 'b', sizeof big);
    int refused = 0;
    refused += host->state_put(host, call, empty, one) != DNS01_OK;
    refused += host->state_put(host, call, slash, one) != DNS01_OK;
    refused += host->state_put(host, NULL, good, large) != DNS01_OK;
    refused += host->state_get(host, call, slash, NULL, 0, NULL) != DNS01_OK;
    snprintf(result->message, result->message_cap, "%d", refused);
  }
  if (strncmp(what, "log ", 4) == 0) host->log(host, call, DNS01_LOG_INFO, what + 4, strlen(what + 4));
  return DNS01_OK;
}

static dns01_status each(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                         dns01_result *const *results, size_t count) {
  (void)instance;
  for (size_t i = 0; i < count; i++) results[i]->status = behave(call, records[i], results[i]);
  if (count == 0) say(results[0], "credentials fine");
  return DNS01_OK;
}

/* says in each message how many records came with the call */
static dns01_status count_them(dns01_instance *instance, const dns01_call *call,
                               const dns01_record *const *records, dns01_result *const *results, size_t count) {
  (void)instance, (void)call;
  for (size_t i = 0; i < count; i++) {
    snprintf(results[i]->message, results[i]->message_cap, "%zu of %zu %s", i, count, records[i]->value.ptr);
    results[i]->status = DNS01_PENDING;
    results[i]->retry_after_ms = 250;
  }
  return DNS01_OK;
}

static dns01_status remove_them(dns01_instance *instance, const dns01_call *call,
                                const dns01_record *const *records, dns01_result *const *results, size_t count) {
  (void)instance, (void)call, (void)records;
  for (size_t i = 0; i < count; i++) {
    results[i]->status = DNS01_OK;
    results[i]->flags = DNS01_RESULT_NO_CHANGE;
    snprintf(results[i]->message, results[i]->message_cap, "%s", records[i]->handle.ptr);
  }
  return DNS01_OK;
}

static dns01_status open_it(const dns01_host *services, const char *provider, const dns01_call *call,
                            const dns01_option *const *options, size_t count, dns01_result *error,
                            dns01_instance **out) {
  (void)services, (void)provider;
  if (instances++) return DNS01_E_INTERNAL;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(options[i]->key.ptr, "token") == 0) {
      if (!(options[i]->flags & DNS01_OPT_SECRET)) return DNS01_E_CONFIG;
      snprintf(token, sizeof token, "%s", options[i]->value.ptr);
    }
    if (strcmp(options[i]->key.ptr, "file") == 0) snprintf(file, sizeof file, "%s", options[i]->value.ptr);
    if (strcmp(options[i]->key.ptr, "greeting") == 0) host->log(host, call, DNS01_LOG_INFO, options[i]->value.ptr, options[i]->value.len);
    if (strcmp(options[i]->key.ptr, "open") == 0) {
      if (strcmp(options[i]->value.ptr, "hang") == 0)
        for (;;) pause();
      if (strcmp(options[i]->value.ptr, "crash") == 0) raise(SIGSEGV);
      if (strcmp(options[i]->value.ptr, "nothing") == 0) return DNS01_OK;
      if (strcmp(options[i]->value.ptr, "refuse") == 0) {
        snprintf(error->message, error->message_cap, "the token %s is not good", token);
        return DNS01_E_AUTH;
      }
    }
  }
  *out = (dns01_instance *)&instances;
  return DNS01_OK;
}

static void close_it(dns01_instance *instance) {
  (void)instance;
  host->log(host, NULL, DNS01_LOG_INFO, "closed in order", 15);
}

static void info(dns01_instance *instance, dns01_instance_info *out) {
  (void)instance;
  out->caps = CAPS;
  out->max_batch = BATCH;
  out->min_call_interval_ms = INTERVAL;
}

static const dns01_option_desc token_option = {sizeof token_option, DNS01_OPT_SECRET, "token", "the secret", NULL};
static const dns01_option_desc file_option = {sizeof file_option, DNS01_OPT_FILE, "file", "a file", NULL};
static const dns01_option_desc open_option = {sizeof open_option, 0, "open", "what open does", NULL};
static const dns01_option_desc greeting_option = {sizeof greeting_option, 0, "greeting", "what is logged", "good day"};
static const dns01_option_desc *const options[] = {&token_option, &file_option, &open_option, &greeting_option};

static const dns01_provider provider = {
    .struct_size = sizeof provider,
#ifdef EXECS
    .flags = DNS01_PROVIDER_EXECS,
#endif
    .id = "hostile",
    .title = "Does what it must not",
    .url = NULL,
    .option_count = 4,
    .options = options,
};
static const dns01_provider *const providers[] = {&provider};

static const dns01_plugin plugin = {
    .struct_size = sizeof plugin,
    .abi_minor = DNS01_ABI_MINOR,
    .name = "hostile",
    .version = "6.6.6",
    .license = "MIT",
    .provider_count = 1,
    .providers = providers,
    .open = open_it,
    .close = close_it,
    .info = info,
    .present = each,
    .remove = remove_them,
    .sync = count_them,
    .check = each,
};

DNS01_EXPORT const dns01_plugin *dns01_plugin_v1(const dns01_host *services) {
  host = services;
  return &plugin;
}
