/* memory_plan.c -- the memory that a rank will take, item by item, from sizes.
 *
 * Each module states its own memory (functions ..._bytes); here the items are put into the phases
 * of the run (memory.h).  A fit repeats all phases, so what its derivatives and its optimiser hold
 * is there in every one. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cube/cube.h"
#include "cube/placement.h"
#include "engine/device.h"
#include "engine/survey.h"
#include "fit/fit_bytes.h"
#include "fit/leaves.h"
#include "histogram/basis_parts.h"
#include "histogram/histogram.h"
#include "histogram/multiply.h"
#include "lines/ionising.h"
#include "mpi/comm/comm.h"
#include "mpi/comm/group.h"
#include "mpi/dust/columns.h"
#include "mpi/engine/owners.h"
#include "mpi/particles/reader.h"
#include "mpi/pipeline/chain_parts.h"
#include "mpi/pipeline/memory_parts.h"
#include "observation/psf.h"
#include "observation/fibres_vjp.h"
#include "observation/psf_sums.h"
#include "output/output.h"
#include "simulation/slab.h"

typedef struct cubix_memory_plan plan;
typedef const struct cubix_memory_job job;

static const double message_bytes = 1 << 24;   /* MPI's copy of what is added up, at the most */
static const enum cubix_phase first = (enum cubix_phase)0, last = CUBIX_N_PHASE - 1;

static int is_fit(job *j) { return j->active && j->par->Mode == CUBIX_Mode_fit; }
static int is_histogram(job *j) { return j->engine && j->engine->method == CUBIX_HISTOGRAM; }
static int owns_spaxels(job *j) { return is_histogram(j) && cubix_mpi_owners_wanted(j->engine); }
static int is_caching(job *j) { return strcmp(j->par->TemplateCache, "none") != 0; }
static int moves(job *j, enum cubix_leaf leaf) { return j->active && j->active[leaf]; }
static int moves_psf(job *j) { return moves(j, CUBIX_LEAF_PsfFwhm) || moves(j, CUBIX_LEAF_PsfBeta); }

static int moves_rows(job *j)
{
  return moves(j, CUBIX_LEAF_Luminosity) || moves(j, CUBIX_LEAF_LsfFwhm) || moves(j, CUBIX_LEAF_Redshift) ||
         moves(j, CUBIX_LEAF_BirthCloudTau);
}

/* The histogram itself is then wanted beside its derivatives. */
static int moves_rows_or_law(job *j)
{
  const int law = moves(j, CUBIX_LEAF_DustRv) || moves(j, CUBIX_LEAF_DustSlope);
  return moves_rows(j) || (j->par->Dust == CUBIX_Dust_gas && law);
}

static int moves_columns(job *j)
{
  int any = 0;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++)
    any |= moves(j, (enum cubix_leaf)leaf) && cubix_chain_acts_by_columns((enum cubix_leaf)leaf);
  return j->par->Dust == CUBIX_Dust_gas && any;
}

/* In one phase alone. */
static void add_in(plan *p, enum cubix_phase phase, const char *what, double bytes)
{
  cubix_memory_add(p, what, bytes, phase, phase);
}

static int n_node(job *j) { return cubix_basis_nodes(j->engine->reach, j->step).n; }
static double channel_bytes(job *j) { return j->channels * sizeof(cubix_real); }
/* Of the spaxels that this rank paints. */
static double growth(job *j) { return cubix_engine_growth(j->engine && j->engine->dust); }
static double values(job *j) { return growth(j) * (owns_spaxels(j) ? j->values_own : j->values); }
static double spaxels(job *j) { return owns_spaxels(j) ? j->spaxels_own : j->painted; }
static double histogram_bytes(job *j) { return cubix_histogram_bytes(values(j), spaxels(j)); }

static double tile_bytes(job *j)
{
  const int n_template = is_caching(j) ? j->engine->n_row : j->engine->n_used;
  return (double)n_template * n_node(j) * CUBIX_TILE * sizeof(float);
}

