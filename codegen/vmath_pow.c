/* x^y for f32, and the shorthands of codegen/vmath.h.
 *
 * x^y = 2^(y log2 |x|), where the logarithm is the sum of two floats (some 33 bits), because its
 * error is multiplied by up to 128. Products are exact where the factors are cut to 12 bits each,
 * so that the result does not depend on FMA. The cases of IEEE 754 pow are selected at the end. */
#include "codegen/vmath.h"

/* ---- shorthands ---- */

KExpr *vm_f(const Vm *v, double value)
{
    return kb_f32(v->b, value, v->lanes);
}

KExpr *vm_i(const Vm *v, int64_t value)
{
    return kb_int(v->b, KTYPE(KT_I32, v->lanes), value);
}

KExpr *vm_param(const Vm *v, int i)
{
    return kb_use(v->b, kb_param(v->b, i));
}

const KLet *vm_let(const Vm *v, const char *name, KExpr *x)
{
    return kb_let(v->b, name, x);
}

KExpr *vm_use(const Vm *v, const KLet *x)
{
    return kb_use(v->b, x);
}

KExpr *vm_un(const Vm *v, KOp op, KExpr *x)
{
    return kb_un(v->b, op, x);
}

KExpr *vm_bin(const Vm *v, KOp op, KExpr *x, KExpr *y)
{
    return kb_bin(v->b, op, x, y);
}

KExpr *vm_fma(const Vm *v, KExpr *x, KExpr *y, KExpr *z)
{
    return kb_fma(v->b, x, y, z);
}

KExpr *vm_cmp(const Vm *v, KOp op, KExpr *x, KExpr *y)
{
    return kb_cmp(v->b, op, x, y);
}

KExpr *vm_select(const Vm *v, KExpr *mask, KExpr *x, KExpr *y)
{
    return kb_select(v->b, mask, x, y);
}

KExpr *vm_as_int(const Vm *v, KExpr *x)
{
    return kb_bitcast(v->b, KT_I32, x);
}

KExpr *vm_as_float(const Vm *v, KExpr *x)
{
    return kb_bitcast(v->b, KT_F32, x);
}

KExpr *vm_call(const Vm *v, VMath f, KExpr *x)
{
    return kb_call(v->b, vmath_func(v->lw, v->target, f, v->lanes), &x);
}

KExpr *vm_poly(const Vm *v, const KLet *x, const double *c, int n)
{
    KExpr *y = vm_f(v, c[n - 1]);
    for (int i = n - 2; i >= 0; i--)
        y = vm_fma(v, y, vm_use(v, x), vm_f(v, c[i]));
    return y;
}

KExpr *vm_copysign(const Vm *v, KExpr *x, KExpr *sign)
{
    KExpr *bits = vm_as_int(v, vm_un(v, KO_ABS, x));
    KExpr *bit = vm_bin(v, KO_AND, vm_as_int(v, sign), vm_i(v, INT32_MIN));
    return vm_as_float(v, vm_bin(v, KO_OR, bits, bit));
}

KExpr *vm_shifted_int(const Vm *v, const KLet *shifted)
{
    return vm_bin(v, KO_SUB, vm_as_int(v, vm_use(v, shifted)), vm_i(v, 0x4b400000));
}

/* 2^n as a float, for -126 <= n <= 127. */
static KExpr *power_of_two(const Vm *v, KExpr *n)
{
    return vm_as_float(v, vm_bin(v, KO_SHL, vm_bin(v, KO_ADD, n, vm_i(v, 127)), vm_i(v, 23)));
}

KExpr *vm_scale(const Vm *v, KExpr *x, KExpr *n)
{
    const KLet *k = vm_let(v, "k", n);
    const KLet *half = vm_let(v, "half", vm_bin(v, KO_SHR, vm_use(v, k), vm_i(v, 1)));
    KExpr *rest = vm_bin(v, KO_SUB, vm_use(v, k), vm_use(v, half));
    x = vm_bin(v, KO_MUL, x, power_of_two(v, vm_use(v, half)));
    return vm_bin(v, KO_MUL, x, power_of_two(v, rest));
}

