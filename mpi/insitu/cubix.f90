! cubix.f90 -- CUBIX inside a running simulation, from Fortran: the functions of <cubix/insitu.h>.
!
!   use cubix
!   type(cubix_t) :: sky
!   status = cubix_open(sky, comm, 'muse.param')
!   ! at each output
!   status = cubix_put(sky, 'Header/Redshift', z)
!   status = cubix_put(sky, 'Stars/Position', x)          ! x(3, n); ... Velocity, InitialMass, Age, Metallicity
!   status = cubix_forward(sky)
!   status = cubix_write(sky, 'cube_042.fits')
!   call cubix_close(sky)
!
! A status other than 0 is an error, the same on all ranks; cubix_message() tells of it.  Arrays that are put are
! borrowed until forward has returned: they must be contiguous and stay where they are.  Compile this file with the
! program, as modules of one compiler mean nothing to another.
module cubix
  use, intrinsic :: iso_c_binding
  implicit none
  private
  public :: cubix_t, cubix_open, cubix_set, cubix_units, cubix_put, cubix_forward, cubix_shape, cubix_wavelengths
  public :: cubix_get, cubix_write, cubix_close, cubix_unit_of, cubix_message
  public :: cubix_on_stars, cubix_on_dust, cubix_on_light, cubix_on_cube
  public :: cubix_star_function, cubix_dust_function, cubix_light_function, cubix_cube_function
  public :: cubix_painted, cubix_observed, cubix_writing

  !> When a function for cubes is called.
  integer, parameter :: cubix_painted = 0, cubix_observed = 1, cubix_writing = 2

  type :: cubix_t
    private
    type(c_ptr) :: handle = c_null_ptr
  end type cubix_t

  interface cubix_put
    module procedure put_number, put_vector, put_rows
  end interface cubix_put
  interface cubix_get
    module procedure get_cube, get_map
  end interface cubix_get

  !> Functions of the program that forward and write call, with bind(c), as <cubix/insitu.h> describes them.  What they
  !> return other than 0 ends the call.
  abstract interface
    integer(c_int) function cubix_star_function(host, n, position, velocity, age, metallicity, mass) bind(c)
      import :: c_int, c_ptr, c_size_t, c_double
      type(c_ptr), value :: host
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: position(3, n), velocity(3, n), age(n), metallicity(n)
      real(c_double), intent(inout) :: mass(n)
    end function cubix_star_function
    integer(c_int) function cubix_dust_function(host, n, position, a_v) bind(c)
      import :: c_int, c_ptr, c_size_t, c_double
      type(c_ptr), value :: host
      integer(c_size_t), value :: n
      real(c_double), intent(in) :: position(3, n)
      real(c_double), intent(inout) :: a_v(n)
    end function cubix_dust_function
    !> Of star i, where the first is 0, in the channels first .. first + n_lambda - 1, likewise.
    integer(c_int) function cubix_light_function(host, i, first, n_lambda, flux) bind(c)
      import :: c_int, c_ptr, c_size_t, c_double
      type(c_ptr), value :: host
      integer(c_size_t), value :: i
      integer(c_int), value :: first, n_lambda
      real(c_double), intent(inout) :: flux(n_lambda)
    end function cubix_light_function
    integer(c_int) function cubix_cube_function(host, n_y, n_x, margin, first, n_lambda, flux) bind(c)
      import :: c_int, c_ptr, c_float
      type(c_ptr), value :: host
      integer(c_int), value :: n_y, n_x, margin, first, n_lambda
      real(c_float), intent(inout) :: flux(n_lambda, n_x, n_y)
    end function cubix_cube_function
  end interface

  interface
    integer(c_int) function c_on_stars(handle, f, host) bind(c, name='cubix_insitu_on_stars')
      import :: c_int, c_ptr, c_funptr
      type(c_ptr), value :: handle, host
      type(c_funptr), value :: f
    end function c_on_stars
    integer(c_int) function c_on_dust(handle, f, host) bind(c, name='cubix_insitu_on_dust')
      import :: c_int, c_ptr, c_funptr
      type(c_ptr), value :: handle, host
      type(c_funptr), value :: f
    end function c_on_dust
    integer(c_int) function c_on_light(handle, f, host) bind(c, name='cubix_insitu_on_light')
      import :: c_int, c_ptr, c_funptr
      type(c_ptr), value :: handle, host
      type(c_funptr), value :: f
    end function c_on_light
    integer(c_int) function c_on_cube(handle, when, f, host) bind(c, name='cubix_insitu_on_cube')
      import :: c_int, c_ptr, c_funptr
      type(c_ptr), value :: handle, host
      integer(c_int), value :: when
      type(c_funptr), value :: f
    end function c_on_cube
    integer(c_int) function c_open(handle, comm, path, text) bind(c, name='cubix_insitu_open_f')
      import :: c_int, c_ptr, c_char
      type(c_ptr), intent(out) :: handle
      integer(c_int), value :: comm
      type(c_ptr), value :: path, text
    end function c_open
    integer(c_int) function c_set(handle, name, text) bind(c, name='cubix_insitu_set')
      import :: c_int, c_ptr, c_char
      type(c_ptr), value :: handle
      character(kind=c_char), intent(in) :: name(*), text(*)
    end function c_set
    integer(c_int) function c_units(handle, length, velocity, mass) bind(c, name='cubix_insitu_units')
      import :: c_int, c_ptr, c_double
      type(c_ptr), value :: handle
      real(c_double), value :: length, velocity, mass
    end function c_units
    integer(c_int) function c_put(handle, name, x, n) bind(c, name='cubix_insitu_put')
      import :: c_int, c_ptr, c_char, c_size_t
      type(c_ptr), value :: handle, x
      character(kind=c_char), intent(in) :: name(*)
      integer(c_size_t), value :: n
    end function c_put
    integer(c_int) function c_forward(handle) bind(c, name='cubix_insitu_forward')
      import :: c_int, c_ptr
      type(c_ptr), value :: handle
    end function c_forward
    integer(c_int) function c_shape(handle, sizes) bind(c, name='cubix_insitu_shape')
      import :: c_int, c_ptr
      type(c_ptr), value :: handle
      integer(c_int), intent(out) :: sizes(3)
    end function c_shape
    integer(c_int) function c_wavelengths(handle, lambda) bind(c, name='cubix_insitu_wavelengths')
      import :: c_int, c_ptr, c_double
      type(c_ptr), value :: handle
      real(c_double), intent(out) :: lambda(*)
    end function c_wavelengths
    integer(c_int) function c_get(handle, name, x, n) bind(c, name='cubix_insitu_get')
      import :: c_int, c_ptr, c_char, c_size_t
      type(c_ptr), value :: handle, x
      character(kind=c_char), intent(in) :: name(*)
      integer(c_size_t), value :: n
    end function c_get
    integer(c_int) function c_write(handle, files) bind(c, name='cubix_insitu_write')
      import :: c_int, c_ptr, c_char
      type(c_ptr), value :: handle
      character(kind=c_char), intent(in) :: files(*)
    end function c_write
    subroutine c_close(handle) bind(c, name='cubix_insitu_close')
      import :: c_ptr
      type(c_ptr), value :: handle
    end subroutine c_close
    integer(c_int) function c_unit_of(unit, cgs, a, h, root_a) bind(c, name='cubix_insitu_unit_of')
      import :: c_int, c_double
      real(c_double), intent(out) :: unit(3)
      real(c_double), intent(in) :: cgs(3)
      real(c_double), value :: a, h
      integer(c_int), value :: root_a
    end function c_unit_of
    type(c_ptr) function c_message() bind(c, name='cubix_error_message')
      import :: c_ptr
    end function c_message
  end interface

