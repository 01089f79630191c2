/* test_cuda_device.c -- which GPUs count and why none does: cuda/device_cuda.c and src/device.c on the stand-in runtime of tests/cuda_on_cpu. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cuda_on_cpu/control.h"
#include "device.h"
#include "error.h"

void *__real_cubix_alloc(unsigned long n, unsigned long size);
void *__wrap_cubix_alloc(unsigned long n, unsigned long size);
void *__wrap_cubix_alloc(unsigned long n, unsigned long size) { return __real_cubix_alloc(n, size); }

enum backend { AUTO, CPU, CUDA, N_BACKEND };
static struct cubix_params *params[N_BACKEND];

static int opens(enum backend backend, int ordinal, char *description)
{
  struct cubix_device *dev = NULL;
  int status = cubix_device_open(&dev, params[backend], ordinal, 1);
  strcpy(description, status ? cubix_error_message() : dev->passed_over[0] ? dev->passed_over : dev->description);
  if (!status && dev->passed_over[0]) CHECK(!strncmp(dev->description, "cpu", 3));
  if (!status && dev->passed_over[0]) snprintf(description + strlen(description), 32, " amiss: %d", dev->amiss);
  cubix_device_close(dev);
  CHECK(cuda_on_cpu.n_live == 0 && cuda_on_cpu.current == -1);
  cubix_error_clear();
  return status;
}

/* No GPU of this kind for anybody: Backend auto goes on without, and knows why and whether the user should; Backend cuda fails with the same words. */
static void check_refusal(const char *words, int amiss)
{
  char text[4096] = "", tail[] = " amiss: 0";
  tail[strlen(tail) - 1] = (char)('0' + amiss);
  CHECK(opens(AUTO, 0, text) == CUBIX_OK && strstr(text, words) && strstr(text, tail));
  CHECK(opens(CUDA, 0, text) == CUBIX_EDEVICE && strstr(text, words) && strstr(text, "Backend = cuda") && strstr(text, "use Backend cpu"));
}

/* Which GPUs count, who gets which, and why there is none. */
static void test_choice(void)
{
  struct cuda_on_cpu before = cuda_on_cpu;
  static struct cubix_sight sight;
  char text[4096] = "";
  cuda_on_cpu.n_gpu = 0;
  check_refusal("no GPU is to be seen", 0);
  cuda_on_cpu.driver = 0;
  check_refusal("no NVIDIA driver", 0);
  cuda_on_cpu.driver = 12040;
  check_refusal("serves CUDA up to 12.4, and this cubix was built with CUDA 13.0", 1);
  cuda_on_cpu.driver = 13000;
  cuda_on_cpu.n_gpu = 1;
  cuda_on_cpu.capability[0] = 7;
  check_refusal("GPU 0, stand-in GPU 0, has compute capability 7.0, and this cubix holds code for 8.0", 1);
  cuda_on_cpu.capability[0] = 9;
  cuda_on_cpu.prohibited[0] = 1;
  check_refusal("GPU 0, stand-in GPU 0, is closed to all programs by its compute mode", 1);
  cuda_on_cpu.prohibited[0] = 0;
  cuda_on_cpu.taken[0] = 1;
  check_refusal("another process holds the GPU for itself", 1);
  cuda_on_cpu.taken[0] = 0;
  cuda_on_cpu.n_gpu = 4;
  for (int i = 0; i < 4; i++) cuda_on_cpu.capability[i] = i == 0 ? 7 : 8 + i;
  cuda_on_cpu.prohibited[2] = 1;
  cuda_on_cpu.slice[3] = 5;
  cubix_device_look(&sight, params[AUTO]);
  CHECK(sight.n == 2 && !sight.amiss && !strcmp(sight.unit[0].bus, "0000:11:00.0") && !strcmp(sight.unit[1].bus, "0000:13:00.0"));
  CHECK(sight.unit[0].uuid[0] == 'b' && sight.unit[1].uuid[0] == 'd' && sight.unit[1].uuid[15] == 5);
  cubix_device_look(&sight, params[CPU]);
  CHECK(sight.n == 0 && !sight.amiss);
  CHECK(opens(AUTO, 0, text) == CUBIX_OK && !strncmp(text, "stand-in GPU 1,", 15));
  CHECK(opens(CUDA, 1, text) == CUBIX_OK && !strncmp(text, "stand-in GPU 3,", 15));
  CHECK(opens(CUDA, 2, text) == CUBIX_EDEVICE && strstr(text, "cuda 2 is wanted, but this rank sees 2"));
  CHECK(opens(CUDA, -1, text) == CUBIX_EDEVICE && opens(AUTO, -1, text) == CUBIX_OK);
  cuda_on_cpu = before;
}

int main(void)
{
  static const char *const backend[] = { "auto", "cpu", "cuda" };
  for (int b = 0; b < N_BACKEND; b++)
    if (cubix_params_init(&params[b]) || cubix_params_set(params[b], "Backend", backend[b])) abort();
  test_choice();
  for (int b = 0; b < N_BACKEND; b++) cubix_params_free(params[b]);
  return check_done();
}
