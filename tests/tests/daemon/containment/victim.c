/* Another process of the daemon's user, which has asked for no protection. */
#include <sys/prctl.h>
#include <unistd.h>

int main(void) {
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  for (;;) pause();
}
