/* covariance_channels.c -- of which channels files tell the covariance, and what their headers say. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "observation/fibres.h"
#include "output/layout.h"
#include "output/output_covariance.h"
#include "output/provenance_parts.h"

enum { MOST_LISTED = 64, MOST_MAPS = 64 };

/* ---- which ----------------------------------------------------------------------------------- */
static int by_number(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static int without_twins(int *k, int n)
{
  int kept = 0;
  qsort(k, (size_t)n, sizeof *k, by_number);
  for (int i = 0; i < n; i++)
    if (k[i] >= 0 && (!kept || k[kept - 1] != k[i])) k[kept++] = k[i];
  return kept;
}

/* @param[out] k [MOST_LISTED] */
static int list_read(int *k, int *n, const struct cubix_params *par, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK;
  const char *at = par->Covariance, *origin = cubix_params_origin(par, "Covariance");
  const double first = cubix_instrument_border(ins, 0), last = cubix_instrument_border(ins, ins->n_lambda);
  *n = 0;
  for (;;) {
    char *end;
    const double lambda = strtod(at, &end);
    end += strspn(end, " \t");
    CUBIX_CHECK(
        end > at && (!*end || *end == ','), CUBIX_EUSAGE,
        "Covariance = %s (%s): \"%.20s\" is no wavelength; write survey, none, or wavelengths in AA separated by "
        "commas, as in Covariance 4686, 6166",
        par->Covariance, origin, at);
    CUBIX_CHECK(lambda >= first && lambda <= last, CUBIX_EUSAGE,
                "Covariance = %s (%s): %g AA is outside the cube, which has %.6g .. %.6g AA", par->Covariance, origin,
                lambda, first, last);
    CUBIX_CHECK(*n < MOST_LISTED, CUBIX_EUSAGE, "Covariance (%s) has more than %d wavelengths", origin, MOST_LISTED);
    k[(*n)++] = cubix_bands_channel(ins, lambda);
    if (!*end) break;
    at = end + 1;
  }
  *n = without_twins(k, *n);
done:
  return status;
}

static enum cubix_covariance_form form_of(const struct cubix_params *par, const struct cubix_instrument *ins)
{
  const char *layout = cubix_layout_fits(par, ins)->name;
  if (!ins->bundle || par->Noise == CUBIX_Noise_none || !strcmp(par->Covariance, "none")) return CUBIX_COVARIANCE_NONE;
  if (strcmp(par->Covariance, "survey")) return CUBIX_COVARIANCE_TABLE;
  return !strcmp(layout, "manga")  ? CUBIX_COVARIANCE_MANGA
         : !strcmp(layout, "sami") ? CUBIX_COVARIANCE_SAMI
                                   : CUBIX_COVARIANCE_NONE;
}

int cubix_covariance_check(const struct cubix_params *par, const struct cubix_instrument *ins)
{
  int k[MOST_LISTED], n;
  return form_of(par, ins) == CUBIX_COVARIANCE_TABLE ? list_read(k, &n, par, ins) : CUBIX_OK;
}

/* As SAMI's "optimal": the first two and the last two channels, and those before and after fibres have moved, though
 * not all of them where they move often. */
static void choose_changes(struct cubix_covariance *a, const struct cubix_result *result)
{
  const struct cubix_instrument *ins = result->ins;
  const int last = ins->n_lambda - 1, ends[] = { 0, 1, last - 1, last };
  const int n_group = result->fibres->n_group, step = 1 + 2 * n_group / (MOST_MAPS - 4);
  for (int i = 0; i < 4; i++)
    if (ends[i] >= 0 && ends[i] <= last && !cubix_instrument_gap(ins, ends[i])) a->k[a->n++] = ends[i];
  for (int g = 1; g < n_group; g += step)
    for (int k = result->fibres->group[g].first - 1, n = 0; n < 2; n++, k++)
      if (!cubix_instrument_gap(ins, k)) a->k[a->n++] = k;
  a->n = without_twins(a->k, a->n);
}

int cubix_covariance_choose(struct cubix_covariance *a, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  a->form = form_of(result->par, result->ins);
  CUBIX_ALLOC(a->k, MOST_LISTED + MOST_MAPS);
  if (a->form == CUBIX_COVARIANCE_TABLE) CUBIX_TRY(list_read(a->k, &a->n, result->par, result->ins));
  if (a->form == CUBIX_COVARIANCE_MANGA) {
    cubix_bands_find(&a->bands, result->ins);
    a->n = a->bands.n;
    memcpy(a->k, a->bands.k, sizeof a->bands.k);
  }
  if (a->form == CUBIX_COVARIANCE_SAMI) choose_changes(a, result);
done:
  return status;
}

double cubix_covariance_bytes(const struct cubix_params *par, const struct cubix_instrument *ins)
{
  const enum cubix_covariance_form form = form_of(par, ins);
  const double image = (double)ins->n_x * ins->n_y;
  int k[MOST_LISTED], n = CUBIX_N_BAND;
  if (form == CUBIX_COVARIANCE_NONE) return 0;
  if (form == CUBIX_COVARIANCE_SAMI) return 25. * image * MOST_MAPS * sizeof(float);
  if (form == CUBIX_COVARIANCE_TABLE && list_read(k, &n, par, ins)) n = MOST_LISTED;
  /* half of the spaxels within twice a weight's reach */
  const struct cubix_bundle *b = ins->bundle;
  const double reach = 2 * (b->rebuild == CUBIX_REBUILD_SHEPARD ? b->limit : 0.5 * b->core * b->drop + ins->pixel_x);
  return n * image * (1.6 * reach * reach / (ins->pixel_x * ins->pixel_y) + 1) * (5 * sizeof(int32_t) + sizeof(double));
}

void cubix_covariance_free(struct cubix_covariance *a)
{
  if (!a) return;
  free(a->k);
  free(a->variance);
  free(a);
}

void cubix_covariance_facts(struct cubix_facts *facts, const struct cubix_result *result)
{
  const struct cubix_covariance *a = result->covariance;
  if (!a || !(a->law.sigma > 0)) return;
  real(facts, "COVLAM", a->lambda, "Angstrom", "where COVSIGMA and COVBETA were fitted");
  real(facts, "COVSIGMA", a->law.sigma, "pixel", "s: correlation exp(-D^2/(2 s^2)) at distance D");
  real(facts, "COVBETA", a->law.beta, "", "b: a square of N has 1 + b log10(N) the noise");
}
