"""Ranks that hold different channels of one cube write the same file as one that holds all,
whatever fails leaves nothing, and nobody waits for ever."""
import re

import pytest

from harness import run

BASE = ["FieldOfView=40 30", "LambdaMax=5100", "SnrAperture=8"]
CUTS = {1: "0,101", 2: "0,48,101", 3: "0,0,17,101", 4: "0,30,31,31,101"}


def write(folder, cut, *values, bad=-1, limit=-1, **kw):
    folder.mkdir(exist_ok=True)
    return run("tests/program/test_blocks", [cut, bad, limit, *BASE, *values], ranks=cut.count(","), cwd=folder,
               to_files=limit == -1, **kw)


def content(path):
    return re.sub(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", b"", path.read_bytes())


@pytest.mark.parametrize("noise", [["Noise=none", "MinStars=1"], ["Noise=snr", "SignalToNoise=12", "KeepNoiseFree=yes"],
                                   ["Noise=exposure", "ExposureTime=900"]])
def test_the_same_bytes_for_any_owners(tmp_path, noise):
    files = [f"made.{suffix}" for suffix in ("fits", "hdf5")]
    for ranks, cut in CUTS.items():
        done = write(tmp_path / str(ranks), cut, "OutputFile=" + ",".join(files), *noise, threads=1 + ranks % 2)
        assert done.status == 0, done.err
        for name in files:
            assert content(tmp_path / str(ranks) / name) == content(tmp_path / "1" / name), (ranks, name)


@pytest.mark.parametrize("bad", [3, 60])
def test_an_owner_that_fails(tmp_path, bad):
    done = write(tmp_path / "a", CUTS[4], "OutputFile=made.fits", bad=bad)
    assert done.status == 1 and "not finite" in done.err
    assert not list((tmp_path / "a").iterdir())


@pytest.mark.parametrize("suffix", ["fits", "hdf5"])
@pytest.mark.parametrize("limit", [0, 40000, 600000])
def test_a_disk_that_fills_up(tmp_path, suffix, limit):
    done = write(tmp_path / "a", CUTS[4], f"OutputFile=made.{suffix}", "Noise=exposure", limit=limit)
    assert done.status == 4 and f"cannot write made.{suffix}" in done.err
    assert not list((tmp_path / "a").iterdir())


def test_channels_that_nobody_holds(tmp_path):
    done = write(tmp_path / "a", "0,48,90", "OutputFile=made.fits")
    assert done.status == 1 and "gap" in done.err