static void plan_stars(plan *p, job *j)
{
  const int smooth = j->par->Deposit != CUBIX_Deposit_nearest, keep = j->active != NULL,
            chunks = j->particles->n_chunk > 1;
  const enum cubix_phase place = CUBIX_PHASE_PLACE, begin = CUBIX_PHASE_COLUMNS,
                         used_up = is_histogram(j) ? CUBIX_PHASE_FILL : CUBIX_PHASE_PAINT;
  const enum cubix_phase placed = owns_spaxels(j) ? CUBIX_PHASE_SHARE : used_up;
  unsigned parts = CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION;
  if (j->particles->slab->smoothing_length) parts |= CUBIX_SLAB_LENGTH;
  if (j->par->Dust == CUBIX_Dust_gas || j->particles->dusty) parts |= CUBIX_SLAB_SCREEN;
  cubix_memory_add(p, "stars", cubix_slab_bytes(j->rows, parts), begin, keep ? last : chunks ? used_up : place);
  if (chunks)
    cubix_memory_add(p, "unpacked columns", cubix_mpi_reader_unpacked_bytes(j->particles->reader), begin, used_up);
  if (chunks)
    cubix_memory_add(p, "indices of the input", cubix_mpi_reader_kept_bytes(j->particles->reader), begin, last);
  if (j->keep_screens)
    cubix_memory_add(p, "dust in front of stars", sizeof(double) * j->all_rows, place, used_up);
  cubix_memory_add(p, "placed stars", cubix_placement_bytes(j->records, j->painted, keep), place,
                   keep ? last : placed);
  cubix_memory_add(p, "sorting of stars",
                   cubix_placement_work_bytes(j->rows, j->records, j->painted, smooth, j->n_thread), place,
                   chunks ? used_up : place);
  cubix_memory_add(p, "counts of stars", cubix_survey_bytes(j->painted), place, last);
}

/* Sources of emission lines: cells that form stars, or young stars. */
static double sources(job *j)
{
  const struct cubix_slab *gas = j->particles ? j->particles->gas : NULL;
  double n = j->par->Lines == CUBIX_Lines_stars ? j->young : 0;
  for (size_t i = 0; j->par->Lines == CUBIX_Lines_sfr && gas && gas->sfr && i < gas->n; i++) n += gas->sfr[i] > 0;
  return n;
}

static double records_of(job *j, double n) { return n * (j->rows > 0 ? fmax(j->records / j->rows, 1) : 1); }

/* In their spaxels until they are painted, here or where they travel to; and maps. */
static void plan_lines(plan *p, job *j)
{
  enum { MAPS = 40 };                        /* of the gas, about */
  const int smooth = j->par->Deposit != CUBIX_Deposit_nearest, keep = j->active != NULL;
  const double n = sources(j), records = records_of(j, n),
               slab = cubix_slab_bytes(n, CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION | CUBIX_SLAB_LENGTH |
                                           CUBIX_SLAB_SCREEN);
  if (j->par->Lines == CUBIX_Lines_none) return;
  cubix_memory_add(p, "sources of lines",
                   cubix_placement_bytes(records, j->painted, keep) * (owns_spaxels(j) ? 2 : 1) +
                       (keep ? slab + n * sizeof(size_t) : 0),
                   CUBIX_PHASE_PLACE, keep ? last : CUBIX_PHASE_PAINT);
  add_in(p, CUBIX_PHASE_PLACE, "sorting of sources",
         cubix_placement_work_bytes(n, records, j->painted, smooth, j->n_thread) + (keep ? 0 : slab));
  if (!j->par->TruthMaps) return;
  cubix_memory_add(p, "maps of gas", MAPS * sizeof(double) * j->painted, CUBIX_PHASE_PLACE, last);
}

/* Cells of gas sorted into tiles, before stars are placed. */
static void plan_columns(plan *p, job *j)
{
  double sorting;
  const struct cubix_slab *gas = j->particles->gas;
  const double bytes = cubix_mpi_columns_bytes(gas->position, gas->smoothing_length, gas->n, j->rows, &sorting);
  cubix_memory_add(p, "columns of gas", bytes, CUBIX_PHASE_COLUMNS, j->active ? last : CUBIX_PHASE_PAINT);
  add_in(p, CUBIX_PHASE_COLUMNS, "sorting of gas", sorting);
}

static void plan_templates(plan *p, job *j)
{
  const int per_round = j->n_thread < 6 ? 2 : j->n_thread / 3;
  const double tile = tile_bytes(j), n_tile = ceil((double)j->ins->n_lambda / CUBIX_TILE);
  const double mine = ceil(n_tile / j->n_rank), kept = cubix_basis_room_for(tile, (int)n_tile, 1);
  const double made = is_caching(j) || kept >= n_tile ? 0 : tile;
  if (is_caching(j)) {
    cubix_memory_see(p, "cached templates", n_tile * tile, CUBIX_PHASE_TEMPLATES, last);
    if (!j->prepared) add_in(p, CUBIX_PHASE_TEMPLATES, "templates that are made", fmin(per_round, mine) * tile);
  } else
    (cubix_mpi_local_rank() ? cubix_memory_see : cubix_memory_add)(p, "templates", kept * tile, CUBIX_PHASE_TEMPLATES,
                                                                   last);
  if (!j->dev->ops->locked_bytes)
    add_in(p, CUBIX_PHASE_PAINT, "multiplication", cubix_multiply_bytes(values(j), made, j->n_thread));
}

