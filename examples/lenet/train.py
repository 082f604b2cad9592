#!/usr/bin/python3
"""Trains LeNet-5 on handwritten digits and writes lenet5.onnx and one held-out picture a digit
(the first that the network reads right).

    ./train.py IMAGES.gz LABELS.gz        (IDX files; needs Debian's python3-torch)

The network is the one of LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to
document recognition", Proc. IEEE 86(11), 1998, section II.B: a 32x32 input with background -0.1
and foreground 1.175, the partial connection table of C3, subsampling with a trained coefficient
and bias a map, the squashing function 1.7159 tanh(2x/3) after every layer up to F6, and ten
radial basis units whose fixed centres are 7x12 pictures of the digits. The ONNX model takes
pixels from 0 to 1 and answers with minus the distances, so that the largest score wins.

Every fifth picture is held out: it is never trained on, and the accuracy printed at the end is
measured on those alone.
"""
import gzip
import math
import struct
import sys
import zlib

import torch
import torch.nn.functional as F

# Which of the six maps of S2 each of the sixteen maps of C3 sees (table I of the paper).
C3_TABLE = [(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5), (0, 1, 2, 3),
            (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5), (0, 1, 3, 4),
            (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)]

# The centres of the output units: 7 columns, 12 rows a digit.
GLYPHS = """
..###.. ...##.. .#####. .#####. ....##. ####### ...###. ####### .#####. .#####.
.#...#. ..###.. ##...## ##...## ...###. ##..... ..##... .....## ##...## ##...##
##...## .####.. .....## .....## ..####. ##..... .##.... .....## ##...## ##...##
##...## ...##.. .....## .....## ..#.##. ##..... ##..... ....##. ##...## ##...##
##...## ...##.. ....##. ....##. .##.##. ######. ##..... ....##. .##.##. ##...##
##...## ...##.. ...##.. ..###.. .#..##. .....## ######. ...##.. ..###.. .######
##...## ...##.. ..##... ....##. ##..##. .....## ##...## ...##.. .##.##. .....##
##...## ...##.. .##.... .....## ####### .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... .....## ....##. ##...## ##...## .##.... ##...## ....##.
.#...#. ...##.. ##..... ##...## ....##. ##...## .##.##. .##.... ##...## ...##..
..###.. .###### ####### .#####. ....##. .#####. ..###.. ##..... .#####. .###...
"""


def centres():
    rows = [line.split() for line in GLYPHS.strip().splitlines()]
    return torch.tensor([[1.0 if c == "#" else -1.0 for row in rows for c in row[d]]
                         for d in range(10)])


def squash(x):
    return 1.7159 * torch.tanh(x * (2.0 / 3.0))


class LeNet5(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = torch.nn.Conv2d(1, 6, 5)
        self.s2 = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(1, 6, 1, 1)),
                                          torch.nn.Parameter(torch.zeros(1, 6, 1, 1))])
        self.c3 = torch.nn.Conv2d(6, 16, 5)
        self.s4 = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(1, 16, 1, 1)),
                                          torch.nn.Parameter(torch.zeros(1, 16, 1, 1))])
        self.c5 = torch.nn.Conv2d(16, 120, 5)
        self.f6 = torch.nn.Linear(120, 84)
        table = torch.zeros(16, 6, 1, 1)
        for out, maps in enumerate(C3_TABLE):
            for m in maps:
                table[out, m] = 1
        self.register_buffer("table", table)
        self.register_buffer("centres", centres())
        self.register_buffer("minus_one", -torch.ones(84, 1))
        for layer in (self.c1, self.c3, self.c5, self.f6):
            fan_in = layer.weight[0].numel()
            torch.nn.init.uniform_(layer.weight, -2.4 / fan_in, 2.4 / fan_in)
            layer.weight.data.mul_(math.sqrt(fan_in) / 2.4 * 1.2)  # unit gain for a deep stack
            torch.nn.init.zeros_(layer.bias)

    def features(self, x):
        x = x * 1.275 - 0.1
        x = squash(self.c1(x))
        x = squash(F.avg_pool2d(x, 2) * self.s2[0] + self.s2[1])
        x = squash(F.conv2d(x, self.c3.weight * self.table, self.c3.bias))
        x = squash(F.avg_pool2d(x, 2) * self.s4[0] + self.s4[1])
        x = squash(self.c5(x))
        return squash(self.f6(x.flatten(1)))

    def penalties(self, x):
        """[batch, 10]: squared distances to the centres."""
        return (self.features(x).unsqueeze(1) - self.centres).square().sum(2)


