/* ahf.c -- AHF, the AMIGA halo finder: two tables in text.  STEM.AHF_halos has a line for each halo, under a line that
 * names the columns; STEM.AHF_particles the identifiers of its particles: how many halos there are, and for each
 * "N ID" and N lines "identifier type".
 *
 * Lengths are comoving and divided by h, in kpc, in a box that begins at 0; velocities are peculiar.  A halo's row is
 * not its ID.  Particles of subhaloes are listed for their hosts, too: GroupType group takes all that a halo lists,
 * subhalo what none of the halos within it lists.  Where tasks of AHF wrote a file each (ahf_files.h) rows are counted
 * through, the first file names the columns, and each AHF_particles has its own count; they may lie one behind the
 * other in one file, too.  Without STEM.AHF_particles there is the place of a halo, and SelectRadius chooses stars.  Of
 * Tipsy snapshots identifiers are numbers of particles (ahf_tipsy.h).
 *
 * Only the file's name states the redshift, to three digits: STEM is SNAPSHOT.z0.123. */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/ahf_files.h"
#include "catalogue/ahf_tipsy.h"
#include "catalogue/catalogue_parts.h"
#include "catalogue/ids.h"
#include "catalogue/keyset.h"

enum { ID, HOST, NPART, XC, YC, ZC, VX, VY, VZ, RVIR, N_COLUMN };
static const char *const columns[N_COLUMN] = { "ID",  "hostHalo", "npart", "Xc",  "Yc",
                                               "Zc",  "VXc",      "VYc",   "VZc", "Rvir" };

struct row { int64_t id, host, n; };              /* host: -1, 0: none */

struct ahf {
  struct cubix_seek *seek;
  struct cubix_ahf_files files;
  int column[N_COLUMN], n_column;                 /* where each stands in a line, from 0, and how many there are */
  size_t n, room;
  struct row *row;                                /* [n] */
  struct cubix_keyset of_id;                      /* row of an ID */
  char *line;                                     /* the one that was read last */
  size_t line_room;
  int64_t n_line;
  FILE *stream;
};

int cubix_catalogue_is_ahf(const struct cubix_seek *seek)
{
  char stem[4096];
  return cubix_ahf_files_stem(stem, seek->par->GroupCatalogue);
}

/* ---- lines ------------------------------------------------------------------------------------ */

static int open_text(struct ahf *a, const char *path)
{
  int status = CUBIX_OK;
  if (a->stream) fclose(a->stream);
  a->stream = NULL;
  a->n_line = 0;
  CUBIX_TRY(cubix_infile_check(path, CUBIX_EINPUT));
  CUBIX_CHECK((a->stream = fopen(path, "r")), CUBIX_EINPUT, "cannot open %s: %s", path, strerror(errno));
done:
  return status;
}

/* @return 0 at the end of the file */
static int next_line(struct ahf *a)
{
  const ssize_t n = getline(&a->line, &a->line_room, a->stream);
  if (n < 0) return 0;
  a->n_line++;
  cubix_infile_add_bytes(n);
  return 1;
}

/* Up to `most` integers of a line.  @return how many there are; -1: it holds something else */
static int integers_of(const char *line, int64_t *x, int most)
{
  int n = 0;
  for (; n < most; n++) {
    char *end;
    while (isspace((unsigned char)*line)) line++;
    if (!*line) break;
    x[n] = *line == '-' ? strtoll(line, &end, 10) : (int64_t)strtoull(line, &end, 10);
    if (end == line || (*end && !isspace((unsigned char)*end))) return -1;
    line = end;
  }
  return n;
}

/* ---- STEM.AHF_halos ----------------------------------------------------------------------------- */

