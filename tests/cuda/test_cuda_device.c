/* test_cuda_device.c -- which GPUs count and why none does: cuda/device_cuda.c and
 * src/engine/device.c on the stand-in runtime of tests/cuda/on_cpu. With a word, under mpirun
 * (tests/cuda/test_device.py), what the ranks of a node do that see GPUs in one way or another:
 * mpi/engine/device_open.c. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "tests/check.h"
#include "tests/cuda/on_cpu/control.h"
#include "engine/device.h"
#include "mpi/cubix-mpi.h"

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
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  CHECK_IS(cuda_on_cpu.current, ==, -1);
  cubix_error_clear();
  return status;
}

/* No GPU of this kind for anybody: Backend auto goes on without, and knows why and whether the user
 * should; Backend cuda fails with the same words. */
static void check_refusal(const char *words, int amiss)
{
  char text[4096] = "", tail[] = " amiss: 0";
  tail[strlen(tail) - 1] = (char)('0' + amiss);
  CHECK_IS(opens(AUTO, 0, text), ==, CUBIX_OK);
  CHECK_SAYS(text, words);
  CHECK_SAYS(text, tail);
  CHECK_IS(opens(CUDA, 0, text), ==, CUBIX_EDEVICE);
  CHECK_SAYS(text, words);
  CHECK_SAYS(text, "Backend = cuda");
  CHECK_SAYS(text, "use Backend cpu");
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
  CHECK_IS(sight.n, ==, 2);
  CHECK(!sight.amiss);
  CHECK_TEXT(sight.unit[0].bus, "0000:11:00.0");
  CHECK_TEXT(sight.unit[1].bus, "0000:13:00.0");
  CHECK_IS(sight.unit[0].uuid[0], ==, 'b');
  CHECK_IS(sight.unit[1].uuid[0], ==, 'd');
  CHECK_IS(sight.unit[1].uuid[15], ==, 5);
  cubix_device_look(&sight, params[CPU]);
  CHECK_IS(sight.n, ==, 0);
  CHECK(!sight.amiss);
  CHECK_IS(opens(AUTO, 0, text), ==, CUBIX_OK);
  CHECK(!strncmp(text, "stand-in GPU 1,", 15));
  CHECK_IS(opens(CUDA, 1, text), ==, CUBIX_OK);
  CHECK(!strncmp(text, "stand-in GPU 3,", 15));
  CHECK_IS(opens(CUDA, 2, text), ==, CUBIX_EDEVICE);
  CHECK_SAYS(text, "cuda 2 is wanted, but this rank sees 2");
  CHECK_IS(opens(CUDA, -1, text), ==, CUBIX_EDEVICE);
  CHECK_IS(opens(AUTO, -1, text), ==, CUBIX_OK);
  cuda_on_cpu = before;
}

/* ---- several ranks --------------------------------------------------------------------------- */
static char warnings[4096];

static void note(enum cubix_log_level level, const char *line, void *host)
{
  (void)host;
  if (level == CUBIX_LOG_WARNING)
    snprintf(warnings + strlen(warnings), sizeof warnings - strlen(warnings), "%s\n", line);
}

/* All ranks open a processor.  @return the status, the same on all; *n_gpu: how many of them have a GPU */
static int all_open(enum backend backend, char *description, int *n_share, int *n_gpu)
{
  struct cubix_device *dev = NULL;
  warnings[0] = '\0';
  cubix_error_clear();
  int status = cubix_mpi_device_open(&dev, params[backend]);
  strcpy(description, status ? "" : dev->description);
  *n_share = status ? 0 : dev->n_share;
  *n_gpu = (int)cubix_mpi_sum_int(!strncmp(description, "stand-in", 8));
  if (!status && backend == CUDA) CHECK_IS(dev->rates.direct, ==, *n_share * cubix_device_cuda_ops.rates.direct);
  cubix_device_close(dev);
  CHECK_IS(cuda_on_cpu.n_live, ==, 0);
  CHECK_IS(cuda_on_cpu.current, ==, -1);
  return status;
}

