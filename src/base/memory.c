/* memory.c -- free memory as Linux tells it (elsewhere half of what is built in is a guess), and
 * sums of what a run will take.
 *
 * MemAvailable is the node's.  A control group may leave less: its limit less what it uses, files
 * in its cache excepted, which the system gives up when memory is asked for; every group above it
 * counts as well.  Inside a container the path of the group may not be visible: then what lies at
 * the mount's root is the container's own.
 *
 * A plan is a list of items with the phases of the run in which they are there.  Who owns memory
 * says how much it is (functions ..._bytes beside the allocation); mpi/pipeline/memory_check.c puts
 * them together. */
#define _GNU_SOURCE
#include "base/memory.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { PATH = 4096, SHOWN = 4 };

/* ---- what there is --------------------------------------------------------------------------- */
/* The number in a file of one line, HUGE_VAL where there is none ("max", or no such file). */
static double number_in(const char *folder, const char *name)
{
  char path[PATH + 64];
  double x = HUGE_VAL;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *in = fopen(path, "r");
  if (in && fscanf(in, "%lf", &x) != 1) x = HUGE_VAL;
  if (in) fclose(in);
  return x;
}

/* Numbers of a file's lines "name number" whose names are asked for, added. */
static double sum_in(const char *folder, const char *file, const char *name, const char *other)
{
  char path[PATH + 64], line[256], key[128];
  double x, sum = 0;
  snprintf(path, sizeof path, "%s/%s", folder, file);
  FILE *in = fopen(path, "r");
  while (in && fgets(line, sizeof line, in))
    if (sscanf(line, "%127s %lf", key, &x) == 2 && (!strcmp(key, name) || !strcmp(key, other))) sum += x;
  if (in) fclose(in);
  return sum;
}

static double left_in(const char *folder, int version)
{
  const char *cache[2][2] = { { "total_inactive_file", "total_active_file" }, { "inactive_file", "active_file" } };
  double limit = number_in(folder, version == 2 ? "memory.max" : "memory.limit_in_bytes");
  double used = number_in(folder, version == 2 ? "memory.current" : "memory.usage_in_bytes");
  if (!isfinite(limit) || !isfinite(used)) return HUGE_VAL;
  return fmax(limit - used + sum_in(folder, "memory.stat", cache[version - 1][0], cache[version - 1][1]), 0);
}

/* The group and those above it, up to the mount. */
static double left_on_the_way(const char *mount, const char *group, int version)
{
  char folder[PATH];
  size_t top = (size_t)snprintf(folder, sizeof folder, "%s", mount);
  double least = HUGE_VAL;
  if (top + strlen(group) >= sizeof folder) return least;
  strcpy(folder + top, group);
  for (char *cut = folder + strlen(folder); ; cut = strrchr(folder + top, '/')) {
    if (!cut) break;
    *cut = '\0';
    least = fmin(least, left_in(folder, version));
    if (cut == folder + top) break;
  }
  return fmin(least, left_in(mount, version));
}

double cubix_memory_group(const char *list, const char *mount)
{
  char line[PATH], below[PATH];
  double least = HUGE_VAL;
  FILE *in = fopen(list, "r");
  while (in && fgets(line, sizeof line, in)) {
    line[strcspn(line, "\n")] = '\0';
    char *names = strchr(line, ':'), *group = names ? strchr(names + 1, ':') : NULL;
    if (!group) continue;
    *group++ = '\0';
    names++;
    if (!*names) least = fmin(least, left_on_the_way(mount, group, 2));
    else if (strstr(names, "memory") && strlen(mount) + 16 < sizeof below) {
      snprintf(below, sizeof below, "%.*s/memory", PATH - 16, mount);
      least = fmin(least, left_on_the_way(below, group, 1));
    }
  }
  if (in) fclose(in);
  return least;
}

/* The number of a line "name number kB", 0 where there is none. */
static double kib_in(const char *path, const char *name)
{
  double x, kib = 0;
  char line[256], key[128];
  FILE *in = fopen(path, "r");
  while (in && !(kib > 0) && fgets(line, sizeof line, in))
    if (sscanf(line, "%127s %lf kB", key, &x) == 2 && !strcmp(key, name)) kib = x;
  if (in) fclose(in);
  return kib;
}

double cubix_memory_free(void)
{
  double bytes = 1024 * kib_in("/proc/meminfo", "MemAvailable:");
  if (!(bytes > 0)) bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 2;
  return fmin(bytes, cubix_memory_group("/proc/self/cgroup", "/sys/fs/cgroup"));
}

/* Pages of a column of /proc/self/statm: size, resident, shared, text, library, data. */
static double pages(int column)
{
  double x[6] = { 0 };
  FILE *in = fopen("/proc/self/statm", "r");
  for (int i = 0; in && i <= column; i++)
    if (fscanf(in, "%lf", &x[i]) != 1) break;
  if (in) fclose(in);
  return x[column] * (double)sysconf(_SC_PAGESIZE);
}

double cubix_memory_used(void) { return pages(1); }

/* The system's account of resources counts what this process was before it became this program as
 * well; VmHWM does not. */
