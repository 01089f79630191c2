"""Gadget's binary files that are damaged: one message, or what was written."""
import struct

import numpy as np
import pytest

from dumps import dump, read
from gadget_lab import ALL, BAD_INPUT, BEHIND_MASS, Snapshot, blocks_of, changed, galaxy, refuse


@pytest.mark.parametrize("form", [1, 2])
def test_cut_short(tmp_path, form):
    """Wherever a file ends too early, that is said, and nothing hangs."""
    whole = Snapshot(galaxy()).write(tmp_path / "snap", ALL, form).read_bytes()
    blocks = blocks_of(form)
    for end in (1, 20, 100, 259, 300, len(whole) // 3, len(whole) // 2, len(whole) - 70, len(whole) - 5, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:end])
        refuse(tmp_path, "cut ends|cut .* is not an HDF5 file|is damaged, or not all there",
               ranks=[2] if end == 300 else [1], InputFile=tmp_path / "cut", **blocks)


@pytest.mark.parametrize("form", [1, 2])
def test_damaged(tmp_path, form):
    blocks = blocks_of(form)
    first = 0 if form == 1 else 16                 # where the header's record begins
    pos = first + 264 + first

    def fresh():
        return Snapshot(galaxy()).write(tmp_path / "snap", ALL, form)
    n = 59 * 12
    refuse(tmp_path, "record of its block POS", f"has {n} bytes by the marker before it and 7 by the one behind",
           InputFile=changed(fresh(), pos + 4 + n, struct.pack("<I", 7)), **blocks)
    refuse(tmp_path, "header|HEAD", "256 bytes by the marker before it and 255 by the one behind it",
           InputFile=changed(fresh(), first + 260, struct.pack("<I", 255)), **blocks)
    # counts of the header: too many for the file, too many for the block
    refuse(tmp_path, "counts 4294967295 particles of type 1, more than the file has bytes",
           InputFile=changed(fresh(), first + 8, struct.pack("<i", -1)), **blocks)
    refuse(tmp_path, "block POS has 708 bytes, which fits neither", "60 particles have it", "720 or 1440 bytes",
           InputFile=changed(fresh(), first + 8, struct.pack("<i", 10)), **blocks)
    refuse(tmp_path, "particles of type 4 have the mass nan", ranks=[1],
           InputFile=changed(fresh(), first + 4 + 24 + 32, struct.pack("<d", np.nan)), **blocks)
    refuse(tmp_path, "are impossible|contradicts itself", ranks=[1],
           InputFile=changed(fresh(), first + 4 + 72, struct.pack("<d", 1e300)), **blocks)
    refuse(tmp_path, "/Header is inf|is nan|is inf", ranks=[1],
           InputFile=changed(fresh(), first + 4 + 80, struct.pack("<d", np.inf)), **blocks)
    if form == 2:
        refuse(tmp_path, "its first block is POS, and should be HEAD", InputFile=changed(fresh(), 4, b"POS "))
        refuse(tmp_path, "its header has 255 bytes|is damaged", ranks=[1],
               InputFile=changed(fresh(), 16, struct.pack("<I", 255)))
        refuse(tmp_path, "should be the label of a block.*is no text", InputFile=changed(fresh(), pos - 12, b"\0\1\2\3"))
        refuse(tmp_path, "label of a block, a record of 8 bytes, should stand at byte 280",
               InputFile=changed(fresh(), pos - 16, struct.pack("<I", 9)))
        refuse(tmp_path, "there is no block POS", InputFile=changed(fresh(), pos - 12, b"WHAT"))


@pytest.mark.parametrize("names", ["", BEHIND_MASS, "U what AGE"])
def test_format_1_counts_nothing(tmp_path, names):
    """A member whose header says 0: with blocks behind it it is damaged, without it is empty."""
    s = galaxy()
    for k, p in enumerate((s, galaxy(seed=20), {})):
        Snapshot(p).write(tmp_path / f"snap.{k}", ["POS", "VEL", "ID", "MASS", "U", "RHO", "AGE"], 1, files=3)
    par = {"InputFile": tmp_path / "snap", "StarAge": 1, "StarMetallicity": 0.02,
           **blocks_of(1 if names else 2, names.replace("RHO NE HSML SFR AGE Z", "RHO AGE"))}
    got, _ = read(tmp_path, 2, **par)
    assert len(got["now"]) == 74
    changed(tmp_path / "snap.1", 4, bytes(24))
    refuse(tmp_path, "snap.1: its header counts 0 particles, but a block of 708 bytes follows, at byte 268", **par)


def test_noise(tmp_path):
    """Files with a few wrong bytes: read, or refused in one sentence."""
    rng = np.random.default_rng(11)
    for k in range(40):
        form = 1 + k % 2
        file = Snapshot(galaxy()).write(tmp_path / "snap", ALL, form)
        text = np.frombuffer(file.read_bytes(), "u1").copy()
        at = rng.integers(0, 420 if k % 4 < 2 else len(text), 3)
        text[at] = rng.integers(0, 256, 3)
        file.write_bytes(text.tobytes())
        done = dump(tmp_path, 1, InputFile=file, **blocks_of(form), SanityCheck="warn")
        assert done.status in (0, BAD_INPUT), done.err
        assert done.err.count("cubix: error:") == (done.status != 0), done.err
