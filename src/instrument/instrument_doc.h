/* instrument_doc.h -- the shipped instruments, told in tables made from their files. */
#ifndef CUBIX_INSTRUMENT_DOC_H
#define CUBIX_INSTRUMENT_DOC_H

#include <stdio.h>

/** Write the list of all instruments: form "list" (a line each) or "markdown" (the tables of
 * doc/instruments.md).  Local.
 *  Errors: CUBIX_EUSAGE for another form; those of reading the files. */
int cubix_instruments_write(FILE *out, const char *form);
/** Write the names of all instruments, or of those of whose name `word` is a part, in lines of 100
 * columns below a title.  Local; nothing is written where there are none.
 *  @param word  NULL: all
 *  @return how many */
int cubix_instruments_name(FILE *out, const char *word);

#endif
