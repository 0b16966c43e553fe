/*
 * The C boundary: the table of functions, which must be const and outlive
 * everything, so Go's memory is no place for it. What the functions do is in
 * Go; they differ from Go's only in the `const` that cgo cannot say.
 */
#define _GNU_SOURCE
#include "_cgo_export.h"

#include <pthread.h>

/* A thread of Go's needs its C stack for a log line of the host's. The default
 * of 8 MiB for each would be what fills the memory that a plugin may have. */
#define THREAD_STACK (1u << 20)

/* Before the runtime of Go starts its first thread, which it does when the
 * library is mapped: numbered constructors run before the others. */
__attribute__((constructor(101))) static void small_stacks(void) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0)
    return;
  if (pthread_attr_setstacksize(&attributes, THREAD_STACK) == 0)
    pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

void lego_log(const dns01_host *host, const dns01_call *call, int32_t level,
              const char *text, size_t len) {
  host->log(host, call, level, text, len);
}

int32_t lego_is_cancelled(const dns01_host *host, const dns01_call *call) {
  return host->is_cancelled(host, call);
}

static dns01_status do_open(const dns01_host *host, const char *provider_id,
                            const dns01_call *call,
                            const dns01_option *const *options,
                            size_t option_count, dns01_result *error,
                            dns01_instance **out) {
  uintptr_t handle = 0;
  dns01_status status =
      legoOpen((dns01_host *)host, (char *)provider_id, (dns01_call *)call,
               (dns01_option **)options, option_count, error, &handle);
  if (status == DNS01_OK)
    *out = (dns01_instance *)handle;
  return status;
}

static void do_close(dns01_instance *instance) {
  legoClose((uintptr_t)instance);
}

static void do_info(dns01_instance *instance, dns01_instance_info *out) {
  legoInfo((uintptr_t)instance, out);
}

static dns01_status do_present(dns01_instance *instance, const dns01_call *call,
                               const dns01_record *const *records,
                               dns01_result *const *results, size_t count) {
  return legoPresent((uintptr_t)instance, (dns01_call *)call,
                     (dns01_record **)records, (dns01_result **)results, count);
}

static dns01_status do_remove(dns01_instance *instance, const dns01_call *call,
                              const dns01_record *const *records,
                              dns01_result *const *results, size_t count) {
  return legoRemove((uintptr_t)instance, (dns01_call *)call,
                    (dns01_record **)records, (dns01_result **)results, count);
}

/* Filled once, by the entry. */
static dns01_plugin plugin = {
    .struct_size = sizeof(dns01_plugin),
    .abi_minor = DNS01_ABI_MINOR,
    .open = do_open,
    .close = do_close,
    .info = do_info,
    .present = do_present,
    .remove = do_remove,
};

const dns01_plugin *dns01_plugin_v1(const dns01_host *host) {
  if (plugin.name == NULL && !legoDescribe((dns01_host *)host, &plugin))
    return NULL;
  return &plugin;
}
