/* error.h -- how a function reports that it failed.
 *
 * A function that can fail returns an int status, holds `int status = CUBIX_OK;` and leaves through
 * one `done:`.  The first failure sets the message, every caller on the way up adds a frame to the
 * trace; only the programs' mains print. */
#ifndef CUBIX_ERROR_H
#define CUBIX_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum {
#define CUBIX_STATUS(name, exit_status, meaning) CUBIX_##name,
#include "base/error.def"
#undef CUBIX_STATUS
  CUBIX_N_STATUS
};

#if defined(__GNUC__)
#define CUBIX_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CUBIX_PRINTF(fmt, args)
#endif

/** Make a call that can fail; if it fails, note the place and leave. */
#define CUBIX_TRY(call) \
  do { \
    status = (call); \
    if (status) { \
      cubix_error_frame(__func__, __FILE__, __LINE__); \
      goto done; \
    } \
  } while (0)

/** State what must hold; otherwise set the message (value, bound, place, remedy) and leave. */
#define CUBIX_CHECK(cond, code, ...) \
  do { \
    if (!(cond)) { \
      status = cubix_error_set((code), __func__, __FILE__, __LINE__, __VA_ARGS__); \
      goto done; \
    } \
  } while (0)

/** Allocate zeroed memory for n elements; leaves with CUBIX_ENOMEM and the size in the message. */
#define CUBIX_ALLOC(pointer, n) CUBIX_CHECK(((pointer) = cubix_alloc((size_t)(n), sizeof *(pointer))), CUBIX_ENOMEM, \
    "cannot allocate %zu x %zu bytes for %s", (size_t)(n), sizeof *(pointer), #pointer)

/** Set the message of this thread's error and start its trace.  Local.  @return code */
int cubix_error_set(int code, const char *func, const char *file, int line, const char *fmt, ...) CUBIX_PRINTF(5, 6);
/** Add a caller to the trace.  Local. */
void cubix_error_frame(const char *func, const char *file, int line);
/** The message ("" without an error), and the trace, one frame per line.  Local, borrowed until the
 * next error. */
const char *cubix_error_message(void);
const char *cubix_error_trace(void);
/** Put the subject of the error (a parameter and its place) before its message.  Local. */
void cubix_error_about(const char *fmt, ...) CUBIX_PRINTF(1, 2);
/** Forget the error.  Local. */
void cubix_error_clear(void);
/** Exit status of a program that ends with this status: 0 done, 1 computing, 2 parameters, 3 input,
 * 4 output.  (130, after an interruption by a signal, has no status: console.h.)  Local. */
int cubix_error_exit_status(int code);
/** What a status means, in words.  Local. */
const char *cubix_error_meaning(int code);
/** calloc of at least one byte, aligned to 64 bytes; free() releases it.  Local.
 *  @return NULL when there is no memory */
void *cubix_alloc(unsigned long n, unsigned long size);
/** The same, but not zeroed, for memory that is written before it is read: the threads that fill it
 * then also bring in its pages.  Local. */
void *cubix_reserve(unsigned long n, unsigned long size);

#ifdef __cplusplus
}
#endif
#endif
