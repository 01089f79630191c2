"""What ranks exchange (tests/program/test_owners.c) and audit together (test_share.c): on any number of
ranks they find the same, to the last bit."""
import pytest

from harness import run


def same(ranks, threads=1):
    lines = []
    for name in ("test_owners", "test_share"):
        done = run(name, [], ranks=ranks, threads=threads)
        assert done.status == 0 and done.out.count(" 0 failed") == ranks, done.out[-3000:] + done.err[-3000:]
        lines += [line for line in done.out.splitlines() if line.startswith("same: ")]
    assert len(lines) == 12
    return lines


@pytest.fixture(scope="module")
def alone():
    return same(1)


@pytest.mark.parametrize("ranks, threads", [(2, 1), (3, 1), (4, 1), (1, 3), (2, 2)])
def test_ranks_agree(alone, ranks, threads):
    assert same(ranks, threads) == alone


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_ranks_with_different_processors(ranks):
    done = run("test_processors", [], ranks=ranks)
    assert done.status == 0 and done.out.count(" 0 failed") == ranks, done.out[-3000:] + done.err[-3000:]
