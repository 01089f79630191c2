/* output_covariance.c -- covariances of spaxels in files.
 *
 * MaNGA's tables GCORREL, RCORREL, ICORREL and ZCORREL (Law et al. 2016, AJ 152, 83, appendix B): a row for each pair
 * of spaxels that go together, INDXI_C1 and INDXI_C2 the column and row of one and INDXJ_C1, INDXJ_C2 those of the
 * other, from 0 on, and RHOIJ, their correlation.  A pair is there once, and a spaxel with itself; the covariance is
 * RHOIJ over the root of both IVAR in channel BBINDEX, from 0 on.  Table CORREL holds several channels alike, INDXK
 * being the channel.  The package mangadap knows these tables.
 * SAMI's image COVAR [n][5][5][n_y][n_x] (Sharp et al. 2015, MNRAS 446, 1551): covariance of a spaxel and its
 * neighbours up to two columns and rows away, over the variance of the spaxel; channel COVARLOC_i, from 0 on, and
 * between them by interpolation.
 * Variances of fibres come from the rank that holds their channel, as the file of the spectra has them (IVAR, 32 bits):
 * what is told of the cube follows from that file, on any number of ranks. */
#include "output/output_covariance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/log.h"
#include "observation/fibres.h"
#include "output/fits_cards.h"
#include "output/hdf5_attributes.h"
#include "output/output_parts.h"

/* ---- variances, and the law ------------------------------------------------------------------ */
static int variance_get(double *variance, const struct cubix_result *result, struct cubix_blocks *blocks, int k)
{
  int status = CUBIX_OK, r = 0;
  const size_t n = (size_t)result->fibres->n_spectrum;
  cubix_real *ivar = NULL;
  CUBIX_ALLOC(ivar, n);
  while (blocks && blocks->lambda_first[r + 1] <= k) r++;
  CUBIX_TRY(cubix_rss_take(result, blocks, CUBIX_BLOCK_RSS_IVAR, r, k, 1, ivar));
  for (size_t i = 0; i < n; i++) variance[i] = ivar[i] > 0 ? 1 / (double)ivar[i] : 0;
done:
  free(ivar);
  return status;
}

static int covariance_of(struct cubix_sparse **upper, const struct cubix_result *result, int k, const double *variance)
{
  int status = CUBIX_OK;
  struct cubix_sparse *rebuild = NULL;
  *upper = NULL;
  CUBIX_TRY(cubix_fibres_rebuild(&rebuild, result->fibres, k));
  CUBIX_TRY(cubix_covariance_build(upper, rebuild, variance));
done:
  cubix_sparse_free(rebuild);
  return status;
}

static int law_fit(struct cubix_covariance *a, const struct cubix_result *result, struct cubix_blocks *blocks)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = result->ins;
  const int k = cubix_bands_channel(ins, cubix_instrument_lambda(ins, ins->n_lambda / 2));
  struct cubix_sparse *upper = NULL;
  double *variance = NULL;
  if (k < 0) goto done;
  CUBIX_ALLOC(variance, result->fibres->n_spectrum);
  CUBIX_TRY(variance_get(variance, result, blocks, k));
  CUBIX_TRY(covariance_of(&upper, result, k, variance));
  CUBIX_TRY(cubix_covariance_fit(&a->law, upper, ins->n_x));
  a->lambda = cubix_instrument_lambda(ins, k);
  if (a->law.sigma > 0)
    cubix_log(
        CUBIX_LOG_INFO,
        "covariance at %.5g AA: spaxels D apart are correlated by exp(-D^2/(2 s^2)), s = %.3g spaxels; a square of "
        "N spaxels, up to %d, has 1 + %.3g log10(N) times the noise of independent ones",
        a->lambda, a->law.sigma, CUBIX_COVARIANCE_MOST_SIDE * CUBIX_COVARIANCE_MOST_SIDE, a->law.beta);
done:
  free(variance);
  cubix_sparse_free(upper);
  return status;
}

