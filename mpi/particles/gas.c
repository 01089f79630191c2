/* gas.c -- the gas, read as the stars are, each rank its share, and brought to the sky.
 *
 * It is read in chunks, of which only cells with dust, or that form stars, are kept: most of a galaxy's gas is hot,
 * and does neither.  Which have dust is decided once.  A kernel is as wide as the file's smoothing length, where its
 * code has such, else GasKernel (3 V/4 pi)^(1/3) with V = m/rho; where kernels are not used neither is read. */
#include "mpi/particles/gas.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/particles/gas_check.h"
#include "mpi/particles/particles.h"
#include "mpi/particles/reader.h"
#include "physics/kernel.h"
#include "simulation/simformat.h"

static const double few_wide = 1e-3;    /* part of the dust in wide kernels that is nothing to warn of */
static const double richest = 0.2;      /* metals or dust of a galaxy's gas are less, as metals of its stars */
enum { LEAST = 1 << 18, PIECES = 16 };  /* cells of a chunk at least; chunks of a share at most */

int cubix_mpi_gas_read(struct cubix_slab **out, const struct cubix_params *par, const double *about)
{
  int status = CUBIX_OK;
  struct cubix_reader *reader = NULL;
  struct cubix_slab *gas = NULL;
  CUBIX_TRY(cubix_mpi_reader_open(&reader, &gas, par, CUBIX_GAS, 0));
  for (int c = 0; about && c < 3; c++) reader->sim->reference[c] = about[c];
  CUBIX_TRY(cubix_mpi_agree(
      cubix_slab_reserve(gas, cubix_mpi_reader_rows(reader, 0), CUBIX_SLAB_MOTION | CUBIX_SLAB_GAS)));
  CUBIX_TRY(cubix_mpi_reader_read(reader, 0));
  gas->n_total = cubix_mpi_sum_int((int64_t)gas->n);
  *out = gas;
  gas = NULL;
done:
  cubix_mpi_reader_close(reader);
  cubix_slab_free(gas);
  return status;
}

static int dims(const struct cubix_params *par) { return par->Dust == CUBIX_Dust_gas; }
static int shines(const struct cubix_params *par) { return par->Lines == CUBIX_Lines_sfr; }
int cubix_mpi_gas_wanted(const struct cubix_params *par) { return dims(par) || shines(par); }

struct cubix_dust_cells cubix_gas_cells(const struct cubix_slab *gas)
{
  return (struct cubix_dust_cells){ .n = gas->n, .mass = gas->mass_now, .metallicity = gas->metallicity,
                                    .dust_mass = gas->dust_mass, .temperature = gas->temperature, .sfr = gas->sfr,
                                    .dusty = gas->dusty };
}

void cubix_gas_weigh(struct cubix_slab *gas, const struct cubix_params *par)
{
  const struct cubix_dust_cells cells = cubix_gas_cells(gas);
  cubix_dust_weight(gas->dust, &cells, cubix_dust_opacity(par), par->DustToMetal);
}

static void make_kernels(struct cubix_slab *gas, double kernel)
{
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < gas->n; i++)
    gas->smoothing_length[i] = cubix_kernel_of_cell(kernel, gas->mass_now[i], gas->density[i]);
}

/* Columns that are not in the slab yet, zeroed. */
static int add_columns(struct cubix_slab *gas, const struct cubix_params *par)
{
  int status = CUBIX_OK;
  double **const column[] = { &gas->sfr, &gas->metallicity, &gas->dusty, &gas->dust, &gas->smoothing_length };
  const size_t n = sizeof column / sizeof *column - (cubix_mpi_gas_sized(par) ? 0 : 1);
  for (size_t c = 0; c < n; c++)
    if (!*column[c]) CUBIX_ALLOC(*column[c], gas->n + 1);
done:
  return status;
}

static void forget(double **column)
{
  free(*column);
  *column = NULL;
}

/* Cells in the file's frame, with what the file has of them, become cells on the sky, with what is needed.
 * @param every 1: nothing is left out */
