/* disk.h -- whether there is room for what will be written, asked before the work. */
#ifndef CUBIX_DISK_H
#define CUBIX_DISK_H

enum { CUBIX_DISK_PATH = 1000 };

/* A file, and the bytes that it will have. */
struct cubix_disk_need { char path[CUBIX_DISK_PATH]; double bytes; };

/** Add up what each file system has to take, say how much it is and how much is free.  Local.
 *  Errors: CUBIX_EOUTPUT where there is less than needed; what a file system does not tell is no error.
 */
int cubix_disk_check(const struct cubix_disk_need *need, int n);

#endif
