/* test_output -- a made-up result written through the library, and what the library does where it
 * cannot be written.
 *
 *   test_output                        checks itself in a folder of its own
 *   test_output write Name=value ...   writes the made-up result with these parameters and prints
 *                                      `seconds peak_kB_before peak_kB_after`
 *
 * tests/program/test_output.py reads the files of the second form and knows the same formulas: with
 * i, j, k counted from 0,
 *   flux = 100 + i + 10 j + k/128,  stars = (i + j) mod 3,  mass = 1e6 (1 + i) stars, light = 2
 *   mass ... (made_maps below). */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/log.h"
#include "tests/check.h"
#include "cube/truth_maps.h"
#include "tests/files_lab.h"
#include "tests/made.h"
#include "output/output_parts.h"
#include "output/provenance.h"

/* ---- a program that writes ------------------------------------------------------------------- */
static long peak_kb(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

static int write_made(int n_value, char **value)
{
  struct made m;
  double start;
  long before;
  int status = made_init(&m, n_value, value);
  cubix_log(CUBIX_LOG_WARNING, "the first warning");
  cubix_log(CUBIX_LOG_WARNING, "the second one, which is rather long: longer than a card of a FITS header has room "
                               "for, so that it goes on in the next");
  before = peak_kb();
  start = cubix_log_clock();
  if (!status) status = cubix_output_check(m.par);
  if (!status) status = cubix_output_write(&m.result, NULL);
  if (status) fprintf(stderr, "%s\n", cubix_error_message());
  else printf("%.3f %ld %ld\n", cubix_log_clock() - start, before, peak_kb());
  made_free(&m);
  return cubix_error_exit_status(status);
}

/* ---- checks ---------------------------------------------------------------------------------- */
/* Status of cubix_output_check for a value of OutputFile; its message must hold `word`. */
static int check_of(const char *output, const char *overwrite, const char *word)
{
  struct cubix_params *par = NULL;
  int status;
  CHECK(!cubix_params_init(&par));
  CHECK(!cubix_params_set(par, "InputFile", "input.hdf5"));
  CHECK(!cubix_params_set(par, "SspFile", "ssp.hdf5"));
  CHECK(!cubix_params_set(par, "OutputFile", output));
  CHECK(!cubix_params_set(par, "Overwrite", overwrite));
  cubix_error_clear();
  status = cubix_output_check(par);
  CHECK_SAYS(cubix_error_message(), word);
  cubix_params_free(par);
  return status;
}

static void test_check(void)
{
  char many[64] = "a.fits", longer[1400];
  touch("input.hdf5", "simulation");
  touch("ssp.hdf5", "library");
  CHECK(!mkdir("folder.fits", 0777));
  CHECK_IS(check_of("new.fits", "no", ""), ==, CUBIX_OK);
  CHECK_IS(check_of("new.fits , new.hdf5,new.h5", "no", ""), ==, CUBIX_OK);
  CHECK(!exists("new.fits"));
  CHECK(!exists("new.hdf5"));
  CHECK_IS(check_of("old.fits", "yes", ""), ==, CUBIX_OK);
  CHECK_IS(check_of("old.fits", "no", "Overwrite"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("new.hdf5,old.fits", "no", "old.fits"), ==, CUBIX_EOUTPUT);
  /* the texts beside the first output are outputs as well */
  touch("told-usedvalues", "used");
  touch("timed-timings.txt", "times");
  CHECK_IS(check_of("told.fits", "no", "told-usedvalues, written beside"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("timed.hdf5, new.fits", "no", "timed-timings.txt, written beside"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("told.fits", "yes", ""), ==, CUBIX_OK);
  CHECK_IS(check_of("timed.fits", "yes", ""), ==, CUBIX_OK);
  CHECK_IS(check_of("new.fits, told.fits, timed.fits", "no", ""), ==, CUBIX_OK);
  CHECK_IS(check_of("new.png", "yes", ".hdf5 or .h5"), ==, CUBIX_EUSAGE);
  CHECK_IS(check_of("fits", "yes", "suffix"), ==, CUBIX_EUSAGE);
  CHECK_IS(check_of(".fits", "yes", "suffix"), ==, CUBIX_EUSAGE);
  CHECK_IS(check_of("new.fits.gz", "yes", "gzip"), ==, CUBIX_EUSAGE);
  CHECK_IS(check_of("new.fits,,new.hdf5", "yes", "empty name"), ==, CUBIX_EUSAGE);
  CHECK(check_of("of,fits", "yes", "OutputFile = of (") == CUBIX_EUSAGE);
  CHECK(check_of("of\\,fits", "yes", "OutputFile = of,fits (") == CUBIX_EUSAGE);
  touch("a,b-usedvalues", "used");
  CHECK_IS(check_of("a\\,b.fits , c.fits", "no", "a,b-usedvalues, written beside"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("a\\,b.fits,c.fits", "yes", ""), ==, CUBIX_OK);
  CHECK_IS(check_of("new.fits,", "yes", "empty name"), ==, CUBIX_EUSAGE);
  CHECK_IS(check_of("new.fits,new.fits", "yes", "twice"), ==, CUBIX_EUSAGE);
  CHECK_IS(check_of("new.fits,./new.fits", "yes", "twice"), ==, CUBIX_EUSAGE);
  CHECK_IS(check_of("missing/new.fits", "yes", "no folder missing/"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("old.fits/new.fits", "yes", "no folder old.fits/"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("/proc/new.fits", "yes", "cannot create"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("folder.fits", "yes", "not a file"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("./input.hdf5", "yes", "InputFile"), ==, CUBIX_EOUTPUT);
  CHECK_IS(check_of("ssp.hdf5", "yes", "SspFile"), ==, CUBIX_EOUTPUT);
  for (int i = 0; i < 8; i++) snprintf(many + strlen(many), sizeof many - strlen(many), ",%d.h5", i);
  CHECK_IS(check_of(many, "yes", "more than 8"), ==, CUBIX_EUSAGE);
  memset(longer, 'x', sizeof longer);
  strcpy(longer + 900, ".fits");
  /* no file system has names of 900 characters */
  CHECK_IS(check_of(longer, "yes", "cannot create"), ==, CUBIX_EOUTPUT);
}

static int count_parts(void)
{
  FILE *list = popen("ls -A | grep -c '[.]part'", "r");
  int n = -1;
  REQUIRE(list);
  CHECK_IS(fscanf(list, "%d", &n), ==, 1);
  pclose(list);
  return n;
}

/* A write that runs out of room leaves nothing behind and keeps what was there. */
static void test_full(const char *output, rlim_t room)
{
  struct made m;
  struct rlimit limit, whole;
  char name[128], *value[1] = { name };
  int status;
  snprintf(name, sizeof name, "OutputFile=%s", output);
  CHECK_IS(made_init(&m, 1, value), ==, CUBIX_OK);
  getrlimit(RLIMIT_FSIZE, &whole);
  limit = whole;
  limit.rlim_cur = room;
  setrlimit(RLIMIT_FSIZE, &limit);
  status = cubix_output_write(&m.result, NULL);
  setrlimit(RLIMIT_FSIZE, &whole);
  CHECK_IS(status, ==, CUBIX_EOUTPUT);
  CHECK_SAYS(cubix_error_message(), "cannot write");
  CHECK_SAYS(cubix_error_message(), output);
  printf("room of %ld bytes: %s\n", (long)room, cubix_error_message());
  CHECK_IS(count_parts(), ==, 0);
  CHECK(!exists(output));
  made_free(&m);
}

static void test_write(void)
{
  struct made m;
  char old[8] = "", *value[] = { "OutputFile=old.fits,kept.hdf5" };
  FILE *file;
  hid_t read;
  /* a value that is not finite is refused, and the older file stays */
  CHECK_IS(made_init(&m, 1, value), ==, CUBIX_OK);
  m.cube->flux[17] = (cubix_real)NAN;
  CHECK_IS(cubix_output_write(&m.result, NULL), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "not finite");
  CHECK_IS(count_parts(), ==, 0);
  CHECK(!exists("kept.hdf5"));
  CHECK(!exists("old-usedvalues"));
  REQUIRE(file = fopen("old.fits", "r"));
  CHECK(fgets(old, sizeof old, file));
  CHECK_TEXT(old, "old");
  if (file) fclose(file);
  m.cube->flux[17] = 1;
  CHECK_IS(cubix_output_write(&m.result, NULL), ==, CUBIX_OK);
  CHECK_IS(count_parts(), ==, 0);
  CHECK(exists("kept.hdf5"));
  CHECK(exists("old-usedvalues"));
  /* a file that was read is not replaced */
  CHECK_IS(cubix_output_check_apart(m.par), ==, CUBIX_OK);
  CHECK_IS(cubix_h5_open(&read, "kept.hdf5"), ==, CUBIX_OK);
  CHECK_IS(H5Fclose(read), >=, 0);
  CHECK_IS(cubix_output_check_apart(m.par), ==, CUBIX_EOUTPUT);
  CHECK_SAYS(cubix_error_message(), "would replace kept.hdf5");
  m.cube->margin = 1;
  CHECK_IS(cubix_output_write(&m.result, NULL), ==, CUBIX_EFAIL);
  CHECK_SAYS(cubix_error_message(), "PSF");
  made_free(&m);
}

static int print_times(FILE *out, const void *host) { return fputs(host, out) < 0; }

/* The timings appear whole, replace their predecessor, and a disk without room leaves the predecessor. */
static void test_timings(void)
{
  struct made m;
  struct rlimit limit, whole;
  char line[16] = "", *value[] = { "OutputFile= timed.v2.fits, other.hdf5" };
  FILE *file;
  CHECK_IS(made_init(&m, 1, value), ==, CUBIX_OK);
  touch("timed.v2-timings.txt", "older");
  getrlimit(RLIMIT_FSIZE, &whole);
  limit = whole;
  limit.rlim_cur = 0;
  setrlimit(RLIMIT_FSIZE, &limit);
  CHECK_IS(cubix_output_timings(m.par, print_times, "paint 1.5\n"), ==, CUBIX_EOUTPUT);
  setrlimit(RLIMIT_FSIZE, &whole);
  CHECK_SAYS(cubix_error_message(), "cannot write timed.v2-timings.txt");
  CHECK_IS(count_parts(), ==, 0);
  REQUIRE(file = fopen("timed.v2-timings.txt", "r"));
  CHECK(fgets(line, sizeof line, file));
  CHECK_TEXT(line, "older");
  if (file) fclose(file);
  CHECK_IS(cubix_output_timings(m.par, print_times, "paint 1.5\n"), ==, CUBIX_OK);
  CHECK_IS(count_parts(), ==, 0);
  REQUIRE(file = fopen("timed.v2-timings.txt", "r"));
  CHECK(fgets(line, sizeof line, file));
  CHECK_TEXT(line, "paint 1.5\n");
  if (file) fclose(file);
  made_free(&m);
}

static const struct cubix_fact *fact_of(const struct cubix_facts *facts, const char *name)
{
  const struct cubix_fact *found = NULL;
  int n = 0;
  for (int i = 0; i < facts->n; i++) {
    if (strcmp(facts->fact[i].name, name)) continue;
    found = &facts->fact[i];
    n++;
  }
  CHECK_IS(n, <=, 1);
  return found;
}

/* Keywords have eight characters: of very many files the first 9999 are listed, and the rest is counted. */
static void test_many_files(void)
{
  enum { N = 10004 };
  static char *names[N];
  static int64_t sizes[N];
  const int count[] = { 9999, N };
  struct made m;
  CHECK_IS(made_init(&m, 0, NULL), ==, CUBIX_OK);
  for (int i = 0; i < N; i++) {
    names[i] = file_names[i % 2];
    sizes[i] = 1000 + i;
  }
  for (int c = 0; c < 2; c++) {
    struct cubix_facts *facts = NULL;
    const struct cubix_fact *last, *rest;
    m.slab.snapshot.n_file = count[c];
    m.slab.snapshot.file = names;
    m.slab.snapshot.file_size = sizes;
    CHECK_IS(cubix_provenance_init(&facts, &m.result), ==, CUBIX_OK);
    CHECK_IS(fact_of(facts, "NFILE")->integer, ==, count[c]);
    CHECK_IS(fact_of(facts, "SIZE1000")->integer, ==, 1999);
    last = fact_of(facts, "SIZE9999");
    rest = fact_of(facts, "NUNLIST");
    REQUIRE(last);
    CHECK_IS(last->integer, ==, 1000 + 9998);
    CHECK(fact_of(facts, "FILE9999"));
    CHECK(count[c] == 9999 ? !rest : rest && rest->integer == 5);
    cubix_facts_free(facts);
  }
  made_free(&m);
}

/* ---- ranks that hold different channels, played by one process ------------------------------- */
/* Other ranks' blocks: made when asked, here when looked for the third time. */
struct stage {
  const struct cubix_result *of[8];
  int status[CUBIX_MOST_BLOCKS], looks[CUBIX_MOST_BLOCKS], n_asked, fail_at;
};

static int stage_ask(struct cubix_blocks *blocks, int slot, int r, int what, int k0, int n_k, void *block,
                     size_t n_byte)
{
  struct stage *stage = blocks->host;
  CHECK_IS(r, !=, blocks->me);
  REQUIRE(slot < CUBIX_MOST_BLOCKS);
  CHECK_IS(stage->looks[slot], ==, 0);
  stage->looks[slot] = 3;
  stage->status[slot] = stage->n_asked++ == stage->fail_at
                            ? CUBIX_ENOMEM
                            : cubix_output_block(stage->of[r], what, k0, n_k, block, n_byte);
  return CUBIX_OK;
}

static int stage_look(struct cubix_blocks *blocks, int slot, int *here)
{
  struct stage *stage = blocks->host;
  CHECK_IS(stage->looks[slot], >, 0);
  *here = --stage->looks[slot] == 0;
  return *here && stage->status[slot]
             ? cubix_error_set(stage->status[slot], __func__, __FILE__, __LINE__, "the owner's words")
             : CUBIX_OK;
}

/* A whole file, its dates (2026-01-02T03:04:05) blanked. */
static char *bytes_of(const char *path, size_t *n)
{
  FILE *file = fopen(path, "rb");
  struct stat info;
  char *bytes = NULL;
  *n = 0;
  if (file && !fstat(fileno(file), &info) && (bytes = calloc((size_t)info.st_size + 20, 1)))
    *n = fread(bytes, 1, (size_t)info.st_size, file);
  for (size_t i = 0; i < *n; i++)
    if (bytes[i] == '2' && bytes[i + 1] == '0' && bytes[i + 4] == '-' && bytes[i + 7] == '-' && bytes[i + 10] == 'T' &&
        bytes[i + 13] == ':')
      memset(bytes + i, ' ', 19);
  if (file) fclose(file);
  return bytes;
}

/* @return how many bytes two files have, where they have the same; else 0 */
static size_t same_bytes(const char *a, const char *b)
{
  size_t n_a, n_b;
  char *x = bytes_of(a, &n_a), *y = bytes_of(b, &n_b);
  size_t n = x && y && n_a == n_b && !memcmp(x, y, n_a) ? n_a : 0;
  free(x);
  free(y);
  return n;
}

/* Write m's result as ranks with channels cut[r] .. cut[r + 1] - 1 would. */
static int write_cut(const struct made *m, const int *cut, int n_rank, int fail_at)
{
  struct cubix_cube part[8];
  struct cubix_result result[8];
  struct stage stage = { .fail_at = fail_at };
  struct cubix_blocks blocks = { n_rank, 0, cut, &stage, stage_ask, stage_look };
  size_t n_xy = (size_t)m->cube->n_x * (size_t)m->cube->n_y;
  for (int r = 0; r < n_rank; r++) {
    part[r] = *m->cube;
    part[r].lambda_first = cut[r];
    part[r].n_lambda = cut[r + 1] - cut[r];
    part[r].flux = part[r].n_lambda ? malloc(n_xy * (size_t)part[r].n_lambda * sizeof *part[r].flux) : NULL;
    for (size_t s = 0; part[r].flux && s < n_xy; s++)
      memcpy(part[r].flux + s * (size_t)part[r].n_lambda, m->cube->flux + s * (size_t)m->cube->n_lambda + cut[r],
             (size_t)part[r].n_lambda * sizeof *part[r].flux);
    result[r] = m->result;
    result[r].cube = &part[r];
    stage.of[r] = &result[r];
  }
  int status = cubix_output_write(&result[0], &blocks);
  for (int i = 0; i < CUBIX_MOST_BLOCKS; i++) CHECK_IS(stage.looks[i], ==, 0);      /* nothing is left on its way */
  for (int r = 0; r < n_rank; r++) free(part[r].flux);
  return status;
}

/* Whoever holds the channels, the file is the same; whatever fails, nothing is left. */
static void test_owners(void)
{
  static const int cuts[][6] = { { 0, 30, 101, 101, 101, 101 },
                                 { 0, 0, 17, 17, 100, 101 },
                                 { 0, 101, 101, 101, 101, 101 } };
  char *values[][5] = {
    { "FieldOfView=190 130", "LambdaMax=5100", "Noise=none", "OutputFile=w.fits,w.h5", "MinStars=1" },
    { "FieldOfView=190 130", "LambdaMax=5100", "Noise=exposure", "OutputFile=w.fits,w.h5", "KeepNoiseFree=yes" }
  };
  for (int v = 0; v < 2; v++) {
    struct made m;
    CHECK_IS(made_init(&m, 5, values[v]), ==, CUBIX_OK);
    CHECK_IS(m.cube->n_lambda, ==, 101);
    CHECK_IS(cubix_output_write(&m.result, NULL), ==, CUBIX_OK);
    CHECK(!rename("w.fits", "whole.fits"));
    CHECK(!rename("w.h5", "whole.h5"));
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
      CHECK_IS(write_cut(&m, cuts[c], 5, -1), ==, CUBIX_OK);
      /* flux and quality; with noise also the variance */
      CHECK_IS(same_bytes("w.fits", "whole.fits"), >, 190 * 130 * 101 * (v ? 12 : 8));
      CHECK_IS(same_bytes("w.h5", "whole.h5"), >, 190 * 130 * 101 * (v ? 12 : 8));
      remove("w.fits");
      remove("w.h5");
      remove("w-usedvalues");
    }
    CHECK_IS(write_cut(&m, cuts[1], 5, 4), ==, CUBIX_ENOMEM);
    CHECK_SAYS(cubix_error_message(), "the owner's words");
    CHECK_IS(count_parts(), ==, 0);
    CHECK(!exists("w.fits"));
    m.cube->flux[50] = (cubix_real)INFINITY;
    CHECK_IS(write_cut(&m, cuts[1], 5, -1), ==, CUBIX_EFAIL);
    CHECK_IS(count_parts(), ==, 0);
    CHECK(!exists("w.fits"));
    made_free(&m);
  }
}

int main(int argc, char **argv)
{
  char folder[] = "/tmp/cubix_test_output.XXXXXX", command[64];
  signal(SIGXFSZ, SIG_IGN);
  if (argc > 1 && !strcmp(argv[1], "write")) return write_made(argc - 2, argv + 2);
  check_init(argc, argv);
  REQUIRE(mkdtemp(folder));
  CHECK(!chdir(folder));
  touch("old.fits", "old");
  CASE(test_check());
  CASE(test_write());
  CASE(test_timings());
  CASE(test_many_files());
  CASE(test_owners());
  for (rlim_t room = 0; room <= 24000; room += 8000) CASE_OF(test_full("full.fits", room), "fits, %d bytes", (int)room);
  for (rlim_t room = 0; room <= 24000; room += 8000) CASE_OF(test_full("full.hdf5", room), "hdf5, %d bytes", (int)room);
  snprintf(command, sizeof command, "rm -rf %s", folder);
  CHECK(!chdir("/"));
  CHECK(!system(command));
  return check_done();
}