/* Spaxels that are painted together, in the channels of a group of ranks, and what of them is on its way. */
static void plan_strip(plan *p, job *j, enum cubix_phase phase, int n_group)
{
  const double most = (double)cubix_mpi_strip_most((size_t)j->painted, j->n_rank, n_group);
  const double on_way = n_group < j->n_rank ? j->channels : 0;
  add_in(p, phase, "spaxels painted",
         fmin(j->spaxels_own, most) * sizeof(cubix_real) * ((double)j->ins->n_lambda / n_group + on_way));
}

static void plan_histogram(plan *p, job *j)
{
  const int own = owns_spaxels(j);
  const double of_chunk = growth(j) * (own ? j->values_own_chunk : j->values_chunk), mine = histogram_bytes(j);
  const double chunk = cubix_histogram_bytes(of_chunk, spaxels(j));
  const double records = own ? j->records_own : j->records, fullest = own ? j->fullest_own : j->fullest;
  const double sorting = j->engine->dust ? cubix_histogram_sort_bytes(records, fullest, j->n_thread) : 0;
  const double work =
      cubix_histogram_work_bytes(of_chunk, j->templates->tables.n_row, n_node(j), j->n_thread) + sorting;
  const double stack = cubix_histogram_stack_bytes(chunk, mine, j->particles->n_chunk, chunk + work);
  add_in(p, CUBIX_PHASE_FILL, "histogram", stack);
  add_in(p, CUBIX_PHASE_PAINT, "histogram", mine);
  plan_templates(p, j);
  if (!own) return;
  cubix_memory_add(p, "stars of all ranks", cubix_placement_bytes(j->records_own, j->spaxels_own, 0),
                   CUBIX_PHASE_SHARE, CUBIX_PHASE_FILL);
  add_in(p, CUBIX_PHASE_SHARE, "stars on their way", j->records_own / j->n_rank * sizeof(struct cubix_star));
  plan_strip(p, j, CUBIX_PHASE_PAINT, j->par->Lines != CUBIX_Lines_none ? 1 : cubix_mpi_owners_groups(j->engine));
}

/* What a GPU's buffers take of this host. */
static void plan_processor(plan *p, job *j)
{
  const int direct = !is_histogram(j);
  if (j->dev->ops->locked_bytes) {
    const double tile = direct ? 0 : tile_bytes(j);
    const double bytes = j->dev->ops->locked_bytes(j->painted, j->channels, tile, j->active != NULL);
    cubix_memory_add(p, "page-locked buffers", bytes, direct ? CUBIX_PHASE_PAINT : CUBIX_PHASE_TEMPLATES, last);
  } else if (direct) {
    const double bytes = cubix_device_paint_bytes(j->ins->n_lambda, j->templates->tables.n_knot, j->n_thread);
    add_in(p, CUBIX_PHASE_PAINT, "painting", bytes);
  }
}

static void plan_cube(plan *p, job *j)
{
  const int apart = j->n_rank > 1 && (!j->engine || j->engine->combine == CUBIX_COMBINE_CUBE);
  const int ends = apart && j->rank != 0;      /* rank 0 adds up, and goes on alone */
  const int n_thread = apart && !getenv("OMP_NUM_THREADS") ? omp_get_num_procs() : j->n_thread;
  const double painted = j->painted * channel_bytes(j);
  cubix_memory_add(p, "maps", cubix_sums_bytes(j->ins, j->par, j->ins->margin), CUBIX_PHASE_PLACE, last);
  if (j->par->TruthMaps && !j->rank)
    add_in(p, CUBIX_PHASE_WRITE, "maps through the PSF", cubix_psf_sums_bytes(j->ins, j->par));
  if (j->par->TruthMaps && !j->rank) add_in(p, CUBIX_PHASE_WRITE, "maps", cubix_output_maps_bytes(j->par, j->ins));
  cubix_memory_add(p, "the cube", painted, CUBIX_PHASE_FILL, ends ? CUBIX_PHASE_PAINT : CUBIX_PHASE_PSF);
  if (apart) add_in(p, CUBIX_PHASE_PAINT, "messages", fmin(message_bytes, painted));
  add_in(p, CUBIX_PHASE_WRITE, "writing", cubix_output_bytes(j->ins, n_thread, j->n_rank, j->rank));
  if (ends) return;
  cubix_memory_add(p, "the cube", j->field * channel_bytes(j), CUBIX_PHASE_WRITE, last);
  if (j->ins->bundle) cubix_memory_add(p, "fibres", cubix_fibres_bytes(j->ins, j->channels), CUBIX_PHASE_PSF, last);
  add_in(p, CUBIX_PHASE_PSF, "the PSF's transforms", cubix_psf_bytes(j->ins, (int)j->channels, 1, 0, n_thread));
  cubix_memory_add(p, "the PSF's kernels", cubix_psf_bytes(j->ins, (int)j->channels, 0, 1, 0),
                   j->active ? first : CUBIX_PHASE_PSF, last);
}