static void test_ranks(void)
{
  int rank = cubix_mpi_rank(), n_rank = cubix_mpi_size(), n_share, n_gpu;
  char text[256], want[32];
  cubix_log_to(note, NULL);
  cuda_on_cpu.n_gpu = 4;                       /* every rank sees all */
  for (int i = 0; i < 4; i++) cuda_on_cpu.capability[i] = 9;
  snprintf(want, sizeof want, "stand-in GPU %d,", rank % 4);
  CHECK_IS(all_open(CUDA, text, &n_share, &n_gpu), ==, CUBIX_OK);
  CHECK_IS(n_gpu, ==, n_rank);
  CHECK(!strncmp(text, want, strlen(want)));
  CHECK_IS(n_share, ==, 1);
  CHECK(!warnings[0]);
  cuda_on_cpu.n_gpu = 1;                       /* a slice of its own */
  cuda_on_cpu.slice[0] = rank;
  CHECK_IS(all_open(CUDA, text, &n_share, &n_gpu), ==, CUBIX_OK);
  CHECK_IS(n_gpu, ==, n_rank);
  CHECK_IS(n_share, ==, 1);
  CHECK(!warnings[0]);
  cuda_on_cpu.slice[0] = 0;                    /* the same one for all */
  for (int backend = AUTO; backend <= CUDA; backend += CUDA - AUTO) {
    CHECK_IS(all_open(backend, text, &n_share, &n_gpu), ==, CUBIX_OK);
    CHECK_IS(n_gpu, ==, n_rank);
    CHECK_IS(n_share, ==, n_rank);
    snprintf(want, sizeof want, "up to %d ranks share a GPU", n_rank);
    CHECK(n_rank > 1 ? strstr(warnings, want) != NULL : !warnings[0]);
  }
  cuda_on_cpu.n_gpu = rank > 0;                /* none for the first */
  CHECK_IS(all_open(AUTO, text, &n_share, &n_gpu), ==, CUBIX_OK);
  CHECK_IS(n_gpu, ==, n_rank - 1);
  snprintf(want, sizeof want, "1 of %d rank(s) paint on the CPU", n_rank);
  CHECK(n_rank > 1 ? strstr(warnings, want) && strstr(warnings, "no GPU is to be seen") : !warnings[0]);
  CHECK_IS(all_open(CUDA, text, &n_share, &n_gpu), ==, CUBIX_EDEVICE);
  CHECK_SAYS(cubix_error_message(), "no GPU is to be seen");
  cuda_on_cpu.n_gpu = 1;                       /* too old a driver for the last */
  cuda_on_cpu.driver = rank == n_rank - 1 ? 11080 : 13000;
  CHECK_IS(all_open(AUTO, text, &n_share, &n_gpu), ==, CUBIX_OK);
  CHECK_IS(n_gpu, ==, n_rank - 1);
  CHECK_SAYS(warnings, want);
  CHECK_SAYS(warnings, "CUDA up to 11.8");
  CHECK_IS(all_open(CPU, text, &n_share, &n_gpu), ==, CUBIX_OK);
  CHECK_IS(n_gpu, ==, 0);
  CHECK(!warnings[0]);
}

int main(int argc, char **argv)
{
  static const char *const backend[] = { "auto", "cpu", "cuda" };
  int ranks = argc > 1 && !strcmp(argv[1], "test_ranks");
  check_init(argc, argv);
  if (ranks && cubix_mpi_start(&argc, &argv)) abort();
  for (int b = 0; b < N_BACKEND; b++)
    if (cubix_params_init(&params[b]) || cubix_params_set(params[b], "Backend", backend[b])) abort();
  if (ranks) CASE(test_ranks());
  else CASE(test_choice());
  for (int b = 0; b < N_BACKEND; b++) cubix_params_free(params[b]);
  if (ranks) (void)cubix_mpi_finish(CUBIX_OK);
  return check_done();
}
