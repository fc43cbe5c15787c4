/* Text encodings. No state. */
#include "base/encode.h"

#include <endian.h>

static const char hex_digits[] = "0123456789abcdef";

/*
 * The digits of four bytes at once: each half byte goes into a byte of its own, in the order of the text, and
 * all eight become digits together. Half bytes from ten on carry into the fifth bit when six is added.
 */
static void write_hex_of_four(char *to, const unsigned char *bytes) {
    uint64_t lanes =
        (uint64_t)bytes[0] | (uint64_t)bytes[1] << 16 | (uint64_t)bytes[2] << 32 | (uint64_t)bytes[3] << 48;
    uint64_t halves = (lanes >> 4 & 0x000f000f000f000f) | (lanes & 0x000f000f000f000f) << 8;
    uint64_t letters = (halves + 0x0606060606060606) >> 4 & 0x0101010101010101;
    uint64_t text = htole64(halves + 0x3030303030303030 + letters * ('a' - '0' - 10));
    memcpy(to, &text, sizeof text);
}

void pl_hex_write(char *to, const unsigned char *bytes, size_t count) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        write_hex_of_four(to + 2 * i, bytes + i);
    for (; i < count; i++) {
        to[2 * i] = hex_digits[bytes[i] >> 4];
        to[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
}

void pl_hex_encode(pl_buf *out, pl_str bytes) {
    if (bytes.n == 0 || bytes.n > SIZE_MAX / 2 || !pl_buf_reserve(out, bytes.n * 2))
        return;
    pl_hex_write(out->p + out->n, (const unsigned char *)bytes.p, bytes.n);
    out->n += bytes.n * 2;
}

int pl_hex_value(char c) {
    if (pl_is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool pl_hex_decode(pl_buf *out, pl_str text) {
    size_t before = out->n;
    for (size_t i = 0; i < text.n; i += 2) {
        int high = pl_hex_value(text.p[i]);
        int low = i + 1 < text.n ? pl_hex_value(text.p[i + 1]) : -1;
        if (high < 0 || low < 0) {
            out->n = before;
            return false;
        }
        pl_buf_add_char(out, (char)(high << 4 | low));
    }
    return true;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void pl_base64_encode(pl_buf *out, pl_str bytes) {
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t left = bytes.n - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.p[i] << 16;
        if (left > 1)
            group |= (uint32_t)(unsigned char)bytes.p[i + 1] << 8;
        if (left > 2)
            group |= (unsigned char)bytes.p[i + 2];
        pl_buf_add_char(out, base64_digits[group >> 18]);
        pl_buf_add_char(out, base64_digits[group >> 12 & 63]);
        pl_buf_add_char(out, left > 1 ? base64_digits[group >> 6 & 63] : '=');
        pl_buf_add_char(out, left > 2 ? base64_digits[group & 63] : '=');
    }
}

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (pl_is_digit(c))
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool pl_base64_decode(pl_buf *out, pl_str text) {
    size_t before = out->n, digits = 0, padding = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (pl_is_blank(c))
            continue;
        padding += c == '=';
        int value = c == '=' ? -1 : base64_value(c);
        if (c == '=' && padding <= 2)
            continue;
        if (value < 0 || padding) {
            out->n = before;
            return false;
        }
        bits = bits << 6 | (uint32_t)value;
        if (++digits % 4 != 1)
            pl_buf_add_char(out, (char)(bits >> (6 - 2 * ((digits - 1) % 4))));
    }
    if (digits % 4 == 1 || (padding && (digits + padding) % 4 != 0)) {
        out->n = before;
        return false;
    }
    return true;
}

static bool is_unreserved(char c) {
    return pl_is_letter(c) || pl_is_digit(c) || c == '-' || c == '_' || c == '.' || c == '~';
}

void pl_percent_encode(pl_buf *out, pl_str s) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        size_t plain = i;
        while (i < s.n && is_unreserved(s.p[i]))
            i++;
        pl_buf_add(out, pl_str_of(s.p + plain, i - plain));
        if (i == s.n)
            return;
        unsigned char b = (unsigned char)s.p[i];
        char escape[3] = {'%', digits[b >> 4], digits[b & 15]};
        pl_buf_add(out, pl_str_of(escape, sizeof escape));
    }
}

