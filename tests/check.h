/* check.h -- all that a check program needs: CHECK counts, check_done sums up and gives main its exit status. */
#ifndef CUBIX_CHECK_H
#define CUBIX_CHECK_H

#include <math.h>
#include <stdio.h>

static int check_passed, check_failed;

/** Count whether cond holds; where it does not, print the place and the condition. */
#define CHECK(cond) \
  do { \
    if (cond) { \
      check_passed++; \
    } else { \
      check_failed++; \
      printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
    } \
  } while (0)

/** |a - b| <= tol, and print the two numbers where it is not so; what is not finite never passes. */
#define CHECK_CLOSE(a, b, tol) \
  do { \
    double check_a = (a), check_b = (b), check_tol = (tol); \
    if (isfinite(check_a - check_b) && fabs(check_a - check_b) <= check_tol) { \
      check_passed++; \
    } else { \
      check_failed++; \
      printf("%s:%d: failed: %s = %.17g, %s = %.17g, apart by more than %g\n", __FILE__, __LINE__, #a, check_a, #b, \
             check_b, check_tol); \
    } \
  } while (0)

/** The larger of two numbers, for the largest of many: NaN once either is (fmax passes NaN over), so
 * that no bound holds any more. */
static inline double check_worst(double worst, double x) { return isnan(worst) || x <= worst ? worst : x; }

/** Print `N passed, N failed`.  @return the exit status: 1 after a failure, or when nothing was checked */
static inline int check_done(void)
{
  printf("%d passed, %d failed\n", check_passed, check_failed);
  return check_failed || !check_passed ? 1 : 0;
}

#endif
