/*
 * A complete provider in C from the header alone, for the host that tinyhost.py
 * plays: typed options, a secret, state kept by dns01d, whole batches in one
 * request, handles, error classes, cancellation.
 *
 *   cc -std=c99 -shared -fPIC -fvisibility=hidden -Wl,-z,defs \
 *      -I include -o libdns01_tinyhost.so tinyhost.c
 *
 * It speaks plain HTTP with the C library to stay one file; a real one uses a TLS
 * client (libcurl, say) and gives it the same limits.
 */
#define _POSIX_C_SOURCE 200809L
#include <dns01_plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_BATCH 50            /* most records in one request: the API's limit */
#define MAX_ANSWER (64u << 10)  /* no answer of this API is longer             */
#define ACCOUNT "account"       /* where dns01d keeps the token that setup got */
#define TOKEN_CAP 257

struct dns01_instance {
  const dns01_host *host; /* valid until the process ends (M2) */
  struct addrinfo *endpoint;
  char token[TOKEN_CAP]; /* empty: the one that setup registered */
  long long timeout_ms;
};

/* ---------------------------------------------------------------------- text */

/* Text that grows. Out of memory it becomes NULL, and stays so. */
struct text {
  char *chars;
  size_t len;
};

static void append(struct text *text, const char *format, ...) {
  va_list arguments;
  int more;
  char *grown = NULL;
  va_start(arguments, format);
  more = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (text->chars != NULL && more >= 0)
    grown = realloc(text->chars, text->len + (size_t)more + 1);
  if (grown == NULL) {
    free(text->chars);
    text->chars = NULL;
    return;
  }
  va_start(arguments, format);
  vsnprintf(grown + text->len, (size_t)more + 1, format, arguments);
  va_end(arguments);
  text->chars = grown;
  text->len += (size_t)more;
}

/* Memory that held a secret; a plain memset before free() may be left out. */
static void wipe(void *memory, size_t size) {
  volatile char *byte = memory;
  while (size-- > 0)
    *byte++ = 0;
}

/* Says what failed, for the operator; the host has given at least 1 KiB. */
static dns01_status fail(dns01_result *result, dns01_status status,
                         const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(result->message, result->message_cap, format, arguments);
  va_end(arguments);
  return status;
}

/* ---------------------------------------------------------------------- time */

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until `fd` can be read or written, but no longer than until `end`, and
 * not after a cancellation: cancel_fd wakes poll() at once (C2). */
static dns01_status wait_for(int fd, short events, const dns01_call *call,
                             long long end, dns01_result *error) {
  struct pollfd polled[2];
  for (;;) {
    long long left = end - now_ms();
    int ready;
    if (left <= 0)
      return fail(error, DNS01_E_TRANSIENT, "TinyHost did not answer in time");
    polled[0].fd = fd;
    polled[0].events = events;
    polled[1].fd = call->cancel_fd; /* poll() leaves out a negative one */
    polled[1].events = POLLIN;
    polled[0].revents = polled[1].revents = 0;
    ready = poll(polled, 2, left > 60000 ? 60000 : (int)left);
    if (polled[1].revents != 0)
      return fail(error, DNS01_E_CANCELLED, "given up: cancelled");
    if (ready > 0)
      return DNS01_OK;
    if (ready < 0 && errno != EINTR)
      return fail(error, DNS01_E_TRANSIENT, "poll: %s", strerror(errno));
  }
}

/* ---------------------------------------------------------------------- HTTP */

static dns01_status connect_to(const dns01_instance *self,
                               const dns01_call *call, long long end, int *fd,
                               dns01_result *error) {
  dns01_status status = DNS01_OK;
  int problem = 0;
  socklen_t size = sizeof(problem);
  *fd = socket(self->endpoint->ai_family, SOCK_STREAM, 0);
  if (*fd < 0)
    return fail(error, DNS01_E_TRANSIENT, "socket: %s", strerror(errno));
  fcntl(*fd, F_SETFD, FD_CLOEXEC);
  fcntl(*fd, F_SETFL, O_NONBLOCK); /* so that only poll() blocks */
  if (connect(*fd, self->endpoint->ai_addr, self->endpoint->ai_addrlen) != 0)
    problem = errno;
  if (problem == EINPROGRESS) {
    problem = 0;
    status = wait_for(*fd, POLLOUT, call, end, error);
    if (status == DNS01_OK)
      getsockopt(*fd, SOL_SOCKET, SO_ERROR, &problem, &size);
  }
  if (problem != 0)
    status = fail(error, DNS01_E_TRANSIENT, "TinyHost is not reached: %s",
                  strerror(problem));
  if (status != DNS01_OK)
    close(*fd);
  return status;
}

