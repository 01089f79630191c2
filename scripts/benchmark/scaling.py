"""Strong and weak scaling over ranks and threads, and a model for more ranks than this machine has.

The model, for P ranks that share the stars (and, with Combine histogram, the channels):

  direct            t(P) = s + d N/P                        + t_reduce(C, P)
  histogram, cube   t(P) = s + h N/P + q r(N/P)             + t_reduce(C, P)
  histogram, slabs  t(P) = s + h N/P + q r(N)/P + t_gather(A(N), P)

s: what every rank repeats (frame's collectives, templates); d: a star's direct painting; h: its deposit; q r(n): the multiply, where r(n) are the
rows of the histograms of n stars, taken to grow as n^0.5; C: bytes of the cube; A: bytes of the histograms.  t_reduce = 2 C (P-1)/P / B +
ceil(log2 P) L and t_gather = A (P-1)/P / B + ceil(log2 P) L, with bandwidth B and latency L of a network.  s, d and h + q r come from the
measurements of the same run; B and L are stated, not measured.
"""
import math
import statistics

import shell

BANDWIDTH, LATENCY = 10e9, 2e-6           # bytes/s per rank and s: a 100 Gb/s network, cautiously


def layouts(cores):
    """(ranks, threads): each kind of core in use, in powers of two."""
    out, n = [(1, 1)], 2
    while n <= cores:
        out += [(1, n), (n, 1)]
        n *= 2
    if cores > 1 and (1, cores) not in out:
        out += [(1, cores), (cores, 1)]
    return out


def measure(program, setting, canonical, engines, cores, number, repeats, weak, say):
    """weak: number is per core.  Efficiency: T(1)/T(n) for weak, T(1)/(n T(n)) for strong."""
    import race
    rows = []
    instrument = setting.write_instrument(program.work / "instrument.cfg")
    for name, engine in engines.items():
        first = None
        for ranks, threads in layouts(cores):
            n = number * ranks * threads if weak else number
            mock = program.mock(n)
            _, info = race.head_of(mock)
            parameters = setting.parameters(mock, canonical, instrument, info["centre"], **engine)
            label = "scale-%s" % name
            program.paint(label, parameters, ranks=ranks, threads=threads)                       # warm: file cache and templates
            runs = [program.paint(label, parameters, ranks=ranks, threads=threads) for _ in range(repeats)]
            seconds = statistics.median(shell.painting(r) for r in runs)
            first = first or seconds
            cores_used = ranks * threads
            rows.append({"engine": name, "ranks": ranks, "threads": threads, "N": n, "paint_s": seconds, "wall_s": statistics.median(r["wall_s"] for r in runs),
                         "efficiency": first / seconds / (1 if weak else cores_used), "stages": runs[-1]["stages"], "figures": runs[-1]["figures"],
                         "peak_MiB": max(r["peak_MiB"] for r in runs), "repeats": repeats})
            say("  %-6s %-18s %d rank(s) x %d thread(s), N = %8d: painting %8.3f s, efficiency %.2f"
                % ("weak" if weak else "strong", name, ranks, threads, n, seconds, rows[-1]["efficiency"]))
    return rows


def volume(setting, row):
    """Bytes that a rank sends in the sum: measured where the program says so, else from the sizes."""
    if "exchanged_MB" in row["figures"]:
        return row["figures"]["exchanged_MB"] * 1e6, "the program's own count"
    if row["ranks"] == 1:
        return 0.0, "one rank"
    return 4.0 * setting.spaxels**2 * setting.channels, "one cube per rank"


def reduce_time(size, ranks):
    return 2 * size * (ranks - 1) / ranks / BANDWIDTH + math.ceil(math.log2(ranks)) * LATENCY if ranks > 1 else 0.0


def gather_time(size, ranks):
    return size * (ranks - 1) / ranks / BANDWIDTH + math.ceil(math.log2(ranks)) * LATENCY if ranks > 1 else 0.0


def one_core_costs(rows):
    """s, and seconds of one core per star (direct) or for deposit and multiply together (histogram), from the strong rows on one core."""
    out = {}
    for row in rows:
        if row["ranks"] * row["threads"] == 1:
            work = sum(row["stages"].get(name, 0.0) for name in ("paint", "deposit", "multiply", "sum"))
            out[row["engine"]] = {"serial_s": max(row["paint_s"] - work, 0.0), "work_s": work, "N": row["N"], "deposit_s": row["stages"].get("deposit"),
                                  "multiply_s": row["stages"].get("multiply")}
    return out


DEPOSIT_NS = 100e-9                      # s per star and core, where the program does not time it apart


def predict(setting, rows, ranks_list=(1, 2, 8, 64, 512), numbers=(1e6, 1e8)):
    """The model's painting seconds, one core per rank."""
    cube, out = 4.0 * setting.spaxels**2 * setting.channels, []
    for name, cost in one_core_costs(rows).items():
        for number in numbers:
            for p in ranks_list:
                if name == "direct":
                    t = cost["serial_s"] + cost["work_s"] * number / cost["N"] / p + reduce_time(cube, p)
                else:
                    deposit = cost["deposit_s"] if cost["deposit_s"] is not None else min(DEPOSIT_NS * cost["N"], 0.5 * cost["work_s"])
                    multiply = (cost["work_s"] - deposit) * math.sqrt(number / cost["N"])
                    t = cost["serial_s"] + deposit * number / cost["N"] / p
                    if "slabs" in name:
                        t += multiply / p + gather_time(histogram_bytes(setting, number), p)
                    else:
                        t += multiply / math.sqrt(p) + reduce_time(cube, p)
                out.append({"engine": name, "N": number, "ranks": p, "paint_s": t})
    return out


def histogram_bytes(setting, number):
    """5 bytes a row; rows per spaxel 65 n^0.49 of n stars, at most 60 000 (1326 templates)."""
    spaxels = setting.spaxels**2
    return 5.0 * spaxels * min(65 * max(number / spaxels, 1e-3)**0.49, 6e4)
