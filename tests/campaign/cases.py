"""The kinds of cases.  Each takes a Lab and a random.Random, and gives what was done, what is wrong
with how it ended, and the statuses of the runs."""
import shutil
import signal

from campaign import fuzz
from campaign.lab import JOBS, Job, NO_START, judge

ERRNO = {"EIO": 5, "ENOENT": 2, "EACCES": 13, "ENOMEM": 12, "ENOSPC": 28, "EMFILE": 24, "ESTALE": 116, "EINTR": 4}
CALLS_IN = ("open", "open", "read", "read", "read", "close", "stat", "map")
CALLS_OUT = ("open", "write", "write", "write", "close", "sync", "truncate", "rename", "unlink", "room", "stat")


def _ranks(rng):
    return rng.choice([1, 1, 2, 2, 3])


def _compare(bench, name, done, inputs_changed=False, **more):
    want = bench.reference(name) if done.status == 0 and not inputs_changed else None
    if want and name in ("fit", "resume"):
        # an optimum is found by sums whose order may differ; the tests of fits compare them
        want = {file: {} for file in want}
    return judge(done, want, **more)


def _again(bench, name, folder, ranks, told, statuses):
    """The same job in the same folder must do, and leave nothing of the first run's."""
    done = bench.run(JOBS[name], ranks, folder)
    statuses.append(done.status)
    told += [f"again: {word}" for word in _compare(bench, name, done)]
    if done.status:
        told.append(f"again: status {done.status}: {done.err.strip()[-200:]}")


def kill(bench, rng):
    name, ranks = rng.choice(sorted(JOBS)), _ranks(rng)
    number = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
                         signal.SIGUSR2, signal.SIGXCPU, signal.SIGPIPE])
    one = rng.randrange(ranks) if ranks > 1 and rng.random() < 0.5 else None
    after = rng.uniform(0.05, 1.2) * (1 + 0.5 * (ranks - 1))
    folder = bench.fresh()
    done = bench.run(JOBS[name], ranks, folder, interrupt=(after, number, one))
    statuses = [done.status]
    told = _compare(bench, name, done, killed=number if ranks == 1 or done.status < 0 or done.status > 128
                    else signal.SIGKILL)
    _again(bench, name, folder, ranks, told, statuses)
    whom = "all" if one is None else f"rank {one}"
    return f"{name}, {ranks} ranks, {number.name} to {whom} after {after:.2f} s", told, statuses, done


def kill_at(bench, rng):
    """At a call: while a file is being written or renamed."""
    name, ranks = rng.choice(sorted(n for n in JOBS if JOBS[n].writes)), _ranks(rng)
    number, rank = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]), rng.randrange(ranks)
    call, stem = rng.choice(CALLS_OUT), "m." if name.startswith("mock") else "o"
    what = f"call={call} path={bench.folder}/run{bench.n_run + 1}/"
    folder = bench.fresh()
    nth = int(2**rng.uniform(0, 8))
    done = bench.run(JOBS[name], ranks, folder, fault=f"{what} rank={rank} nth={nth} signal={int(number)}")
    statuses = [done.status]
    told = _compare(bench, name, done, killed=signal.SIGKILL if done.fired else None)
    if done.fired:
        _again(bench, name, folder, ranks, told, statuses)
    reached = "" if done.fired else " (not reached)"
    return (f"{name}, {ranks} ranks, {number.name} of rank {rank} at {call} {nth} of {stem}*{reached}", told, statuses,
            done)


def full_disk(bench, rng):
    name, ranks = rng.choice(sorted(JOBS)), _ranks(rng)
    folder = bench.fresh()
    if rng.random() < 0.4:
        limit, ranks = int(2**rng.uniform(0, 18)), 1              # mpirun and its ranks have files of their own
        done = bench.run(JOBS[name], ranks, folder, file_limit=limit)
        about = f"files of at most {limit} bytes"
    else:
        call, nth = rng.choice(["write", "write", "sync", "close", "truncate"]), int(2**rng.uniform(0, 7))
        error = rng.choice(["ENOSPC", "EDQUOT"])
        done = bench.run(JOBS[name], ranks, folder,
                         fault=f"call={call} path={folder}/ nth={nth} times=0 errno={28 if error == 'ENOSPC' else 122}")
        about = f"{error} from {call} {nth} on{'' if done.fired else ' (not reached)'}"
    told = _compare(bench, name, done)
    statuses = [done.status]
    if rng.random() < 0.3:
        _again(bench, name, folder, ranks, told, statuses)
    return f"{name}, {ranks} ranks, {about}", told, statuses, done


