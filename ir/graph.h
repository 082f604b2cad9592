/* The graph IR: values and nodes of one network, static shapes, typed parameters.
 *
 * A graph is in single-assignment form: each value is made by one node, by the caller (an input)
 * or at compile time (a constant). `nodes` is in topological order at every pass boundary.
 * Shapes and constant data are always logical; how a value lies in memory is its `layout`, where
 * it lies its `place`, and how a node is computed its `plan`. The import leaves these three at
 * zero; the passes fill them; codegen obeys them. docs/GRAPH_IR.md specifies the text form. */
#ifndef CNNCC_IR_GRAPH_H
#define CNNCC_IR_GRAPH_H

#include "ir/arena.h"
#include "ir/diag.h"
#include "ir/target.h"
#include "ir/tensor.h"

typedef struct Node Node;
typedef struct Value Value;
typedef struct Graph Graph;

/* One constant a row of ops.def: OP_Conv, OP_Relu, … */
typedef enum OpKind {
    OP_NONE = 0,
#define OP(id, ...) OP_##id,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} OpKind;

/* ---- parameters: a union of structs, told apart by the operator's row in ops.def ---- */

typedef enum AutoPad {
    AUTO_PAD_NOTSET,
    AUTO_PAD_VALID,
    AUTO_PAD_SAME_UPPER,
    AUTO_PAD_SAME_LOWER
} AutoPad;

/* A sliding window over `n` spatial axes (1..3). After inference the pads are final numbers and
 * auto_pad is AUTO_PAD_NOTSET. Axes from n on hold kernel 1, stride 1, dilation 1, pad 0. */
typedef struct Window {
    int n;
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    int64_t pad_begin[MAX_SPATIAL], pad_end[MAX_SPATIAL];
    AutoPad auto_pad;
} Window;

typedef struct ConvParams { /* Conv, ConvTranspose; DeformColumns: the group is of offsets */
    Window w;
    int64_t group;
    int64_t output_padding[MAX_SPATIAL]; /* ConvTranspose only */
    bool has_output_shape; /* ConvTranspose: output_shape given, pads follow from it */
    int64_t output_shape[MAX_SPATIAL];
} ConvParams;

typedef struct PoolParams { /* MaxPool AveragePool LpPool MaxUnpool */
    Window w;
    bool ceil_mode, count_include_pad;
    bool column_major; /* MaxPool: storage_order of the indices */
    int64_t p;         /* LpPool, GlobalLpPool: the norm */
} PoolParams;

/* Elementwise operators. LeakyRelu Elu ThresholdedRelu: alpha. Selu: alpha, gamma. HardSigmoid:
 * alpha, beta. Clip: alpha = min, beta = max (-inf/inf when absent), used when the optional
 * inputs are absent; import moves constant min/max inputs here. Gelu: mode 1 = tanh form. Shrink:
 * alpha = lambd, beta = bias. Swish: alpha. BitShift: mode 1 = to the right. Mod: mode = fmod.
 * IsInf: mode = the signs that count, 1 negative + 2 positive. */
typedef struct EwParams {
    double alpha, beta, gamma;
    int mode;
    DType to; /* Cast */
} EwParams;

typedef struct AxisParams { /* Softmax LogSoftmax Hardmax Concat Flatten Gather (Un)Squeeze */
    int64_t axis;           /* 0 <= axis <= rank after inference */
    bool coerce_2d;         /* Softmax family before opset 13: flatten to 2-D at axis */
    int n_axes;             /* Squeeze, Unsqueeze: the axes, non-negative after inference; */
    int64_t axes[MAX_RANK]; /*   n_axes = -1: all of extent 1 (Squeeze) */
} AxisParams;

typedef struct GemmParams {
    double alpha, beta;
    bool trans_a, trans_b;
} GemmParams;

typedef struct NormParams { /* BatchNormalization LRN and the operators of infer_norm.c */
    double epsilon;         /* all but LRN */
    double alpha, beta, bias;
    int64_t size;   /* LRN */
    int64_t axis;   /* LayerNormalization, RMSNormalization: the first axis of a line */
    int64_t groups; /* GroupNormalization */
    DType stash;    /* LayerNormalization: the type of mean and deviation */
} NormParams;

/* Reduce*, MeanVarianceNormalization: the axes that go. */
typedef struct ReduceParams {
    int n_axes;             /* -1 before inference: none were given */
    int64_t axes[MAX_RANK]; /* non-negative, each once, after inference */
    bool keepdims;
    bool noop; /* no axes: reduce none of them, where the default is all */
} ReduceParams;

/* ArgMax ArgMin LpNormalization TopK CumSum CumProd: along one axis. */
typedef struct LineParams {
    int64_t axis;            /* non-negative after inference */
    bool keepdims, last;     /* ArgMax ArgMin: of equal elements, the last one */
    bool largest, sorted;    /* TopK */
    bool exclusive, reverse; /* CumSum CumProd */
    int64_t k;               /* TopK, after inference */
    int64_t p;               /* LpNormalization: 1 or 2 */
} LineParams;

typedef struct PermParams { /* Transpose */
    int perm[MAX_RANK];
    bool given; /* false before inference: reverse the axes */
} PermParams;

typedef enum PadMode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } PadMode;

