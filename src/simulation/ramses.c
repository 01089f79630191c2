/* ramses.c -- particles of RAMSES: part_NNNNN.outMMMMM, one file per processor.
 *
 * A file is a list of Fortran records: eight of numbers (processors, dimensions, particles, random
 * numbers, counts and masses of stars, sinks), then one per field.  Which fields those are is said by
 * part_file_descriptor.txt; of older runs by the header's line of particle fields, and without it by
 * the order in which they have always been written.  How wide their numbers are follows from the
 * length of a record.  A particle's kind is its family; of older runs a star is what has a time of
 * birth.
 *
 * Units are in info_NNNNN.txt, in cgs and physical at the scale factor of the snapshot.  A time of
 * birth is conformal in a cosmological run (clock.c), unless namelist.txt says use_proper_time or
 * rt_star: then it is a time in units of 1/H0, 0 today; and one of the code in an isolated run.  The
 * last two become Gyr here, since the Big Bang or on the run's own clock. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "math/cosmology.h"
#include "physics/constants.h"
#include "simulation/keyfile.h"
#include "simulation/ramses_namelist.h"
#include "simulation/source_raw.h"

enum { N_HEAD = 8, MOST_RECORDS = 200, STAR = 2, DARK = 1, UNDEFINED = 127, N_FAMILY = 8 };

struct field {
  char name[64], type;            /* 'r': real, 'i': integer, ' ': not known */
};

struct ramses {
  struct cubix_raw *raw;
  const char *path;
  char folder[4096], number[8];   /* "output_00002/", "00002" */
  int swap;                       /* 1: in the other byte order than this machine's */
  int n_record, n_field;
  struct { int64_t at, n; } record[MOST_RECORDS];
  struct field field[MOST_RECORDS];
  int64_t n;                      /* particles */
  int cosmological;
  double birth_factor, birth_shift; /* from times of birth to Gyr; 0: they are conformal */
  struct cubix_keyfile info;
};

/* ---- records --------------------------------------------------------------------------------- */

/* Where each record is. */
static int find_records(struct ramses *r)
{
  int status = CUBIX_OK;
  const int64_t size = cubix_raw_size(r->raw);
  int32_t first = 0, begin, end;
  int64_t at = 0;
  cubix_raw_bytes(r->raw, 0, &first, 4, 1);
  r->swap = first == 4 << 24;
  CUBIX_CHECK(first == 4 || r->swap, CUBIX_EINPUT,
              "%s is no file of particles of RAMSES: it must begin with a record of 4 bytes", r->path);
  for (r->n_record = 0; at < size; r->n_record++) {
    const int lost = cubix_raw_bytes(r->raw, at, &begin, 4, r->swap ? 4 : 1) || begin < 0 ||
                     cubix_raw_bytes(r->raw, at + 4 + begin, &end, 4, r->swap ? 4 : 1) || end != begin;
    CUBIX_CHECK(!lost, CUBIX_EINPUT, "%s: record %d, which begins at byte %lld of %lld, has no end: the file is not "
                "all there, or damaged", r->path, r->n_record + 1, (long long)at, (long long)size);
    CUBIX_CHECK(r->n_record < MOST_RECORDS, CUBIX_EINPUT, "%s has more than %d records", r->path, MOST_RECORDS);
    r->record[r->n_record].at = at + 4;
    r->record[r->n_record].n = begin;
    at += 8 + (int64_t)begin;
  }
done:
  return status;
}

/* The numbers at the beginning must be those of the info file. */
static int read_head(struct ramses *r)
{
  static const char *const key[] = { "ncpu", "ndim" };
  int status = CUBIX_OK;
  int32_t head[3];
  double x;
  CUBIX_CHECK(r->n_record >= N_HEAD, CUBIX_EINPUT, "%s has %d records; at least %d are expected", r->path,
              r->n_record, N_HEAD);
  for (int i = 0; i < 3; i++)
    CUBIX_CHECK(r->record[i].n == 4 && !cubix_raw_bytes(r->raw, r->record[i].at, &head[i], 4, r->swap ? 4 : 1),
                CUBIX_EINPUT, "%s: record %d has %lld bytes; 4 are expected", r->path, i + 1,
                (long long)r->record[i].n);
  for (int i = 0; i < 2; i++) {
    CUBIX_TRY(cubix_keyfile_need(&x, &r->info, key[i], 0));
    CUBIX_CHECK(head[i] == x, CUBIX_EINPUT, "%s: %s is %d, but %g in %s: they are not of one output", r->path, key[i],
                head[i], x, r->info.path);
  }
  CUBIX_CHECK(head[1] == 3, CUBIX_EINPUT, "%s has %d dimensions; it must have 3", r->path, head[1]);
  CUBIX_CHECK(head[2] >= 0, CUBIX_EINPUT, "%s counts %d particles", r->path, head[2]);
  r->n = head[2];
done:
  return status;
}

