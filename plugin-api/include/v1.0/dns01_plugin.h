/*
 * dns01_plugin.h - DNS-01 provider plugin ABI, major version 1, minor version 0.
 *
 * A plugin is one shared library that exports ONE function,
 * dns01_plugin_v1(). The major version is part of the symbol name: a plugin
 * for another major has no such symbol and is refused before any call. A
 * library may export several majors side by side.
 *
 * The host loads each configured provider instance in a process of its own.
 * A plugin author needs to know nothing about that, except that these rules
 * follow from it and are promised for all of ABI v1:
 *   - one process holds ONE plugin library and at most ONE open instance, so
 *     process-wide state (environment, signals, runtimes) is the plugin's own;
 *   - the library is first loaded once only to be described: dns01_plugin_v1()
 *     runs, its tables are read, open() is not called; there is no network;
 *   - a call that overruns its deadline is ended by killing the process;
 *   - the library is never unloaded: no dlclose(), the process calls _exit().
 *
 * ---------------------------------------------------------------- stability
 * S1 Every struct except dns01_str begins with `uint32_t struct_size`. Within
 *    major 1 structs only ever grow at the end; no field moves or changes
 *    meaning; no constant is renumbered.
 * S2 Who ALLOCATES a struct sets struct_size = sizeof(it). The other side
 *    touches only fields that lie inside struct_size. The sizes of 1.0 are the
 *    floor: a smaller struct_size is refused, so that DNS01_HAS is needed only
 *    for fields of later minors; one that is absent counts as zero / NULL / "".
 *    Never assign or memset a struct that the other side allocated.
 * S3 Arrays are arrays of POINTERS to structs, never arrays of structs, so a
 *    struct may grow without changing the stride.
 * S4 No C enum, bool, bit-field, union, long, time_t, FILE*, errno or varargs
 *    crosses the boundary. Codes are int32_t: an unknown value is legal input.
 * S5 Fields are naturally aligned and padding is spelled out as `reservedN`
 *    (write 0, ignore on read): offsets and sizes are the same on every LP64
 *    target, little- or big-endian; there are no others (B1). A packing pragma
 *    in force would break that: the checks at the end of this file refuse it.
 * S6 Optional behaviour: a NULL function pointer, or DNS01_E_UNSUPPORTED.
 *    Experiments live behind get_extension("vendor.name/N") until they are
 *    promoted to an appended field.
 *
 * ------------------------------------------------------------------- memory
 * M1 Nothing is allocated on one side and freed on the other. There is no
 *    free function, and none is needed.
 * M2 Host -> plugin pointers are valid only until the call returns, except
 *    `const dns01_host *`, valid until the process ends. Copy what you keep.
 * M3 Host -> plugin dns01_str: ptr is never NULL, ptr[len] == 0, no inner NUL
 *    (usable as a C string); "absent" is the empty string; text is UTF-8.
 * M4 Plugin -> host: results go into host-allocated structs; descriptor
 *    tables (dns01_plugin and all it points to) are immutable and live until
 *    the process ends.
 *
 * ------------------------------------------------------------------ threads
 * T1 Without DNS01_CAP_CONCURRENT every call comes from one and the same
 *    thread and calls never overlap. With it, record operations may come from
 *    any thread and overlap. open/info/close never overlap anything.
 * T2 Calls MAY BLOCK; the host never calls from an async runtime's thread, and
 *    the calling thread has at least 8 MiB of stack. Bring your own runtime
 *    and block on it: no reactor of the host can be reached from a plugin.
 * T3 The plugin may own threads. They may use every dns01_host function at any
 *    time, and pass `call` only while it is in progress, otherwise NULL. They
 *    must not keep working on a call that has returned.
 * T4 No unwinding crosses the boundary: no Rust panic, C++ exception, Go panic
 *    or longjmp. Catch it and return DNS01_E_INTERNAL.
 * T5 Do not call exit(); do not touch fds 0-2 or fds you did not open, the
 *    working directory, umask, uid/gid or resource limits; do not fork()
 *    without exec. SIGPIPE is ignored, SIGCHLD default, none blocked; language
 *    runtimes may install handlers; reset them in programs you start. fd 0 is
 *    /dev/null; what is printed on stdout/stderr becomes a log line.
 *
 * -------------------------------------------------------------- cancellation
 * C1 dns01_call.timeout_ms is the time left at entry. Bound every network
 *    operation by it.
 * C2 The host may cancel earlier: cancel_fd becomes readable and is_cancelled()
 *    returns 1. Return DNS01_E_CANCELLED soon (within 2 s): it says that the
 *    outcome of every record not yet settled is unknown, so settle those whose
 *    outcome is known.
 * C3 After the deadline plus a grace the process is killed with all that it
 *    started, as far as the host can reach it. The host then treats the
 *    outcome as UNKNOWN and later calls remove() in a fresh process for every
 *    record that may have been written; where the instance lacks
 *    STATELESS_REMOVE it tells the operator what to remove by hand.
 *
 * -------------------------------------------------------------------- build
 * B1 The host is a dynamically linked LP64 glibc program and loads with
 *    RTLD_NOW | RTLD_LOCAL: every symbol must resolve at load time. Link with
 *    -Wl,-z,defs, against the oldest glibc you support.
 * B2 Export only dns01_plugin_v1 (-fvisibility=hidden, or a version script).
 *    An exported private copy of a library (OpenSSL!) is captured by any copy
 *    already in the process; hidden or -Bsymbolic copies are not.
 * B3 An embedded interpreter whose own modules need its symbols (CPython)
 *    re-opens its library with RTLD_GLOBAL | RTLD_NOLOAD.
 *
 * ------------------------------------------------------------------ security
 * X1 Configuration arrives in open(). The environment holds only variables
 *    that the operator listed for this instance (empty by default). Never log a
 *    value whose option is DNS01_OPT_SECRET (the host also masks them).
 * X2 Where the file lies is the host's business: it may load an open descriptor.
 *    Depend on system libraries or link statically; $ORIGIN and finding one's
 *    own path are not promised.
 * X3 The host may confine the process: no writes, no signals to others, no
 *    local sockets, no fork. Files named in DNS01_OPT_FILE options, the system
 *    CA bundle and resolver files are readable; what must last goes through
 *    state_put; running programs needs DNS01_PROVIDER_EXECS and the operator's
 *    consent. Option keys with one meaning everywhere: `ca-file` (extra trust
 *    roots, PEM), `proxy` (URL).
 */
