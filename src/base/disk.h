/* disk.h -- whether the disks have room for what will be written, checked before the run. */
#ifndef CUBIX_DISK_H
#define CUBIX_DISK_H

#ifdef __cplusplus
extern "C" {
#endif

enum { CUBIX_DISK_PATH = 1000 };

/* A file, and the bytes that it will have. */
struct cubix_disk_need { char path[CUBIX_DISK_PATH]; double bytes; };

/** Add up what each file system has to take, and log that and the free space.  Local.
 *  Errors: CUBIX_EOUTPUT if there is less space than needed.  A file system that does not report
 *    its free space is no error. */
int cubix_disk_check(const struct cubix_disk_need *need, int n);

#ifdef __cplusplus
}
#endif
#endif
