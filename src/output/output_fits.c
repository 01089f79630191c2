/* output_fits.c -- a result as a FITS file: headers and tables by CFITSIO, voxels by
 * cubix_planes_write.
 *
 * CFITSIO writes the file into memory with cubes of one voxel; then its HDUs are laid into the real
 * file with room for the voxels between them, and the cubes' headers get their true sides.  So
 * voxels are made and written by all threads at once, in any order.
 *
 * HDUs: PRIMARY (provenance, no data), the parts of layout.c in their order, PARAMETERS (table),
 * and, where the channels are neither linear nor logarithmic, WCS-TABLE with their centres, which
 * the world coordinates refer to (-TAB).
 * MPDAF masks every voxel whose DQ is not 0, whichever the bit.  Where only bit 8 is set the
 * data are still good: Cube(file).unmask() gives them back.
 * Every image carries the whole WCS and its unit, since readers look at one HDU only.  GIST takes
 * CD2_2 for the size of a spaxel, which Roll makes smaller by its cosine.
 * The pixels are float32 (float64 in a build with 64-bit cubix_real) without BSCALE.  Sizes are
 * LONGLONG throughout: a MUSE cube has more bytes than 2^32.  Header cards: fits_cards.c. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fitsio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cube/cube.h"
#include "cube/truth_maps.h"
#include "output/fits_cards.h"
#include "output/output_covariance.h"
#include "output/output_parts.h"
#include "output/output_psf.h"
#include "output/provenance.h"
#include "physics/constants.h"

#define REAL_IMAGE (sizeof(cubix_real) == 8 ? DOUBLE_IMG : FLOAT_IMG)

/* An HDU of which the file in memory has one voxel: a plane, or the light by velocity, as it is or as it is seen. */
enum { LOSVD = CUBIX_N_PLANE, LOSVD_SEEN, N_HOLE };
struct hole { int hdu, what, depth; size_t number; int64_t offset; };   /* bytes of a number */
struct plan { const struct cubix_layout *layout; int n; struct hole hole[N_HOLE]; };

/* FITS numbers begin with their most significant byte. */
static int is_little_endian(void)
{
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first;
}

/* A new image HDU with all that every image has.  @param bins of a third axis of velocities, or NULL */
static int image_begin(fitsfile *fits, const char *shown, const struct cubix_result *result, int bitpix, int n_axis,
                       const struct cubix_sums *bins, const char *name, const char *unit, const char *description)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = result->ins;
  /* of a cube the file in memory holds one voxel */
  LONGLONG side[3] = { n_axis == 3 ? 1 : ins->n_x, n_axis == 3 ? 1 : ins->n_y, 1 };
  struct cubix_facts *wcs = NULL;
  TRY_FITS(fits_create_imgll(fits, bitpix, n_axis, side, &fits_status));
  /* the first HDU has its name without a keyword */
  if (strcmp(name, "PRIMARY")) CUBIX_TRY(cubix_card_name(fits, shown, name, description));
  if (*unit && strcmp(unit, "1")) CUBIX_TRY(cubix_card_text(fits, shown, "BUNIT", unit, ""));
  CUBIX_TRY(cubix_wcs_init(&wcs, ins, n_axis, bins));
  CUBIX_TRY(cubix_card_facts(fits, shown, wcs));
done:
  cubix_facts_free(wcs);
  return status;
}

