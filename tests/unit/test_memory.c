/* test_memory.c -- what control groups and limits leave, read from made-up files; and sums of what
 * is in memory at the same time; parts of a slab. */
#define _XOPEN_SOURCE 700
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "simulation/slab.h"
#include "tests/check.h"

static char root[] = "test_memory_XXXXXX";

static void put(const char *path, const char *text)
{
  char full[512];
  snprintf(full, sizeof full, "%s/%s", root, path);
  for (char *c = full + strlen(root) + 1; (c = strchr(c, '/')); *c++ = '/') {
    *c = '\0';
    mkdir(full, 0777);
  }
  FILE *out = fopen(full, "w");
  REQUIRE(out);
  CHECK_IS(fputs(text, out), >=, 0);
  if (out) fclose(out);
}

/* What is left for a process in the groups that the list names. */
static double left(const char *list)
{
  char path[512], mount[512];
  put("list", list);
  snprintf(path, sizeof path, "%s/list", root);
  snprintf(mount, sizeof mount, "%s/mount", root);
  return cubix_memory_group(path, mount);
}

static void test_groups(void)
{
  CHECK(isinf(left("")));
  CHECK(isinf(left("nonsense\n0::\n")));
  CHECK(isinf(cubix_memory_group("/nonexistent", "/nonexistent")));
  /* version 2: the least on the way up; files in the cache can be given up */
  put("mount/a/memory.max", "5000000\n");
  put("mount/a/memory.current", "1000000\n");
  put("mount/a/memory.stat", "anon 400000\ninactive_file 300000\nactive_file 200000\nfile 900000\n");
  put("mount/a/b/memory.max", "max\n");
  put("mount/a/b/memory.current", "1\n");
  CHECK_CLOSE(left("0::/a/b\n"), 4.5e6, 0);
  put("mount/a/b/memory.max", "2000000\n");
  CHECK_CLOSE(left("0::/a/b\n"), 1999999, 0);
  put("mount/a/b/memory.current", "3000000\n");
  CHECK_CLOSE(left("0::/a/b\n"), 0, 0);
  CHECK(isinf(left("0::/elsewhere\n")));
  /* a container sees its own group at the root, whatever its path is called outside */
  put("mount/memory.max", "700000\n");
  put("mount/memory.current", "100000\n");
  CHECK_CLOSE(left("0::/elsewhere\n"), 600000, 0);
  /* version 1 */
  put("mount/memory/job/memory.limit_in_bytes", "400000\n");
  put("mount/memory/job/memory.usage_in_bytes", "390000\n");
  put("mount/memory/job/memory.stat", "inactive_file 7\ntotal_inactive_file 5000\ntotal_active_file 1000\n");
  CHECK_CLOSE(left("9:name=systemd:/\n4:cpu,memory:/job\n"), 16000, 0);
  CHECK_CLOSE(left("4:memory:/job\n0::/\n"), 16000, 0);
}

static void test_limits(void)
{
  struct rlimit old, limit;
  CHECK_IS(cubix_memory_free(), >, 0);
  CHECK_IS(cubix_memory_used(), >, 1e5);
  CHECK_IS(cubix_memory_most(), >=, 0.5 * cubix_memory_used());
  CHECK(!getrlimit(RLIMIT_AS, &old));
  limit = old;
  limit.rlim_cur = (rlim_t)1 << 36;
  CHECK(!setrlimit(RLIMIT_AS, &limit));
  CHECK_IS(cubix_memory_own(), <, 68719476736.);
  CHECK_IS(cubix_memory_own(), >, 6e10);
  CHECK(!setrlimit(RLIMIT_AS, &old));
}

static void test_plan(void)
{
  struct cubix_memory_plan plan = { 0 };
  enum cubix_phase when = CUBIX_N_PHASE;
  char text[256];
  CHECK_CLOSE(cubix_memory_peak(&plan, NULL), 0, 0);
  cubix_memory_add(&plan, "stars", 3e9, CUBIX_PHASE_PLACE, CUBIX_PHASE_FILL);
  cubix_memory_add(&plan, "the cube", 2e9, CUBIX_PHASE_PAINT, CUBIX_PHASE_WRITE);
  cubix_memory_add(&plan, "nothing", 0, CUBIX_PHASE_PLACE, CUBIX_PHASE_WRITE);
  cubix_memory_add(&plan, "unknown", NAN, CUBIX_PHASE_PLACE, CUBIX_PHASE_WRITE);
  CHECK_CLOSE(cubix_memory_peak(&plan, &when), 3e9, 0);
  CHECK_IS(when, ==, CUBIX_PHASE_PLACE);
  CHECK_IS(plan.n, ==, 2);
  cubix_memory_add(&plan, "blocks", 1.5e9, CUBIX_PHASE_WRITE, CUBIX_PHASE_WRITE);
  CHECK_CLOSE(cubix_memory_peak(&plan, &when), 3.5e9, 0);
  cubix_memory_describe(&plan, when, text, sizeof text);
  CHECK_IS(when, ==, CUBIX_PHASE_WRITE);
  CHECK_TEXT(text, "the cube 2 GB, blocks 1.5 GB");
  for (int p = 0; p < CUBIX_N_PHASE; p++) CHECK(cubix_phase_name((enum cubix_phase)p) != NULL);
}

/* Every part of a slab has a bit of its own, so that nothing is allocated that nobody asked for. */
static void test_slab(void)
{
  static const unsigned parts[] = { CUBIX_SLAB_MOTION, CUBIX_SLAB_POPULATION, CUBIX_SLAB_POTENTIAL, CUBIX_SLAB_LENGTH,
                                    CUBIX_SLAB_GAS, CUBIX_SLAB_PLACE, CUBIX_SLAB_ID, CUBIX_SLAB_FORMING,
                                    CUBIX_SLAB_SCREEN, CUBIX_SLAB_MASS, CUBIX_SLAB_DUST };
  unsigned all = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    CHECK_IS(all & parts[i], ==, 0u);
    all |= parts[i];
  }
  CHECK_CLOSE(cubix_slab_bytes(1, CUBIX_SLAB_MASS), 8, 0);
  CHECK_CLOSE(cubix_slab_bytes(1, CUBIX_SLAB_PLACE | CUBIX_SLAB_MASS), 32, 0);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  char command[64];
  CHECK(mkdtemp(root) != NULL);
  CASE(test_groups());
  CASE(test_limits());
  CASE(test_plan());
  CASE(test_slab());
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  CHECK_IS(system(command), ==, 0);
  return check_done();
}