static int bring(struct cubix_slab *gas, const struct cubix_params *par, const struct cubix_frame *frame, int every)
{
  int status = CUBIX_OK;
  const double *const o = frame->centre, radius = par->SelectRadius;
  const int lengths = gas->smoothing_length != NULL;
  unsigned char *keep = NULL;
  CUBIX_TRY(add_columns(gas, par));
  if (!lengths && cubix_mpi_gas_sized(par)) make_kernels(gas, par->GasKernel);
  const struct cubix_dust_cells cells = cubix_gas_cells(gas);
  if (dims(par)) {
    cubix_dust_choose(gas->dusty, par->DustGas, &cells);
    cubix_gas_weigh(gas, par);
  }
  CUBIX_TRY(cubix_frame_select(o, 0, gas));
  for (size_t i = 0; radius > 0 && i < gas->n; i++) {
    const double *x = gas->position + 3 * i, r[3] = { x[0] - o[0], x[1] - o[1], x[2] - o[2] };
    if (sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2]) > radius) gas->sfr[i] = 0;
  }
  cubix_frame_apply(frame, gas);
  if (!every) {
    CUBIX_CHECK((keep = cubix_reserve(gas->n, 1)), CUBIX_ENOMEM, "cannot allocate %zu bytes", gas->n);
    for (size_t i = 0; i < gas->n; i++) keep[i] = gas->dust[i] > 0 || (shines(par) && gas->sfr[i] > 0);
    cubix_slab_keep(gas, keep);
  }
  forget(&gas->density);
  forget(&gas->molecular);
  forget(&gas->temperature);
  if (!shines(par)) {
    forget(&gas->hydrogen);
    forget(&gas->oxygen);
  }
done:
  free(keep);
  return status;
}

/* ---- from files ------------------------------------------------------------------------------- */

/* Cells of this rank in chunks before c, and of ranks before. */
static int64_t number_of(const struct cubix_reader *r, size_t c)
{
  int64_t mine = 0, before = 0, number = 0;
  for (size_t k = 0; k * r->n_chunk_rows < r->n_largest; k++) {
    if (k == c) number = mine;
    mine += (int64_t)cubix_mpi_reader_rows(r, k);
  }
  MPI_Exscan(&mine, &before, 1, MPI_INT64_T, MPI_SUM, cubix_mpi_group()->comm);
  return number + (cubix_mpi_rank() ? before : 0);
}

/* What nothing here follows from is not read: oxygen and hydrogen tell the lines' metallicity, hydrogen temperatures
 * as well, and these which gas has dust. */
static void leave_out(struct cubix_slab *gas, const struct cubix_params *par)
{
  const int cool = dims(par) && par->DustGas == CUBIX_DustGas_cool;
  forget(&gas->molecular);
  if (!shines(par)) forget(&gas->oxygen);
  if (!shines(par) && !cool) forget(&gas->hydrogen);
  if (!cool) forget(&gas->temperature);
  if (!dims(par)) forget(&gas->dust_mass);
  if (cubix_mpi_gas_sized(par)) return;
  forget(&gas->smoothing_length);
  forget(&gas->density);
}

static int read_chunk(struct cubix_slab *piece, struct cubix_reader *r, size_t c, const struct cubix_params *par,
                      const struct cubix_frame *frame)
{
  int status = CUBIX_OK;
  const unsigned parts = CUBIX_SLAB_MOTION | CUBIX_SLAB_GAS;
  const size_t rows = cubix_mpi_reader_rows(r, c);
  const double need = cubix_mpi_max(cubix_slab_bytes((double)rows, parts | CUBIX_SLAB_DUST)) * cubix_mpi_local_size();
  const int64_t number = number_of(r, c);
  CUBIX_MPI_CHECK(need < cubix_memory_free(), CUBIX_ENOMEM,
                  "%zu of %lld cells of gas take %.3g GB on a node of %d rank(s), where %.3g GB are free: use more "
                  "nodes, a lower SlabMemory for the stars, or a GroupCatalogue or a file of one galaxy",
                  rows, (long long)r->sim->n_total, 1e-9 * need, cubix_mpi_local_size(), 1e-9 * cubix_memory_free());
  CUBIX_TRY(cubix_mpi_agree(cubix_slab_reserve(r->slab, rows, parts)));
  leave_out(r->slab, par);
  CUBIX_TRY(cubix_mpi_reader_read(r, c));
  if (cubix_mpi_gas_sized(par)) status = cubix_gas_check(r->slab, r->sim, number);
  if (!status) status = bring(r->slab, par, frame, 0);
  if (!status) status = cubix_slab_grow(r->slab, r->slab->n);  /* gives back what is not needed */
  CUBIX_TRY(cubix_mpi_agree(status));
  cubix_slab_take(piece, r->slab);
done:
  return status;
}