static dns01_status exchange(int fd, const dns01_call *call, long long end,
                             const struct text *request, char *answer,
                             dns01_result *error) {
  size_t sent = 0, got = 0;
  dns01_status status;
  while (sent < request->len) {
    ssize_t wrote;
    if ((status = wait_for(fd, POLLOUT, call, end, error)) != DNS01_OK)
      return status;
    wrote = send(fd, request->chars + sent, request->len - sent, MSG_NOSIGNAL);
    if (wrote < 0 && errno != EAGAIN && errno != EINTR)
      return fail(error, DNS01_E_TRANSIENT, "send: %s", strerror(errno));
    sent += wrote > 0 ? (size_t)wrote : 0;
  }
  for (;;) {
    ssize_t read;
    if ((status = wait_for(fd, POLLIN, call, end, error)) != DNS01_OK)
      return status;
    read = recv(fd, answer + got, MAX_ANSWER - got, 0);
    if (read < 0 && errno != EAGAIN && errno != EINTR)
      return fail(error, DNS01_E_TRANSIENT, "recv: %s", strerror(errno));
    got += read > 0 ? (size_t)read : 0;
    if (got == MAX_ANSWER)
      return fail(error, DNS01_E_PERMANENT, "the answer does not end");
    if (read == 0) {
      answer[got] = 0;
      return DNS01_OK;
    }
  }
}

/* What dns01d does about a failed request, and what an operator does. */
static dns01_status understand(char *answer, char **body, dns01_result *error) {
  char *header, *end = strstr(answer, "\r\n\r\n");
  int status;
  if (end == NULL || sscanf(answer, "HTTP/%*s %d", &status) != 1)
    return fail(error, DNS01_E_PERMANENT, "the answer is no HTTP");
  *end = 0;
  *body = end + 4;
  if (status >= 200 && status < 300)
    return DNS01_OK;
  error->native_code = status;
  if (status == 401)
    return fail(error, DNS01_E_AUTH,
                "TinyHost does not know the token: make a new one and set "
                "option `token`");
  if (status == 429) {
    for (header = answer; header != NULL; header = strchr(header + 1, '\n'))
      if (strncasecmp(header + 1, "Retry-After: ", 13) == 0)
        error->retry_after_ms = 1000 * strtoll(header + 14, NULL, 10);
    return fail(error, DNS01_E_RATE_LIMITED,
                "TinyHost has had too many requests");
  }
  return fail(error, status >= 500 ? DNS01_E_TRANSIENT : DNS01_E_PERMANENT,
              "TinyHost answered with status %d", status);
}

/* Posts `body`; on success *answer is to be freed, and *reply points into it. */
static dns01_status post(const dns01_instance *self, const dns01_call *call,
                         const char *path, const char *token, const char *body,
                         char **answer, char **reply, dns01_result *error) {
  long long own = now_ms() + self->timeout_ms, all = now_ms() + call->timeout_ms;
  long long end = own < all ? own : all;
  struct text request = {malloc(1), 0};
  dns01_status status;
  int fd;
  append(&request, "POST %s HTTP/1.0\r\nUser-Agent: %s/%s\r\n", path,
         self->host->name, self->host->version);
  if (token != NULL)
    append(&request, "Authorization: Bearer %s\r\n", token);
  append(&request, "Content-Length: %lu\r\n\r\n%s", (unsigned long)strlen(body),
         body);
  *answer = malloc(MAX_ANSWER + 1);
  if (request.chars == NULL || *answer == NULL)
    status = fail(error, DNS01_E_TRANSIENT, "out of memory");
  else if ((status = connect_to(self, call, end, &fd, error)) == DNS01_OK) {
    status = exchange(fd, call, end, &request, *answer, error);
    close(fd);
    if (status == DNS01_OK)
      status = understand(*answer, reply, error);
  }
  if (request.chars != NULL)
    wipe(request.chars, request.len);
  free(request.chars);
  if (status != DNS01_OK) {
    free(*answer);
    *answer = NULL;
  }
  return status;
}

/* ------------------------------------------------------------------- records */

enum operation { ADD, REMOVE, CHECK };
static const char *const paths[] = {"/add", "/remove", "/check"};

static void add_line(struct text *lines, enum operation operation,
                     const dns01_record *record) {
  /* host text ends with a NUL (M3) */
  if (operation == CHECK)
    append(lines, "%s\n", record->fqdn.ptr);
  else if (operation == ADD)
    append(lines, "%s %u %s\n", record->fqdn.ptr, record->ttl,
           record->value.ptr);
  else if (record->handle.len > 0)
    append(lines, "%s\n", record->handle.ptr);
  else /* the handle may be lost in a crash: then by name and value */
    append(lines, "%s %s\n", record->fqdn.ptr, record->value.ptr);
}

