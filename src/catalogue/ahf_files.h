/* ahf_files.h -- inside src/catalogue: which files are a catalogue of AHF: one of each kind, or those of its tasks,
 * SNAPSHOT.0000.z0.123.AHF_halos, SNAPSHOT.0001 ..., of which any stands for all. */
#ifndef CUBIX_AHF_FILES_H
#define CUBIX_AHF_FILES_H

#define CUBIX_AHF_HALOS "AHF_halos"
#define CUBIX_AHF_PARTICLES "AHF_particles"

struct cubix_ahf_files {
  char stem[4096];                      /* "DIR/snap.z0.123.", or of task 0 "DIR/snap.0000.z0.123." */
  char *task;                           /* in stem: the digits of the task; NULL: there are no tasks */
  int n_task;                           /* 1 without */
  char halos[4200], particles[4200];    /* of the task that was named last */
};

/** "DIR/snap.z0.123." of any of the files, or of the name before it.  Local.
 *  @return 0: it is no catalogue of AHF */
int cubix_ahf_files_stem(char stem[4096], const char *path);
/** The files that belong to one of them; those of task 0 are named.  Local.
 *  Errors: CUBIX_EINPUT: one of a task is missing. */
int cubix_ahf_files_find(struct cubix_ahf_files *files, const char *path);
/** Name the files of task t.  Local. */
void cubix_ahf_files_name(struct cubix_ahf_files *files, int t);

#endif
