"""The machine's own peak: float32 matrix product by numpy's BLAS on a given number of threads, in a process of its own.

    sgemm.py THREADS [SECONDS]      prints GF/s of the best repeat, and the BLAS
"""
import os
import sys
import time

threads = sys.argv[1]
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS"):
    os.environ[name] = threads

import numpy as np  # noqa: E402


def main(seconds):
    n, best, rates = 2048, 0.0, []
    rng = np.random.default_rng(1)
    a, b = rng.random((n, n), np.float32), rng.random((n, n), np.float32)
    c = a @ b
    end = time.perf_counter() + seconds
    while len(rates) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        np.matmul(a, b, out=c)
        rates.append(2e-9 * n**3 / (time.perf_counter() - start))
    best = max(rates)
    try:
        blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
        blas = "%s %s" % (blas.get("name", "?"), blas.get("version", "?"))
    except (KeyError, TypeError):
        blas = "unknown"
    print("%.2f %.2f %s" % (best, sorted(rates)[len(rates) // 2], blas))


main(float(sys.argv[2]) if len(sys.argv) > 2 else 5.0)
