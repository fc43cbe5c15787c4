/* Packing documents for the store, and reading them in place. Owns nothing. */
#include "json/pack.h"

enum { MAGIC = 0x31504a50, LANES = 8, LANE_BYTES = LANES * sizeof(uint64_t) };

typedef struct header {
    uint32_t magic; /* also tells the byte order */
    uint32_t words; /* of the tape, with the root word before the document and the one behind it */
    uint64_t string_bytes;
    uint64_t checksum; /* of the header with 0 here, and of everything behind it */
} header;

static uint64_t load(const char *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static uint64_t mix(uint64_t lane, uint64_t word) {
    return (lane ^ word) * 0x9e3779b97f4a7c15ULL;
}

/* Eight independent lanes, so that the multiplications overlap. A changed word always changes its lane. */
static uint64_t checksum_of(const header *head, pl_str bytes) {
    uint64_t lanes[LANES] = {head->magic, head->words, head->string_bytes, bytes.n, 4, 5, 6, 7}, sum = 0;
    size_t at = 0;
    for (; at + LANE_BYTES <= bytes.n; at += LANE_BYTES)
#pragma GCC unroll 8
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = mix(lanes[i], load(bytes.p + at + i * sizeof(uint64_t)));
    for (size_t lane = 0; at < bytes.n; at += sizeof(uint64_t), lane++) {
        uint64_t word = 0;
        memcpy(&word, bytes.p + at, bytes.n - at < sizeof word ? bytes.n - at : sizeof word);
        lanes[lane % LANES] = mix(lanes[lane % LANES], word);
    }
    for (size_t i = 0; i < LANES; i++)
        sum = mix((sum << 23 | sum >> 41) ^ (lanes[i] >> 32), lanes[i]);
    return sum ^ sum >> 29;
}

static void add_word(pl_buf *out, uint64_t word) {
    pl_buf_add(out, pl_str_of((const char *)&word, sizeof word));
}

static uint64_t tagged(char tag, uint64_t payload) {
    return (uint64_t)(unsigned char)tag << 56 | payload;
}

/* Index of a word once the node's word is the first behind the root word. */
static uint64_t moved(pl_json node, uint64_t payload) {
    return (payload & ~(uint64_t)UINT32_MAX) | ((uint32_t)payload - node.at + 1);
}

/* The words of the node with places in the tape and in the strings as they will be. */
static void add_words(pl_buf *out, pl_json node, uint32_t end) {
    uint64_t offset = 0;
    for (pl_json here = node; here.at < end; here.at++) {
        uint64_t word = pl_json_word(here), payload = word & PL_JSON_PAYLOAD_MASK;
        char tag = pl_json_tag(here);
        if (tag == '"') {
            add_word(out, tagged(tag, offset));
            offset += sizeof(uint32_t) + pl_json_text(here).n + 1;
        } else {
            bool place = tag == '{' || tag == '[' || tag == '}' || tag == ']';
            add_word(out, place ? tagged(tag, moved(node, payload)) : word);
        }
        if (tag == 'l' || tag == 'u' || tag == 'd')
            add_word(out, here.tape[++here.at]);
    }
}

static void add_strings(pl_buf *out, pl_json node, uint32_t end) {
    static const char zeros[PL_JSON_STRING_PADDING];
    for (pl_json here = node; here.at < end; here.at++) {
        char tag = pl_json_tag(here);
        if (tag == '"') {
            uint32_t n = (uint32_t)pl_json_text(here).n;
            pl_buf_add(out, pl_str_of((const char *)&n, sizeof n));
            pl_buf_add(out, pl_json_text(here));
            pl_buf_add_char(out, '\0');
        } else if (tag == 'l' || tag == 'u' || tag == 'd') {
            here.at++;
        }
    }
    pl_buf_add(out, pl_str_of(zeros, sizeof zeros));
}

bool pl_json_pack(pl_buf *out, pl_json node) {
    size_t from = out->n;
    uint32_t end = pl_json_behind(node), words = end - node.at + 2;
    header head = {.magic = MAGIC, .words = words};
    pl_buf_add(out, pl_str_of((const char *)&head, sizeof head));
    add_word(out, tagged('r', words));
    add_words(out, node, end);
    add_word(out, tagged('r', 0));
    add_strings(out, node, end);
    if (out->failed)
        return false;
    head.string_bytes = out->n - from - sizeof head - words * sizeof(uint64_t);
    head.checksum = checksum_of(&head, pl_str_skip(pl_buf_str(out), from + sizeof head));
    memcpy(out->p + from, &head, sizeof head);
    return true;
}

static bool is_whole(const header *head, pl_str rest) {
    uint64_t tape_bytes = (uint64_t)head->words * sizeof(uint64_t);
    return head->magic == MAGIC && tape_bytes <= rest.n && head->string_bytes == rest.n - tape_bytes &&
           head->checksum == checksum_of(head, rest);
}

int pl_json_unpack(pl_str packed, pl_arena *arena, pl_json *root, pl_error *error) {
    header head;
    *root = PL_JSON_NONE;
    if (packed.n < sizeof head)
        return pl_failf(error, PL_E_InvalidParameter, "the stored document is cut short");
    memcpy(&head, packed.p, sizeof head);
    pl_str rest = pl_str_skip(packed, sizeof head);
    if (!is_whole(&head, rest))
        return pl_failf(error, PL_E_InvalidParameter, "the stored document is damaged");
    const void *words = rest.p;
    if ((uintptr_t)words % sizeof(uint64_t) != 0)
        words = pl_arena_copy(arena, rest).p;
    if (!words)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *root = (pl_json){words, (const uint8_t *)words + (size_t)head.words * sizeof(uint64_t), 1};
    return 0;
}
