/* unbuild.c -- from a cube y = W d back to the spectra d of the fibres, and to their variances v.
 *
 * Where no spectra lie beside the cube, v follows from the variances of single spaxels, s_j = sum_f
 * W_jf^2 v_f; and with it d, both as least squares in units of s.  A cube with other weights, or other
 * noise, leaves differences, and is refused.  How many spectra a channel does not tell is found by one
 * probe x of normal numbers: the mean of x (x - P x) is the number of dimensions that P takes away. */
#include "fit/unbuild.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "fit/range.h"
#include "physics/random.h"

enum { LANES = CUBIX_RANGE_LANES };
static const double told = 1e-3;            /* dimensions of a channel that may be lacking where P counts as 1 */
static const double finer = 1e-3, most_off = 0.1, most_off_variance = 0.01;

/* What is found on a rank. */
struct found { double off, off_variance, voxels, lacking, no_memory, endless, untold, negative; };

/* A standard normal number, the same for a spectrum and a channel whoever holds it. */
static double normal(size_t spectrum, int channel)
{
  const uint32_t counter[4] = { (uint32_t)spectrum, (uint32_t)channel, 0, 0 }, key[2] = { 0x554e4255u, 0 };
  uint32_t word[4];
  double pair[2];
  cubix_philox(word, counter, key);
  cubix_gauss_pair(pair, cubix_uniform(word[0], word[1]), cubix_uniform(word[2], word[3]));
  return pair[0];
}

/* Channels first .. first + n - 1 of those held. */
struct part {
  struct cubix_range_block block;
  const struct cubix_observed *cube, *noise;
  struct cubix_observed *spectra;
  size_t first, n, n_col, n_row;
  double *b, *x, *known, *probe;            /* [n_col][LANES] */
};

/* v, in p->x, from the cube's variances, the right side being in p->b; channels in which these do not tell them. */
static int solve_variances(struct part *p, struct found *found)
{
  struct cubix_range_block *block = &p->block;
  const size_t n = p->n_col * LANES;
  double off[LANES] = { 0 };
  int left = cubix_range_solve(block, p->b, p->x);
  for (size_t i = 0; i < n; i++) {
    block->root[i] = p->x[i] != 0;                         /* where no voxel tells of it */
    p->probe[i] = block->root[i] * normal(i / LANES, p->cube->lambda_first + (int)(p->first + i % LANES));
  }
  memcpy(p->known, p->x, n * sizeof *p->x);
  cubix_range_forth(block, p->probe);
  cubix_range_back(block, p->b);
  left += cubix_range_solve(block, p->b, p->x);
  for (size_t i = 0; i < n; i++) off[i % LANES] += (p->probe[i] - p->x[i]) * (p->probe[i] - p->x[i]);
  for (size_t l = 0; l < p->n; l++) found->untold += off[l] > told;
  memcpy(p->x, p->known, n * sizeof *p->x);
  return left;
}

/* Those of the spectra beside the cube, where voxels tell of these. */
static void take_variances(struct part *p)
{
  const size_t n_lambda = (size_t)p->cube->n_lambda;
  for (size_t f = 0; f < p->n_col; f++)
    for (size_t l = 0; l < p->n; l++) {
      const double weight = (double)p->noise->weight[f * n_lambda + p->first + l];
      p->x[f * LANES + l] = weight > 0 && p->b[f * LANES + l] > 0 ? 1 / weight : 0;
    }
}

/* v, whose roots are left in the block. */
static int variances(struct part *p, struct found *found)
{
  struct cubix_range_block *block = &p->block;
  const size_t n_lambda = (size_t)p->cube->n_lambda;
  int left = 0;
  block->squared = 1;
  for (size_t r = 0; r < p->n_row; r++)
    for (size_t l = 0; l < p->n; l++) {
      const double weight = (double)p->cube->weight[r * n_lambda + p->first + l];
      block->weight[r * LANES + l] = weight * weight;
      block->seen[r * LANES + l] = weight > 0 ? 1 / weight : 0;
    }
  for (size_t i = 0; i < p->n_col * LANES; i++) block->root[i] = 1;
  cubix_range_back(block, p->b);
  if (p->noise) take_variances(p);
  else left = solve_variances(p, found);
  for (size_t i = 0; i < p->n_col * LANES; i++) block->root[i] = 1;
  cubix_range_forth(block, p->x);
  for (size_t r = 0; r < p->n_row; r++)
    for (size_t l = 0; l < p->n; l++) {
      const double weight = (double)p->cube->weight[r * n_lambda + p->first + l];
      found->off_variance = fmax(found->off_variance, weight > 0 ? fabs(block->seen[r * LANES + l] * weight - 1) : 0);
      block->weight[r * LANES + l] = weight;
      found->voxels += weight > 0;
    }
  for (size_t i = 0; i < p->n_col * LANES; i++) {
    found->negative += p->x[i] < 0;
    block->root[i] = sqrt(fmax(p->x[i], 0));
  }
  block->squared = 0;
  block->ridge = cubix_range_ridge;
  return left;
}

