/* memory.h -- how much memory there is, and the plan of what a run will take of it. */
#ifndef CUBIX_MEMORY_H
#define CUBIX_MEMORY_H

#include <stddef.h>

/** Bytes that are free for all programs of this node together, files that the system keeps for
 * convenience not counted; less where this process is in a
 *  control group (a container, a batch job) with less left.  Local. */
double cubix_memory_free(void);
/** What control groups leave: the least of the groups in `list`, a file like /proc/self/cgroup, and
 * those above them, whose files lie below `mount`, of
 *  version 2 or 1; HUGE_VAL where none has a limit.  Local. */
double cubix_memory_group(const char *list, const char *mount);
/** What the limits of this process alone (ulimit -v, -d) leave; HUGE_VAL where there are none.  Local. */
double cubix_memory_own(void);
/** Bytes of memory that this process has now, and its largest number so far.  Local. */
double cubix_memory_used(void);
double cubix_memory_most(void);

/* The stages of a run, by what is in memory at the same time. */
enum cubix_phase {
  CUBIX_PHASE_PLACE,              /* stars are sorted into spaxels */
  CUBIX_PHASE_TEMPLATES,          /* templates are prepared */
  CUBIX_PHASE_FILL,            /* stars become a histogram */
  CUBIX_PHASE_SHARE,              /* ranks exchange histograms */
  CUBIX_PHASE_PAINT,
  CUBIX_PHASE_PSF,
  CUBIX_PHASE_WRITE,
  CUBIX_PHASE_COMPARE,            /* with an observed cube */
  CUBIX_PHASE_REVERSE,            /* derivatives */
  CUBIX_PHASE_TANGENT,            /* along the unknowns of a fit */
  CUBIX_N_PHASE
};

/* What one rank takes, item by item. */
enum { CUBIX_MEMORY_ITEMS = 48 };
struct cubix_memory_plan {
  int n;
  struct { const char *what; double bytes; enum cubix_phase first, last; } item[CUBIX_MEMORY_ITEMS];
};

/** Note an item that is in memory from one phase to another; of 0 bytes or less it is left out.
 * Local.  @param what borrowed */
void cubix_memory_add(struct cubix_memory_plan *plan, const char *what, double bytes, enum cubix_phase first,
                      enum cubix_phase last);
/** The largest sum of all phases.  Local.  @param[out] phase  NULL, or when that is */
double cubix_memory_peak(const struct cubix_memory_plan *plan, enum cubix_phase *phase);
/** The largest items of a phase, as "the cube 1.2 GB, stars 0.3 GB, ...".  Local. */
void cubix_memory_describe(const struct cubix_memory_plan *plan, enum cubix_phase phase, char *text, size_t size);
/** As "while stars are placed".  Local. */
const char *cubix_phase_name(enum cubix_phase phase);

#endif