/* ---- the planes ------------------------------------------------------------------------------ */
/* How ESO's data interface control document ties flux, variance and quality together. */
static int class_write(fitsfile *fits, const char *shown, const struct cubix_result *result,
                       const struct cubix_layout *layout, enum cubix_plane plane)
{
  static const char *const content[CUBIX_N_PLANE] = { "DATA", "ERROR", "ERROR", "ERROR", "QUALITY", "DATA" },
                           *const detail[CUBIX_N_PLANE] = { "", "MSE", "INVMSE", "RMSE", "FLAG32BIT", "" },
                           *const relation[CUBIX_N_PLANE] = {
                             "SCIDATA", "ERRDATA", "ERRDATA", "ERRDATA", "QUALDATA", ""
                           };
  int status = CUBIX_OK;
  struct cubix_part part[CUBIX_MOST_PART];
  const int n = cubix_layout_parts(part, layout, result->par);
  CUBIX_TRY(cubix_card_text(fits, shown, "HDUCLASS", "ESO", "class name (ESO format)"));
  CUBIX_TRY(cubix_card_text(fits, shown, "HDUDOC", "DICD", "document with class description"));
  CUBIX_TRY(cubix_card_text(fits, shown, "HDUCLAS1", "IMAGE", "image data format"));
  CUBIX_TRY(cubix_card_text(fits, shown, "HDUCLAS2", content[plane], "what this extension contains"));
  if (*detail[plane]) CUBIX_TRY(cubix_card_text(fits, shown, "HDUCLAS3", detail[plane], "and in which form"));
  for (int i = 0; i < n && plane != CUBIX_PLANE_NOISEFREE; i++) {
    if (part[i].kind == CUBIX_PART_PLANE && part[i].which != (int)plane && *relation[part[i].which])
      CUBIX_TRY(cubix_card_text(fits, shown, relation[part[i].which], part[i].name, part[i].description));
  }
done:
  return status;
}

/* The HDU that comes now will be filled in the file. */
static void hole_add(struct plan *plan, fitsfile *fits, int what, int depth, size_t number)
{
  struct hole *hole = &plan->hole[plan->n++];
  *hole = (struct hole){ 0, what, depth, number, 0 };
  fits_get_hdu_num(fits, &hole->hdu);
}

/* What readers want to know beside the flux; in the first HDU it is there already. */
static int flux_write(fitsfile *fits, const char *shown, const struct cubix_result *result,
                      const struct cubix_layout *layout)
{
  int status = CUBIX_OK, axis = 3;
  struct cubix_facts *facts = NULL;
  /* by which jdaviz knows the flux of a cube */
  TRY_FITS(fits_write_key(fits, TINT, "DISPAXIS", &axis, "axis of the wavelength", &fits_status));
  if (layout->in_primary) goto done;
  CUBIX_TRY(cubix_data_facts_init(&facts, result));
  CUBIX_TRY(cubix_card_facts(fits, shown, facts));
done:
  cubix_facts_free(facts);
  return status;
}

static int plane_begin(fitsfile *fits, const char *shown, const struct cubix_result *result,
                       const struct cubix_part *part, struct plan *plan)
{
  const enum cubix_plane plane = (enum cubix_plane)part->which;
  const struct cubix_layout *layout = plan->layout;
  const struct cubix_instrument *ins = result->ins;
  int status = CUBIX_OK, is_dq = plane == CUBIX_PLANE_DQ;
  char unit[80];
  cubix_layout_unit(unit, layout, plane, ins);
  CUBIX_TRY(image_begin(fits, shown, result, is_dq ? LONG_IMG : REAL_IMAGE, 3, NULL, part->name, unit,
                        part->description));
  CUBIX_TRY(class_write(fits, shown, result, layout, plane));
  CUBIX_TRY(cubix_card_words(fits, shown, layout, 1));
  if (plane == CUBIX_PLANE_DATA) CUBIX_TRY(flux_write(fits, shown, result, layout));
  if (layout->ra) {
    double ra = ins->sky_ra, dec = ins->sky_dec;
    TRY_FITS(fits_write_key(fits, TDOUBLE, layout->ra, &ra, "[deg] SkyRa", &fits_status));
    TRY_FITS(fits_write_key(fits, TDOUBLE, layout->dec, &dec, "[deg] SkyDec", &fits_status));
  }
  if (cubix_layout_is_void(plane, result->par)) {
    int yes = 1;
    TRY_FITS(fits_write_key(fits, TLOGICAL, CUBIX_NO_VARIANCE, &yes, "T: no noise, nothing but NaN", &fits_status));
  }
  if (!layout->unit) {
    double area = ins->pixel_x * ins->pixel_y, steradian = area * CUBIX_ARCSEC_RAD * CUBIX_ARCSEC_RAD;
    TRY_FITS(fits_write_key(fits, TDOUBLE, "PIXAR_SR", &steradian, "[sr] solid angle of a spaxel", &fits_status));
    TRY_FITS(fits_write_key(fits, TDOUBLE, "PIXAR_A2", &area, "[arcsec2] the same", &fits_status));
  }
  for (int i = 0; is_dq && i < CUBIX_N_DQ_BIT; i++)
    CUBIX_TRY(cubix_card_text(fits, shown, layout->bit[i].name, layout->bit[i].meaning, ""));
  hole_add(plan, fits, plane, ins->n_lambda, is_dq ? sizeof(int32_t) : sizeof(cubix_real));
done:
  return status;
}