/* d, in units of the noise. */
static int spectra(struct part *p, struct found *found)
{
  struct cubix_range_block *block = &p->block;
  const size_t n_lambda = (size_t)p->cube->n_lambda;
  int left;
  for (size_t r = 0; r < p->n_row; r++)
    for (size_t l = 0; l < p->n; l++) block->seen[r * LANES + l] = (double)p->cube->data[r * n_lambda + p->first + l];
  cubix_range_back(block, p->b);
  block->ridge = finer * cubix_range_ridge;               /* P shall not act twice */
  left = cubix_range_solve(block, p->b, p->x);
  block->ridge = cubix_range_ridge;
  cubix_range_forth(block, p->x);
  for (size_t r = 0; r < p->n_row; r++)
    for (size_t l = 0; l < p->n; l++) {
      const double off = block->seen[r * LANES + l] - (double)p->cube->data[r * n_lambda + p->first + l];
      found->off += off * off * block->weight[r * LANES + l];
    }
  for (size_t f = 0; f < p->n_col; f++)
    for (size_t l = 0; l < p->n; l++) {
      const double root = block->root[f * LANES + l];
      p->spectra->data[f * n_lambda + p->first + l] = (cubix_real)(root * p->x[f * LANES + l]);
      p->spectra->weight[f * n_lambda + p->first + l] = (cubix_real)(root > 0 ? 1 / (root * root) : 0);
    }
  return left;
}

/* Dimensions that a channel does not tell. */
static int lacking(struct part *p, struct found *found)
{
  int left;
  for (size_t f = 0; f < p->n_col; f++)
    for (size_t l = 0; l < LANES; l++)
      p->probe[f * LANES + l] =
          p->block.root[f * LANES + l] > 0 ? normal(f, p->cube->lambda_first + (int)(p->first + l)) : 0;
  cubix_range_forth(&p->block, p->probe);
  cubix_range_back(&p->block, p->b);
  left = cubix_range_solve(&p->block, p->b, p->x);
  for (size_t l = 0; l < p->n; l++) {
    double sum = 0;
    for (size_t f = 0; f < p->n_col; f++)
      sum += p->probe[f * LANES + l] * (p->probe[f * LANES + l] - p->x[f * LANES + l]);
    p->spectra->range->lacking[p->first + l] = sum > told;
    if (sum > told) found->lacking += sum;
  }
  return left;
}

static void unbuild_part(struct found *found, struct cubix_observed *to, const struct cubix_observed *cube,
                         const struct cubix_observed *noise, size_t first, size_t last)
{
  int status = CUBIX_OK;
  const struct cubix_sparse *w = cubix_fibres_group(to->range->fibres, cube->lambda_first + (int)first)->rebuild;
  struct part p = { .cube = cube, .noise = noise, .spectra = to, .first = first, .n = last - first,
                    .n_col = w->n_col, .n_row = w->n_row };
  CUBIX_TRY(cubix_range_block_init(&p.block, w));
  CUBIX_ALLOC(p.b, w->n_col * LANES);
  CUBIX_ALLOC(p.x, w->n_col * LANES);
  CUBIX_ALLOC(p.known, w->n_col * LANES);
  CUBIX_ALLOC(p.probe, w->n_col * LANES);
  found->endless += variances(&p, found);
  found->endless += spectra(&p, found);
  found->endless += lacking(&p, found);
done:
  cubix_range_block_free(&p.block);
  free(p.b);
  free(p.x);
  free(p.known);
  free(p.probe);
  if (status) found->no_memory = 1;
}

