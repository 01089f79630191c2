/* survey.h -- the stars counted before the first is painted: all that the choice of the engine, the
 * histogram's scale and the audit must know about them. */
#ifndef CUBIX_SURVEY_H
#define CUBIX_SURVEY_H

#include <stddef.h>
#include <stdint.h>

#include "cube/placement.h"
#include "engine/engine.h"
#include "physics/tables.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of one or more placements of this rank; of all ranks after cubix_mpi_survey_sum. */
struct cubix_survey {
  size_t n_spaxel;                /* painted, margin included */
  int64_t n_star;                 /* painted */
  int64_t beyond[CUBIX_N_REACH];  /* stars faster than cubix_engine_reach(i) */
  int n_row;
  /* 1: `used` includes rows that a star touches with weight 0, as derivatives need; set before counting */
  int derivatives;
  unsigned char *used;            /* [n_row] library rows with weight in a star */
  uint64_t *count;                /* [n_spaxel] stars */
  double *heaviest;               /* [n_spaxel] largest mass formed of a star [Msun] */
  double clearest, dustiest;      /* range of A(V) in front of stars [mag]; clearest > dustiest: no stars */
  double values, values_apart;    /* of the histogram: of all ranks' stars together; of the busiest rank's alone */
};

/** Allocate an empty survey.  Local.  @param[out] survey owned by the caller */
int cubix_survey_init(struct cubix_survey **survey, size_t n_spaxel, int n_row);
/** Add the stars of a placement.  Local. */
void cubix_survey_add(struct cubix_survey *survey, const struct cubix_tables *tables,
                      const struct cubix_placement *placement);
double cubix_survey_bytes(double n_spaxel);
void cubix_survey_free(struct cubix_survey *survey);

#ifdef __cplusplus
}
#endif
#endif
