/* multiply_parts.h -- inside the multiply: the blocks in the order in which they are multiplied
 * (multiply_panel.c), and the instruction sets. */
#ifndef CUBIX_MULTIPLY_PARTS_H
#define CUBIX_MULTIPLY_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"

enum { CUBIX_AHEAD = 4, CUBIX_PANEL = 1024 };

struct cubix_item {               /* a block */
  uint32_t spaxel : 31, full : 1; /* of its panel; full: the last of a group */
  int16_t node, n;
};

struct cubix_place { size_t item, value; };

struct cubix_run {                /* the blocks of one template: up to where the next run's begin */
  size_t slot;
  int screen;                     /* node in A(V); those of a template follow each other */
  int first, n_node;              /* nodes in use */
  struct cubix_place at;
};

struct cubix_panel {
  size_t n_spaxel, n_run;
  const size_t *spaxel;           /* [n_spaxel] those that hold something */
  struct cubix_run *run;          /* [n_run + 1] */
  struct cubix_item *item;        /* [blocks + CUBIX_AHEAD] */
  size_t *origin;                 /* [blocks] cubix_block.at */
  float *value;                   /* NULL for a cover */
};

struct cubix_panels {
  const struct cubix_histogram *histogram;
  const struct cubix_basis *basis;
  double scale;
  size_t n_occupied, *occupied;   /* [n_occupied] spaxels that hold something, rising */
  size_t n_panel;
  struct cubix_panel *panel;
};

/** Sort.  Local.
 *  @param scale of the values
 *  @param wanted [n_spaxel] 0: leave the spaxel out; NULL: none
 *  @param[out] panels borrow histogram and basis */
int cubix_panels_init(struct cubix_panels *panels, const struct cubix_histogram *histogram,
                      const struct cubix_basis *basis, double scale, const unsigned char *wanted);
/** What panels of n_value values take, about: as in cubix_histogram_bytes.  Local. */
double cubix_panels_bytes(double n_value);
void cubix_panels_free(struct cubix_panels *panels);
/** Nodes first .. first + n - 1 of a template times the channels' factors.  Local. */
void cubix_multiply_dim(float *restrict dimmed, const float *restrict d, const float *restrict factor, int first,
                        int n);
/** Instructions by name.  Local.  Errors: CUBIX_EDEVICE if this machine lacks them. */
int cubix_multiply_instructions(enum cubix_cpu *cpu, const char *name);

#endif
