/* dusty_parts.h -- inside the multiply: stars behind dust, three functions of wavelength in a tile in
 * place of a row for each node in A(V). */
#ifndef CUBIX_DUSTY_PARTS_H
#define CUBIX_DUSTY_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h"
#include "cube/cube.h"
#include "histogram/basis.h"
#include "histogram/histogram.h"

enum {
  CUBIX_DUSTY = 3,                /* functions */
  CUBIX_DUSTY_PANEL = 512,        /* lines of a panel */
  CUBIX_DUSTY_LANE = 8            /* values of a window come in multiples of it */
};

/* A library row of a line: a window of velocities, and in each node in A(V) its values, 0 where it has none. */
struct cubix_dusty_item {
  uint32_t line : 31, full : 1;   /* of its panel; full: the last of a group */
  int16_t node, n;                /* velocities */
  int16_t offset, n_screen;       /* nodes in A(V), the first counted from the line's centre */
};

/* The blocks of one template: up to where the next run's begin. */
struct cubix_dusty_run {
  size_t slot;
  int first, n_node;              /* velocities in use */
  size_t item, value;
};

/* A spaxel, or of one with many nodes in A(V) some neighbouring ones. */
struct cubix_dusty_line {
  size_t spaxel;
  int low, high, centre;
};

struct cubix_dusty_panel {
  size_t n_line, n_run;
  const struct cubix_dusty_line *line;
  struct cubix_dusty_run *run;    /* [n_run + 1] */
  struct cubix_dusty_item *item;  /* [items + CUBIX_AHEAD] */
  float *value;                   /* item after item: [n_screen][n, rounded up to CUBIX_DUSTY_LANE] */
};

struct cubix_dusty {
  const struct cubix_histogram *histogram;
  const struct cubix_basis *basis;
  double scale;
  int reach;                      /* nodes to both sides of a centre that the functions serve */
  int first_tile, n_tile;
  float (*coefficient)[4];        /* [n_tile][2 reach + 1] of a node's three functions; the fourth is not used */
  float *shape;                   /* [n_tile][CUBIX_DUSTY][CUBIX_TILE] polynomials in k of the channels */
  float *factor;                  /* [n_tile][nodes in A(V)][CUBIX_TILE] cubix_axis_table */
  size_t n_line, n_panel;
  struct cubix_dusty_line *line;
  struct cubix_dusty_panel *panel;
};

/* What a thread works in. */
struct cubix_dusty_space {
  float *sum;                     /* [CUBIX_DUSTY_PANEL][CUBIX_DUSTY][CUBIX_TILE] of a group, but the first of all */
  float *total;                   /* [CUBIX_DUSTY_PANEL][CUBIX_TILE] of the groups that are full */
  float *mixed;                   /* [CUBIX_DUSTY][nodes, rounded up] */
};

/** Nodes to both sides of a centre that three functions serve within `error` in every tile of the
 * basis.  Local.  @return 0: not even one */
int cubix_dusty_reach(const struct cubix_axis *axis, int n_lambda, double error);
/** Sort a histogram behind dust for tiles first_tile .. + n_tile - 1.  Local.
 *  @param[out] dusty borrows histogram and basis; free it even if this fails */
int cubix_dusty_init(struct cubix_dusty *dusty, const struct cubix_histogram *histogram,
                     const struct cubix_basis *basis, double scale, int reach, int first_tile, int n_tile);
/** Lines of all spaxels, and their values in panels (dusty_panel.c).  Local. */
int cubix_dusty_panels(struct cubix_dusty *dusty);
void cubix_dusty_free(struct cubix_dusty *dusty);
int cubix_dusty_space_init(struct cubix_dusty_space *space, const struct cubix_dusty *dusty);
void cubix_dusty_space_free(struct cubix_dusty_space *space);
/** Add the spectra of a panel's lines in a tile to the cube.  Local.
 *  @param d the tile */
void cubix_dusty_multiply(struct cubix_cube *cube, const struct cubix_dusty *dusty, size_t panel, int tile,
                          const float *d, enum cubix_cpu cpu, struct cubix_dusty_space *space);

#endif
