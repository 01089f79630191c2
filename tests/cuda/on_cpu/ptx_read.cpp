/* ptx_read.cpp -- PTX as nvcc writes it, read into kernels: as much of the language as it makes of
 * cuda/, and an end to the program at anything else. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "ptx.h"

namespace cuda_on_cpu_ptx {

namespace {

using strings = std::vector<std::string>;

struct reader {
  struct kernel *kernel;
  std::vector<std::map<std::string, int>> slot;  /* of what has a name, by the braces that it stands in */
  std::map<std::string, int> label;
  std::map<std::string, size_t> shared;
  std::vector<std::string> goal;                 /* of every branch, by instruction */
  int line;
};

[[noreturn]] void unknown(const reader *r, const std::string &text)
{
  fprintf(stderr, "cuda_on_cpu: %s:%d: not understood: %s\n", r->kernel->file.c_str(), r->line, text.c_str());
  abort();
}

std::string trim(const std::string &s)
{
  size_t a = s.find_first_not_of(" \t\r\n"), b = s.find_last_not_of(" \t\r\n");
  return a == std::string::npos ? "" : s.substr(a, b - a + 1);
}

/* At a mark, but not within brackets. */
strings split(const std::string &s, char mark)
{
  strings out;
  std::string now;
  int depth = 0;
  for (char c : s) {
    depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    if (c == mark && !depth) {
      out.push_back(trim(now));
      now.clear();
    } else {
      now += c;
    }
  }
  if (!trim(now).empty()) out.push_back(trim(now));
  return out;
}

int new_slot(reader *r, const std::string &name, uint64_t value)
{
  r->kernel->slot.push_back(value);
  return r->slot.back()[name] = (int)r->kernel->slot.size() - 1;
}

/* The slot of a register, a constant, or something that has an address. */
int slot_of(reader *r, const std::string &name)
{
  static const char *const special[] = { "%tid.x",   "%tid.y",   "%tid.z",   "%ntid.x",   "%ntid.y",   "%ntid.z",
                                         "%ctaid.x", "%ctaid.y", "%ctaid.z", "%nctaid.x", "%nctaid.y", "%nctaid.z" };
  for (auto inner = r->slot.rbegin(); inner != r->slot.rend(); inner++)
    if (inner->count(name)) return inner->at(name);
  if (name.empty()) unknown(r, "an operand that is missing");
  for (int i = 0; i < 12; i++)
    if (name == special[i]) {
      int slot = new_slot(r, name, 0);
      r->kernel->given.push_back({ slot, (enum special)i, 0 });
      return slot;
    }
  if (name[0] == '%') unknown(r, name);
  if (name.compare(0, 2, "0d") == 0 || name.compare(0, 2, "0f") == 0 || name.compare(0, 2, "0D") == 0 ||
      name.compare(0, 2, "0F") == 0)
    return new_slot(r, name, strtoull(name.c_str() + 2, nullptr, 16));
  if (isdigit(name[0])) return new_slot(r, name, strtoull(name.c_str(), nullptr, 0));
  if (name[0] == '-') return new_slot(r, name, (uint64_t)strtoll(name.c_str(), nullptr, 0));
  if (r->shared.count(name)) return new_slot(r, name, r->shared[name]);
  size_t parameter = name.rfind("_param_");
  if (name.compare(0, 13, "__local_depot") && parameter == std::string::npos) unknown(r, name);
  int slot = new_slot(r, name, 0);
  if (parameter == std::string::npos) r->kernel->given.push_back({ slot, DEPOT, 0 });
  else
    r->kernel->given.push_back({ slot, PARAMETER, r->kernel->param_at.at((size_t)atoi(name.c_str() + parameter + 7)) });
  return slot;
}

int take_slots(reader *r, int *slot, const std::string &operand)
{
  strings name = operand[0] == '{' ? split(operand.substr(1, operand.size() - 2), ',') : strings { operand };
  if (name.size() > 4) unknown(r, operand);
  for (size_t i = 0; i < name.size(); i++) slot[i] = slot_of(r, name[i]);
  return (int)name.size();
}

