/* simfile.c -- the look into a simulation's files before they are read: header, columns,
 * conversions, counts.
 *
 * One process looks and tells the others what there is, so that a thousand ranks do not all ask the
 * file system the same questions.  The shapes of the columns are the truth: counts in the header of
 * a cutout are often those of the snapshot it was cut from. */
#include "simulation/simfile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/log.h"
#include "simulation/members.h"
#include "simulation/simfile_parts.h"

/* ---- members --------------------------------------------------------------------------------- */

/* Type, shape and conversion of a column of one part. */
static int look_at_column(struct cubix_simfile *sim, struct cubix_look *look, struct cubix_simpart *part,
                          enum cubix_field field)
{
  int status = CUBIX_OK;
  char path[256];
  struct cubix_column *column = NULL;
  double factor = 0.;

  cubix_simfile_path(path, sizeof path, sim, part, field);
  CUBIX_TRY(cubix_column_open(&column, look->source, path, sim->field[field].pick, 1));
  sim->abroad[part->member] |= (unsigned char)column->abroad;
  if (part->n < 0) part->n = part->n_row = column->n_row;
  CUBIX_CHECK(column->n_row == part->n, CUBIX_EINPUT,
              "%s: /%s has %lld rows, but /%s/%s has %lld; they must be equal", look->source->path, path,
              (long long)column->n_row, sim->group[part->type], sim->field[CUBIX_FIELD_POSITION].name,
              (long long)part->n);
  if (part->n > 0 && !look->species->field[field].misstated)
    CUBIX_TRY(cubix_simfile_columns_agree(&look->stated[part->type][field], look->source, path, look->format,
                                          (const char *const *)sim->snapshot.file, part->member));
  CUBIX_TRY(cubix_simfile_factor(&factor, look, sim, field, path));
  CUBIX_CHECK(sim->field[field].factor == 0. || sim->field[field].factor == factor, CUBIX_EINPUT,
              "%s: /%s converts by %.9g, but by %.9g in other files or types of this snapshot",
              look->source->path, path, factor, sim->field[field].factor);
  sim->field[field].factor = factor;
done:
  cubix_column_close(column);
  return status;
}

/* The particles of one type in the member that is open; part->n 0 where it has none. */
static int look_at_part(struct cubix_simfile *sim, struct cubix_look *look, struct cubix_simpart *part)
{
  int status = CUBIX_OK, there;
  char path[256];

  part->n = -1;
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    part->value[f] = NAN;
    part->reads[f] = 0;
    CUBIX_TRY(cubix_simfile_find_field(sim, look, part, f));
  }
  for (int f = 0; f < CUBIX_N_FIELD; f++) {
    if (!cubix_simfile_wants(sim, look, f)) continue;
    there = 0;
    if (sim->field[f].name[0])
      CUBIX_TRY(cubix_source_has(&there, look->source, cubix_simfile_path(path, sizeof path, sim, part, f)));
    /* what stands in for any time of formation is an age */
    const enum cubix_field instead = f == (int)sim->birth ? CUBIX_FIELD_AGE : (enum cubix_field)f;
    if (there) CUBIX_TRY(look_at_column(sim, look, part, f));
    else CUBIX_TRY(cubix_simfile_stand_in(&part->value[instead], look, sim, part, instead));
    part->reads[f] = (unsigned char)there;
  }
done:
  return status;
}

/* Row 0 of a part. */
static int look_at_first(struct cubix_simpart *part, const struct cubix_simfile *sim, const struct cubix_look *look)
{
  int status = CUBIX_OK;
  char path[256];
  struct cubix_column *column = NULL;
  for (int f = CUBIX_FIELD_POSITION; f <= CUBIX_FIELD_VELOCITY; f++) {
    double x[3];
    float single[3];
    cubix_simfile_path(path, sizeof path, sim, part, f);
    CUBIX_TRY(cubix_column_open(&column, look->source, path, sim->field[f].pick, 0));
    CUBIX_TRY(cubix_column_read(column, 0, 1, column->single ? (void *)single : (void *)x));
    for (int c = 0; c < 3; c++) part->first[3 * f + c] = column->single ? (double)single[c] : x[c];
    cubix_column_close(column);
    column = NULL;
  }
done:
  cubix_column_close(column);
  return status;
}