/* One slab of many, which are emptied. */
static int put_together(struct cubix_slab *gas, struct cubix_slab *piece, size_t n_piece)
{
  int status = CUBIX_OK;
  size_t at = 0, n = 0;
  for (size_t k = 0; k < n_piece; k++) n += piece[k].n;
  cubix_slab_take(gas, &piece[0]);
  at = gas->n;
  CUBIX_TRY(cubix_slab_grow(gas, n));
  for (size_t k = 1; k < n_piece; k++) {
    cubix_slab_insert(gas, at, &piece[k]);
    at += piece[k].n;
    cubix_slab_forget_stars(&piece[k]);
  }
done:
  return status;
}

int cubix_mpi_gas_open(struct cubix_slab **out, const struct cubix_params *par,
                       const struct cubix_particles *particles, const struct cubix_frame *frame)
{
  int status = CUBIX_OK;
  struct cubix_reader *reader = NULL;
  struct cubix_slab *gas = NULL, *piece = NULL;
  size_t n_piece = 0;
  *out = NULL;
  if (!cubix_mpi_gas_wanted(par)) return CUBIX_OK;
  status = cubix_mpi_reader_open(&reader, &gas, par, CUBIX_GAS, 0);
  if (!status && cubix_mpi_rank() == 0) status = cubix_gas_columns_check(reader->sim, gas->snapshot.file[0], par);
  CUBIX_TRY(cubix_mpi_gas_asked(cubix_mpi_agree(status), par));
  if (particles->reader)                    /* gas lies beside its stars, not a box away */
    memcpy(reader->sim->reference, particles->reader->sim->reference, sizeof reader->sim->reference);
  if (reader->n_largest > LEAST) reader->n_chunk_rows = (reader->n_largest + PIECES - 1) / PIECES;
  if (reader->n_largest > LEAST && reader->n_chunk_rows < LEAST) reader->n_chunk_rows = LEAST;
  n_piece = reader->n_largest ? (reader->n_largest + reader->n_chunk_rows - 1) / reader->n_chunk_rows : 1;
  CUBIX_MPI_ALLOC(piece, n_piece);
  for (size_t c = 0; c < n_piece; c++)
    CUBIX_TRY(cubix_mpi_gas_asked(read_chunk(&piece[c], reader, c, par, frame), par));
  CUBIX_TRY(cubix_mpi_agree(put_together(gas, piece, n_piece)));
  gas->n_total = cubix_mpi_sum_int((int64_t)gas->n);
  *out = gas;
  gas = NULL;
done:
  for (size_t c = 0; piece && c < n_piece; c++) cubix_slab_forget_stars(&piece[c]);
  free(piece);
  cubix_mpi_reader_close(reader);
  cubix_slab_free(gas);
  return status;
}

/* ---- from the caller -------------------------------------------------------------------------- */

int cubix_mpi_gas_hold(struct cubix_slab **out, const struct cubix_params *par, const struct cubix_slab *given,
                       const struct cubix_particles *particles, const struct cubix_frame *frame)
{
  int status = CUBIX_OK;
  struct cubix_slab *gas = NULL;
  *out = NULL;
  if (!cubix_mpi_gas_wanted(par)) return CUBIX_OK;
  status = cubix_gas_given_check(given, par);
  if (!status) status = cubix_slab_copy(&gas, given);
  if (!status) {
    gas->snapshot.box = particles->slab->snapshot.box;
    cubix_field_settle(gas->metallicity, CUBIX_FIELD_METALLICITY, gas->metallicity ? gas->n : 0);
    cubix_field_settle(gas->sfr, CUBIX_FIELD_SFR, gas->sfr ? gas->n : 0);
    status = bring(gas, par, frame, 1);
  }
  CUBIX_TRY(cubix_mpi_gas_asked(cubix_mpi_agree(status), par));
  gas->n_total = gas->n_file_total = cubix_mpi_sum_int((int64_t)gas->n);
  *out = gas;
  gas = NULL;
done:
  cubix_slab_free(gas);
  return status;
}

/* ---- what is told ----------------------------------------------------------------------------- */

/* Sums over all cells of all ranks; mass, metals: of cells with dust, or that form stars. */
struct gas_sums { double n_dusty, n_forming, n_wide, dust, wide, sfr, mass, metals; };

