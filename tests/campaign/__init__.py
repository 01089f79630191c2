"""Random faults: what users, disks, queues and other programs do to a run, a case at a time, each
known by seed and number."""