int cubix_covariance_begin(struct cubix_covariance **out, const struct cubix_result *result,
                           struct cubix_blocks *blocks)
{
  int status = CUBIX_OK;
  struct cubix_covariance *a = NULL;
  *out = NULL;
  if (!result->fibres || result->noise->kind == CUBIX_Noise_none || !strcmp(result->par->Covariance, "none")) goto done;
  const size_t n = (size_t)result->fibres->n_spectrum;
  CUBIX_ALLOC(a, 1);
  CUBIX_TRY(cubix_covariance_choose(a, result));
  CUBIX_ALLOC(a->variance, (size_t)(a->n + 1) * n);
  for (int i = 0; i < a->n; i++) CUBIX_TRY(variance_get(a->variance + (size_t)i * n, result, blocks, a->k[i]));
  CUBIX_TRY(law_fit(a, result, blocks));
  *out = a;
  a = NULL;
done:
  cubix_covariance_free(a);
  return status;
}

/* ---- pairs ----------------------------------------------------------------------------------- */
enum { N_PLACE = 5, SIDE = 5, HALF = SIDE / 2 };
static const char *const column_name[N_PLACE + 1] = {
  "INDXI_C1", "INDXI_C2", "INDXJ_C1", "INDXJ_C2", "INDXK", "RHOIJ"
};
/* Rows of a table. */
struct rows { size_t n; int *place[N_PLACE]; double *rho; };

static void rows_free(struct rows *rows)
{
  for (int c = 0; c < N_PLACE; c++) free(rows->place[c]);
  free(rows->rho);
}

static int matrix_of(struct cubix_sparse **upper, const struct cubix_result *result, int i)
{
  const struct cubix_covariance *a = result->covariance;
  return covariance_of(upper, result, a->k[i], a->variance + (size_t)i * (size_t)result->fibres->n_spectrum);
}

/* One pair.  MaNGA counts spaxels along columns first: the one with the lower number stands first. */
static void row_put(struct rows *rows, int n_x, size_t r, size_t other, int k, double rho)
{
  const int x = (int)r % n_x, y = (int)r / n_x, u = (int)other % n_x, v = (int)other / n_x,
            first = x < u || (x == u && y <= v);
  const int value[N_PLACE] = { first ? x : u, first ? y : v, first ? u : x, first ? v : y, k };
  for (int c = 0; c < N_PLACE; c++) rows->place[c][rows->n] = value[c];
  rows->rho[rows->n++] = rho;
}

/* Those of channels a->k[from] to a->k[to - 1]. */
static int rows_fill(struct rows *rows, const struct cubix_result *result, int from, int to)
{
  int status = CUBIX_OK;
  const struct cubix_covariance *a = result->covariance;
  struct cubix_sparse *upper = NULL;
  size_t n = 0;
  for (int counted = 0; counted < 2; counted++) {
    for (int i = from; i < to; i++) {
      CUBIX_TRY(matrix_of(&upper, result, i));
      if (!counted) n += upper->start[upper->n_row];
      for (size_t r = 0; counted && r < upper->n_row; r++)
        for (size_t e = upper->start[r]; e < upper->start[r + 1]; e++) {
          const size_t other = upper->column[e];
          const double both = upper->value[upper->start[r]] * upper->value[upper->start[other]];
          row_put(rows, result->ins->n_x, r, other, a->k[i], other == r ? 1 : upper->value[e] / sqrt(both));
        }
      cubix_sparse_free(upper);
      upper = NULL;
    }
    if (counted) break;
    for (int c = 0; c < N_PLACE; c++) CUBIX_ALLOC(rows->place[c], n + 1);
    CUBIX_ALLOC(rows->rho, n + 1);
  }
done:
  cubix_sparse_free(upper);
  return status;
}