/* A number of every channel. */
static int vector_write(fitsfile *fits, const char *shown, const struct cubix_result *result,
                        const struct cubix_part *part)
{
  int status = CUBIX_OK;
  LONGLONG n = result->ins->n_lambda;
  double *value = NULL;
  CUBIX_ALLOC(value, n);
  cubix_vector_values(result, (enum cubix_channel_vector)part->which, value);
  TRY_FITS(fits_create_imgll(fits, DOUBLE_IMG, 1, &n, &fits_status));
  CUBIX_TRY(cubix_card_name(fits, shown, part->name, part->description));
  if (part->which == CUBIX_VECTOR_WAVE) CUBIX_TRY(cubix_card_text(fits, shown, "BUNIT", "Angstrom", ""));
  TRY_FITS(fits_write_img(fits, TDOUBLE, 1, n, value, &fits_status));
done:
  free(value);
  return status;
}

struct map_place { fitsfile *fits; const char *shown; const struct cubix_result *result; };

static int map_put(void *to, const struct cubix_output_map *map, const struct cubix_facts *facts, const double *value)
{
  int status = CUBIX_OK;
  const struct map_place *p = to;
  const char *shown = p->shown;
  const LONGLONG n = (LONGLONG)p->result->ins->n_x * p->result->ins->n_y;
  CUBIX_TRY(image_begin(p->fits, shown, p->result, DOUBLE_IMG, 2, NULL, map->name, map->unit, map->description));
  CUBIX_TRY(cubix_card_facts(p->fits, shown, facts));
  TRY_FITS(fits_write_img(p->fits, TDOUBLE, 1, n, (double *)(size_t)value, &fits_status));
done:
  return status;
}

static int losvd_begin(fitsfile *fits, const char *shown, const struct cubix_result *result, int seen,
                       struct plan *plan)
{
  int status = CUBIX_OK;
  struct cubix_output_map map;
  struct cubix_facts *facts = NULL;
  cubix_output_losvd(&map, result, seen);
  CUBIX_TRY(image_begin(fits, shown, result, DOUBLE_IMG, 3, result->seen, map.name, map.unit, map.description));
  CUBIX_TRY(cubix_map_facts_init(&facts, result->ins, map.of_light, map.seen));
  CUBIX_TRY(cubix_card_facts(fits, shown, facts));
  hole_add(plan, fits, seen ? LOSVD_SEEN : LOSVD, result->seen->n_v, sizeof(double));
done:
  cubix_facts_free(facts);
  return status;
}

static int maps_write(fitsfile *fits, const char *shown, const struct cubix_result *result, struct plan *plan)
{
  int status = CUBIX_OK;
  struct map_place place = { fits, shown, result };
  CUBIX_TRY(cubix_output_maps(result, &place, map_put));
  for (int seen = 0; seen < 2 && result->seen->n_v; seen++)
    CUBIX_TRY(losvd_begin(fits, shown, result, seen, plan));
done:
  return status;
}

