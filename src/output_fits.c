/* output_fits.c -- a result as a FITS file, by CFITSIO.
 *
 * HDUs: PRIMARY (provenance, no data), DATA, STAT, DQ, LSF (table), the truth maps, NOISEFREE on request, PARAMETERS (table).  The order is
 * part of the format: readers of the GIST family take the second and third HDU as flux and variance by position; MPDAF and others look for
 * the names DATA, STAT, DQ.  STAT is there even without noise, then full of zeros and marked STATZERO = T.
 * MPDAF masks every voxel whose DQ is not 0, whichever the bit.  Where only bit 4 or 8 is set the data are still good: Cube(file).unmask()
 * gives them back.
 * Every image carries the whole WCS and its unit, since readers look at one HDU only.  GIST takes CD2_2 for the size of a spaxel, which
 * Roll makes smaller by its cosine.
 * The pixels are float32 (float64 in a build with 64-bit cubix_real) without BSCALE.  Sizes are LONGLONG throughout: a MUSE cube has more
 * bytes than 2^32.  Texts are reduced to the printable ASCII that the standard allows; long ones go on in CONTINUE cards.              */
#include <errno.h>
#include <fitsio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "maps.h"
#include "output_parts.h"
#include "provenance.h"

#define REAL_IMAGE (sizeof(cubix_real) == 8 ? DOUBLE_IMG : FLOAT_IMG)
#define REAL_TYPE  (sizeof(cubix_real) == 8 ? TDOUBLE : TFLOAT)

/* One CFITSIO call; its reason and the system's go into the message. */
#define TRY_FITS(call) \
  do { \
    int fits_status = 0; \
    errno = 0; \
    (call); \
    if (fits_status) { \
      status = fits_failed(shown, fits_status, errno, __func__, __LINE__); \
      goto done; \
    } \
  } while (0)

struct sink { fitsfile *fits; const char *shown; int type; LONGLONG n_xy; };

static int fits_failed(const char *shown, int code, int system, const char *func, int line)
{
  char reason[FLEN_STATUS];
  fits_get_errstatus(code, reason);
  fits_clear_errmsg();
  return cubix_error_set(CUBIX_EOUTPUT, func, __FILE__, line, "cannot write %s: %s%s%s%s; is there room on the disk?", shown, reason,
                         system ? " (" : "", system ? strerror(system) : "", system ? ")" : "");
}

/* The standard allows printable ASCII only. */
static void to_ascii(char *out, size_t size, const char *text)
{
  size_t n = 0;
  for (const unsigned char *c = (const unsigned char *)text; *c && n + 1 < size; c++) {
    if ((*c & 0xC0) == 0x80) continue;               /* the rest of a UTF-8 character */
    out[n++] = *c >= 32 && *c < 127 ? (char)*c : '?';
  }
  out[n] = '\0';
}

static int text_write(fitsfile *fits, const char *shown, const char *name, const char *value, const char *comment)
{
  int status = CUBIX_OK;
  char ascii[4096];
  to_ascii(ascii, sizeof ascii, value);
  TRY_FITS(fits_write_key_longstr(fits, name, ascii, comment, &fits_status));
done:
  return status;
}

static int facts_write(fitsfile *fits, const char *shown, const struct cubix_facts *facts)
{
  int status = CUBIX_OK;
  for (int i = 0; i < facts->n; i++) {
    const struct cubix_fact *fact = &facts->fact[i];
    char comment[160];
    int flag = (int)fact->integer;
    LONGLONG integer = fact->integer;
    double real = fact->real;
    snprintf(comment, sizeof comment, "%s%s%s%s", *fact->unit ? "[" : "", fact->unit, *fact->unit ? "] " : "", fact->comment);
    switch (fact->type) {
      case CUBIX_FACT_TEXT: CUBIX_TRY(text_write(fits, shown, fact->name, fact->text, comment)); break;
      case CUBIX_FACT_LOGICAL: TRY_FITS(fits_write_key(fits, TLOGICAL, fact->name, &flag, comment, &fits_status)); break;
      case CUBIX_FACT_INTEGER: TRY_FITS(fits_write_key(fits, TLONGLONG, fact->name, &integer, comment, &fits_status)); break;
      case CUBIX_FACT_REAL: TRY_FITS(fits_write_key(fits, TDOUBLE, fact->name, &real, comment, &fits_status)); break;
    }
  }
done:
  return status;
}