/* Numbers of a star among the active leaves. */
static double numbers(job *j)
{
  double n = 0;
  for (int leaf = 0; leaf < CUBIX_N_LEAF; leaf++) {
    const struct cubix_leaf_info *info = cubix_leaf_info((enum cubix_leaf)leaf);
    if (j->active[leaf] && info->of == CUBIX_OF_STAR) n += info->n;
  }
  return n;
}

/* Pieces of the cube that are worked on at a time, and their way through the PSF. */
static void plan_pieces(plan *p, job *j, enum cubix_phase phase)
{
  const int psf = moves_psf(j), own = owns_spaxels(j);
  const double whole = j->painted * channel_bytes(j), tile = j->painted * CUBIX_TILE * sizeof(cubix_real);
  const double piece = own ? whole : fmin(fmax(CUBIX_CHAIN_PIECE, tile), whole);
  const double blur = cubix_psf_bytes(j->ins, (int)j->channels, psf ? 2 : 1, psf ? 2 : 0, j->n_thread);
  const int copies = !own || phase == CUBIX_PHASE_TANGENT;
  add_in(p, phase, "pieces of the cube", piece * (1 + copies * (j->field / j->painted + psf)));
  if (own) plan_strip(p, j, phase, 1);
  else if (j->n_rank > 1) add_in(p, phase, "messages", fmin(message_bytes, piece));
  if (j->ins->bundle) add_in(p, phase, "derivatives by fibres", cubix_fibres_vjp_bytes(j->ins, j->channels));
  add_in(p, phase, "the PSF's transforms", blur);
}

/* Records that have numbers with them: those of this rank, those of its spaxels, and what is under way. */
static double travelling(job *j) { return j->records + j->records_own * (1 + 1. / j->n_rank); }

static void plan_arrived(plan *p, job *j, enum cubix_phase phase)
{
  if (owns_spaxels(j)) add_in(p, phase, "stars of all ranks", cubix_placement_bytes(j->records_own, j->spaxels_own, 0));
}

/* Numbers of sources of emission lines, here and where they travel to, and of A(V) in front of them. */
static double of_sources(job *j, int totals)
{
  const double n = sources(j), copies = owns_spaxels(j) ? 2 + 1. / j->n_rank : 1;
  const int behind = j->par->Lines == CUBIX_Lines_sfr && j->par->Dust == CUBIX_Dust_gas;
  const double screens = behind ? (double)j->particles->gas->n * sizeof(double) : 0;
  return copies * records_of(j, n) * sizeof(struct cubix_star_bar) + screens +
         (totals ? n * sizeof(struct cubix_chain_total) : 0);
}

