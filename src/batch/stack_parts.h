/* stack_parts.h -- inside the stack: the numbers of a row that stand beside its maps. */
#ifndef CUBIX_BATCH_STACK_PARTS_H
#define CUBIX_BATCH_STACK_PARTS_H

#include "output/output.h"

enum { CUBIX_STACK_NUMBERS = 4 };
struct cubix_stack_number { const char *name, *unit, *description; };
extern const struct cubix_stack_number cubix_stack_number[CUBIX_STACK_NUMBERS];
/** Their values.  Local. */
void cubix_stack_numbers(double value[CUBIX_STACK_NUMBERS], const struct cubix_result *result);

#endif