/* ---- fields ---------------------------------------------------------------------------------- */

static int add_field(struct ramses *r, const char *name, char type)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(r->n_field < MOST_RECORDS, CUBIX_EINPUT, "%s: more than %d fields are listed", r->path, MOST_RECORDS);
  snprintf(r->field[r->n_field].name, sizeof r->field[0].name, "%s", name);
  r->field[r->n_field++].type = type;
done:
  return status;
}

/* " 1, position_x, d": number, name and type. */
static int read_descriptor(struct ramses *r, const char *path)
{
  int status = CUBIX_OK, n = 0;
  struct cubix_keyfile file = { .text = NULL };
  CUBIX_TRY(cubix_keyfile_read(&file, path, '\0'));
  for (char *line = file.text, *next; *line; line = next) {
    struct field f;
    int i;
    next = line + strcspn(line, "\n");
    if (*next) *next++ = '\0';
    line += strspn(line, " \t\r");
    if (!*line || *line == '#') continue;
    CUBIX_CHECK(sscanf(line, "%d , %63[^, ] , %c", &i, f.name, &f.type) == 3, CUBIX_EINPUT,
                "%s: the line '%.60s' is none of `number, name, type`", path, line);
    CUBIX_CHECK(i >= 1 && i <= MOST_RECORDS && !r->field[i - 1].name[0], CUBIX_EINPUT,
                "%s: the line '%.60s' must have a number of its own, from 1 to %d", path, line, MOST_RECORDS);
    f.type = (char)tolower((unsigned char)f.type);
    f.type = strchr("dfrs", f.type) ? 'r' : strchr("bhilq", f.type) ? 'i' : ' ';
    r->field[i - 1] = f;
    r->n_field = i > r->n_field ? i : r->n_field;
    n++;
  }
  CUBIX_CHECK(n > 0 && n == r->n_field, CUBIX_EINPUT, "%s lists %d fields, and their numbers go up to %d", path, n,
              r->n_field);
done:
  cubix_keyfile_free(&file);
  return status;
}

/* A word of the header's line "pos vel mass iord level tform metal". */
static int add_word(struct ramses *r, const char *word)
{
  static const char *const known[][2] = { { "mass", "mass" },       { "iord", "identity" },     { "level", "levelp" },
                                          { "family", "family" },   { "tag", "tag" },           { "phi", "potential" },
                                          { "tform", "birth_time" }, { "metal", "metallicity" } };
  int status = CUBIX_OK, vector = strcmp(word, "pos") ? strcmp(word, "vel") ? 0 : 2 : 1;
  char name[64];
  for (int c = 0; vector && c < 3; c++) {
    snprintf(name, sizeof name, "%s_%c", vector == 1 ? "position" : "velocity", 'x' + c);
    CUBIX_TRY(add_field(r, name, 'r'));
  }
  if (vector) goto done;
  snprintf(name, sizeof name, "%s", word);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(word, known[i][0])) snprintf(name, sizeof name, "%s", known[i][1]);
  CUBIX_TRY(add_field(r, name, strcmp(name, "identity") && strcmp(name, "levelp") && strcmp(name, "family") &&
                                       strcmp(name, "tag") ? 'r' : 'i'));
done:
  return status;
}

/* The fields that a line of words names, up to `most` records of them. */
static int add_words(struct ramses *r, const char *words, int most)
{
  int status = CUBIX_OK;
  char word[64];
  for (const char *at = words + strspn(words, " \t"); *at && *at != '\n' && *at != '\r' && r->n_field < most;) {
    const size_t n = strcspn(at, " \t\r\n");
    snprintf(word, sizeof word, "%.*s", (int)n, at);
    CUBIX_TRY(add_word(r, word));
    at += n;
    at += strspn(at, " \t");
  }
done:
  return status;
}

