/* check.h -- all that a C test needs.  main() opens with check_init and ends with check_done; between
 * them stands a line for each case:
 *
 *   CASE(test_margin());                                       its name: test_margin
 *   CASE(test_deposit(300, 2.));                               test_deposit(300, 2.)
 *   CASE_OF(test_kernel(k), "%s, %g FWHM", name[k], width);    test_kernel gaussian, 2.5 FWHM
 *
 * A case that passes prints its name, its number of checks and its seconds.  A check that fails prints
 * its place, its case, what it got and what it wanted.  `test_psf test_margin` runs that case alone
 * (all of them that call this function, or the one with this whole name); a name that there is not is an
 * error that lists those that there are.  Every case meets the same random numbers (numbers.h), whatever
 * ran before it. */
#ifndef CUBIX_CHECK_H
#define CUBIX_CHECK_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/numbers.h"

static int check_passed, check_failed;
static const char *check_only;                       /* the case that is wanted; NULL: all of them */
static char check_case[200] = "outside of the cases", check_others[10000];
static int check_n_case, check_before[2];
static struct timespec check_began;

static inline int check_done(void);

/** Count a check.  @return ok; where it is not, the line is begun that says what failed */
static inline int check_count(int ok, const char *file, int line)
{
  if (ok) check_passed++;
  else check_failed++;
  if (!ok) printf("%s:%d: %s: failed: ", file, line, check_case);
  return ok;
}

/** Whether cond holds. */
#define CHECK(cond) \
  do { \
    if (!check_count((cond) ? 1 : 0, __FILE__, __LINE__)) printf("%s\n", #cond); \
  } while (0)

/** Whether that holds without which the test cannot go on: where it does not, the program ends here. */
#define REQUIRE(cond) \
  do { \
    if (!check_count((cond) ? 1 : 0, __FILE__, __LINE__)) printf("%s\n", #cond), exit(check_done()); \
  } while (0)

/** Whether two numbers compare so: CHECK_IS(worst, <, 1e-12).  A long double holds every integer and double. */
#define CHECK_IS(got, is, wanted) \
  do { \
    const long double check_a = (got), check_b = (wanted); \
    if (!check_count(check_a is check_b, __FILE__, __LINE__)) \
      printf("%s %s %s: got %.17Lg, wanted %s %.17Lg\n", #got, #is, #wanted, check_a, #is, check_b); \
  } while (0)

/** Whether |got - wanted| <= tolerance; what is not finite never passes. */
#define CHECK_CLOSE(got, wanted, tolerance) \
  do { \
    const double check_a = (got), check_b = (wanted), check_tol = (tolerance); \
    if (!check_count(isfinite(check_a - check_b) && fabs(check_a - check_b) <= check_tol, __FILE__, __LINE__)) \
      printf("%s = %s: got %.17g, wanted %.17g, apart by %g, at most %g\n", #got, #wanted, check_a, check_b, \
             fabs(check_a - check_b), check_tol); \
  } while (0)

/** Whether two texts are the same. */
#define CHECK_TEXT(got, wanted) \
  do { \
    const char *check_a = (got), *check_b = (wanted); \
    if (!check_count(check_a && check_b && !strcmp(check_a, check_b), __FILE__, __LINE__)) \
      printf("%s: got \"%s\", wanted \"%s\"\n", #got, check_a ? check_a : "(null)", check_b ? check_b : "(null)"); \
  } while (0)

/** Whether a text has these words in it. */
#define CHECK_SAYS(got, words) \
  do { \
    const char *check_a = (got), *check_b = (words); \
    if (!check_count(check_a && check_b && strstr(check_a, check_b), __FILE__, __LINE__)) \
      printf("%s: got \"%.800s\", wanted \"%s\" in it\n", #got, check_a ? check_a : "(null)", \
             check_b ? check_b : "(null)"); \
  } while (0)

/** The larger of two numbers, for the largest of many: NaN once either is (fmax passes NaN over), so
 * that no bound holds any more. */
static inline double check_worst(double worst, double x) { return isnan(worst) || x <= worst ? worst : x; }

/** Take the name of the case to run, if there is one, from the command line. */
static inline void check_init(int argc, char **argv)
{
  check_only = argc > 1 ? argv[1] : NULL;
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);             /* a crash leaves the lines before it */
}

/** Whether the case is to run.  Its name is the function called and what the format says of it, or the whole call. */
static inline int check_begins(const char *call, const char *format, ...)
{
  char name[sizeof check_case];
  size_t n = strcspn(call, "("), n_others = strlen(check_others);
  va_list list;
  snprintf(name, sizeof name, "%.*s", (int)(format || !strcmp(call + n, "()") ? n : strlen(call)), call);
  va_start(list, format);
  if (format) {
    snprintf(name + n, sizeof name - n, " ");
    vsnprintf(name + n + 1, sizeof name - n - 1, format, list);
  }
  va_end(list);
  if (check_only && strcmp(check_only, name) && (strlen(check_only) != n || strncmp(check_only, name, n))) {
    snprintf(check_others + n_others, sizeof check_others - n_others, "  %s\n", name);
    return 0;
  }
  snprintf(check_case, sizeof check_case, "%s", name);
  check_n_case++;
  check_before[0] = check_passed;
  check_before[1] = check_failed;
  numbers_restart();
  timespec_get(&check_began, TIME_UTC);
  return 1;
}

static inline void check_ends(void)
{
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  const double seconds = difftime(now.tv_sec, check_began.tv_sec) + 1e-9 * (double)(now.tv_nsec - check_began.tv_nsec);
  int n = check_passed + check_failed - check_before[0] - check_before[1];
  if (n == 0) CHECK(!"something was checked");
  printf("case %s: %d checks, %.2f s", check_case, n, seconds);
  if (check_failed > check_before[1]) printf(", %d FAILED", check_failed - check_before[1]);
  printf("\n");
  snprintf(check_case, sizeof check_case, "outside of the cases");
  numbers_restart();
}

/** Run a case, which is one call. */
#define CASE(call) \
  do { \
    if (check_begins(#call, NULL)) call, check_ends(); \
  } while (0)

/** Run one of many cases that are the same call: the format says which. */
#define CASE_OF(call, ...) \
  do { \
    if (check_begins(#call, __VA_ARGS__)) call, check_ends(); \
  } while (0)

/** Print `N passed, N failed`.  @return the exit status: 1 after a failure, or when nothing was checked */
static inline int check_done(void)
{
  if (check_only && !check_n_case) printf("no case %s; there are\n%s", check_only, check_others);
  printf("%d passed, %d failed\n", check_passed, check_failed);
  return check_failed || !check_passed || !check_n_case ? 1 : 0;
}

#endif
