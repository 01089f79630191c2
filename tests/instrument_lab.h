/* instrument_lab.h -- an instrument with parameters over it, for the tests of instruments. */
#ifndef CUBIX_TESTS_INSTRUMENT_LAB_H
#define CUBIX_TESTS_INSTRUMENT_LAB_H

#include <stdarg.h>

#include "instrument/instrument.h"

/* The instrument with parameters "Name", "value", ..., NULL over it; NULL where it is refused (status in *code). */
static inline struct cubix_instrument *instrument(int *code, ...)
{
  struct cubix_params *par = NULL;
  struct cubix_instrument *ins = NULL;
  va_list ap;
  const char *name;
  *code = cubix_params_init(&par);
  va_start(ap, code);
  while (!*code && (name = va_arg(ap, const char *))) *code = cubix_params_set(par, name, va_arg(ap, const char *));
  va_end(ap);
  if (!*code) *code = cubix_instrument_read(&ins, par);
  cubix_params_free(par);
  return ins;
}

#endif
