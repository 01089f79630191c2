"""One call of one rank fails: a file that the others can open, read or write, memory that they get.
Every run ends in time, with the right status and one message, leaves nothing half-written, or goes
on and writes what it would have written.  The random ones are in tests/campaign."""
import pytest

from campaign.lab import JOBS, Lab, injector, judge

EIO, ENOMEM, EACCES, ENOSPC = 5, 12, 13, 28
COMPUTING, PARAMETER, INPUT, OUTPUT = 1, 2, 3, 4


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    if not injector().exists():
        pytest.skip("no tests/faults/inject.so: shared objects cannot be made here")
    return Lab(tmp_path_factory.mktemp("faults"), timeout=60.0)


def hit(lab, name, ranks, fault, status=None, says="", reached=True, harmless=False, without=()):
    """harmless: what fails may be something that the run does without; without: files that need not come."""
    done = lab.run(JOBS[name], ranks, fault=fault)
    told = f"{fault}\nstatus {done.status}\n{done.log[-1500:]}\n{done.out[-1500:]}\n{done.err[-3000:]}"
    assert done.fired or not reached, f"this call is never made: {told}"
    same = None if name in ("fit", "resume") else lab.reference(name) if done.status == 0 else None
    assert [wrong for wrong in judge(done, same) if wrong not in [f"{file} is missing" for file in without]] == [], told
    if harmless and done.status == 0:
        return
    assert status is None or not done.fired or done.status == status, told
    assert not done.fired or any(word in done.err for word in ([says] if isinstance(says, str) else says)), told


@pytest.mark.parametrize("name, ranks, path, call", [
    ("cube", 2, "gal.hdf5", "open"), ("independent", 2, "gal.hdf5", "open"), ("cube", 3, "gal.hdf5", "read"),
                                                     ("independent", 2, "gal.hdf5", "read"),
    ("members", 2, "tng.1.hdf5", "open"), ("members", 2, "tng.1.hdf5", "read"), ("packed", 2, "packed.hdf5", "read"),
                                                     ("chunks", 2, "many.hdf5", "read"),
    ("shared", 3, "many.hdf5", "read"), ("gradient", 2, "gal.hdf5", "open"), ("fit", 2, "gal.hdf5", "read")])
def test_the_last_rank_cannot_read_the_galaxy(lab, name, ranks, path, call):
    """Rank 0 looks into the file, the others only read it: whatever the last one meets, all stop."""
    hit(lab, name, ranks,
        f"call={call} path=/{path} rank={ranks - 1} times=0 errno={EACCES if call == 'open' else EIO}", INPUT, path)


@pytest.mark.parametrize("name, path, status",
                         [("cube", "ssp.hdf5", INPUT), ("gradient", "obs.fits", INPUT),
                          ("gradient_hdf5", "obs.hdf5", INPUT), ("resume", "r.hdf5", INPUT),
                          ("members", "psf.fits", INPUT), ("cube", "test.cfg", INPUT), ("eagle", "own.cfg", PARAMETER)])
@pytest.mark.parametrize("call", ["open", "read"])
def test_the_other_inputs(lab, name, path, status, call):
    for rank in (0, 1):
        hit(lab, name, 2, f"call={call} path=/{path} rank={rank} times=0 errno={EIO}", status, path, reached=False)


@pytest.mark.parametrize("nth", [2, 5, 9, 14])
@pytest.mark.parametrize("name, path", [("cube", "gal.hdf5"), ("gradient_hdf5", "obs.hdf5"), ("resume", "r.hdf5")])
def test_reads_in_the_midst(lab, name, path, nth):
    """Metadata and data, one read in a row of good ones."""
    hit(lab, name, 2, f"call=read path=/{path} rank=1 nth={nth} errno={EIO}", reached=False)


@pytest.mark.parametrize("name, path",
                         [("members", "tng.1.hdf5"), ("eagle", "eagle.hdf5"), ("cube", "ssp.hdf5"),
                          ("gradient_hdf5", "obs.hdf5")])
