/* test_basis_cache.c -- prepared templates in a file: the same bits, whoever wrote them and
 * whatever has happened to the file since. */
#define _XOPEN_SOURCE 700
#include "tests/basis_lab.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "program/console.h"

static char last_warning[4096];
static int n_warning;

static void listen(enum cubix_log_level level, const char *line, void *host)
{
  (void)host;
  if (level != CUBIX_LOG_WARNING) return;
  n_warning++;
  snprintf(last_warning, sizeof last_warning, "%s", line);
}

static int same_tiles(const struct cubix_basis *basis, float *const *a, float *const *b)
{
  int same = 1;
  for (int i = 0; i < basis->n_tile; i++) same &= !memcmp(a[i], b[i], cubix_basis_tile_size(basis) * sizeof **a);
  return same;
}

static void remove_folder(const char *folder)
{
  char command[1200];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  CHECK_IS(system(command), ==, 0);
}

static int file_count(const char *folder)
{
  char command[1200];
  int n = -1;
  snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
  FILE *in = popen(command, "r");
  REQUIRE(in);
  CHECK_IS(fscanf(in, "%d", &n), ==, 1);
  if (in) pclose(in);
  return n;
}

static void damage(const char *path, off_t at, char by)
{
  int file = open(path, O_RDWR);
  char old = 0;
  CHECK_IS(file, >=, 0);
  CHECK_IS(pread(file, &old, 1, at), ==, 1);
  old = (char)(old ^ by);
  CHECK_IS(pwrite(file, &old, 1, at), ==, 1);
  close(file);
}

/* Build with the cache and compare with what must come out.  @param expect_cached, expect_warning  1 or 0 */
static void again(const struct lab *lab, const char *folder, float *const *must, int expect_cached, int expect_warning)
{
  int before = n_warning;
  struct cubix_basis *basis = build(lab, 1e-4, folder, NULL);
  CHECK(basis != NULL);
  if (!basis) return;
  CHECK_IS(basis->from_cache, ==, expect_cached);
  float **tile = tiles_of(basis);
  CHECK(same_tiles(basis, tile, must));
  CHECK_IS(n_warning > before, ==, expect_warning);
  tiles_free(basis, tile);
  cubix_basis_free(basis);
}

enum { N_FLIP = 60, PAGE = 4096 };

static off_t first_tile(const struct cubix_basis *basis, off_t *stride, off_t size)
{
  *stride = (off_t)((cubix_basis_tile_size(basis) * sizeof(float) + PAGE - 1) / PAGE * PAGE);
  return size - *stride * basis->n_tile;
}

/* A bit flipped anywhere, one at a time: in the header, the table, the tiles.  What is used is
 * always right, and whatever counts is noticed. */
static void flips(const struct lab *lab, const char *folder, float *const *must)
{
  struct cubix_basis *basis = build(lab, 1e-4, folder, NULL);
  struct stat info;
  off_t stride, bytes = basis ? (off_t)(cubix_basis_tile_size(basis) * sizeof(float)) : 0;
  char path[1100];
  REQUIRE(basis);
  CHECK(basis->from_cache);
  CHECK(!stat(basis->cache, &info));
  snprintf(path, sizeof path, "%s", basis->cache);
  off_t first = first_tile(basis, &stride, info.st_size);
  int n_tile = basis->n_tile;
  cubix_basis_free(basis);
  for (int i = 0; i < N_FLIP; i++) {
    off_t at = i < N_FLIP / 3 ? (off_t)(uniform() * (double)(128 + 16 * n_tile))
                              : first + stride * (i % n_tile) + (off_t)(uniform() * (double)bytes);
    damage(path, at, (char)(1 << (int)(8 * uniform())));
    again(lab, folder, must, 0, 1);
    CHECK_SAYS(last_warning, path);
    CHECK(at < first || strstr(last_warning, "tile"));
    again(lab, folder, must, 1, 0);
  }
}