typedef struct PadParams { /* negative counts crop */
    PadMode mode;
    int64_t begin[MAX_RANK], end[MAX_RANK];
    double value;
} PadParams;

/* Slice, normalised by inference: out[i] = in[start + i*step], one entry an axis. */
typedef struct SliceParams {
    int64_t start[MAX_RANK], step[MAX_RANK];
} SliceParams;

typedef struct SplitParams {
    int64_t axis;
    int n_sizes; /* 0 before inference when not given */
    int64_t sizes[64];
} SplitParams;

typedef enum ResizeMode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC } ResizeMode;
typedef enum CoordMode {
    COORD_HALF_PIXEL,
    COORD_HALF_PIXEL_SYMMETRIC,
    COORD_PYTORCH_HALF_PIXEL,
    COORD_ALIGN_CORNERS,
    COORD_ASYMMETRIC,
    COORD_TF_CROP_AND_RESIZE,
    COORD_TF_HALF_PIXEL_NN
} CoordMode;
typedef enum NearestMode {
    NEAREST_ROUND_PREFER_FLOOR,
    NEAREST_ROUND_PREFER_CEIL,
    NEAREST_FLOOR,
    NEAREST_CEIL
} NearestMode;
typedef enum AspectPolicy { ASPECT_STRETCH, ASPECT_NOT_LARGER, ASPECT_NOT_SMALLER } AspectPolicy;

/* Resize and Upsample. Inference fills scale for every axis (1 where not resized) and roi. */
typedef struct ResizeParams {
    ResizeMode mode;
    CoordMode coord;
    NearestMode nearest;
    AspectPolicy aspect;
    double cubic_a, extrapolation;
    bool exclude_outside, antialias;
    double scale[MAX_RANK];
    double roi_begin[MAX_RANK], roi_end[MAX_RANK];
    int n_axes; /* opset 18: the axes that scales/sizes/roi name; 0: all */
    int axes[MAX_RANK];
} ResizeParams;

typedef struct ShapeParams { /* Reshape Expand Shape ConstantOfShape */
    bool allow_zero;
    int64_t start, end; /* Shape: slice of the dimensions; end = INT64_MAX when absent */
    DType dtype;        /* ConstantOfShape */
    double value_f;     /* ConstantOfShape, float types */
    int64_t value_i;    /* ConstantOfShape, integer types */
} ShapeParams;

/* QuantizeLinear, DequantizeLinear. The scale's shape says how it is applied: one element (whole
 * tensor), one axis of x's extent `axis` (per axis), or x's rank (blocks of `block` along `axis`).
 */
typedef struct QuantParams {
    int64_t axis;
    int64_t block; /* 0: not blocked */
    DType to; /* of the result; DT_NONE before inference: as the zero point or the scale says */
} QuantParams;
typedef struct TileParams { /* one factor an axis, filled by inference */
    int64_t repeats[MAX_RANK];
} TileParams;

typedef struct DepthParams { /* DepthToSpace, SpaceToDepth */
    int64_t block;
    bool channels_first; /* DepthToSpace: CRD, channels are [C][block][block], not DCR */
} DepthParams;

typedef enum ScatterReduction {
    SCATTER_NONE, /* later updates replace earlier ones */
    SCATTER_ADD,
    SCATTER_MUL,
    SCATTER_MIN,
    SCATTER_MAX
} ScatterReduction;

/* GatherElements GatherND Scatter ScatterElements ScatterND OneHot Compress Unique: what index
 * lists refer to. */