/* "#ID(1) hostHalo(2) ..." */
static int read_names(struct ahf *a)
{
  int status = CUBIX_OK;
  char *rest = NULL;
  CUBIX_CHECK(next_line(a) && a->line[0] == '#', CUBIX_EINPUT,
              "%s: the first line must name the columns, as '#ID(1) hostHalo(2) ...' does: it is no table of AHF's",
              a->files.halos);
  for (int c = 0; c < N_COLUMN; c++) a->column[c] = -1;
  a->n_column = 0;
  for (char *word = strtok_r(a->line + 1, " \t\r\n", &rest); word; word = strtok_r(NULL, " \t\r\n", &rest)) {
    word[strcspn(word, "(")] = '\0';
    for (int c = 0; c < N_COLUMN; c++) if (!strcmp(word, columns[c])) a->column[c] = a->n_column;
    a->n_column++;
  }
  for (int c = 0; c < N_COLUMN; c++)
    CUBIX_CHECK(a->column[c] >= 0, CUBIX_EINPUT,
                "%s has no column %s: it is of an old version of AHF, of whose lengths the unit is not known; give "
                "Centre and SelectRadius instead",
                a->files.halos, columns[c]);
done:
  return status;
}

/* Numbers of a line in the order of `columns`; IDs may need all 64 bits.  @return 0: the line has more or fewer than
 * the first one names, or no numbers */
static int read_columns(const struct ahf *a, struct row *row, double x[N_COLUMN])
{
  const char *at = a->line;
  for (int k = 0;; k++) {
    while (isspace((unsigned char)*at)) at++;
    if (!*at) return k == a->n_column;
    for (int c = 0; c < N_COLUMN; c++) {
      char *end;
      if (a->column[c] != k) continue;
      x[c] = strtod(at, &end);
      if (end == at || (*end && !isspace((unsigned char)*end))) return 0;
      if (c == ID) row->id = integers_of(at, &row->id, 1) == 1 ? row->id : -1;
      if (c == HOST) row->host = integers_of(at, &row->host, 1) == 1 ? row->host : -1;
    }
    while (*at && !isspace((unsigned char)*at)) at++;
  }
}

/* Centre and velocity of a halo that is wanted. */
static void locate(const struct ahf *a, struct cubix_halo *halo, const double x[N_COLUMN])
{
  const struct cubix_simfile *sim = a->seek->sim;
  const int tipsy = !strcmp(sim->format->recognise.file, "tipsy");
  const double kpc = sim->snapshot.h > 0 ? sim->a / sim->snapshot.h : 1;
  halo->has_centre = !tipsy || sim->snapshot.box > 0;
  halo->has_velocity = 1;
  for (int c = 0; c < 3; c++) {
    halo->centre[c] = x[XC + c] * kpc - (tipsy ? 0.5 * sim->snapshot.box : 0);     /* that box is centred on 0 */
    halo->velocity[c] = x[VX + c];
  }
  halo->radius = x[RVIR] * kpc;
}

/* The halos of a file.  @param first  1: it names the columns */
static int read_table(struct ahf *a, int first)
{
  int status = CUBIX_OK;
  const struct cubix_seek *seek = a->seek;
  CUBIX_TRY(open_text(a, a->files.halos));
  if (first) CUBIX_TRY(read_names(a));
  while (next_line(a)) {
    struct row row = { -1, -1, 0 };
    double x[N_COLUMN];
    if (a->line[0] == '#' || !a->line[strspn(a->line, " \t\r\n")]) continue;
    CUBIX_CHECK(read_columns(a, &row, x) && x[NPART] >= 0 && x[NPART] < 1e18, CUBIX_EINPUT,
                "%s: line %lld is no halo with the columns that the first line names", a->files.halos,
                (long long)a->n_line);
    row.n = (int64_t)x[NPART];
    if (a->n == a->room) {
      const size_t room = a->room ? 2 * a->room : 1024;
      struct row *more = realloc(a->row, room * sizeof *more);
      CUBIX_CHECK(more, CUBIX_ENOMEM, "cannot allocate memory for the %zu halos of %s", room, a->files.halos);
      a->row = more;
      a->room = room;
    }
    for (size_t i = 0; i < seek->n; i++)
      if (seek->key[i].index == (int64_t)a->n) locate(a, &seek->halo[i], x);
    a->row[a->n++] = row;
  }
done:
  return status;
}

static int read_halos(struct ahf *a)
{
  int status = CUBIX_OK;
  for (int t = 0; t < a->files.n_task; t++) {
    cubix_ahf_files_name(&a->files, t);
    CUBIX_TRY(read_table(a, t == 0));
  }
  cubix_ahf_files_name(&a->files, 0);
  CUBIX_TRY(cubix_keyset_init(&a->of_id, a->n));
  for (size_t i = 0; i < a->n; i++) {
    const int64_t before = cubix_keyset_find(&a->of_id, a->row[i].id);
    CUBIX_CHECK(before < 0, CUBIX_EINPUT,
                "%s: the halos in rows %lld and %zu have the same ID, %llu: give the files of one task of AHF alone, "
                "in a folder of its own",
                a->files.halos, (long long)before, i, (unsigned long long)a->row[i].id);
    cubix_keyset_add(&a->of_id, a->row[i].id, (int64_t)i);
  }
done:
  return status;
}

