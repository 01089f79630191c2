/* output_array.c -- what a file would hold, as an array of the caller's: one plane of the cube, or one map.
 *
 * A plane is made as for a file, a block of channels at a time, by the rank that holds them.  Blocks arrive where
 * they belong. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "observation/psf_sums.h"
#include "output/layout.h"
#include "output/output.h"
#include "output/output_parts.h"

static const struct { const char *name; enum cubix_plane plane;
} planes[] = { { "DATA", CUBIX_PLANE_DATA }, { "STAT", CUBIX_PLANE_STAT }, { "NOISEFREE", CUBIX_PLANE_NOISEFREE } };
static const size_t block_bytes = (size_t)1 << 24;

/* Channels first .. last - 1, which rank r holds. */
static int take_channels(cubix_real *value, const struct cubix_result *result, struct cubix_blocks *blocks, int what,
                         int r, int first, int last)
{
  int status = CUBIX_OK;
  const size_t n_xy = (size_t)result->ins->n_x * (size_t)result->ins->n_y, image = n_xy * sizeof *value;
  const int most = image < block_bytes ? (int)(block_bytes / image) : 1;
  for (int k = first; k < last; k += most) {
    const int n_k = last - k < most ? last - k : most;
    cubix_real *to = value + (size_t)k * n_xy;
    if (!blocks || r == blocks->me) CUBIX_TRY(cubix_output_block(result, what, k, n_k, to, (size_t)n_k * image));
    else CUBIX_TRY(cubix_output_take(blocks, r, what, k, n_k, to, (size_t)n_k * image));
  }
done:
  return status;
}

static int take_plane(cubix_real *value, const struct cubix_result *result, struct cubix_blocks *blocks,
                      enum cubix_plane plane)
{
  int status = CUBIX_OK;
  const int what = cubix_block_what(cubix_layout_plain(), plane, 0), whole[2] = { 0, result->ins->n_lambda },
            *first = blocks ? blocks->lambda_first : whole;
  for (int r = 0; r < (blocks ? blocks->n_rank : 1); r++)
    CUBIX_TRY(take_channels(value, result, blocks, what, r, first[r], first[r + 1]));
done:
  return status;
}

struct search { const char *name; cubix_real *value; size_t n; int found; };

static int take_map(void *to, const struct cubix_output_map *map, const struct cubix_facts *facts, const double *value)
{
  struct search *search = to;
  (void)facts;
  if (strcmp(map->name, search->name)) return CUBIX_OK;
  for (size_t i = 0; i < search->n; i++) search->value[i] = (cubix_real)value[i];
  search->found = 1;
  return CUBIX_OK;
}

/* @param[out] found 0: there is no map of this name */
static int find_map(int *found, cubix_real *value, const struct cubix_result *result, const char *name, size_t n)
{
  int status = CUBIX_OK;
  struct cubix_result whole = *result;
  struct cubix_output_sums sums = { .fit = NULL };
  struct search search = { name, value, n, 0 };
  CUBIX_TRY(cubix_output_maps_begin(&whole, &sums, 1));
  CUBIX_TRY(cubix_output_maps(&whole, &search, take_map));
  *found = search.found;
done:
  cubix_output_maps_end(&sums);
  return status;
}

int cubix_output_array(const struct cubix_result *result, struct cubix_blocks *blocks, const char *name,
                       cubix_real *value, size_t n)
{
  int status = CUBIX_OK, found = 0;
  const size_t n_xy = (size_t)result->ins->n_x * (size_t)result->ins->n_y, n_all = n_xy * (size_t)result->ins->n_lambda;
  for (size_t i = 0; i < sizeof planes / sizeof *planes && !found; i++) {
    if (strcmp(name, planes[i].name)) continue;
    found = 1;
    CUBIX_CHECK(value && n == n_all, CUBIX_EUSAGE, "%s has %zu numbers, and there is room for %zu", name, n_all,
                value ? n : 0);
    CUBIX_CHECK(planes[i].plane != CUBIX_PLANE_STAT || result->par->Noise != CUBIX_Noise_none, CUBIX_EUSAGE,
                "there is no STAT with Noise none (%s): set Noise snr or exposure",
                cubix_params_origin(result->par, "Noise"));
    CUBIX_TRY(take_plane(value, result, blocks, planes[i].plane));
  }
  if (found) goto done;
  CUBIX_CHECK(value && n == n_xy, CUBIX_EUSAGE,
              "%s is not DATA, STAT or NOISEFREE; a map has %zu numbers, and there is room for %zu", name, n_xy,
              value ? n : 0);
  CUBIX_TRY(find_map(&found, value, result, name, n));
  CUBIX_CHECK(found, CUBIX_EUSAGE,
              "there is no array %s: DATA, STAT, NOISEFREE, or a truth map of this run (doc/cube.md lists them)", name);
done:
  return status;
}