#ifndef DNS01_PLUGIN_H
#define DNS01_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DNS01_ABI_MAJOR 1u
#define DNS01_ABI_MINOR 0u

#if defined(__GNUC__)
#define DNS01_EXPORT __attribute__((visibility("default")))
#else
#define DNS01_EXPORT
#endif

/* 1 if field `f` of the struct `type` behind `p` exists on the side that made
 * it. */
#define DNS01_HAS(p, type, f)                                                  \
  ((p)->struct_size >= offsetof(type, f) + sizeof(((type *)0)->f))

/* Borrowed text or bytes. The only struct that is frozen for ever (no size). */
typedef struct dns01_str {
  const char *ptr;
  size_t len;
} dns01_str;

/* ------------------------------------------------------------ status codes
 * The hundreds are the retry class, so an old host handles new codes.
 *   0..99    success         100..199 retry later, same input
 *   200..299 an operator must change something first; do not retry
 *   300..399 bug in the plugin; anything else is treated as 300 */
typedef int32_t dns01_status;
#define DNS01_OK 0
#define DNS01_PENDING 1          /* sync(): accepted, not yet on all servers  */
#define DNS01_E_TRANSIENT 100    /* network, 5xx, SERVFAIL, lock contention   */
#define DNS01_E_RATE_LIMITED 101 /* set result.retry_after_ms if known        */
#define DNS01_E_CANCELLED 102    /* gave up because of deadline/cancellation  */
#define DNS01_E_PERMANENT 200    /* refused for a reason not listed below     */
#define DNS01_E_AUTH 201         /* credentials missing, wrong or not allowed */
#define DNS01_E_ZONE_NOT_FOUND 202 /* account holds no zone for this name     */
#define DNS01_E_CONFIG 203       /* option missing, malformed, contradictory  */
#define DNS01_E_UNSUPPORTED 204  /* this provider cannot do that              */
#define DNS01_E_INTERNAL 300     /* caught panic/exception, broken invariant  */
#define DNS01_UNSET (-1)         /* host pre-sets this in result.status; as a
                                    return value it is a bug, like any other
                                    code outside the classes                  */