/* Whether halo `row` lies within another one, at whatever depth. */
static int is_within(const struct ahf *a, int64_t row, int64_t outer)
{
  for (size_t depth = 0; depth < a->n && a->row[row].host != -1; depth++) {
    row = cubix_keyset_find(&a->of_id, a->row[row].host);
    if (row == outer || row < 0) return row == outer;
  }
  return 0;
}

/* ---- STEM.AHF_particles ------------------------------------------------------------------------- */

struct list { size_t n, room; int64_t *id, *type; };

/* What is listed of a halo that is wanted, and of those within it. */
struct members { struct list own, inner; };

static int list_add(struct list *list, int64_t id, int64_t type)
{
  int status = CUBIX_OK;
  if (list->n == list->room) {
    const size_t room = list->room ? 2 * list->room : 4096;
    int64_t *more = realloc(list->id, room * sizeof *more);
    if (more) list->id = more;
    int64_t *types = more ? realloc(list->type, room * sizeof *types) : NULL;
    CUBIX_CHECK(types, CUBIX_ENOMEM, "cannot allocate memory for %zu identifiers of a catalogue", room);
    list->type = types;
    list->room = room;
  }
  list->id[list->n] = id;
  list->type[list->n++] = type;
done:
  return status;
}

static void members_free(struct members *members, size_t n)
{
  for (size_t i = 0; members && i < n; i++) {
    free(members[i].own.id);
    free(members[i].own.type);
    free(members[i].inner.id);
    free(members[i].inner.type);
  }
  free(members);
}

/* The list that follows the head of a halo's.  *typed 0: it does not say of which type they are */
static int read_list(struct ahf *a, struct members *members, int64_t row, int *typed)
{
  int status = CUBIX_OK, n_to = 0;
  struct list **to = NULL;
  const struct cubix_seek *seek = a->seek;
  CUBIX_ALLOC(to, seek->n);
  for (size_t i = 0; i < seek->n; i++) {
    if (seek->key[i].index == row) to[n_to++] = &members[i].own;
    else if (seek->subhalo && is_within(a, row, seek->key[i].index)) to[n_to++] = &members[i].inner;
  }
  for (int64_t k = 0; k < a->row[row].n; k++) {
    int64_t x[2] = { 0, -1 };
    CUBIX_CHECK(next_line(a), CUBIX_EINPUT, "%s ends in line %lld, within the list of the halo in row %lld: it is not "
                "all there", a->files.particles, (long long)a->n_line, (long long)row);
    if (!n_to) continue;
    CUBIX_CHECK(integers_of(a->line, x, 1) == 1, CUBIX_EINPUT, "%s: line %lld does not begin with an identifier",
                a->files.particles, (long long)a->n_line);
    if (integers_of(a->line, x, 2) != 2 || x[1] < 0 || x[1] >= CUBIX_N_TYPE) *typed = 0;
    for (int j = 0; j < n_to; j++) CUBIX_TRY(list_add(to[j], x[0], x[1]));
  }
done:
  free(to);
  return status;
}

/* The lists of a file.  @param row  whose comes next */
static int read_lists(struct ahf *a, struct members *members, int64_t *row, int *typed)
{
  int status = CUBIX_OK;
  int64_t left = 0, x[2];
  CUBIX_TRY(open_text(a, a->files.particles));
  while (next_line(a)) {
    if (!a->line[strspn(a->line, " \t\r\n")]) continue;
    const int n = integers_of(a->line, x, 2);
    CUBIX_CHECK(n > 0 && x[0] >= 0 && (left || n == 1), CUBIX_EINPUT,
                left ? "%s: line %lld must hold the number of a halo's particles, and its ID"
                     : "%s: line %lld must hold how many halos follow",
                a->files.particles, (long long)a->n_line);
    if (!left) {
      left = x[0];
      continue;
    }
    CUBIX_CHECK(*row < (int64_t)a->n && x[0] == a->row[*row].n && (n == 1 || x[1] == a->row[*row].id), CUBIX_EINPUT,
                "%s: the list in line %lld is not that of row %lld of %s, which has %zu rows: they do not belong "
                "together",
                a->files.particles, (long long)a->n_line, (long long)*row, a->files.halos, a->n);
    CUBIX_TRY(read_list(a, members, (*row)++, typed));
    left--;
  }
done:
  return status;
}

