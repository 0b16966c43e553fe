/* A host in C: loads a plugin, uses its provider `memory`, prints what it sees. */
#define _POSIX_C_SOURCE 200809L
#include <dns01_plugin.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static const dns01_host host = {
    sizeof(dns01_host), DNS01_ABI_MINOR,   "test-host",    "1",
    host_log,           host_is_cancelled, host_state_put, host_state_get,
    host_extension};
static const dns01_call call = {sizeof(dns01_call), 1, 1, 5000, -1, 0};

static dns01_str text(const char *chars) {
  dns01_str made;
  made.ptr = chars;
  made.len = strlen(chars);
  return made;
}

static dns01_result slot(char *message, char *handle) {
  dns01_result made;
  memset(&made, 0, sizeof(made));
  made.struct_size = sizeof(made);
  made.status = DNS01_UNSET;
  made.message = message;
  made.message_cap = 1024;
  made.handle = handle;
  made.handle_cap = 2048;
  message[0] = handle[0] = 0;
  return made;
}

static void run(const char *what, dns01_batch_fn function,
                dns01_instance *instance, const char *first,
                const char *second) {
  dns01_record records[2];
  const dns01_record *record_pointers[2];
  dns01_result results[2];
  dns01_result *result_pointers[2];
  static char messages[2][1024], handles[2][2048];
  int i;
  for (i = 0; i < 2; i++) {
    memset(&records[i], 0, sizeof(records[i]));
    records[i].struct_size = sizeof(records[i]);
    records[i].ttl = 60;
    records[i].fqdn = text("_acme-challenge.example.org");
    records[i].value = text(i == 0 ? first : second);
    records[i].zone = records[i].identifier = records[i].challenge_name =
        records[i].token = records[i].key_authorization = records[i].handle =
            text("");
    record_pointers[i] = &records[i];
    results[i] = slot(messages[i], handles[i]);
    result_pointers[i] = &results[i];
  }
  printf("%s %d", what,
         (int)function(instance, &call, record_pointers, result_pointers, 2));
  for (i = 0; i < 2; i++)
    printf(" [%d %x %s]", (int)results[i].status, (unsigned)results[i].flags,
           messages[i]);
  printf("\n");
}

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  dns01_plugin_entry_fn entry;
  const dns01_plugin *plugin;
  dns01_option option;
  const dns01_option *options[1];
  dns01_result error;
  dns01_instance *instance = NULL;
  dns01_instance_info info;
  static char message[1024], handle[2048];
  dns01_status opened;
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  /* POSIX promises that this conversion works */
  *(void **)&entry = dlsym(library, DNS01_ENTRY_SYMBOL);
  plugin = entry(&host);
  if (plugin == NULL || !DNS01_HAS(plugin, dns01_plugin, get_extension))
    return 1;
  printf("%u %s: %s = %s\n", plugin->provider_count, plugin->providers[0]->id,
         plugin->providers[0]->options[0]->key,
         plugin->providers[0]->options[0]->default_value);

  memset(&option, 0, sizeof(option));
  option.struct_size = sizeof(option);
  option.flags = DNS01_OPT_INTEGER;
  option.key = text("limit");
  option.value = text("0");
  options[0] = &option;
  error = slot(message, handle);
  opened = plugin->open(&host, "memory", &call, options, 1, &error, &instance);
  printf("open %d %s\n", (int)opened, message);
  option.value = text("2");
  error = slot(message, handle);
  opened = plugin->open(&host, "memory", &call, options, 1, &error, &instance);
  printf("open %d %s\n", (int)opened, message);
  if (opened != DNS01_OK)
    return 1;

  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  plugin->info(instance, &info);
  printf("info %u %llu\n", info.max_batch, (unsigned long long)info.caps);
  run("present", plugin->present, instance, "a", "b");
  run("present", plugin->present, instance, "b", "c");
  run("remove", plugin->remove, instance, "a", "x");
  run("present", plugin->present, instance, "c", "c");
  plugin->close(instance);
  fflush(stdout);
  _Exit(0); /* like the real host: nothing is unloaded */
}