/* Log levels. */
#define DNS01_LOG_ERROR 1
#define DNS01_LOG_WARN 2
#define DNS01_LOG_INFO 3
#define DNS01_LOG_DEBUG 4
#define DNS01_LOG_TRACE 5

/* ------------------------------------------------------------- host -> plugin */

/* One call in progress. Valid until the call returns. */
typedef struct dns01_call {
  uint32_t struct_size;
  uint32_t attempt;    /* 1 for the first try of this operation              */
  uint64_t call_id;    /* for correlating log lines                          */
  int64_t timeout_ms;  /* time left at entry, > 0                            */
  int32_t cancel_fd;   /* readable once cancelled; -1: none. Do not read or
                          close it, only poll it                             */
  uint32_t reserved0;
} dns01_call;

/* One TXT record to publish or remove. */
typedef struct dns01_record {
  uint32_t struct_size;
  uint32_t ttl;          /* wanted TTL, seconds; raise it if the provider must */
  dns01_str fqdn;        /* owner name to write: lower-case A-labels, absolute,
                            no trailing dot, CNAMEs already followed          */
  dns01_str value;       /* TXT text, printable ASCII, no quotes added: 43 bytes
                            for dns-01. Over 255: split into 255-byte strings */
  dns01_str zone;        /* zone apex found by SOA walk, "" if unknown: a hint */
  /* What the record is for. Ordinary plugins ignore the rest; bridges to
   * lego, certbot or cert-manager code need it. */
  dns01_str identifier;  /* DNS name being validated, without "*."            */
  dns01_str challenge_name; /* "_acme-challenge.<identifier>", before CNAMEs  */
  dns01_str token;       /* ACME challenge token, "" if not applicable        */
  dns01_str key_authorization; /* token.thumbprint (public data), or ""       */
  dns01_str handle;      /* remove/sync: what present() put in result.handle;
                            "" if that was lost in a crash                    */
  uint32_t kind;         /* DNS01_KIND_*; instance_info.kinds says which come  */
  uint32_t reserved0;
} dns01_record;
#define DNS01_KIND_DNS01 0u   /* _acme-challenge, removed after validation     */
#define DNS01_KIND_ACCOUNT 1u /* dns-account-01, removed after validation      */
#define DNS01_KIND_PERSIST 2u /* dns-persist-01, stands for months; comes only
                                 to instances with STATELESS_REMOVE            */
#define DNS01_KIND_CANARY 3u  /* a test of the path; looks like DNS01          */

/* Outcome for one record, or (in open) for the call. Host-allocated, zeroed,
 * status = DNS01_UNSET. The buffers behind message and handle are the host's;
 * the plugin writes at most *_cap bytes, the terminating NUL included. */
typedef struct dns01_result {
  uint32_t struct_size;
  dns01_status status;
  int64_t retry_after_ms; /* RATE_LIMITED/TRANSIENT: earliest retry; PENDING:
                             when to ask again; 0 unknown                     */
  int32_t native_code;    /* HTTP status, DNS RCODE, exit status; 0 none      */
  uint32_t flags;         /* DNS01_RESULT_*                                   */
  char *message;          /* for the operator: what failed, what to do. UTF-8.
                             Truncation is fine; no secrets                   */
  char *handle;           /* present(): opaque text that makes remove() cheaper
                             (e.g. a record id). Stored on disk by the host.
                             Optional; never a secret; never truncated: what
                             does not fit is left out                         */
  uint32_t message_cap;   /* >= 1024                                          */
  uint32_t handle_cap;    /* >= 2048                                          */
} dns01_result;
#define DNS01_RESULT_NO_CHANGE 0x1u /* it already was so (present or remove)  */
#define DNS01_RESULT_IN_SYNC 0x2u   /* provider says all its servers have it: a
                                       hint when to look, never a replacement
                                       of the host's own check                */