/* ---- FITS ------------------------------------------------------------------------------------ */
static int table_write(fitsfile *fits, const char *shown, const struct cubix_result *result, char *name, int from,
                       int to)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = result->ins;
  const struct cubix_covariance *a = result->covariance;
  const int many = a->form == CUBIX_COVARIANCE_TABLE, n_column = many ? N_PLACE + 1 : N_PLACE, n = ins->n_x * ins->n_y;
  char text[64], whole[] = "1J", real[] = "1D", *form[N_PLACE + 1], *title[N_PLACE + 1];
  struct rows rows = { 0 };
  CUBIX_TRY(rows_fill(&rows, result, from, to));
  for (int c = 0; c < n_column; c++) {
    title[c] = (char *)(size_t)column_name[c == n_column - 1 ? N_PLACE : c];
    form[c] = c == n_column - 1 ? real : whole;
  }
  TRY_FITS(fits_create_tbl(fits, BINARY_TBL, (LONGLONG)rows.n, n_column, title, form, NULL, name, &fits_status));
  CUBIX_TRY(cubix_card_text(fits, shown, "COVTYPE", "Correlation", "RHOIJ: covariance over both standard deviations"));
  if (many) snprintf(text, sizeof text, "(%d, %d, %d)", n, n, a->n);
  else snprintf(text, sizeof text, "(%d, %d)", n, n);
  CUBIX_TRY(cubix_card_text(fits, shown, "COVSHAPE", text, "shape of the correlation matrix"));
  snprintf(text, sizeof text, "(%d, %d)", ins->n_x, ins->n_y);
  CUBIX_TRY(cubix_card_text(fits, shown, "COVRWSHP", text, "columns and rows of the cube"));
  if (!many) {
    double lambda = cubix_instrument_lambda(ins, a->k[from]);
    int k = a->k[from];
    TRY_FITS(fits_write_key(fits, TDOUBLE, "BBWAVE", &lambda, "[Angstrom] centre of the channel", &fits_status));
    TRY_FITS(fits_write_key(fits, TINT, "BBINDEX", &k, "number of the channel, from 0 on", &fits_status));
  }
  for (int c = 0; c < n_column - 1; c++)
    TRY_FITS(fits_write_col(fits, TINT, c + 1, 1, 1, (LONGLONG)rows.n, rows.place[c], &fits_status));
  TRY_FITS(fits_write_col(fits, TDOUBLE, n_column, 1, 1, (LONGLONG)rows.n, rows.rho, &fits_status));
done:
  rows_free(&rows);
  return status;
}

/* One channel.  @param[out] map [SIDE][SIDE][n_y][n_x] */
static int map_fill(float *map, const struct cubix_result *result, int i)
{
  int status = CUBIX_OK;
  const int n_x = result->ins->n_x;
  const size_t n_xy = (size_t)n_x * (size_t)result->ins->n_y;
  struct cubix_sparse *upper = NULL;
  CUBIX_TRY(matrix_of(&upper, result, i));
  for (size_t r = 0; r < n_xy; r++)
    for (size_t d = 0; d < SIDE * SIDE; d++) map[d * n_xy + r] = upper->start[r + 1] > upper->start[r] ? 0 : NAN;
  for (size_t r = 0; r < n_xy; r++)
    for (size_t e = upper->start[r]; e < upper->start[r + 1]; e++) {
      const size_t other = upper->column[e];
      const int dx = (int)other % n_x - (int)r % n_x, dy = (int)other / n_x - (int)r / n_x;
      if (abs(dx) > HALF || dy > HALF) continue;
      map[(size_t)((HALF + dy) * SIDE + HALF + dx) * n_xy + r] =
          (float)(upper->value[e] / upper->value[upper->start[r]]);
      map[(size_t)((HALF - dy) * SIDE + HALF - dx) * n_xy + other] =
          (float)(upper->value[e] / upper->value[upper->start[other]]);
    }
done:
  cubix_sparse_free(upper);
  return status;
}

