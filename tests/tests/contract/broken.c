/* rfc2136 with one misdeed, which -DMISDEED_... chooses: everything else is as it should be. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dns01_plugin.h"

static const dns01_host *host;
static const dns01_plugin *real;

/* ------------------------------------------------------------ what it remembers */

struct seen {
  struct seen *next;
  char *fqdn, *value;
  int standing;
};
static struct seen *all;
static int presented;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct seen *find(const dns01_record *record) {
  struct seen *at = all;
  while (at && (strcmp(at->fqdn, record->fqdn.ptr) || strcmp(at->value, record->value.ptr))) at = at->next;
  return at;
}

static void remember(const dns01_record *record, int standing) {
  pthread_mutex_lock(&lock);
  struct seen *at = find(record);
  if (at == NULL) {
    at = calloc(1, sizeof *at);
    at->fqdn = strdup(record->fqdn.ptr);
    at->value = strdup(record->value.ptr);
    at->next = all;
    all = at;
  }
  at->standing = standing;
  pthread_mutex_unlock(&lock);
}

/* A process that serves many rounds must not grow by what this remembers. */
static void forget_gone(void) {
  pthread_mutex_lock(&lock);
  for (struct seen **at = &all; *at;) {
    struct seen *gone = *at;
    if (gone->standing) {
      at = &gone->next;
      continue;
    }
    *at = gone->next;
    free(gone->fqdn);
    free(gone->value);
    free(gone);
  }
  pthread_mutex_unlock(&lock);
}

/* -------------------------------------------------------------- what it is made of */

static dns01_status refuse_all(dns01_result *const *results, size_t count, dns01_status status, const char *why) {
  for (size_t i = 0; i < count; i++) {
    snprintf(results[i]->message, results[i]->message_cap, "%s", why);
    results[i]->status = status;
  }
  return DNS01_OK;
}

static int ends_with(dns01_str text, const char *end) {
  size_t len = strlen(end);
  return text.len >= len && strcmp(text.ptr + text.len - len, end) == 0;
}

/* The real provider, for one other value at the name of a record. */
static void remove_other(dns01_instance *self, const dns01_call *call, const dns01_record *like, const char *value) {
  static char message[2048], handle[4096];
  dns01_record record = *like;
  dns01_result result = {.struct_size = sizeof result, .status = DNS01_UNSET, .message = message, .handle = handle,
                         .message_cap = sizeof message, .handle_cap = sizeof handle};
  const dns01_record *records[] = {&record};
  dns01_result *results[] = {&result};
  record.struct_size = sizeof record;
  record.value = (dns01_str){value, strlen(value)};
  real->remove(self, call, records, results, 1);
}

/* What others have at the names of this call. */
static void wipe(dns01_instance *self, const dns01_call *call, const dns01_record *const *records, size_t count) {
  for (struct seen *at = all; at; at = at->next)
    for (size_t i = 0; i < count; i++) {
      int ours = 0;
      for (size_t j = 0; j < count; j++) ours |= strcmp(at->value, records[j]->value.ptr) == 0;
      if (at->standing && !ours && strcmp(at->fqdn, records[i]->fqdn.ptr) == 0)
        remove_other(self, call, records[i], at->value);
    }
}

static void *sleep_for_ever(void *nothing) {
  for (;;) pause();
  return nothing;
}

/* Does not care who waits. */
static void hang(void) { sleep_for_ever(NULL); }

/* ------------------------------------------------------------------------- options */

static dns01_status config_fault(dns01_result *error, const char *text) {
  snprintf(error->message, error->message_cap, "%s", text);
  return DNS01_E_CONFIG;
}

static char secret[256];

