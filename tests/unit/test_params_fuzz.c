/* test_params_fuzz.c -- a valid parameter file changed at random, 20000 times and always in the
 * same ways: each is taken, or refused with a message; what was taken is the same after being
 * written and read again.  Meant for the sanitizers too. */
#define _POSIX_C_SOURCE 200809L
#include "tests/check.h"

#include "base/error.h"
#include "params/params.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t dice(uint64_t *state, uint64_t n)
{
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (*state >> 33) % n;
}

/* One change of a text of length n in a buffer that has room for 80 more: a letter, a piece taken
 * out, doubled or put in. */
static size_t mutate(char *text, size_t n, uint64_t *state)
{
  static const char *const pieces[] = { "\"", "\"\"", "%",     "#",    "\n",   "\r",           " ",        ",",   "=",
                                        "-",  "nan",  "1e400", " kpc", " mas", "\xef\xbb\xbf", "Seed 1\n", "\t0", ".",
                                        "e9" };
  size_t at = dice(state, n + 1), span = dice(state, 30);
  if (at + span > n) span = n - at;
  switch (dice(state, 4)) {
  case 0:
    if (at < n) text[at] = (char)(1 + dice(state, 255));
    break;
  case 1:
    memmove(text + at, text + at + span, n - at - span + 1);
    n -= span;
    break;
  case 2:
    memmove(text + at + span, text + at, n - at + 1);
    n += span;
    break;
  default: {
    const char *piece = pieces[dice(state, sizeof pieces / sizeof *pieces)];
    memmove(text + at + strlen(piece), text + at, n - at + 1);
    memcpy(text + at, piece, strlen(piece));
    n += strlen(piece);
  }
  }
  return n;
}

static int read_text(const char *text, struct cubix_params **par)
{
  int status = cubix_params_init(par);
  cubix_error_clear();
  return status ? status : cubix_params_parse(*par, "fuzz.param", text, 0, NULL);
}

/* Whether the values are the same after being written and read again. */
static int survives(const struct cubix_params *par)
{
  struct cubix_params *again = NULL;
  struct cubix_param_info a, b;
  char *used = NULL;
  size_t size;
  FILE *out = open_memstream(&used, &size);
  int same = cubix_params_write_used(par, out) == CUBIX_OK;
  fclose(out);
  same = same && read_text(used, &again) == CUBIX_OK;
  for (int i = 0; same && i < cubix_params_count(); i++) {
    cubix_params_info(par, i, &a);
    cubix_params_info(again, i, &b);
    same = !strcmp(a.value, b.value);
  }
  cubix_params_free(again);
  free(used);
  return same;
}

static void test_fuzz(void)
{
  static const char valid[] = "% a valid file\nInputFile in.hdf5\nSspFile ssp.hdf5\nOutputFile out.fits\n"
                              "Seed 17 % why\r\nPixelScale 200 mas # small\nFieldOfView 60 30 arcsec\n"
                              "Centre 1, 2, -3.5e1 kpc\nOrientation faceon\nPsfFile \"my \"\"psf\"\".fits\"\nTruthMaps "
                              "no\nSystemicVelocity none\nExposureTime 1e4 s";
  enum { N_ROUND = 20000, N_CHANGE = 6, ROOM = sizeof valid + N_CHANGE * 80 };
  int n_taken = 0, n_refused = 0, n_same = 0, n_set = 0;
  struct cubix_param_info info;
  uint64_t state = 20240229;

  for (int round = 0; round < N_ROUND; round++) {
    char *text = malloc(ROOM);
    size_t n = sizeof valid - 1;
    memcpy(text, valid, sizeof valid);
    for (int k = 1 + (int)dice(&state, 1 + dice(&state, N_CHANGE)); k > 0; k--) n = mutate(text, n, &state);
    char *tight = strdup(text);   /* so that a sanitizer sees one byte too far */
    struct cubix_params *par = NULL;
    int status = read_text(tight, &par);
    if (status == CUBIX_EUSAGE) n_refused += strlen(cubix_error_message()) > 10;
    if (status == CUBIX_OK) {
      n_taken++;
      n_same += survives(par);
    }
    /* and any piece as the value of any parameter */
    cubix_params_info(NULL, (int)dice(&state, (uint64_t)cubix_params_count()), &info);
    status = par ? cubix_params_set(par, info.name, tight + dice(&state, strlen(tight) + 1)) : -1;
    n_set += status == CUBIX_OK || status == CUBIX_EUSAGE;
    cubix_params_free(par);
    free(tight);
    free(text);
  }
  printf("fuzz: %d taken, %d refused\n", n_taken, n_refused);
  CHECK_IS(n_taken + n_refused, ==, N_ROUND);
  CHECK_IS(n_taken, ==, n_same);
  CHECK_IS(n_set, ==, N_ROUND);
  CHECK_IS(n_taken, >, N_ROUND / 50);
  CHECK_IS(n_refused, >, N_ROUND / 2);   /* both kinds are really met */
}

int main(int argc, char **argv)
{
  check_init(argc, argv);
  CASE(test_fuzz());
  return check_done();
}
