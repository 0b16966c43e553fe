/*
 * The smallest whole provider in C: it keeps the records in its own memory.
 *
 *   cc -std=c99 -shared -fPIC -fvisibility=hidden -Wl,-z,defs \
 *      -I include -o libmemory.so memory.c
 */
#include <dns01_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
  struct kept *next;
  char *fqdn;
  char *value;
};

struct dns01_instance {
  size_t limit;
  size_t count;
  struct kept *first;
};

/* ------------------------------------------------------------------- results */

/* The host's buffers hold message_cap bytes, the NUL included (here ASCII, so
 * that any cut is between characters). */
static dns01_status fail(dns01_result *result, dns01_status status,
                         const char *message) {
  snprintf(result->message, result->message_cap, "%s", message);
  return status;
}

static void settle(dns01_result *result, dns01_status status, uint32_t flags) {
  result->flags = flags;
  result->status = status;
}

/* ------------------------------------------------------------------- records */

/* Host text ends with a NUL and has none inside, so it may be used as a C
 * string; but only until the call returns, so it is copied. */
static char *copy(dns01_str text) {
  char *made = malloc(text.len + 1);
  if (made != NULL)
    memcpy(made, text.ptr, text.len + 1);
  return made;
}

static struct kept **find(dns01_instance *self, const dns01_record *record) {
  struct kept **at = &self->first;
  while (*at != NULL && (strcmp((*at)->fqdn, record->fqdn.ptr) != 0 ||
                         strcmp((*at)->value, record->value.ptr) != 0))
    at = &(*at)->next;
  return at;
}

static void drop(dns01_instance *self, struct kept **at) {
  struct kept *gone = *at;
  *at = gone->next;
  free(gone->fqdn);
  free(gone->value);
  free(gone);
  self->count--;
}

/* ---------------------------------------------------------------- operations */

static dns01_status do_open(const dns01_host *host, const char *provider_id,
                            const dns01_call *call,
                            const dns01_option *const *options,
                            size_t option_count, dns01_result *error,
                            dns01_instance **out) {
  long limit = 0;
  size_t i;
  dns01_instance *self;
  (void)host, (void)provider_id, (void)call;
  for (i = 0; i < option_count; i++)
    if (strcmp(options[i]->key.ptr, "limit") == 0)
      limit = strtol(options[i]->value.ptr, NULL, 10);
  if (limit <= 0)
    return fail(error, DNS01_E_CONFIG, "option `limit` must be more than 0");
  self = calloc(1, sizeof(*self));
  if (self == NULL)
    return fail(error, DNS01_E_TRANSIENT, "out of memory");
  self->limit = (size_t)limit;
  *out = self;
  return DNS01_OK;
}

static void do_close(dns01_instance *self) {
  while (self->first != NULL)
    drop(self, &self->first);
  free(self);
}

static void do_info(dns01_instance *self, dns01_instance_info *out) {
  (void)self;
  out->max_batch = 10; /* zeroed by the host; all else is its default */
}

static dns01_status present(dns01_instance *self, const dns01_call *call,
                            const dns01_record *const *records,
                            dns01_result *const *results, size_t count) {
  size_t i;
  (void)call;
  for (i = 0; i < count; i++) {
    struct kept *made;
    if (*find(self, records[i]) != NULL) {
      settle(results[i], DNS01_OK, DNS01_RESULT_NO_CHANGE);
      continue;
    }
    if (self->count >= self->limit) {
      settle(results[i],
             fail(results[i], DNS01_E_PERMANENT, "full: raise `limit`"), 0);
      continue;
    }
    made = calloc(1, sizeof(*made));
    if (made == NULL || (made->fqdn = copy(records[i]->fqdn)) == NULL ||
        (made->value = copy(records[i]->value)) == NULL) {
      if (made != NULL)
        free(made->fqdn);
      free(made);
      return fail(results[i], DNS01_E_TRANSIENT, "out of memory");
    }
    made->next = self->first;
    self->first = made;
    self->count++;
    settle(results[i], DNS01_OK, 0);
  }
  return DNS01_OK;
}

static dns01_status do_remove(dns01_instance *self, const dns01_call *call,
                              const dns01_record *const *records,
                              dns01_result *const *results, size_t count) {
  size_t i;
  (void)call;
  for (i = 0; i < count; i++) {
    struct kept **at = find(self, records[i]);
    settle(results[i], DNS01_OK, *at == NULL ? DNS01_RESULT_NO_CHANGE : 0);
    if (*at != NULL)
      drop(self, at);
  }
  return DNS01_OK;
}

/* -------------------------------------------------------------------- tables */

static const dns01_option_desc limit_option = {
    sizeof(dns01_option_desc), DNS01_OPT_INTEGER, "limit",
    "most records that it keeps", "100"};
static const dns01_option_desc *const options[] = {&limit_option};
static const dns01_provider provider = {
    sizeof(dns01_provider), 0, "memory", "Keeps records in memory", NULL, 1, 0,
    options};
static const dns01_provider *const providers[] = {&provider};
static const dns01_plugin plugin = {
    sizeof(dns01_plugin), DNS01_ABI_MINOR, "memory-example", "0.1.0", "MIT", 1,
    0, providers, do_open, do_close, do_info, present, do_remove,
    NULL, /* sync */
    NULL, /* check */
    NULL, /* setup */
    NULL  /* get_extension */
};

/* get_extension is the last field of 1.0: a host without it is none (S2). */
const dns01_plugin *dns01_plugin_v1(const dns01_host *host) {
  return DNS01_HAS(host, dns01_host, get_extension) ? &plugin : NULL;
}
