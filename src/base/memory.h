/* memory.h -- how much memory there is, and the plan of how much a run will take. */
#ifndef CUBIX_MEMORY_H
#define CUBIX_MEMORY_H

#include <stddef.h>

/** Bytes that are free for all programs of this node together, with the page cache counted as free;
 * less if this process is in a control group (a container, a batch job) that leaves less.
 * Local. */
double cubix_memory_free(void);
/** Bytes that control groups leave: the least of the groups in `list`, a file like
 * /proc/self/cgroup, and those above them, whose files lie below `mount`, of version 2 or 1;
 * HUGE_VAL if none has a limit.  Local. */
double cubix_memory_group(const char *list, const char *mount);
/** Bytes that the limits of this process itself (ulimit -v, -d) leave; HUGE_VAL if there are none.
 * Local. */
double cubix_memory_own(void);
/** Bytes of memory that this process has now, and the most that it has had.  Local. */
double cubix_memory_used(void);
double cubix_memory_most(void);
/** Bring new memory in by all threads, which comes cheaper so than page by page as it is first written.  Where the
 * system cannot be asked for that nothing is done.  Local.  @param p  of so many bytes; NULL is allowed */
void cubix_memory_touch(void *p, size_t bytes);
/** Give memory that was freed back to the system.  glibc keeps blocks of up to 32 MiB, once some of their size were
 * freed, and where they lie between others that grow from chunk to chunk they are not used again.  Local. */
void cubix_memory_trim(void);

/* The stages of a run, by what is in memory at the same time. */
enum cubix_phase {
  CUBIX_PHASE_COLUMNS,            /* the dust in front of stars is found */
  CUBIX_PHASE_PLACE,              /* stars are sorted into spaxels */
  CUBIX_PHASE_TEMPLATES,          /* templates are prepared */
  CUBIX_PHASE_SHARE,              /* stars travel to the owners of their spaxels */
  CUBIX_PHASE_FILL,               /* stars become a histogram */
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
  /* others: 1: memory of the system or of another process, which this one only sees */
  struct { const char *what; double bytes; enum cubix_phase first, last; int others; } item[CUBIX_MEMORY_ITEMS];
};

/** Add an item that is in memory from one phase to another; one of 0 bytes or less is ignored.
 * Local.
 *  @param what borrowed */
void cubix_memory_add(struct cubix_memory_plan *plan, const char *what, double bytes, enum cubix_phase first,
                      enum cubix_phase last);
/** The same for memory that this process sees, and that the system or another process accounts for.
 * Local. */
void cubix_memory_see(struct cubix_memory_plan *plan, const char *what, double bytes, enum cubix_phase first,
                      enum cubix_phase last);
/** The largest sum of all phases without what others account for.  Local. */
double cubix_memory_peak_own(const struct cubix_memory_plan *plan);
/** The largest sum of all phases.  Local.  @param[out] phase NULL, or in which phase */
double cubix_memory_peak(const struct cubix_memory_plan *plan, enum cubix_phase *phase);
/** The largest items of a phase, as "the cube 1.2 GB, stars 0.3 GB, ...".  Local. */
void cubix_memory_describe(const struct cubix_memory_plan *plan, enum cubix_phase phase, char *text, size_t size);
/** The phase in words, such as "while stars are placed".  Local. */
const char *cubix_phase_name(enum cubix_phase phase);

#endif
