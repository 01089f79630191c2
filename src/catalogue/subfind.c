/* subfind.c -- Subfind in HDF5: IllustrisTNG, Illustris, CAMELS, AREPO, Gadget-4.
 *
 * The particles of each type stand in the snapshot group by group, over all of its files; in a group
 * subhalo by subhalo, then what is bound to none of them (fuzz); behind the last group what is in none.
 * Where a group's particles begin is said by
 *   Subhalo/SubhaloOffsetType, Group/GroupOffsetType            Gadget-4
 *   Offsets/Subhalo_SnapByType, Offsets/Group_SnapByType        Illustris, in the catalogue itself
 *   Subhalo/SnapByType, Group/SnapByType of offsets_NNN.hdf5    IllustrisTNG, in postprocessing/offsets
 * or follows from the lengths of all groups before it and of the subhaloes before it in its own group.
 * The lengths of subhaloes alone say nothing: there is fuzz between them, except in a cutout of theirs. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/infile.h"
#include "base/log.h"
#include "catalogue/catalogue_parts.h"

static const struct cubix_pick one = { 1, -1, -1 }, three = { 3, -1, -1 };

static struct cubix_pick column_of(int type) { return (struct cubix_pick){ 1, type, type }; }

/* Tables of groups and subhaloes, and the one that is asked for. */
struct subfind {
  struct cubix_seek *seek;
  struct cubix_table group, subhalo;
  const struct cubix_table *own;
  const char *length;             /* column with the lengths of `own` */
  struct cubix_listing offsets;   /* offsets_NNN.hdf5; n_file 0: there is none */
  struct cubix_table offset;
  const char *offset_column;      /* where offsets stand; NULL: they follow from the lengths */
  struct { int64_t group, sum; } added[CUBIX_N_TYPE]; /* lengths of each type of all groups before this one */
};

static int is_subfind(int *is, struct cubix_listing *listing)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_listing_has(is, listing, "Subhalo/SubhaloLenType"));
  if (!*is) CUBIX_TRY(cubix_listing_has(is, listing, "Group/GroupLenType"));
done:
  return status;
}

/* offsets_099.hdf5 for .../output/groups_099/fof_subhalo_tab_099.0.hdf5: in the folder postprocessing/offsets
 * beside output, or with the catalogue.  @return 0 where it is nowhere */
static int find_offsets_file(char *path, size_t size, const char *catalogue)
{
  static const char *const where[] = { "../../postprocessing/offsets/", "../postprocessing/offsets/", "../offsets/",
                                       "" };
  const char *name = strrchr(catalogue, '/') ? strrchr(catalogue, '/') + 1 : catalogue;
  const char *number = strrchr(name, '_');
  const size_t digits = number ? strspn(number + 1, "0123456789") : 0;
  if (!digits) return 0;
  for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
    snprintf(path, size, "%.*s%soffsets_%.*s.hdf5", (int)(name - catalogue), catalogue, where[i], (int)digits,
             number + 1);
    if (cubix_infile_is(path)) return 1;
  }
  return 0;
}

/* Who says where particles begin. */
static int find_offsets(struct subfind *s)
{
  static const char *const in_catalogue[2][2] = { { "Group/GroupOffsetType", "Offsets/Group_SnapByType" },
                                                  { "Subhalo/SubhaloOffsetType", "Offsets/Subhalo_SnapByType" } };
  struct cubix_seek *seek = s->seek;
  const char *in_file = seek->subhalo ? "Subhalo/SnapByType" : "Group/SnapByType";
  int status = CUBIX_OK, there;
  char path[4200];
  for (int i = 0; i < 2; i++) {
    s->offset_column = in_catalogue[seek->subhalo][i];
    CUBIX_TRY(cubix_listing_has(&there, seek->listing, s->offset_column));
    if (there) goto done;
  }
  s->offset_column = NULL;
  if (!find_offsets_file(path, sizeof path, seek->listing->file[0])) goto done;
  CUBIX_TRY(cubix_listing_open(&s->offsets, path));
  CUBIX_TRY(cubix_listing_table(&s->offset, &s->offsets, in_file));
  CUBIX_CHECK(s->offset.n == s->own->n, CUBIX_EINPUT,
              "%s: /%s has %lld rows, but the catalogue %s has %lld: they do not belong together", path, in_file,
              (long long)s->offset.n, seek->listing->file[0], (long long)s->own->n);
  s->offset_column = in_file;
  cubix_log(CUBIX_LOG_INFO, "where the particles of groups begin is taken from %s", path);
done:
  return status;
}

