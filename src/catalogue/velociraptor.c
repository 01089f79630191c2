/* velociraptor.c -- VELOCIraptor: BASE.catalog_groups says where in BASE.catalog_particles and
 * BASE.catalog_particles.unbound the identifiers of a group's particles begin, BASE.catalog_parttypes of which
 * types they are, and BASE.properties where it is; each in files .0, .1 ..., or in one without a number.
 *
 * Offsets count within the file of the same number.  What is bound ends where the next group of the file
 * begins.  A halo lists only particles that are in none of its substructures, which are rows of their
 * own.  Lengths are physical, or comoving and divided by h, as UnitInfo says; in some files its numbers are texts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/ids.h"

enum { BOUND, UNBOUND };

static const struct cubix_pick one = { 1, -1, -1 };

/* Files of one sort, and one of their columns. */
struct sort {
  struct cubix_listing listing;   /* n_file 0: there are none */
  struct cubix_table table;
};

struct velociraptor {
  struct cubix_seek *seek;
  char base[4096];                /* path without ".properties.0" */
  int numbered;                   /* 1: with ".0" */
  struct sort groups, particles[2], types[2], properties;
};

static int is_velociraptor(int *is, struct cubix_listing *listing)
{
  static const char *const names[] = { "Parent_halo_ID", "hostHaloID", "Particle_IDs", "Particle_types" };
  int status = CUBIX_OK;
  *is = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names && !*is; i++)
    CUBIX_TRY(cubix_listing_has(is, listing, names[i]));
done:
  return status;
}

/* "BASE.catalog_groups.0" -> "BASE".  @return 0 where it is no such name */
static int split(struct velociraptor *v, const char *path)
{
  static const char *const sorts[] = { ".catalog_particles.unbound", ".catalog_particles", ".catalog_parttypes.unbound",
                                       ".catalog_parttypes", ".catalog_groups", ".properties" };
  const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
  for (size_t i = 0; i < sizeof sorts / sizeof *sorts; i++) {
    const char *at = strstr(name, sorts[i]);
    if (!at) continue;
    snprintf(v->base, sizeof v->base, "%.*s", (int)(at - path), path);
    v->numbered = at[strlen(sorts[i])] == '.';
    return 1;
  }
  return 0;
}

/* All files of a sort, as many as there are of groups.  @param column  NULL: they may be missing */
static int open_sort(struct sort *s, struct velociraptor *v, const char *sort, const char *column, int needed)
{
  int status = CUBIX_OK;
  char path[4200];
  snprintf(path, sizeof path, "%.4000s.%s%s", v->base, sort, v->numbered ? ".0" : "");
  if (!needed && !cubix_infile_is(path)) goto done;
  CUBIX_CHECK(cubix_infile_is(path), CUBIX_EINPUT,
              "%s is a file of VELOCIraptor, and %s is missing, which says which particles belong to a group",
              v->seek->listing->file[0], path);
  CUBIX_TRY(cubix_listing_open(&s->listing, path));
  CUBIX_CHECK(s == &v->groups || s->listing.n_file == v->groups.listing.n_file, CUBIX_EINPUT,
              "%s is one of %d files, and there are %d of the groups", path, s->listing.n_file,
              v->groups.listing.n_file);
  CUBIX_TRY(cubix_listing_table(&s->table, &s->listing, column));
done:
  return status;
}

static void close_sort(struct sort *s)
{
  cubix_listing_free(&s->listing);
  cubix_table_free(&s->table);
}

static int check_types(const struct velociraptor *v, int which)
{
  int status = CUBIX_OK;
  const struct sort *types = &v->types[which], *particles = &v->particles[which];
  for (int k = 0; types->listing.n_file && k <= types->listing.n_file; k++)
    CUBIX_CHECK(types->table.before[k] == particles->table.before[k], CUBIX_EINPUT,
                "%s has %lld types, and %s has %lld identifiers", types->listing.file[k ? k - 1 : 0],
                (long long)types->table.before[k], particles->listing.file[k ? k - 1 : 0],
                (long long)particles->table.before[k]);
done:
  return status;
}

