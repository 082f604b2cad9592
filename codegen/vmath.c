/* Vector maths: exp, log, tanh… of f32 as functions in the kernel IR, for any number of lanes; of
 * f64 as calls of the C library.
 *
 * Branch-free: every case is computed and the right one selected, so that all lanes run alike.
 * Range reduction rounds by adding 1.5 * 2^23 and works on the bits of floats, never by a
 * conversion that could overflow. Bounds are in units in the last place against the exact result
 * (tests/unit/test_vmath.c measures them with and without FMA). NaN in, NaN out; infinities are
 * exact. The polynomials are minimax fits made for this file; pow is in codegen/vmath_pow.c. */
#include "codegen/vmath.h"

#include <float.h>
#include <string.h>

/* ---- exp ---- */

/* x = n ln 2 + r with |r| <= ln(2) / 2. Returns r; *n is n + the magic number, as a float. */
static const KLet *reduce_exp(const Vm *v, const KLet *x, const KLet **shifted)
{
    const double ln2_hi = 0.693359375, ln2_lo = -2.12194440054690583e-4; /* n * hi is exact */
    *shifted = vm_let(v, "shifted",
                      vm_fma(v, vm_use(v, x), vm_f(v, 1.44269504088896341), vm_f(v, VM_MAGIC)));
    const KLet *n = vm_let(v, "n", vm_bin(v, KO_SUB, vm_use(v, *shifted), vm_f(v, VM_MAGIC)));
    KExpr *r = vm_fma(v, vm_use(v, n), vm_f(v, -ln2_hi), vm_use(v, x));
    return vm_let(v, "r", vm_fma(v, vm_use(v, n), vm_f(v, -ln2_lo), r));
}

/* (exp(r) - 1 - r) / r^2 on |r| <= ln(2) / 2, relative error of exp(r) - 1 2^-31.8. */
static KExpr *exp_poly(const Vm *v, const KLet *r)
{
    static const double c[] = {0.5000000047,   0.1666666672,  0.04166635164,
                               0.008333298344, 0.00139412131, 0.0001989939011};
    return vm_poly(v, r, c, 6);
}

static KFunc *make_exp(const Vm *v)
{
    /* The ends are where the result is infinite or rounds to zero. */
    KExpr *x = vm_bin(v, KO_MAX, vm_f(v, -104), vm_param(v, 0));
    const KLet *t = vm_let(v, "t", vm_bin(v, KO_MIN, vm_f(v, 89), x)), *shifted;
    const KLet *r = reduce_exp(v, t, &shifted);
    const KLet *rr = vm_let(v, "rr", vm_bin(v, KO_MUL, vm_use(v, r), vm_use(v, r)));
    KExpr *p = vm_fma(v, exp_poly(v, r), vm_use(v, rr), vm_use(v, r));
    p = vm_bin(v, KO_ADD, p, vm_f(v, 1));
    return vm_finish(v, vm_scale(v, p, vm_shifted_int(v, shifted)),
                     "e^x; 1.5 ulp; polynomial of degree 7 on [-ln 2 / 2, ln 2 / 2]");
}

/* e^x - 1 = 2 (s p + (s - 1/2)) with p = e^r - 1 and s = 2^(n - 1), which does not overflow
 * before the result does. */
static KFunc *make_expm1(const Vm *v)
{
    KExpr *x = vm_bin(v, KO_MAX, vm_f(v, -18), vm_param(v, 0)); /* below: -1 */
    const KLet *t = vm_let(v, "t", vm_bin(v, KO_MIN, vm_f(v, 89), x)), *shifted;
    const KLet *r = reduce_exp(v, t, &shifted);
    const KLet *rr = vm_let(v, "rr", vm_bin(v, KO_MUL, vm_use(v, r), vm_use(v, r)));
    KExpr *p = vm_fma(v, exp_poly(v, r), vm_use(v, rr), vm_use(v, r));
    KExpr *half = vm_bin(v, KO_ADD, vm_shifted_int(v, shifted), vm_i(v, 126));
    const KLet *s = vm_let(v, "s", vm_as_float(v, vm_bin(v, KO_SHL, half, vm_i(v, 23))));
    KExpr *rest = vm_bin(v, KO_SUB, vm_use(v, s), vm_f(v, 0.5));
    KExpr *y = vm_fma(v, vm_use(v, s), p, rest);
    return vm_finish(v, vm_bin(v, KO_MUL, y, vm_f(v, 2)), "e^x - 1 without cancellation; 2 ulp");
}