/* ---- the tables ------------------------------------------------------------------------------ */
static int lsf_write(fitsfile *fits, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK, n = result->ins->n_lambda;
  char *name[CUBIX_N_LSF_COLUMN], *form[CUBIX_N_LSF_COLUMN], *unit[CUBIX_N_LSF_COLUMN], key[24],
      real[] = "1D", angstrom[] = "Angstrom";
  double *value = NULL;
  for (int c = 0; c < CUBIX_N_LSF_COLUMN; c++) {
    name[c] = (char *)(size_t)cubix_lsf_columns[c].name;
    form[c] = real;
    unit[c] = angstrom;
  }
  CUBIX_ALLOC(value, n);
  TRY_FITS(fits_create_tbl(fits, BINARY_TBL, n, CUBIX_N_LSF_COLUMN, name, form, unit, "LSF", &fits_status));
  for (int c = 0; c < CUBIX_N_LSF_COLUMN; c++) {
    snprintf(key, sizeof key, "TTYPE%d", c + 1);
    TRY_FITS(fits_modify_comment(fits, key, cubix_lsf_columns[c].description, &fits_status));
    cubix_lsf_values(result, c, value);
    TRY_FITS(fits_write_col(fits, TDOUBLE, c + 1, 1, 1, n, value, &fits_status));
  }
done:
  free(value);
  return status;
}

static const char *parameter_field(const struct cubix_param_info *info, int column)
{
  return column == 0 ? info->name : column == 1 ? info->value : column == 2 ? info->unit : info->origin;
}

static int parameters_write(fitsfile *fits, const char *shown, const struct cubix_params *par)
{
  int status = CUBIX_OK, n = cubix_params_count(), width[4] = { 1, 1, 1, 1 };
  char *name[] = { "NAME", "VALUE", "UNIT", "ORIGIN" }, form_text[4][16], *form[4];
  struct cubix_param_info info;
  for (int i = 0; i < n; i++) {
    cubix_params_info(par, i, &info);
    for (int c = 0; c < 4; c++) {
      int length = (int)strlen(parameter_field(&info, c));
      if (length > width[c]) width[c] = length;
    }
  }
  for (int c = 0; c < 4; c++) {
    snprintf(form_text[c], sizeof form_text[c], "%dA", width[c]);
    form[c] = form_text[c];
  }
  TRY_FITS(fits_create_tbl(fits, BINARY_TBL, n, 4, name, form, NULL, "PARAMETERS", &fits_status));
  for (int i = 0; i < n; i++) {
    cubix_params_info(par, i, &info);
    for (int c = 0; c < 4; c++) {
      char ascii[2048], *cell = ascii;
      cubix_card_ascii(ascii, sizeof ascii, parameter_field(&info, c));
      TRY_FITS(fits_write_col(fits, TSTRING, c + 1, i + 1, 1, 1, &cell, &fits_status));
    }
  }
done:
  return status;
}

/* Centres of the channels in one cell, as world coordinates of the kind -TAB want them
 * (Greisen et al. 2006, A&A 446, 747, section 6). */
static int grid_write(fitsfile *fits, const char *shown, const struct cubix_instrument *ins)
{
  int status = CUBIX_OK, n = ins->n_lambda;
  char form_text[32], name_text[] = CUBIX_GRID_COLUMN, unit_text[] = "Angstrom", *name = name_text, *form = form_text,
                      *unit = unit_text;
  long shape[2] = { 1, n };
  double *value = NULL;
  CUBIX_ALLOC(value, n);
  for (int k = 0; k < n; k++) value[k] = cubix_instrument_lambda(ins, k);
  snprintf(form_text, sizeof form_text, "%dD", n);
  TRY_FITS(fits_create_tbl(fits, BINARY_TBL, 1, 1, &name, &form, &unit, CUBIX_GRID_TABLE, &fits_status));
  TRY_FITS(fits_write_tdim(fits, 1, 2, shape, &fits_status));
  TRY_FITS(fits_write_col(fits, TDOUBLE, 1, 1, 1, n, value, &fits_status));
done:
  free(value);
  return status;
}

