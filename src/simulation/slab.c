/* slab.c -- memory of a rank's particles: one array per quantity, 80 bytes per star.
 *
 * A structure of arrays, so that a kernel that needs positions reads only positions.  Every array
 * is aligned to 64 bytes. */
#include "simulation/slab.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int reserve(double **x, size_t n)
{
  int status = CUBIX_OK;
  CUBIX_CHECK((*x = cubix_reserve(n, sizeof **x)), CUBIX_ENOMEM, "cannot allocate %zu bytes for particles",
              n * sizeof **x);
done:
  return status;
}

int cubix_slab_reserve(struct cubix_slab *slab, size_t n, unsigned parts)
{
  int status = CUBIX_OK;
  cubix_slab_forget_stars(slab);
  if (parts & CUBIX_SLAB_MOTION) {
    CUBIX_TRY(reserve(&slab->position, 3 * n));
    CUBIX_TRY(reserve(&slab->velocity, 3 * n));
    CUBIX_TRY(reserve(&slab->mass_now, n));
  }
  if (parts & CUBIX_SLAB_POPULATION) {
    CUBIX_TRY(reserve(&slab->mass_formed, n));
    CUBIX_TRY(reserve(&slab->age, n));
    CUBIX_TRY(reserve(&slab->metallicity, n));
  }
  if (parts & CUBIX_SLAB_POTENTIAL) CUBIX_TRY(reserve(&slab->potential, n));
  if (parts & CUBIX_SLAB_LENGTH) CUBIX_TRY(reserve(&slab->smoothing_length, n));
  slab->n = n;
done:
  return status;
}

double cubix_slab_bytes(double n, unsigned parts)
{
  int columns = (parts & CUBIX_SLAB_MOTION ? 7 : 0) + (parts & CUBIX_SLAB_POPULATION ? 3 : 0) +
                (parts & CUBIX_SLAB_POTENTIAL ? 1 : 0) + (parts & CUBIX_SLAB_LENGTH ? 1 : 0);
  return n * columns * (double)sizeof(double);
}

int cubix_slab_init(struct cubix_slab **slab, size_t n)
{
  int status = CUBIX_OK;
  CUBIX_ALLOC(*slab, 1);
  CUBIX_TRY(cubix_slab_reserve(*slab, n, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION));
done:
  if (status) {
    cubix_slab_free(*slab);
    *slab = NULL;
  }
  return status;
}

int cubix_slab_copy(struct cubix_slab **out, const struct cubix_slab *slab)
{
  int status = CUBIX_OK;
  struct cubix_slab *copy = NULL;
  unsigned parts = (slab->position ? CUBIX_SLAB_MOTION : 0) | (slab->mass_formed ? CUBIX_SLAB_POPULATION : 0) |
                   (slab->potential ? CUBIX_SLAB_POTENTIAL : 0) | (slab->smoothing_length ? CUBIX_SLAB_LENGTH : 0);
  CUBIX_ALLOC(copy, 1);
  copy->snapshot = slab->snapshot;
  copy->snapshot.file = NULL;
  copy->snapshot.file_size = NULL;
  copy->snapshot.n_file = 0;
  CUBIX_TRY(cubix_slab_reserve(copy, slab->n, parts));
  double *const *from[] = { &slab->position, &slab->velocity,    &slab->mass_formed, &slab->mass_now,
                            &slab->age,      &slab->metallicity, &slab->potential,   &slab->smoothing_length };
  double *const *to[] = { &copy->position, &copy->velocity,    &copy->mass_formed, &copy->mass_now,
                          &copy->age,      &copy->metallicity, &copy->potential,   &copy->smoothing_length };
  for (size_t c = 0; c < sizeof to / sizeof *to; c++)
    if (*to[c]) memcpy(*to[c], *from[c], (c < 2 ? 3 : 1) * slab->n * sizeof(double));
  *out = copy;
  copy = NULL;
done:
  cubix_slab_free(copy);
  return status;
}

/* Close the gaps in x[n][n_c], in place. */
static void keep_rows(double *x, size_t n, int n_c, const unsigned char *keep)
{
  size_t to = 0;
  for (size_t i = 0; i < n; i++) {
    if (!keep[i]) continue;
    for (int c = 0; c < n_c; c++) x[to * (size_t)n_c + (size_t)c] = x[i * (size_t)n_c + (size_t)c];
    to++;
  }
}

void cubix_slab_keep(struct cubix_slab *slab, const unsigned char *keep)
{
  size_t n = 0;
  double *column[8] = { slab->position, slab->velocity,    slab->mass_formed, slab->mass_now,
                        slab->age,      slab->metallicity, slab->potential,   slab->smoothing_length };
#pragma omp parallel for schedule(dynamic)
  for (int c = 0; c < 8; c++)
    if (column[c]) keep_rows(column[c], slab->n, c < 2 ? 3 : 1, keep);
  for (size_t i = 0; i < slab->n; i++) n += keep[i] != 0;
  slab->n = n;
}

void cubix_slab_forget_stars(struct cubix_slab *slab)
{
  double **column[] = { &slab->position, &slab->velocity,    &slab->mass_formed, &slab->mass_now,
                        &slab->age,      &slab->metallicity, &slab->potential,   &slab->smoothing_length };
  for (size_t c = 0; c < sizeof column / sizeof column[0]; c++) {
    free(*column[c]);
    *column[c] = NULL;
  }
  slab->n = 0;
}

void cubix_slab_free(struct cubix_slab *slab)
{
  if (!slab) return;
  for (int i = 0; slab->snapshot.file && i < slab->snapshot.n_file; i++) free(slab->snapshot.file[i]);
  free(slab->snapshot.file);
  free(slab->snapshot.file_size);
  cubix_slab_forget_stars(slab);
  free(slab);
}