static int open_all(struct velociraptor *v)
{
  int status = CUBIX_OK;
  CUBIX_CHECK(split(v, v->seek->listing->file[0]), CUBIX_EINPUT,
              "%s holds what VELOCIraptor writes, under a name that none of its files has: BASE.properties, "
              "BASE.catalog_groups ...", v->seek->listing->file[0]);
  CUBIX_TRY(open_sort(&v->groups, v, "catalog_groups", "Offset", 1));
  CUBIX_TRY(open_sort(&v->particles[BOUND], v, "catalog_particles", "Particle_IDs", 1));
  CUBIX_TRY(open_sort(&v->types[BOUND], v, "catalog_parttypes", "Particle_types", 0));
  CUBIX_TRY(check_types(v, BOUND));
  CUBIX_TRY(open_sort(&v->properties, v, "properties", "hostHaloID", 0));
  if (v->seek->subhalo) goto done;
  CUBIX_TRY(open_sort(&v->particles[UNBOUND], v, "catalog_particles.unbound", "Particle_IDs", 1));
  if (v->types[BOUND].listing.n_file)
    CUBIX_TRY(open_sort(&v->types[UNBOUND], v, "catalog_parttypes.unbound", "Particle_types", 1));
  CUBIX_TRY(check_types(v, UNBOUND));
done:
  return status;
}

/* ---- what it says of a group ----------------------------------------------------------------- */

/* An attribute of a group or of the file itself, a number or a text. */
static int read_number(double *x, int *found, struct cubix_listing *listing, const char *object, const char *name)
{
  int status = CUBIX_OK, there;
  struct cubix_names names = { .n = 1 };
  char text[64] = "", *end = NULL;
  *found = 0;
  snprintf(names.name[0], sizeof names.name[0], "%s", name);
  CUBIX_TRY(cubix_listing_go(listing, 0));
  CUBIX_TRY(cubix_source_has(&there, listing->source, object));
  if (!there) goto done;
  if (cubix_source_text(listing->source, object, &names, text, sizeof text, found)) {
    cubix_error_clear();
    CUBIX_TRY(cubix_source_number(listing->source, object, &names, x, found));
  } else if (*found) {
    *x = strtod(text, &end);
    CUBIX_CHECK(end > text, CUBIX_EINPUT, "%s: the attribute %s of /%s is '%s', and must be a number",
                listing->file[0], name, object, text);
  }
done:
  return status;
}

/* What turns its lengths and velocities into kpc and km/s.  @param[out] found  0: it does not say */
static int find_units(double *length, double *velocity, int *found, struct velociraptor *v)
{
  int status = CUBIX_OK, here;
  double comoving = 0;
  const struct cubix_simfile *sim = v->seek->sim;
  CUBIX_TRY(read_number(length, found, &v->properties.listing, "UnitInfo", "Length_unit_to_kpc"));
  CUBIX_TRY(read_number(&comoving, &here, &v->properties.listing, "UnitInfo", "Comoving_or_Physical"));
  *found &= here;
  CUBIX_TRY(read_number(velocity, &here, &v->properties.listing, "UnitInfo", "Velocity_unit_to_kms"));
  *found &= here;
  if (*found && comoving != 0) *length *= sim->a / sim->snapshot.h;
done:
  return status;
}

static int check_epoch(struct velociraptor *v)
{
  int status = CUBIX_OK, found;
  double a = 0;
  if (!v->properties.listing.n_file) goto done;
  CUBIX_TRY(read_number(&a, &found, &v->properties.listing, "SimulationInfo", "ScaleFactor"));
  if (found && a > 0) CUBIX_TRY(cubix_seek_check_epoch(v->seek, 1 / a - 1));
done:
  return status;
}

