/* The thin C++ file around simdjson: everything above reads the tape it leaves behind. Owns its buffers. */
#include <simdjson.h>

#include <memory>
#include <new>
#include <string>

// The C headers use compound literals, which ISO C++ lacks and g++ accepts.
#pragma GCC diagnostic ignored "-Wpedantic"
extern "C" {
#include "base/memory.h"
#include "json/scalar.h"
}

static_assert(PL_JSON_PADDING >= simdjson::SIMDJSON_PADDING, "padding promised to callers is too small");

struct pl_json_parser {
    simdjson::dom::parser parser;
    size_t max_bytes;
    size_t tape_words = 0;
    size_t string_bytes = 0;
    std::unique_ptr<uint8_t[]> unescaped; // of the last string decoded for an index
    size_t unescaped_capacity = 0;
    explicit pl_json_parser(size_t max)
        : parser(max < 64 ? 64 : max), max_bytes(max) {} // simdjson refuses less
};

extern "C" pl_json_parser *pl_json_parser_new(size_t max_bytes) {
    void *place = pl_malloc(sizeof(pl_json_parser));
    return place ? new (place) pl_json_parser(max_bytes) : nullptr;
}

extern "C" void pl_json_parser_free(pl_json_parser *parser) {
    if (!parser)
        return;
    parser->~pl_json_parser();
    pl_free(parser);
}

static int fail(pl_error *error, pl_str text, simdjson::error_code code) {
    if (code == simdjson::MEMALLOC)
        return pl_fail(error, PL_E_ServiceUnavailable);
    size_t at = code == simdjson::CAPACITY ? 0 : pl_json_locate_error(text);
    pl_failf(error, PL_E_InvalidParameter, "not valid JSON at byte %zu: %s", at,
             simdjson::error_message(code));
    error->position = at;
    return -1;
}

/* The end of the string buffer is where the last string ends: the tape is read backwards to find it. */
static void measure(pl_json_parser *parser) {
    const uint64_t *tape = parser->parser.doc.tape.get();
    const uint8_t *strings = parser->parser.doc.string_buf.get();
    parser->tape_words = size_t(uint32_t(tape[0]));
    parser->string_bytes = 0;
    for (size_t at = 1; at + 1 < parser->tape_words; at++) {
        char tag = char(tape[at] >> 56);
        if (tag == 'l' || tag == 'u' || tag == 'd') {
            at++;
        } else if (tag == '"') {
            size_t offset = size_t(tape[at] & PL_JSON_PAYLOAD_MASK);
            uint32_t n;
            memcpy(&n, strings + offset, sizeof n);
            parser->string_bytes = offset + sizeof n + n + 1;
        }
    }
}

static int parse(pl_json_parser *parser, pl_str text, bool copy, pl_json *root, pl_error *error) {
    if (text.n > parser->max_bytes)
        return pl_failf(error, PL_E_InvalidParameter, "the JSON text has %zu bytes, more than %zu", text.n,
                        parser->max_bytes);
    auto code = parser->parser.parse(text.p ? text.p : "", text.n, copy).error();
    if (code)
        return fail(error, text, code);
    *root = pl_json{parser->parser.doc.tape.get(), parser->parser.doc.string_buf.get(), 1};
    return 0;
}

extern "C" int pl_json_parse(pl_json_parser *parser, pl_str text, pl_json *root, pl_error *error) {
    return parse(parser, text, true, root, error);
}

extern "C" int pl_json_parse_padded(pl_json_parser *parser, pl_str text, pl_json *root, pl_error *error) {
    return parse(parser, text, false, root, error);
}

extern "C" pl_json pl_json_keep(pl_arena *arena, const pl_json_parser *parser, pl_json root) {
    measure(const_cast<pl_json_parser *>(parser));
    size_t words = parser->tape_words, bytes = parser->string_bytes;
    void *tape = pl_arena_alloc(arena, words * sizeof(uint64_t));
    void *strings = pl_arena_alloc(arena, bytes + PL_JSON_STRING_PADDING);
    if (!tape || !strings)
        return pl_json{nullptr, nullptr, 0};
    memcpy(tape, root.tape, words * sizeof(uint64_t));
    memcpy(strings, root.strings, bytes);
    return pl_json{static_cast<uint64_t *>(tape), static_cast<uint8_t *>(strings), root.at};
}

extern "C" int pl_json_parse_in(pl_arena *arena, pl_str text, pl_json *root, pl_error *error) {
    pl_json_parser parser(text.n);
    pl_json parsed;
    if (pl_json_parse(&parser, text, &parsed, error) != 0)
        return -1;
    *root = pl_json_keep(arena, &parser, parsed);
    return root->tape ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* Room in powers of two, so that growing documents do not allocate each time. */
static bool make_room(pl_json_parser *parser, size_t bytes) {
    size_t capacity = parser->parser.capacity();
    if (parser->parser.implementation && capacity >= bytes)
        return true;
    for (capacity = 4096; capacity < bytes;)
        capacity *= 2;
    return parser->parser.allocate(capacity < parser->max_bytes ? capacity : parser->max_bytes) ==
           simdjson::SUCCESS;
}

extern "C" bool pl_json_index_make(pl_json_parser *parser, pl_str text, pl_json_index *out) {
    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(text.p);
    if (text.n < 2 || text.n > parser->max_bytes || text.n > UINT32_MAX || !make_room(parser, text.n))
        return false;
    auto &index = *parser->parser.implementation;
    if (index.stage1(bytes, text.n, simdjson::stage1_mode::regular) != simdjson::SUCCESS)
        return false;
    bool escapes = memchr(bytes, '\\', text.n) != nullptr;
    *out = pl_json_index{
        bytes, index.structural_indexes.get(), index.n_structural_indexes, uint32_t(text.n), escapes, parser};
    return true;
}

static bool make_scratch(pl_json_parser *parser, size_t wanted) {
    if (wanted <= parser->unescaped_capacity)
        return true;
    parser->unescaped.reset(new (std::nothrow) uint8_t[wanted * 2]);
    parser->unescaped_capacity = parser->unescaped ? wanted * 2 : 0;
    return parser->unescaped != nullptr;
}

extern "C" uint8_t *pl_json_decode(pl_json_parser *parser, const uint8_t *p, uint8_t *into) {
    return make_room(parser, 1) ? parser->parser.implementation->parse_string(p, into) : nullptr;
}

extern "C" bool pl_json_decode_scratch(pl_json_parser *parser, const uint8_t *p, size_t n, pl_str *out) {
    if (!make_scratch(parser, n + PL_JSON_PADDING))
        return false;
    uint8_t *into = parser->unescaped.get();
    const uint8_t *end = pl_json_decode(parser, p, into);
    if (end)
        *out = pl_str_of(reinterpret_cast<const char *>(into), size_t(end - into));
    return end != nullptr;
}

extern "C" bool pl_json_index_unescape(const pl_json_index *x, uint32_t entry, pl_str *out) {
    return pl_json_decode_scratch(x->parser, x->text + x->at[entry] + 1, x->at[entry + 1] - x->at[entry],
                                  out);
}
