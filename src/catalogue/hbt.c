/* hbt.c -- HBT+ and HBT-HERONS: files SubSnap_NNN.K.hdf5 with a record for each subhalo, and beside it the
 * list of the identifiers of its bound particles, the most bound first.
 *
 * A group is the subhaloes of one HostHaloId, by which GroupIndex then names it, and its centre that of the one of
 * Rank 0.  A subhalo's row is not its TrackId, by which it is known from snapshot to snapshot.  Lengths are comoving
 * and divided by h, in a unit that Units/LengthInMpch states. */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/h5read.h"
#include "base/h5table.h"
#include "base/log.h"
#include "catalogue/ids.h"

#define RECORDS "Subhalos"
#define LISTS "SubhaloParticles"

struct hbt {
  struct cubix_seek *seek;
  int64_t *before;                /* [n_file + 1] rows in the files before each */
  double length, velocity;        /* its units [kpc, km/s]; 0: it does not say */
};

static int is_hbt(int *is, struct cubix_listing *listing)
{
  int status = CUBIX_OK, lists;
  CUBIX_TRY(cubix_listing_has(is, listing, RECORDS));
  CUBIX_TRY(cubix_listing_has(&lists, listing, LISTS));
  *is &= lists;
done:
  return status;
}

static int count(struct hbt *t)
{
  int status = CUBIX_OK;
  hid_t file = -1;
  hsize_t n, n_list;
  const struct cubix_listing *listing = t->seek->listing;
  CUBIX_ALLOC(t->before, listing->n_file + 1);
  t->before[0] = 0;
  for (int k = 0; k < listing->n_file; k++) {
    CUBIX_TRY(cubix_h5_open(&file, listing->file[k]));
    CUBIX_TRY(cubix_h5_rows_of_any(&n, file, listing->file[k], RECORDS));
    CUBIX_TRY(cubix_h5_rows_of_any(&n_list, file, listing->file[k], LISTS));
    CUBIX_CHECK(n == n_list, CUBIX_EINPUT, "%s: /" RECORDS " has %llu rows, and /" LISTS " has %llu", listing->file[k],
                (unsigned long long)n, (unsigned long long)n_list);
    t->before[k + 1] = t->before[k] + (int64_t)n;
    H5Fclose(file);
    file = -1;
  }
done:
  if (file >= 0) H5Fclose(file);
  return status;
}

/* Its units, and of which snapshot it is. */
static int look(struct hbt *t)
{
  int status = CUBIX_OK, there;
  double mpc = 0, a = 0;
  hid_t file = -1;
  const struct cubix_simfile *sim = t->seek->sim;
  CUBIX_TRY(cubix_h5_open(&file, t->seek->listing->file[0]));
  CUBIX_TRY(cubix_h5_value(&a, &there, file, "Cosmology/ScaleFactor"));
  if (there && a > 0) CUBIX_TRY(cubix_seek_check_epoch(t->seek, 1 / a - 1));
  CUBIX_TRY(cubix_h5_value(&mpc, &there, file, "Units/LengthInMpch"));
  CUBIX_TRY(cubix_h5_value(&t->velocity, &there, file, "Units/VelInKmS"));
  t->length = 1e3 * mpc * sim->a / sim->snapshot.h;
  if (!(t->length > 0) || !(t->velocity > 0)) {
    t->length = t->velocity = 0;
    cubix_log(CUBIX_LOG_WARNING, "%s: there are no Units/LengthInMpch and Units/VelInKmS: the centre that it gives is "
              "not used", t->seek->listing->file[0]);
  }
done:
  if (file >= 0) H5Fclose(file);
  return status;
}

