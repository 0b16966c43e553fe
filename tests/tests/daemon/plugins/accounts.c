/* Keeps an account for each name that it was set up for, and writes nothing anywhere. */
#include <stdio.h>
#include <string.h>

#include "dns01_plugin.h"

static const dns01_host *host;

struct dns01_instance {
  int unused;
};

static struct dns01_instance only;

static dns01_status do_open(const dns01_host *ours, const char *id, const dns01_call *call,
                            const dns01_option *const *options, size_t count, dns01_result *error,
                            dns01_instance **out) {
  (void)ours, (void)id, (void)call, (void)options, (void)count, (void)error;
  *out = &only;
  return DNS01_OK;
}

static void do_close(dns01_instance *instance) { (void)instance; }

static dns01_status nothing(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                            dns01_result *const *results, size_t count) {
  (void)instance, (void)call, (void)records;
  for (size_t i = 0; i < count; i++) results[i]->status = DNS01_OK;
  return DNS01_OK;
}

static dns01_status do_check(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                             dns01_result *const *results, size_t count) {
  (void)instance, (void)call;
  if (count == 0) snprintf(results[0]->message, results[0]->message_cap, "the password is good");
  for (size_t i = 0; i < count; i++) {
    snprintf(results[i]->message, results[i]->message_cap, "%s is in %s", records[i]->fqdn.ptr, records[i]->zone.ptr);
    results[i]->status = DNS01_OK;
  }
  return DNS01_OK;
}

static dns01_status do_setup(dns01_instance *instance, const dns01_call *call, const dns01_record *const *records,
                             dns01_result *const *results, size_t count) {
  (void)instance;
  for (size_t i = 0; i < count; i++) {
    const dns01_record *record = records[i];
    dns01_result *result = results[i];
    char account[64];
    size_t known = 0;
    if (record->value.len != 0 || record->token.len != 0) return DNS01_E_INTERNAL;
    if (strncmp(record->identifier.ptr, "locked.", 7) == 0) {
      snprintf(result->message, result->message_cap, "the account of %s is locked", record->identifier.ptr);
      result->status = DNS01_E_AUTH;
      continue;
    }
    host->state_get(host, call, record->identifier, account, sizeof account, &known);
    if (known == 0) {
      dns01_str fresh = {account, 0};
      fresh.len = (size_t)snprintf(account, sizeof account, "account-of-call-%u", (unsigned)call->call_id);
      if (host->state_put(host, call, record->identifier, fresh) != DNS01_OK) return DNS01_E_TRANSIENT;
    }
    snprintf(result->message, result->message_cap, "%s account; add %s. CNAME %s.auth.test.", known ? "known" : "new",
             record->challenge_name.ptr, record->identifier.ptr);
    result->status = DNS01_OK;
  }
  return DNS01_OK;
}

static const dns01_option_desc password = {
    .struct_size = sizeof(dns01_option_desc),
    .flags = DNS01_OPT_SECRET | DNS01_OPT_REQUIRED,
    .key = "password",
    .help = "what the accounts are guarded by",
};
static const dns01_option_desc *const options[] = {&password};
static const dns01_provider accounts = {
    .struct_size = sizeof(dns01_provider),
    .id = "accounts",
    .title = "Accounts of names",
    .url = "https://accounts.example.test",
    .option_count = 1,
    .options = options,
};
static const dns01_provider *const providers[] = {&accounts};
static const dns01_plugin plugin = {
    .struct_size = sizeof(dns01_plugin),
    .abi_minor = DNS01_ABI_MINOR,
    .name = "accounts",
    .version = "1.0",
    .license = "MIT",
    .provider_count = 1,
    .providers = providers,
    .open = do_open,
    .close = do_close,
    .present = nothing,
    .remove = nothing,
    .check = do_check,
    .setup = do_setup,
};

DNS01_EXPORT const dns01_plugin *dns01_plugin_v1(const dns01_host *ours) {
  host = ours;
  return &plugin;
}