/* A new image HDU with all that every image has. */
static int image_begin(fitsfile *fits, const char *shown, const struct cubix_result *result, int bitpix, int n_axis, const char *name,
                       const char *unit, const char *description)
{
  int status = CUBIX_OK;
  const struct cubix_instrument *ins = result->ins;
  LONGLONG side[3] = { ins->n_x, ins->n_y, ins->n_lambda };
  struct cubix_facts *wcs = NULL;
  TRY_FITS(fits_create_imgll(fits, bitpix, n_axis, side, &fits_status));
  CUBIX_TRY(text_write(fits, shown, "EXTNAME", name, description));
  if (*unit && strcmp(unit, "1")) CUBIX_TRY(text_write(fits, shown, "BUNIT", unit, ""));
  CUBIX_TRY(cubix_wcs_init(&wcs, ins, n_axis));
  CUBIX_TRY(facts_write(fits, shown, wcs));
done:
  cubix_facts_free(wcs);
  return status;
}

/* ---- the planes --------------------------------------------------------------------------------------------------------- */
static int block_put(void *file, int k0, int n_k, const void *block)
{
  int status = CUBIX_OK;
  struct sink *sink = file;
  const char *shown = sink->shown;
  TRY_FITS(fits_write_img(sink->fits, sink->type, k0 * sink->n_xy + 1, n_k * sink->n_xy, (void *)(size_t)block, &fits_status));
done:
  return status;
}

/* How ESO's data interface control document ties flux, variance and quality together. */
static int class_write(fitsfile *fits, const char *shown, enum cubix_plane plane)
{
  static const char *const content[CUBIX_N_PLANE] = { "DATA", "ERROR", "QUALITY", "DATA" }, *const detail[CUBIX_N_PLANE] = { "", "MSE", "FLAG32BIT", "" };
  static const struct { enum cubix_plane plane; const char *name, *comment; } relation[] = {
    { CUBIX_PLANE_DATA, "SCIDATA",  "extension with the data" },
    { CUBIX_PLANE_STAT, "ERRDATA",  "extension with the variance" },
    { CUBIX_PLANE_DQ,   "QUALDATA", "extension with the data quality" },
  };
  int status = CUBIX_OK;
  CUBIX_TRY(text_write(fits, shown, "HDUCLASS", "ESO", "class name (ESO format)"));
  CUBIX_TRY(text_write(fits, shown, "HDUDOC", "DICD", "document with class description"));
  CUBIX_TRY(text_write(fits, shown, "HDUCLAS1", "IMAGE", "image data format"));
  CUBIX_TRY(text_write(fits, shown, "HDUCLAS2", content[plane], "what this extension contains"));
  if (*detail[plane]) CUBIX_TRY(text_write(fits, shown, "HDUCLAS3", detail[plane], "and in which form"));
  for (int i = 0; i < 3 && plane != CUBIX_PLANE_NOISEFREE; i++) {
    if (relation[i].plane != plane)
      CUBIX_TRY(text_write(fits, shown, relation[i].name, cubix_plane_name(relation[i].plane), relation[i].comment));
  }
done:
  return status;
}