static dns01_status do_open(const dns01_host *ours, const char *id, const dns01_call *call,
                            const dns01_option *const *options, size_t count, dns01_result *error,
                            dns01_instance **out) {
  const dns01_option *passed[32];
  size_t kept = 0;
  const char *library = "", *level = "1", *server = "", *strange = NULL;
  (void)id;
  for (size_t i = 0; i < count; i++) {
    const dns01_option *option = options[i];
    if (strcmp(option->key.ptr, "library") == 0) library = option->value.ptr;
    else if (strcmp(option->key.ptr, "level") == 0) level = option->value.ptr;
    else {
      if (strcmp(option->key.ptr, "server") == 0) server = option->value.ptr;
      if (strcmp(option->key.ptr, "tsig-secret") == 0) snprintf(secret, sizeof secret, "%s", option->value.ptr);
      if (strncmp(option->key.ptr, "tsig-", 5) && strcmp(option->key.ptr, "server")) strange = option->key.ptr;
      if (kept < 32) passed[kept++] = option;
    }
  }
#ifdef MISDEED_UNKNOWN
  if (strange) {
    snprintf(error->message, error->message_cap, "what is `%s`?", strange);
    return DNS01_E_PERMANENT;
  }
#endif
  (void)strange;
  if (*server == 0) {
#if defined MISDEED_CRASH_MISSING
    *(volatile int *)16 = 1;
#elif defined MISDEED_NAMELESS
    return config_fault(error, "an option is missing");
#elif defined MISDEED_WRONG_CLASS
    config_fault(error, "option `server` is missing");
    return DNS01_E_PERMANENT;
#endif
    return config_fault(error, "option `server` is missing");
  }
  if (*library == 0) return config_fault(error, "option `library` is missing");
#ifndef MISDEED_MALFORMED
  char *end;
  long long number = strtoll(level, &end, 10);
  if (*end || number < 0 || number > 9) return config_fault(error, "option `level` must be 0 to 9");
#endif
  if (real == NULL) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    dns01_plugin_entry_fn entry = handle ? (dns01_plugin_entry_fn)dlsym(handle, DNS01_ENTRY_SYMBOL) : NULL;
    real = entry ? entry(ours) : NULL;
  }
  if (real == NULL) return config_fault(error, "option `library` names no plugin");
#ifdef MISDEED_LEAK_MEMORY
  static char *volatile lost;
  lost = malloc(64 << 10);
  memset(lost, 1, 64 << 10);
#endif
#ifdef MISDEED_LEAK_DESCRIPTOR
  open("/dev/null", O_RDONLY);
#endif
#ifdef MISDEED_LEAK_THREAD
  pthread_t thread;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 << 10);
  pthread_create(&thread, &small, sleep_for_ever, NULL);
#endif
#ifdef MISDEED_WRITES_FILE
  open(MISDEED_WRITES_FILE, O_CREAT | O_WRONLY, 0600);
#endif
#ifdef MISDEED_LOG_SECRET
  char line[512];
  snprintf(line, sizeof line, "opened with tsig-secret=%s", secret);
  host->log(host, call, DNS01_LOG_TRACE, line, strlen(line));
#endif
#ifdef MISDEED_PRINT_SECRET
  printf("debug: %s\n", secret);
  fflush(stdout);
#endif
  return real->open(ours, "rfc2136", call, passed, kept, error, out);
}

static void do_close(dns01_instance *instance) {
  forget_gone();
  real->close(instance);
}

static void do_info(dns01_instance *instance, dns01_instance_info *out) {
  real->info(instance, out);
#ifdef MISDEED_INFO
  out->propagation_initial_ms = 20000;
  out->propagation_timeout_ms = 1000;
#endif
#ifdef MISDEED_FICKLE
  out->min_ttl = 1 + (uint32_t)getpid() % 30000;
#endif
#ifdef MISDEED_INFO_SIZE
  memset((char *)out + sizeof *out, 0, 8);
#endif
#ifdef MISDEED_MIXED
  out->caps &= ~(uint64_t)DNS01_CAP_ATOMIC_BATCH;
#endif
}

/* ---------------------------------------------------------------------- operations */

