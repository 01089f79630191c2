/* datafile.h -- finds the files that come with CUBIX: parameterfiles/<folder>/<name>.cfg. */
#ifndef CUBIX_DATAFILE_H
#define CUBIX_DATAFILE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Path of a file of parameterfiles/FOLDER.  Local.
 *  @param[out] path [size]
 *  @param folder  "instruments", "formats"
 *  @param name  a bare name ("MUSE"), one with .cfg, or a path; case, '-', '_' and spaces make no
 *    difference
 *  Errors: CUBIX_EUSAGE with the list of what exists. */
int cubix_datafile_find(char *path, size_t size, const char *folder, const char *name);
/** The folder parameterfiles/FOLDER itself.  Local. */
void cubix_datafile_folder(char *path, size_t size, const char *folder);
/** Names, without .cfg and sorted, of the files in parameterfiles/FOLDER.  Local.
 *  @param[out] names [n] owned by the caller: cubix_datafile_list_free */
int cubix_datafile_list(char ***names, int *n, const char *folder);
void cubix_datafile_list_free(char **names, int n);
/** Read a whole text file. libconfig ends the process if a read fails, so it is given its text from
 * memory.  Local.
 *  @param code status if the file cannot be read
 *  @param[out] text '\0'-terminated; owned by the caller: free */
int cubix_datafile_text(char **text, const char *path, int code);

#ifdef __cplusplus
}
#endif
#endif
