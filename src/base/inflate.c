/* inflate.c -- zlib, or libdeflate, which takes half the time where a stream and what it becomes are in memory as a
 * whole, as the chunks of an HDF5 dataset are. */
#define ZLIB_CONST                /* zlib does not write to what it inflates */
#include "base/inflate.h"

#include <stdint.h>
#include <stdlib.h>

#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#else
#include <zlib.h>
#endif

static const char damaged[] = "its deflated data are damaged", too_long[] = "its deflated data are too long";

#ifdef HAVE_LIBDEFLATE
struct cubix_inflater { struct libdeflate_decompressor *own; };

struct cubix_inflater *cubix_inflater_open(void)
{
  struct cubix_inflater *inflater = calloc(1, sizeof *inflater);
  if (inflater && (inflater->own = libdeflate_alloc_decompressor())) return inflater;
  free(inflater);
  return NULL;
}

const char *cubix_inflater_run(struct cubix_inflater *inflater, unsigned char *to, size_t *n, const unsigned char *from,
                               size_t n_from)
{
  const enum libdeflate_result result = libdeflate_zlib_decompress(inflater->own, from, n_from, to, *n, n);
  return result == LIBDEFLATE_SUCCESS ? NULL : result == LIBDEFLATE_INSUFFICIENT_SPACE ? too_long : damaged;
}

void cubix_inflater_close(struct cubix_inflater *inflater)
{
  if (inflater) libdeflate_free_decompressor(inflater->own);
  free(inflater);
}

#else
struct cubix_inflater { z_stream stream; };

struct cubix_inflater *cubix_inflater_open(void)
{
  struct cubix_inflater *inflater = calloc(1, sizeof *inflater);
  if (inflater && inflateInit(&inflater->stream) == Z_OK) return inflater;
  free(inflater);
  return NULL;
}

const char *cubix_inflater_run(struct cubix_inflater *inflater, unsigned char *to, size_t *n, const unsigned char *from,
                               size_t n_from)
{
  z_stream *stream = &inflater->stream;
  if (*n > UINT32_MAX || n_from > UINT32_MAX) return "it is larger than 4 GiB";
  if (inflateReset(stream) != Z_OK) return "zlib refuses to begin";
  stream->next_in = from;
  stream->avail_in = (uInt)n_from;
  stream->next_out = to;
  stream->avail_out = (uInt)*n;
  const int code = inflate(stream, Z_FINISH);
  *n -= stream->avail_out;
  if (code == Z_STREAM_END) return NULL;
  return code == Z_BUF_ERROR && stream->avail_out == 0 ? too_long : damaged;
}

void cubix_inflater_close(struct cubix_inflater *inflater)
{
  if (inflater) inflateEnd(&inflater->stream);
  free(inflater);
}
#endif