static dns01_status do_present(dns01_instance *self, const dns01_call *call, const dns01_record *const *records,
                               dns01_result *const *results, size_t count) {
  const dns01_record *first = records[0];
  (void)first;
  presented = 1;
#ifdef MISDEED_DEADLINE
  if (call->timeout_ms <= 50) hang();
#endif
#ifdef MISDEED_CANCEL
  struct pollfd cancelled = {.fd = call->cancel_fd, .events = POLLIN};
  if (call->timeout_ms > 50 && poll(&cancelled, 1, 15) > 0) hang();
#endif
#ifdef MISDEED_NOT_CANCELLED
  if (call->timeout_ms <= 50) return refuse_all(results, count, DNS01_E_PERMANENT, "no time");
#endif
#ifdef MISDEED_AGAIN
  for (size_t i = 0; i < count; i++) {
    struct seen *at = find(records[i]);
    if (at && at->standing) return refuse_all(results, count, DNS01_E_PERMANENT, "the record exists");
  }
#endif
#ifdef MISDEED_APEX
  if (strcmp(first->identifier.ptr, "example.test") == 0)
    return refuse_all(results, count, DNS01_E_PERMANENT, "no label left");
#endif
#ifdef MISDEED_SUBZONE
  if (ends_with(first->fqdn, ".sub.example.test"))
    return refuse_all(results, count, DNS01_E_PERMANENT, "no such record in example.test");
#endif
#ifdef MISDEED_HINT
  if (first->zone.len == 0) return refuse_all(results, count, DNS01_E_ZONE_NOT_FOUND, "no zone given");
#endif
#ifdef MISDEED_WRONG_HINT
  if (ends_with(first->zone, ".invalid")) return refuse_all(results, count, DNS01_E_TRANSIENT, "zone not loaded");
#endif
#ifdef MISDEED_LABEL
  const char *dot = strchr(first->identifier.ptr, '.');
  if (dot && dot - first->identifier.ptr > 60) return refuse_all(results, count, DNS01_E_PERMANENT, "too long");
#endif
#ifdef MISDEED_LONG
  if (first->value.len > 255) return refuse_all(results, count, DNS01_E_PERMANENT, "too long");
#endif
#ifdef MISDEED_OUTSIDE
  if (count == 1 && ends_with(first->fqdn, ".invalid"))
    return refuse_all(results, count, DNS01_E_TRANSIENT, "not found");
#endif
#ifdef MISDEED_OVERLAP
  static int running;
  if (__sync_add_and_fetch(&running, 1) > 1) {
    __sync_sub_and_fetch(&running, 1);
    return refuse_all(results, count, DNS01_E_INTERNAL, "busy");
  }
  usleep(2000);
#endif
#ifdef MISDEED_WIPE
  wipe(self, call, records, count);
#endif
  dns01_status status;
#ifdef MISDEED_PAIR
  /* a set of one: the last one wins */
  if (count == 2 && strcmp(first->identifier.ptr, "example.test") != 0 &&
      strcmp(first->fqdn.ptr, records[1]->fqdn.ptr) == 0) {
    status = real->present(self, call, records + 1, results + 1, 1);
    results[0]->status = results[1]->status;
    remember(records[0], 0), remember(records[1], 1);
    return status;
  }
#endif
  status = real->present(self, call, records, results, count);
#ifdef MISDEED_OVERLAP
  __sync_sub_and_fetch(&running, 1);
#endif
  for (size_t i = 0; i < count; i++)
    if (results[i]->status == DNS01_OK) remember(records[i], 1);
#ifdef MISDEED_HANDLE
  for (size_t i = 0; i < count; i++)
    snprintf(results[i]->handle, results[i]->handle_cap, "process %d", (int)getpid());
#endif
#ifdef MISDEED_GIVES_HANDLES
  for (size_t i = 0; i < count; i++) snprintf(results[i]->handle, results[i]->handle_cap, "record");
#endif
#ifdef MISDEED_LIES
  for (size_t i = 0; i < count; i++) results[i]->flags |= DNS01_RESULT_NO_CHANGE;
#endif
#ifdef MISDEED_FULL
  if (count > 50) results[count - 1]->status = DNS01_UNSET;
#endif
#ifdef MISDEED_MIXED
  for (size_t i = 0; i < count; i++)
    if (count > 1 && ends_with(records[i]->fqdn, ".invalid"))
      return refuse_all(results, count, DNS01_E_ZONE_NOT_FOUND, "one of the names has no zone");
#endif
#ifdef MISDEED_AUTH
  for (size_t i = 0; i < count; i++)
    if (results[i]->status == DNS01_E_AUTH) results[i]->status = DNS01_E_TRANSIENT;
  if (status == DNS01_E_AUTH) status = DNS01_E_TRANSIENT;
#endif
#ifdef MISDEED_MUTE
  for (size_t i = 0; i < count; i++)
    if (results[i]->status == DNS01_E_AUTH) results[i]->message[0] = 0;
  if (status == DNS01_E_AUTH) results[0]->message[0] = 0;
#endif
#ifdef MISDEED_TELL_SECRET
  snprintf(results[0]->message, results[0]->message_cap, "sent with %s", secret);
#endif
#ifdef MISDEED_SECRET_HANDLE
  snprintf(results[0]->handle, results[0]->handle_cap, "record:%s", secret);
#endif
#ifdef MISDEED_PAST_STRUCT
  /* a field of a later minor; behind the struct of 1.0 malloc rounds up, so that only a fence shows it */
  ((char *)results[0])[sizeof(dns01_result)] = 1;
#endif
#ifdef MISDEED_ASSIGNS
  *results[0] = (dns01_result){.struct_size = sizeof(dns01_result), .status = results[0]->status};
#endif
#ifdef MISDEED_PAST_BUFFER
  memset(results[0]->message + 1024, 0, 1024);
#endif
#ifdef MISDEED_EXACT_SIZE
  if (call->struct_size != sizeof *call) return refuse_all(results, count, DNS01_E_INTERNAL, "unknown host");
#endif
  return status;
}