def memory(bench, rng):
    name, ranks = rng.choice(sorted(JOBS)), _ranks(rng)
    rank = rng.randrange(ranks)
    n = bench.count(name, ranks, rank, "call=alloc")
    nth, times = 1 + rng.randrange(max(n, 1)), rng.choice([1, 1, 1, 0])
    done = bench.run(JOBS[name], ranks, fault=f"call=alloc rank={rank} nth={nth} times={times}")
    later = "" if times else " and all later"
    return (f"{name}, {ranks} ranks, allocation {nth} of {n} of rank {rank}{later}", _compare(bench, name, done),
            [done.status], done)


def file_call(bench, rng):
    """One rank, or each of them, cannot open, read or close a file that the others can."""
    name, ranks = rng.choice(sorted(n for n in JOBS if JOBS[n].inputs)), rng.choice([1, 2, 2, 3, 3])
    path = rng.choice(list(JOBS[name].inputs) + ["p.param"])
    call, error = rng.choice(CALLS_IN), rng.choice(["EIO", "EACCES", "ENOENT", "ENOMEM", "ESTALE", "EMFILE"])
    rank = rng.randrange(ranks)
    # no file system refuses that to a reader, and HDF5 1.10 crashes at its end over it
    if call == "close" and path.endswith("hdf5"):
        call = "read"
    n = bench.count(name, ranks, rank, f"call={call} path=/{path}")
    nth, times = 1 + rng.randrange(max(n, 1)), rng.choice([1, 1, 0])
    everybody = rng.random() < 0.15
    done = bench.run(JOBS[name], ranks,
                     fault=f"call={call} path=/{path} {'' if everybody else f'rank={rank} '}nth={nth} times={times} "
                           f"errno={ERRNO[error]}")
    where = "all ranks" if everybody else f"rank {rank}"
    return (f"{name}, {ranks} ranks, {error} of {call} {nth} of {n} of {path} on {where}", _compare(bench, name, done),
            [done.status], done)


def output_call(bench, rng):
    name, ranks = rng.choice(sorted(JOBS)), _ranks(rng)
    call, error, rank, nth = rng.choice(CALLS_OUT), rng.choice(["EIO", "EACCES", "ENOSPC", "EMFILE",
                                                                "ENOMEM"]), rng.randrange(ranks), int(2**rng.uniform(0,
                                                                                                                     6))
    folder = bench.fresh()
    done = bench.run(JOBS[name], ranks, folder,
                     fault=f"call={call} path={folder}/ rank={rank} nth={nth} times={rng.choice([1, 1, 0])} "
                           f"errno={ERRNO[error]}")
    reached = "" if done.fired else " (not reached)"
    return (f"{name}, {ranks} ranks, {error} of {call} {nth} of what it writes, rank {rank}{reached}",
            _compare(bench, name, done), [done.status], done)


def short_moves(bench, rng):
    """Reads and writes that move less than asked for are no error."""
    name, ranks = rng.choice(sorted(JOBS)), _ranks(rng)
    call, nth = rng.choice(["read", "write"]), int(2**rng.uniform(0, 5))
    folder = bench.fresh()
    about = f"call={call} path={bench.folder}/ nth={nth} times=0 errno=0"
    done = bench.run(JOBS[name], ranks, folder, fault=about)
    told = _compare(bench, name, done) + ([f"status {done.status}: {done.err.strip()[-200:]}"] if done.status else [])
    return f"{name}, {ranks} ranks, half of every {call} from {nth} on", told, [done.status], done


