! nbody.f90 -- the same for a Fortran code, through the module cubix, which is compiled with it.
!
!   mpifort $(pkg-config --variable=fortran cubix) nbody.f90 $(pkg-config --libs cubix) -o nbodyf
!   mpirun -np 2 ./nbodyf muse.param SspFile
!
! Stars on circular orbits in a logarithmic halo, observed three times.
program nbody
  use, intrinsic :: iso_fortran_env, only: error_unit, real64
  use cubix
  use mpi
  implicit none
  integer, parameter :: n = 2000
  real(real64) :: r(n), phi(n), at(n), speed(n), both(2, n)
  real(real64), target :: x(3, n), v(3, n), mass(n), age(n), metals(n)
  type(cubix_t) :: sky
  character(1024) :: file, library, name
  integer :: rank, have, ierr, output, status, n_seed, i
  integer, allocatable :: seed(:)

  call MPI_Init_thread(MPI_THREAD_FUNNELED, have, ierr)
  call MPI_Comm_rank(MPI_COMM_WORLD, rank, ierr)
  call get_command_argument(1, file)
  call get_command_argument(2, library)
  call random_seed(size=n_seed)
  seed = [(i + 17 * rank, i=1, n_seed)]
  call random_seed(put=seed)
  call random_number(both)
  r = -1.5 * log((1 - both(1, :)) * (1 - both(2, :)))
  call random_number(phi)
  call random_number(age)
  phi = 6.283185307_real64 * phi
  age = 1 + 8 * age
  mass = 2e6_real64
  metals = 0.02_real64
  speed = 160 * r / sqrt(r**2 + 1)

  status = cubix_open(sky, MPI_COMM_WORLD, file, 'SspFile '//trim(library)//new_line('a'))
  do output = 0, 2
    if (status /= 0) exit
    at = phi + 0.05_real64 * output * speed / (r + 0.1_real64)
    x(1, :) = r * cos(at)
    x(2, :) = r * sin(at)
    x(3, :) = 0
    v(1, :) = -speed * sin(at)
    v(2, :) = speed * cos(at)
    v(3, :) = 0
    status = cubix_put(sky, 'Stars/Position', x)
    if (status == 0) status = cubix_put(sky, 'Stars/Velocity', v)
    if (status == 0) status = cubix_put(sky, 'Stars/InitialMass', mass)
    if (status == 0) status = cubix_put(sky, 'Stars/Age', age)
    if (status == 0) status = cubix_put(sky, 'Stars/Metallicity', metals)
    if (status == 0) status = cubix_forward(sky)
    write (name, '(a,i3.3,a)') 'cubef_', output, '.fits'
    if (status == 0) status = cubix_write(sky, name)
  end do
  if (status /= 0 .and. rank == 0) write (error_unit, '(a)') 'nbodyf: '//cubix_message()
  call cubix_close(sky)
  call MPI_Finalize(ierr)
  if (status /= 0) error stop 1
end program nbody
