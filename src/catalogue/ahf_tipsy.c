/* ahf_tipsy.c -- AHF counts dark matter, then stars, then gas, from 0 on; compiled with TIPSY_PARTICLE_ORDERING as they
 * stand in the file: gas, dark matter, stars (libio/io_tipsy.c).  Nothing says which, but each number has its type
 * beside it, which must be that of the particle: mostly a single one tells.  Without gas both are the same. */
#include "catalogue/ahf_tipsy.h"

#include <stdio.h>

#include "base/error.h"
#include "simulation/source.h"

enum { GAS, DARK, STAR };
static const int type_of[3] = { 0, 1, 4 };
static const int order[2][3] = { { DARK, STAR, GAS }, { GAS, DARK, STAR } };

int cubix_ahf_numbers_init(struct cubix_ahf_numbers *numbers, const struct cubix_simfile *sim)
{
  int status = CUBIX_OK, there;
  struct cubix_source *source = NULL;
  char path[64];
  *numbers = (struct cubix_ahf_numbers){ .possible = { 1, 1 } };
  CUBIX_TRY(cubix_source_open(&source, sim->snapshot.file[0], &sim->options));
  for (int k = GAS; k <= STAR; k++) {
    struct cubix_shape shape;
    snprintf(path, sizeof path, "PartType%d/pos", type_of[k]);
    CUBIX_TRY(cubix_source_has(&there, source, path));
    if (!there) continue;
    CUBIX_TRY(cubix_source_shape(&shape, source, path));
    numbers->n[k] = shape.n_row;
  }
done:
  cubix_source_close(source);
  return status;
}

static int kind_of(int64_t type) { return type == 0 ? GAS : type == 4 ? STAR : DARK; }

/* Number of the first of a kind. */
static int64_t first_of(const struct cubix_ahf_numbers *numbers, int o, int kind)
{
  int64_t first = 0;
  for (int k = 0; order[o][k] != kind; k++) first += numbers->n[order[o][k]];
  return first;
}

void cubix_ahf_numbers_see(struct cubix_ahf_numbers *numbers, const int64_t *number, const int64_t *type, size_t n)
{
  for (int o = 0; o < 2; o++)
    for (size_t i = 0; i < n && numbers->possible[o]; i++) {
      const int kind = kind_of(type[i]);
      const int64_t row = number[i] - first_of(numbers, o, kind);
      numbers->possible[o] = row >= 0 && row < numbers->n[kind];
    }
}

int cubix_ahf_numbers_known(const struct cubix_ahf_numbers *numbers)
{
  return numbers->possible[0] != numbers->possible[1] || (numbers->possible[0] && !numbers->n[GAS]);
}

int cubix_ahf_numbers_choose(struct cubix_choice *choice, const struct cubix_ahf_numbers *numbers,
                             const struct cubix_simfile *sim, const int64_t *number, const int64_t *type, size_t n)
{
  int status = CUBIX_OK;
  const int o = !numbers->possible[0];
  for (int p = 0; p < sim->n_part; p++)
    for (size_t i = 0; i < n; i++) {
      const int kind = kind_of(type[i]);
      const int64_t row = number[i] - first_of(numbers, o, kind);
      if (type_of[kind] == sim->type[sim->part[p].type]) CUBIX_TRY(cubix_choice_add(choice, p, row, row + 1));
    }
done:
  return status;
}
