/* seek.c -- what all kinds of catalogues do with the groups that are wanted. */
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "catalogue/catalogue_parts.h"

const char *cubix_group_word(char *text, size_t size, const struct cubix_params *par,
                             const struct cubix_group_key *key)
{
  char number[64];
  snprintf(text, size, "%s %s", cubix_GroupType_word[par->GroupType], cubix_group_number(number, sizeof number, key));
  return text;
}

int cubix_seek_check(const struct cubix_seek *seek, int64_t n, const char *what)
{
  int status = CUBIX_OK;
  for (size_t i = 0; i < seek->n; i++) {
    CUBIX_CHECK(seek->key[i].sub < 0, CUBIX_EUSAGE,
                "GroupIndex = %s (%s): pairs are for GroupCatalogue particles; this catalogue has rows",
                seek->par->GroupIndex, cubix_params_origin(seek->par, "GroupIndex"));
    CUBIX_CHECK(seek->key[i].index < n, CUBIX_EUSAGE, "GroupIndex = %s (%s): %s has %lld %s; number %lld is none of 0 "
                "to %lld",
                seek->par->GroupIndex, cubix_params_origin(seek->par, "GroupIndex"), seek->listing->file[0],
                (long long)n, what, (long long)seek->key[i].index, (long long)n - 1);
  }
done:
  return status;
}

int cubix_seek_check_epoch(const struct cubix_seek *seek, double z)
{
  int status = CUBIX_OK;
  const struct cubix_snapshot *snapshot = &seek->sim->snapshot;
  CUBIX_CHECK(fabs(z - snapshot->redshift) <= 1e-3 * (1 + fabs(z)), CUBIX_EINPUT,
              "%s is of redshift %.6g, and the snapshot %s of %.6g: take the catalogue that was written with the "
              "snapshot",
              seek->listing->file[0], z, snapshot->file[0], snapshot->redshift);
done:
  return status;
}

int cubix_seek_choose(const struct cubix_seek *seek, size_t which, int t, int64_t from, int64_t n)
{
  int status = CUBIX_OK;
  const struct cubix_simfile *sim = seek->sim;
  int64_t before = 0, there = 0;
  char word[64];
  for (int i = 0; i < sim->n_part; i++) there += sim->part[i].type == t ? sim->part[i].n_row : 0;
  CUBIX_CHECK(from >= 0 && n >= 0 && n <= there && from <= there - n, CUBIX_EINPUT,
              "%s: %s has %lld particles of /%s from number %lld on, but the snapshot %s has %lld: they do not belong "
              "together",
              seek->listing->file[0], cubix_group_word(word, sizeof word, seek->par, &seek->key[which]), (long long)n,
              sim->group[t], (long long)from, sim->snapshot.file[0], (long long)there);
  for (int i = 0; i < sim->n_part; i++) {
    const struct cubix_simpart *part = &sim->part[i];
    if (part->type != t) continue;
    const int64_t first = from > before ? from - before : 0,
                  end = from + n < before + part->n_row ? from + n - before : part->n_row;
    CUBIX_TRY(cubix_choice_add(&seek->choice[which], i, first, end));
    before += part->n_row;
  }
done:
  return status;
}

int cubix_seek_scaled(double *x, int *there, struct cubix_seek *seek, const struct cubix_table *table,
                      const char *column, struct cubix_pick pick, int64_t row, double factor)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_listing_has(there, seek->listing, column));
  if (*there) CUBIX_TRY(cubix_listing_read(x, seek->listing, table, column, pick, row, row + 1));
  for (int c = 0; *there && c < pick.n_c; c++) x[c] *= factor;
done:
  return status;
}