/* Of runs without a descriptor. */
static int old_fields(struct ramses *r, char said_by[4300])
{
  int status = CUBIX_OK;
  const int n = r->n_record - N_HEAD;
  const char *words = NULL;
  char path[4200];
  struct cubix_keyfile file = { .text = NULL };
  snprintf(path, sizeof path, "%.4000sheader_%s.txt", r->folder, r->number);
  if (cubix_infile_is(path)) {
    CUBIX_TRY(cubix_keyfile_read(&file, path, '\0'));
    words = strstr(file.text, "article fields");
    if (words) words = strchr(words, '\n');
  }
  snprintf(said_by, 4300, "%s", words ? path : "an output without descriptor, 9 to 11,");
  if (words) CUBIX_TRY(add_words(r, words + 1, MOST_RECORDS));
  else CUBIX_TRY(add_words(r, "pos vel mass iord level tform metal", n));
done:
  cubix_keyfile_free(&file);
  return status;
}

static int find_fields(struct ramses *r)
{
  int status = CUBIX_OK;
  char path[4200], said_by[4300];
  snprintf(path, sizeof path, "%.4000spart_file_descriptor.txt", r->folder);
  snprintf(said_by, sizeof said_by, "%s", path);
  if (cubix_infile_is(path)) CUBIX_TRY(read_descriptor(r, path));
  else CUBIX_TRY(old_fields(r, said_by));
  CUBIX_CHECK(r->n_field == r->n_record - N_HEAD, CUBIX_EINPUT,
              "%s has %d records after its header, and %s has %d fields: name them all in %s (`1, position_x, d` ...), "
              "in the order of the records",
              r->path, r->n_record - N_HEAD, said_by, r->n_field, path);
  for (int i = 0; i < r->n_field && r->n == 0; i++)
    CUBIX_CHECK(r->record[N_HEAD + i].n == 0, CUBIX_EINPUT,
                "%s counts 0 particles, but its record of %s has %lld bytes: it is damaged", r->path, r->field[i].name,
                (long long)r->record[N_HEAD + i].n);
done:
  return status;
}

static int field_of(const struct ramses *r, const char *name)
{
  for (int i = 0; i < r->n_field; i++)
    if (!strcmp(r->field[i].name, name)) return i;
  return -1;
}

/* Type and place of a field.  @param[out] c  n_c 0 where its numbers are of no known type */
static int column_of(struct cubix_raw_column *c, const struct ramses *r, int i)
{
  int status = CUBIX_OK;
  const int64_t n = r->record[N_HEAD + i].n, word = r->n > 0 ? n / r->n : 0;
  const char type = r->field[i].type;
  *c = (struct cubix_raw_column){ .n_row = r->n, .swap = r->swap, .at = { r->record[N_HEAD + i].at }, .stride = word,
                                  .factor = 1 };
  if (type == ' ') goto done;
  /* levels are small: in 8 bytes they would be those of two particles */
  const int wide = word == 8 && strcmp(r->field[i].name, "levelp"), fits = word == 4 || wide;
  CUBIX_CHECK(n == word * r->n && (fits || (type == 'i' && word == 1)),
              CUBIX_EINPUT,
              "%s: the record of %s has %lld bytes for %lld particles: are the fields those of another output?",
              r->path, r->field[i].name, (long long)n, (long long)r->n);
  c->n_c = 1;
  c->type = type == 'r' ? word == 4 ? CUBIX_RAW_F4 : CUBIX_RAW_F8
                        : word == 1 ? CUBIX_RAW_I1 : word == 4 ? CUBIX_RAW_I4 : CUBIX_RAW_I8;
done:
  return status;
}

/* ---- units and times ------------------------------------------------------------------------- */

static int add_number(struct ramses *r, const char *name, double x)
{
  return cubix_raw_add_numbers(r->raw, "Header", name, &x, 1);
}

/* Which clock times of birth are read from. */
static int find_clock(struct ramses *r, double h0, double omega_m, double omega_l, double unit_t)
{
  int status = CUBIX_OK, proper;
  const int has_birth_mass = field_of(r, "initial_mass") >= 0 || field_of(r, "mass0") >= 0;
  CUBIX_TRY(cubix_ramses_namelist(&proper, cubix_raw_source(r->raw), r->folder, r->cosmological, has_birth_mass));
  if (!r->cosmological) r->birth_factor = unit_t / CUBIX_GYR_S;
  if (!proper) goto done;
  r->birth_factor = CUBIX_HUBBLE_GYR / h0;
  r->birth_shift = cubix_cosmology_age(omega_m, omega_l, h0 / 100, 1);
done:
  return status;
}

