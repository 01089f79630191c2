/* survey.c -- what all ranks together know of the stars in the spaxels. */
#include <math.h>
#include <mpi.h>

#include "engine/engine.h"
#include "engine/survey.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/exchange.h"
#include "mpi/comm/group.h"
#include "mpi/particles/particles.h"

void cubix_mpi_survey_sum(struct cubix_survey *s)
{
  double apart = 0;
  s->clearest = -cubix_mpi_max(-s->clearest);
  s->dustiest = cubix_mpi_max(s->dustiest);
  for (size_t i = 0; i < s->n_spaxel; i++) apart += cubix_engine_values((double)s->count[i]);
  s->values_apart = cubix_mpi_max(apart);
  s->n_star = cubix_mpi_sum_int(s->n_star);
  MPI_Allreduce(MPI_IN_PLACE, s->used, s->n_row, MPI_UNSIGNED_CHAR, MPI_BOR, cubix_mpi_group()->comm);
  MPI_Allreduce(MPI_IN_PLACE, s->beyond, CUBIX_N_REACH, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  cubix_mpi_sum_counts(s->count, s->n_spaxel);
  cubix_mpi_max_all(s->heaviest, s->n_spaxel);
  s->values = 0;
  for (size_t i = 0; i < s->n_spaxel; i++) s->values += cubix_engine_values((double)s->count[i]);
}
