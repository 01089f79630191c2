/* engine.h -- how the cube is painted: by which method, on which velocity grid, and which rank owns
 * which channels.  The rules are in engine.c. */
#ifndef CUBIX_ENGINE_H
#define CUBIX_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "params/params.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cubix_method  { CUBIX_DIRECT, CUBIX_HISTOGRAM };
enum cubix_combine { CUBIX_COMBINE_CUBE, CUBIX_COMBINE_HISTOGRAM };
enum { CUBIX_N_REACH = 6 };

/* Time that a processor needs for a unit of work [ns]. */
struct cubix_rates {
  double direct;                  /* one star in one channel, directly */
  double fill;                    /* one star into the histogram */
  double multiply;                /* one value of the histogram in one channel */
  /* 1: the times are for a single core, and a rank has several; 0: for the whole processor, a GPU */
  int per_core;
};

struct cubix_engine {
  enum cubix_method method;
  enum cubix_combine combine;
  char why[256];                  /* one line for the log: the rule that chose */
  double tolerance;               /* largest relative error allowed */
  struct cubix_rates rates;       /* of the slowest rank */
  double reach;                   /* [km/s] of the velocity grid */
  int64_t n_beyond;               /* stars beyond it, painted directly; all ranks */
  int n_row, n_used;
  unsigned char *used;            /* [n_row] library rows with weight in any rank's stars */
  int dust;                       /* 1: there is dust in front of stars */
  /* who owns which channels of the summed cube: rank r lambda_first[r] .. lambda_first[r + 1] - 1 */
  int n_rank;
  int *lambda_first;              /* [n_rank + 1] */
};

/* The work to do, of all ranks together. */
struct cubix_workload {
  int64_t n_star;                 /* painted */
  int64_t beyond[CUBIX_N_REACH];  /* stars faster than cubix_engine_reach(i) */
  double values, values_apart;    /* of the histogram: of all ranks' stars together; of the busiest rank's alone */
  double n_spaxel;                /* painted */
  int n_lambda, n_row, n_used;
  /* ranks; cores of all ranks: they prepare templates, blur and write whatever paints; nodes */
  int n_rank, n_core, n_node;
  int pchip;                      /* SspInterpolation pchip */
  int dust;                       /* 1: there is dust in front of stars */
  int endless;                    /* 1: so much, and so little of it in some channels, that no nodes in A(V) serve */
  int keeping, prepared;          /* 1: templates are kept in a cache; 1: they are in it already */
  struct cubix_rates rates;       /* of the slowest rank as a whole: ranks have equal shares, and wait for each other */
};

/** The rates of a rank with n_core cores; if per_core is 0, those of its GPU.  Local. */
struct cubix_rates cubix_rates_of_rank(const struct cubix_rates *rates, int n_core);
/** The possible reaches of a velocity grid [km/s], i = 0 ..  CUBIX_N_REACH - 1.  Local. */
double cubix_engine_reach(int i);
/** Estimate of the number of values that n stars of a spaxel leave in a histogram.  Local. */
double cubix_engine_values(double n);
/** Factor on that with dust in front of stars: four nodes in A(V) for each, and a few between.  Local. */
double cubix_engine_growth(int dust);
/** An engine for n_rank ranks that paints n_row library rows directly, until it is told otherwise.
 * Local.
 *  @param[out] engine owned by the caller */
int cubix_engine_init(struct cubix_engine **engine, const struct cubix_params *par, int n_row, int n_rank,
                      int n_lambda);
/** Set the velocity grid's reach for these stars; 0: no reach serves them.  Local. */
void cubix_engine_set_reach(struct cubix_engine *engine, const struct cubix_workload *work);
/** Choose method, combination and owners by the rules of engine.c.  Local: the same on all ranks
 * that are given the same workload. */
void cubix_engine_choose(struct cubix_engine *engine, const struct cubix_params *par,
                         const struct cubix_workload *work);
/** Change to the direct method after all; `why` as in printf.  Local. */
void cubix_engine_go_direct(struct cubix_engine *engine, int n_lambda, const char *why, ...);
void cubix_engine_free(struct cubix_engine *engine);

#ifdef __cplusplus
}
#endif
#endif
