"""Which members of a snapshot a rank opens, how often, and that this changes nothing in what is read."""
import re

import numpy as np
import pytest

from campaign.lab import injector
from dumps import dump, read
from harness import chunks_said, command, run_words
from test_ramses import INFO, STAR, particles, write_output
from test_tipsy import particles as tipsy_particles
from test_tipsy import write as write_tipsy

KPC = 3.0856775814913673e21


def near(n, seed):
    """Stars alone, and stars among dark matter, in turn."""
    p = particles(n, seed, star=1 if seed % 2 else 0.6, birth=lambda a: -4 - a)
    p["velocity"] *= 1e-2
    return p


def opened(folder, program, args, ranks, rank, name):
    """How often this rank opens a file of this name."""
    if not injector().exists():
        pytest.skip("no tests/faults/inject.so: shared objects cannot be made here")
    log = folder / "calls.log"
    log.unlink(missing_ok=True)
    fault = f"call=open path={name} rank={rank} nth=0"
    before = ["env", f"LD_PRELOAD={injector()}", f"CUBIX_FAULT={fault}", f"CUBIX_FAULT_LOG={log}"]
    done = run_words(command(program, args, ranks, before), 1, folder, None, None, 60, None, None)
    assert done.status == 0, done.err
    found = re.findall(r"call (\d+) of \S+ was the last", log.read_text() if log.exists() else "")
    return max(map(int, found), default=0), done


@pytest.mark.parametrize("mode, mixed, relayed", [("independent", False, False), ("independent", True, False),
                                                  ("collective", True, False), ("collective", False, True)])
def test_a_rank_opens_what_it_reads(tmp_path, mode, mixed, relayed):
    """Four members of as many stars: the first two are rank 0's, the others rank 1's.  Rank 0 reads for both
    only what lies in rows: not stars among dark matter."""
    parts = [particles(500, 1 + 2 * k, star=1, birth=lambda a: -4 - a) for k in range(4)]
    for p in parts:
        p["family"][100 if mixed else 0:] = STAR
        p["family"][:100 if mixed else 0] = 1
    output = write_output(tmp_path, parts)
    n = read(tmp_path, 2, InputFile=output, ReadMode=mode)[1]["n"]
    assert n == ([800, 800] if mixed else [1000, 1000])
    args = [tmp_path / "reader.param", tmp_path / "slab"]
    count = [[opened(tmp_path, "dump_slab", args, 2, rank, f"part_00007.out0000{k}")[0] for k in (1, 2, 3, 4)]
             for rank in (0, 1)]
    assert count[1][:2] == [0, 0] and min(count[1][2:]) > 0
    looked = count[0][1] - count[1][2]
    assert count[0][2:] == ([count[0][1]] * 2 if relayed else [looked] * 2) and looked > 0


@pytest.mark.parametrize("kind", ["ramses", "tipsy"])
def test_an_index_is_made_once(bench, kind):
    """However many chunks and passes there are."""
    bench.instrument(12, 12, 0.5, lam=(5000.0, 5049.0, 1.0))
    bench.ssp("mixed", fwhm=1.5)
    if kind == "ramses":
        centre = 0.5 * INFO["unit_l"] / KPC
        bench.file = write_output(bench.folder, [near(2500, k + 1) for k in range(5)])
        name = "part_00007.out00005"
    else:
        s = tipsy_particles(n_star=10000)
        s["star"]["tform"][::7] *= -1
        centre, name = 50000 * 0.25 * 0.1, "g.000001"
        bench.file = write_tipsy(bench.folder / name, s)
    more = {"Engine": "histogram", "Redshift": 0.05, "Centre": (centre,) * 3, "SystemicVelocity": (0, 0, 0),
            "StarInitialMass": "current", "SanityCheck": "warn"}
    count = []
    for memory in (0, 0.3):
        n, done = opened(bench.folder, "cubix", [bench.parameters(SlabMemory=memory, **more)], 2, 1, name)
        count.append(n)
        chunks = chunks_said(done)
        assert (chunks > 2) == (memory > 0)
    assert count[0] == count[1] > 0


@pytest.mark.parametrize("mode", ["independent", "collective"])
def test_the_same_in_either_mode(tmp_path, mode):
    """Members of which the first rank of a node reads for others, and such as every rank reads itself."""
    parts = [near(n, k + 1) for k, n in enumerate((300, 1, 700, 0, 40, 900, 3, 600))]
    output = write_output(tmp_path, parts)
    want = read(tmp_path, 1, InputFile=output, SanityCheck="warn")[0]
    for ranks in (2, 3, 4):
        got = read(tmp_path, ranks, InputFile=output, ReadMode=mode, SanityCheck="warn")[0]
        for key in want:
            assert np.array_equal(got[key], want[key]), key


@pytest.mark.parametrize("mode", ["independent", "collective"])
@pytest.mark.parametrize("rank", [0, 2])
def test_a_member_that_one_rank_cannot_open(tmp_path, mode, rank):
    """Of its own share: all end, with its message."""
    output = write_output(tmp_path, [particles(500, 1 + 2 * k, star=1, birth=lambda a: -4 - a) for k in range(6)])
    if not injector().exists():
        pytest.skip("no tests/faults/inject.so: shared objects cannot be made here")
    name = f"part_00007.out0000{1 + 2 * rank}"
    # rank 0 has looked into all members before
    reads = 1 if rank else 1 + looks(tmp_path, output, name)
    fault = f"call=open path={name} rank={rank} nth={reads} times=0 errno=13"
    done = dump(tmp_path, 3, InputFile=output, ReadMode=mode,
                env={"LD_PRELOAD": str(injector()), "CUBIX_FAULT": fault})
    assert done.status == 3 and done.err.count("cubix: error:") == 1 and name in done.err, done.err


def looks(folder, output, name):
    """Opens of a file by rank 0 before it reads: by the same call of `cubix -n`, less those of reading."""
    dump(folder, 3, InputFile=output)
    args = [folder / "reader.param", folder / "slab"]
    own = opened(folder, "dump_slab", args, 3, 2, "part_00007.out00005")[0]
    return opened(folder, "dump_slab", args, 3, 0, name)[0] - own