double cubix_memory_most(void)
{
  struct rusage usage;
  double kib = kib_in("/proc/self/status", "VmHWM:");
  if (kib > 0) return 1024 * kib;
  return getrusage(RUSAGE_SELF, &usage) ? 0 : 1024. * (double)usage.ru_maxrss;
}

double cubix_memory_own(void)
{
  struct rlimit limit;
  double least = HUGE_VAL;
  if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY)
    least = fmin(least, (double)limit.rlim_cur - pages(0));
  if (!getrlimit(RLIMIT_DATA, &limit) && limit.rlim_cur != RLIM_INFINITY)
    least = fmin(least, (double)limit.rlim_cur - pages(5));
  return fmax(least, 0);
}

void cubix_memory_touch(void *p, size_t bytes)
{
#ifdef MADV_POPULATE_WRITE
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), piece = (uintptr_t)1 << 21;
  const uintptr_t from = ((uintptr_t)p + page - 1) / page * page, to = ((uintptr_t)p + bytes) / page * page;
  const int64_t n = p && to > from ? (int64_t)((to - from) / piece) : 0;
#pragma omp parallel for schedule(static) if (n >= 8 && !omp_in_parallel())
  for (int64_t i = 0; i < n; i++) (void)madvise((char *)from + (uintptr_t)i * piece, piece, MADV_POPULATE_WRITE);
#else
  (void)p;
  (void)bytes;
#endif
}

void cubix_memory_trim(void)
{
#ifdef __GLIBC__
  (void)malloc_trim(0);
#endif
}

/* ---- what it will take ----------------------------------------------------------------------- */
void cubix_memory_add(struct cubix_memory_plan *plan, const char *what, double bytes, enum cubix_phase first,
                      enum cubix_phase last)
{
  if (!(bytes > 0) || plan->n == CUBIX_MEMORY_ITEMS) return;
  plan->item[plan->n].what = what;
  plan->item[plan->n].bytes = bytes;
  plan->item[plan->n].first = first;
  plan->item[plan->n].others = 0;
  plan->item[plan->n++].last = last;
}

static int is_there(const struct cubix_memory_plan *plan, int i, enum cubix_phase phase)
{
  return plan->item[i].first <= phase && phase <= plan->item[i].last;
}

void cubix_memory_see(struct cubix_memory_plan *plan, const char *what, double bytes, enum cubix_phase first,
                      enum cubix_phase last)
{
  const int n = plan->n;
  cubix_memory_add(plan, what, bytes, first, last);
  if (plan->n > n) plan->item[n].others = 1;
}

double cubix_memory_peak_own(const struct cubix_memory_plan *plan)
{
  struct cubix_memory_plan own = *plan;
  for (int i = 0; i < own.n; i++)
    if (own.item[i].others) own.item[i].bytes = 0;
  return cubix_memory_peak(&own, NULL);
}

double cubix_memory_peak(const struct cubix_memory_plan *plan, enum cubix_phase *phase)
{
  double most = 0;
  for (int p = 0; p < CUBIX_N_PHASE; p++) {
    double sum = 0;
    for (int i = 0; i < plan->n; i++) sum += is_there(plan, i, (enum cubix_phase)p) ? plan->item[i].bytes : 0;
    if (sum > most && phase) *phase = (enum cubix_phase)p;
    most = fmax(most, sum);
  }
  return most;
}

void cubix_memory_describe(const struct cubix_memory_plan *plan, enum cubix_phase phase, char *text, size_t size)
{
  double below = HUGE_VAL;
  size_t used = 0;
  text[0] = '\0';
  for (int k = 0; k < SHOWN && used < size; k++) {
    int largest = -1;
    for (int i = 0; i < plan->n; i++)
      if (is_there(plan, i, phase) && plan->item[i].bytes < below &&
          (largest < 0 || plan->item[i].bytes > plan->item[largest].bytes))
        largest = i;
    if (largest < 0) break;
    below = plan->item[largest].bytes;
    used += (size_t)snprintf(text + used, size - used, "%s%s %.3g GB", k ? ", " : "", plan->item[largest].what,
                             1e-9 * below);
  }
}

const char *cubix_phase_name(enum cubix_phase phase)
{
  static const char *const name[CUBIX_N_PHASE] = {
    [CUBIX_PHASE_COLUMNS] = "while the dust in front of stars is found",
    [CUBIX_PHASE_PLACE] = "while stars are placed",
    [CUBIX_PHASE_TEMPLATES] = "while templates are prepared",
    [CUBIX_PHASE_SHARE] = "while ranks exchange stars",
    [CUBIX_PHASE_FILL] = "while stars become a histogram",
    [CUBIX_PHASE_PAINT] = "while the cube is painted",
    [CUBIX_PHASE_PSF] = "during the convolution with the PSF",
    [CUBIX_PHASE_WRITE] = "while the cube is written",
    [CUBIX_PHASE_COMPARE] = "during the comparison with the observed cube",
    [CUBIX_PHASE_REVERSE] = "while derivatives are taken",
    [CUBIX_PHASE_TANGENT] = "while the curvature of a fit is found",
  };
  return name[phase];
}
