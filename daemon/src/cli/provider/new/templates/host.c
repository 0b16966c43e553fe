/*
 * A small host for the tests of a plugin: loads it, opens its first provider,
 * adds and removes records, cancels a call.
 *
 *   host LIBRARY COMMAND...    COMMAND plays the DNS host (tinyhost.py)
 *
 * It ends with 0 when every promise was kept.
 */
#define _GNU_SOURCE
#include <dns01_plugin.h>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failed;
static volatile int cancelled;
static char state[1024]; /* one value is all that it keeps */
static size_t state_len;

#define CHECK(what, promise)                                                   \
  do {                                                                         \
    int kept = (promise);                                                      \
    failed += !kept;                                                           \
    printf("%s %s\n", kept ? "ok    " : "FAILED", what);                       \
  } while (0)

/* ----------------------------------------------------------------- services */

static void host_log(const dns01_host *host, const dns01_call *call,
                     int32_t level, const char *msg, size_t len) {
  (void)host, (void)call;
  printf("log %d: %.*s\n", (int)level, (int)len, msg);
}

static int32_t host_is_cancelled(const dns01_host *host,
                                 const dns01_call *call) {
  (void)host, (void)call;
  return cancelled;
}

static dns01_status host_state_put(const dns01_host *host,
                                   const dns01_call *call, dns01_str key,
                                   dns01_str value) {
  (void)host, (void)call, (void)key;
  if (value.len > sizeof(state))
    return DNS01_E_PERMANENT;
  memcpy(state, value.ptr, value.len);
  state_len = value.len;
  return DNS01_OK;
}

static dns01_status host_state_get(const dns01_host *host,
                                   const dns01_call *call, dns01_str key,
                                   char *buf, size_t cap, size_t *len) {
  (void)host, (void)call, (void)key;
  if (cap > 0)
    memcpy(buf, state, state_len < cap ? state_len : cap);
  *len = state_len;
  return DNS01_OK;
}

static const void *host_extension(const dns01_host *host, const char *id) {
  (void)host, (void)id;
  return NULL;
}

static const dns01_host host = {
    sizeof(dns01_host), DNS01_ABI_MINOR,   "test-host",    "1",
    host_log,           host_is_cancelled, host_state_put, host_state_get,
    host_extension};

/* -------------------------------------------------------------------- calls */

static dns01_str text(const char *chars) {
  dns01_str made;
  made.ptr = chars;
  made.len = strlen(chars);
  return made;
}

static dns01_call call = {sizeof(dns01_call), 1, 1, 10000, -1, 0};

/* One of the results of the last call, with its own buffers. */
static struct {
  dns01_result slot;
  char message[1024], handle[2048];
} results[2];

static void clear(int at) {
  memset(&results[at], 0, sizeof(results[at]));
  results[at].slot.struct_size = sizeof(dns01_result);
  results[at].slot.status = DNS01_UNSET;
  results[at].slot.message = results[at].message;
  results[at].slot.message_cap = sizeof(results[at].message);
  results[at].slot.handle = results[at].handle;
  results[at].slot.handle_cap = sizeof(results[at].handle);
}

/* Calls `function` for two records of one value; what is left unset takes what
 * the call returned. */
static void run(dns01_batch_fn function, dns01_instance *instance,
                const char *first, const char *second, const char *handle) {
  dns01_record records[2];
  const dns01_record *record_pointers[2];
  dns01_result *result_pointers[2];
  dns01_status returned;
  int i;
  for (i = 0; i < 2; i++) {
    memset(&records[i], 0, sizeof(records[i]));
    records[i].struct_size = sizeof(records[i]);
    records[i].ttl = 60;
    records[i].fqdn = records[i].challenge_name = text(i == 0 ? first : second);
    records[i].value = text(i == 0 ? "one" : "two");
    records[i].handle = text(i == 0 ? handle : "");
    records[i].zone = records[i].identifier = records[i].token =
        records[i].key_authorization = text("");
    clear(i);
    record_pointers[i] = &records[i];
    result_pointers[i] = &results[i].slot;
  }
  returned = function(instance, &call, record_pointers, result_pointers, 2);
  for (i = 0; i < 2; i++)
    if (results[i].slot.status == DNS01_UNSET)
      results[i].slot.status = returned;
}

static int both(dns01_status status, uint32_t flags) {
  return results[0].slot.status == status && results[1].slot.status == status &&
         results[0].slot.flags == flags && results[1].slot.flags == flags;
}

static dns01_instance *open_with(const dns01_plugin *plugin,
                                 const char *endpoint, const char *token) {
  const char *keys[] = {"timeout", "endpoint", "token"};
  const char *values[3];
  dns01_option made[3];
  const dns01_option *pointers[3];
  dns01_instance *instance = NULL;
  dns01_status status;
  int i;
  values[0] = "10000";
  values[1] = endpoint;
  values[2] = token;
  for (i = 0; i < 3; i++) {
    made[i].struct_size = sizeof(dns01_option);
    made[i].flags = 0;
    made[i].key = text(keys[i]);
    made[i].value = text(values[i] != NULL ? values[i] : "");
    pointers[i] = &made[i];
  }
  clear(0);
  status = plugin->open(&host, plugin->providers[0]->id, &call, pointers,
                        token != NULL ? 3 : 2, &results[0].slot, &instance);
  results[0].slot.status = status;
  return status == DNS01_OK ? instance : NULL;
}

