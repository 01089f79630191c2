/* recognise.c -- which simulation wrote a file, and whether its members belong together.
 *
 * Recognition tries names first (header attributes), then the presence of telling columns and groups;
 * nothing that the format excludes may be there, and it must be unambiguous.  Groups of the code alone
 * tell less than stars do: a file without stars is what its siblings with stars are.  What the header
 * says of the whole snapshot must be the same in all of its files. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/datafile.h"
#include "base/error.h"
#include "base/infile.h"
#include "simulation/members.h"
#include "simulation/simfile.h"

/* ---- members agree --------------------------------------------------------------------------- */

int cubix_simfile_stated(struct cubix_stated *stated, const struct cubix_source *source,
                         const struct cubix_simformat *format)
{
  int status = CUBIX_OK, found;
  for (int key = 0; key <= CUBIX_HEADER_VIRTUAL; key++)
    if (key != CUBIX_HEADER_SIMULATION)
      CUBIX_TRY(cubix_header_numbers(&stated->number[key], 1, &stated->n[key], format, source, key));
  CUBIX_TRY(cubix_code_units_stated(stated->unit, format, source));
  /* a label of any type is only a label */
  if (cubix_header_text(stated->label, sizeof stated->label, &found, format, source, CUBIX_HEADER_SIMULATION))
    cubix_error_clear();
done:
  return status;
}

/* A number of two members, NAN where one does not state it. */
static int is_same(double x, double y, double scale)
{
  return isnan(x) || isnan(y) ? isnan(x) && isnan(y) : fabs(x - y) <= 1e-6 * scale;
}

static const char *spell_number(char *text, size_t size, double x)
{
  snprintf(text, size, isnan(x) ? "not there" : "%.9g", x);
  return text;
}

static const char not_one[] =
    "they are not of one snapshot; name a single galaxy in full, by a name without a number before its suffix";

/* Two members must say the same of `what`. */
static int check_same(const char *one, const char *two, const char *what, double x, double y, double scale)
{
  int status = CUBIX_OK;
  char here[64], there[64];
  CUBIX_CHECK(is_same(x, y, scale), CUBIX_EINPUT, "%s and %s do not agree: %s is %s and %s: %s", one, two, what,
              spell_number(here, sizeof here, x), spell_number(there, sizeof there, y), not_one);
done:
  return status;
}

int cubix_simfile_agree(const struct cubix_stated *one, const char *one_path, const struct cubix_stated *two,
                        const char *two_path, const struct cubix_simformat *format)
{
  int status = CUBIX_OK;
  char names[512];
  for (int key = 0; key < CUBIX_N_HEADER; key++) {
    const double x = one->n[key] ? one->number[key] : NAN, y = two->n[key] ? two->number[key] : NAN;
    CUBIX_TRY(check_same(one_path, two_path, cubix_header_names(format, key, names, sizeof names), x, y,
                         key == CUBIX_HEADER_REDSHIFT ? 1. + fabs(x) : fabs(x)));
  }
  for (int i = 0; i < CUBIX_N_UNIT; i++)
    CUBIX_TRY(check_same(one_path, two_path, cubix_names_text(cubix_code_unit_names(format, i), names, sizeof names),
                         one->unit[i], two->unit[i], one->unit[i]));
  CUBIX_CHECK(strcmp(one->label, two->label) == 0, CUBIX_EINPUT,
              "%s and %s do not agree: %s is \"%s\" and \"%s\": %s", one_path, two_path,
              cubix_header_names(format, CUBIX_HEADER_SIMULATION, names, sizeof names), one->label, two->label,
              not_one);
done:
  return status;
}

int cubix_simfile_columns_agree(struct cubix_stated_column *first, const struct cubix_source *source, const char *path,
                                const struct cubix_simformat *format, const char *const *files, int member)
{
  int status = CUBIX_OK;
  double x[CUBIX_N_ATTRIBUTE];
  char names[512], what[800];
  CUBIX_TRY(cubix_simformat_attributes(x, format, source, path));
  for (int i = 0; i < CUBIX_N_ATTRIBUTE && first->known; i++) {
    snprintf(what, sizeof what, "%s of /%s",
             cubix_names_text(cubix_simformat_attribute_names(format, i), names, sizeof names), path);
    CUBIX_TRY(check_same(files[first->member], files[member], what, first->x[i], x[i], fabs(first->x[i])));
  }
  if (!first->known) {
    *first = (struct cubix_stated_column){ .known = 1, .member = member };
    memcpy(first->x, x, sizeof x);
  }
done:
  return status;
}

/* ---- which format ---------------------------------------------------------------------------- */

/* Does text contain word, in upper or lower case? */
static int contains(const char *text, const char *word)
{
  for (; *text; text++) {
    size_t i = 0;
    while (word[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)word[i])) i++;
    if (!word[i]) return 1;
  }
  return 0;
}