void take_address(reader *r, int *base, int64_t *offset, const std::string &operand)
{
  std::string inner = operand.substr(1, operand.size() - 2);
  size_t plus = inner.find('+');
  if (operand[0] != '[') unknown(r, operand);
  *base = slot_of(r, trim(inner.substr(0, plus)));
  *offset = plus == std::string::npos ? 0 : strtoll(inner.c_str() + plus + 1, nullptr, 0);
}

enum type type_of(const std::string &word)
{
  static const std::map<std::string, enum type> type = { { "b8", U8 },   { "u8", U8 },   { "s8", S8 },
                                                         { "b16", U16 }, { "u16", U16 }, { "s16", S16 },
                                                         { "b32", U32 }, { "u32", U32 }, { "s32", S32 },
                                                         { "b64", U64 }, { "u64", U64 }, { "s64", S64 },
                                                         { "f32", F32 }, { "f64", F64 }, { "pred", PRED } };
  auto t = type.find(word);
  return t == type.end() ? NONE : t->second;
}

/* A modifier is one of these, or unknown. */
void only(const reader *r, const strings &word, const strings &modifiers)
{
  for (size_t j = 1; j < word.size(); j++)
    if (!type_of(word[j]) && std::find(modifiers.begin(), modifiers.end(), word[j]) == modifiers.end())
      unknown(r, word[0] + "." + word[j]);
}

bool is_memory(const std::string &op) { return op == "ld" || op == "st" || op == "atom"; }

void decode_memory(reader *r, instruction *i, const strings &word, const strings &operand)
{
  auto has = [&](const char *x) { return std::find(word.begin(), word.end(), x) != word.end(); };
  only(r, word, { "global", "shared", "local", "param", "volatile", "v2", "v4", "add", "min", "max" });
  i->space = has("global") ? GLOBAL : has("shared") ? SHARED : has("local") ? LOCAL : has("param") ? PARAM : GENERIC;
  i->is_volatile = has("volatile");
  if (word[0] == "st") {
    i->op = STORE;
    take_address(r, &i->base, &i->offset, operand.at(0));
    i->n = (uint8_t)take_slots(r, i->s, operand.at(1));
    return;
  }
  i->op = word[0] == "ld" ? LOAD : has("add") ? ATOM_ADD : has("min") ? ATOM_MIN : ATOM_MAX;
  i->n = (uint8_t)take_slots(r, i->d, operand.at(0));
  take_address(r, &i->base, &i->offset, operand.at(1));
  if (i->op != LOAD) take_slots(r, i->s, operand.at(2));
}

void decode_copy(reader *r, instruction *i, const strings &word, const strings &operand)
{
  auto has = [&](const char *x) { return std::find(word.begin(), word.end(), x) != word.end(); };
  only(r, word, { "async", "commit_group", "wait_all", "wait_group", "cg", "ca", "shared", "global" });
  if (has("commit_group")) i->op = COMMIT;
  else if (has("wait_all") || has("wait_group")) {
    i->op = WAIT;
    i->number = has("wait_all") ? 0 : atoi(operand.at(0).c_str());
  } else {
    i->op = COPY;
    take_address(r, &i->base, &i->offset, operand.at(0));
    int64_t from_offset;
    take_address(r, &i->s[0], &from_offset, operand.at(1));
    i->s[1] = slot_of(r, std::to_string(from_offset));
    i->number = atoi(operand.at(2).c_str());
    if (operand.size() > 3 && operand[3] != operand[2]) unknown(r, "a copy that fills up");
  }
}

void decode_compare(reader *r, instruction *i, const strings &word)
{
  static const std::map<std::string, int> compare = { { "eq", EQ },
                                                      { "ne", NE },
                                                      { "lt", LT },
                                                      { "le", LE },
                                                      { "gt", GT },
                                                      { "ge", GE },
                                                      { "equ", EQ | UNORDERED },
                                                      { "neu", NE | UNORDERED },
                                                      { "ltu", LT | UNORDERED },
                                                      { "leu", LE | UNORDERED },
                                                      { "gtu", GT | UNORDERED },
                                                      { "geu", GE | UNORDERED } };
  auto c = compare.find(word.at(1));
  if (c == compare.end() || word.size() != 3) unknown(r, "a comparison");
  i->op = SETP;
  i->compare = (uint8_t)c->second;
}