typedef struct IndexParams {
    int64_t axis;
    bool flat;          /* Compress, Unique: no axis, the elements in row-major order */
    bool sorted;        /* Unique */
    int64_t batch_dims; /* GatherND */
    int64_t depth;      /* OneHot, filled by inference */
    ScatterReduction reduction;
} IndexParams;

typedef struct DiagonalParams { /* Trilu, EyeLike: diagonal k, above the main one where k > 0 */
    int64_t k;
    bool upper;  /* Trilu */
    DType dtype; /* EyeLike; DT_NONE: that of the input */
} DiagonalParams;

typedef struct SequenceParams { /* ReverseSequence */
    int64_t batch_axis, time_axis;
} SequenceParams;

typedef struct SuppressParams { /* NonMaxSuppression */
    bool center_box;            /* boxes are x, y, width, height; not two corners */
} SuppressParams;

typedef enum SamplePadding { SAMPLE_ZEROS, SAMPLE_BORDER, SAMPLE_REFLECTION } SamplePadding;

typedef struct SampleParams { /* GridSample */
    ResizeMode mode;
    SamplePadding padding;
    bool align_corners;
} SampleParams;

/* Points a side of a bin of RoiAlign, at most: where the region decides their number, bins of more
 * pixels are sampled at this many points, evenly. So the work for a bin has a bound,
 * whatever numbers a region consists of. */
enum { ROI_POINTS = 1024 };

typedef struct RoiParams { /* RoiAlign, MaxRoiPool */
    bool max, half_pixel;  /* RoiAlign */
    int64_t out_h, out_w;
    int64_t sampling_ratio; /* RoiAlign: points a side of a bin; 0: as many as it has pixels */
    double spatial_scale;
} RoiParams;

typedef struct FoldParams { /* Col2Im: kernel, strides, dilations and pads; the image's extents */
    Window w;
    int64_t image[MAX_SPATIAL];
} FoldParams;

/* Functions of LSTM, GRU and RNN. */
typedef enum RnnFunction {
    RNN_RELU,
    RNN_TANH,
    RNN_SIGMOID,
    RNN_AFFINE, /* alpha * x + beta */
    RNN_LEAKY_RELU,
    RNN_THRESHOLDED_RELU,
    RNN_SCALED_TANH, /* alpha * tanh(beta * x) */
    RNN_HARD_SIGMOID,
    RNN_ELU,
    RNN_SOFTSIGN,
    RNN_SOFTPLUS
} RnnFunction;

typedef struct RnnActivation {
    RnnFunction f;
    double alpha, beta;
} RnnActivation;

typedef enum RnnCell { RNN_CELL, GRU_CELL, LSTM_CELL } RnnCell;

typedef struct RnnParams { /* LSTM GRU RNN Recurrence */
    RnnCell cell;
    int64_t hidden;                 /* 0 before inference: as the weights say */
    int directions;                 /* 1 or 2; the second one runs backwards, */
    bool reverse;                   /*   and so does the only one if it is `reverse` */
    RnnActivation activation[2][3]; /* of each direction: f, g, h in ONNX's order */
    double clip;                    /* of what goes into them: -clip … clip; may be infinite */
    bool batch_first;               /* layout = 1 */
    bool linear_before_reset;       /* GRU */
    bool input_forget;              /* LSTM: the forget gate is 1 - the input gate */
} RnnParams;

typedef struct EinsumParams {
    const char *equation; /* ir/einsum.h takes it apart */
} EinsumParams;

/* DFT STFT MelWeightMatrix HannWindow HammingWindow BlackmanWindow. */
typedef struct SpectrumParams {
    int64_t axis;   /* DFT: of the signal; non-negative after inference */
    int64_t length; /* after inference: of the transform, the frames, the window */
    int64_t step;   /* STFT, after inference: between frames */
    bool onesided, inverse;
    bool periodic; /* windows */
    DType dtype;   /* of tables */
} SpectrumParams;

typedef union Params {
    ConvParams conv;
    PoolParams pool;
    EwParams ew;
    AxisParams axis;
    GemmParams gemm;
    NormParams norm;
    ReduceParams reduce;
    LineParams line;
    RnnParams rnn;
    EinsumParams einsum;
    SpectrumParams spectrum;
    PermParams perm;
    PadParams pad;
    SliceParams slice;
    SplitParams split;
    ResizeParams resize;
    ShapeParams shape;
    QuantParams quant;
    TileParams tile;
    DepthParams depth;
    IndexParams index;
    DiagonalParams diagonal;
    SequenceParams sequence;
    SuppressParams suppress;
    SampleParams sample;
    RoiParams roi;
    FoldParams fold;
} Params;