def test_no_answer_is_not_no(lab, name, path):
    """HDF5 that cannot find out whether a group or an attribute is there does not mean that it is
    not: no member without stars, no default in its place."""
    n = lab.count(name, 1, 0, f"call=read path=/{path}")
    assert n > 4
    for nth in range(2, n + 1, max(1, n // 12)):
        hit(lab, name, 1, f"call=read path=/{path} nth={nth} errno={ENOMEM}", INPUT, path)


@pytest.mark.parametrize("name, path",
                         [("cube", "gal.hdf5"), ("members", "tng.1.hdf5"), ("packed", "packed.hdf5"),
                          ("cube", "ssp.hdf5"),
                          ("gradient_hdf5", "obs.hdf5"), ("resume", "r.hdf5")])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_close_that_fails_after_reading(lab, name, path, rank):
    """What was read is there.  HDF5's own driver would close the file once more when the process exits, and crash."""
    hit(lab, name, 2, f"call=close path=/{path} rank={rank} times=0 errno={EIO}", 0, reached=rank == 0)


@pytest.mark.parametrize("name, path, call", [("gradient", "obs.fits", "close"), ("members", "tng.1.hdf5", "stat")])
def test_what_may_go_wrong_beside(lab, name, path, call):
    hit(lab, name, 2, f"call={call} path=/{path} rank=1 times=0 errno={EIO}")


@pytest.mark.parametrize("call", ["open", "map"])
def test_templates_that_one_rank_cannot_have(lab, call):
    """A cache is a help, no need: the cube is made without it."""
    hit(lab, "cached", 2, f"call={call} path=/kept/ rank=1 times=0 errno={EACCES}", 0)


@pytest.mark.parametrize("name, rank, path, call", [
    ("cube", 0, "o.fits", "write"), ("cube", 0, "o.fits", "sync"), ("cube", 0, "o.fits", "rename"),
                                                    ("members", 0, "o.hdf5", "close"),
                                                    ("gradient", 1, "o-gradient.hdf5", "write"),
    ("gradient", 0, "o-gradient.txt", "rename"), ("mock", 1, "m.hdf5", "write"), ("mock_pieces", 1, "m.1.hdf5", "sync"),
                                                    ("mock_pieces", 0, "m.1.hdf5", "rename")])
def test_outputs(lab, name, rank, path, call):
    hit(lab, name, 2, f"call={call} path={path} rank={rank} times=0 errno={ENOSPC}", OUTPUT, "No space left")


def test_undone_pieces_leave_links(lab):
    """Of two pieces the second does not get its name: what was written of the first goes, where its
    name leads; the link stays."""
    folder = lab.fresh("links")
    (folder / "disk").mkdir()
    (folder / "m.0.hdf5").symlink_to("disk/real.hdf5")
    done = lab.run(JOBS["mock_pieces"], 2, folder=folder,
                   fault=f"call=rename path=m.1.hdf5 rank=0 times=0 errno={ENOSPC}")
    assert done.fired and done.status == OUTPUT, done.err
    assert (folder / "m.0.hdf5").is_symlink() and not list((folder / "disk").iterdir()) and not (folder
                                                                                                 / "m.1.hdf5").exists()


def test_a_fit_goes_on_without_its_restart_file(lab):
    hit(lab, "fit", 2, f"call=write path=restart rank=1 times=0 errno={ENOSPC}", reached=False,
        without=("o-restart.hdf5",))


@pytest.mark.parametrize("name, ranks", [("cube", 2), ("shared", 3), ("gradient", 2), ("fit", 2), ("mock", 2)])
def test_memory(lab, name, ranks):
    """An allocation of the last rank fails, at four moments of its life."""
    n = lab.count(name, ranks, ranks - 1, "call=alloc")
    assert n > 4
    for part in (0.15, 0.4, 0.65, 0.9):
        hit(lab, name, ranks, f"call=alloc rank={ranks - 1} nth={max(1, int(part * n))}", COMPUTING,
            ("cannot allocate", "no memory"), reached=False, harmless=True)


def test_moving_half_is_no_fault(lab):
    """read() and write() may move less than they were asked for."""
    for call in ("read", "write"):
        hit(lab, "members", 2, f"call={call} path={lab.folder} nth=3 times=0 errno=0", 0)
