/* young.c -- from where recent star formation is taken.
 *
 * The gas is read chunk by chunk, and only cells that form stars are kept: they are few. */
#include "mpi/particles/young.h"

#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/lengths.h"
#include "physics/kernel.h"

enum { ROWS = 1 << 18, FEW = 20 };  /* cells that are read at a time; young stars whose mass tells little */
static const double apart = 100;    /* factor between two estimates of one star formation that a wrong unit makes */

static int file_lengths(const struct cubix_params *par)
{
  return !cubix_params_unmet(par, CUBIX_NEEDS_LENGTH " with SmoothingLength file");
}
/* The gas, if there is some that tells what is needed of it.  @param[in,out] lacking what the file does not have */
static int open_gas(struct cubix_reader **gas, struct cubix_slab **slab, const char **lacking,
                    const struct cubix_params *par)
{
  int status = CUBIX_OK;
  /* with `everything` an index of the snapshot applies: only what is selected is wanted */
  CUBIX_TRY(cubix_mpi_reader_open(gas, slab, par, CUBIX_GAS, 1));
  const struct cubix_simfile *sim = (*gas)->sim;
  const char *file = (*slab)->snapshot.file[0];
  const char *lack = !sim->field[CUBIX_FIELD_SFR].name[0]           ? "star formation rates"
                     : !sim->field[CUBIX_FIELD_METALLICITY].name[0] ? "metallicities"
                     : file_lengths(par) && !sim->field[CUBIX_FIELD_LENGTH].name[0] &&
                             !sim->field[CUBIX_FIELD_DENSITY].name[0]
                         ? "densities or smoothing lengths, from which SmoothingLength file takes sizes"
                         : NULL;
  *lacking = lack;
  CUBIX_CHECK(!lack, CUBIX_EINPUT,
              "%s: the gas has no %s, and ResampleYoung (%s) cannot make stars of it: set ResampleYoungFrom stars",
              file, lack, cubix_params_origin(par, "ResampleYoung"));
done:
  return status;
}

/* A chunk's cells that are selected and form stars, as parents on the sky.  @param selected cells, of any rate */
static int read_chunk(struct cubix_young *young, int64_t *selected, struct cubix_reader *gas, struct cubix_slab *slab,
                      size_t c, const struct cubix_params *par, const struct cubix_frame *frame)
{
  int status = CUBIX_OK;
  CUBIX_TRY(cubix_mpi_agree(
      cubix_slab_reserve(slab, cubix_mpi_reader_rows(gas, c), CUBIX_SLAB_MOTION | CUBIX_SLAB_FORMING)));
  CUBIX_TRY(cubix_mpi_reader_read(gas, c));
  status = cubix_frame_select(frame->centre, par->SelectRadius, slab);
  *selected += (int64_t)slab->n;
  cubix_frame_apply(frame, slab);
  if (slab->smoothing_length && par->Deposit == CUBIX_Deposit_gaussian)
    for (size_t i = 0; i < slab->n; i++) slab->smoothing_length[i] /= cubix_kernel_radius(CUBIX_DEPOSIT_CUBIC);
  if (!status) status = cubix_young_add_gas(young, slab);
  CUBIX_TRY(cubix_mpi_agree(status));
done:
  return status;
}

/* @param selected cells of all ranks */
static int read_gas(struct cubix_young *young, int64_t *selected, struct cubix_reader *gas, struct cubix_slab *slab,
                    const struct cubix_params *par, const struct cubix_reader *stars, const struct cubix_frame *frame)
{
  int status = CUBIX_OK;
  *selected = 0;
  memcpy(gas->sim->reference, stars->sim->reference, sizeof gas->sim->reference);
  if (gas->n_largest > ROWS) gas->n_chunk_rows = ROWS;
  for (size_t c = 0; c * gas->n_chunk_rows < gas->n_largest; c++)
    CUBIX_TRY(read_chunk(young, selected, gas, slab, c, par, frame));
  *selected = cubix_mpi_sum_int(*selected);
done:
  return status;
}

int cubix_mpi_young_open(struct cubix_young **out, const struct cubix_params *par, const struct cubix_reader *stars,
                         const struct cubix_frame *frame)
{
  int status = CUBIX_OK;
  const int must = par->ResampleYoungFrom == CUBIX_ResampleYoungFrom_gas;
  const int may = par->ResampleYoungFrom == CUBIX_ResampleYoungFrom_auto && stars->slab->snapshot.n_gas > 0;
  int64_t selected = 0;
  struct cubix_reader *gas = NULL;
  struct cubix_slab *slab = NULL;
  struct cubix_young *young = NULL;
  CUBIX_TRY(cubix_mpi_agree(cubix_young_init(&young, par, file_lengths(par) || cubix_mpi_lengths_wanted(par))));
  if (must || may) {
    const char *lacking = NULL;
    status = open_gas(&gas, &slab, &lacking, par);
    if (lacking && may) {
      cubix_log(CUBIX_LOG_WARNING, "young stars are divided instead: %s", cubix_error_message());
      cubix_error_clear();
      status = CUBIX_OK;
    } else if (!status) {
      young->from_gas = 1;
      CUBIX_TRY(read_gas(young, &selected, gas, slab, par, stars, frame));
      /* without any gas nobody says that no stars form */
      if (may && !selected) young->from_gas = 0;
    }
    CUBIX_TRY(status);
  }
  *out = young;
  young = NULL;
done:
  cubix_mpi_reader_close(gas);
  cubix_slab_free(slab);
  cubix_young_free(young);
  return status;
}

