"""GPUs and ranks: tests/cuda/test_cuda_device.c on several ranks."""
import os

import pytest

from harness import BUILD, run


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_ranks_and_gpus(ranks):
    if not os.path.exists(f"{BUILD}/tests/cuda/test_cuda_device"):
        pytest.skip("no C++ compiler: the stand-in for the CUDA runtime was not built")
    done = run("test_cuda_device", ["test_ranks"], ranks=ranks)
    assert done.status == 0 and done.out.count(" 0 failed") == ranks, done.out[-3000:] + done.err[-3000:]