static int maps_write(fitsfile *fits, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  const struct cubix_covariance *a = result->covariance;
  LONGLONG side[5] = { result->ins->n_x, result->ins->n_y, SIDE, SIDE, a->n };
  const LONGLONG n = side[0] * side[1] * SIDE * SIDE;
  int n_map = a->n;
  float *map = NULL;
  CUBIX_ALLOC(map, n);
  TRY_FITS(fits_create_imgll(fits, FLOAT_IMG, 5, side, &fits_status));
  CUBIX_TRY(cubix_card_name(fits, shown, "COVAR", "covariance with neighbours, over the variance"));
  CUBIX_TRY(cubix_card_text(fits, shown, "COVARMOD", "optimal", "channels: the first and last two, and changes"));
  TRY_FITS(fits_write_key(fits, TINT, "COVAR_N", &n_map, "number of channels: COVARLOC_i", &fits_status));
  for (int i = 0; i < a->n; i++) {
    char name[32];
    int k = a->k[i];
    snprintf(name, sizeof name, "HIERARCH %s%d", "COVARLOC_", i + 1);
    TRY_FITS(fits_write_key(fits, TINT, name, &k, "channel, from 0 on", &fits_status));
  }
  for (int i = 0; i < a->n; i++) {
    CUBIX_TRY(map_fill(map, result, i));
    TRY_FITS(fits_write_img(fits, TFLOAT, 1 + i * n, n, map, &fits_status));
  }
done:
  free(map);
  return status;
}

int cubix_covariance_fits(fitsfile *fits, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  const struct cubix_covariance *a = result->covariance;
  char whole[] = "CORREL";
  if (!a || !a->n) goto done;
  if (a->form == CUBIX_COVARIANCE_SAMI) CUBIX_TRY(maps_write(fits, shown, result));
  if (a->form == CUBIX_COVARIANCE_TABLE) CUBIX_TRY(table_write(fits, shown, result, whole, 0, a->n));
  for (int i = 0; i < a->n && a->form == CUBIX_COVARIANCE_MANGA; i++) {
    char name[16];
    snprintf(name, sizeof name, "%cCORREL", a->bands.name[i]);
    CUBIX_TRY(table_write(fits, shown, result, name, i, i + 1));
  }
done:
  return status;
}

/* ---- HDF5 ------------------------------------------------------------------------------------ */
int cubix_covariance_hdf5(hid_t file, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  struct rows rows = { 0 };
  hid_t group = -1, space = -1, creation = -1, dataset = -1;
  hsize_t n;
  if (!result->covariance || !result->covariance->n) goto done;
  CUBIX_TRY(rows_fill(&rows, result, 0, result->covariance->n));
  n = rows.n;
  CUBIX_TRY_H5(group = H5Gcreate2(file, "CORREL", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  CUBIX_TRY(
      cubix_hdf5_text_attribute(group, shown, "description",
                                "correlation RHOIJ of the noise of spaxels (column C1, row C2) I and J in channel "
                                "K, all from 0 on; each pair once"));
  CUBIX_TRY_H5(creation = H5Pcreate(H5P_DATASET_CREATE));
  CUBIX_TRY_H5(H5Pset_obj_track_times(creation, 0));       /* the same run gives the same bytes */
  CUBIX_TRY_H5(space = H5Screate_simple(1, &n, NULL));
  for (int c = 0; c <= N_PLACE; c++) {
    const hid_t type = c < N_PLACE ? H5T_NATIVE_INT : H5T_NATIVE_DOUBLE;
    const void *value = c < N_PLACE ? (const void *)rows.place[c] : rows.rho;
    CUBIX_TRY_H5(dataset = H5Dcreate2(group, column_name[c], type, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    CUBIX_TRY_H5(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value));
    H5Dclose(dataset);
    dataset = -1;
  }
done:
  if (dataset >= 0) H5Dclose(dataset);
  if (space >= 0) H5Sclose(space);
  if (creation >= 0) H5Pclose(creation);
  if (group >= 0) H5Gclose(group);
  rows_free(&rows);
  return status;
}
