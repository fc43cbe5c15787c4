/* Compiling and matching with PCRE2. Owns nothing beyond a match's working memory. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "jsonpath/regex.h"

#include "base/memory.h"
#include "jsonpath/path.h"

#include <pcre2.h>

struct pl_regex {
    pcre2_code *code;
};

/* A match works in POOL_BYTES of the stack (PCRE2's first frames alone are 20 KiB); only a deep one asks the
 * heap. */
enum { MATCH_HEAP_KIB = 20000, POOL_BYTES = 24576, POOL_ALIGNMENT = 16 };

typedef struct pool {
    size_t used;
    _Alignas(POOL_ALIGNMENT) char bytes[POOL_BYTES];
} pool;

static void *arena_malloc(size_t size, void *arena) {
    return pl_arena_alloc(arena, size);
}

static void arena_free(void *p, void *arena) {
    (void)p;
    (void)arena;
}

static void *pool_malloc(size_t size, void *context) {
    pool *p = context;
    size_t padded = (size + POOL_ALIGNMENT - 1) & ~(size_t)(POOL_ALIGNMENT - 1);
    if (padded < size || padded > POOL_BYTES - p->used)
        return pl_malloc(size);
    p->used += padded;
    return p->bytes + p->used - padded;
}

static void pool_free(void *memory, void *context) {
    const pool *p = context;
    uintptr_t at = (uintptr_t)memory, from = (uintptr_t)p->bytes;
    if (at < from || at >= from + POOL_BYTES)
        pl_free(memory);
}

static uint32_t options_of(pl_regex_kind kind) {
    switch (kind) {
    case PL_REGEX_FOLDED_EQUAL:
        return PCRE2_UTF | PCRE2_LITERAL | PCRE2_CASELESS | PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    case PL_REGEX_FOLDED_PART: return PCRE2_UTF | PCRE2_LITERAL | PCRE2_CASELESS;
    case PL_REGEX_I_REGEXP_MATCH:
        return PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY;
    case PL_REGEX_I_REGEXP_SEARCH: return PCRE2_UTF | PCRE2_DOLLAR_ENDONLY;
    default: return PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C;
    }
}

static int compile(pl_arena *arena, pl_str pattern, pl_regex_kind kind, const pl_regex **out,
                   pl_error *error) {
    int code;
    PCRE2_SIZE at;
    pl_regex *regex = pl_new(arena, pl_regex, 1);
    pcre2_general_context *general = pcre2_general_context_create(arena_malloc, arena_free, arena);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (!regex || !context)
        return pl_fail(error, PL_E_ServiceUnavailable);
    regex->code = pcre2_compile((PCRE2_SPTR)(pattern.n ? pattern.p : ""), pattern.n, options_of(kind), &code,
                                &at, context);
    if (!regex->code && arena->failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *out = regex->code ? regex : NULL;
    return 0;
}

int pl_regex_compile(pl_arena *arena, pl_str pattern, pl_regex_kind kind, const pl_regex **out,
                     pl_error *error) {
    *out = NULL;
    if (pattern.n > PL_REGEX_MAX_PATTERN)
        return pl_failf(error, PL_E_InvalidParameter, "a regular expression has more than %d bytes",
                        PL_REGEX_MAX_PATTERN);
    if (kind != PL_REGEX_I_REGEXP_MATCH && kind != PL_REGEX_I_REGEXP_SEARCH)
        return compile(arena, pattern, kind, out, error);
    pl_buf translated;
    pl_buf_init(&translated, (size_t)PL_REGEX_MAX_PATTERN * 8);
    int status = 0;
    if (pl_regex_translate(&translated, pattern))
        status = compile(arena, pl_buf_str(&translated), kind, out, error);
    else if (translated.failed)
        status = pl_fail(error, PL_E_ServiceUnavailable);
    pl_buf_free(&translated);
    return status;
}

static pcre2_match_context *limits(pcre2_general_context *general) {
    pcre2_match_context *context = pcre2_match_context_create(general);
    if (context) {
        pcre2_set_match_limit(context, PL_PATH_MATCH_LIMIT);
        pcre2_set_heap_limit(context, MATCH_HEAP_KIB);
    }
    return context;
}

int pl_regex_test(const pl_regex *regex, pl_str subject, pl_error *error) {
    int count = PCRE2_ERROR_NOMEMORY;
    pool memory;
    memory.used = 0;
    pcre2_general_context *general = pcre2_general_context_create(pool_malloc, pool_free, &memory);
    pcre2_match_context *context = general ? limits(general) : NULL;
    pcre2_match_data *data = context ? pcre2_match_data_create(1, general) : NULL;
    if (data)
        count = pcre2_match(regex->code, (PCRE2_SPTR)(subject.n ? subject.p : ""), subject.n, 0, 0, data,
                            context);
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_general_context_free(general);
    if (count >= 0 || count == PCRE2_ERROR_NOMATCH)
        return count != PCRE2_ERROR_NOMATCH;
    if (count == PCRE2_ERROR_NOMEMORY)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return pl_failf(error, PL_E_InvalidParameter, "a regular expression exceeds its match limit");
}