/* All types in the member that is open; the header is that of the first member with particles. */
static int look_at_member(struct cubix_simfile *sim, struct cubix_look *look, int member)
{
  int status = CUBIX_OK, there;
  for (int t = 0; t < sim->n_type; t++) {
    struct cubix_simpart *part = &sim->part[sim->n_part];
    /* a member without particles has no group for them, or an empty one */
    CUBIX_TRY(cubix_source_is_filled(&there, look->source, sim->group[t]));
    if (!there) continue;
    part->member = member;
    part->type = t;
    CUBIX_TRY(look_at_part(sim, look, part));
    if (part->n <= 0) continue;
    if (sim->snapshot.n_file > 1) CUBIX_TRY(look_at_first(part, sim, look));
    if (sim->n_total == 0) {
      char path[256];
      cubix_simfile_path(path, sizeof path, sim, part, CUBIX_FIELD_POSITION);
      CUBIX_TRY(cubix_simformat_assumes(&look->assumes, look->format, look->source, path));
      CUBIX_TRY(cubix_simfile_length(look, sim, path));
    }
    if (sim->population == CUBIX_STARS) CUBIX_TRY(cubix_simfile_note_births(look, sim, part));
    sim->n_total += part->n;
    sim->n_part++;
  }
done:
  return status;
}

static int no_particles(const struct cubix_simfile *sim, const struct cubix_look *look)
{
  int status = CUBIX_OK;
  const struct cubix_snapshot *s = &sim->snapshot;
  char groups[512] = "", types[128];
  for (int t = 0; t < sim->n_type; t++)
    snprintf(groups + strlen(groups), sizeof groups - strlen(groups), "%s/%s", t ? ", " : "", sim->group[t]);
  cubix_source_list(look->source, "/", types, sizeof types);
  const int stars = sim->population == CUBIX_STARS;
  CUBIX_CHECK(0, CUBIX_EINPUT, "%s%s holds no %s: %s %s missing or empty%s%s%s%s", s->file[0],
              s->n_file > 1 ? " and the other files of its snapshot" : "", stars ? "stars" : "gas", groups,
              sim->n_type > 1 ? "are" : "is", types[0] ? " (there are " : "", types, types[0] ? ")" : "",
              types[0] && stars ? "; StarType says which types are stars" : "");
done:
  return status;
}

/* What can be done without is in all parts or in none. */
static int check_everywhere(const struct cubix_simfile *sim)
{
  int status = CUBIX_OK;
  for (int i = 0; i < sim->n_part; i++)
    for (int f = 0; f < CUBIX_N_FIELD; f++) {
      const struct cubix_simpart *part = &sim->part[i];
      const int stands_in = f == CUBIX_FIELD_MASS_FORMED || cubix_field_is_birth(f);
      CUBIX_CHECK(!sim->field[f].name[0] || part->reads[f] || !isnan(part->value[f]) || stands_in, CUBIX_EINPUT,
                  "%s: /%s/%s is missing, but other files or types of this snapshot have it",
                  sim->snapshot.file[part->member], sim->group[part->type], sim->field[f].name);
    }
done:
  return status;
}

/* Every member in turn. */
static int look_at_members(struct cubix_simfile *sim, struct cubix_look *look)
{
  int status = CUBIX_OK;
  struct cubix_snapshot *s = &sim->snapshot;
  struct cubix_stated first = { .label = "" };
  struct cubix_source *source = NULL;

  for (int i = 0; i < s->n_file; i++) {
    struct cubix_stated stated = { .label = "" };
    CUBIX_TRY(cubix_source_open(&source, s->file[i], &sim->options));
    look->source = source;
    if (i == 0 && source->note[0]) cubix_log(CUBIX_LOG_INFO, "%s: %s", source->path, source->note);
    CUBIX_TRY(cubix_simfile_stated(&stated, source, look->format));
    if (i == 0) {
      first = stated;
      if (source->assumed[0]) cubix_log(CUBIX_LOG_WARNING, "%s: %s", source->path, source->assumed);
      CUBIX_TRY(cubix_simfile_header(sim, look));
      CUBIX_TRY(cubix_simfile_types(sim, look));
    } else {
      CUBIX_TRY(cubix_simfile_agree(&first, s->file[0], &stated, s->file[i], look->format));
    }
    CUBIX_TRY(look_at_member(sim, look, i));
    /* what is wrong with the gas is nothing to the stars */
    if (sim->population == CUBIX_STARS && cubix_simfile_note_gas(s, look)) cubix_error_clear();
    if (i + 1 == s->n_file && sim->n_total == 0) CUBIX_TRY(no_particles(sim, look));
    if (i + 1 == s->n_file) CUBIX_TRY(cubix_simfile_places(sim, look));
    if (i + 1 == s->n_file) CUBIX_TRY(cubix_simfile_whole(sim, look));
    CUBIX_TRY(cubix_simfile_alone(sim, look));
    cubix_source_close(source);
    source = NULL;
  }
  CUBIX_TRY(check_everywhere(sim));
  if (sim->population == CUBIX_STARS) cubix_simfile_say_given(sim, look);
  snprintf(s->simulation, sizeof s->simulation, "%s", first.label);
  if (s->has_centre) memcpy(sim->reference, s->centre, sizeof s->centre);
  else CUBIX_TRY(cubix_simfile_first_position(sim->reference, sim));
  CUBIX_TRY(cubix_centre_check(look->par, s));
  if (!look->par->Centre.word) cubix_centre_given(sim->reference, look->par, s);
done:
  cubix_source_close(source);
  return status;
}

