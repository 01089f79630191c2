/* ptx_step.cpp -- one instruction of one thread.
 *
 * A slot has 64 bits; of a shorter number the lower ones count, and whoever reads it takes what its
 * type says.  Products and sums that nvcc leaves to ptxas to fuse are done one after the other. */
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

#include "ptx.h"

namespace cuda_on_cpu_ptx {

using namespace cuda_on_cpu_machine;

void fault(const struct launch *launch, const struct instruction *i, const char *what)
{
  fprintf(stderr, "cuda_on_cpu: %s:%d: %s: thread %u of block %zu of %s\n", launch->kernel->file.c_str(), i->line, what,
          launch->who.thread, launch->who.block, launch->kernel->name.c_str());
  abort();
}

namespace {

const size_t size_of[N_TYPE] = { 0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 1 };

/* Where an address leads, in the space that the instruction names. */
char *reach(struct launch *l, struct thread *t, const instruction *i, enum space space, uint64_t at, size_t bytes)
{
  auto in = [&](const std::vector<char> &memory) {
    return (char *)at >= memory.data() && (char *)at + bytes <= memory.data() + memory.size();
  };
  if (at % bytes) fault(l, i, "an address that is not aligned");
  if (space == SHARED) {
    if ((uint32_t)at + bytes > l->kernel->n_shared) fault(l, i, "an address beyond shared memory");
    return l->shared.data() + (uint32_t)at;
  }
  bool mine = space != GLOBAL && space != PARAM && in(t->local), given = space == PARAM && in(l->param),
       there = (space == GLOBAL || space == GENERIC) && on_gpu((void *)at, bytes);
  if (!mine && !given && !there) fault(l, i, "an address beyond all that is the thread's");
  return (char *)at;
}

void note(const struct launch *l, enum space space, const void *place, size_t bytes, enum access access)
{
  if (cuda_on_cpu.races && (space == GLOBAL || space == GENERIC || space == SHARED))
    races_note(&l->who, place, bytes, access);
}

void load_or_store(struct launch *l, struct thread *t, const instruction *i)
{
  uint64_t *r = t->slot.data();
  const size_t n = size_of[i->type];
  char *p = reach(l, t, i, i->space, r[i->base] + (uint64_t)i->offset, n * i->n);
  note(l, i->space, p, n * i->n, i->op == STORE ? WRITE : i->is_volatile ? LOOK : READ);
  for (int j = 0; j < i->n; j++, p += n) {
    if (i->op == STORE) {
      memcpy(p, &r[i->s[j]], n);
      continue;
    }
    uint64_t x = 0;
    memcpy(&x, p, n);
    r[i->d[j]] = i->type == S8    ? put(get<int8_t>(x))
                 : i->type == S16 ? put(get<int16_t>(x))
                 : i->type == S32 ? put(get<int32_t>(x))
                                  : x;
  }
}

template <class T> T changed(enum op op, T old, T x)
{
  return op == ATOM_ADD ? (T)(old + x) : op == ATOM_MIN ? (x < old ? x : old) : (x > old ? x : old);
}

template <class T> void change(char *p, enum op op, uint64_t x, uint64_t *old)
{
  T before, after;
  memcpy(&before, p, sizeof before);
  after = changed(op, before, get<T>(x));
  memcpy(p, &after, sizeof after);
  *old = put(before);
}

void atomic(struct launch *l, struct thread *t, const instruction *i)
{
  uint64_t *r = t->slot.data();
  char *p = reach(l, t, i, i->space, r[i->base] + (uint64_t)i->offset, size_of[i->type]);
  note(l, i->space, p, size_of[i->type], ATOMIC);
  switch (i->type) {
    case U32: change<uint32_t>(p, i->op, r[i->s[0]], &r[i->d[0]]); break;
    case S32: change<int32_t>(p, i->op, r[i->s[0]], &r[i->d[0]]); break;
    case U64: change<uint64_t>(p, i->op, r[i->s[0]], &r[i->d[0]]); break;
    case F32: change<float>(p, i->op, r[i->s[0]], &r[i->d[0]]); break;
    case F64: change<double>(p, i->op, r[i->s[0]], &r[i->d[0]]); break;
    default: fault(l, i, "an atomic operation on such a type");
  }
}

void begin_copy(struct launch *l, struct thread *t, const instruction *i)
{
  uint64_t to = (uint32_t)(t->slot[(size_t)i->base] + (uint64_t)i->offset),
           from = t->slot[(size_t)i->s[0]] + t->slot[(size_t)i->s[1]];
  char *place = reach(l, t, i, SHARED, to, (size_t)i->number);
  note(l, GLOBAL, reach(l, t, i, GLOBAL, from, (size_t)i->number), (size_t)i->number, READ);
  note(l, SHARED, place, (size_t)i->number, WRITE);
  memset(place, POISON, (size_t)i->number);
  t->copies.push_back({ to, from, i->number, t->group });
}

void end_copies(struct launch *l, struct thread *t, const instruction *i)
{
  size_t n = 0;
  for (; n < t->copies.size() && t->copies[n].group + (unsigned)i->number < t->group; n++) {
    const copy &c = t->copies[n];
    note(l, SHARED, l->shared.data() + c.to, (size_t)c.bytes, WRITE);
    memcpy(l->shared.data() + c.to, (const char *)c.from, (size_t)c.bytes);
  }
  t->copies.erase(t->copies.begin(), t->copies.begin() + (long)n);
}

template <class T> bool compares(int how, T a, T b)
{
  switch (how & ~UNORDERED) {
    case EQ: return a == b;
    case NE: return a != b && a == a && b == b;
    case LT: return a < b;
    case LE: return a <= b;
    case GT: return a > b;
    default: return a >= b;
  }
}
template <class T> uint64_t compared(const instruction *i, const uint64_t *r)
{
  T a = get<T>(r[i->s[0]]), b = get<T>(r[i->s[1]]);
  return compares(i->compare, a, b) || ((i->compare & UNORDERED) && (a != a || b != b));
}

template <class F> uint64_t truncated(const struct launch *l, const instruction *i, F x)
{
  auto cut = [&](auto least, auto most) {
    using T = decltype(least);
    return x != x ? put((T)0) : x <= (F)least ? put(least) : x >= (F)most ? put(most) : put((T)x);
  };
  switch (i->type) {
    case U32: return cut((uint32_t)0, std::numeric_limits<uint32_t>::max());
    case S32: return cut(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
    case U64: return cut((uint64_t)0, std::numeric_limits<uint64_t>::max());
    case S64: return cut(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
    default: fault(l, i, "a conversion to such a type");
  }
}

template <class T> uint64_t converted(const struct launch *l, const instruction *i, T x)
{
  if (i->type == F32) return put((float)x);
  if (i->type == F64) return put((double)x);
  if constexpr (std::is_floating_point_v<T>) {
    if (!i->truncates) fault(l, i, "a conversion that rounds");
    return truncated(l, i, x);
  }
  return (uint64_t)x;              /* sign or zeros go on as far as there is room */
}

uint64_t convert(const struct launch *l, const instruction *i, uint64_t x)
{
  switch (i->from) {
    case U8: return converted(l, i, get<uint8_t>(x));
    case S8: return converted(l, i, get<int8_t>(x));
    case U16: return converted(l, i, get<uint16_t>(x));
    case S16: return converted(l, i, get<int16_t>(x));
    case U32: return converted(l, i, get<uint32_t>(x));
    case S32: return converted(l, i, get<int32_t>(x));
    case U64: return converted(l, i, get<uint64_t>(x));
    case S64: return converted(l, i, get<int64_t>(x));
    case F32: return converted(l, i, get<float>(x));
    case F64: return converted(l, i, get<double>(x));
    default: fault(l, i, "a conversion from such a type");
  }
}

template <class T> uint64_t of_integers(const struct launch *l, const instruction *i, const uint64_t *r)
{
  using U = std::make_unsigned_t<T>;
  const unsigned bits = 8 * sizeof(T), by = i->op == SHL || i->op == SHR ? get<uint32_t>(r[i->s[1]]) : 0;
  const T a = get<T>(r[i->s[0]]), b = get<T>(r[i->s[1]]);
  switch (i->op) {
    case ADD: return put((U)((U)a + (U)b));
    case SUB: return put((U)((U)a - (U)b));
    case MUL: return put((U)((uint64_t)(U)a * (U)b));
    case MAD: return put((U)((uint64_t)(U)a * (U)b + (U)get<T>(r[i->s[2]])));
    case DIV: return b ? put((T)(a / b)) : ~0ull;
    case REM: return b ? put((T)(a % b)) : put(a);
    case NEG: return put((U)(0 - (U)a));
    case ABS: return put((U)(a < 0 ? 0 - (U)a : (U)a));
    case MIN: return put(a < b ? a : b);
    case MAX: return put(a > b ? a : b);
    case AND: return put((U)(a & b));
    case OR: return put((U)(a | b));
    case XOR: return put((U)(a ^ b));
    case NOT: return put((U)~a);
    case SHL: return by < bits ? put((U)((U)a << by)) : 0;
    case SHR: return put((T)(a >> (by < bits ? by : bits - 1) >> (by < bits || std::is_signed_v<T> ? 0 : 1)));
    case SETP: return compared<T>(i, r);
    default: fault(l, i, "an operation on integers");
  }
}

template <class T> uint64_t of_reals(const struct launch *l, const instruction *i, const uint64_t *r)
{
  const T a = get<T>(r[i->s[0]]), b = get<T>(r[i->s[1]]);
  switch (i->op) {
    case ADD: return put(a + b);
    case SUB: return put(a - b);
    case MUL: return put(a * b);
    case FMA: return put(std::fma(a, b, get<T>(r[i->s[2]])));
    case DIV: return put(a / b);
    case NEG: return put(-a);
    case ABS: return put(std::fabs(a));
    case SQRT: return put(std::sqrt(a));
    case COPYSIGN: return put(std::copysign(b, a));       /* the sign is that of the first */
    case MIN: return put(std::fmin(a, b));
    case MAX: return put(std::fmax(a, b));
    case SETP: return compared<T>(i, r);
    default: fault(l, i, "an operation on real numbers");
  }
}

uint64_t of_predicates(const struct launch *l, const instruction *i, const uint64_t *r)
{
  const bool a = r[i->s[0]] & 1, b = r[i->s[1]] & 1;
  switch (i->op) {
    case AND: return a && b;
    case OR: return a || b;
    case XOR: return a != b;
    case NOT: return !a;
    default: fault(l, i, "an operation on predicates");
  }
}

uint64_t wide(const struct launch *l, const instruction *i, const uint64_t *r)
{
  uint64_t a = r[i->s[0]], b = r[i->s[1]];
  switch (i->type) {
    case U16: return put((uint32_t)get<uint16_t>(a) * get<uint16_t>(b));
    case S16: return put((uint32_t)(get<int16_t>(a) * get<int16_t>(b)));
    case U32: return (uint64_t)get<uint32_t>(a) * get<uint32_t>(b);
    case S32: return (uint64_t)((int64_t)get<int32_t>(a) * get<int32_t>(b));
    default: fault(l, i, "a wide product of such a type");
  }
}

/* A number from pieces, the first the lowest, or into them. */
void repack(const instruction *i, uint64_t *r)
{
  const size_t bits = 8 * size_of[i->type] / i->n;
  const uint64_t mask = (1ull << bits) - 1, whole = r[i->s[0]];
  uint64_t x = 0;
  for (size_t j = 0; j < i->n; j++)
    if (i->op == PACK) x |= (r[i->s[j]] & mask) << bits * j;
    else r[i->d[j]] = whole >> bits * j & mask;
  if (i->op == PACK) r[i->d[0]] = x;
}

/* Four of the eight bytes of two numbers, or a byte's sign all along. */
uint64_t permuted(const instruction *i, const uint64_t *r)
{
  const uint64_t bytes = (uint64_t)get<uint32_t>(r[i->s[0]]) | r[i->s[1]] << 32, selector = r[i->s[2]];
  uint64_t x = 0;
  for (unsigned j = 0; j < 4; j++) {
    const unsigned which = selector >> 4 * j & 15, byte = bytes >> 8 * (which & 7) & 0xff;
    x |= (uint64_t)(which < 8 ? byte : byte & 0x80 ? 0xff : 0) << 8 * j;
  }
  return x;
}

uint64_t value(const struct launch *l, const instruction *i, const uint64_t *r)
{
  switch (i->op) {
    case MOV: return r[i->s[0]];
    case SELP: return r[i->s[r[i->s[2]] & 1 ? 0 : 1]];
    case CVT: return convert(l, i, r[i->s[0]]);
    case MULWIDE: return wide(l, i, r);
    case PRMT: return permuted(i, r);
    default: break;
  }
  switch (i->type) {
    case U16: return of_integers<uint16_t>(l, i, r);
    case S16: return of_integers<int16_t>(l, i, r);
    case U32: return of_integers<uint32_t>(l, i, r);
    case S32: return of_integers<int32_t>(l, i, r);
    case U64: return of_integers<uint64_t>(l, i, r);
    case S64: return of_integers<int64_t>(l, i, r);
    case F32: return of_reals<float>(l, i, r);
    case F64: return of_reals<double>(l, i, r);
    case PRED: return of_predicates(l, i, r);
    default: fault(l, i, "an operation on such a type");
  }
}

}

bool step(struct launch *l, struct thread *t)
{
  const instruction *i = &l->kernel->code[(size_t)t->at];
  uint64_t *r = t->slot.data();
  if (i->guard >= 0 && (bool)(r[i->guard] & 1) == i->negate) {
    t->at++;
    return true;
  }
  switch (i->op) {
    case RET: t->state = DONE; return false;
    case BAR: t->state = AT_BARRIER; return false;
    case SHFL: t->state = AT_SHUFFLE; return false;
    case BRA: t->at = i->number; return true;
    case COMMIT: t->group++; break;
    case WAIT: end_copies(l, t, i); break;
    case COPY: begin_copy(l, t, i); break;
    case LOAD: case STORE: load_or_store(l, t, i); break;
    case ATOM_ADD: case ATOM_MIN: case ATOM_MAX: atomic(l, t, i); break;
    case PACK: case UNPACK: repack(i, r); break;
    default: r[i->d[0]] = value(l, i, r);
  }
  t->at++;
  return true;
}

}
