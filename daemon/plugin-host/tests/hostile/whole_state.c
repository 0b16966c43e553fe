/* For User-mode Linux: 6.1 knows 2696 octets of the state that a processor keeps for a process, and the kernel of the
 * machine takes its state whole or not at all, which is more where there is AMX. What it does not know stays as it is. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

long ptrace(enum __ptrace_request request, ...) {
  va_list more;
  va_start(more, request);
  pid_t pid = va_arg(more, pid_t);
  void *addr = va_arg(more, void *);
  void *data = va_arg(more, void *);
  va_end(more);

  static char state[1 << 16] __attribute__((aligned(64)));
  struct iovec whole = {state, sizeof state};
  if (request == PTRACE_SETREGSET && addr == (void *)NT_X86_XSTATE) {
    struct iovec *known = data;
    if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, addr, &whole) == 0 && whole.iov_len > known->iov_len) {
      memcpy(state, known->iov_base, known->iov_len);
      data = &whole;
    }
  }
  long word;
  int reads = request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER;
  long result = syscall(SYS_ptrace, request, pid, addr, reads ? &word : data);
  return reads && result == 0 ? word : result;
}