const KLet *vm_split_exponent(const Vm *v, const KLet *x, const KLet **e)
{
    const int64_t sqrt_half = 0x3f3504f3;
    KExpr *is_tiny = vm_cmp(v, KO_LT, vm_use(v, x), vm_f(v, 0x1p-126));
    KExpr *grown = vm_bin(v, KO_MUL, vm_use(v, x), vm_f(v, 0x1p23));
    const KLet *normal = vm_let(v, "normal", vm_select(v, is_tiny, grown, vm_use(v, x)));
    const KLet *bits = vm_let(v, "bits", vm_as_int(v, vm_use(v, normal)));
    KExpr *over = vm_bin(v, KO_SUB, vm_use(v, bits), vm_i(v, sqrt_half));
    const KLet *k = vm_let(v, "k", vm_bin(v, KO_SHR, over, vm_i(v, 23)));
    KExpr *mantissa = vm_bin(v, KO_SHL, vm_use(v, k), vm_i(v, 23));
    const KLet *m = vm_let(v, "m", vm_as_float(v, vm_bin(v, KO_SUB, vm_use(v, bits), mantissa)));
    /* k as a float: k + magic in the low bits of the magic number's float */
    KExpr *kf = vm_as_float(v, vm_bin(v, KO_ADD, vm_use(v, k), vm_i(v, 0x4b400000)));
    is_tiny = vm_cmp(v, KO_LT, vm_use(v, x), vm_f(v, 0x1p-126));
    KExpr *bias = vm_select(v, is_tiny, vm_f(v, VM_MAGIC + 23), vm_f(v, VM_MAGIC));
    *e = vm_let(v, "e", vm_bin(v, KO_SUB, kf, bias));
    return m;
}

KFunc *vm_finish(const Vm *v, KExpr *result, const char *note)
{
    return kb_func_finish(v->b, result, note);
}

/* ---- pow ---- */

/* The first 12 bits of a float. */
static KExpr *cut(const Vm *v, KExpr *x)
{
    return vm_as_float(v, vm_bin(v, KO_AND, vm_as_int(v, x), vm_i(v, -4096)));
}

/* s = f / (f + 2) = hi + lo, hi of 12 bits. */
static const KLet *pow_quotient(const Vm *v, const KLet *f, const KLet **lo)
{
    const KLet *d = vm_let(v, "d", vm_bin(v, KO_ADD, vm_use(v, f), vm_f(v, 2)));
    const KLet *d_hi = vm_let(v, "d_hi", cut(v, vm_use(v, d)));
    KExpr *d_lo = vm_bin(v, KO_SUB, vm_use(v, f), vm_bin(v, KO_SUB, vm_use(v, d_hi), vm_f(v, 2)));
    const KLet *hi = vm_let(v, "s_hi", cut(v, vm_bin(v, KO_DIV, vm_use(v, f), vm_use(v, d))));
    KExpr *rest =
        vm_bin(v, KO_SUB, vm_use(v, f), vm_bin(v, KO_MUL, vm_use(v, hi), vm_use(v, d_hi)));
    rest = vm_bin(v, KO_SUB, rest, vm_bin(v, KO_MUL, vm_use(v, hi), d_lo));
    *lo = vm_let(v, "s_lo", vm_bin(v, KO_DIV, rest, vm_use(v, d)));
    return hi;
}

