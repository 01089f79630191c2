/* line_audit.h -- what emission lines contribute to the voxels of the audit. */
#ifndef CUBIX_LINE_AUDIT_H
#define CUBIX_LINE_AUDIT_H

#include "cube/placement.h"
#include "engine/audit.h"
#include "lines/lines.h"

/** Add the lines of the sources to the evidence, by their exact profiles in float64.  Local.
 *  @param scale erg/s -> the cube's unit, in a channel of mean width */
int cubix_line_audit(struct cubix_audit *audit, const struct cubix_lines *lines,
                     const struct cubix_placement *sources, double scale);

#endif