/* ---- log ---- */

static KFunc *make_log(const Vm *v)
{
    const double ln2_hi = 0.693359375, ln2_lo = -2.12194440054690583e-4;
    /* log((1 + s) / (1 - s)) = 2 s + s^3 Q(s^2), relative error 2^-30.2 */
    static const double q[] = {0.6666677705, 0.3997744954, 0.2987441882};
    const KLet *x = vm_let(v, "t", vm_param(v, 0));
    const KLet *e, *m = vm_split_exponent(v, x, &e);
    const KLet *f = vm_let(v, "f", vm_bin(v, KO_SUB, vm_use(v, m), vm_f(v, 1)));
    KExpr *below = vm_bin(v, KO_ADD, vm_use(v, f), vm_f(v, 2));
    const KLet *s = vm_let(v, "s", vm_bin(v, KO_DIV, vm_use(v, f), below));
    const KLet *ss = vm_let(v, "ss", vm_bin(v, KO_MUL, vm_use(v, s), vm_use(v, s)));
    /* log(1 + f) = f - s (f - s^2 Q): the first term is exact, the second at most 0.17 of it */
    KExpr *tail =
        vm_bin(v, KO_SUB, vm_use(v, f), vm_bin(v, KO_MUL, vm_use(v, ss), vm_poly(v, ss, q, 3)));
    KExpr *low = vm_bin(v, KO_SUB, vm_bin(v, KO_MUL, vm_use(v, e), vm_f(v, ln2_lo)),
                        vm_bin(v, KO_MUL, vm_use(v, s), tail));
    KExpr *y = vm_bin(v, KO_ADD, low, vm_use(v, f));
    y = vm_fma(v, vm_use(v, e), vm_f(v, ln2_hi), y);
    y = vm_select(v, vm_cmp(v, KO_EQ, vm_param(v, 0), vm_f(v, 0)), vm_f(v, -INFINITY), y);
    y = vm_select(v, vm_cmp(v, KO_EQ, vm_param(v, 0), vm_f(v, INFINITY)), vm_f(v, INFINITY), y);
    KExpr *legal = vm_cmp(v, KO_GE, vm_param(v, 0), vm_f(v, 0));
    return vm_finish(v, vm_select(v, legal, y, vm_f(v, NAN)),
                     "natural logarithm; 1.5 ulp; NaN below zero");
}

/* ---- what is made of them ---- */

static KFunc *make_tanh(const Vm *v)
{
    /* -t / (t + 2) with t = e^(-2|x|) - 1, and x's sign */
    KExpr *a = vm_bin(v, KO_MUL, vm_un(v, KO_ABS, vm_param(v, 0)), vm_f(v, -2));
    const KLet *t = vm_let(v, "t", vm_call(v, VM_EXPM1, a));
    KExpr *y = vm_bin(v, KO_DIV, vm_use(v, t), vm_bin(v, KO_ADD, vm_use(v, t), vm_f(v, 2)));
    return vm_finish(v, vm_copysign(v, y, vm_param(v, 0)), "hyperbolic tangent; 4 ulp");
}

static KFunc *make_sigmoid(const Vm *v)
{
    KExpr *e = vm_call(v, VM_EXP, vm_un(v, KO_NEG, vm_param(v, 0)));
    KExpr *y = vm_bin(v, KO_DIV, vm_f(v, 1), vm_bin(v, KO_ADD, e, vm_f(v, 1)));
    return vm_finish(v, y, "1 / (1 + e^-x); 3 ulp; 0 below -88.7");
}

