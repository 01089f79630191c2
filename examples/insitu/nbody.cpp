// nbody.cpp -- the same for a C++ code: a handle that closes itself, errors as exceptions, std::vector as columns.
//
//   mpicxx -std=c++17 nbody.cpp $(pkg-config --cflags --libs cubix) -o nbodyxx
//   mpirun -np 2 ./nbodyxx muse.param SspFile
//
// Stars on circular orbits in a logarithmic halo, observed after every quarter of a turn at the rim.
#include <cubix/insitu.h>
#include <mpi.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

class Sky {
public:
  Sky(MPI_Comm comm, const std::string &file, const std::string &text)
  {
    cubix_insitu *opened = nullptr;
    check(cubix_insitu_open(&opened, comm, file.c_str(), text.c_str()));
    cubix_.reset(opened);
  }
  void put(const char *name, const std::vector<double> &x, size_t width = 1)
  {
    check(cubix_insitu_put(cubix_.get(), name, x.data(), x.size() / width));
  }
  void observe(const std::string &files)
  {
    check(cubix_insitu_forward(cubix_.get()));
    check(cubix_insitu_write(cubix_.get(), files.c_str()));
  }

private:
  struct Close { void operator()(cubix_insitu *cubix) const { cubix_insitu_close(cubix); } };
  static void check(int status)
  {
    if (status) throw std::runtime_error(cubix_error_message());
  }
  std::unique_ptr<cubix_insitu, Close> cubix_;
};

static void run(int rank, const std::string &file, const std::string &library)
{
  const size_t n = 2000;
  std::mt19937 random(1 + static_cast<unsigned>(rank));
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> r(n), phi(n), x(3 * n), v(3 * n), mass(n, 2e6), age(n), metals(n, 0.02);
  for (size_t i = 0; i < n; i++) {
    r[i] = -1.5 * std::log(uniform(random) * uniform(random));
    phi[i] = 6.283185307 * uniform(random);
    age[i] = 1 + 8 * uniform(random);
  }
  Sky sky(MPI_COMM_WORLD, file, "SspFile " + library + "\n");
  for (int output = 0; output < 3; output++) {
    for (size_t i = 0; i < n; i++) {
      const double speed = 160 * r[i] / std::hypot(r[i], 1.0), at = phi[i] + 0.05 * output * speed / (r[i] + 0.1);
      x[3 * i] = r[i] * std::cos(at), x[3 * i + 1] = r[i] * std::sin(at);
      v[3 * i] = -speed * std::sin(at), v[3 * i + 1] = speed * std::cos(at);
    }
    sky.put("Stars/Position", x, 3);
    sky.put("Stars/Velocity", v, 3);
    sky.put("Stars/InitialMass", mass);
    sky.put("Stars/Age", age);
    sky.put("Stars/Metallicity", metals);
    sky.observe("cubexx_00" + std::to_string(output) + ".fits");
  }
}

int main(int argc, char **argv)
{
  int have, rank, failed = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &have);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  try {
    if (argc < 3) throw std::runtime_error("usage: nbodyxx FILE.param SSP.hdf5");
    run(rank, argv[1], argv[2]);
  } catch (const std::exception &error) {
    if (rank == 0) std::fprintf(stderr, "nbodyxx: %s\n", error.what());
    failed = 1;
  }
  MPI_Finalize();
  return failed;
}