static int add_header(struct ramses *r)
{
  int status = CUBIX_OK;
  double ncpu, box, time, a, h0, omega_m, omega_l, unit_l, unit_d, unit_t;
  CUBIX_TRY(cubix_keyfile_need(&ncpu, &r->info, "ncpu", 0));
  CUBIX_TRY(cubix_keyfile_need(&box, &r->info, "boxlen", 0));
  CUBIX_TRY(cubix_keyfile_need(&time, &r->info, "time", -INFINITY));
  CUBIX_TRY(cubix_keyfile_need(&a, &r->info, "aexp", 0));
  CUBIX_TRY(cubix_keyfile_need(&h0, &r->info, "H0", 0));
  CUBIX_TRY(cubix_keyfile_need(&omega_m, &r->info, "omega_m", -INFINITY));
  CUBIX_TRY(cubix_keyfile_need(&omega_l, &r->info, "omega_l", -INFINITY));
  CUBIX_TRY(cubix_keyfile_need(&unit_l, &r->info, "unit_l", 0));
  CUBIX_TRY(cubix_keyfile_need(&unit_d, &r->info, "unit_d", 0));
  CUBIX_TRY(cubix_keyfile_need(&unit_t, &r->info, "unit_t", 0));
  r->cosmological = !(a == 1 && h0 == 1);           /* what is written of an isolated run */
  CUBIX_TRY(find_clock(r, h0, omega_m, omega_l, unit_t));
  CUBIX_TRY(cubix_raw_add_text(r->raw, "Header", "Code", "RAMSES"));
  CUBIX_TRY(add_number(r, "ncpu", ncpu));
  CUBIX_TRY(add_number(r, "Cosmological", r->cosmological));
  CUBIX_TRY(add_number(r, "UnitLength_in_cm", unit_l));
  CUBIX_TRY(add_number(r, "UnitMass_in_g", unit_d * unit_l * unit_l * unit_l));
  CUBIX_TRY(add_number(r, "UnitVelocity_in_cm_per_s", unit_l / unit_t));
  if (!r->cosmological) CUBIX_TRY(add_number(r, "Time", time * r->birth_factor));
  if (!r->cosmological) goto done;
  CUBIX_TRY(add_number(r, "aexp", a));
  CUBIX_TRY(add_number(r, "omega_m", omega_m));
  CUBIX_TRY(add_number(r, "omega_l", omega_l));
  CUBIX_TRY(add_number(r, "HubbleParam", h0 / 100));
  CUBIX_TRY(add_number(r, "boxlen", box));
done:
  return status;
}

/* ---- families -------------------------------------------------------------------------------- */

/* The number of a particle's group; 0: it is in none. */
static int group_of(int64_t family)
{
  return family == UNDEFINED ? N_FAMILY - 1 : family > 0 && family < N_FAMILY - 1 ? (int)family : 0;
}

/* [n] the group of every particle. */
static int find_groups(unsigned char **group, const struct ramses *r)
{
  int status = CUBIX_OK;
  const int family = field_of(r, "family"), birth = field_of(r, "birth_time"), by = family >= 0 ? family : birth;
  struct cubix_raw_column c;
  unsigned char *raw = NULL;
  CUBIX_ALLOC(*group, r->n);
  for (int64_t i = 0; i < r->n; i++) (*group)[i] = DARK;
  if (by < 0) goto done;
  CUBIX_TRY(column_of(&c, r, by));
  CUBIX_CHECK(c.n_c && (by == birth) == (r->field[by].type == 'r'), CUBIX_EINPUT,
              "%s: %s must be of %s", r->path, r->field[by].name, by == birth ? "real numbers" : "integers");
  CUBIX_ALLOC(raw, r->record[N_HEAD + by].n);
  CUBIX_CHECK(!cubix_raw_bytes(r->raw, c.at[0], raw, (size_t)r->record[N_HEAD + by].n, 1), CUBIX_EINPUT,
              "%s: the record of %s cannot be read", r->path, r->field[by].name);
  for (int64_t i = 0; i < r->n; i++) {
    const unsigned char *p = raw + i * c.stride;
    if (by == family) (*group)[i] = (unsigned char)group_of(cubix_raw_integer(p, c.type, c.swap));
    else if (cubix_raw_number(p, c.type, c.swap) != 0) (*group)[i] = STAR;
  }
done:
  free(raw);
  return status;
}

/* A column of the particles of one group.  @param row [n], NULL: all of them */
static int add_column(struct ramses *r, struct cubix_raw_column *c, int group, const char *name, const uint32_t *row,
                      int64_t n)
{
  snprintf(c->path, sizeof c->path, "Family%d/%s", group, name);
  c->n_row = n;
  c->row = n < r->n ? row : NULL;
  return cubix_raw_add_column(r->raw, c);
}