static int find_options(struct cubix_source_options *options, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(strlen(par->GadgetBlocks) < sizeof options->gadget_blocks, CUBIX_EUSAGE,
              "GadgetBlocks (%s) has %zu characters; there is room for %zu", cubix_params_origin(par, "GadgetBlocks"),
              strlen(par->GadgetBlocks), sizeof options->gadget_blocks - 1);
  strcpy(options->gadget_blocks, par->GadgetBlocks);
done:
  return status;
}

int cubix_simfile_open(struct cubix_simfile **sim, const struct cubix_params *par, enum cubix_population population,
                       int everything)
{
  int status = CUBIX_OK, found;
  char path[4096];
  double n_file = 0., virtual = 0.;
  struct cubix_simformat *format = NULL;
  struct cubix_source *source = NULL;
  struct cubix_h5_quiet quiet;

  cubix_h5_quiet_begin(&quiet);
  CUBIX_ALLOC(*sim, 1);
  CUBIX_ALLOC(format, 1);
  (*sim)->population = population;
  (*sim)->everything = everything;
  CUBIX_TRY(find_options(&(*sim)->options, par));
  CUBIX_TRY(cubix_members_first(path, sizeof path, par->InputFile, "InputFile"));
  CUBIX_TRY(cubix_source_open(&source, path, &(*sim)->options));
  status = cubix_simfile_recognise(format, path, par->SimulationFormat, &(*sim)->options);
  if (status == CUBIX_EUSAGE)
    cubix_error_about("SimulationFormat = %s (%s)", par->SimulationFormat,
                      cubix_params_origin(par, "SimulationFormat"));
  CUBIX_TRY(status);
  CUBIX_CHECK(!strcmp(format->recognise.file, source->ops->kind), CUBIX_EINPUT,
              "%s is a file of the kind %s, and the format %s is one of %s files", path, source->ops->kind,
              format->name, format->recognise.file);
  CUBIX_TRY(cubix_header_number(&n_file, &found, format, source, CUBIX_HEADER_N_FILE));
  CUBIX_TRY(cubix_header_number(&virtual, &found, format, source, CUBIX_HEADER_VIRTUAL));
  if (virtual != 0) n_file = 1;
  cubix_source_close(source);
  source = NULL;
  CUBIX_TRY(cubix_members_find(&(*sim)->snapshot, path, n_file, strcmp(path, par->InputFile) != 0));
  CUBIX_ALLOC((*sim)->part, (*sim)->snapshot.n_file * CUBIX_N_TYPE);
  CUBIX_ALLOC((*sim)->abroad, (*sim)->snapshot.n_file);
  struct cubix_look look = { .format = format, .par = par,
                             .species = population == CUBIX_STARS ? &format->stars : &format->gas };
  CUBIX_TRY(look_at_members(*sim, &look));
  (*sim)->scales = look.scales;
  (*sim)->length = look.length;
  (*sim)->format = format;
  format = NULL;
done:
  cubix_source_close(source);
  free(format);
  if (status) {
    cubix_simfile_free(*sim);
    *sim = NULL;
  }
  cubix_h5_quiet_end(&quiet);
  return status;
}

void cubix_simfile_free(struct cubix_simfile *sim)
{
  if (!sim) return;
  for (int i = 0; sim->snapshot.file && i < sim->snapshot.n_file; i++) free(sim->snapshot.file[i]);
  free(sim->snapshot.file);
  free(sim->snapshot.file_size);
  free(sim->part);
  free(sim->run);
  free(sim->all);
  free(sim->format);
  free(sim->abroad);
  free(sim);
}