static int judge(const struct found *all, const char *file, const char *noise)
{
  int status = CUBIX_OK;
  const double off = all->voxels > 0 ? sqrt(all->off / all->voxels) : 0;
  const char *remedy = "give the spectra themselves (STEM-rss.fits), or set SpaxelNoise independent";
  CUBIX_CHECK(all->no_memory == 0, CUBIX_ENOMEM,
              "there is no memory for the spectra that ObservedFile %s was rebuilt from", file);
  CUBIX_CHECK(all->endless == 0, CUBIX_EINPUT,
              "ObservedFile %s: in %g channels the fibres' spectra or noise cannot be found from the cube; %s", file,
              all->endless, remedy);
  CUBIX_CHECK(all->untold == 0, CUBIX_EINPUT,
              "ObservedFile %s: in %g channels the variances of its spaxels do not tell those of the fibres: too few "
              "spaxels count; put the spectra that it was rebuilt from beside it (STEM-rss.fits), or set SpaxelNoise "
              "independent",
              file, all->untold);
  CUBIX_CHECK(all->off_variance <= most_off_variance && all->negative == 0, CUBIX_EINPUT,
              "ObservedFile %s: its variances are not those of spaxels rebuilt from this bundle's fibres: the nearest "
              "differ by %.3g of them, at most %g, and %g samples would have one below 0; %s",
              file, all->off_variance, most_off_variance, all->negative, remedy);
  CUBIX_CHECK(off <= most_off, CUBIX_EINPUT,
              "ObservedFile %s is no cube that this bundle's spectra are rebuilt into: the nearest one differs by %.3g "
              "standard deviations (rms), at most %g; %s",
              file, off, most_off, remedy);
  cubix_log(CUBIX_LOG_INFO,
            "compare: the cube is taken back to the spectra of its fibres, variances from %s: %.2g standard deviations "
            "of %g voxels are left over, variances differ by %.2g, and %.6g samples are not told by it",
            noise, off, all->voxels, all->off_variance, all->lacking);
done:
  return status;
}

static int room(struct cubix_observed **out, const struct cubix_observed *cube, const struct cubix_fibres *fibres)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)cube->n_x * (size_t)cube->n_y * (size_t)cube->n_lambda;
  CUBIX_TRY(cubix_observed_init(out, fibres->n_spectrum, 1, cube->lambda_first, cube->n_lambda));
  memcpy((*out)->file, cube->file, sizeof cube->file);
  (*out)->of_fibres = 1;
  CUBIX_ALLOC((*out)->range, 1);
  *(*out)->range = (struct cubix_range){ .fibres = fibres, .lambda_first = cube->lambda_first,
                                         .n_lambda = cube->n_lambda, .sample = (*out)->weight };
  CUBIX_ALLOC((*out)->range->weight, n);
  CUBIX_ALLOC((*out)->range->lacking, cube->n_lambda);
  memcpy((*out)->range->weight, cube->weight, n * sizeof *cube->weight);
done:
  return status;
}

/* On this rank. */
static int unbuild(struct cubix_observed **out, struct found *here, const struct cubix_observed *cube,
                   const struct cubix_observed *noise, const struct cubix_fibres *fibres)
{
  int status = CUBIX_OK;
  size_t *start = NULL, n_part = 0;
  struct found *found = NULL;
  CUBIX_TRY(room(out, cube, fibres));
  CUBIX_TRY(cubix_range_parts(&start, &n_part, fibres, cube->lambda_first, cube->n_lambda));
  CUBIX_ALLOC(found, n_part);
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < n_part; i++) unbuild_part(&found[i], *out, cube, noise, start[i], start[i + 1]);
  for (size_t i = 0; i < n_part; i++) {
    here->off += found[i].off;
    here->off_variance = fmax(here->off_variance, found[i].off_variance);
    here->voxels += found[i].voxels;
    here->lacking += found[i].lacking;
    here->no_memory += found[i].no_memory;
    here->endless += found[i].endless;
    here->untold += found[i].untold;
    here->negative += found[i].negative;
  }
  cubix_observed_settle(*out);
  (*out)->n_used -= here->lacking;
done:
  free(start);
  free(found);
  return status;
}

int cubix_unbuild(struct cubix_observed **out, const struct cubix_observed *cube, const struct cubix_observed *noise,
                  const struct cubix_fibres *fibres, const struct cubix_collective *collective)
{
  int status = CUBIX_OK;
  struct cubix_observed *obs = NULL;
  struct found all = { .off = 0 };
  if (unbuild(&obs, &all, cube, noise, fibres)) all.no_memory = 1;
  const double off_variance = collective->largest(all.off_variance);
  collective->sum((double *)&all, sizeof all / sizeof(double));
  all.off_variance = off_variance;
  CUBIX_TRY(judge(&all, cube->file, noise ? noise->file : "those of its spaxels"));
  *out = obs;
  obs = NULL;
done:
  cubix_observed_free(obs);
  return status;
}