static int read_particles(struct ahf *a, struct members *members, int *typed)
{
  int status = CUBIX_OK;
  int64_t row = 0;
  for (int t = 0; t < a->files.n_task; t++) {
    cubix_ahf_files_name(&a->files, t);
    CUBIX_TRY(read_lists(a, members, &row, typed));
  }
  cubix_ahf_files_name(&a->files, 0);
  CUBIX_CHECK(row == (int64_t)a->n, CUBIX_EINPUT, "%s has the lists of %lld halos, and %s has %zu: they do not belong "
              "together", a->files.particles, (long long)row, a->files.halos, a->n);
done:
  return status;
}

/* Of what a halo lists what no halo within it does stays. */
static int keep_own(const struct ahf *a, size_t which, struct members *m)
{
  int status = CUBIX_OK;
  struct cubix_keyset inner = { 0 };
  struct list *own = &m->own;
  const size_t n = own->n;
  char word[64];
  CUBIX_TRY(cubix_keyset_init(&inner, m->inner.n));
  for (size_t i = 0; i < m->inner.n; i++) cubix_keyset_add(&inner, m->inner.id[i], 0);
  own->n = 0;
  for (size_t i = 0; i < n; i++)
    if (!m->inner.n || cubix_keyset_find(&inner, own->id[i]) < 0) {
      own->id[own->n] = own->id[i];
      own->type[own->n++] = own->type[i];
    }
  cubix_log(CUBIX_LOG_INFO,
            "%s is the halo with the ID %llu of %s: it lists %zu particles of all types, %zu of them in halos "
            "within it",
            cubix_group_word(word, sizeof word, a->seek->par, &a->seek->key[which]),
            (unsigned long long)a->row[a->seek->key[which].index].id, a->files.halos, n, n - own->n);
done:
  cubix_keyset_free(&inner);
  return status;
}

/* Types as AHF numbers them are those of the snapshot if it has stars as type 4 and gas as type 0. */
static int types_are_known(const struct cubix_simfile *sim)
{
  int known = 1;
  for (int t = 0; t < sim->n_type; t++) known &= sim->type[t] == 0 || sim->type[t] == 4;
  return known;
}

static int choose_listed(struct ahf *a)
{
  int status = CUBIX_OK, typed = types_are_known(a->seek->sim);
  struct members *members = NULL;
  struct cubix_ids ids = { 0 };
  const size_t n = a->seek->n;
  CUBIX_ALLOC(members, n);
  CUBIX_TRY(read_particles(a, members, &typed));
  for (size_t i = 0; i < n; i++) {
    CUBIX_TRY(keep_own(a, i, &members[i]));
    CUBIX_TRY(cubix_ids_add(&ids, i, members[i].own.id, typed ? members[i].own.type : NULL, members[i].own.n));
  }
  CUBIX_TRY(cubix_ids_choose(a->seek, &ids));
done:
  cubix_ids_free(&ids);
  members_free(members, n);
  return status;
}

/* By numbers of a Tipsy snapshot.  @param[out] known 0: nothing tells what they mean */
static int choose_numbered(int *known, struct ahf *a)
{
  int status = CUBIX_OK, typed = 1;
  const struct cubix_seek *seek = a->seek;
  struct members *members = NULL;
  struct cubix_ahf_numbers numbers;
  CUBIX_ALLOC(members, seek->n);
  CUBIX_TRY(cubix_ahf_numbers_init(&numbers, seek->sim));
  CUBIX_TRY(read_particles(a, members, &typed));
  for (size_t i = 0; i < seek->n && typed; i++)
    cubix_ahf_numbers_see(&numbers, members[i].own.id, members[i].own.type, members[i].own.n);
  CUBIX_CHECK(numbers.possible[0] || numbers.possible[1], CUBIX_EINPUT,
              "%s lists numbers of particles of other types than %s has there: they do not belong together",
              a->files.particles, seek->sim->snapshot.file[0]);
  *known = typed && cubix_ahf_numbers_known(&numbers);
  for (size_t i = 0; i < seek->n && *known; i++) {
    CUBIX_TRY(keep_own(a, i, &members[i]));
    CUBIX_TRY(cubix_ahf_numbers_choose(&seek->choice[i], &numbers, seek->sim, members[i].own.id, members[i].own.type,
                                       members[i].own.n));
  }
done:
  members_free(members, seek->n);
  return status;
}