/* Backwards, and what is compared with: mpi/pipeline/chain_vjp.c. */
static void plan_derivatives(plan *p, job *j)
{
  const struct cubix_tables *tables = &j->templates->tables;
  const int fit = is_fit(j), direct = !is_histogram(j), smooth = j->par->Deposit != CUBIX_Deposit_nearest;
  const double field = j->field * channel_bytes(j), painted = j->painted * channel_bytes(j);
  const double placed = direct ? j->records : owns_spaxels(j) ? travelling(j) : fmin(j->records, CUBIX_CHAIN_PART);
  const double of_star = numbers(j) * sizeof(double) + (smooth ? sizeof(struct cubix_chain_total) : 0);
  const enum cubix_phase from = fit ? first : CUBIX_PHASE_COMPARE, until = fit ? last : CUBIX_PHASE_COMPARE;
  const enum cubix_phase reverse = CUBIX_PHASE_REVERSE;
  if (moves_psf(j)) cubix_memory_add(p, "the cube before the PSF", painted, fit ? first : CUBIX_PHASE_PSF, last);
  cubix_memory_add(p, "derivatives by the cube", field, from, last);
  cubix_memory_add(p, "the observed cube", 2 * field + 3 * j->field * sizeof(double), from, until);
  plan_pieces(p, j, reverse);
  add_in(p, reverse, "derivatives by stars", j->rows * of_star + placed * sizeof(struct cubix_star_bar));
  if (moves_columns(j))                      /* sums of cells, places and weights; of stars A(V) and places */
    add_in(p, reverse, "derivatives by dust", 200. * (double)j->particles->gas->n + 32. * j->rows);
  add_in(p, reverse, "derivatives by sources of lines", of_sources(j, smooth));
  if (moves_rows(j))
    add_in(p, reverse, "derivatives by templates", 2. * tables->n_row * (tables->n_knot + 1.) * sizeof(double));
  if (direct) return;
  const double of_values = histogram_bytes(j) + cubix_multiply_bytes(values(j), 0, 0);
  add_in(p, reverse, "derivatives by the histogram", 1.2 * of_values);
  plan_arrived(p, j, reverse);
  if (moves_rows_or_law(j)) add_in(p, reverse, "histogram", histogram_bytes(j));
}

/* What Mode fit adds: the cube between two forward runs, vectors, weights of the curvature and tangents. */
static void plan_fit(plan *p, job *j)
{
  const struct cubix_tables *tables = &j->templates->tables;
  const double field = j->field * channel_bytes(j);
  const enum cubix_phase tangent = CUBIX_PHASE_TANGENT;
  cubix_memory_add(p, "the cube", field, first, CUBIX_PHASE_TEMPLATES);
  cubix_memory_add(p, "the fit's vectors", cubix_fit_bytes(j->par, j->active, j->rows, &cubix_mpi_collective), first,
                   last);
  cubix_memory_add(p, "weights and tangents of the cube", 2 * field, first, last);
  plan_pieces(p, j, tangent);
  const double records = owns_spaxels(j) ? travelling(j) : j->records;
  add_in(p, tangent, "tangents of stars", records * sizeof(struct cubix_star_bar));
  add_in(p, tangent, "tangents of sources of lines", of_sources(j, 0));
  plan_arrived(p, j, tangent);
  if (moves_rows(j))
    add_in(p, tangent, "tangents of templates", (double)tables->n_row * tables->row_stride * sizeof(cubix_real));
  if (!is_histogram(j)) return;
  add_in(p, tangent, "tangents of the histogram", histogram_bytes(j) + cubix_multiply_bytes(values(j), 0, j->n_thread));
  if (moves_rows_or_law(j)) add_in(p, tangent, "histogram", histogram_bytes(j));
  if (!moves_rows(j)) return;
  const double tiles = tile_bytes(j) * ceil((double)j->ins->n_lambda / CUBIX_TILE);
  (cubix_mpi_local_rank() ? cubix_memory_see : cubix_memory_add)(p, "tangents of templates", tiles, tangent, tangent);
}

void cubix_mpi_memory_plan(plan *p, job *j)
{
  const struct cubix_slab *stars = j->particles ? j->particles->slab : NULL;
  const unsigned parts = CUBIX_SLAB_MOTION | CUBIX_SLAB_POPULATION;
  const double slab = stars && stars->position ? cubix_slab_bytes((double)stars->n, parts) : 0;
  const double gas = j->particles && j->particles->gas ? cubix_slab_held_bytes(j->particles->gas) : 0;
  *p = (plan){ 0 };
  cubix_memory_add(p, "program, library and tables", fmax(cubix_memory_used() - slab - gas, 0), first, last);
  cubix_memory_add(p, "gas", gas, first, last);
  if (!j->templates) cubix_memory_add(p, "tables of channels", 64. * j->ins->n_lambda, first, last);
  if (j->particles && j->templates) plan_stars(p, j);
  if (j->particles && j->particles->gas && j->par->Dust == CUBIX_Dust_gas) plan_columns(p, j);
  if (j->templates && is_histogram(j)) plan_histogram(p, j);
  if (j->templates) plan_processor(p, j);
  plan_cube(p, j);
  if (j->templates) plan_lines(p, j);
  if (j->templates && j->active) plan_derivatives(p, j);
  if (j->templates && is_fit(j)) plan_fit(p, j);
}
