/* report.h -- what the log says about a run: the galaxy, the instrument, and where the light
 * went. */
#ifndef CUBIX_REPORT_H
#define CUBIX_REPORT_H

#include "output/output.h"

/** Log which files are read and written, with their whole paths.  Local. */
void cubix_report_files(const struct cubix_params *par);
/** Log what is about to be observed.  Local. */
void cubix_report_scene(const struct cubix_result *r);
/** Log the exposure that was found, or the S/N that it gives; warn of one that nobody has.  Local. */
void cubix_report_noise(const struct cubix_params *par, const struct cubix_noise *noise);
/** Log what of the light lies in the field, and warn of stars beyond library or universe, before painting.  Local. */
void cubix_report_light(const struct cubix_result *r);
/** Log the flux budget: what went in, what fell outside, what the cube holds; and stars beyond the
 * library.  Called by all ranks, after the PSF. */
void cubix_report_budget(const struct cubix_result *r, const struct cubix_collective *collective);

#endif