static KFunc *make_softplus(const Vm *v)
{
    /* as in log, for 0 <= s <= 1/3: relative error 2^-33.1 */
    static const double q[] = {0.6666667562, 0.3999887775, 0.2861688472, 0.2142765841,
                               0.2430093326};
    KExpr *minus = vm_un(v, KO_NEG, vm_un(v, KO_ABS, vm_param(v, 0)));
    const KLet *t = vm_let(v, "t", vm_call(v, VM_EXP, minus));
    KExpr *below = vm_bin(v, KO_ADD, vm_use(v, t), vm_f(v, 2));
    const KLet *s = vm_let(v, "s", vm_bin(v, KO_DIV, vm_use(v, t), below));
    const KLet *ss = vm_let(v, "ss", vm_bin(v, KO_MUL, vm_use(v, s), vm_use(v, s)));
    KExpr *tail =
        vm_bin(v, KO_SUB, vm_use(v, t), vm_bin(v, KO_MUL, vm_use(v, ss), vm_poly(v, ss, q, 5)));
    KExpr *log1p = vm_bin(v, KO_SUB, vm_use(v, t), vm_bin(v, KO_MUL, vm_use(v, s), tail));
    KExpr *y = vm_bin(v, KO_ADD, log1p, vm_bin(v, KO_MAX, vm_f(v, 0), vm_param(v, 0)));
    return vm_finish(v, y, "log(1 + e^x); 3 ulp");
}

static KFunc *make_erf(const Vm *v)
{
    /* |x| <= 0.9: x + x P(x^2), relative error 2^-26.3; above: 1 - e^-g(|x|), 2^-29.1 */
    static const double p[] = {0.1283791538,   -0.3761252328,  0.1128214081,
                               -0.02677890897, 0.005011962903, -0.0006090360405};
    static const double g[] = {-0.0001650565196, -1.127803073,    -0.6369661326,  -0.1041225232,
                               0.02231952734,    -0.003066584642, 0.0001983323699};
    const KLet *a = vm_let(v, "a", vm_un(v, KO_ABS, vm_param(v, 0)));
    const KLet *xx = vm_let(v, "xx", vm_bin(v, KO_MUL, vm_use(v, a), vm_use(v, a)));
    KExpr *small = vm_fma(v, vm_poly(v, xx, p, 6), vm_use(v, a), vm_use(v, a));
    const KLet *t = vm_let(v, "t", vm_bin(v, KO_MIN, vm_f(v, 4), vm_use(v, a)));
    KExpr *large = vm_bin(v, KO_SUB, vm_f(v, 1), vm_call(v, VM_EXP, vm_poly(v, t, g, 7)));
    KExpr *is_small = vm_cmp(v, KO_LT, vm_use(v, a), vm_f(v, 0.9));
    KExpr *y = vm_select(v, is_small, small, large);
    return vm_finish(v, vm_copysign(v, y, vm_param(v, 0)), "error function; 2 ulp");
}

/* A first guess from the exponent (3.6 % off), then three Newton steps y (5 - x y^4) / 4, whose
 * products stay in range for every x. */
static KFunc *make_root4(const Vm *v)
{
    const KLet *x = vm_let(v, "t", vm_bin(v, KO_MIN, vm_f(v, FLT_MAX), vm_param(v, 0)));
    KExpr *quarter = vm_bin(v, KO_SHR, vm_as_int(v, vm_use(v, x)), vm_i(v, 2));
    const KLet *y = vm_let(v, "y", vm_as_float(v, vm_bin(v, KO_SUB, vm_i(v, 0x4f58cae5), quarter)));
    for (int i = 0; i < 3; i++) {
        const KLet *yy = vm_let(v, "yy", vm_bin(v, KO_MUL, vm_use(v, y), vm_use(v, y)));
        KExpr *root = vm_bin(v, KO_MUL, vm_use(v, x), vm_use(v, yy));
        const KLet *q = vm_let(v, "q", vm_bin(v, KO_MUL, root, vm_use(v, yy)));
        KExpr *step = vm_fma(v, vm_use(v, q), vm_f(v, -0.25), vm_f(v, 0.25));
        y = vm_let(v, "y", vm_fma(v, vm_use(v, y), step, vm_use(v, y)));
    }
    return vm_finish(v, vm_use(v, y), "x^(-1/4) for normal x > 0; 1.5 ulp");
}

/* ---- by name ---- */