/* ---- layout, place, plan: what the passes decide ---- */

/* block <= 1: row-major, as ONNX has it. block = L > 1: axis 1 (C) is split into ceil(C/L) blocks
 * and the L channels of a block are innermost: [N][ceil(C/L)][spatial…][L] (NCHWc). The lanes
 * beyond C in the last block hold unspecified values and are never used. Rank >= 2. */
typedef struct Layout {
    int block;
} Layout;

typedef enum PlaceKind {
    PLACE_NONE,    /* not in memory: optional, folded, or fused away */
    PLACE_INPUT,   /* the caller's input buffer `index` */
    PLACE_OUTPUT,  /* the caller's output buffer `index` */
    PLACE_ARENA,   /* the arena, at byte `offset` */
    PLACE_WEIGHTS, /* constant data; codegen assigns the offset in the weight blob */
} PlaceKind;

/* Where a value lies. A view (Reshape, in-place result, part of a Concat) has the place of its
 * root plus its own offset: two values with overlapping places share memory on purpose. */
typedef struct Place {
    PlaceKind kind;
    int index;
    int64_t offset; /* bytes */
} Place;

typedef enum Algo {
    ALGO_DEFAULT,   /* the operator has one kernel */
    ALGO_VIEW,      /* no code: the output is the input's memory */
    ALGO_DIRECT,    /* Conv: blocked output channels, pixels x vectors register tile */
    ALGO_DEPTHWISE, /* Conv: group == C == OC, a vector of channels at a time */
    ALGO_IM2COL,    /* Conv: patches to a matrix, then GEMM; any group; plain layouts */
    ALGO_WINOGRAD,  /* Conv: F(m,3) */
    ALGO_GEMM,      /* Gemm, MatMul: register-tiled */
    ALGO_SCALAR,    /* lanes = 1 fallback: plain loops */
} Algo;

/* A way to compute a node that the plan considered. */
typedef struct Candidate {
    Algo algo;
    int tile_m, tile_n, tile_out; /* as in Plan */
    double cycles;                /* predicted */
    double efficiency;            /* of the tile, 0..1; 0 where it is not counted */
    double error;        /* Winograd: greatest error against the greatest output, on the weights */
    double microseconds; /* measured by --tune; 0: not measured */
    const char *refused; /* why it may not be chosen; NULL when it may */
} Candidate;

/* How a node is computed. The packed tensors are compile-time constants in the exact order in
 * which the kernel reads them (ir/packing.h says which); they replace the logical constant. */
typedef struct Plan {
    Algo algo;
    int lanes;          /* vector width of the kernel */
    int tile_m, tile_n; /* register tile: pixels (rows) x vectors of output channels (columns) */
    int tile_out;       /* Winograd: output tile m of F(m,3) */
    int parts;          /* of the work that use scratch of their own, to run at the same time */
    const Tensor *packed_weight, *packed_bias;
    int64_t scratch_bytes;
    int64_t scratch_offset;      /* in the arena */
    int64_t macs;                /* multiply-adds of the node */
    const char *why;             /* one phrase for `explain` */
    const Candidate *candidates; /* convolutions: what there was to choose from */
    int n_candidates;
} Plan;

/* One elementwise step applied to a node's result before it is stored. `op` is elementwise; its
 * other operand, if it has two, is node->in[operand] (same shape as the output or broadcast);
 * `swapped` means the operand is the left-hand side: op(operand, x). */
typedef struct EpilogueStep {
    OpKind op;
    Params params;
    int operand; /* -1: unary */
    bool swapped;
    const char *name; /* of the ONNX node that was fused */
} EpilogueStep;

enum { MAX_EPILOGUE = 8, MAX_THREADS = 256 };

struct Value {
    int id;           /* index in graph->values */
    const char *name; /* ONNX's name, never empty, unique in the graph */
    DType dtype;
    Shape shape;
    const Tensor *constant; /* the data when known at compile time */
    Node *def;              /* the node that makes it; NULL for inputs and constants */
    int def_index;          /* which output of def */
    Node **users;           /* nodes that read it, one entry a use; see graph_index */
    int n_users;
    bool is_input, is_output; /* of the graph */
    int position;             /* of an input: among the model's, frozen ones counted */
    Layout layout;
    Place place;
};

