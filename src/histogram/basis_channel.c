/* basis_channel.c -- what the fit of a channel rests on: linear forms on the knot values of any
 * row, made once per channel (basis_fit.c says why).
 *
 * Three sets: the right-hand sides of the normal equations, one for each node of the fit; B at the
 * nodes themselves, for channels and rows that are not fitted; and, on request, B at the velocities
 * of the certificate. */
#include "histogram/basis_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "physics/pixel.h"

/* ---- linear forms ---------------------------------------------------------------------------- */
void cubix_basis_forms_free(struct cubix_forms *forms)
{
  free(forms->first);
  free(forms->count);
  free(forms->at);
  free(forms->weight);
  memset(forms, 0, sizeof *forms);
}

static int forms_init(struct cubix_forms *forms, int n)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(forms->first, n);
  CUBIX_ALLOC(forms->count, n);
  CUBIX_ALLOC(forms->at, n);
  forms->room_n = n;
done:
  return status;
}

/* One more form of zero weights on values first .. first + count - 1.  @param[out] weight  borrowed until the next */
static int forms_add(struct cubix_forms *forms, int first, int count, double **weight)
{
  int status = CUBIX_OK;
  if (forms->used + (size_t)count > forms->room) {
    size_t room = 2 * (forms->room + (size_t)count) + 1024;
    double *more = realloc(forms->weight, room * sizeof *more);
    CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate %zu bytes for the channels' weights", room * sizeof *more);
    forms->weight = more;
    forms->room = room;
  }
  forms->first[forms->n] = first;
  forms->count[forms->n] = count;
  forms->at[forms->n] = forms->used;
  *weight = forms->weight + forms->used;
  if (count) memset(*weight, 0, (size_t)count * sizeof **weight);
  forms->used += (size_t)count;
  forms->n++;
done:
  return status;
}

static void forms_clear(struct cubix_forms *forms) { forms->n = 0, forms->used = 0; }

/* ---- a channel ------------------------------------------------------------------------------- */
/* Form of the integral from x0 to x1; smooth: the template continued beyond the library by
 * reflection in its last knot. */
static int add_pixel(struct cubix_forms *forms, const struct cubix_tables *v, double x0, double x1, int smooth,
                     int base)
{
  int status = CUBIX_OK, first, n, last = v->n_knot - 1, other;
  double lo = v->knot[0], hi = v->knot[last], *w;
  double below = smooth && x0 < lo ? fmin(x1, lo) : x0, above = smooth && x1 > hi ? fmax(x0, hi) : x1;
  n = cubix_pixel_knots(v, x0, x1, &first);
  if (below > x0 || above < x1) {                /* from the library's end to the far end of the reflected stretch */
    double far0 = below > x0 ? lo : fmin(x0, 2 * hi - x1), far1 = above < x1 ? hi : fmax(x1, 2 * lo - x0);
    n = cubix_pixel_knots(v, fmax(far0, lo), fmin(far1, hi), &first);
  }
  if (!n) first = base;
  CUBIX_TRY(forms_add(forms, 2 * (first - base), 2 * n, &w));
  if (n) cubix_pixel_add(v, x0, x1, 1, first, w);
  if (below > x0) {
    w[2 * (0 - first)] += 2 * (below - x0);
    cubix_pixel_add(v, 2 * lo - below, 2 * lo - x0, -1, first, w);
  }
  if (above < x1) {
    other = 2 * (last - first);
    w[other] += 2 * (x1 - above);
    cubix_pixel_add(v, 2 * hi - x1, 2 * hi - above, -1, first, w);
  }
done:
  return status;
}

/* Right-hand sides of the normal equations: forms of the samples, added up node by node. */
static int make_rhs(const struct cubix_basis_fit *fit, struct cubix_basis_channel *ch, int base,
                    struct cubix_forms *sample)
{
  int status = CUBIX_OK, n = fit->factor.n, n_interval = n - 5;
  const struct cubix_tables *v = &fit->tables;
  if (!sample->room_n) CUBIX_TRY(forms_init(sample, n_interval * CUBIX_BASIS_FIT_SAMPLE));
  forms_clear(sample);
  for (int i = 0; i < n_interval * CUBIX_BASIS_FIT_SAMPLE; i++)
    CUBIX_TRY(add_pixel(sample, v, v->edge[ch->k] / fit->sample_doppler[i], v->edge[ch->k + 1] / fit->sample_doppler[i],
                        1, base));
  for (int j = 0; j < n; j++) {
    int i0 = j < 5 ? 0 : j - 5, i1 = j < n_interval ? j : n_interval - 1, lo = INT32_MAX, hi = 0;
    double *w;
    for (int i = i0 * CUBIX_BASIS_FIT_SAMPLE; i < (i1 + 1) * CUBIX_BASIS_FIT_SAMPLE; i++) {
      if (sample->first[i] < lo) lo = sample->first[i];
      if (sample->first[i] + sample->count[i] > hi) hi = sample->first[i] + sample->count[i];
    }
    CUBIX_TRY(forms_add(&ch->rhs, lo, hi - lo, &w));
    for (int i = i0 * CUBIX_BASIS_FIT_SAMPLE; i < (i1 + 1) * CUBIX_BASIS_FIT_SAMPLE; i++) {
      double phi = fit->sample_phi[i % CUBIX_BASIS_FIT_SAMPLE][j - i / CUBIX_BASIS_FIT_SAMPLE];
      for (int q = 0; q < sample->count[i]; q++)
        w[sample->first[i] - lo + q] += phi * sample->weight[sample->at[i] + (size_t)q];
    }
  }
done:
  return status;
}

int cubix_basis_channel_init(const struct cubix_basis_fit *fit, struct cubix_basis_channel *ch, int k, int base,
                             int check, struct cubix_forms *sample)
{
  int status = CUBIX_OK;
  const struct cubix_tables *v = &fit->tables;
  ch->k = k;
  double e0 = v->edge[ch->k], e1 = v->edge[ch->k + 1], lo = v->knot[0], hi = v->knot[v->n_knot - 1];
  CUBIX_TRY(forms_init(&ch->exact, fit->nodes.n));
  for (int j = 0; j < fit->nodes.n; j++)
    CUBIX_TRY(add_pixel(&ch->exact, v, e0 / fit->node_doppler[j], e1 / fit->node_doppler[j], 0, base));
  if (!fit->covered[ch->k]) goto done;
  CUBIX_TRY(forms_init(&ch->rhs, fit->factor.n));
  CUBIX_TRY(make_rhs(fit, ch, base, sample));
  if (!check) goto done;
  CUBIX_TRY(forms_init(&ch->check, fit->n_check));
  for (int i = 0; i < fit->n_check; i++) {
    double x0 = e0 / fit->check_doppler[i], x1 = e1 / fit->check_doppler[i];
    if (x0 < lo || x1 > hi) continue;
    if (!ch->check.n) ch->first_check = i;
    CUBIX_TRY(add_pixel(&ch->check, v, x0, x1, 0, base));
  }
done:
  return status;
}

void cubix_basis_channel_free(struct cubix_basis_channel *ch)
{
  cubix_basis_forms_free(&ch->rhs);
  cubix_basis_forms_free(&ch->check);
  cubix_basis_forms_free(&ch->exact);
}
