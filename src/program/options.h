/* options.h -- the command line of cubix. */
#ifndef CUBIX_OPTIONS_H
#define CUBIX_OPTIONS_H

struct cubix_options {
  int dry_run, quiet, verbose;
  const char *file;               /* parameter file, "-" for standard input */
  int n_override;
  char **override;                /* [n_override] "Name=value", borrowed from argv */
};

/** Read the command line.  Local. --help, --version and --params are answered here, on standard
 * output.
 *  @param[out] answered  1: nothing is left to do
 *  Errors: CUBIX_EUSAGE. */
int cubix_options_read(struct cubix_options *options, int *answered, int argc, char **argv);

#endif