/* ---- the whole -------------------------------------------------------------------------------- */

/* Nobody says which particles belong to a halo: those about its centre. */
static int choose_all(struct ahf *a, int numbered)
{
  int status = CUBIX_OK;
  const struct cubix_seek *seek = a->seek;
  CUBIX_CHECK(seek->par->SelectRadius > 0, CUBIX_EUSAGE,
              numbered
                  ? "%s: nothing tells in which order AHF counted the particles of this Tipsy snapshot (their types "
                    "would); set SelectRadius (%s), of %.4g kpc at most, for the stars about its centre, or give "
                    "SNAPSHOT.amiga.grp as GroupCatalogue"
                  : "%s: there is no file " CUBIX_AHF_PARTICLES " beside it that lists the particles of its halos; "
                    "set SelectRadius (%s), of %.4g kpc at most, for the stars about its centre",
              a->files.halos, cubix_params_origin(seek->par, "SelectRadius"), seek->halo[0].radius);
  cubix_log(CUBIX_LOG_INFO, "%s: the particles within SelectRadius of a halo's centre are taken for its own",
            a->files.halos);
  for (size_t i = 0; i < seek->n; i++)
    for (int p = 0; p < seek->sim->n_part; p++)
      CUBIX_TRY(cubix_choice_add(&seek->choice[i], p, 0, seek->sim->part[p].n_row));
done:
  return status;
}

/* "...z0.123.": what the name says of the redshift. */
static int check_epoch(const struct cubix_seek *seek, const char *stem)
{
  int status = CUBIX_OK;
  const char *at = NULL;
  for (const char *p = stem; (p = strstr(p, ".z")); p++) if (isdigit((unsigned char)p[2])) at = p + 2;
  if (at) CUBIX_TRY(cubix_seek_check_epoch(seek, strtod(at, NULL)));
done:
  return status;
}

int cubix_catalogue_ahf(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  struct ahf a = { .seek = seek };
  char packed[4300], tasks[64] = "", *file[1] = { a.files.halos };
  struct cubix_listing listing = { .n_file = 1, .file = file };
  const int tipsy = !strcmp(seek->sim->format->recognise.file, "tipsy");
  int listed, known;
  CUBIX_TRY(cubix_ahf_files_find(&a.files, seek->par->GroupCatalogue));
  seek->listing = &listing;
  snprintf(packed, sizeof packed, "%s.gz", a.files.halos);
  CUBIX_CHECK(cubix_infile_is(a.files.halos) || !cubix_infile_is(packed), CUBIX_EINPUT,
              "%s is packed: unpack it, and the file " CUBIX_AHF_PARTICLES ".gz beside it, with gunzip", packed);
  CUBIX_TRY(check_epoch(seek, a.files.stem));
  CUBIX_TRY(read_halos(&a));
  if (a.files.n_task > 1) snprintf(tasks, sizeof tasks, ", in files of %d tasks", a.files.n_task);
  cubix_log(CUBIX_LOG_INFO, "%s is a catalogue of AHF%s", a.files.halos, tasks);
  CUBIX_TRY(cubix_seek_check(seek, (int64_t)a.n, "halos"));
  listed = known = cubix_infile_is(a.files.particles);
  if (tipsy && listed) CUBIX_TRY(choose_numbered(&known, &a));
  else if (listed) CUBIX_TRY(choose_listed(&a));
  if (!known) CUBIX_TRY(choose_all(&a, tipsy && listed));
done:
  seek->listing = NULL;
  if (a.stream) fclose(a.stream);
  cubix_keyset_free(&a.of_id);
  free(a.row);
  free(a.line);
  return status;
}