/* Position or velocity, if its components are there. */
static int add_vector(struct ramses *r, int group, const char *name, const uint32_t *row, int64_t n)
{
  int status = CUBIX_OK;
  struct cubix_raw_column all = { .n_c = 0 }, c;
  char component[64];
  for (int k = 0; k < 3; k++) {
    snprintf(component, sizeof component, "%s_%c", name, 'x' + k);
    const int i = field_of(r, component);
    if (i < 0) goto done;
    CUBIX_TRY(column_of(&c, r, i));
    if (!k) all = c;
    CUBIX_CHECK(c.n_c && c.type == all.type, CUBIX_EINPUT, "%s: the components of %s are of several types", r->path,
                name);
    all.at[k] = c.at[0];
  }
  all.n_c = 3;
  CUBIX_TRY(add_column(r, &all, group, name, row, n));
done:
  return status;
}

static int add_columns(struct ramses *r, int group, const uint32_t *row, int64_t n)
{
  int status = CUBIX_OK;
  struct cubix_raw_column c;
  CUBIX_TRY(add_vector(r, group, "position", row, n));
  CUBIX_TRY(add_vector(r, group, "velocity", row, n));
  for (int i = 0; i < r->n_field; i++) {
    const char *name = r->field[i].name;
    CUBIX_TRY(column_of(&c, r, i));
    if (!c.n_c) continue;
    if (!strcmp(name, "birth_time")) {
      name = r->birth_factor > 0 ? "birth_time_gyr" : "birth_time_conformal";
      if (r->birth_factor > 0) {
        c.factor = r->birth_factor;
        c.shift = r->birth_shift;
      }
    }
    CUBIX_TRY(add_column(r, &c, group, name, row, n));
  }
done:
  return status;
}

static int add_groups(struct ramses *r)
{
  int status = CUBIX_OK;
  unsigned char *of = NULL;
  CUBIX_TRY(find_groups(&of, r));
  for (int group = 1; group < N_FAMILY; group++) {
    int64_t n = 0;
    uint32_t *row = NULL;
    for (int64_t i = 0; i < r->n; i++) n += of[i] == group;
    if (n == 0) continue;
    if (n < r->n) {
      CUBIX_ALLOC(row, n);
      n = 0;
      for (int64_t i = 0; i < r->n; i++)
        if (of[i] == group) row[n++] = (uint32_t)i;
      CUBIX_TRY(cubix_raw_keep(r->raw, row, (size_t)n * sizeof *row));
    }
    CUBIX_TRY(add_columns(r, group, row, n));
  }
done:
  free(of);
  return status;
}

/* ---- the source ------------------------------------------------------------------------------ */

/* "output_00002/" and "00002" of output_00002/part_00002.out00001. */
static int split_path(struct ramses *r, const char *path)
{
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  if (strlen(name) != 19 || strncmp(name, "part_", 5) || strncmp(name + 10, ".out", 4)) return 0;
  for (int i = 0; i < 5; i++)
    if (!isdigit((unsigned char)name[5 + i]) || !isdigit((unsigned char)name[14 + i])) return 0;
  r->path = path;
  snprintf(r->folder, sizeof r->folder, "%.*s", (int)(name - path), path);
  snprintf(r->number, sizeof r->number, "%.5s", name + 5);
  return 1;
}

int cubix_source_ramses_open(struct cubix_source **source, const char *path, const struct cubix_source_options *options)
{
  (void)options;
  int status = CUBIX_OK;
  char info[4200];
  struct ramses *r = NULL;
  CUBIX_ALLOC(r, 1);
  if (!split_path(r, path)) goto done;
  CUBIX_TRY(cubix_raw_open(&r->raw, "ramses", path));
  CUBIX_TRY(find_records(r));
  snprintf(info, sizeof info, "%.4000sinfo_%s.txt", r->folder, r->number);
  status = cubix_keyfile_read(&r->info, info, '\0');
  if (status) cubix_error_about("%s states no units, which are in another file of its output", path);
  CUBIX_TRY(status);
  CUBIX_TRY(read_head(r));
  CUBIX_TRY(find_fields(r));
  CUBIX_TRY(add_header(r));
  if (r->n > 0) CUBIX_TRY(add_groups(r));
  *source = cubix_raw_source(r->raw);
  r->raw = NULL;
done:
  if (r) {
    cubix_keyfile_free(&r->info);
    cubix_raw_close(r->raw);
  }
  free(r);
  return status;
}
