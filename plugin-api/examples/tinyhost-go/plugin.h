/* What both sides of the boundary in this library see. */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <dns01_plugin.h>

/* Go cannot call C function pointers: these do. */
void host_log(const dns01_host *host, const dns01_call *call, int32_t level,
              const char *line, size_t len);
int32_t host_is_cancelled(const dns01_host *host, const dns01_call *call);
dns01_status host_state_put(const dns01_host *host, const dns01_call *call,
                            dns01_str key, dns01_str value);
dns01_status host_state_get(const dns01_host *host, const dns01_call *call,
                            dns01_str key, char *buffer, size_t cap, size_t *len);

/* The record operations in Go; `operation` is the number of the function. */
enum { PRESENT, REMOVE, CHECK, SETUP };

#endif