/* Arithmetic and what moves values: which operation, of which modifiers. */
void decode_value(reader *r, instruction *i, const strings &word, const strings &operand)
{
  static const std::map<std::string, enum op> simple = {
    { "add", ADD }, { "sub", SUB },  { "mul", MUL }, { "mad", MAD },   { "fma", FMA },  { "div", DIV },
    { "rem", REM }, { "neg", NEG },  { "abs", ABS }, { "min", MIN },   { "max", MAX },  { "and", AND },
    { "or", OR },   { "xor", XOR },  { "not", NOT }, { "shl", SHL },   { "shr", SHR },  { "selp", SELP },
    { "sqrt", SQRT }, { "copysign", COPYSIGN },
    { "mov", MOV }, { "cvta", MOV }, { "cvt", CVT }, { "prmt", PRMT }, { "shfl", SHFL }
  };
  auto has = [&](const char *x) { return std::find(word.begin(), word.end(), x) != word.end(); };
  auto o = simple.find(word[0]);
  if (o == simple.end()) unknown(r, word[0]);
  only(r, word, { "rn", "rzi", "lo", "wide", "to", "global", "local", "sync", "bfly" });
  i->op = o->second;
  if (i->op == MUL && has("wide")) i->op = MULWIDE;
  if (i->op == MAD && !has("lo")) unknown(r, "mad");
  if (i->op == MOV && operand.at(0)[0] == '{') i->op = UNPACK;
  if (i->op == MOV && operand.at(1)[0] == '{') i->op = PACK;
  i->truncates = has("rzi");
  if (i->truncates && (i->type == F32 || i->type == F64)) unknown(r, "a real number made whole");
  std::string to = operand.at(0);
  if (i->op == SHFL) {
    i->number = slot_of(r, operand.at(4));       /* the lanes that take part */
    to = to.substr(0, to.find('|'));             /* whether there was a lane to take from: no lane looks */
  }
  i->n = (uint8_t)take_slots(r, i->d, to);
  if (i->op == PACK) i->n = (uint8_t)take_slots(r, i->s, operand.at(1));
  else
    for (size_t j = 1; j < operand.size() && j < 4; j++) i->s[j - 1] = slot_of(r, operand[j]);
}

void decode(reader *r, std::string text)
{
  instruction i = {};
  std::string goal;
  i.guard = -1;
  i.line = r->line;
  if (text[0] == '@') {
    size_t end = text.find_first_of(" \t");
    i.negate = text[1] == '!';
    i.guard = slot_of(r, text.substr(i.negate ? 2 : 1, end - (i.negate ? 2 : 1)));
    text = trim(text.substr(end));
  }
  size_t end = text.find_first_of(" \t");
  const strings word = split(text.substr(0, end), '.'),
                operand = split(end == std::string::npos ? "" : text.substr(end), ',');
  for (size_t j = 1; j < word.size(); j++)
    if (enum type t = type_of(word[j])) (i.type ? i.from : i.type) = t;
  if (text == "ret") i.op = RET;
  else if (word[0] == "bar") {
    only(r, word, { "sync" });
    if (operand != strings { "0" }) unknown(r, "a barrier of some threads");
    i.op = BAR;
  } else if (word[0] == "bra") {
    only(r, word, { "uni" });
    i.op = BRA;
    goal = operand.at(0);
  } else if (word[0] == "setp") {
    decode_compare(r, &i, word);
    take_slots(r, i.d, operand.at(0));
    for (size_t j = 1; j < 3; j++) i.s[j - 1] = slot_of(r, operand.at(j));
  } else if (is_memory(word[0])) decode_memory(r, &i, word, operand);
  else if (word[0] == "cp") decode_copy(r, &i, word, operand);
  else decode_value(r, &i, word, operand);
  r->kernel->code.push_back(i);
  r->goal.push_back(goal);
}

/* .reg .b32 %r<100>, or .reg .b16 some, names: there until the brace closes */
void declare_registers(reader *r, const std::string &text)
{
  const uint64_t nonsense = 0xa5a5a5a5a5a5a5a5u;
  for (auto &name : split(text.substr(text.find_first_of(" \t", text.find('.', 4))), ',')) {
    size_t bracket = name.find('<');
    const int n = bracket == std::string::npos ? 0 : atoi(name.c_str() + bracket + 1);
    if (!n) new_slot(r, name, nonsense);
    for (int i = 0; i < n; i++) new_slot(r, name.substr(0, bracket) + std::to_string(i), nonsense);
  }
}