/* What the subhalo in row `at` has belongs to group `which`.  @param central  1: its centre is the group's */
static int find_one(struct hbt *t, struct cubix_ids *ids, size_t which, int64_t at, int central)
{
  int status = CUBIX_OK, there, k = 0;
  struct cubix_seek *seek = t->seek;
  struct cubix_halo *halo = &seek->halo[which];
  int64_t *id = NULL;
  size_t n = 0;
  double track = -1, bound = -1;
  hid_t file = -1;
  char word[64], name[64] = "";
  while (t->before[k + 1] <= at) k++;
  const char *path = seek->listing->file[k];
  const hsize_t row = (hsize_t)(at - t->before[k]);
  CUBIX_TRY(cubix_h5_open(&file, path));
  CUBIX_TRY(cubix_h5_record(&track, 1, &there, file, path, RECORDS, "TrackId", row));
  if (there) snprintf(name, sizeof name, " (TrackId %.0f)", track);
  CUBIX_TRY(cubix_h5_record(&bound, 1, &there, file, path, RECORDS, "Nbound", row));
  CUBIX_TRY(cubix_h5_list(&id, &n, file, path, LISTS, row));
  cubix_group_word(word, sizeof word, seek->par, &seek->key[which]);
  CUBIX_CHECK(!there || (bound >= 0 && (double)n >= bound), CUBIX_EINPUT,
              "%s: %s%s has %.0f bound particles, but the list of them in /" LISTS " has %zu", path, word, name, bound,
              n);
  if (there) n = (size_t)bound;
  CUBIX_TRY(cubix_ids_add(ids, which, id, NULL, n));
  cubix_log(CUBIX_LOG_INFO, "%s %s row %llu of %s%s: %zu bound particles of all types", word,
            seek->subhalo ? "is" : "has", (unsigned long long)row, path, name, n);
  if (t->length == 0 || !central) goto done;
  CUBIX_TRY(cubix_h5_record(halo->centre, 3, &halo->has_centre, file, path, RECORDS, "ComovingMostBoundPosition", row));
  CUBIX_TRY(cubix_h5_record(halo->velocity, 3, &halo->has_velocity, file, path, RECORDS, "PhysicalAverageVelocity",
                            row));
  CUBIX_TRY(cubix_h5_record(&halo->radius, 1, &there, file, path, RECORDS, "RHalfComoving", row));
  for (int c = 0; c < 3; c++) {
    halo->centre[c] *= t->length;
    halo->velocity[c] *= t->velocity;
  }
  halo->radius *= t->length;
done:
  if (file >= 0) H5Fclose(file);
  free(id);
  return status;
}

/* The subhaloes of one host. */
static int find_group(struct hbt *t, struct cubix_ids *ids, size_t which)
{
  int status = CUBIX_OK, there, ranked, n_found = 0;
  const struct cubix_listing *listing = t->seek->listing;
  const double wanted = (double)t->seek->key[which].index;
  double *host = NULL, *rank = NULL;
  hid_t file = -1;
  for (int k = 0; k < listing->n_file; k++) {
    const hsize_t n = (hsize_t)(t->before[k + 1] - t->before[k]);
    CUBIX_ALLOC(host, n);
    CUBIX_ALLOC(rank, n);
    CUBIX_TRY(cubix_h5_open(&file, listing->file[k]));
    CUBIX_TRY(cubix_h5_records(host, n, &there, file, listing->file[k], RECORDS, "HostHaloId"));
    CUBIX_CHECK(there, CUBIX_EINPUT, "%s: the records of /" RECORDS " have no HostHaloId, so that there are no groups: "
                "choose GroupType subhalo", listing->file[k]);
    CUBIX_TRY(cubix_h5_records(rank, n, &ranked, file, listing->file[k], RECORDS, "Rank"));
    H5Fclose(file);
    file = -1;
    for (hsize_t i = 0; i < n; i++) {
      if (host[i] != wanted) continue;
      CUBIX_TRY(find_one(t, ids, which, t->before[k] + (int64_t)i, ranked ? rank[i] == 0 : n_found == 0));
      n_found++;
    }
    free(host);
    free(rank);
    host = rank = NULL;
  }
  CUBIX_CHECK(n_found, CUBIX_EUSAGE, "GroupIndex = %s (%s): no subhalo of %s has the HostHaloId %.0f, which is what "
              "GroupIndex means with GroupType group", t->seek->par->GroupIndex,
              cubix_params_origin(t->seek->par, "GroupIndex"), listing->file[0], wanted);
done:
  if (file >= 0) H5Fclose(file);
  free(host);
  free(rank);
  return status;
}

static int choose(struct cubix_seek *seek)
{
  int status = CUBIX_OK;
  struct hbt t = { .seek = seek };
  struct cubix_ids ids = { 0 };
  CUBIX_TRY(count(&t));
  CUBIX_TRY(cubix_seek_check(seek, seek->subhalo ? t.before[seek->listing->n_file] : INT64_MAX, "subhaloes"));
  CUBIX_TRY(look(&t));
  for (size_t i = 0; i < seek->n; i++) {
    if (seek->subhalo) CUBIX_TRY(find_one(&t, &ids, i, seek->key[i].index, 1));
    else CUBIX_TRY(find_group(&t, &ids, i));
  }
  CUBIX_TRY(cubix_ids_choose(seek, &ids));
done:
  cubix_ids_free(&ids);
  free(t.before);
  return status;
}

const struct cubix_catalogue_kind cubix_catalogue_hbt = { "HBT", RECORDS " and " LISTS " (SubSnap_NNN.K.hdf5)", is_hbt,
                                                          choose };