bool pl_percent_decode(pl_buf *out, pl_str s, bool plus_is_blank) {
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            pl_buf_add_char(out, plus_is_blank && s.p[i] == '+' ? ' ' : s.p[i]);
            continue;
        }
        int high = i + 2 < s.n ? pl_hex_value(s.p[i + 1]) : -1;
        int low = i + 2 < s.n ? pl_hex_value(s.p[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        pl_buf_add_char(out, (char)(high << 4 | low));
        i += 2;
    }
    return true;
}

/* Length of the well-formed sequence at the front, 0 when there is none. */
static size_t sequence_length(pl_str s, uint32_t *code_point) {
    unsigned char first = (unsigned char)s.p[0];
    if (first < 0x80) {
        *code_point = first;
        return 1;
    }
    size_t n = first >= 0xf0 ? 4 : (first >= 0xe0 ? 3 : 2);
    if (first < 0xc2 || first > 0xf4 || s.n < n)
        return 0;
    uint32_t c = first & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        unsigned char b = (unsigned char)s.p[i];
        if ((b & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (b & 0x3f);
    }
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code_point = c;
    return n;
}

/* Bytes below 128 at the beginning, in steps of eight: what most texts consist of. */
static size_t plain_length(pl_str s) {
    size_t n = 0;
    for (uint64_t eight; s.n - n >= sizeof eight; n += sizeof eight) {
        memcpy(&eight, s.p + n, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    return n;
}

/* How the first character of a text is written, when not as it is; `*taken` is its length in bytes. */
static pl_str xml_form(pl_str text, bool attribute, size_t *taken) {
    const unsigned char *c = (const unsigned char *)text.p;
    if (text.n >= 3 && c[0] == 0xEF && c[1] == 0xBF && c[2] >= 0xBE) {
        *taken = 3;
        return PL_STR("\xEF\xBF\xBD");
    }
    *taken = 1;
    switch (c[0]) {
    case '&': return PL_STR("&amp;");
    case '<': return PL_STR("&lt;");
    case '>': return PL_STR("&gt;");
    case '\r': return PL_STR("&#13;");
    case '"': return attribute ? PL_STR("&quot;") : PL_STR_NONE;
    case '\t': return attribute ? PL_STR("&#9;") : PL_STR_NONE;
    case '\n': return attribute ? PL_STR("&#10;") : PL_STR_NONE;
    default: return c[0] < ' ' ? PL_STR(" ") : PL_STR_NONE;
    }
}

void pl_xml_escape(pl_buf *out, pl_str text, bool attribute) {
    size_t done = 0, taken;
    for (size_t i = 0; i < text.n; i += taken) {
        pl_str form = xml_form(pl_str_skip(text, i), attribute, &taken);
        if (!form.p)
            continue;
        pl_buf_add(out, pl_str_of(text.p + done, i - done));
        pl_buf_add(out, form);
        done = i + taken;
    }
    pl_buf_add(out, pl_str_skip(text, done));
}

bool pl_utf8_valid(pl_str s) {
    uint32_t c;
    s = pl_str_skip(s, plain_length(s));
    while (s.n) {
        size_t n = sequence_length(s, &c);
        if (!n)
            return false;
        s = pl_str_skip(s, n);
    }
    return true;
}

pl_str pl_utf8_skip_mark(pl_str s) {
    return pl_str_starts(s, PL_STR("\xef\xbb\xbf")) ? pl_str_skip(s, 3) : s;
}

size_t pl_utf8_length(pl_str s) {
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return count;
}

uint32_t pl_utf8_take(pl_str *s) {
    uint32_t c = 0;
    if (!s->n)
        return 0;
    size_t n = sequence_length(*s, &c);
    *s = pl_str_skip(*s, n ? n : 1);
    return n ? c : 0xfffd;
}

void pl_utf8_add(pl_buf *out, uint32_t c) {
    if (c < 0x80) {
        pl_buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        pl_buf_add_char(out, (char)(0xc0 | c >> 6));
        pl_buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        pl_buf_add_char(out, (char)(0xe0 | c >> 12));
        pl_buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        pl_buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        pl_buf_add_char(out, (char)(0xf0 | c >> 18));
        pl_buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        pl_buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        pl_buf_add_char(out, (char)(0x80 | (c & 0x3f)));
    }
}
