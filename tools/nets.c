/* The seven networks, as their papers (and the models that people use) have them, 224 x 224.
 *
 *   AlexNet     Krizhevsky, Sutskever, Hinton 2012: two groups in conv2, conv4, conv5; LRN
 *   VGG-16/-19  Simonyan, Zisserman 2014, configurations D and E
 *   GoogLeNet   Szegedy et al. 2014, main classifier; pools in ceil mode as in Caffe
 *   ResNet      He et al. 2015; the bottleneck's stride in its 3x3 convolution (the form with
 *               4.1 G multiply-adds that today's model zoos have) */
#include "tools/net.h"

#include <stddef.h>

#define NAME(...) arena_printf(net_arena(n), __VA_ARGS__)

/* Convolution with bias, then ReLU. */
static Act conv_relu(Net *n, const char *name, Act x, int64_t channels, Win w, int64_t group)
{
    Act y = net_conv(n, name, x, channels, w, group, true);
    return net_relu(n, NAME("%s.relu", name), y);
}

/* Dense, ReLU, Dropout. */
static Act dense_relu(Net *n, const char *name, Act x, int64_t outputs)
{
    Act y = net_relu(n, NAME("%s.relu", name), net_dense(n, name, x, outputs, false));
    return net_dropout(n, NAME("%s.dropout", name), y);
}

static Act alexnet(Net *n)
{
    const Win pool = {3, 2, 0};
    Act x = net_input(n, "image", 3, 224, 224);
    x = conv_relu(n, "conv1", x, 96, (Win){11, 4, 2}, 1);
    x = net_max_pool(n, "pool1", net_lrn(n, "norm1", x), pool, false);
    x = conv_relu(n, "conv2", x, 256, (Win){5, 1, 2}, 2);
    x = net_max_pool(n, "pool2", net_lrn(n, "norm2", x), pool, false);
    x = conv_relu(n, "conv3", x, 384, (Win){3, 1, 1}, 1);
    x = conv_relu(n, "conv4", x, 384, (Win){3, 1, 1}, 2);
    x = conv_relu(n, "conv5", x, 256, (Win){3, 1, 1}, 2);
    x = net_flatten(n, "flatten", net_max_pool(n, "pool5", x, pool, false));
    x = dense_relu(n, "fc6", x, 4096);
    x = dense_relu(n, "fc7", x, 4096);
    return net_softmax(n, "prob", net_dense(n, "fc8", x, 1000, true));
}

/* `per_stage` convolutions in each of the last three stages. */
static Act vgg(Net *n, int per_stage)
{
    static const int64_t channels[] = {64, 128, 256, 512, 512};
    Act x = net_input(n, "image", 3, 224, 224);
    for (int stage = 0; stage < 5; stage++) {
        int convs = stage < 2 ? 2 : per_stage;
        for (int i = 0; i < convs; i++)
            x = conv_relu(n, NAME("conv%d_%d", stage + 1, i + 1), x, channels[stage],
                          (Win){3, 1, 1}, 1);
        x = net_max_pool(n, NAME("pool%d", stage + 1), x, (Win){2, 2, 0}, false);
    }
    x = net_flatten(n, "flatten", x);
    x = dense_relu(n, "fc6", x, 4096);
    x = dense_relu(n, "fc7", x, 4096);
    return net_softmax(n, "prob", net_dense(n, "fc8", x, 1000, true));
}

static Act vgg16(Net *n)
{
    return vgg(n, 3);
}

static Act vgg19(Net *n)
{
    return vgg(n, 4);
}

/* Channels of an inception module's branches: 1x1, 3x3 (reduced first), 5x5 (reduced first), and
 * the projection behind the pool. Table 1 of the paper. */
typedef struct Inception {
    const char *name;
    int64_t c1, c3_reduce, c3, c5_reduce, c5, pool;
} Inception;

static Act inception(Net *n, const Inception *m, Act x)
{
    const Win one = {1, 1, 0};
    Act b[4];
    b[0] = conv_relu(n, NAME("%s.1x1", m->name), x, m->c1, one, 1);
    b[1] = conv_relu(n, NAME("%s.3x3_reduce", m->name), x, m->c3_reduce, one, 1);
    b[1] = conv_relu(n, NAME("%s.3x3", m->name), b[1], m->c3, (Win){3, 1, 1}, 1);
    b[2] = conv_relu(n, NAME("%s.5x5_reduce", m->name), x, m->c5_reduce, one, 1);
    b[2] = conv_relu(n, NAME("%s.5x5", m->name), b[2], m->c5, (Win){5, 1, 2}, 1);
    b[3] = net_max_pool(n, NAME("%s.pool", m->name), x, (Win){3, 1, 1}, false);
    b[3] = conv_relu(n, NAME("%s.pool_proj", m->name), b[3], m->pool, one, 1);
    return net_concat(n, NAME("%s.output", m->name), b, 4);
}