static void settle(enum operation operation, int code, const char *words,
                   dns01_result *result) {
  if (code == 200 || code == 201) {
    result->flags =
        code == 200 && operation == ADD ? DNS01_RESULT_NO_CHANGE : 0;
    if (operation == ADD && strlen(words) < result->handle_cap)
      strcpy(result->handle, words);
    if (operation == CHECK)
      fail(result, DNS01_OK, "in zone %s", words);
    result->status = DNS01_OK;
  } else if (code == 404 && operation == REMOVE) {
    result->flags = DNS01_RESULT_NO_CHANGE;
    result->status = DNS01_OK;
  } else {
    result->native_code = code;
    result->status = fail(result,
                          code == 403   ? DNS01_E_AUTH
                          : code == 404 ? DNS01_E_ZONE_NOT_FOUND
                          : code >= 500 ? DNS01_E_TRANSIENT
                                        : DNS01_E_PERMANENT,
                          "TinyHost: %s", words);
  }
}

/* The token of the configuration, else that of the account set up before. */
static dns01_status get_token(const dns01_instance *self,
                              const dns01_call *call, char *token,
                              dns01_result *error) {
  static const dns01_str key = {ACCOUNT, sizeof(ACCOUNT) - 1};
  dns01_status status;
  size_t len = 0;
  strcpy(token, self->token);
  if (token[0] != 0)
    return DNS01_OK;
  status = self->host->state_get(self->host, call, key, token, TOKEN_CAP - 1,
                                 &len);
  if (status != DNS01_OK)
    return fail(error, status, "dns01d did not give the kept account");
  if (len == 0 || len >= TOKEN_CAP)
    return fail(error, DNS01_E_CONFIG,
                "there is no account: set option `token`, or run `dns01d "
                "provider setup`");
  token[len] = 0;
  return DNS01_OK;
}

/* A line for each record in one request; each is settled by its line of the
 * answer. What is returned is the outcome of those that are not settled. */
static dns01_status each(dns01_instance *self, const dns01_call *call,
                         const dns01_record *const *records,
                         dns01_result *const *results, size_t count,
                         enum operation operation) {
  struct text lines = {calloc(1, 1), 0};
  char token[TOKEN_CAP], *answer = NULL, *line = NULL;
  dns01_status status = get_token(self, call, token, results[0]);
  size_t i;
  for (i = 0; i < count; i++)
    add_line(&lines, operation, records[i]);
  if (status == DNS01_OK && lines.chars == NULL)
    status = fail(results[0], DNS01_E_TRANSIENT, "out of memory");
  if (status == DNS01_OK)
    status = post(self, call, paths[operation], token, lines.chars, &answer,
                  &line, results[0]);
  wipe(token, sizeof(token));
  free(lines.chars);
  for (i = 0; status == DNS01_OK && i < count; i++) {
    char *end, *next = strchr(line, '\n');
    long code;
    if (next != NULL)
      *next++ = 0;
    code = strtol(line, &end, 10);
    if (code < 200 || code > 599)
      status = fail(results[i], DNS01_E_PERMANENT,
                    "the answer has not a line for each record");
    else
      settle(operation, (int)code, *end == ' ' ? end + 1 : end, results[i]);
    line = next != NULL ? next : line + strlen(line);
  }
  free(answer);
  return status;
}

/* ---------------------------------------------------------------- operations */

static void do_close(dns01_instance *self) {
  if (self->endpoint != NULL)
    freeaddrinfo(self->endpoint);
  wipe(self, sizeof(*self));
  free(self);
}

/* ADDRESS:PORT; a name would block where nothing can cancel it. */
static struct addrinfo *parse_endpoint(const char *text) {
  const char *colon = strrchr(text, ':');
  struct addrinfo hints, *found = NULL;
  char address[64];
  size_t len = colon != NULL ? (size_t)(colon - text) : 0;
  if (len == 0 || len >= sizeof(address))
    return NULL;
  memcpy(address, text, len);
  address[len] = 0;
  memset(&hints, 0, sizeof(hints));
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  return getaddrinfo(address, colon + 1, &hints, &found) == 0 ? found : NULL;
}

/* Whole milliseconds, more than none. The host has checked the type already; a
 * provider that may be used without it does too. */
static int parse_milliseconds(const char *text, long long *out) {
  char *end;
  errno = 0;
  *out = strtoll(text, &end, 10);
  return end != text && *end == 0 && errno == 0 && *out > 0;
}

