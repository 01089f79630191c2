/* histogram.h -- the stars of every spaxel as masses on (template, velocity node).  Spectra are
 * linear in these masses, so they are all that the cube needs of the stars.
 *
 * Storage is sparse: a block is a template's window of neighbouring nodes in one spaxel.  Masses
 * are 64-bit integers on a scale of the spaxel's own, so that sums do not depend on their order,
 * nor on threads, ranks or chunks. */
#ifndef CUBIX_HISTOGRAM_H
#define CUBIX_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "cube/placement.h"
#include "physics/node.h"
#include "physics/tables.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cubix_block {
  /* library row iz*n_age + ia; behind dust, plus the node in A(V) times the number of rows */
  int32_t row;
  int16_t node, n;                /* first node and number of nodes; except in a cover neither end is empty */
  size_t at;                      /* of its n values */
};

struct cubix_histogram {
  size_t n_spaxel;                /* painted, margin included */
  struct cubix_nodes nodes;
  int32_t *exponent;              /* [n_spaxel] value = mass [Msun] * 2^exponent */
  /* [n_spaxel + 1]: the blocks of spaxel s are start[s] .. start[s + 1] - 1, rising in row */
  size_t *start;
  struct cubix_block *block;      /* [start[n_spaxel]] */
  int64_t *value;                 /* [n_value] block after block; NULL in a cover */
  size_t n_value;
};

/** Scale of every spaxel, from the number of stars and the largest mass of a star in it, of all
 * ranks and chunks: a single mass stays below 2^51, a sum below 2^62.  Local.
 *  @param count, heaviest [n_spaxel]
 *  @param[out] exponent [n_spaxel] */
void cubix_histogram_scale(int32_t *exponent, const uint64_t *count, const double *heaviest, size_t n_spaxel);
/** Fill a histogram with the placed stars within the grid's reach; the others are left out.  Local.
 *  @param exponent [n_spaxel], copied
 *  @param[out] histogram owned by the caller */
int cubix_histogram_build(struct cubix_histogram **histogram, const struct cubix_nodes *nodes, const int32_t *exponent,
                          const struct cubix_placement *placement, const struct cubix_tables *tables);
/** Make a cover: blocks of everything that the stars within reach touch, the four rows of their
 * cells with all six nodes, even without mass; derivatives are computed on these.  Local.
 *  @param[out] cover owned by the caller; value is NULL, n_value counts, exponents are 0 */
int cubix_histogram_cover(struct cubix_histogram **cover, const struct cubix_nodes *nodes,
                          const struct cubix_placement *placement, const struct cubix_tables *tables);
/** Reverse of cubix_histogram_build: from derivatives with respect to a cover's values [1/Msun] to
 * those with respect to the stars.  Stars beyond reach get nothing.  Local.
 *  @param cover of these stars, or more
 *  @param value_bar [cover->n_value]
 *  @param[in,out] bar [stars placed] */
int cubix_histogram_fill_vjp(const struct cubix_histogram *cover, const double *value_bar,
                             const struct cubix_placement *placement, const struct cubix_tables *tables,
                             struct cubix_star_bar *bar);
/** Tangents of the values, of either sign, on a scale of their own: those of several placements
 * cannot be merged.  Local.
 *  @param dot [stars placed]
 *  @param[out] histogram_dot owned by the caller */
int cubix_histogram_fill_jvp(struct cubix_histogram **histogram_dot, const struct cubix_nodes *nodes,
                             const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                             const struct cubix_tables *tables);
/** The scale that the tangents of these stars take.  Local.
 *  @param[out] exponent [n_spaxel]
 *  Errors: CUBIX_EFAIL if tangents are not finite. */
int cubix_histogram_dot_scale(int32_t *exponent, const struct cubix_nodes *nodes,
                              const struct cubix_placement *placement, const struct cubix_star_bar *dot,
                              const struct cubix_tables *tables);
/** Sum of n histograms of the same spaxels, grid and scale (chunks, ranks); NULL counts as an empty
 * one.  The bits depend neither on how the stars were divided nor on the order of the parts.
 * Local.
 *  @param[out] sum owned by the caller; NULL if all parts are */
int cubix_histogram_merge(struct cubix_histogram **sum, struct cubix_histogram *const *part, int n);
/* Histograms that are being added up: those of chunks, one after the other. */
enum { CUBIX_HISTOGRAM_STACK = 16 };
struct cubix_histogram_stack {
  int n;
  struct cubix_histogram *part[CUBIX_HISTOGRAM_STACK];   /* the first is a sum, the others wait */
};
/** Put a histogram on the stack, which takes ownership.  The parts are merged as soon as the
 * waiting ones are half as large as the sum: all merges together cost no more than making the
 * parts, and memory never holds more than the sum, half of it, and the next sum.  Local. */
int cubix_histogram_stack_add(struct cubix_histogram_stack *stack, struct cubix_histogram *histogram);
/** Take the sum of all, leaving the stack empty.  Local.
 *  @param[out] sum owned by the caller; NULL if there was none */
int cubix_histogram_stack_take(struct cubix_histogram **sum, struct cubix_histogram_stack *stack);
/** Largest number of bytes that a stack takes, together with the histogram being added.  Local.
 *  @param one bytes of a histogram
 *  @param all bytes of the sum of n of them
 *  @param work bytes of making one, itself included */
double cubix_histogram_stack_bytes(double one, double all, size_t n, double work);
void cubix_histogram_stack_free(struct cubix_histogram_stack *stack);

/** Allocate room for n_block blocks and n_value values, which the caller fills, as well as start.
 * Local.
 *  @param exponent [n_spaxel], copied */
int cubix_histogram_init(struct cubix_histogram **histogram, const struct cubix_nodes *nodes, const int32_t *exponent,
                         size_t n_spaxel, size_t n_block, size_t n_value);
/** Spaxels first .. last - 1 of a histogram, which lends its memory; blocks keep their places among
 * its values.  Local. */
struct cubix_histogram cubix_histogram_part(const struct cubix_histogram *histogram, size_t first, size_t last);
/** Index of the first value of spaxel s, or if it has none, of the next spaxel that has; for s =
 * n_spaxel: n_value.  Local. */
size_t cubix_histogram_value_start(const struct cubix_histogram *histogram, size_t s);
/** Bytes of a histogram of n_value values, approximately: a block has seven on average.  Local. */
double cubix_histogram_bytes(double n_value, double n_spaxel);
/** Bytes that filling takes beside the histogram.  Local. */
double cubix_histogram_work_bytes(double n_value, int n_row, int n_node, int n_thread);
/** Bytes that sorting stars by A(V) takes beside that, spaxel by spaxel.  Local.
 *  @param fullest  stars of the spaxel with most */
double cubix_histogram_sort_bytes(double n_star, double fullest, int n_thread);
void cubix_histogram_free(struct cubix_histogram *histogram);

#ifdef __cplusplus
}
#endif
#endif