/* One configuration value. A key that is neither configured nor defaulted has
 * no entry; without DNS01_OPT_LIST a key has at most one. The value has the form
 * that the key's DNS01_OPT_* type names: the host has converted and checked it.
 */
typedef struct dns01_option {
  uint32_t struct_size;
  uint32_t flags; /* the key's DNS01_OPT_*; for a key outside the table of a
                     DNS01_PROVIDER_OPEN_CONFIG provider DNS01_OPT_SECRET if
                     the operator gave it as a secret, else 0                 */
  dns01_str key;
  dns01_str value;
} dns01_option;

/* Services of the host. Valid until the process ends. */
typedef struct dns01_host {
  uint32_t struct_size;
  uint32_t abi_minor;  /* highest minor of major 1 the host knows             */
  const char *name;    /* e.g. "dns01d"                                       */
  const char *version; /* e.g. "1.2.0"; for User-Agent                        */
  /* [any thread] Copies msg. `call` may be NULL. Never blocks for long, never
   * fails; lines over 8 KiB are cut. */
  void (*log)(const struct dns01_host *host, const dns01_call *call,
              int32_t level, const char *msg, size_t len);
  /* [any thread, while `call` is in progress; never NULL] 1 = stop now. */
  int32_t (*is_cancelled)(const struct dns01_host *host,
                          const dns01_call *call);
  /* [any thread] Small durable state of this instance (an account that setup()
   * registered, say). Sealed by the host, never shown to another instance, may
   * hold secrets. Keys: [A-Za-z0-9_.-]+, at most 64 bytes; values: any bytes,
   * at most 64 KiB; at most 64 keys. put: durable when it returns DNS01_OK; an
   * empty value removes the key. get: copies at most `cap` bytes without adding
   * a NUL, sets *len to the whole length (0: absent) and returns DNS01_OK; on
   * another status *len is 0. Call with cap 0 (buf may be NULL) to learn it. */
  dns01_status (*state_put)(const struct dns01_host *host,
                            const dns01_call *call, dns01_str key,
                            dns01_str value);
  dns01_status (*state_get)(const struct dns01_host *host,
                            const dns01_call *call, dns01_str key, char *buf,
                            size_t cap, size_t *len);
  /* [any thread] Optional interface by id, or NULL. */
  const void *(*get_extension)(const struct dns01_host *host, const char *id);
} dns01_host;

/* ------------------------------------------------------------- plugin -> host */

/* One accepted configuration key: lets the host validate the configuration,
 * mask secrets, read *_file indirections and print documentation without
 * opening an instance. */
typedef struct dns01_option_desc {
  uint32_t struct_size;
  uint32_t flags;            /* DNS01_OPT_*                                   */
  const char *key;           /* [A-Za-z0-9_.-]+ (bridges: the native name)    */
  const char *help;          /* one line                                      */
  const char *default_value; /* in the form open() gets it; NULL: none. Of a
                                LIST: its only element                        */
} dns01_option_desc;
#define DNS01_OPT_REQUIRED 0x01u /* absent or empty is the operator's fault   */
#define DNS01_OPT_SECRET 0x02u   /* mask it; accept only from secret sources  */
/* Type: at most one of the next four, none means text. */
#define DNS01_OPT_FILE 0x04u     /* absolute path of a file the plugin reads:
                                    the sandbox lets it                       */
