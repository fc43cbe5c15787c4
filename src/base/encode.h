/* Hexadecimal, Base64, percent-encoding, XML text and UTF-8. Nothing here owns memory; results go into
 * buffers. */
#ifndef PL_BASE_ENCODE_H
#define PL_BASE_ENCODE_H

#include "base/buf.h"

/* Writes the `2 * count` lower-case hexadecimal digits of the bytes, without a NUL. */
void pl_hex_write(char *to, const unsigned char *bytes, size_t count);

/* Appends lower-case hexadecimal. */
void pl_hex_encode(pl_buf *out, pl_str bytes);

/* The value of a hexadecimal digit, 0 to 15; -1 for any other character. */
int pl_hex_value(char c);

/* Appends the bytes of a hexadecimal text; false (nothing appended) when it is not one. */
bool pl_hex_decode(pl_buf *out, pl_str text);

/* Standard alphabet with padding. */
void pl_base64_encode(pl_buf *out, pl_str bytes);

/*
 * Appends the decoded bytes; false when the text is not Base64, with `+` and `/` or with `-` and `_` (padding
 * may be missing; blanks and line feeds are skipped). Nothing is appended then.
 */
bool pl_base64_decode(pl_buf *out, pl_str text);

/* RFC 3986 as reference/gateway.md, section 4: A-Z a-z 0-9 - _ . ~ stay, all else is %XY. */
void pl_percent_encode(pl_buf *out, pl_str s);

/* Decodes %XY, and `+` as a blank when `plus_is_blank`; false on a broken escape (the content is then
 * undefined). */
bool pl_percent_decode(pl_buf *out, pl_str s, bool plus_is_blank);

/*
 * Appends a text as XML 1.0 has it, in an attribute or between tags, so that readers get the same text back.
 * What XML cannot say becomes something else: most control characters a blank, U+FFFE and U+FFFF U+FFFD.
 */
void pl_xml_escape(pl_buf *out, pl_str text, bool attribute);

/* True when the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool pl_utf8_valid(pl_str s);

/* The text without the byte order mark that some editors put before a file's. */
pl_str pl_utf8_skip_mark(pl_str s);

/* Number of code points of a well-formed text; stray bytes count as one each. */
size_t pl_utf8_length(pl_str s);

/* Takes one code point off the front; a malformed byte is taken alone and returned as U+FFFD. 0 at the end.
 */
uint32_t pl_utf8_take(pl_str *s);

/* Appends one code point. */
void pl_utf8_add(pl_buf *out, uint32_t code_point);

#endif
