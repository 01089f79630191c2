/* instrument_doc.c -- the list of shipped instruments: what doc/instruments.md and `cubix --instruments` say of them
 * is read from their files. */
#include "instrument/instrument_doc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/datafile.h"
#include "base/error.h"
#include "base/spelling.h"
#include "instrument/instrument.h"
#include "instrument/instrument_file.h"

/* An instrument as it is without parameters, and its file. */
struct entry { struct cubix_instrument *ins; struct cubix_instrument_file file; };

static const char *text_of(const char *text) { return text ? text : ""; }

static int entry_read(struct entry *e, const char *name)
{
  int status = CUBIX_OK;
  struct cubix_params *par = NULL;
  CUBIX_TRY(cubix_params_init(&par));
  CUBIX_TRY(cubix_params_set(par, "Instrument", name));
  CUBIX_TRY(cubix_instrument_read(&e->ins, par));
  CUBIX_TRY(cubix_instrument_file_read(&e->file, name, 0));
done:
  cubix_params_free(par);
  return status;
}

static void entry_free(struct entry *e)
{
  cubix_instrument_free(e->ins);
  cubix_instrument_file_free(&e->file);
}

/* "60 x 60", "hexagon 32.5" ... */
static void tell_field(FILE *out, const struct cubix_instrument *ins)
{
  const double x = ins->n_x * ins->pixel_x, y = ins->n_y * ins->pixel_y;
  if (ins->aperture == CUBIX_SQUARE) fprintf(out, "%.4g x %.4g", x, y);
  else fprintf(out, "%s %.4g", ins->aperture == CUBIX_CIRCLE ? "circle" : "hexagon", x);
  if (ins->pixel_x == ins->pixel_y) fprintf(out, " | %.4g | ", ins->pixel_x);
  else fprintf(out, " | %.4g x %.4g | ", ins->pixel_x, ins->pixel_y);
}

/* Range, medium and step; gaps. */
static void tell_channels(FILE *out, const struct entry *e)
{
  const struct cubix_instrument *ins = e->ins;
  const int last = ins->n_lambda - 1;
  const double blue = cubix_instrument_width(ins, 0), red = cubix_instrument_width(ins, last);
  fprintf(out, "%.0f-%.0f, %s | ", cubix_instrument_lambda(ins, 0), cubix_instrument_lambda(ins, last),
          ins->medium == CUBIX_AIR ? "air" : "vacuum");
  if (ins->grid == CUBIX_LINEAR) fprintf(out, "%.4g", ins->lambda_step);
  else if (ins->grid == CUBIX_LOG) fprintf(out, "%g dex", ins->log_step / log(10));
  else fprintf(out, "%.3g to %.3g, table", blue, red);
  for (int i = 0; i + 1 < e->file.spectrum_gaps.n; i += 2)
    fprintf(out, "; gap %.0f-%.0f", e->file.spectrum_gaps.value[i], e->file.spectrum_gaps.value[i + 1]);
  fputs(" | ", out);
}

/* A curve at both ends, or once where it is the same. */
static void tell_curve(FILE *out, const struct cubix_instrument *ins, const struct cubix_curve *curve)
{
  const double blue = cubix_curve_at(curve, cubix_instrument_lambda(ins, 0)),
               red = cubix_curve_at(curve, cubix_instrument_lambda(ins, ins->n_lambda - 1));
  if (fabs(blue - red) < 5e-3 * blue) fprintf(out, "%.3g", blue);
  else fprintf(out, "%.3g to %.3g", blue, red);
}

