/* batch_status.h -- what the journal of a batch says. */
#ifndef CUBIX_BATCH_STATUS_H
#define CUBIX_BATCH_STATUS_H

/** Print how many rows are done, which failed and why, and when the rest may be done.  Local.
 *  Errors: CUBIX_EINPUT: there is no journal. */
int cubix_batch_status(const char *folder);
/** Warn of what rows were warned of, and of those that failed.  Local. */
int cubix_batch_report(const char *folder);

#endif
