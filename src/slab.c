/* slab.c -- memory of a rank's particles: one array per quantity, 80 bytes per star.
 *
 * Structure of arrays, so that a kernel that needs positions streams positions only.  Every array is aligned to 64 bytes. */
#include "slab.h"

#include <stdlib.h>

#include "error.h"

int cubix_slab_init(struct cubix_slab **slab, size_t n)
{
  int status = CUBIX_OK;

  CUBIX_ALLOC(*slab, 1);
  (*slab)->n = n;
  CUBIX_ALLOC((*slab)->position, 3 * n);
  CUBIX_ALLOC((*slab)->velocity, 3 * n);
  CUBIX_ALLOC((*slab)->mass_formed, n);
  CUBIX_ALLOC((*slab)->mass_now, n);
  CUBIX_ALLOC((*slab)->age, n);
  CUBIX_ALLOC((*slab)->metallicity, n);
done:
  if (status) {
    cubix_slab_free(*slab);
    *slab = NULL;
  }
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
  keep_rows(slab->position, slab->n, 3, keep);
  keep_rows(slab->velocity, slab->n, 3, keep);
  keep_rows(slab->mass_formed, slab->n, 1, keep);
  keep_rows(slab->mass_now, slab->n, 1, keep);
  keep_rows(slab->age, slab->n, 1, keep);
  keep_rows(slab->metallicity, slab->n, 1, keep);
  if (slab->potential) keep_rows(slab->potential, slab->n, 1, keep);
  for (size_t i = 0; i < slab->n; i++) n += keep[i] != 0;
  slab->n = n;
}

void cubix_slab_free(struct cubix_slab *slab)
{
  if (!slab) return;
  for (int i = 0; slab->snapshot.file && i < slab->snapshot.n_file; i++) free(slab->snapshot.file[i]);
  free(slab->snapshot.file);
  free(slab->snapshot.file_size);
  free(slab->position);
  free(slab->velocity);
  free(slab->mass_formed);
  free(slab->mass_now);
  free(slab->age);
  free(slab->metallicity);
  free(slab->potential);
  free(slab);
}