struct Node {
    int id;           /* index of the ONNX node, for messages (#17); -1 for nodes of our own */
    const char *name; /* ONNX's name, or made from op and first output when empty */
    OpKind op;
    Params params;
    Value **in; /* an absent optional input is NULL */
    int n_in;
    Value **out; /* an absent optional output is NULL */
    int n_out;
    EpilogueStep epilogue[MAX_EPILOGUE];
    int n_epilogue;
    Plan plan;
    bool dead; /* removed by graph_compact */
    int at;    /* about where it is in the list; private to graph.c */
};

struct Graph {
    Arena *arena;
    Diag *diag;
    const char *name;
    Node **nodes;
    int n_nodes, cap_nodes;
    Value **values;
    int n_values, cap_values;
    Value **inputs; /* what the caller passes, in order; initializers are not among them */
    int n_inputs, cap_inputs;
    Value **outputs;
    int n_outputs, cap_outputs;
    const Target *target;
    int threads;         /* that one run may use; 0 counts as 1 */
    int64_t arena_bytes; /* set by the memory pass */
    int64_t arena_floor; /* no placement could need less: the most bytes alive at one node */
    /* Where it came from, for the emitted header. */
    int64_t ir_version, opset;
    const char *producer;
    char sha256[65]; /* of the model file, hexadecimal */
    int64_t n_parameters;
    DType half; /* the 16-bit type of weights that are computed with in f32; DT_NONE without */
    struct NameSet *names; /* of the values; private to graph.c */
    Node **users;          /* the buffer of all values' users; private to graph.c */
    int cap_users;
};

Graph *graph_new(Arena *arena, Diag *diag);

/* A new value. `name` may be NULL (one is made) and is made unique when already taken by an
 * internally created value; the frontend guarantees uniqueness of the model's own names. */
Value *graph_value(Graph *g, const char *name, DType dtype, const Shape *shape);
/* A constant value that holds `t` (not copied). */
Value *graph_constant(Graph *g, const char *name, const Tensor *t);
/* A new node appended to the list; the arrays are copied; outputs get their def. */
Node *graph_node(Graph *g, OpKind op, const char *name, Value *const *in, int n_in,
                 Value *const *out, int n_out);
/* The same, inserted right before / after `at` in the list. */
Node *graph_node_before(Graph *g, Node *at, OpKind op, const char *name, Value *const *in, int n_in,
                        Value *const *out, int n_out);
Node *graph_node_after(Graph *g, Node *at, OpKind op, const char *name, Value *const *in, int n_in,
                       Value *const *out, int n_out);
/* Appends an input to a node and returns its index. */
int node_add_input(Graph *g, Node *n, Value *v);
/* Inputs of the operator itself: those in front of the epilogue's operands. */
int node_own_inputs(const Node *n);

/* Rebuilds the users of every value; call after edits, before asking for users. */
void graph_index(Graph *g);
/* Every use of `from` (node inputs and graph outputs) becomes `to`. Reindexes. */
void graph_replace_uses(Graph *g, Value *from, Value *to);
/* Drops dead nodes and sorts the rest topologically, keeping the order where it is legal; false
 * (with a diagnostic naming a node) when there is a cycle. Values that no node makes or reads and
 * that are no input or output of the graph are dropped too: ids change. Reindexes. */
bool graph_compact(Graph *g);
/* Position of a node in the list; -1 when it is not there. */
int graph_position(const Graph *g, const Node *n);

/* Checks every invariant of this header (single assignment, order, arity against ops.def, shapes
 * against inference, epilogue operands, places inside the arena); reports the first violation
 * after pass `after` as an internal error. */
bool graph_verify(Graph *g, const char *after);

/* The graph in ONNX's textual syntax (docs/GRAPH_IR.md), as a string in the arena. */
char *graph_dump(const Graph *g);

/* "direct", "im2col"… */
const char *algo_name(Algo a);

/* `Conv "layer1.0.conv1" (#17)`, for messages. */
const char *node_label(Arena *a, const Node *n);
/* diag_error with the node's label in front. */
bool node_error(Graph *g, const Node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool node_unsupported(Graph *g, const Node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Elements of the value as it lies in memory (blocked layouts pad the channels). */
int64_t value_physical_numel(const Value *v);
int64_t value_physical_bytes(const Value *v);

/* The value's constant data as int64 numbers, for shape inputs; NULL unless constant. The count
 * is stored in *n. */
const int64_t *value_const_i64(Graph *g, const Value *v, int64_t *n);

#endif