/* Number the parents of all ranks, and add up. */
static int count(struct cubix_young *young, struct cubix_resampled *sum, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  const double mine = cubix_young_number(young);
  double total[3] = { mine, young->mass_removed, 0 };
  int64_t n = (int64_t)young->parent->n, before = 0;
  for (size_t i = 0; i < young->parent->n; i++) total[2] += young->parent->mass_formed[i];
  cubix_mpi_collective.sum(total, 3);
  CUBIX_CHECK(total[0] <= CUBIX_YOUNG_MOST, CUBIX_EUSAGE,
              "ResampleYoung = %g Msun (%s) would make %.4g particles of %.4g Msun of recent star formation, and at "
              "most %g are made: %.3g Msun or more will do",
              par->ResampleYoung, cubix_params_origin(par, "ResampleYoung"), total[0], total[2], CUBIX_YOUNG_MOST,
              1.01 * total[2] / CUBIX_YOUNG_MOST);
  MPI_Exscan(&n, &before, 1, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  young->first = cubix_mpi_rank() ? (uint64_t)before : 0;
  young->n_largest = (size_t)cubix_mpi_max(mine);
  sum->from = young->from_gas ? "gas" : "stars";
  sum->n_removed = cubix_mpi_sum_int(young->n_removed);
  sum->n_parent = cubix_mpi_sum_int(n);
  sum->n_made = (int64_t)total[0];
  sum->mass_removed = total[1];
  sum->mass_made = total[2];
  CUBIX_TRY(cubix_mpi_agree(cubix_young_count(young)));
done:
  return status;
}

static void tell(const struct cubix_resampled *r, const struct cubix_params *par)
{
  const int gas = !strcmp(r->from, "gas");
  cubix_log(CUBIX_LOG_INFO,
            "%lld stars younger than 100 Myr, of which %.4g Msun formed, are replaced by %lld particles of about %g "
            "Msun %s %lld %s, of which %.4g Msun %s",
            (long long)r->n_removed, r->mass_removed, (long long)r->n_made, par->ResampleYoung,
            gas ? "made of" : "that share", (long long)r->n_parent, gas ? "cells of gas" : "stars", r->mass_made,
            gas ? "form in 100 Myr" : "formed");
  if (gas && r->n_removed >= FEW && !(r->mass_made < apart * r->mass_removed && r->mass_removed < apart * r->mass_made))
    cubix_log(CUBIX_LOG_WARNING,
              "by the gas's star formation rates %.4g Msun form in 100 Myr, but stars of that age have %.4g Msun: are "
              "the rates in another unit?  ResampleYoungFrom stars does without them",
              r->mass_made, r->mass_removed);
}

int cubix_mpi_young_settle(struct cubix_young *young, struct cubix_slab *slab, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  struct cubix_resampled *r = &slab->resampled;
  if (!young->start) {
    CUBIX_TRY(count(young, r, par));
    tell(r, par);
  }
  slab->n_total += r->n_made - r->n_removed;
  CUBIX_CHECK(slab->n_total > 0, CUBIX_EUSAGE,
              "all %lld stars are younger than 100 Myr and left out, and none form in the gas: set ResampleYoungFrom "
              "stars, or ResampleYoung (%s) 0",
              (long long)r->n_removed, cubix_params_origin(par, "ResampleYoung"));
done:
  return status;
}

int cubix_mpi_young_append(struct cubix_particles *particles)
{
  int status = CUBIX_OK;
  struct cubix_slab *slab = particles->slab;
  const struct cubix_young *young = particles->young;
  const size_t at = slab->n, n = young->start[young->parent->n];
  free(slab->potential);                    /* the centre is known */
  slab->potential = NULL;
  CUBIX_TRY(cubix_slab_grow(slab, at + n));
  cubix_young_make(slab, at, young, 0, n);
done:
  return cubix_mpi_agree(status);
}

int cubix_mpi_young_chunk(struct cubix_particles *particles, size_t c, unsigned parts)
{
  const struct cubix_young *young = particles->young;
  const size_t all = young->start[young->parent->n], before = (c - particles->n_star_chunk) * particles->n_young_rows,
               from = before < all ? before : all, left = all - from,
               n = left < particles->n_young_rows ? left : particles->n_young_rows;
  if (young->parent->smoothing_length) parts |= CUBIX_SLAB_LENGTH;
  int status = cubix_mpi_agree(cubix_slab_reserve(particles->slab, n, parts));
  if (!status) cubix_young_make(particles->slab, 0, young, from, n);
  return status;
}
