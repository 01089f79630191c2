/* line_demo.h -- the table of emission lines in closed form. */
#ifndef CUBIX_LINE_DEMO_H
#define CUBIX_LINE_DEMO_H

#include "lines/line_table.h"

/** That of LineFile demo.  Local.  Source: line_demo.c.  @param[out] table owned by the caller */
int cubix_line_table_demo(struct cubix_line_table **table);

#endif
