/* A host in C: loads a plugin, uses its provider `memory`, prints what it sees.
 *
 * Every struct that it lends ends where a page without any access begins: a
 * plugin that touches a byte beyond struct_size crashes. Compiled from a header
 * of a later minor (LATER) it lends bigger structs, whose added fields must come
 * back as they were. */
#define _GNU_SOURCE
#include <dns01_plugin.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char later_text[] = "of a later minor";

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

/* Zeroed memory that ends at a forbidden page, its struct_size set. */
static void *lend(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *made;
  uint32_t struct_size = (uint32_t)size;
  if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE) != 0)
    fail("no memory");
  made = pages + page - size;
  memcpy(made, &struct_size, sizeof(struct_size));
  return made;
}

#ifdef LATER
#define MARK(p) ((p)->later = 0x1a7e5, (p)->later_text = later_text)
#define MARKED(p) ((p)->later == 0x1a7e5 && (p)->later_text == later_text)
#else
#define MARK(p) ((void)later_text)
#define MARKED(p) 1
#endif

/* Nothing of a struct may have changed but what is the plugin's to write. */
#define CHECK(p, type)                                                         \
  if ((p)->struct_size != sizeof(type) || !MARKED(p))                          \
  fail(#type " was written to where it must not be")

static void host_log(const dns01_host *host, const dns01_call *call,
                     int32_t level, const char *msg, size_t len) {
  (void)host, (void)call;
  printf("log %d %.*s\n", (int)level, (int)len, msg);
}

static int32_t host_is_cancelled(const dns01_host *host,
                                 const dns01_call *call) {
  (void)host, (void)call;
  return 0;
}

static dns01_status host_state_put(const dns01_host *host,
                                   const dns01_call *call, dns01_str key,
                                   dns01_str value) {
  (void)host, (void)call, (void)key, (void)value;
  return DNS01_E_UNSUPPORTED;
}

static dns01_status host_state_get(const dns01_host *host,
                                   const dns01_call *call, dns01_str key,
                                   char *buf, size_t cap, size_t *len) {
  (void)host, (void)call, (void)key, (void)buf, (void)cap;
  *len = 0;
  return DNS01_OK;
}

static const void *host_extension(const dns01_host *host, const char *id) {
  (void)host, (void)id;
  return NULL;
}

static dns01_host *make_host(void) {
  dns01_host *host = lend(sizeof(*host));
  host->abi_minor = DNS01_ABI_MINOR;
  host->name = "test-host";
  host->version = "1";
  host->log = host_log;
  host->is_cancelled = host_is_cancelled;
  host->state_put = host_state_put;
  host->state_get = host_state_get;
  host->get_extension = host_extension;
  MARK(host);
  return host;
}

static dns01_call *make_call(void) {
  dns01_call *call = lend(sizeof(*call));
  call->attempt = 1;
  call->call_id = 1;
  call->timeout_ms = 5000;
  call->cancel_fd = -1;
  MARK(call);
  return call;
}

static dns01_str text(const char *chars) {
  dns01_str made;
  made.ptr = chars;
  made.len = strlen(chars);
  return made;
}

static dns01_result *slot(void) {
  dns01_result *made = lend(sizeof(*made));
  made->status = DNS01_UNSET;
  made->message_cap = 1024;
  made->message = calloc(1, made->message_cap);
  made->handle_cap = 2048;
  made->handle = calloc(1, made->handle_cap);
  MARK(made);
  return made;
}

static void run(const char *what, dns01_batch_fn function,
                dns01_instance *instance, const char *first,
                const char *second) {
  const dns01_call *call = make_call();
  const dns01_record *records[2];
  dns01_result *results[2];
  int i;
  for (i = 0; i < 2; i++) {
    dns01_record *record = lend(sizeof(*record));
    record->ttl = 60;
    record->fqdn = text("_acme-challenge.example.org");
    record->value = text(i == 0 ? first : second);
    record->zone = record->identifier = record->challenge_name = record->token =
        record->key_authorization = record->handle = text("");
    MARK(record);
    records[i] = record;
    results[i] = slot();
  }
  printf("%s %d", what, (int)function(instance, call, records, results, 2));
  for (i = 0; i < 2; i++) {
    CHECK(results[i], dns01_result);
    printf(" [%d %x %s]", (int)results[i]->status, (unsigned)results[i]->flags,
           results[i]->message);
  }
  printf("\n");
}

static dns01_status open_with(const dns01_plugin *plugin,
                              const dns01_host *host, const char *limit,
                              dns01_instance **instance) {
  dns01_option *option = lend(sizeof(*option));
  const dns01_option *options[1];
  dns01_result *error = slot();
  dns01_status opened;
  option->flags = DNS01_OPT_INTEGER;
  option->key = text("limit");
  option->value = text(limit);
  MARK(option);
  options[0] = option;
  opened =
      plugin->open(host, "memory", make_call(), options, 1, error, instance);
  CHECK(error, dns01_result);
  printf("open %d %s\n", (int)opened, error->message);
  return opened;
}

int main(int argc, char **argv) {
  void *library = argc >= 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  dns01_plugin_entry_fn entry;
  const dns01_plugin *plugin;
  dns01_host *host = make_host();
  dns01_instance *instance = NULL;
  dns01_instance_info *info = lend(sizeof(*info));
  if (library == NULL)
    fail(dlerror());
  /* POSIX promises that this conversion works */
  *(void **)&entry = dlsym(library, DNS01_ENTRY_SYMBOL);
  if (argc > 2 && strcmp(argv[2], "small") == 0)
    host->struct_size = 56; /* get_extension is missing */
  plugin = entry(host);
  if (plugin == NULL || plugin->struct_size < 120) {
    printf("no table\n");
    return 0;
  }
  printf("%u %s: %s = %s\n", plugin->provider_count, plugin->providers[0]->id,
         plugin->providers[0]->options[0]->key,
         plugin->providers[0]->options[0]->default_value);

  open_with(plugin, host, "0", &instance);
  if (open_with(plugin, host, "2", &instance) != DNS01_OK)
    return 1;
  MARK(info);
  plugin->info(instance, info);
  CHECK(info, dns01_instance_info);
  printf("info %u %llu\n", info->max_batch, (unsigned long long)info->caps);
  run("present", plugin->present, instance, "a", "b");
  run("present", plugin->present, instance, "b", "c");
  run("remove", plugin->remove, instance, "a", "x");
  run("present", plugin->present, instance, "c", "c");
  plugin->close(instance);
  CHECK(host, dns01_host);
  fflush(stdout);
  _Exit(0); /* like the real host: nothing is unloaded */
}