/* The first text of a header under one name. */
static int stated_text(char *text, size_t size, const struct cubix_source *source, const struct cubix_simformat *format,
                       const char *name)
{
  struct cubix_names one = { .n = 1 };
  int found = 0, there;
  snprintf(one.name[0], sizeof one.name[0], "%s", name);
  for (int i = 0; i < format->header_group.n && !found; i++) {
    if (cubix_source_has(&there, source, format->header_group.name[i]) || !there) continue;
    if (cubix_source_text(source, format->header_group.name[i], &one, text, size, &found)) {
      cubix_error_clear();
      found = 0;
    }
  }
  return found;
}

/* A group, a column or an attribute; with "[]" behind it a column of several numbers a row. */
static int is_there(const struct cubix_source *source, const char *name)
{
  int there = 0;
  char path[160];
  struct cubix_shape shape;
  const size_t n = strlen(name), rows = n > 2 && !strcmp(name + n - 2, "[]");
  snprintf(path, sizeof path, "%.*s", (int)(n - 2 * rows), name);
  if (!cubix_source_has(&there, source, path) && (!there || !rows)) return there;
  if (there && rows && !cubix_source_shape(&shape, source, path)) return shape.n_c > 1;
  cubix_error_clear();
  return 0;
}

/* "A|B": one of them; "!A|B": none of them. */
static int is_any_there(const struct cubix_source *source, const char *names)
{
  char name[80];
  if (names[0] == '!') return !is_any_there(source, names + 1);
  for (const char *at = names; *at; at += strspn(at, "|")) {
    const size_t n = strcspn(at, "|");
    snprintf(name, sizeof name, "%.*s", (int)n, at);
    if (is_there(source, name)) return 1;
    at += n;
  }
  return 0;
}

static int has_name(const struct cubix_source *source, const struct cubix_simformat *format)
{
  char text[1024];
  for (int i = 0; i < format->recognise.attribute.n; i++) {
    if (!stated_text(text, sizeof text, source, format, format->recognise.attribute.name[i])) continue;
    for (int j = 0; j < format->recognise.contains.n; j++)
      if (contains(text, format->recognise.contains.name[j])) return 1;
  }
  return 0;
}

static int has_datasets(const struct cubix_source *source, const struct cubix_simformat *format)
{
  for (int i = 0; i < format->recognise.dataset.n; i++)
    if (!is_any_there(source, format->recognise.dataset.name[i])) return 0;
  return format->recognise.dataset.n > 0;
}

static int is_excluded(const struct cubix_source *source, const struct cubix_simformat *format)
{
  for (int i = 0; i < format->recognise.absent.n; i++)
    if (is_any_there(source, format->recognise.absent.name[i])) return 1;
  return 0;
}

static int has_stars(const struct cubix_source *source, const struct cubix_species *stars)
{
  char group[80];
  int filled;
  for (int i = 0; i < stars->n_type + stars->n_isolated; i++) {
    const int type = i < stars->n_type ? stars->type[i] : stars->isolated[i - stars->n_type];
    if (cubix_source_is_filled(&filled, source, cubix_species_group(group, sizeof group, stars, type)))
      cubix_error_clear();
    else if (filled) return 1;
  }
  return 0;
}

/* "A|B" in words. */
static const char *spell(char *text, size_t size, const char *names)
{
  size_t used = 0;
  for (text[0] = '\0'; *names && used + 8 < size; names++) {
    if (*names == '!') used += (size_t)snprintf(text + used, size - used, "no ");
    else if (*names == '|') used += (size_t)snprintf(text + used, size - used, " or ");
    else used += (size_t)snprintf(text + used, size - used, "%c", *names);
  }
  return text;
}

/* What a format asks for, and what the file says instead, behind what is in text already. */
static void describe(char *text, size_t size, const struct cubix_source *source, const struct cubix_simformat *f)
{
  char names[512], value[256];
  size_t used = strlen(text);

  used += (size_t)snprintf(text + used, size - used, "\n  %s:", f->name);
  for (int k = 0; k < f->recognise.attribute.n && used < size; k++) {
    if (!stated_text(value, sizeof value, source, f, f->recognise.attribute.name[k]))
      snprintf(value, sizeof value, "missing");
    used += (size_t)snprintf(text + used, size - used, "%s %s (here %.80s)", k ? " or" : "",
                             f->recognise.attribute.name[k], value);
  }
  if (f->recognise.attribute.n && used < size)
    used += (size_t)snprintf(text + used, size - used, " contains %s",
                             cubix_names_text(&f->recognise.contains, names, sizeof names));
  for (int k = 0; k < f->recognise.dataset.n && used < size; k++)
    used += (size_t)snprintf(text + used, size - used, "%s %s",
                             k ? ", and" : f->recognise.attribute.n ? ", or there are" : " there are",
                             spell(names, sizeof names, f->recognise.dataset.name[k]));
  for (int k = 0; k < f->recognise.absent.n && used < size; k++)
    used += (size_t)snprintf(text + used, size - used, "%s %s", k ? " or" : ", and no",
                             spell(names, sizeof names, f->recognise.absent.name[k]));
}

