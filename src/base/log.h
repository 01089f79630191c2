/* log.h -- what the program reports while it works: the log (standard output of rank 0) and
 * warnings (standard error, once per job).
 *
 * The library itself prints nothing: everything goes to one callback, which the mains set and a
 * host program may replace. */
#ifndef CUBIX_LOG_H
#define CUBIX_LOG_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum cubix_log_level { CUBIX_LOG_DEBUG, CUBIX_LOG_INFO, CUBIX_LOG_PROGRESS, CUBIX_LOG_WARNING };

/* Warnings, a line each. */
struct cubix_warnings { char text[8192]; };

typedef void cubix_log_function(enum cubix_log_level level, const char *line, void *host);

/** Set where lines go from now on; NULL: nowhere.  Local. */
void cubix_log_to(cubix_log_function *function, void *host);
/** Log one line, without newline.  Local. */
void cubix_log(enum cubix_log_level level, const char *fmt, ...) CUBIX_PRINTF(2, 3);
/** Report the share of a stage that is done, 0..1, for the live line on a terminal.  Local; call it
 * from one thread. */
void cubix_log_progress(const char *stage, double done);
/** Seconds of a monotonic clock.  Local. */
double cubix_log_clock(void);
/** Collect warnings here from now on: those of a run, which begins with all earlier ones.  Local.
 *  @param warnings borrowed while it is in use; NULL: the program's
 *  @return who has collected so far */
struct cubix_warnings *cubix_log_collect(struct cubix_warnings *warnings);
/** The warnings collected so far, one per line, for the provenance of outputs.  Local, borrowed. */
const struct cubix_warnings *cubix_log_warnings(void);

#ifdef __cplusplus
}
#endif
#endif
