/* Libraries that are no good plugins: FAULT says which kind. */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "dns01_plugin.h"

static dns01_status open_it(const dns01_host *host, const char *id, const dns01_call *call,
                            const dns01_option *const *options, size_t count, dns01_result *error,
                            dns01_instance **out) {
  (void)host, (void)id, (void)call, (void)options, (void)count, (void)error, (void)out;
  return DNS01_E_UNSUPPORTED;
}
static void close_it(dns01_instance *instance) { (void)instance; }
static dns01_status batch(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                          dns01_result *const *results, size_t count) {
  (void)instance, (void)call, (void)records, (void)results, (void)count;
  return DNS01_E_UNSUPPORTED;
}

static dns01_option_desc option = {sizeof option, 0, "key", "help", NULL};
static const dns01_option_desc *options[] = {&option, &option};
static dns01_provider provider = {sizeof provider, 0, "good", "Good", NULL, 1, 0, options};
static const dns01_provider *providers[] = {&provider, &provider};
static dns01_plugin plugin = {.struct_size = sizeof plugin,
                              .name = "tables",
                              .version = "1",
                              .provider_count = 1,
                              .providers = providers,
                              .open = open_it,
                              .close = close_it,
                              .present = batch,
                              .remove = batch};

#define NULL_TABLE 1
#define SMALL 2
#define NO_PRESENT 3
#define BAD_ID 4
#define TWICE 5
#define LONG_NAME 6
#define MANY 7
#define NO_LIST 8
#define TWO_TYPES 9
#define SMALL_OPTION 10
#define HANG 11
#define MISALIGNED 12
#define NO_NAME 13
#define OPTION_TWICE 14
#define WILD 15
#define ABI_2 100
#define NO_ENTRY 101
#define UNDEFINED 102

#if FAULT == ABI_2
DNS01_EXPORT const void *dns01_plugin_v2(const void *host) { return host; }
#elif FAULT == NO_ENTRY
DNS01_EXPORT int something_else(void) { return 1; }
#else
#if FAULT == UNDEFINED
extern int no_library_has_this(void);
#endif
DNS01_EXPORT const dns01_plugin *dns01_plugin_v1(const dns01_host *host) {
  static char name[100000];
  memset(name, 'n', sizeof name - 1);
  switch (FAULT) {
  case NULL_TABLE:
    host->log(host, NULL, DNS01_LOG_ERROR, "I want ABI 1.7", 14);
    return NULL;
  case SMALL: plugin.struct_size = 40; break;
  case NO_PRESENT: plugin.present = NULL; break;
  case BAD_ID: provider.id = "Not Good\n"; break;
  case TWICE: plugin.provider_count = 2; break;
  case LONG_NAME: plugin.name = name; break;
  case MANY: plugin.provider_count = 0xffffffff; break;
  case NO_LIST: provider.options = NULL; break;
  case TWO_TYPES: option.flags = DNS01_OPT_INTEGER | DNS01_OPT_FILE; break;
  case SMALL_OPTION: option.struct_size = 31; break;
  case HANG: for (;;) pause();
  case MISALIGNED: return (const dns01_plugin *)((const char *)&plugin + 1);
  case NO_NAME: plugin.name = NULL; break;
  case OPTION_TWICE: provider.option_count = 2; break;
  case WILD: return (const dns01_plugin *)64;
#if FAULT == UNDEFINED
  case UNDEFINED: return no_library_has_this() ? &plugin : NULL;
#endif
  }
  return &plugin;
}
#endif