/* The sum of one type's lengths over rows of a table. */
static int sum_lengths(int64_t *sum, struct subfind *s, const struct cubix_table *table, const char *column, int type,
                       int64_t from, int64_t to)
{
  enum { BLOCK = 65536 };
  int status = CUBIX_OK;
  double *x = NULL;
  CUBIX_ALLOC(x, BLOCK);
  *sum = 0;
  for (int64_t at = from; at < to; at += BLOCK) {
    const int64_t end = at + BLOCK < to ? at + BLOCK : to;
    CUBIX_TRY(cubix_listing_read(x, s->seek->listing, table, column, column_of(type), at, end));
    for (int64_t i = 0; i < end - at; i++) *sum += (int64_t)x[i];
  }
done:
  free(x);
  return status;
}

static int64_t particles_of(const struct cubix_simfile *sim, int t)
{
  int64_t n = 0;
  for (int i = 0; i < sim->n_part; i++)
    if (sim->part[i].type == t) n += sim->part[i].n_row;
  return n;
}

/* A catalogue of subhaloes alone, of a cutout that holds theirs and nothing else. */
static int add_subhaloes(int64_t *offset, struct subfind *s, int t, int64_t row)
{
  int status = CUBIX_OK;
  const struct cubix_simfile *sim = s->seek->sim;
  const int64_t there = particles_of(sim, t);
  int64_t all;
  CUBIX_TRY(sum_lengths(&all, s, &s->subhalo, s->length, sim->type[t], 0, s->subhalo.n));
  CUBIX_CHECK(
      all == there, CUBIX_EINPUT,
      "%s lists subhaloes and no groups: their lengths alone do not say where their particles begin, for the "
      "snapshot has %lld of type %d where all subhaloes have %lld.  Give a catalogue with groups, or one beside "
      "whose folder lies postprocessing/offsets/offsets_NNN.hdf5",
      s->seek->listing->file[0], (long long)there, sim->type[t], (long long)all);
  CUBIX_TRY(sum_lengths(offset, s, &s->subhalo, s->length, sim->type[t], 0, row));
done:
  return status;
}

/* The group of a subhalo. */
static int group_of(int64_t *group, struct subfind *s, int64_t row)
{
  static const char *const names[] = { "Subhalo/SubhaloGrNr", "Subhalo/SubhaloGroupNr" };
  int status = CUBIX_OK, there = 0;
  double x = -1;
  for (int i = 0; i < 2 && !there; i++) {
    CUBIX_TRY(cubix_listing_has(&there, s->seek->listing, names[i]));
    if (there) CUBIX_TRY(cubix_listing_read(&x, s->seek->listing, &s->subhalo, names[i], one, row, row + 1));
  }
  *group = (int64_t)x;
  CUBIX_CHECK(*group >= 0 && *group < s->group.n, CUBIX_EINPUT,
              there ? "%s: subhalo %lld belongs to group %lld, but there are %lld groups"
                    : "%s: nothing says to which group subhalo %lld belongs (%lld of %lld)",
              s->seek->listing->file[0], (long long)row, (long long)*group, (long long)s->group.n);
done:
  return status;
}

/* The lengths of all groups before one; what was added up for another is gone on with. */
static int sum_groups(int64_t *sum, struct subfind *s, int t, int64_t group)
{
  int status = CUBIX_OK;
  if (group < s->added[t].group) s->added[t].group = s->added[t].sum = 0;
  CUBIX_TRY(sum_lengths(sum, s, &s->group, "Group/GroupLenType", s->seek->sim->type[t], s->added[t].group, group));
  *sum += s->added[t].sum;
  s->added[t].group = group;
  s->added[t].sum = *sum;
done:
  return status;
}

