/* report.h -- what the log tells about a run: the galaxy, the instrument, and where the light went. */
#ifndef CUBIX_REPORT_H
#define CUBIX_REPORT_H

#include "output/output.h"

/** What is about to be observed.  Local. */
void cubix_report_scene(const struct cubix_result *r);
/** Flux budget: what went in, what fell outside, what the cube holds; clamped stars.  All ranks, after the PSF. */
void cubix_report_budget(const struct cubix_result *r, const struct cubix_collective *collective);

#endif
