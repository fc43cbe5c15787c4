/* Numbers of a tape: integers are exact, doubles count as the shortest decimal that reads back as them. */
#include "jsonpath/number.h"

static pl_buf buffer_of(pl_number_text *text) {
    return (pl_buf){.p = text->bytes, .capacity = sizeof text->bytes, .limit = sizeof text->bytes};
}

pl_str pl_number_text_of(pl_json node, pl_number_text *text) {
    pl_buf out = buffer_of(text);
    pl_json_write_text(&out, node);
    return pl_buf_str(&out);
}

pl_str pl_number_text_of_i64(int64_t value, pl_number_text *text) {
    pl_buf out = buffer_of(text);
    pl_buf_add_i64(&out, value);
    return pl_buf_str(&out);
}

static int compare_texts(pl_json a, pl_json b) {
    pl_number_text text_a, text_b;
    pl_decimal x = {.sign = 0}, y = {.sign = 0};
    pl_decimal_parse(pl_number_text_of(a, &text_a), &x);
    pl_decimal_parse(pl_number_text_of(b, &text_b), &y);
    return pl_decimal_compare(&x, &y);
}

int pl_number_compare(pl_json a, pl_json b) {
    int64_t i, j;
    double x, y;
    if (pl_json_i64(a, &i) && pl_json_i64(b, &j))
        return (i > j) - (i < j);
    if (pl_json_tag(a) == 'd' && pl_json_tag(b) == 'd') {
        pl_json_double(a, &x);
        pl_json_double(b, &y);
        return (x > y) - (x < y);
    }
    return compare_texts(a, b);
}