/* ---- from memory to the file ----------------------------------------------------------------- */
enum { CARD = 80, FITS_BLOCK = 2880 };

static int part_write(fitsfile *fits, const char *shown, const struct cubix_result *result,
                      const struct cubix_part *part, struct plan *plan)
{
  return part->kind == CUBIX_PART_PLANE    ? plane_begin(fits, shown, result, part, plan)
         : part->kind == CUBIX_PART_VECTOR ? vector_write(fits, shown, result, part)
         : part->kind == CUBIX_PART_LSF    ? lsf_write(fits, shown, result)
                                           : maps_write(fits, shown, result, plan);
}

/* The whole file in CFITSIO's memory, but for the planes' voxels. */
static int draft_write(fitsfile *fits, const char *shown, const struct cubix_result *result, struct plan *plan)
{
  int status = CUBIX_OK;
  struct cubix_facts *facts = NULL;
  struct cubix_part part[CUBIX_MOST_PART];
  const int n = cubix_layout_parts(part, plan->layout, result->par), first = plan->layout->in_primary;
  CUBIX_TRY(cubix_provenance_init(&facts, result));
  if (first) CUBIX_TRY(part_write(fits, shown, result, &part[0], plan));
  else TRY_FITS(fits_create_imgll(fits, BYTE_IMG, 0, NULL, &fits_status));
  CUBIX_TRY(cubix_card_facts(fits, shown, facts));
  CUBIX_TRY(cubix_card_words(fits, shown, plan->layout, 0));
  for (int i = first; i < n; i++) CUBIX_TRY(part_write(fits, shown, result, &part[i], plan));
  CUBIX_TRY(cubix_band_psf_fits(fits, shown, result));
  CUBIX_TRY(cubix_covariance_fits(fits, shown, result));
  CUBIX_TRY(parameters_write(fits, shown, result->par));
  if (result->ins->grid == CUBIX_TABLE) CUBIX_TRY(grid_write(fits, shown, result->ins));
done:
  cubix_facts_free(facts);
  return status;
}

/* Give the header of a cube its true sides. */
static void header_resize(char *header, size_t size, const struct cubix_instrument *ins, int depth)
{
  const int side[3] = { ins->n_x, ins->n_y, depth };
  for (char *card = header; card < header + size; card += CARD) {
    char text[32];
    if (strncmp(card, "NAXIS", 5) || card[5] < '1' || card[5] > '3' || card[6] != ' ') continue;
    snprintf(text, sizeof text, "%20d", side[card[5] - '1']);
    memcpy(card + 10, text, 20);
  }
}

/* Lay the HDUs one after another: headers and small data from memory, room for the cubes.  @param
 * head [n + 1] where the HDUs begin in memory @param data [n] where their data do  @param[out] end
 * of the file */
static int hdus_write(const struct cubix_atomic_file *file, const struct cubix_result *result, struct plan *plan,
                      char *draft, int n, const LONGLONG *head, const LONGLONG *data, int64_t *end)
{
  int status = CUBIX_OK;
  const int64_t image = (int64_t)result->ins->n_x * result->ins->n_y;
  *end = 0;
  for (int h = 0; h < n; h++) {
    int p = 0;
    while (p < plan->n && plan->hole[p].hdu != h + 1) p++;
    struct hole *hole = p < plan->n ? &plan->hole[p] : NULL;
    size_t size = (size_t)((hole ? data[h] : head[h + 1]) - head[h]);
    if (hole) header_resize(draft + head[h], size, result->ins, hole->depth);
    CUBIX_TRY(cubix_atomic_file_write(file, draft + head[h], size, *end));
    *end += (int64_t)size;
    if (!hole) continue;
    hole->offset = *end;
    *end += (image * hole->depth * (int64_t)hole->number + FITS_BLOCK - 1) / FITS_BLOCK * FITS_BLOCK;
  }
done:
  return status;
}