/* log2(x) = hi + lo for finite x > 0, hi of 12 bits. */
static const KLet *pow_log2(const Vm *v, const KLet *x, const KLet **lo)
{
    /* log2((1 + s) / (1 - s)) = c s + s^3 Q(s^2), relative error 2^-37.6; c = 2 / ln 2 */
    static const double q[] = {0.9617966791, 0.5770828818, 0.4117043082, 0.3402594283};
    const double c_hi = 2.884765625, c_lo = 6.2445677777853e-4;
    const KLet *e, *m = vm_split_exponent(v, x, &e);
    const KLet *f = vm_let(v, "f", vm_bin(v, KO_SUB, vm_use(v, m), vm_f(v, 1)));
    const KLet *s_lo, *s_hi = pow_quotient(v, f, &s_lo);
    const KLet *s = vm_let(v, "s", vm_bin(v, KO_ADD, vm_use(v, s_hi), vm_use(v, s_lo)));
    const KLet *ss = vm_let(v, "ss", vm_bin(v, KO_MUL, vm_use(v, s), vm_use(v, s)));
    KExpr *cube = vm_bin(v, KO_MUL, vm_use(v, ss), vm_use(v, s));
    KExpr *low = vm_bin(v, KO_MUL, cube, vm_poly(v, ss, q, 4));
    low = vm_fma(v, vm_use(v, s), vm_f(v, c_lo), low);
    low = vm_fma(v, vm_use(v, s_lo), vm_f(v, c_hi), low);
    const KLet *p = vm_let(v, "p", vm_bin(v, KO_MUL, vm_use(v, s_hi), vm_f(v, c_hi)));
    const KLet *h = vm_let(v, "h", vm_bin(v, KO_ADD, vm_use(v, e), vm_use(v, p)));
    KExpr *lost = vm_bin(v, KO_SUB, vm_use(v, p), vm_bin(v, KO_SUB, vm_use(v, h), vm_use(v, e)));
    const KLet *l = vm_let(v, "l", vm_bin(v, KO_ADD, lost, low));
    const KLet *hi = vm_let(v, "log_hi", cut(v, vm_bin(v, KO_ADD, vm_use(v, h), vm_use(v, l))));
    KExpr *over = vm_bin(v, KO_SUB, vm_use(v, hi), vm_use(v, h));
    *lo = vm_let(v, "log_lo", vm_bin(v, KO_SUB, vm_use(v, l), over));
    return hi;
}

/* 2^(hi + lo), |hi| and |lo| may be anything. */
static KExpr *pow_exp2(const Vm *v, KExpr *hi, KExpr *lo)
{
    /* (2^r - 1) / r on |r| <= 1/2, relative error of 2^r 2^-34.3 */
    static const double c[] = {0.6931471807,   0.2402265107,    0.05550410363,  0.00961803777,
                               0.001333393656, 0.0001546688236, 1.519604421e-05};
    hi = vm_bin(v, KO_MIN, vm_f(v, 160), vm_bin(v, KO_MAX, vm_f(v, -160), hi));
    lo = vm_bin(v, KO_MIN, vm_f(v, 1), vm_bin(v, KO_MAX, vm_f(v, -1), lo));
    const KLet *z_hi = vm_let(v, "z_hi", hi), *z_lo = vm_let(v, "z_lo", lo);
    KExpr *z = vm_bin(v, KO_ADD, vm_use(v, z_hi), vm_use(v, z_lo));
    const KLet *shifted = vm_let(v, "shifted", vm_bin(v, KO_ADD, z, vm_f(v, VM_MAGIC)));
    KExpr *n = vm_bin(v, KO_SUB, vm_use(v, shifted), vm_f(v, VM_MAGIC));
    KExpr *r = vm_bin(v, KO_ADD, vm_bin(v, KO_SUB, vm_use(v, z_hi), n), vm_use(v, z_lo));
    const KLet *rest = vm_let(v, "r", r);
    KExpr *y = vm_fma(v, vm_poly(v, rest, c, 7), vm_use(v, rest), vm_f(v, 1));
    return vm_scale(v, y, vm_shifted_int(v, shifted));
}