contains

  !> Open, for the ranks of a communicator, with a parameter file, 'Name value' lines separated by new_line, or both.
  integer function cubix_open(cubix, comm, path, text) result(status)
    type(cubix_t), intent(out) :: cubix
    integer, intent(in) :: comm
    character(*), intent(in), optional :: path, text
    character(kind=c_char), allocatable, target :: c_path(:), c_text(:)
    type(c_ptr) :: at_path, at_text
    at_path = c_null_ptr
    at_text = c_null_ptr
    if (present(path)) then
      c_path = c_string(path)
      at_path = c_loc(c_path)
    end if
    if (present(text)) then
      c_text = c_string(text)
      at_text = c_loc(c_text)
    end if
    status = c_open(cubix%handle, int(comm, c_int), at_path, at_text)
  end function cubix_open

  integer function cubix_set(cubix, name, text) result(status)
    type(cubix_t), intent(in) :: cubix
    character(*), intent(in) :: name, text
    status = c_set(cubix%handle, c_string(name), c_string(text))
  end function cubix_set

  !> What one of the host's units is, in kpc, km/s and Msun; cubix_unit_of finds it.
  integer function cubix_units(cubix, unit) result(status)
    type(cubix_t), intent(in) :: cubix
    real(c_double), intent(in) :: unit(3)
    status = c_units(cubix%handle, unit(1), unit(2), unit(3))
  end function cubix_units

  integer function put_number(cubix, name, x) result(status)
    type(cubix_t), intent(in) :: cubix
    character(*), intent(in) :: name
    real(c_double), intent(in), target :: x
    status = c_put(cubix%handle, c_string(name), c_loc(x), 1_c_size_t)
  end function put_number

  integer function put_vector(cubix, name, x) result(status)
    type(cubix_t), intent(in) :: cubix
    character(*), intent(in) :: name
    real(c_double), intent(in), target :: x(:)
    type(c_ptr) :: at
    at = c_null_ptr
    if (size(x) > 0) then
      if (is_contiguous(x)) at = c_loc(x(1))
    end if
    status = c_put(cubix%handle, c_string(name), at, int(size(x), c_size_t))
  end function put_vector

  !> x(3, n)
  integer function put_rows(cubix, name, x) result(status)
    type(cubix_t), intent(in) :: cubix
    character(*), intent(in) :: name
    real(c_double), intent(in), target :: x(:, :)
    type(c_ptr) :: at
    at = c_null_ptr
    if (size(x) > 0) then
      if (is_contiguous(x) .and. size(x, 1) == 3) at = c_loc(x(1, 1))
    end if
    status = c_put(cubix%handle, c_string(name), at, int(size(x, 2), c_size_t))
  end function put_rows

  integer function cubix_forward(cubix) result(status)
    type(cubix_t), intent(in) :: cubix
    status = c_forward(cubix%handle)
  end function cubix_forward

  !> n_x, n_y, n_lambda: the shape of an array for get
  integer function cubix_shape(cubix, sizes) result(status)
    type(cubix_t), intent(in) :: cubix
    integer, intent(out) :: sizes(3)
    integer(c_int) :: c_sizes(3)
    status = c_shape(cubix%handle, c_sizes)
    sizes = int(c_sizes(3:1:-1))
  end function cubix_shape

  integer function cubix_wavelengths(cubix, lambda) result(status)
    type(cubix_t), intent(in) :: cubix
    real(c_double), intent(out), contiguous :: lambda(:)
    status = c_wavelengths(cubix%handle, lambda)
  end function cubix_wavelengths

  !> x(n_x, n_y, n_lambda) on rank 0, of size 0 on the others
  integer function get_cube(cubix, name, x) result(status)
    type(cubix_t), intent(in) :: cubix
    character(*), intent(in) :: name
    real(c_float), intent(out), target, contiguous :: x(:, :, :)
    type(c_ptr) :: at
    at = c_null_ptr
    if (size(x) > 0) at = c_loc(x(1, 1, 1))
    status = c_get(cubix%handle, c_string(name), at, int(size(x), c_size_t))
  end function get_cube

  integer function get_map(cubix, name, x) result(status)
    type(cubix_t), intent(in) :: cubix
    character(*), intent(in) :: name
    real(c_float), intent(out), target, contiguous :: x(:, :)
    type(c_ptr) :: at
    at = c_null_ptr
    if (size(x) > 0) at = c_loc(x(1, 1))
    status = c_get(cubix%handle, c_string(name), at, int(size(x), c_size_t))
  end function get_map

  integer function cubix_write(cubix, files) result(status)
    type(cubix_t), intent(in) :: cubix
    character(*), intent(in) :: files
    status = c_write(cubix%handle, c_string(files))
  end function cubix_write

  !> From now on forward calls f, with host; without f nothing is called any more.
  integer function cubix_on_stars(cubix, f, host) result(status)
    type(cubix_t), intent(in) :: cubix
    procedure(cubix_star_function), optional :: f
    type(c_ptr), intent(in), optional :: host
    type(c_funptr) :: at
    at = c_null_funptr
    if (present(f)) at = c_funloc(f)
    status = c_on_stars(cubix%handle, at, host_of(host))
  end function cubix_on_stars

  integer function cubix_on_dust(cubix, f, host) result(status)
    type(cubix_t), intent(in) :: cubix
    procedure(cubix_dust_function), optional :: f
    type(c_ptr), intent(in), optional :: host
    type(c_funptr) :: at
    at = c_null_funptr
    if (present(f)) at = c_funloc(f)
    status = c_on_dust(cubix%handle, at, host_of(host))
  end function cubix_on_dust

  integer function cubix_on_light(cubix, f, host) result(status)
    type(cubix_t), intent(in) :: cubix
    procedure(cubix_light_function), optional :: f
    type(c_ptr), intent(in), optional :: host
    type(c_funptr) :: at
    at = c_null_funptr
    if (present(f)) at = c_funloc(f)
    status = c_on_light(cubix%handle, at, host_of(host))
  end function cubix_on_light

  !> when: cubix_painted, cubix_observed or cubix_writing
  integer function cubix_on_cube(cubix, when, f, host) result(status)
    type(cubix_t), intent(in) :: cubix
    integer, intent(in) :: when
    procedure(cubix_cube_function), optional :: f
    type(c_ptr), intent(in), optional :: host
    type(c_funptr) :: at
    at = c_null_funptr
    if (present(f)) at = c_funloc(f)
    status = c_on_cube(cubix%handle, int(when, c_int), at, host_of(host))
  end function cubix_on_cube

  pure type(c_ptr) function host_of(host)
    type(c_ptr), intent(in), optional :: host
    host_of = c_null_ptr
    if (present(host)) host_of = host
  end function host_of

  subroutine cubix_close(cubix)
    type(cubix_t), intent(inout) :: cubix
    call c_close(cubix%handle)
    cubix%handle = c_null_ptr
  end subroutine cubix_close

  integer function cubix_unit_of(unit, cgs, a, h, root_a) result(status)
    real(c_double), intent(out) :: unit(3)
    real(c_double), intent(in) :: cgs(3), a, h
    logical, intent(in) :: root_a
    status = c_unit_of(unit, cgs, a, h, merge(1_c_int, 0_c_int, root_a))
  end function cubix_unit_of

  function cubix_message() result(message)
    character(:), allocatable :: message
    character(kind=c_char), pointer :: text(:)
    integer :: n, i
    call c_f_pointer(c_message(), text, [4096])
    do n = 0, 4095
      if (text(n + 1) == c_null_char) exit
    end do
    allocate (character(n) :: message)
    do i = 1, n
      message(i:i) = text(i)
    end do
  end function cubix_message

  pure function c_string(text) result(c_text)
    character(*), intent(in) :: text
    character(kind=c_char) :: c_text(len_trim(text) + 1)
    integer :: i
    do i = 1, len_trim(text)
      c_text(i) = text(i:i)
    end do
    c_text(len_trim(text) + 1) = c_null_char
  end function c_string
end module cubix