#define DNS01_OPT_INTEGER 0x10u  /* decimal, fits int64_t                     */
#define DNS01_OPT_BOOLEAN 0x20u  /* "true" / "false"                          */
#define DNS01_OPT_DURATION 0x40u /* whole milliseconds, decimal, fits int64_t */
#define DNS01_OPT_LIST 0x80u     /* one dns01_option per element, in order    */

/* One provider in the library (a bridge may hold hundreds). */
typedef struct dns01_provider {
  uint32_t struct_size;
  uint32_t flags;      /* DNS01_PROVIDER_*                                    */
  const char *id;      /* "cloudflare", "lego:hetzner": [a-z0-9_.:-]+         */
  const char *title;   /* for humans                                         */
  const char *url;     /* documentation, or NULL                              */
  uint32_t option_count;
  uint32_t reserved0;
  const dns01_option_desc *const *options;
} dns01_provider;
#define DNS01_PROVIDER_OPEN_CONFIG 0x1u /* accepts keys not in `options`      */
#define DNS01_PROVIDER_EXECS 0x2u       /* runs programs                      */

/* Properties of an OPEN instance (they may depend on its configuration). The
 * host zeroes it; zero always means "no special need / host default". */
typedef struct dns01_instance_info {
  uint32_t struct_size;
  uint32_t max_batch;           /* most records per call                      */
  uint64_t caps;                /* DNS01_CAP_*                                */
  uint32_t max_values_per_name; /* TXT values that fit at one name at once: 1
                                   makes the host serialise challenges of one
                                   name (example.com and *.example.com)       */
  uint32_t min_ttl;             /* seconds                                    */
  int64_t min_call_interval_ms; /* pace calls                                 */
  /* Propagation hints for the host's own authoritative-server check. */
  int64_t propagation_initial_ms; /* do not look before                       */
  int64_t propagation_interval_ms;
  int64_t propagation_timeout_ms; /* typical worst case                       */
  uint32_t kinds; /* bit 1 << DNS01_KIND_*; 0 means DNS01 and CANARY only      */
  uint32_t reserved0;
} dns01_instance_info;
#define DNS01_CAP_CONCURRENT 0x01u       /* calls on one instance may overlap */
#define DNS01_CAP_ATOMIC_BATCH 0x02u     /* all records of one zone or none   */
#define DNS01_CAP_STATELESS_REMOVE 0x04u /* remove() works in a fresh process,
                                            even with an empty handle. Without
                                            it the host keeps the process up
                                            until the record is removed       */
#define DNS01_CAP_NEEDS_KEY_AUTH 0x08u   /* record.key_authorization required */
#define DNS01_CAP_FOLLOWS_CNAME 0x10u    /* writes where challenge_name's CNAME
                                            chain ends; cannot be told `fqdn` */
#define DNS01_CAP_CANCELS 0x20u          /* honours C1/C2                     */

typedef struct dns01_instance dns01_instance; /* opaque, plugin-owned          */

/* The one shape of all record operations. `records` and `results` have `count`
 * >= 1 entries, matched by index, no pointer NULL; one call holds records of one
 * instance, possibly of several names and zones, values of one name adjacent.
 * Only check() may come with count 0; `results` then has one entry all the same,
 * for the message of the call; the outcome is what check() returns.
 *
 * Return: DNS01_OK when every results[i]->status is set (they may differ);
 * otherwise the status of every record still DNS01_UNSET: message, retry_after
 * and native_code of that failure are read from the first result still
 * DNS01_UNSET. After DNS01_OK a still-unset record counts as DNS01_E_INTERNAL.
 */
typedef dns01_status (*dns01_batch_fn)(dns01_instance *instance,
                                       const dns01_call *call,
                                       const dns01_record *const *records,
                                       dns01_result *const *results,
                                       size_t count);

