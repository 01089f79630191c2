/* survey.c -- stars and their heaviest per spaxel, library rows in use, stars beyond the reaches of
 * a velocity grid, the dust in front of them.
 *
 * Sums of integers and maxima: the survey of a galaxy does not depend on how its stars were divided
 * among chunks, threads or ranks. */
#include "engine/survey.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

int cubix_survey_init(struct cubix_survey **out, size_t n_spaxel, int n_row)
{
  int status = CUBIX_OK;
  struct cubix_survey *s = NULL;
  CUBIX_ALLOC(s, 1);
  s->n_spaxel = n_spaxel;
  s->n_row = n_row;
  s->clearest = HUGE_VAL;
  s->dustiest = -HUGE_VAL;
  CUBIX_ALLOC(s->used, n_row);
  CUBIX_ALLOC(s->count, n_spaxel);
  CUBIX_ALLOC(s->heaviest, n_spaxel);
  *out = s;
  s = NULL;
done:
  cubix_survey_free(s);
  return status;
}

double cubix_survey_bytes(double n_spaxel) { return n_spaxel * (sizeof(uint64_t) + sizeof(double)); }

void cubix_survey_add(struct cubix_survey *survey, const struct cubix_tables *tables, const struct cubix_placement *p)
{
  size_t n = p->start[p->n_spaxel];
  unsigned char *used = survey->used;
  int64_t *beyond = survey->beyond;
  int n_row = survey->n_row, all = survey->derivatives;
  double clearest = survey->clearest, dustiest = survey->dustiest;
#pragma omp parallel for schedule(static) reduction(| : used[:n_row]) reduction(+ : beyond[:CUBIX_N_REACH]) \
    reduction(min : clearest) reduction(max : dustiest)
  for (size_t i = 0; i < n; i++) {
    clearest = fmin(clearest, (double)p->star[i].screen);
    dustiest = fmax(dustiest, (double)p->star[i].screen);
    struct cubix_mix mix;
    cubix_mix_of(tables, &p->star[i], &mix);
    for (int c = 0; c < mix.n; c++) used[mix.row[c]] |= all || mix.weight[c] != 0;
    for (int r = 0; r < CUBIX_N_REACH && fabs(p->star[i].velocity) > cubix_engine_reach(r); r++) beyond[r]++;
  }
#pragma omp parallel for schedule(dynamic, 64)
  for (size_t s = 0; s < p->n_spaxel; s++) {
    survey->count[s] += p->start[s + 1] - p->start[s];
    for (size_t i = p->start[s]; i < p->start[s + 1]; i++)
      survey->heaviest[s] = fmax(survey->heaviest[s], p->star[i].mass_formed);
  }
  survey->clearest = clearest;
  survey->dustiest = dustiest;
  survey->n_star += (int64_t)n;
}

void cubix_survey_free(struct cubix_survey *survey)
{
  if (!survey) return;
  free(survey->used);
  free(survey->count);
  free(survey->heaviest);
  free(survey);
}
