/* A provider that wants everything but DNS. Its one present() tries what an attacker with the daemon's user
 * would, and logs "attack NAME=RESULT": DONE, or the error that stopped it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dns01_plugin.h"

static const dns01_host *host;
static char state[1024], secret[1024], control[100], victim[16];

static void report(const dns01_call *call, const char *name, int error) {
  char line[128];
  int len = snprintf(line, sizeof line, "attack %s=%s", name, error == 0 ? "DONE" : strerrorname_np(error));
  host->log(host, call, DNS01_LOG_INFO, line, (size_t)len);
}

/* A byte of what is inside is what counts. */
static int read_one(const char *path) {
  char byte;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = read(fd, &byte, 1) == 1 ? 0 : errno ? errno : ENODATA;
  close(fd);
  return error;
}

static int read_in_state(const char *name) {
  char path[2048];
  snprintf(path, sizeof path, "%s/%s", state, name);
  return read_one(path);
}

static int write_in_state(void) {
  char path[2048];
  snprintf(path, sizeof path, "%s/planted", state);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  close(fd);
  unlink(path);
  return 0;
}

static int read_of_process(long pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
  return read_one(path);
}

/* The memory of a process, at its program's own code. */
static int read_memory(long pid) {
  char path[64], maps[64], byte;
  unsigned long at = 0;
  snprintf(path, sizeof path, "/proc/%ld/maps", pid);
  FILE *file = fopen(path, "re");
  if (file == NULL) return errno;
  if (fgets(maps, sizeof maps, file) != NULL) at = strtoul(maps, NULL, 16);
  fclose(file);
  snprintf(path, sizeof path, "/proc/%ld/mem", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = pread(fd, &byte, 1, (off_t)at) == 1 ? 0 : errno;
  close(fd);
  return error;
}

static int trace(pid_t pid) {
  if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0) return errno;
  /* only a stopped process can be let go */
  ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
  waitpid(pid, NULL, __WALL);
  ptrace(PTRACE_DETACH, pid, NULL, NULL);
  return 0;
}

/* Connects to the daemon's control socket, and then asks it for something. */
static int command_daemon(int ask) {
  char answer[16] = "";
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *request = "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  snprintf(address.sun_path, sizeof address.sun_path, "%s", control);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
  if (error == 0 && ask) {
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0) error = errno;
    ssize_t got = recv(fd, answer, sizeof answer - 1, 0);
    if (error == 0) error = got > 0 && strstr(answer, " 200") != NULL ? 0 : EPERM;
  }
  close(fd);
  return error;
}

static int leave_child(void) {
  pid_t pid = fork();
  if (pid == 0) {
    for (int i = 0; i < 600; i++) sleep(1);
    _exit(0);
  }
  if (pid < 0) return errno;
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  return 0;
}

static int run_shell(void) {
  int status = 0;
  pid_t pid = vfork();
  if (pid == 0) {
    execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
    _exit(errno);
  }
  if (pid < 0) return errno;
  waitpid(pid, &status, 0);
  return WEXITSTATUS(status) == 7 ? 0 : WEXITSTATUS(status);
}

static dns01_status do_present(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                               dns01_result *const *results, size_t count) {
  pid_t daemon = getppid();
  pid_t other = (pid_t)atoi(victim);
  (void)instance, (void)records;
  report(call, "read-account-key", read_in_state("accounts/lab.pem"));
  report(call, "read-state", read_in_state("state.db"));
  report(call, "read-certificate-key", read_in_state("certificates/internal/live/key.pem"));
  report(call, "read-secret-of-another-provider", read_one(secret));
  report(call, "write-into-state", write_in_state());
  report(call, "connect-to-daemon", command_daemon(0));
  report(call, "signal-daemon", kill(daemon, 0) < 0 ? errno : 0);
  report(call, "signal-process", kill(other, 0) < 0 ? errno : 0);
  report(call, "trace-process", trace(other));
  report(call, "read-memory-of-process", read_memory(other));
  report(call, "read-environment-of-process", read_of_process(other, "environ"));
  report(call, "leave-child", leave_child());
  report(call, "run-shell", run_shell());
  /* what the daemon itself withstands, sandbox or not */
  report(call, "trace-daemon", trace(daemon));
  report(call, "read-memory-of-daemon", read_memory(daemon));
  report(call, "read-environment-of-daemon", read_of_process(daemon, "environ"));
  report(call, "command-daemon", command_daemon(1));
  for (size_t i = 0; i < count; i++) results[i]->status = DNS01_E_PERMANENT;
  host->log(host, call, DNS01_LOG_INFO, "attacks are over", 16);
  return DNS01_OK;
}

static dns01_status do_remove(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                              dns01_result *const *results, size_t count) {
  (void)instance, (void)call, (void)records;
  for (size_t i = 0; i < count; i++) results[i]->status = DNS01_OK;
  return DNS01_OK;
}

static dns01_status do_open(const dns01_host *ours, const char *id, const dns01_call *call,
                            const dns01_option *const *options, size_t count, dns01_result *error,
                            dns01_instance **out) {
  (void)ours, (void)id, (void)call, (void)error;
  for (size_t i = 0; i < count; i++) {
    const char *key = options[i]->key.ptr, *value = options[i]->value.ptr;
    if (strcmp(key, "state") == 0) snprintf(state, sizeof state, "%s", value);
    if (strcmp(key, "secret") == 0) snprintf(secret, sizeof secret, "%s", value);
    if (strcmp(key, "control") == 0) snprintf(control, sizeof control, "%s", value);
    if (strcmp(key, "victim") == 0) snprintf(victim, sizeof victim, "%s", value);
  }
  *out = (dns01_instance *)&host;
  return DNS01_OK;
}

static void do_close(dns01_instance *instance) { (void)instance; }

static const dns01_provider attacker = {
    .struct_size = sizeof(dns01_provider),
    .flags = DNS01_PROVIDER_OPEN_CONFIG,
    .id = "attacker",
    .title = "wants everything but DNS",
};
static const dns01_provider *const provider_list[] = {&attacker};
static const dns01_plugin plugin = {
    .struct_size = sizeof(dns01_plugin),
    .abi_minor = DNS01_ABI_MINOR,
    .name = "attacker",
    .version = "1.0",
    .provider_count = 1,
    .providers = provider_list,
    .open = do_open,
    .close = do_close,
    .present = do_present,
    .remove = do_remove,
};

DNS01_EXPORT const dns01_plugin *dns01_plugin_v1(const dns01_host *ours) {
  host = ours;
  return &plugin;
}