/* ---------------------------------------------------------------- DNS host */

/* Starts the command; the first line that it prints is `http ADDRESS:PORT`. */
static pid_t start(char **command, char endpoint[256]) {
  int ends[2];
  pid_t child;
  FILE *output;
  char line[256] = "";
  if (pipe(ends) != 0 || (child = fork()) < 0)
    return -1;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(ends[1], 1);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
  }
  close(ends[1]);
  output = fdopen(ends[0], "r");
  if (output == NULL || fgets(line, sizeof(line), output) == NULL ||
      strncmp(line, "http ", 5) != 0)
    return -1;
  line[strcspn(line, "\n")] = 0;
  strcpy(endpoint, line + 5);
  return child;
}

static void *cancel_soon(void *fd) {
  struct timespec pause = {0, 300 * 1000 * 1000};
  nanosleep(&pause, NULL);
  cancelled = 1;
  if (write(*(int *)fd, "x", 1) != 1)
    perror("write");
  return NULL;
}

/* -------------------------------------------------------------------- tests */

#define NAME "_acme-challenge.example.test"

static void test(const dns01_plugin *plugin, const char *endpoint) {
  dns01_instance *instance, *wrong;
  pthread_t thread;
  time_t begin;
  char handle[2048];
  int ends[2];

  CHECK("a malformed option is the operator's fault",
        open_with(plugin, "nowhere", "x") == NULL &&
            results[0].slot.status == DNS01_E_CONFIG);
  wrong = open_with(plugin, endpoint, "wr0ng-t0ken");
  instance = open_with(plugin, endpoint, "let-me-in");
  CHECK("good options open it", wrong != NULL && instance != NULL);
  if (wrong == NULL || instance == NULL)
    return;

  run(plugin->present, wrong, NAME, NAME, "");
  CHECK("a wrong token is told as such", both(DNS01_E_AUTH, 0));
  CHECK("and does not show", strstr(results[0].message, "wr0ng") == NULL);
  plugin->close(wrong);

  run(plugin->present, instance, NAME, NAME, "");
  CHECK("two values of one name are added", both(DNS01_OK, 0));
  strcpy(handle, results[0].handle);
  run(plugin->present, instance, NAME, NAME, "");
  CHECK("adding them again changes nothing",
        both(DNS01_OK, DNS01_RESULT_NO_CHANGE));
  run(plugin->remove, instance, NAME, NAME, handle);
  CHECK("they are removed, with a handle and without", both(DNS01_OK, 0));
  run(plugin->remove, instance, NAME, NAME, handle);
  CHECK("removing them again changes nothing",
        both(DNS01_OK, DNS01_RESULT_NO_CHANGE));

  run(plugin->present, instance, NAME, "_acme-challenge.elsewhere.test", "");
  CHECK("one bad record fails alone",
        results[0].slot.status == DNS01_OK &&
            results[1].slot.status == DNS01_E_ZONE_NOT_FOUND);
  run(plugin->remove, instance, NAME, NAME, "");
  run(plugin->present, instance, "_acme-challenge.status-429.example.test",
      NAME, "");
  CHECK("a busy host says when to come back",
        results[0].slot.status == DNS01_E_RATE_LIMITED &&
            results[0].slot.retry_after_ms == 7000);

  if (pipe(ends) != 0)
    return;
  call.timeout_ms = 60000;
  call.cancel_fd = ends[0];
  begin = time(NULL);
  pthread_create(&thread, NULL, cancel_soon, &ends[1]);
  run(plugin->present, instance, "_acme-challenge.slow.example.test", NAME, "");
  CHECK("a cancelled call ends within two seconds",
        both(DNS01_E_CANCELLED, 0) && time(NULL) - begin <= 2);
  pthread_join(thread, NULL);
  cancelled = 0;
  call.timeout_ms = 10000;
  call.cancel_fd = -1;
  plugin->close(instance);

  instance = open_with(plugin, endpoint, NULL);
  CHECK("the token is optional", instance != NULL);
  if (instance == NULL)
    return;
  run(plugin->present, instance, NAME, NAME, "");
  CHECK("but somebody must have set it up", both(DNS01_E_CONFIG, 0));
  run(plugin->setup, instance, NAME, NAME, "");
  CHECK("set-up registers an account and keeps it",
        both(DNS01_OK, 0) && state_len > 0);
  run(plugin->present, instance, NAME, NAME, "");
  CHECK("which is then used", both(DNS01_OK, 0));
  run(plugin->remove, instance, NAME, NAME, "");
  plugin->close(instance);
}

int main(int argc, char **argv) {
  char endpoint[256];
  void *library;
  dns01_plugin_entry_fn entry;
  const dns01_plugin *plugin;
  pid_t child;
  if (argc < 3) {
    fprintf(stderr, "usage: host LIBRARY COMMAND...\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  /* POSIX promises that this conversion works */
  *(void **)&entry = dlsym(library, DNS01_ENTRY_SYMBOL);
  plugin = entry != NULL ? entry(&host) : NULL;
  CHECK("it is a plugin", plugin != NULL && plugin->provider_count > 0);
  child = start(argv + 2, endpoint);
  CHECK("the DNS host runs", child > 0);
  if (!failed)
    test(plugin, endpoint);
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  printf(failed ? "%d promises were broken\n" : "every promise was kept\n",
         failed);
  fflush(stdout);
  _exit(failed != 0); /* like dns01d: nothing is unloaded */
}