typedef struct dns01_plugin {
  uint32_t struct_size;
  uint32_t abi_minor; /* DNS01_ABI_MINOR of the header it was built with      */
  const char *name;
  const char *version;
  const char *license; /* SPDX, or NULL                                       */
  uint32_t provider_count;
  uint32_t reserved0;
  const dns01_provider *const *providers;

  /* REQUIRED. Make an instance of provider `provider_id`. Must not change any
   * DNS data; should not use the network (use check()). On success writes
   * *out and returns DNS01_OK. On failure leaves *out, fills `error`, returns
   * its status. `options` holds `option_count` entries, defaults applied. */
  dns01_status (*open)(const dns01_host *host, const char *provider_id,
                       const dns01_call *call,
                       const dns01_option *const *options, size_t option_count,
                       dns01_result *error, dns01_instance **out);
  /* REQUIRED. Release it. Not called if the process is to be killed anyway. */
  void (*close)(dns01_instance *instance);
  /* Optional. Cheap, no network, constant for the life of the instance. */
  void (*info)(dns01_instance *instance, dns01_instance_info *out);

  /* REQUIRED. ADD the TXT values. Must keep every other value at the name
   * (read-modify-write or an append primitive). Idempotent: a value already
   * there is DNS01_OK + NO_CHANGE. Returns when the provider has accepted it;
   * must not wait for propagation. */
  dns01_batch_fn present;
  /* REQUIRED. Remove exactly these (fqdn, value) pairs and nothing else.
   * Idempotent: absent is DNS01_OK + NO_CHANGE. May be called without a
   * present() before it, also for records whose present() failed. */
  dns01_batch_fn remove;
  /* Optional. Ask the provider (not DNS) whether accepted changes are live on
   * all its servers: DNS01_OK or DNS01_PENDING per record. Does not wait. */
  dns01_batch_fn sync;
  /* Optional. Dry run for `check-config`: are the credentials good, and is
   * there a writable zone for each record's fqdn? Changes nothing. With count
   * 0 it tests only the credentials. */
  dns01_batch_fn check;
  /* Optional. Run by the operator, never by itself: may create what the
   * provider needs for these names (an account at acme-dns, a delegation zone)
   * and keep it with state_put. Each result's message tells the operator what
   * remains to be done by hand (the CNAME to add). */
  dns01_batch_fn setup;
  /* Optional. [any thread] Interface by id, or NULL. */
  const void *(*get_extension)(const char *id);
} dns01_plugin;

/* The only required export. Called once per process, first. Returns a table
 * that lives until the process ends, or NULL after logging why (for example
 * host->abi_minor too low). Must not block, use the network or start threads
 * (language runtimes excepted). */
DNS01_EXPORT const dns01_plugin *dns01_plugin_v1(const dns01_host *host);
typedef const dns01_plugin *(*dns01_plugin_entry_fn)(const dns01_host *host);
#define DNS01_ENTRY_SYMBOL "dns01_plugin_v1"

/* ------------------------------------------------------------- layout checks
 * A build for another data model, or under a packing pragma, stops here. */
#define DNS01_SIZE_IS(type, size)                                              \
  struct type##_aligned {                                                      \
    char before;                                                               \
    type value;                                                                \
  };                                                                           \
  typedef char type##_has_wrong_size[sizeof(type) == (size) ? 1 : -1];         \
  typedef char type##_has_wrong_alignment                                      \
      [sizeof(struct type##_aligned) == (size) + 8 ? 1 : -1]
DNS01_SIZE_IS(dns01_str, 16);
DNS01_SIZE_IS(dns01_call, 32);
DNS01_SIZE_IS(dns01_record, 144);
DNS01_SIZE_IS(dns01_result, 48);
DNS01_SIZE_IS(dns01_option, 40);
DNS01_SIZE_IS(dns01_host, 64);
DNS01_SIZE_IS(dns01_option_desc, 32);
DNS01_SIZE_IS(dns01_provider, 48);
DNS01_SIZE_IS(dns01_instance_info, 64);
DNS01_SIZE_IS(dns01_plugin, 120);
#undef DNS01_SIZE_IS

#ifdef __cplusplus
}
#endif
#endif /* DNS01_PLUGIN_H */
