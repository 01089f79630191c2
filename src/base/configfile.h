/* configfile.h -- the one door to libconfig: a text file with what it includes. */
#ifndef CUBIX_CONFIGFILE_H
#define CUBIX_CONFIGFILE_H

#include <libconfig.h>

/** Read a file; those that it includes lie in its folder.  Local.
 *  @param config  initialised; owned by the caller, who destroys it
 *  @param code    the status of a refusal
 *  Errors: code, with file and line: a syntax error; an included file that is none, or that
 *  includes itself. */
int cubix_configfile_read(config_t *config, const char *path, int code);

#endif
