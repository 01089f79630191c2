/* release.h -- which CUBIX this is: of the headers by macros, of the library by a function.
 *
 * While the major version is 0, programs that were compiled with another minor version must be compiled again (its
 * number is part of the shared library's name); from 1 on, only those of another major version. */
#ifndef CUBIX_RELEASE_H
#define CUBIX_RELEASE_H

#ifdef __cplusplus
extern "C" {
#endif

#define CUBIX_VERSION_MAJOR 0
#define CUBIX_VERSION_MINOR 1
#define CUBIX_VERSION_PATCH 0
/* for comparisons by the preprocessor: 0.1.0 is 100 */
#define CUBIX_VERSION_NUMBER (10000 * CUBIX_VERSION_MAJOR + 100 * CUBIX_VERSION_MINOR + CUBIX_VERSION_PATCH)

/** The version of the library that is loaded, "0.1.0".  Local. */
const char *cubix_version(void);

#ifdef __cplusplus
}
#endif
#endif