/* Three columns of a property, as those of the most bound particle or else of the centre of mass. */
static int read_three(double x[3], int *there, struct velociraptor *v, const char *prefix, int64_t at, double factor)
{
  static const char *const of[] = { "cmbp", "cminpot", "c" };
  int status = CUBIX_OK;
  char column[32];
  *there = 0;
  for (int i = 0; i < 3 && !*there; i++)
    for (int c = 0; c < 3; c++) {
      snprintf(column, sizeof column, "%s%c%s", prefix, 'X' + c, of[i]);
      CUBIX_TRY(cubix_listing_has(there, &v->properties.listing, column));
      if (!*there) break;
      CUBIX_TRY(cubix_listing_read(&x[c], &v->properties.listing, &v->properties.table, column, one, at, at + 1));
      x[c] *= factor;
    }
done:
  return status;
}

static int locate(struct velociraptor *v, size_t which)
{
  int status = CUBIX_OK, there;
  struct cubix_halo *halo = &v->seek->halo[which];
  const int64_t at = v->seek->key[which].index;
  double length = 0, velocity = 0;
  if (!v->properties.listing.n_file) goto done;
  CUBIX_CHECK(v->properties.table.n == v->groups.table.n, CUBIX_EINPUT,
              "%s and its kin have %lld rows, and %s and its kin have %lld",
              v->properties.listing.file[0], (long long)v->properties.table.n, v->groups.listing.file[0],
              (long long)v->groups.table.n);
  CUBIX_TRY(find_units(&length, &velocity, &there, v));
  if (!there) {
    cubix_log(CUBIX_LOG_WARNING, "%s: /UnitInfo does not state Length_unit_to_kpc, Velocity_unit_to_kms and "
              "Comoving_or_Physical: the centre that it gives is not used", v->properties.listing.file[0]);
    goto done;
  }
  CUBIX_TRY(read_three(halo->centre, &halo->has_centre, v, "", at, length));
  CUBIX_TRY(read_three(halo->velocity, &halo->has_velocity, v, "V", at, velocity));
  CUBIX_TRY(cubix_listing_has(&there, &v->properties.listing, "R_size"));
  if (there)
    CUBIX_TRY(cubix_listing_read(&halo->radius, &v->properties.listing, &v->properties.table, "R_size", one, at,
                                 at + 1));
  halo->radius *= length;
done:
  return status;
}

/* ---- its particles --------------------------------------------------------------------------- */

/* From where to where the identifiers of a row lie, over all files. */
static int find_place(int64_t *from, int64_t *to, struct velociraptor *v, int which, int64_t row)
{
  int status = CUBIX_OK, k = 0;
  struct cubix_listing *groups = &v->groups.listing;
  const struct cubix_table *table = &v->groups.table, *all = &v->particles[which].table;
  const char *column = which == BOUND ? "Offset" : "Offset_unbound";
  while (table->before[k + 1] <= row) k++;
  const int64_t n = all->before[k + 1] - all->before[k];
  *to = n;
  CUBIX_TRY(cubix_listing_integers(from, groups, table, column, row, row + 1));
  if (row + 1 < table->before[k + 1]) CUBIX_TRY(cubix_listing_integers(to, groups, table, column, row + 1, row + 2));
  CUBIX_CHECK(*from >= 0 && *from <= *to && *to <= n, CUBIX_EINPUT,
              "%s: by its %s the particles of row %lld are those from %lld to %lld, but %s has %lld: they do not "
              "belong together",
              groups->file[k], column, (long long)row, (long long)*from, (long long)*to - 1,
              v->particles[which].listing.file[k], (long long)n);
  *from += all->before[k];
  *to += all->before[k];
done:
  return status;
}