static void tell_dust(const struct gas_sums *s, const struct cubix_slab *gas, const struct cubix_params *par,
                      double field)
{
  const double part = cubix_dust_effect(par->DustEffect, CUBIX_DUST_ALBEDO_V);
  char from[64] = "of the file";
  if (!gas->dust_mass) snprintf(from, sizeof from, "%g of the metals", par->DustToMetal);
  cubix_log(CUBIX_LOG_INFO,
            "dust: %.4g Msun (%s) in %.0f of %lld cells of gas (DustGas %s); of its extinction %.3g counts (%.3g if "
            "scattered light is lost, %.3g if it is not)",
            s->dust, from, s->n_dusty, (long long)gas->n_file_total, cubix_DustGas_word[par->DustGas], part,
            cubix_dust_effect(CUBIX_DustEffect_extinction, CUBIX_DUST_ALBEDO_V),
            cubix_dust_effect(CUBIX_DustEffect_absorption, CUBIX_DUST_ALBEDO_V));
  if (gas->dust_mass && strcmp(cubix_params_origin(par, "DustToMetal"), "default"))
    cubix_log(CUBIX_LOG_WARNING, "DustToMetal = %g (%s) has no effect: the gas has dust masses of its own",
              par->DustToMetal, cubix_params_origin(par, "DustToMetal"));
  if (!(s->dust * cubix_dust_opacity(par) > 0))
    cubix_log(CUBIX_LOG_WARNING,
              "none of %lld cells of gas has dust (DustGas %s, %s; DustToMetal = %g, DustOpacity = %g cm2/g): nothing "
              "is dimmed by it",
              (long long)gas->n_file_total, cubix_DustGas_word[par->DustGas], cubix_params_origin(par, "DustGas"),
              par->DustToMetal, par->DustOpacity);
  if (s->n_wide > 0)
    cubix_log(s->wide > few_wide * s->dust ? CUBIX_LOG_WARNING : CUBIX_LOG_INFO,
              "%.0f cells with %.3g Msun of dust, %.2g of all of it, have kernels of more than %.3g kpc, a quarter of "
              "the field: are smoothing lengths and densities in the right units?",
              s->n_wide, s->wide, s->wide / s->dust, 0.25 * field);
}

/* Where a unit is wrong that concerns gas alone. */
static void warn_of_units(const struct gas_sums *s, const struct cubix_slab *gas)
{
  const char *file = gas->snapshot.n_file ? gas->snapshot.file[0] : "arrays";
  if (gas->metallicity && s->metals > richest * s->mass)
    cubix_log(CUBIX_LOG_WARNING,
              "%s: metals are %.3g of the mass of the gas with dust or star formation, where less than %g is usual: is "
              "its metallicity in solar units?",
              file, s->metals / s->mass, richest);
  if (gas->dust_mass && s->dust > richest * s->mass)
    cubix_log(CUBIX_LOG_WARNING,
              "%s: dust is %.3g of the mass of the gas that has it, where less than %g is usual: are its dust masses "
              "in another unit?",
              file, s->dust / s->mass, richest);
}

void cubix_mpi_gas_report(const struct cubix_slab *gas, const struct cubix_params *par, double field)
{
  struct gas_sums s = { 0 };
  const struct cubix_dust_cells cells = gas ? cubix_gas_cells(gas) : (struct cubix_dust_cells){ 0 };
  if (!gas) return;
  for (size_t i = 0; i < gas->n; i++) {
    const double dust = dims(par) ? cubix_dust_mass(&cells, i, par->DustToMetal) : 0;
    const int wide = dust > 0 && gas->smoothing_length[i] > 0.25 * field;
    s.n_dusty += dust > 0;
    s.dust += dust;
    s.n_wide += wide;
    s.wide += wide ? dust : 0;
    s.n_forming += gas->sfr[i] > 0;
    if (dust > 0 || (shines(par) && gas->sfr[i] > 0)) {
      s.mass += gas->mass_now[i];
      s.metals += gas->metallicity ? gas->mass_now[i] * gas->metallicity[i] : 0;
    }
    s.sfr += gas->sfr[i];
  }
  cubix_mpi_collective.sum((double *)&s, sizeof s / sizeof(double));
  if (dims(par)) tell_dust(&s, gas, par, field);
  warn_of_units(&s, gas);
  if (shines(par))
    cubix_log(CUBIX_LOG_INFO, "gas: %.0f of %lld cells form %.4g Msun/yr", s.n_forming, (long long)gas->n_file_total,
              s.sfr);
  if (shines(par) && !(s.sfr > 0))
    cubix_log(CUBIX_LOG_WARNING, "no stars form in %lld cells of gas%s: there are no emission lines",
              (long long)gas->n_file_total, par->SelectRadius > 0 ? " within SelectRadius" : "");
  if (par->SelectRadius > 0)
    cubix_log(CUBIX_LOG_INFO, "SelectRadius = %g kpc chooses what shines; dust counts wherever there is gas",
              par->SelectRadius);
}
