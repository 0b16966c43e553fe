/* rfc2136, until the file `fault` says otherwise: "OPERATION MOMENT DEED", as in "present before crash".
 * OPERATION is present or remove; MOMENT is before or after the real provider did it.
 * "narrow" is a host whose names hold one value, also before a fault; "tardy" one whose servers have a record only when it was
 * asked three times. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dns01_plugin.h"

static const dns01_host *host;
static const dns01_plugin *real;
static char fault[4096];

static void read_fault(char *text, size_t size) {
  int fd = open(fault, O_RDONLY | O_CLOEXEC);
  memset(text, 0, size);
  if (fd < 0) return;
  if (read(fd, text, size - 1) < 0) text[0] = 0;
  close(fd);
}

static void misbehave(const dns01_call *call, const char *operation, const char *moment) {
  char text[64], on[16], when[16], deed[16];
  read_fault(text, sizeof text);
  const char *fault = strncmp(text, "narrow ", 7) == 0 ? text + 7 : text;
  if (sscanf(fault, "%15s %15s %15s", on, when, deed) != 3) return;
  if (strcmp(on, operation) != 0 || strcmp(when, moment) != 0) return;
  host->log(host, call, DNS01_LOG_INFO, text, strlen(text));
  if (strcmp(deed, "crash") == 0) *(volatile int *)16 = 1;
  if (strcmp(deed, "exit") == 0) _exit(7);
  while (strcmp(deed, "flood") == 0) puts("and another line that nobody asked for");
  while (strcmp(deed, "hang") == 0) pause();
}

static dns01_status do_open(const dns01_host *ours, const char *id, const dns01_call *call,
                            const dns01_option *const *options, size_t count, dns01_result *error,
                            dns01_instance **out) {
  const dns01_option *passed[32];
  size_t kept = 0;
  char library[4096] = "";
  (void)id;
  for (size_t i = 0; i < count; i++) {
    const dns01_option *option = options[i];
    char *own = strcmp(option->key.ptr, "fault") == 0     ? fault
                : strcmp(option->key.ptr, "library") == 0 ? library
                                                          : NULL;
    if (own != NULL)
      snprintf(own, sizeof fault, "%.*s", (int)option->value.len, option->value.ptr);
    else if (kept < 32)
      passed[kept++] = option;
  }
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  dns01_plugin_entry_fn entry = handle ? (dns01_plugin_entry_fn)dlsym(handle, DNS01_ENTRY_SYMBOL) : NULL;
  real = entry ? entry(ours) : NULL;
  if (real == NULL) {
    snprintf(error->message, error->message_cap, "no rfc2136: %s", dlerror());
    return DNS01_E_CONFIG;
  }
  return real->open(ours, "rfc2136", call, passed, kept, error, out);
}

static void do_close(dns01_instance *instance) { real->close(instance); }

static void do_info(dns01_instance *instance, dns01_instance_info *out) {
  char text[64];
  if (real->info != NULL) real->info(instance, out);
  read_fault(text, sizeof text);
  if (strncmp(text, "narrow", 6) == 0) out->max_values_per_name = 1;
}

static dns01_status do_present(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                               dns01_result *const *results, size_t count) {
  misbehave(call, "present", "before");
  dns01_status status = real->present(instance, call, records, results, count);
  misbehave(call, "present", "after");
  return status;
}

static dns01_status do_remove(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                              dns01_result *const *results, size_t count) {
  misbehave(call, "remove", "before");
  dns01_status status = real->remove(instance, call, records, results, count);
  misbehave(call, "remove", "after");
  return status;
}

static dns01_status do_sync(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                            dns01_result *const *results, size_t count) {
  static int asked;
  char text[64];
  (void)instance, (void)records;
  read_fault(text, sizeof text);
  int pending = strcmp(text, "tardy") == 0 && ++asked <= 3;
  if (pending) host->log(host, call, DNS01_LOG_INFO, "not on all servers yet", 22);
  for (size_t i = 0; i < count; i++) {
    results[i]->retry_after_ms = pending ? 150 : 0;
    results[i]->status = pending ? DNS01_PENDING : DNS01_OK;
  }
  return DNS01_OK;
}

#define OPTION(name, key_flags) {.struct_size = sizeof(dns01_option_desc), .flags = (key_flags), .key = (name), .help = (name)}
static const dns01_option_desc table[] = {
    OPTION("server", DNS01_OPT_REQUIRED | DNS01_OPT_LIST),
    OPTION("tsig-key", 0),
    OPTION("tsig-algorithm", 0),
    OPTION("tsig-secret", DNS01_OPT_SECRET),
    OPTION("library", DNS01_OPT_REQUIRED | DNS01_OPT_FILE),
    OPTION("fault", DNS01_OPT_REQUIRED | DNS01_OPT_FILE),
};
static const dns01_option_desc *const option_list[] = {&table[0], &table[1], &table[2],
                                                       &table[3], &table[4], &table[5]};
static const dns01_provider faulty = {
    .struct_size = sizeof(dns01_provider),
    .id = "faulty",
    .title = "rfc2136 with faults",
    .option_count = 6,
    .options = option_list,
};
static const dns01_provider *const provider_list[] = {&faulty};
static const dns01_plugin plugin = {
    .struct_size = sizeof(dns01_plugin),
    .abi_minor = DNS01_ABI_MINOR,
    .name = "faulty",
    .version = "1.0",
    .provider_count = 1,
    .providers = provider_list,
    .open = do_open,
    .close = do_close,
    .info = do_info,
    .present = do_present,
    .remove = do_remove,
    .sync = do_sync,
};

DNS01_EXPORT const dns01_plugin *dns01_plugin_v1(const dns01_host *ours) {
  host = ours;
  return &plugin;
}