/* Where the particles of a type begin, by the lengths of what stands before them. */
static int add_up(int64_t *offset, struct subfind *s, int t, int64_t row)
{
  const int type = s->seek->sim->type[t];
  int status = CUBIX_OK;
  int64_t group = row, before = 0, first;
  double x;
  if (s->seek->subhalo && s->group.n == 0) {
    CUBIX_TRY(add_subhaloes(offset, s, t, row));
    goto done;
  }
  if (s->seek->subhalo) {
    CUBIX_TRY(group_of(&group, s, row));
    CUBIX_TRY(cubix_listing_read(&x, s->seek->listing, &s->group, "Group/GroupFirstSub", one, group, group + 1));
    first = (int64_t)x;
    /* a group without subhaloes has -1, its 32 bits read as 4294967295, or their number */
    CUBIX_CHECK(first >= 0 && first <= row, CUBIX_EINPUT,
                "%s: the first subhalo of group %lld is number %lld, but subhalo %lld is in that group",
                s->seek->listing->file[0], (long long)group, (long long)first, (long long)row);
    CUBIX_TRY(sum_lengths(&before, s, &s->subhalo, "Subhalo/SubhaloLenType", type, first, row));
  }
  CUBIX_TRY(sum_groups(offset, s, t, group));
  *offset += before;
done:
  return status;
}

/* What the last row of a table needs of the snapshot, or all groups together where nothing says where they begin:
 * rows of a whole snapshot's catalogue mean nothing in a cutout. */
static int check_end(struct subfind *s, int t)
{
  const struct cubix_seek *seek = s->seek;
  const int64_t there = particles_of(seek->sim, t), last = s->own->n - 1;
  const int type = seek->sim->type[t];
  int status = CUBIX_OK;
  int64_t all = 0;
  double length = 0, at = 0;
  if (s->offset_column) {
    CUBIX_TRY(cubix_listing_read(&length, seek->listing, s->own, s->length, column_of(type), last, last + 1));
    CUBIX_TRY(cubix_listing_read(&at, s->offsets.n_file ? &s->offsets : seek->listing,
                                 s->offsets.n_file ? &s->offset : s->own, s->offset_column, column_of(type), last,
                                 last + 1));
  } else if (s->group.n) {
    CUBIX_TRY(sum_lengths(&all, s, &s->group, "Group/GroupLenType", type, 0, s->group.n));
    length = (double)all;
  }
  CUBIX_CHECK(!(length > 0) || at + length <= (double)there, CUBIX_EINPUT,
              "%s is of %.0f particles of /%s or more, but the snapshot %s has %lld: they do not belong together; of a "
              "cutout rows of the whole snapshot's catalogue mean nothing",
              seek->listing->file[0], at + length, seek->sim->group[t], seek->sim->snapshot.file[0], (long long)there);
done:
  return status;
}

static int choose_type(struct subfind *s, size_t which, int t)
{
  struct cubix_seek *seek = s->seek;
  const int64_t row = seek->key[which].index;
  const int type = seek->sim->type[t];
  int status = CUBIX_OK;
  double length, at;
  int64_t from = 0;
  CUBIX_TRY(cubix_listing_read(&length, seek->listing, s->own, s->length, column_of(type), row, row + 1));
  if (length == 0) goto done;
  if (s->offset_column) {
    CUBIX_TRY(cubix_listing_read(&at, s->offsets.n_file ? &s->offsets : seek->listing,
                                 s->offsets.n_file ? &s->offset : s->own, s->offset_column, column_of(type), row,
                                 row + 1));
    from = (int64_t)at;
  } else {
    CUBIX_TRY(add_up(&from, s, t, row));
  }
  CUBIX_TRY(cubix_seek_choose(seek, which, t, from, (int64_t)length));
done:
  return status;
}

