/* What the Go side needs of the C side: Go cannot call through a pointer to a function. */
#ifndef DNS01_LEGO_PLUGIN_H
#define DNS01_LEGO_PLUGIN_H

#include <dns01_plugin.h>

/* Logs for the host. `call` may be NULL. */
void lego_log(const dns01_host *host, const dns01_call *call, int32_t level,
              const char *text, size_t len);

/* Asks the host whether to stop. `call` must be in progress. */
int32_t lego_is_cancelled(const dns01_host *host, const dns01_call *call);

#endif
