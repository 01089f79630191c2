/* configfile.h -- reading a text file with its includes through libconfig, which nothing else calls
 * to read a file. */
#ifndef CUBIX_CONFIGFILE_H
#define CUBIX_CONFIGFILE_H

#include <libconfig.h>

/** Read a file, and those that it includes, which lie in its folder or else come with CUBIX.  Local.
 *  @param config  initialised; the caller owns and destroys it
 *  @param shipped  folder of parameterfiles where those lie
 *  @param code  status of a refusal
 *  Errors: code, with file and line: a syntax error; an included file that is not a regular file,
 *    or that includes itself. */
int cubix_configfile_read(config_t *config, const char *path, const char *shipped, int code);

#endif