class Deployed(torch.nn.Module):
    """One picture in, minus the penalties out, in operators that every ONNX reader knows."""

    def __init__(self, net):
        super().__init__()
        self.net = net
        net.c3.weight.data.mul_(net.table)  # the absent connections stay zero

    def forward(self, x):
        net = self.net
        x = x * 1.275 - 0.1
        x = squash(net.c1(x))
        x = squash(F.avg_pool2d(x, 2) * net.s2[0] + net.s2[1])
        x = squash(net.c3(x))
        x = squash(F.avg_pool2d(x, 2) * net.s4[0] + net.s4[1])
        x = squash(net.c5(x))
        d = squash(net.f6(x.flatten(1))) - net.centres
        return torch.matmul(d * d, net.minus_one).reshape(1, 10)


def read_idx(path):
    data = gzip.open(path, "rb").read()
    rank = data[3]
    dims = struct.unpack(">" + "I" * rank, data[4:4 + 4 * rank])
    return torch.frombuffer(bytearray(data[4 + 4 * rank:]), dtype=torch.uint8).reshape(dims)


def distort(x):
    """Small random rotations, scalings, shears and shifts."""
    n = x.shape[0]
    angle = (torch.rand(n) - 0.5) * 0.45
    scale = 1 + (torch.rand(n, 2) - 0.5) * 0.3
    shear = (torch.rand(n) - 0.5) * 0.4
    shift = (torch.rand(n, 2) - 0.5) * (5 / 16)
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack([torch.stack([cos * scale[:, 0], -sin + shear, shift[:, 0]], 1),
                         torch.stack([sin, cos * scale[:, 1], shift[:, 1]], 1)], 1)
    return F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False),
                         align_corners=False)


def accuracy(net, x, y):
    with torch.no_grad():
        return (net.penalties(x).argmin(1) == y).float().mean().item()


def loss_of(penalty, y, floor=8.0):
    """Equation 9 of the paper: the right penalty small, the others large, with a floor."""
    others = torch.cat([-penalty, torch.full((len(y), 1), -floor)], 1)
    return (penalty.gather(1, y[:, None])[:, 0] + torch.logsumexp(others, 1)).mean()


def train(net, x, y, epochs=40, batch=64):
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    for epoch in range(epochs):
        order = torch.randperm(len(x))
        total = 0.0
        for i in range(len(x) // batch):
            pick = order[i * batch:(i + 1) * batch]
            loss = loss_of(net.penalties(distort(x[pick])), y[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1:2}  loss {total / (len(x) // batch):.3f}", flush=True)


def write_png(path, picture):
    h, w = picture.shape
    rows = b"".join(b"\0" + bytes(row.tolist()) for row in picture)

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 0, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main():
    torch.manual_seed(1998)
    pixels, labels = read_idx(sys.argv[1]), read_idx(sys.argv[2]).long()
    pixels = F.pad(pixels, (2, 2, 2, 2))  # 28x28 -> 32x32
    x = pixels[:, None].float() / 255
    held = torch.arange(len(x)) % 5 == 4
    net = LeNet5()
    train(net, x[~held], labels[~held])
    print(f"trained on {int((~held).sum())}: accuracy {accuracy(net, x[~held], labels[~held]):.4f}")
    print(f"held out  {int(held.sum())}: accuracy {accuracy(net, x[held], labels[held]):.4f}")
    deployed = Deployed(net).eval()
    torch.onnx.export(deployed, torch.zeros(1, 1, 32, 32), "lenet5.onnx", opset_version=13,
                      input_names=["picture"], output_names=["scores"])
    for digit in range(10):
        with torch.no_grad():
            right = net.penalties(x).argmin(1) == labels
        first = (held & right & (labels == digit)).nonzero()[0].item()
        write_png(f"digits/{digit}.png", pixels[first])


if __name__ == "__main__":
    main()