static dns01_status do_open(const dns01_host *host, const char *provider_id,
                            const dns01_call *call,
                            const dns01_option *const *options,
                            size_t option_count, dns01_result *error,
                            dns01_instance **out) {
  dns01_instance *self = calloc(1, sizeof(*self));
  const char *wrong = NULL;
  size_t i;
  (void)provider_id, (void)call;
  if (self == NULL)
    return fail(error, DNS01_E_TRANSIENT, "out of memory");
  self->host = host;
  for (i = 0; i < option_count; i++) {
    const char *key = options[i]->key.ptr, *value = options[i]->value.ptr;
    if (strcmp(key, "timeout") == 0) {
      if (!parse_milliseconds(value, &self->timeout_ms))
        wrong = "option `timeout` is not a duration in whole milliseconds";
    } else if (strcmp(key, "endpoint") == 0)
      self->endpoint = parse_endpoint(value);
    else if (strlen(value) >= TOKEN_CAP || strpbrk(value, " \t\r\n") != NULL)
      wrong = "option `token` is too long or holds a space";
    else
      strcpy(self->token, value);
  }
  if (self->endpoint == NULL)
    wrong = "option `endpoint` is not an address and a port";
  if (wrong != NULL) {
    do_close(self);
    return fail(error, DNS01_E_CONFIG, "%s", wrong);
  }
  *out = self;
  return DNS01_OK;
}

static void do_info(dns01_instance *self, dns01_instance_info *out) {
  (void)self;
  out->max_batch = MAX_BATCH; /* zeroed by the host; all else is its default */
  out->caps = DNS01_CAP_CONCURRENT       /* nothing in `self` changes          */
              | DNS01_CAP_STATELESS_REMOVE /* by name and value                */
              | DNS01_CAP_CANCELS;
}

static dns01_status present(dns01_instance *self, const dns01_call *call,
                            const dns01_record *const *records,
                            dns01_result *const *results, size_t count) {
  return each(self, call, records, results, count, ADD);
}

static dns01_status do_remove(dns01_instance *self, const dns01_call *call,
                              const dns01_record *const *records,
                              dns01_result *const *results, size_t count) {
  return each(self, call, records, results, count, REMOVE);
}

static dns01_status check(dns01_instance *self, const dns01_call *call,
                          const dns01_record *const *records,
                          dns01_result *const *results, size_t count) {
  return each(self, call, records, results, count, CHECK);
}

static dns01_status setup(dns01_instance *self, const dns01_call *call,
                          const dns01_record *const *records,
                          dns01_result *const *results, size_t count) {
  static const dns01_str key = {ACCOUNT, sizeof(ACCOUNT) - 1};
  const char *what = "nothing to do: there is an account, or option `token`";
  char token[TOKEN_CAP], *answer = NULL, *reply = NULL;
  dns01_status status = get_token(self, call, token, results[0]);
  dns01_str value;
  size_t i;
  (void)records;
  wipe(token, sizeof(token));
  if (status == DNS01_E_CONFIG) {
    results[0]->message[0] = 0;
    status = post(self, call, "/register", NULL, "", &answer, &reply, results[0]);
    if (status == DNS01_OK) {
      value.ptr = reply;
      value.len = strcspn(reply, "\r\n");
      status = self->host->state_put(self->host, call, key, value);
      what = "an account was registered";
    }
    free(answer);
  }
  for (i = 0; status == DNS01_OK && i < count; i++)
    results[i]->status = fail(results[i], DNS01_OK, "%s", what);
  return status;
}

/* -------------------------------------------------------------------- tables */

/* The host shows these to operators, checks the configuration by them, and keeps
 * the secret masked. */
static const dns01_option_desc endpoint_option = {
    sizeof(dns01_option_desc), DNS01_OPT_REQUIRED, "endpoint",
    "address and port of the API: 127.0.0.1:8053", NULL};
static const dns01_option_desc token_option = {
    sizeof(dns01_option_desc), DNS01_OPT_SECRET, "token",
    "API token; without it: the account made by set-up", NULL};
static const dns01_option_desc timeout_option = {
    sizeof(dns01_option_desc), DNS01_OPT_DURATION, "timeout",
    "limit of one request", "10000"};
static const dns01_option_desc *const options[] = {
    &endpoint_option, &token_option, &timeout_option};
static const dns01_provider provider = {
    sizeof(dns01_provider), 0, "tinyhost", "TinyHost, of the examples", NULL, 3,
    0, options};
static const dns01_provider *const providers[] = {&provider};
static const dns01_plugin plugin = {
    sizeof(dns01_plugin), DNS01_ABI_MINOR, "tinyhost", "0.1.0", "MIT", 1, 0,
    providers, do_open, do_close, do_info, present, do_remove,
    NULL, /* sync */
    check, setup,
    NULL /* get_extension */
};

/* get_extension is the last field of 1.0: a host without it is none (S2). */
const dns01_plugin *dns01_plugin_v1(const dns01_host *host) {
  return DNS01_HAS(host, dns01_host, get_extension) ? &plugin : NULL;
}