static int plane_write(fitsfile *fits, const char *shown, const struct cubix_result *result, enum cubix_plane plane)
{
  int status = CUBIX_OK, is_dq = plane == CUBIX_PLANE_DQ, zero = result->noise->kind == CUBIX_NOISE_NONE;
  struct sink sink = { fits, shown, is_dq ? TINT : REAL_TYPE, (LONGLONG)result->ins->n_x * result->ins->n_y };
  char unit[80];
  cubix_plane_unit(unit, plane, result);
  CUBIX_TRY(image_begin(fits, shown, result, is_dq ? LONG_IMG : REAL_IMAGE, 3, cubix_plane_name(plane), unit, cubix_plane_description(plane)));
  CUBIX_TRY(class_write(fits, shown, plane));
  if (plane == CUBIX_PLANE_STAT)
    TRY_FITS(fits_write_key(fits, TLOGICAL, "STATZERO", &zero, "T: Noise none, the variance is 0 throughout", &fits_status));
  for (int i = 0; is_dq && i < 4; i++)
    CUBIX_TRY(text_write(fits, shown, cubix_dq_bits[i].name, cubix_dq_bits[i].meaning, ""));
  CUBIX_TRY(cubix_plane_stream(result, plane, block_put, &sink));
done:
  return status;
}

static int maps_write(fitsfile *fits, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK;
  size_t n = (size_t)result->ins->n_x * (size_t)result->ins->n_y;
  double *map = NULL;
  CUBIX_ALLOC(map, n);
  for (int t = 0; t < CUBIX_N_TRUTH; t++) {
    cubix_truth_map(result->cube, t, n, map);
    CUBIX_TRY(image_begin(fits, shown, result, DOUBLE_IMG, 2, cubix_truth_name(t), cubix_truth_unit(t), cubix_truth_description(t)));
    TRY_FITS(fits_write_img(fits, TDOUBLE, 1, (LONGLONG)n, map, &fits_status));
  }
done:
  free(map);
  return status;
}

/* ---- the tables --------------------------------------------------------------------------------------------------------- */
static int lsf_write(fitsfile *fits, const char *shown, const struct cubix_result *result)
{
  int status = CUBIX_OK, n = result->ins->n_lambda;
  char *name[CUBIX_N_LSF_COLUMN], *form[CUBIX_N_LSF_COLUMN], *unit[CUBIX_N_LSF_COLUMN], key[24], real[] = "1D", angstrom[] = "Angstrom";
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
      to_ascii(ascii, sizeof ascii, parameter_field(&info, c));
      TRY_FITS(fits_write_col(fits, TSTRING, c + 1, i + 1, 1, 1, &cell, &fits_status));
    }
  }
done:
  return status;
}

int cubix_fits_write(const struct cubix_result *result, const char *path, const char *shown)
{
  int status = CUBIX_OK;
  fitsfile *fits = NULL, *closing;
  struct cubix_facts *facts = NULL;
  CUBIX_TRY(cubix_provenance_init(&facts, result));
  TRY_FITS(fits_create_diskfile(&fits, path, &fits_status));
  TRY_FITS(fits_create_imgll(fits, BYTE_IMG, 0, NULL, &fits_status));
  CUBIX_TRY(facts_write(fits, shown, facts));
  CUBIX_TRY(plane_write(fits, shown, result, CUBIX_PLANE_DATA));
  CUBIX_TRY(plane_write(fits, shown, result, CUBIX_PLANE_STAT));
  CUBIX_TRY(plane_write(fits, shown, result, CUBIX_PLANE_DQ));
  CUBIX_TRY(lsf_write(fits, shown, result));
  if (result->par->TruthMaps) CUBIX_TRY(maps_write(fits, shown, result));
  if (result->par->KeepNoiseFree) CUBIX_TRY(plane_write(fits, shown, result, CUBIX_PLANE_NOISEFREE));
  CUBIX_TRY(parameters_write(fits, shown, result->par));
  closing = fits;
  fits = NULL;                    /* released by fits_close_file even where that fails */
  TRY_FITS(fits_close_file(closing, &fits_status));
done:
  if (fits) {
    int fits_status = 0;
    fits_close_file(fits, &fits_status);
    fits_clear_errmsg();
  }
  cubix_facts_free(facts);
  return status;
}
