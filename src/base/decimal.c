/* Reading and comparing decimal texts of any length. Owns nothing. */
#include "base/decimal.h"

static const int64_t LARGEST_EXPONENT = 1000000000000000;

/* Reads an optional exponent that must end the text. */
static bool read_exponent(pl_str s, int64_t *exponent) {
    *exponent = 0;
    if (s.n == 0)
        return true;
    if (s.p[0] != 'e' && s.p[0] != 'E')
        return false;
    s = pl_str_skip(s, 1);
    bool negative = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = pl_str_skip(s, 1);
    if (s.n == 0 || pl_str_digits(s) != s.n)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        *exponent = *exponent * 10 + (s.p[i] - '0');
        if (*exponent > LARGEST_EXPONENT)
            return false;
    }
    if (negative)
        *exponent = -*exponent;
    return true;
}

/* Drops zeros and the point at both ends; the magnitude follows the first digit. */
static void normalise(pl_decimal *number, size_t whole) {
    pl_str d = number->digits;
    int64_t power = (int64_t)whole - 1;
    while (d.n && (d.p[0] == '0' || d.p[0] == '.')) {
        power -= d.p[0] == '0';
        d = pl_str_skip(d, 1);
    }
    while (d.n && (d.p[d.n - 1] == '0' || d.p[d.n - 1] == '.'))
        d.n--;
    number->digits = d;
    number->magnitude += power;
    if (d.n == 0)
        number->sign = 0;
}

bool pl_decimal_parse(pl_str text, pl_decimal *out) {
    pl_str s = pl_str_trim(text);
    pl_decimal number = {.sign = s.n && s.p[0] == '-' ? -1 : 1};
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = pl_str_skip(s, 1);
    size_t whole = pl_str_digits(s), n = whole;
    if (whole < s.n && s.p[whole] == '.') {
        size_t fraction = pl_str_digits(pl_str_skip(s, whole + 1));
        if (fraction == 0)
            return false;
        n = whole + 1 + fraction;
    }
    if (n == 0 || !read_exponent(pl_str_skip(s, n), &number.magnitude))
        return false;
    number.digits = pl_str_head(s, n);
    normalise(&number, whole);
    *out = number;
    return true;
}

static char take_digit(pl_str *digits) {
    if (digits->n && digits->p[0] == '.')
        *digits = pl_str_skip(*digits, 1);
    char c = digits->n ? digits->p[0] : '0';
    *digits = pl_str_skip(*digits, 1);
    return c;
}

/* Both numbers have the same sign and magnitude. */
static int compare_digits(pl_str a, pl_str b) {
    while (a.n || b.n) {
        char x = take_digit(&a), y = take_digit(&b);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

int pl_decimal_compare(const pl_decimal *a, const pl_decimal *b) {
    if (a->sign != b->sign || a->sign == 0)
        return a->sign - b->sign;
    if (a->magnitude != b->magnitude)
        return (a->magnitude < b->magnitude ? -1 : 1) * a->sign;
    return compare_digits(a->digits, b->digits) * a->sign;
}
