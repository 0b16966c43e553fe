/* A plugin that watches whether the host keeps to S1 and S2. It uses every field
 * of ABI 1.0, and compiled from a later header (LATER) also those added since,
 * behind DNS01_HAS as an author must. */
#define _GNU_SOURCE
#include <dns01_plugin.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A copy of a table whose last byte is followed by a page without access. */
static const void *guarded(const void *table, size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0)
    return NULL;
  memcpy(pages + page - size, table, size);
  mprotect(pages, page, PROT_READ);
  return pages + page - size;
}

#ifdef LATER
/* Nobody who knows 1.0 alone may follow this. */
#define GARBAGE , 0xbad, (const char *)0xbad
#define LACKS(p, type) (!DNS01_HAS(p, type, later) && !DNS01_HAS(p, type, later_text))
#define SEEN "all of 1.0, nothing later"
#else
#define GARBAGE
#define LACKS(p, type) 1
#define SEEN "all of 1.0"
#endif

struct dns01_instance {
  const dns01_host *host;
};

static dns01_status say(dns01_result *result, dns01_status status, const char *what) {
  snprintf(result->message, result->message_cap, "%s", what);
  result->status = status;
  return status;
}

static int is_text(dns01_str text) {
  return text.ptr != NULL && text.ptr[text.len] == 0 && strlen(text.ptr) == text.len;
}

static dns01_status open_it(const dns01_host *host, const char *id, const dns01_call *call,
                            const dns01_option *const *options, size_t count, dns01_result *error,
                            dns01_instance **out) {
  static dns01_instance instance;
  size_t i;
  if (strcmp(id, "probe") != 0 || !LACKS(call, dns01_call) || !LACKS(error, dns01_result) ||
      error->message_cap < 1024 || error->handle_cap < 2048 || call->timeout_ms <= 0)
    return say(error, DNS01_E_INTERNAL, "open was given something wrong");
  for (i = 0; i < count; i++)
    if (!LACKS(options[i], dns01_option) || !is_text(options[i]->key) || !is_text(options[i]->value))
      return say(error, DNS01_E_INTERNAL, "an option is wrong");
  instance.host = host;
  *out = &instance;
  return DNS01_OK;
}

static void close_it(dns01_instance *instance) { (void)instance; }

static void info(dns01_instance *instance, dns01_instance_info *out) {
  (void)instance;
  if (!LACKS(out, dns01_instance_info))
    return;
  out->max_batch = 2;
  out->caps = DNS01_CAP_CANCELS | DNS01_CAP_STATELESS_REMOVE;
}

static const char *fault(dns01_instance *instance, const dns01_call *call, const dns01_record *record,
                         const dns01_result *result) {
  const dns01_host *host = instance->host;
  if (!LACKS(host, dns01_host) || !LACKS(call, dns01_call) || !LACKS(record, dns01_record) ||
      !LACKS(result, dns01_result))
    return "a struct is said to have fields that this host does not know";
  if (!DNS01_HAS(host, dns01_host, get_extension) || !DNS01_HAS(record, dns01_record, reserved0) ||
      !DNS01_HAS(result, dns01_result, handle_cap) || !DNS01_HAS(call, dns01_call, cancel_fd))
    return "a struct is smaller than in 1.0";
  if (!is_text(record->fqdn) || !is_text(record->value) || !is_text(record->zone) ||
      !is_text(record->identifier) || !is_text(record->challenge_name) || !is_text(record->token) ||
      !is_text(record->key_authorization) || !is_text(record->handle))
    return "a text of a record is wrong";
  if (result->status != DNS01_UNSET || host->is_cancelled(host, call) != 0)
    return "the call is not fresh";
  if (host->get_extension(host, "probe.unknown/1") != NULL)
    return "an extension that nobody has";
  return NULL;
}

static dns01_status batch(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                          dns01_result *const *results, size_t count) {
  size_t i;
  for (i = 0; i < count; i++) {
    const char *what = fault(instance, call, records[i], results[i]);
    if (what != NULL) {
      say(results[i], DNS01_E_INTERNAL, what);
      continue;
    }
    snprintf(results[i]->handle, results[i]->handle_cap, "the handle");
    say(results[i], DNS01_OK, SEEN);
  }
  return DNS01_OK;
}

static const dns01_option_desc token = {sizeof token, DNS01_OPT_SECRET, "token", "a secret", NULL GARBAGE};
static const dns01_option_desc *options[1];
static const dns01_provider provider = {sizeof provider, 0, "probe", "Probe", NULL, 1, 0, options GARBAGE};
static const dns01_provider *providers[1];
static const dns01_plugin plugin = {sizeof plugin, DNS01_ABI_MINOR, "probe", "1",   "MIT", 1,     0,
                                    providers,     open_it,         close_it, info, batch, batch, batch,
                                    batch,         batch,           NULL GARBAGE};

#ifndef CUT_dns01_plugin
#define CUT_dns01_plugin sizeof plugin
#endif
#ifndef CUT_dns01_provider
#define CUT_dns01_provider sizeof provider
#endif
#ifndef CUT_dns01_option_desc
#define CUT_dns01_option_desc sizeof token
#endif

/* A table that says to be of this size. */
static const void *cut(const void *table, size_t size, uint32_t said) {
  const void *made = guarded(table, size);
  if (made != NULL && said != size) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *begin = (void *)((uintptr_t)made & ~(uintptr_t)(page - 1));
    mprotect(begin, page, PROT_READ | PROT_WRITE);
    memcpy((void *)made, &said, sizeof said);
  }
  return made;
}

DNS01_EXPORT const dns01_plugin *dns01_plugin_v1(const dns01_host *host) {
  if (!DNS01_HAS(host, dns01_host, get_extension) || !LACKS(host, dns01_host))
    return NULL;
  options[0] = cut(&token, sizeof token, CUT_dns01_option_desc);
  providers[0] = cut(&provider, sizeof provider, CUT_dns01_provider);
  return cut(&plugin, sizeof plugin, CUT_dns01_plugin);
}