static int list(struct cubix_ids *ids, int64_t *n, struct velociraptor *v, int which, size_t group)
{
  int status = CUBIX_OK;
  int64_t from, to, *id = NULL, *type = NULL;
  struct sort *particles = &v->particles[which], *types = &v->types[which];
  CUBIX_TRY(find_place(&from, &to, v, which, v->seek->key[group].index));
  *n = to - from;
  CUBIX_ALLOC(id, *n);
  CUBIX_TRY(cubix_listing_integers(id, &particles->listing, &particles->table, "Particle_IDs", from, to));
  if (types->listing.n_file) {
    CUBIX_ALLOC(type, *n);
    CUBIX_TRY(cubix_listing_integers(type, &types->listing, &types->table, "Particle_types", from, to));
  }
  CUBIX_TRY(cubix_ids_add(ids, group, id, type, (size_t)*n));
done:
  free(id);
  free(type);
  return status;
}

/* A row of the groups, or 0 where there is no such column. */
static int ask(int64_t *x, struct velociraptor *v, const char *column, int64_t row)
{
  int status = CUBIX_OK, there;
  *x = 0;
  CUBIX_TRY(cubix_listing_has(&there, &v->groups.listing, column));
  if (there) CUBIX_TRY(cubix_listing_integers(x, &v->groups.listing, &v->groups.table, column, row, row + 1));
done:
  return status;
}

static int say(struct velociraptor *v, size_t group, const int64_t n[2])
{
  int status = CUBIX_OK;
  int64_t inside, parent;
  char word[64], unbound[64] = "", parts[160] = "";
  const int64_t row = v->seek->key[group].index;
  CUBIX_TRY(ask(&inside, v, "Number_of_substructures_in_halo", row));
  CUBIX_TRY(ask(&parent, v, "Parent_halo_ID", row));
  if (!v->seek->subhalo) snprintf(unbound, sizeof unbound, " and %lld unbound", (long long)n[UNBOUND]);
  if (parent < 0 && inside > 0)
    snprintf(parts, sizeof parts, "; its %lld substructures are rows of their own, to be listed in GroupIndex where "
             "they are wanted, too", (long long)inside);
  cubix_log(CUBIX_LOG_INFO, "%s (ID %lld of VELOCIraptor, %s) lists %lld bound%s particles of all types%s",
            cubix_group_word(word, sizeof word, v->seek->par, &v->seek->key[group]), (long long)row + 1,
            parent < 0 ? "a halo" : "a substructure", (long long)n[BOUND], unbound, parts);
done:
  return status;
}

static int choose(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  struct velociraptor *v = NULL;
  struct cubix_ids ids = { 0 };
  CUBIX_ALLOC(v, 1);
  v->seek = seek;
  CUBIX_TRY(open_all(v));
  CUBIX_TRY(check_epoch(v));
  CUBIX_TRY(cubix_seek_check(seek, v->groups.table.n, "groups"));
  for (size_t i = 0; i < seek->n; i++) {
    int64_t n[2] = { 0, 0 };
    CUBIX_TRY(locate(v, i));
    for (int which = BOUND; which <= (seek->subhalo ? BOUND : UNBOUND); which++)
      CUBIX_TRY(list(&ids, &n[which], v, which, i));
    CUBIX_TRY(say(v, i, n));
  }
  if (!v->types[BOUND].listing.n_file)
    cubix_log(CUBIX_LOG_WARNING, "%s.catalog_parttypes is not there: particles of any type with the identifiers that "
              "are listed are taken", v->base);
  CUBIX_TRY(cubix_ids_choose(seek, &ids));
done:
  cubix_ids_free(&ids);
  if (v) {
    for (int which = 0; which < 2; which++) {
      close_sort(&v->particles[which]);
      close_sort(&v->types[which]);
    }
    close_sort(&v->groups);
    close_sort(&v->properties);
  }
  free(v);
  return status;
}

const struct cubix_catalogue_kind cubix_catalogue_velociraptor = {
  "VELOCIraptor", "Parent_halo_ID, hostHaloID, Particle_IDs (BASE.properties.K, BASE.catalog_groups.K ...)",
  is_velociraptor, choose
};