/* Sign and the special cases of IEEE 754, given r = |x|^y. */
static KExpr *pow_cases(const Vm *v, const KLet *a, KExpr *r)
{
    KExpr *zero_or_inf = vm_select(v,
                                   vm_bin(v, KO_XOR, vm_cmp(v, KO_EQ, vm_use(v, a), vm_f(v, 0)),
                                          vm_cmp(v, KO_LT, vm_param(v, 1), vm_f(v, 0))),
                                   vm_f(v, 0), vm_f(v, INFINITY));
    KExpr *at_end = vm_bin(v, KO_OR, vm_cmp(v, KO_EQ, vm_use(v, a), vm_f(v, 0)),
                           vm_cmp(v, KO_EQ, vm_use(v, a), vm_f(v, INFINITY)));
    r = vm_select(v, at_end, zero_or_inf, r);
    /* y is odd: an integer whose half is none */
    KExpr *whole = vm_cmp(v, KO_EQ, vm_un(v, KO_FLOOR, vm_param(v, 1)), vm_param(v, 1));
    const KLet *half = vm_let(v, "y_half", vm_bin(v, KO_MUL, vm_param(v, 1), vm_f(v, 0.5)));
    KExpr *odd = vm_bin(v, KO_AND, whole,
                        vm_cmp(v, KO_NE, vm_un(v, KO_FLOOR, vm_use(v, half)), vm_use(v, half)));
    KExpr *sign = vm_bin(v, KO_AND, vm_as_int(v, vm_param(v, 0)), vm_i(v, INT32_MIN));
    sign = vm_select(v, odd, sign, vm_i(v, 0));
    r = vm_as_float(v, vm_bin(v, KO_OR, vm_as_int(v, r), sign));
    /* a negative number to a fraction, or a NaN: NaN */
    KExpr *fraction = vm_cmp(v, KO_NE, vm_un(v, KO_FLOOR, vm_param(v, 1)), vm_param(v, 1));
    KExpr *negative = vm_bin(v, KO_AND, vm_cmp(v, KO_LT, vm_param(v, 0), vm_f(v, 0)),
                             vm_cmp(v, KO_GT, vm_param(v, 0), vm_f(v, -INFINITY)));
    KExpr *nan = vm_bin(v, KO_AND, negative, fraction);
    nan = vm_bin(v, KO_OR, nan, vm_cmp(v, KO_NE, vm_param(v, 0), vm_param(v, 0)));
    nan = vm_bin(v, KO_OR, nan, vm_cmp(v, KO_NE, vm_param(v, 1), vm_param(v, 1)));
    r = vm_select(v, nan, vm_f(v, NAN), r);
    KExpr *one = vm_bin(v, KO_OR, vm_cmp(v, KO_EQ, vm_param(v, 0), vm_f(v, 1)),
                        vm_cmp(v, KO_EQ, vm_param(v, 1), vm_f(v, 0)));
    return vm_select(v, one, vm_f(v, 1), r);
}

KFunc *vmath_make_pow(const Vm *v)
{
    const KLet *a = vm_let(v, "a", vm_un(v, KO_ABS, vm_param(v, 0)));
    const KLet *log_lo, *log_hi = pow_log2(v, a, &log_lo);
    /* Beyond 2^100 the result is 0, 1 or infinite, and the products must stay finite. */
    KExpr *within = vm_bin(v, KO_MAX, vm_f(v, -0x1p100), vm_param(v, 1));
    const KLet *e = vm_let(v, "power", vm_bin(v, KO_MIN, vm_f(v, 0x1p100), within));
    const KLet *e_hi = vm_let(v, "power_hi", cut(v, vm_use(v, e)));
    KExpr *hi = vm_bin(v, KO_MUL, vm_use(v, e_hi), vm_use(v, log_hi));
    KExpr *e_lo = vm_bin(v, KO_SUB, vm_use(v, e), vm_use(v, e_hi));
    KExpr *lo = vm_bin(v, KO_MUL, vm_use(v, e), vm_use(v, log_lo));
    lo = vm_fma(v, e_lo, vm_use(v, log_hi), lo);
    KExpr *r = pow_exp2(v, hi, lo);
    return vm_finish(v, pow_cases(v, a, r), "x^y; 3 ulp; the special cases of IEEE 754");
}