/* Which formats take this file: -1 none; an error where several do. */
static int match(int *which, const struct cubix_source *source, const struct cubix_simformat *format, int n)
{
  int status = CUBIX_OK, there;
  char text[1500] = "";

  *which = -1;
  /* a broken link is not just another format */
  for (int i = 0; i < n; i++)
    for (int g = 0; g < format[i].header_group.n; g++)
      CUBIX_TRY(cubix_source_has(&there, source, format[i].header_group.name[g]));
  for (int pass = 0; pass < 2 && *which < 0; pass++) {
    for (int i = 0; i < n; i++) {
      if (strcmp(format[i].recognise.file, source->ops->kind)) continue;
      if (!(pass == 0 ? has_name(source, &format[i]) : has_datasets(source, &format[i]))) continue;
      if (is_excluded(source, &format[i])) continue;
      describe(text, sizeof text, source, &format[i]);
      CUBIX_CHECK(*which < 0, CUBIX_EINPUT,
                  "%s may be %s or %s; choose with the parameter SimulationFormat.  Both fit by the %s:%s",
                  source->path, format[*which].name, format[i].name,
                  pass ? "groups and datasets" : "names in its header", text);
      *which = i;
    }
  }
done:
  return status;
}

static int read_known(struct cubix_simformat **known, int *n)
{
  int status = CUBIX_OK;
  char **names = NULL, cfg[4096];
  CUBIX_TRY(cubix_datafile_list(&names, n, "formats"));
  CUBIX_ALLOC(*known, *n);
  for (int i = 0; i < *n; i++) {
    CUBIX_TRY(cubix_datafile_find(cfg, sizeof cfg, "formats", names[i]));
    CUBIX_TRY(cubix_simformat_read(&(*known)[i], cfg));
  }
done:
  cubix_datafile_list_free(names, *n);
  return status;
}

/* A member without stars does not show of which format it is; those with stars may. */
static int ask_siblings(int *which, const char *path, const struct cubix_simformat *known, int n,
                        const struct cubix_source_options *options)
{
  int status = CUBIX_OK;
  struct cubix_member m;
  struct cubix_source *source = NULL;
  char sibling[4200];
  if (!cubix_member_find(&m, path)) goto done;
  for (long i = m.first; *which < 0 && cubix_infile_is(cubix_member_path(sibling, sizeof sibling, &m, i)); i++) {
    CUBIX_TRY(cubix_source_open(&source, sibling, options));
    CUBIX_TRY(match(which, source, known, n));
    if (*which >= 0 && !has_stars(source, &known[*which].stars)) *which = -1;
    cubix_source_close(source);
    source = NULL;
  }
done:
  cubix_source_close(source);
  return status;
}

/* Groups and subhaloes instead of particles: Subfind's files, SOAP's, VELOCIraptor's. */
static int is_catalogue(const struct cubix_source *source, const char *groups)
{
  return !strstr(groups, "PartType") && is_any_there(source, "Group/GroupLen|Group/GroupLenType|Subhalo/SubhaloLen|"
                                                             "Subhalo/SubhaloLenType|FOF/GroupLength|InputHalos|"
                                                             "hostHaloID");
}

int cubix_simfile_recognise(struct cubix_simformat *format, const char *path, const char *name,
                            const struct cubix_source_options *options)
{
  int status = CUBIX_OK, n = 0, which = -1, own;
  char cfg[4096], text[3200] = "", groups[256];
  struct cubix_simformat *known = NULL;
  struct cubix_source *source = NULL;

  if (strcmp(name, "auto") != 0) {
    CUBIX_TRY(cubix_datafile_find(cfg, sizeof cfg, "formats", name));
    CUBIX_TRY(cubix_simformat_read(format, cfg));
    goto done;
  }
  CUBIX_TRY(read_known(&known, &n));
  CUBIX_TRY(cubix_source_open(&source, path, options));
  cubix_source_list(source, "/", groups, sizeof groups);
  CUBIX_CHECK(!is_catalogue(source, groups), CUBIX_EINPUT,
              "%s is a catalogue of groups, and holds no particles: InputFile must be the snapshot, and this is its "
              "GroupCatalogue (with GroupIndex, the number of the galaxy in it)",
              path);
  CUBIX_TRY(match(&which, source, known, n));
  for (int i = 0; i < n; i++)
    if (!strcmp(known[i].recognise.file, source->ops->kind)) describe(text, sizeof text, source, &known[i]);
  own = which;
  if (which < 0 || !has_stars(source, &known[which].stars)) {
    which = -1;
    CUBIX_TRY(ask_siblings(&which, path, known, n, options));
    if (which < 0) which = own;
  }
  CUBIX_CHECK(which >= 0, CUBIX_EINPUT,
              "%s is of no known format.  It holds %s.  The known formats are:%s\nName one with SimulationFormat, or "
              "add a file to parameterfiles/formats",
              path, groups[0] ? groups : "no groups", text);
  *format = known[which];
done:
  cubix_source_close(source);
  free(known);
  return status;
}