def _fuzz(bench, rng, name, path, how):
    folder = bench.fresh()
    if (bench.made / path).is_dir():
        shutil.copytree(bench.made / path, folder / path)
        target = next(p for p in sorted((folder / path).iterdir()) if p.is_file())
    elif path == "p.param":
        bench.arguments(JOBS[name], folder, None)
        target = folder / path
    else:
        for near in bench.made.glob("tng.*.hdf5" if path.startswith("tng.") else path):      # members lie together
            shutil.copy(near, folder / near.name)
        target = folder / path
        if path.endswith(".cfg"):
            shutil.copy(bench.made / "units.inc", folder)                     # which it may include
    try:
        how(rng, target)
    except Exception:                                             # damaged already, beyond what the damager understands
        pass
    ranks = rng.choice([1, 1, 1, 2, 3])
    job = JOBS[name]
    # which without a line or two may ask for gigabytes, or for another Mode
    if path == "p.param":
        mode = f"Mode={job.parameters.get('Mode', 'cube')}"
        job = Job(job.program, job.parameters, job.writes, job.inputs, ("FieldOfView=12 10", "LambdaMax=5078", mode))
    done = bench.run(job, ranks, folder, changed=[path])
    return f"{name}, {ranks} ranks, {how.__name__} of {path}", _compare(bench, name, done,
                                                                        inputs_changed=True), [done.status], done


def _job_with(rng, path):
    return rng.choice(sorted(n for n in JOBS if path in JOBS[n].inputs))


def fuzz_text(bench, rng):
    path = rng.choice(["p.param", "p.param", "test.cfg", "test.cfg", "own.cfg"])
    name = rng.choice(sorted(n for n in JOBS if JOBS[n].parameters)) if path == "p.param" else _job_with(rng, path)
    return _fuzz(bench, rng, name, path, rng.choice([fuzz.damage_text, fuzz.damage_text, fuzz.damage_bytes]))


def fuzz_bytes(bench, rng):
    path = rng.choice(["gal.hdf5", "many.hdf5", "tng.0.hdf5", "tng.1.hdf5", "eagle.hdf5", "packed.hdf5", "ssp.hdf5",
                       "psf.fits", "obs.fits", "obs.hdf5", "r.hdf5", "kept"])
    return _fuzz(bench, rng, _job_with(rng, path), path, fuzz.damage_bytes)


def fuzz_hdf5(bench, rng):
    path = rng.choice(["gal.hdf5", "gal.hdf5", "tng.0.hdf5", "tng.1.hdf5", "eagle.hdf5", "packed.hdf5", "ssp.hdf5",
                       "ssp.hdf5", "obs.hdf5", "r.hdf5", "r.hdf5"])
    return _fuzz(bench, rng, _job_with(rng, path), path, fuzz.damage_hdf5)


def fuzz_fits(bench, rng):
    path = rng.choice(["psf.fits", "obs.fits"])
    return _fuzz(bench, rng, _job_with(rng, path), path, fuzz.damage_fits)


KINDS = {kill: 3, kill_at: 2, full_disk: 2, memory: 3, file_call: 4, output_call: 3, short_moves: 1, fuzz_text: 3,
         fuzz_bytes: 3, fuzz_hdf5: 4, fuzz_fits: 1}


def run(bench, rng, number, kinds=None):
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    if kinds and kind.__name__ not in kinds:
        return None, None, None, None
    state = rng.getstate()
    for _ in range(3):
        rng.setstate(state)
        about, told, statuses, done = kind(bench, rng)
        if told != [NO_START]:
            break
    kept = bench.folder / f"failed-{number}"
    shutil.rmtree(kept, ignore_errors=True)
    told = [word for word in told if word != NO_START]            # Open MPI's own, three times: no case
    if told:
        (done.folder
         / "told.txt").write_text(f"{about}\n{told}\n{' '.join(map(str, done.command))}\nstatus "
                                  f"{done.status}\n{done.log}\n{done.out}\n{done.err}")
        done.folder.rename(kept)
    else:
        shutil.rmtree(done.folder)
    return kind.__name__, about, told, statuses