static Act googlenet(Net *n)
{
    static const Inception modules[] = {
        {"3a", 64, 96, 128, 16, 32, 32},     {"3b", 128, 128, 192, 32, 96, 64},
        {"4a", 192, 96, 208, 16, 48, 64},    {"4b", 160, 112, 224, 24, 64, 64},
        {"4c", 128, 128, 256, 24, 64, 64},   {"4d", 112, 144, 288, 32, 64, 64},
        {"4e", 256, 160, 320, 32, 128, 128}, {"5a", 256, 160, 320, 32, 128, 128},
        {"5b", 384, 192, 384, 48, 128, 128},
    };
    const Win pool = {3, 2, 0};
    Act x = net_input(n, "image", 3, 224, 224);
    x = conv_relu(n, "conv1", x, 64, (Win){7, 2, 3}, 1);
    x = net_lrn(n, "norm1", net_max_pool(n, "pool1", x, pool, true));
    x = conv_relu(n, "conv2_reduce", x, 64, (Win){1, 1, 0}, 1);
    x = conv_relu(n, "conv2", x, 192, (Win){3, 1, 1}, 1);
    x = net_max_pool(n, "pool2", net_lrn(n, "norm2", x), pool, true);
    for (int i = 0; i < 9; i++) {
        x = inception(n, &modules[i], x);
        if (i == 1 || i == 6)
            x = net_max_pool(n, i == 1 ? "pool3" : "pool4", x, pool, true);
    }
    x = net_average_pool(n, "pool5", x, (Win){7, 1, 0});
    x = net_flatten(n, "flatten", net_dropout(n, "dropout", x));
    return net_softmax(n, "prob", net_dense(n, "fc", x, 1000, true));
}

/* Convolution and batch normalisation, with ReLU unless it ends a branch; such ends are scaled
 * down, so that the sum with the shortcut grows slowly. */
static Act conv_bn(Net *n, const char *name, Act x, int64_t channels, Win w, bool end)
{
    Act y = net_conv(n, name, x, channels, w, 1, false);
    y = net_batch_norm(n, NAME("%s.bn", name), y, end ? 0.3 : 1.0);
    return end ? y : net_relu(n, NAME("%s.relu", name), y);
}

/* One residual block; `expand` is 4 for the bottleneck form, 1 for the basic one. */
static Act residual(Net *n, const char *name, Act x, int64_t channels, int64_t stride, int expand)
{
    const Win one = {1, 1, 0}, three = {3, 1, 1}, down = {3, stride, 1};
    Act y = x, shortcut = x;
    if (expand == 1) {
        y = conv_bn(n, NAME("%s.conv1", name), y, channels, down, false);
        y = conv_bn(n, NAME("%s.conv2", name), y, channels, three, true);
    } else {
        y = conv_bn(n, NAME("%s.conv1", name), y, channels, one, false);
        y = conv_bn(n, NAME("%s.conv2", name), y, channels, down, false);
        y = conv_bn(n, NAME("%s.conv3", name), y, channels * expand, one, true);
    }
    if (stride != 1 || x.c != channels * expand) {
        const char *conv = NAME("%s.downsample", name);
        shortcut = net_conv(n, conv, x, channels * expand, (Win){1, stride, 0}, 1, false);
        shortcut = net_batch_norm(n, NAME("%s.bn", conv), shortcut, 0.7);
    }
    return net_relu(n, NAME("%s.relu", name), net_add(n, NAME("%s.add", name), y, shortcut));
}

static Act resnet(Net *n, const int blocks[4], int expand)
{
    Act x = net_input(n, "image", 3, 224, 224);
    x = conv_bn(n, "conv1", x, 64, (Win){7, 2, 3}, false);
    x = net_max_pool(n, "maxpool", x, (Win){3, 2, 1}, false);
    for (int stage = 0; stage < 4; stage++)
        for (int i = 0; i < blocks[stage]; i++)
            x = residual(n, NAME("layer%d.%d", stage + 1, i), x, (int64_t)64 << stage,
                         stage > 0 && i == 0 ? 2 : 1, expand);
    x = net_flatten(n, "flatten", net_global_average_pool(n, "avgpool", x));
    return net_dense(n, "fc", x, 1000, true);
}

static Act resnet34(Net *n)
{
    static const int blocks[] = {3, 4, 6, 3};
    return resnet(n, blocks, 1);
}

static Act resnet50(Net *n)
{
    static const int blocks[] = {3, 4, 6, 3};
    return resnet(n, blocks, 4);
}

static const NetInfo infos[] = {
    {"alexnet", "AlexNet: grouped convolutions, LRN", alexnet},
    {"googlenet", "GoogLeNet: nine inception modules, LRN", googlenet},
    {"vgg16", "VGG-16", vgg16},
    {"vgg19", "VGG-19", vgg19},
    {"resnet34", "ResNet-34: basic blocks", resnet34},
    {"resnet50", "ResNet-50: bottleneck blocks", resnet50},
};

const NetInfo *net_info(int i)
{
    return i >= 0 && i < (int)(sizeof infos / sizeof infos[0]) ? &infos[i] : NULL;
}
