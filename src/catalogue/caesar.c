/* caesar.c -- caesar, the catalogues of Simba: lists of rows of the snapshot, in the order of its files.
 *
 * Galaxy i has the stars galaxy_data/lists/slist[slist_start[i] .. slist_end[i] - 1], counted over all of PartType4
 * from 0, and the gas of glist likewise; halo_data is made in the same way.  Every number has its unit as a text,
 * in which "cm" behind a length means comoving; there is no h but where the unit says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "catalogue/catalogue_parts.h"

static const struct cubix_pick one = { 1, -1, -1 }, three = { 3, -1, -1 };

struct caesar {
  struct cubix_seek *seek;
  const char *group;              /* galaxy_data, halo_data */
  char list;                      /* 's', 'g': of slist, glist */
  int t;                          /* number of the type whose rows they are */
  struct cubix_table table, rows; /* of the objects, of all their lists */
};

static int is_caesar(int *is, struct cubix_listing *listing)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_listing_has(is, listing, "galaxy_data/slist_start"));
  if (!*is) CUBIX_TRY(cubix_listing_has(is, listing, "halo_data/slist_start"));
done:
  return status;
}

static const char *path_of(char path[96], const struct caesar *c, const char *before, const char *after)
{
  snprintf(path, 96, "%s/%s%clist%s", c->group, before, c->list, after);
  return path;
}

/* Which type the lists are of, and whether it has as many particles as caesar saw. */
static int find_type(struct caesar *c)
{
  int status = CUBIX_OK, there;
  const struct cubix_simfile *sim = c->seek->sim;
  const int type = c->list == 's' ? 4 : 0;
  char path[96];
  struct cubix_table all = { 0 };
  int64_t n = 0;
  for (c->t = 0; c->t < sim->n_type && sim->type[c->t] != type;) c->t++;
  CUBIX_CHECK(c->t < sim->n_type, CUBIX_EUSAGE,
              "GroupCatalogue = %s lists particles of type %d, which StarType (%s) does not name",
              c->seek->listing->file[0], type, cubix_params_origin(c->seek->par, "StarType"));
  snprintf(path, sizeof path, "global_lists/%s_%clist", c->seek->subhalo ? "galaxy" : "halo", c->list);
  CUBIX_TRY(cubix_listing_has(&there, c->seek->listing, path));
  if (!there) goto done;
  CUBIX_TRY(cubix_listing_table(&all, c->seek->listing, path));
  for (int i = 0; i < sim->n_part; i++)
    if (sim->part[i].type == c->t) n += sim->part[i].n_row;
  CUBIX_CHECK(all.n == n, CUBIX_EINPUT,
              "%s: /%s is of %lld particles, but the snapshot %s has %lld in /%s: they do not belong together",
              c->seek->listing->file[0], path, (long long)all.n, sim->snapshot.file[0], (long long)n, sim->group[c->t]);
done:
  cubix_table_free(&all);
  return status;
}

/* The size of a unit that a column states: of lengths in kpc, of velocities in km/s. */
static int find_unit(double *size, const struct caesar *c, const char *column)
{
  static const struct cubix_names unit = { 1, { "unit" } };
  const double a = c->seek->sim->a, h = c->seek->sim->snapshot.h;
  const struct { const char *name; double size; } known[] = {
    { "kpccm", a }, { "kpc", 1 }, { "kpccm/h", a / h }, { "kpc/h", 1 / h }, { "Mpccm", 1e3 * a }, { "Mpc", 1e3 },
    { "Mpccm/h", 1e3 * a / h }, { "km/s", 1 },
  };
  int status = CUBIX_OK, found;
  char text[64] = "";
  CUBIX_TRY(cubix_source_text(c->seek->listing->source, column, &unit, text, sizeof text, &found));
  *size = 0;
  for (size_t i = 0; found && i < sizeof known / sizeof *known; i++)
    if (!strcmp(text, known[i].name)) *size = known[i].size;
  CUBIX_CHECK(*size > 0, CUBIX_EINPUT, "%s: /%s has the unit '%s'; known are kpccm, kpc, kpccm/h, kpc/h, Mpccm, Mpc, "
              "Mpccm/h and km/s", c->seek->listing->file[0], column, text);
done:
  return status;
}

