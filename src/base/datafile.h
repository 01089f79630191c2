/* datafile.h -- finds the files that come with CUBIX: parameterfiles/<folder>/<name>.cfg. */
#ifndef CUBIX_DATAFILE_H
#define CUBIX_DATAFILE_H

#include <stddef.h>

/** Path of a file of parameterfiles/FOLDER.  Local.
 *  @param[out] path [size]
 *  @param folder  "instruments", "formats"
 *  @param name    a bare name ("MUSE"), one with .cfg, or a path; upper and lower case, '-', '_'
 *    and spaces do not count Errors: CUBIX_EUSAGE with the list of what there is. */
int cubix_datafile_find(char *path, size_t size, const char *folder, const char *name);
/** Names, without .cfg and sorted, of the files in parameterfiles/FOLDER.  Local.
 *  @param[out] names [n] owned by the caller: cubix_datafile_list_free */
int cubix_datafile_list(char ***names, int *n, const char *folder);
void cubix_datafile_list_free(char **names, int n);
/** A text file, whole: libconfig, which ends the process where a read fails, gets its text from
 * memory.  Local.
 *  @param code status of a file that cannot be read  @param[out] text '\0'-terminated; owned by the
 *  caller: free */
int cubix_datafile_text(char **text, const char *path, int code);

#endif