/* The bins of velocity, bin by bin. */
static int losvd_fill(const struct cubix_atomic_file *file, const struct cubix_result *result, const struct hole *hole)
{
  int status = CUBIX_OK;
  const size_t n = (size_t)result->ins->n_x * (size_t)result->ins->n_y;
  double *value = NULL;
  CUBIX_ALLOC(value, n);
  for (int k = 0; k < hole->depth; k++) {
    cubix_output_losvd_bin(value, result, hole->what == LOSVD_SEEN, k, is_little_endian());
    CUBIX_TRY(cubix_atomic_file_write(file, value, n * sizeof *value, hole->offset + (int64_t)(k * n * sizeof *value)));
  }
done:
  free(value);
  return status;
}

/* What the file in memory did not have. */
static int holes_fill(const struct cubix_atomic_file *file, const struct cubix_result *result, const struct plan *plan,
                      struct cubix_blocks *blocks)
{
  int status = CUBIX_OK, n = 0;
  struct cubix_plane_place place[CUBIX_N_PLANE];
  for (const struct hole *hole = plan->hole; hole < plan->hole + plan->n; hole++)
    if (hole->what < CUBIX_N_PLANE)
      place[n++] = (struct cubix_plane_place){ (enum cubix_plane)hole->what, hole->offset, is_little_endian() };
    else
      CUBIX_TRY(losvd_fill(file, result, hole));
  CUBIX_TRY(cubix_planes_write(result, plan->layout, blocks, place, n, file));
done:
  return status;
}

int cubix_fits_write(const struct cubix_result *result, struct cubix_blocks *blocks,
                     const struct cubix_atomic_file *file)
{
  int status = CUBIX_OK, n = 0;
  const char *shown = file->path;
  fitsfile *fits = NULL, *closing;
  void *draft = NULL;
  size_t size = FITS_BLOCK;
  struct plan plan = { .layout = cubix_layout_fits(result->par, result->ins) };
  LONGLONG *head = NULL, *data = NULL;
  int64_t end;
  CUBIX_CHECK((draft = malloc(size)), CUBIX_ENOMEM, "cannot allocate %zu bytes for a header", size);
  TRY_FITS(fits_create_memfile(&fits, &draft, &size, 100 * FITS_BLOCK, realloc, &fits_status));
  CUBIX_TRY(draft_write(fits, shown, result, &plan));
  TRY_FITS(fits_get_num_hdus(fits, &n, &fits_status));
  CUBIX_ALLOC(head, n + 1);
  CUBIX_ALLOC(data, n);
  for (int h = 0; h < n; h++) {
    TRY_FITS(fits_movabs_hdu(fits, h + 1, NULL, &fits_status));
    TRY_FITS(fits_get_hduaddrll(fits, &head[h], &data[h], &head[h + 1], &fits_status));
  }
  closing = fits;
  fits = NULL;                    /* released by fits_close_file even where that fails */
  TRY_FITS(fits_close_file(closing, &fits_status));
  CUBIX_TRY(hdus_write(file, result, &plan, draft, n, head, data, &end));
  CUBIX_CHECK(!ftruncate(file->file, (off_t)end), CUBIX_EOUTPUT, "cannot write %s: %s; is there room on the disk?",
              shown, strerror(errno));
  CUBIX_TRY(holes_fill(file, result, &plan, blocks));
done:
  if (fits) {
    int fits_status = 0;
    fits_close_file(fits, &fits_status);
    fits_clear_errmsg();
  }
  free(head);
  free(data);
  free(draft);
  return status;
}