/* The first of two columns that is there, in kpc or km/s. */
static int read_either(double *x, int *there, const struct caesar *c, const char *const names[2],
                       struct cubix_pick pick, int64_t at)
{
  int status = CUBIX_OK;
  char column[96];
  double size;
  *there = 0;
  for (int i = 0; i < 2 && !*there; i++) {
    snprintf(column, sizeof column, "%s/%s", c->group, names[i]);
    CUBIX_TRY(cubix_listing_has(there, c->seek->listing, column));
  }
  if (!*there) goto done;
  CUBIX_TRY(cubix_listing_read(x, c->seek->listing, &c->table, column, pick, at, at + 1));
  CUBIX_TRY(find_unit(&size, c, column));
  for (int k = 0; k < pick.n_c; k++) x[k] *= size;
done:
  return status;
}

static int locate(const struct caesar *c, size_t which)
{
  static const char *const centre[] = { "minpotpos", "pos" }, *const velocity[] = { "vel", "minpotvel" },
                    *const of_galaxy[] = { "dicts/radii.stellar_half_mass", "dicts/radii.total_half_mass" },
                    *const of_halo[] = { "dicts/virial_quantities.r200c", "dicts/radii.total_half_mass" };
  int status = CUBIX_OK, there;
  struct cubix_halo *halo = &c->seek->halo[which];
  const int64_t at = c->seek->key[which].index;
  CUBIX_TRY(read_either(halo->centre, &halo->has_centre, c, centre, three, at));
  CUBIX_TRY(read_either(halo->velocity, &halo->has_velocity, c, velocity, three, at));
  CUBIX_TRY(read_either(&halo->radius, &there, c, c->seek->subhalo ? of_galaxy : of_halo, one, at));
done:
  return status;
}

static int rising(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static int choose_one(const struct caesar *c, size_t which)
{
  int status = CUBIX_OK;
  struct cubix_listing *listing = c->seek->listing;
  const int64_t at = c->seek->key[which].index;
  int64_t from, to, *row = NULL;
  char path[96], word[64];
  CUBIX_TRY(cubix_listing_integers(&from, listing, &c->table, path_of(path, c, "", "_start"), at, at + 1));
  CUBIX_TRY(cubix_listing_integers(&to, listing, &c->table, path_of(path, c, "", "_end"), at, at + 1));
  CUBIX_CHECK(from >= 0 && from <= to && to <= c->rows.n, CUBIX_EINPUT,
              "%s: %s has the numbers %lld to %lld of /%s, which has %lld", listing->file[0],
              cubix_group_word(word, sizeof word, c->seek->par, &c->seek->key[which]), (long long)from,
              (long long)to - 1, path_of(path, c, "lists/", ""), (long long)c->rows.n);
  CUBIX_ALLOC(row, to - from);
  CUBIX_TRY(cubix_listing_integers(row, listing, &c->rows, path_of(path, c, "lists/", ""), from, to));
  qsort(row, (size_t)(to - from), sizeof *row, rising);
  for (int64_t i = 0, end; i < to - from; i = end) {
    for (end = i + 1; end < to - from && row[end] == row[end - 1] + 1;) end++;
    CUBIX_TRY(cubix_seek_choose(c->seek, which, c->t, row[i], end - i));
  }
done:
  free(row);
  return status;
}

static int choose(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  struct caesar c = { .seek = seek, .group = seek->subhalo ? "galaxy_data" : "halo_data",
                      .list = seek->sim->population == CUBIX_STARS ? 's' : 'g' };
  char path[96];
  CUBIX_TRY(cubix_listing_table(&c.table, seek->listing, path_of(path, &c, "", "_start")));
  CUBIX_TRY(cubix_listing_table(&c.rows, seek->listing, path_of(path, &c, "lists/", "")));
  CUBIX_TRY(cubix_seek_check(seek, c.table.n, seek->subhalo ? "galaxies" : "halos"));
  CUBIX_TRY(find_type(&c));
  for (size_t i = 0; i < seek->n; i++) {
    CUBIX_TRY(locate(&c, i));
    CUBIX_TRY(choose_one(&c, i));
  }
done:
  cubix_table_free(&c.table);
  cubix_table_free(&c.rows);
  return status;
}

const struct cubix_catalogue_kind cubix_catalogue_caesar = { "caesar", "galaxy_data/slist_start (Simba)", is_caesar,
                                                             choose };