/* Where a group is.  Velocities of groups are a factor of a below peculiar ones. */
static int locate(struct subfind *s, size_t which)
{
  struct cubix_seek *seek = s->seek;
  struct cubix_halo *halo = &seek->halo[which];
  int status = CUBIX_OK, there;
  const int64_t at = seek->key[which].index;
  const char *const centre = seek->subhalo ? "Subhalo/SubhaloPos" : "Group/GroupPos",
             *const velocity = seek->subhalo ? "Subhalo/SubhaloVel" : "Group/GroupVel",
             *const radius = seek->subhalo ? "Subhalo/SubhaloHalfmassRadType" : "Group/Group_R_Crit200";
  CUBIX_TRY(cubix_listing_has(&halo->has_centre, seek->listing, centre));
  if (halo->has_centre) CUBIX_TRY(cubix_listing_read(halo->centre, seek->listing, s->own, centre, three, at, at + 1));
  CUBIX_TRY(cubix_listing_has(&halo->has_velocity, seek->listing, velocity));
  if (halo->has_velocity)
    CUBIX_TRY(cubix_listing_read(halo->velocity, seek->listing, s->own, velocity, three, at, at + 1));
  CUBIX_TRY(cubix_listing_has(&there, seek->listing, radius));
  if (there)
    CUBIX_TRY(cubix_listing_read(&halo->radius, seek->listing, s->own, radius,
                                 seek->subhalo ? column_of(seek->sim->type[0]) : one, at, at + 1));
  for (int c = 0; c < 3; c++) {
    halo->centre[c] *= seek->sim->length;
    if (!seek->subhalo) halo->velocity[c] /= seek->sim->a;
  }
  /* Gadget-4's half-mass radii are physical, its other lengths comoving */
  CUBIX_TRY(cubix_listing_has(&there, seek->listing, "Subhalo/SubhaloOffsetType"));
  halo->radius *= seek->sim->length / (there && seek->subhalo ? seek->sim->a : 1);
done:
  return status;
}

/* IllustrisTNG marks clumps that are no galaxies. */
static int judge_flag(struct subfind *s, const struct cubix_group_key *key)
{
  int status = CUBIX_OK, there;
  double flag = 1;
  char word[64];
  if (!s->seek->subhalo) goto done;
  CUBIX_TRY(cubix_listing_has(&there, s->seek->listing, "Subhalo/SubhaloFlag"));
  if (there)
    CUBIX_TRY(cubix_listing_read(&flag, s->seek->listing, &s->subhalo, "Subhalo/SubhaloFlag", one, key->index,
                                 key->index + 1));
  if (flag == 0)
    cubix_log(CUBIX_LOG_WARNING, "%s has SubhaloFlag 0: it is a clump of baryons, and no galaxy that formed in a halo",
              cubix_group_word(word, sizeof word, s->seek->par, key));
done:
  return status;
}

static int choose(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  struct subfind s = { .seek = seek };
  CUBIX_TRY(cubix_listing_table(&s.group, seek->listing, "Group/GroupLenType"));
  CUBIX_TRY(cubix_listing_table(&s.subhalo, seek->listing, "Subhalo/SubhaloLenType"));
  s.own = seek->subhalo ? &s.subhalo : &s.group;
  s.length = seek->subhalo ? "Subhalo/SubhaloLenType" : "Group/GroupLenType";
  CUBIX_TRY(cubix_seek_check(seek, s.own->n, seek->subhalo ? "subhaloes" : "groups"));
  CUBIX_TRY(find_offsets(&s));
  for (int t = 0; t < seek->sim->n_type; t++) CUBIX_TRY(check_end(&s, t));
  for (size_t i = 0; i < seek->n; i++) {
    CUBIX_TRY(judge_flag(&s, &seek->key[i]));
    CUBIX_TRY(locate(&s, i));
    for (int t = 0; t < seek->sim->n_type; t++) CUBIX_TRY(choose_type(&s, i, t));
  }
done:
  cubix_table_free(&s.group);
  cubix_table_free(&s.subhalo);
  cubix_table_free(&s.offset);
  cubix_listing_free(&s.offsets);
  return status;
}

const struct cubix_catalogue_kind cubix_catalogue_subfind = {
  "Subfind", "Subhalo/SubhaloLenType or Group/GroupLenType (IllustrisTNG, AREPO, Gadget-4)", is_subfind, choose
};