/* A tile that goes bad, or a file that is cut, after the file was mapped and before the tile is used. */
static void late(const struct lab *lab, const char *folder, float *const *must)
{
  struct cubix_basis *known = build(lab, 1e-4, folder, NULL), *basis = NULL;
  struct cubix_basis_file file;
  struct cubix_basis_key key = cubix_basis_key_of(&lab->templates, REACH, 1e-4);
  const float *tile;
  off_t stride;
  struct stat info;
  REQUIRE(known);
  REQUIRE(*known->cache);
  CHECK(!stat(known->cache, &info));
  REQUIRE(cubix_basis_file_init(&file, folder, &key) == CUBIX_OK);
  CHECK_TEXT(file.path, known->cache);
  REQUIRE(cubix_basis_init(&basis, &lab->templates, &known->nodes, NULL, 1e-4) == CUBIX_OK);
  CHECK(cubix_basis_file_map(&file, basis));
  off_t first = first_tile(known, &stride, info.st_size);
  CHECK_IS(basis->n_tile, >=, 3);
  CHECK_TEXT(cubix_basis_lost(((struct cubix_basis_state *)basis->state)->map + first), file.path);
  CHECK(!cubix_basis_lost(&info));
  CHECK_IS(cubix_basis_tile(basis, 0, NULL, &tile), ==, CUBIX_OK);
  CHECK(!memcmp(tile, must[0], (size_t)cubix_basis_tile_size(basis) * sizeof *tile));
  damage(file.path, first + stride + 100, 1);
  CHECK_IS(cubix_basis_tile(basis, 1, NULL, &tile), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), file.path);
  CHECK_SAYS(cubix_error_message(), "tile 1");
  CHECK(!truncate(file.path, first + 2 * stride));
  CHECK_IS(cubix_basis_tile(basis, 2, NULL, &tile), ==, CUBIX_EINPUT);
  CHECK_SAYS(cubix_error_message(), "tile 2");
  cubix_basis_free(basis);
  cubix_basis_free(known);
  CHECK(!cubix_basis_lost(tile));
  again(lab, folder, must, 0, 1);
}

/* A file that is cut while it is in use ends a program with its name and status 3. */
static void cut_in_use(const struct lab *lab, const char *folder)
{
  int result, message[2];
  char text[2048] = "";
  pid_t child;
  fflush(stdout);
  CHECK(!pipe(message));
  child = fork();
  if (!child) {
    dup2(message[1], STDERR_FILENO);
    cubix_console_catch_signals("cubix", 0, NULL);
    if (cubix_mpi_start(NULL, NULL)) _exit(100);
    struct cubix_basis *basis = build(lab, 1e-4, folder, NULL);
    const float *tile;
    volatile float sum = 0;
    if (!basis || cubix_basis_tile(basis, basis->n_tile - 1, NULL, &tile) || truncate(basis->cache, 8192)) _exit(101);
    for (size_t i = 0; i < cubix_basis_tile_size(basis); i++) sum += tile[i];
    _exit(102);
  }
  close(message[1]);
  REQUIRE(child > 0);
  REQUIRE(waitpid(child, &result, 0) == child);
  CHECK(WIFEXITED(result));
  CHECK_IS(WEXITSTATUS(result), ==, 3);
  CHECK_IS(read(message[0], text, sizeof text - 1), >, 0);
  CHECK_SAYS(text, folder);
  CHECK_SAYS(text, ".cubix-basis: cut short");
  close(message[0]);
  remove_folder(folder);
}

static void cache(const struct lab *lab, const char *folder)
{
  struct cubix_basis *basis = build(lab, 1e-4, "none", NULL), *kept = NULL;
  char path[1100], blocked[1100];
  struct stat info;
  CHECK(basis != NULL);
  if (!basis) return;
  float **must = tiles_of(basis);
  kept = build(lab, 1e-4, folder, NULL);
  REQUIRE(kept);
  CHECK(*kept->cache);
  CHECK(!kept->from_cache);
  snprintf(path, sizeof path, "%s", kept->cache);
  CHECK_IS(kept->certified, ==, basis->certified);
  CHECK_IS(kept->nodes.n, ==, basis->nodes.n);
  CHECK_IS(kept->nodes.step, ==, basis->nodes.step);
  CHECK_IS(file_count(folder), ==, 1);
  CHECK(!strncmp(path, folder, strlen(folder)));
  CHECK_IS(strlen(path), ==, strlen(folder) + 1 + 32 + strlen(".cubix-basis"));
  cubix_basis_free(kept);
  again(lab, folder, must, 1, 0);
  again(lab, folder, must, 1, 0);
  /* damaged: the header, the length */
  CHECK(!stat(path, &info));
  damage(path, 50, 16);
  again(lab, folder, must, 0, 1);
  CHECK_SAYS(last_warning, path);
  again(lab, folder, must, 1, 0);
  CHECK(!truncate(path, info.st_size - 4096));
  again(lab, folder, must, 0, 1);
  CHECK(!truncate(path, 0));
  again(lab, folder, must, 0, 1);
  again(lab, folder, must, 1, 0);
  CHECK_IS(file_count(folder), ==, 1);
  flips(lab, folder, must);
  late(lab, folder, must);
  CHECK_IS(file_count(folder), ==, 1);
  /* a folder that cannot be: below a file */
  snprintf(blocked, sizeof blocked, "%s/below", path);
  again(lab, blocked, must, 0, 1);
  CHECK_SAYS(last_warning, blocked);
  CHECK_SAYS(last_warning, "none");
  tiles_free(basis, must);
  cubix_basis_free(basis);
}

