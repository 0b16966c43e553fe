/* Preloaded into the plugin host, makes its kernel look like another one. LANDLOCK is the version of Landlock
 * that it has (0: none); FILTERS is 1 when it has seccomp filters, and 0 when it takes them and does nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

long syscall(long number, ...) {
  static long (*real)(long, ...);
  if (real == NULL) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  va_list list;
  long a[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_landlock_create_ruleset) {
    if (LANDLOCK == 0) {
      errno = EOPNOTSUPP;
      return -1;
    }
    /* the question for the version */
    if (a[0] == 0 && a[2] == 1) return LANDLOCK;
  }
  if (number == SYS_seccomp && a[0] == SECCOMP_SET_MODE_FILTER && !FILTERS) return 0;
  return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int prctl(int option, ...) {
  static int (*real)(int, ...);
  if (real == NULL) real = (int (*)(int, ...))dlsym(RTLD_NEXT, "prctl");
  va_list list;
  unsigned long a[4];
  va_start(list, option);
  for (int i = 0; i < 4; i++) a[i] = va_arg(list, unsigned long);
  va_end(list);
  if (option == PR_SET_SECCOMP && !FILTERS) return 0;
  return real(option, a[0], a[1], a[2], a[3]);
}