/* .shared .align 16 .b8 name[1024], and the like of .local */
void declare_memory(reader *r, const std::string &text)
{
  size_t bracket = text.rfind('['), before = text.find_last_of(" \t", bracket), align = text.find(".align");
  if (bracket == std::string::npos || align == std::string::npos) unknown(r, text);
  size_t bytes = strtoull(text.c_str() + bracket + 1, nullptr, 0),
         step = strtoull(text.c_str() + align + 6, nullptr, 0);
  if (text.compare(0, 6, ".local") == 0) {
    r->kernel->n_local = bytes;
    return;
  }
  r->kernel->n_shared = (r->kernel->n_shared + step - 1) / step * step;
  r->shared[text.substr(before + 1, bracket - before - 1)] = r->kernel->n_shared;
  r->kernel->n_shared += bytes;
}

void take_parameters(reader *r, const std::string &list)
{
  struct kernel *k = r->kernel;
  for (auto &parameter : split(list, ',')) {
    size_t bracket = parameter.rfind('['), bytes = 0;
    std::stringstream words(parameter);
    for (std::string word; words >> word && !bytes; ) {
      enum type t = word.size() > 1 ? type_of(word.substr(1)) : NONE;
      bytes = t == U32 || t == S32 || t == F32 ? 4 : t == U64 || t == S64 || t == F64 ? 8 : 0;
    }
    if (bracket != std::string::npos) bytes = strtoull(parameter.c_str() + bracket + 1, nullptr, 0);
    if (!bytes) unknown(r, parameter);
    k->param_bytes.push_back(bytes);
    k->param_at.push_back(k->n_param);
    k->n_param += (bytes + 15) / 16 * 16;
  }
}

/* What stands between a kernel's braces, from `at` on.  @return where it ends */
size_t read_body(reader *r, const std::string &text, size_t at)
{
  std::string now;
  for (r->slot.resize(1); !r->slot.empty(); at++) {
    char c = text.at(at);
    bool begins = trim(now).empty();
    r->line += c == '\n';
    if (begins && c == '{') r->slot.emplace_back();
    else if (begins && c == '}') r->slot.pop_back();
    else if (c == ':') {
      r->label[trim(now)] = (int)r->kernel->code.size();
      now.clear();
    } else if (c == ';') {
      std::string statement = trim(now);
      now.clear();
      std::string directive = statement[0] == '.' ? statement.substr(0, statement.find_first_of(" \t")) : "";
      if (directive.empty()) decode(r, statement);
      else if (directive == ".reg") declare_registers(r, statement);
      else if (directive == ".shared" || directive == ".local") declare_memory(r, statement);
      else if (directive != ".pragma") unknown(r, statement);
    } else {
      now += c;
    }
  }
  return at;
}

}

void read(std::vector<kernel> *kernels, const std::string &file, std::string text)
{
  if (text.empty()) {
    fprintf(stderr, "cuda_on_cpu: %s: no PTX\n", file.c_str());
    abort();
  }
  for (size_t at = 0; (at = text.find("//", at)) != std::string::npos; )
    for (; text[at] != '\n'; at++) text[at] = ' ';
  for (size_t at = 0; (at = text.find(".entry", at)) != std::string::npos; ) {
    kernel k = {};
    reader r = {};
    size_t open = text.find('(', at), close = text.find(')', open), body = text.find('{', close);
    k.file = file;
    k.name = trim(text.substr(at + 6, open - at - 6));
    r.kernel = &k;
    r.line = 1 + (int)std::count(text.begin(), text.begin() + (long)body, '\n');
    take_parameters(&r, text.substr(open + 1, close - open - 1));
    at = read_body(&r, text, body + 1);
    for (size_t i = 0; i < k.code.size(); i++)
      if (k.code[i].op == BRA) k.code[i].number = r.label.at(r.goal[i]);
    kernels->push_back(k);
  }
}

}