/* A checksum tells every single flipped bit, and lengths of zeros. */
static void hashes(void)
{
  unsigned char bytes[333];
  uint64_t whole[2], other[2];
  int same = 0;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(256 * uniform());
  cubix_hash(bytes, sizeof bytes, whole);
  for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    cubix_hash(bytes, sizeof bytes, other);
    same += whole[0] == other[0] || whole[1] == other[1];
    bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  cubix_hash(bytes, sizeof bytes, other);
  CHECK_IS(same, ==, 0);
  CHECK(!memcmp(whole, other, sizeof whole));
  memset(bytes, 0, sizeof bytes);
  for (size_t n = 1; n < 200; n++) {
    cubix_hash(bytes, n - 1, whole);
    cubix_hash(bytes, n, other);
    same += whole[0] == other[0] || whole[1] == other[1];
  }
  CHECK_IS(same, ==, 0);
}

/* What the file's name depends on. */
static void keys(const struct lab *lab)
{
  struct lab *other = malloc(sizeof *other);
  memcpy(other, lab, sizeof *other);
  struct cubix_tables *v = &other->templates.tables;
  v->row = other->row, v->knot = other->knot, v->edge = other->edge, v->light = other->light, v->first = other->first,
  other->templates.covered = other->covered;
  struct cubix_basis_key a = cubix_basis_key_of(&lab->templates, 300, 1e-4),
                         b = cubix_basis_key_of(&other->templates, 300, 1e-4);
#define DIFFERENT(key) ((b = (key)).word[0] != a.word[0] && b.word[1] != a.word[1])
  CHECK(!memcmp(&a, &b, sizeof a));
  CHECK(DIFFERENT(cubix_basis_key_of(&lab->templates, 600, 1e-4)));
  CHECK(DIFFERENT(cubix_basis_key_of(&lab->templates, 300, 1e-5)));
  other->row[777] = nextafterf((float)other->row[777], 10);
  CHECK(DIFFERENT(cubix_basis_key_of(&other->templates, 300, 1e-4)));
  other->row[777] = lab->row[777], other->edge[3] += 1e-9;
  CHECK(DIFFERENT(cubix_basis_key_of(&other->templates, 300, 1e-4)));
  other->edge[3] = lab->edge[3], other->covered[8] ^= 1;
  CHECK(DIFFERENT(cubix_basis_key_of(&other->templates, 300, 1e-4)));
  other->covered[8] ^= 1;
  CHECK(!DIFFERENT(cubix_basis_key_of(&other->templates, 300, 1e-4)));
  free(other);
}

/* A job of its own. */
static pid_t start_job(void (*job)(const struct lab *, const char *), const struct lab *lab, const char *folder)
{
  fflush(stdout);
  pid_t child = fork();
  if (child) return child;
  check_passed = check_failed = 0;
  CHECK_IS(cubix_mpi_start(NULL, NULL), ==, CUBIX_OK);
  job(lab, folder);
  CHECK_IS(cubix_mpi_finish(0), ==, 0);
  fflush(stdout);
  _exit(check_failed > 0);
}

static void end_job(pid_t child)
{
  int result;
  REQUIRE(child > 0);
  REQUIRE(waitpid(child, &result, 0) == child);
  CHECK(WIFEXITED(result));
  CHECK_IS(WEXITSTATUS(result), ==, 0);
}

static void build_thrice(const struct lab *lab, const char *folder)
{
  for (int round = 0; round < 3; round++) cubix_basis_free(build(lab, round ? 1e-4 : 1e-3, folder, NULL));
}

static void find_built(const struct lab *lab, const char *folder)
{
  struct cubix_basis *basis = build(lab, 1e-4, "none", NULL);
  REQUIRE(basis);
  float **must = tiles_of(basis);
  again(lab, folder, must, 1, 0);
  tiles_free(basis, must);
  cubix_basis_free(basis);
}

/* Two jobs at once in the same empty folder; each sees a sound basis, and so does a third that comes later. */
static void two_builders(const struct lab *lab, const char *folder)
{
  pid_t one = start_job(build_thrice, lab, folder), other = start_job(build_thrice, lab, folder);
  end_job(one);
  end_job(other);
  CHECK_IS(file_count(folder), ==, 2);
  end_job(start_job(find_built, lab, folder));
  remove_folder(folder);
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  struct lab *lab = malloc(sizeof *lab);
  char folder[] = "test_basis_cache_XXXXXX", both[64];
  lab_init(lab, 1.2, 1, 5040);
  cubix_log_to(listen, NULL);
  CHECK(mkdtemp(folder) != NULL);
  snprintf(both, sizeof both, "%s/both", folder);
  CASE(cut_in_use(lab, both));
  CASE(two_builders(lab, both));                       /* before this process knows MPI */
  CHECK_IS(cubix_mpi_start(NULL, NULL), ==, CUBIX_OK);
  CASE(hashes());
  CASE(keys(lab));
  CASE(cache(lab, folder));
  remove_folder(folder);
  cubix_mpi_finish(0);
  free(lab);
  return check_done();
}