static void tell_row(FILE *out, const struct entry *e)
{
  static const char *const profile[] = { "none", "Gaussian", "Moffat", "file" };
  const struct cubix_instrument *ins = e->ins;
  const config_setting_t *aliases = e->file.instrument_aliases;
  fprintf(out, "| `%s` | %s | ", ins->name, text_of(e->file.instrument_what));
  tell_field(out, ins);
  tell_channels(out, e);
  tell_curve(out, ins, &ins->lsf_fwhm);
  fprintf(out, "%s | %s", ins->lsf_shape == CUBIX_LSF_SINC ? ", sinc" : "", profile[ins->psf]);
  if (ins->psf == CUBIX_PSF_GAUSSIAN || ins->psf == CUBIX_PSF_MOFFAT) {
    fputs(" ", out);
    tell_curve(out, ins, &ins->psf_fwhm);
  }
  fprintf(out, " | %d | ", ins->flux_unit);
  for (int i = 0; aliases && i < config_setting_length(aliases); i++)
    fprintf(out, "%s%s", i ? ", " : "", config_setting_get_string_elem(aliases, i));
  fputs(" |\n", out);
}

static int same(const struct entry *a, const struct entry *b)
{
  return !strcmp(a->ins->reference, b->ins->reference) &&
         !strcmp(text_of(a->file.instrument_confidence), text_of(b->file.instrument_confidence));
}

/* Sources and confidence, once for instruments that share them. */
static int tell_sources(FILE *out, const struct entry *entry, int n)
{
  int status = CUBIX_OK;
  unsigned char *told = NULL;
  CUBIX_ALLOC(told, n);
  fputs("\n| instruments | sources | confidence |\n|---|---|---|\n", out);
  for (int i = 0; i < n; i++) {
    if (told[i]) continue;
    fputs("| ", out);
    for (int j = i; j < n; j++) {
      if (!same(&entry[i], &entry[j])) continue;
      fprintf(out, "%s%s", j > i ? ", " : "", entry[j].ins->name);
      told[j] = 1;
    }
    fprintf(out, " | %s | %s |\n", entry[i].ins->reference, text_of(entry[i].file.instrument_confidence));
  }
done:
  free(told);
  return status;
}

int cubix_instruments_write(FILE *out, const char *form)
{
  int status = CUBIX_OK, n = 0, markdown = !strcmp(form, "markdown");
  char **names = NULL;
  struct entry *entry = NULL;
  CUBIX_CHECK(markdown || !strcmp(form, "list"), CUBIX_EUSAGE, "--instruments=%s must be list or markdown", form);
  CUBIX_TRY(cubix_datafile_list(&names, &n, "instruments"));
  CUBIX_ALLOC(entry, n + 1);
  for (int i = 0; i < n; i++) CUBIX_TRY(entry_read(&entry[i], names[i]));
  for (int i = 0; i < n && !markdown; i++)
    fprintf(out, "%-24s %s\n", entry[i].ins->name, text_of(entry[i].file.instrument_what));
  if (!markdown) goto done;
  fputs(
      "| name | what | field [arcsec] | spaxel [arcsec] | channels [AA] | step [AA] | FWHM of the LSF [AA] | PSF, FWHM "
      "[arcsec] | flux_unit | also called |\n|---|---|---|---|---|---|---|---|---|---|\n",
      out);
  for (int i = 0; i < n; i++) tell_row(out, &entry[i]);
  CUBIX_TRY(tell_sources(out, entry, n));
done:
  for (int i = 0; i < n && entry; i++) entry_free(&entry[i]);
  free(entry);
  cubix_datafile_list_free(names, n);
  return status;
}

static int has_part(const char *name, const char *part)
{
  for (; *name; name++)
    if (cubix_spelling_begins(name, part)) return 1;
  return 0;
}

int cubix_instruments_name(FILE *out, const char *word)
{
  int n = 0, told = 0, column = 0;
  char **names = NULL;
  if (cubix_datafile_list(&names, &n, "instruments")) return 0;
  for (int i = 0; i < n; i++) {
    const int length = (int)strlen(names[i]);
    if (word && !has_part(names[i], word)) continue;
    if (!told++) fprintf(out, "\nInstruments (cubix --instruments tells more)");
    const int begins = !column || column + 1 + length > 100;
    fprintf(out, begins ? "\n  %s" : " %s", names[i]);
    column = begins ? 2 + length : column + 1 + length;
  }
  if (told) fputs("\n", out);
  cubix_datafile_list_free(names, n);
  return told;
}