static dns01_status do_remove(dns01_instance *self, const dns01_call *call, const dns01_record *const *records,
                              dns01_result *const *results, size_t count) {
#ifdef MISDEED_AGAIN_REMOVE
  for (size_t i = 0; i < count; i++) {
    struct seen *at = find(records[i]);
    if (at && !at->standing) return refuse_all(results, count, DNS01_E_PERMANENT, "no such record");
  }
#endif
#ifdef MISDEED_WIPE_REMOVE
  wipe(self, call, records, count);
#endif
#ifdef MISDEED_LOST
  /* knows only what its process presented, until it is asked again */
  static int asked;
  if (!presented && records[0]->handle.len == 0 && asked++ == 0)
    return refuse_all(results, count, DNS01_OK, "");
#endif
#ifdef MISDEED_HANDLE
  char own[64];
  snprintf(own, sizeof own, "process %d", (int)getpid());
  if (records[0]->handle.len && strcmp(records[0]->handle.ptr, own))
    return refuse_all(results, count, DNS01_E_PERMANENT, "no such handle");
#endif
#ifdef MISDEED_LEAVES
  static int removals;
  if (++removals == 20) return refuse_all(results, count, DNS01_OK, "");
#endif
  dns01_status status = real->remove(self, call, records, results, count);
  for (size_t i = 0; i < count; i++) remember(records[i], 0);
  return status;
}

static dns01_status do_check(dns01_instance *self, const dns01_call *call, const dns01_record *const *records,
                             dns01_result *const *results, size_t count) {
#ifdef MISDEED_CHECK_WRITES
  if (count) return real->present(self, call, records, results, count);
#endif
  return real->check(self, call, records, results, count);
}

/* -------------------------------------------------------------------------- tables */

#define OPTION(name, key_flags) \
  {.struct_size = sizeof(dns01_option_desc), .flags = (key_flags), .key = (name), .help = (name)}
static const dns01_option_desc table[] = {
    OPTION("server", DNS01_OPT_REQUIRED),  OPTION("tsig-key", 0),
    OPTION("tsig-secret", DNS01_OPT_SECRET), OPTION("library", DNS01_OPT_REQUIRED | DNS01_OPT_FILE),
    OPTION("level", DNS01_OPT_INTEGER),
};
static const dns01_option_desc *const option_list[] = {&table[0], &table[1], &table[2], &table[3], &table[4]};
static const dns01_provider broken = {
    .struct_size = sizeof(dns01_provider),
    .id = "broken",
    .title = "rfc2136 with a misdeed",
    .option_count = 5,
    .options = option_list,
};
static const dns01_provider *const provider_list[] = {&broken};
static const dns01_plugin plugin = {
    .struct_size = sizeof(dns01_plugin),
    .abi_minor = DNS01_ABI_MINOR,
    .name = "broken",
    .version = "1.0",
    .provider_count = 1,
    .providers = provider_list,
    .open = do_open,
    .close = do_close,
    .info = do_info,
    .present = do_present,
    .remove = do_remove,
    .check = do_check,
};

#ifdef MISDEED_EXPORTS
DNS01_EXPORT int SSL_new(void) { return 0; }
#endif
#ifdef MISDEED_UNRESOLVED
extern int dns01_nobody_has_this(void);
#endif

DNS01_EXPORT const dns01_plugin *dns01_plugin_v1(const dns01_host *ours) {
  host = ours;
#ifdef MISDEED_UNRESOLVED
  if (ours->abi_minor > 1000) dns01_nobody_has_this();
#endif
  (void)wipe, (void)hang, (void)ends_with, (void)refuse_all;
  return &plugin;
}
