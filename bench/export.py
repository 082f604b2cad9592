#!/usr/bin/env python3
"""Exports torchvision's networks to ONNX for the benchmark.

usage: export.py DIR [NAME...]      writes DIR/NAME.onnx for those that are not there yet

Needs Debian's python3-torchvision. Weights are random with a fixed seed; the statistics of batch
normalisation are taken from one batch of noise, so that activations keep a natural size.
"""
import os
import sys

import torch
import torchvision

SIZES = {
    "resnet18": 224,
    "mobilenet_v2": 224,
    "mobilenet_v3_small": 224,
    "squeezenet1_1": 224,
    "densenet121": 224,
    "efficientnet_b0": 224,
    "shufflenet_v2_x1_0": 224,
    "inception_v3": 299,
}


def build(name):
    torch.manual_seed(1)
    extra = {"aux_logits": False, "init_weights": True} if name == "inception_v3" else {}
    net = getattr(torchvision.models, name)(weights=None, **extra)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        net.train()
        net(torch.randn(4, 3, SIZES[name], SIZES[name]))
    return net.eval()


def main():
    folder, names = sys.argv[1], sys.argv[2:] or list(SIZES)
    for name in names:
        path = os.path.join(folder, name + ".onnx")
        if os.path.exists(path):
            continue
        image = torch.zeros(1, 3, SIZES[name], SIZES[name])
        torch.onnx.export(build(name), image, path + ".part", opset_version=13,
                          input_names=["image"], output_names=["scores"])
        os.rename(path + ".part", path)


if __name__ == "__main__":
    main()
