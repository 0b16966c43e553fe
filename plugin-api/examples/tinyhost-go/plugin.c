/* The tables, and the calls that Go cannot make itself. */
#include "plugin.h"
#include "_cgo_export.h"

void host_log(const dns01_host *host, const dns01_call *call, int32_t level,
              const char *line, size_t len) {
  host->log(host, call, level, line, len);
}
int32_t host_is_cancelled(const dns01_host *host, const dns01_call *call) {
  return host->is_cancelled(host, call);
}
dns01_status host_state_put(const dns01_host *host, const dns01_call *call,
                            dns01_str key, dns01_str value) {
  return host->state_put(host, call, key, value);
}
dns01_status host_state_get(const dns01_host *host, const dns01_call *call,
                            dns01_str key, char *buffer, size_t cap, size_t *len) {
  return host->state_get(host, call, key, buffer, cap, len);
}

static dns01_status do_open(const dns01_host *host, const char *provider_id,
                            const dns01_call *call, const dns01_option *const *options,
                            size_t count, dns01_result *error, dns01_instance **out) {
  (void)provider_id;
  return goOpen((dns01_host *)host, (dns01_call *)call, (dns01_option **)options, count,
                error, out);
}
static void do_close(dns01_instance *instance) { goClose(instance); }
static void do_info(dns01_instance *instance, dns01_instance_info *out) {
  (void)instance;
  out->max_batch = 50; /* most records in one request: a limit of the API */
  out->caps = DNS01_CAP_CONCURRENT         /* nothing in an instance changes      */
              | DNS01_CAP_STATELESS_REMOVE /* by name and value                   */
              | DNS01_CAP_CANCELS;
}

#define BATCH(name, operation)                                                          \
  static dns01_status name(dns01_instance *instance, const dns01_call *call,            \
                           const dns01_record *const *records,                          \
                           dns01_result *const *results, size_t count) {                \
    return goBatch(operation, instance, (dns01_call *)call, (dns01_record **)records,   \
                   (dns01_result **)results, count);                                    \
  }
BATCH(do_present, PRESENT)
BATCH(do_remove, REMOVE)
BATCH(do_check, CHECK)
BATCH(do_setup, SETUP)

/* The host shows these to operators, checks the configuration by them, and keeps
 * the secret masked. */
static const dns01_option_desc endpoint = {
    sizeof(dns01_option_desc), DNS01_OPT_REQUIRED, "endpoint",
    "address and port of the API: 127.0.0.1:8053", NULL};
static const dns01_option_desc token = {
    sizeof(dns01_option_desc), DNS01_OPT_SECRET, "token",
    "API token; without it: the account made by set-up", NULL};
static const dns01_option_desc timeout = {
    sizeof(dns01_option_desc), DNS01_OPT_DURATION, "timeout", "limit of one request",
    "10000"};
static const dns01_option_desc *const options[] = {&endpoint, &token, &timeout};
static const dns01_provider provider = {
    sizeof(dns01_provider), 0, "tinyhost", "TinyHost, of the examples", NULL, 3, 0,
    options};
static const dns01_provider *const providers[] = {&provider};
static const dns01_plugin plugin = {
    sizeof(dns01_plugin), DNS01_ABI_MINOR, "tinyhost", "0.1.0", "MIT", 1, 0, providers,
    do_open, do_close, do_info, do_present, do_remove,
    NULL, /* sync */
    do_check, do_setup,
    NULL /* get_extension */
};

/* get_extension is the last field of 1.0: a host without it is none (S2). */
const dns01_plugin *dns01_plugin_v1(const dns01_host *host) {
  return DNS01_HAS(host, dns01_host, get_extension) ? &plugin : NULL;
}