static const struct {
    const char *name;
    int n_params;
    KFunc *(*make)(const Vm *v);
} table[] = {
    [VM_EXP] = {"exp", 1, make_exp},
    [VM_EXPM1] = {"expm1", 1, make_expm1},
    [VM_LOG] = {"log", 1, make_log},
    [VM_TANH] = {"tanh", 1, make_tanh},
    [VM_SIGMOID] = {"sigmoid", 1, make_sigmoid},
    [VM_ERF] = {"erf", 1, make_erf},
    [VM_POW] = {"pow", 2, vmath_make_pow},
    [VM_SOFTPLUS] = {"softplus", 1, make_softplus},
    [VM_ROOT4] = {"inverse_root4", 1, make_root4},
};

const KFunc *vmath_func(Lower *lw, const Target *target, VMath f, int lanes)
{
    char *name = lanes == 1 ? arena_printf(lw->arena, "%s_f32", table[f].name)
                            : arena_printf(lw->arena, "%s_f32x%d", table[f].name, lanes);
    for (int i = 0; i < lw->n_funcs; i++)
        if (strcmp(lw->funcs[i]->name, name) == 0)
            return lw->funcs[i];
    KType params[2] = {KTYPE(KT_F32, lanes), KTYPE(KT_F32, lanes)};
    Vm v = {lw, kb_func(lw->arena, target, name, table[f].n_params, params), target, lanes};
    KFunc *func = table[f].make(&v);
    ARENA_PUSH(lw->arena, lw, funcs, n_funcs, cap_funcs, func);
    return func;
}

/* ---- double precision: functions of the C library, and what is made of them ---- */

static const KFunc *libm_func(Lower *lw, const char *name, int n_params)
{
    for (int i = 0; i < lw->n_funcs; i++)
        if (strcmp(lw->funcs[i]->name, name) == 0)
            return lw->funcs[i];
    KFunc *func = kb_external(lw->arena, name, n_params);
    ARENA_PUSH(lw->arena, lw, funcs, n_funcs, cap_funcs, func);
    return func;
}

KExpr *libm(Lower *lw, KBuilder *b, const char *name, KExpr *x, KExpr *y)
{
    const KType f64 = KTYPE(KT_F64, 1), type = x->type;
    KExpr *args[2] = {kb_cvt(b, f64, x), y ? kb_cvt(b, f64, y) : NULL};
    return kb_cvt(b, type, kb_call(b, libm_func(lw, name, y ? 2 : 1), args));
}

static KExpr *vmath_f64(Lower *lw, KBuilder *b, VMath f, KExpr *x, KExpr *y)
{
    static const char *const names[] = {
        [VM_EXP] = "exp",   [VM_EXPM1] = "expm1", [VM_LOG] = "log",
        [VM_TANH] = "tanh", [VM_ERF] = "erf",     [VM_POW] = "pow",
    };
    const KType type = x->type;
    if (f == VM_ROOT4) {
        KExpr *root = kb_un(b, KO_SQRT, kb_un(b, KO_SQRT, x));
        return kb_bin(b, KO_DIV, kb_const(b, type, 1), root);
    }
    if (f == VM_SIGMOID) {
        KExpr *e = libm(lw, b, "exp", kb_un(b, KO_NEG, x), NULL);
        return kb_bin(b, KO_DIV, kb_const(b, type, 1), kb_bin(b, KO_ADD, e, kb_const(b, type, 1)));
    }
    if (f == VM_SOFTPLUS) { /* max(0, x) + log(1 + e^-|x|) */
        const KLet *t = kb_let(b, "t", x);
        KExpr *minus = kb_un(b, KO_NEG, kb_un(b, KO_ABS, kb_use(b, t)));
        KExpr *rest = libm(lw, b, "log1p", libm(lw, b, "exp", minus, NULL), NULL);
        return kb_bin(b, KO_ADD, kb_bin(b, KO_MAX, kb_const(b, type, 0), kb_use(b, t)), rest);
    }
    return libm(lw, b, names[f], x, y);
}

KExpr *vmath(Lower *lw, KBuilder *b, VMath f, KExpr *x, KExpr *y)
{
    KExpr *args[2] = {x, y};
    if (x->type.base == KT_F64)
        return vmath_f64(lw, b, f, x, y);
    return kb_call(b, vmath_func(lw, kb_target(b), f, x->type.lanes), args);
}
