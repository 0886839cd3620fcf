"""Small networks that are no chains of layers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netwright.tasks import Split, Task
from netwright.tasks.scores import accuracy
from tests.toys import CARD, disturb


class Block(nn.Module):
    """Two convolutions beside a shortcut, as in a residual network."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters)
        self.relu = nn.ReLU(inplace=True)
        self.short = nn.Sequential()
        if stride > 1 or channels != filters:
            conv = nn.Conv2d(channels, filters, 1, stride, bias=False)
            self.short = nn.Sequential(conv, nn.BatchNorm2d(filters))

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm1(self.conv1(x)))
        return self.relu(self.norm2(self.conv2(y)) + self.short(x))


class Residual(nn.Module):
    """A residual network for images of 3 channels."""

    shape = (3, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.blocks = nn.Sequential(Block(4, 4, 1), Block(4, 6, 2))
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)))
        return self.head(F.adaptive_avg_pool2d(self.blocks(x), 1).flatten(1))


class Waveform(nn.Module):
    """A residual network of one dimension, with other activations and a factor."""

    shape = (2, 16)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(2, 4, 5, padding=2)
        self.second = nn.Conv1d(4, 4, 3, padding=1)
        self.third = nn.Conv1d(4, 4, 3, padding=1, groups=4)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool1d(F.relu(self.first(x)), 2)
        x = F.hardtanh(x - 0.75 * self.third(F.relu6(self.second(x))))
        return self.head(F.avg_pool1d(x, 2).flatten(1))


class Joined(nn.Module):
    """Concatenations of what others read too, a normalization that stays, and two outputs."""

    shape = (3, 6, 6)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 2, 3, padding=1)
        self.third = nn.Conv2d(9, 2, 3, padding="same")
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(72, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = F.relu(self.first(x))
        z = self.second(self.drop(F.relu(self.norm(y))))
        x = F.relu(self.third(torch.cat([x, y, z], 1)))
        return self.head(x.flatten(1)), z.mean((2, 3))


class Net(nn.Module):
    """A small U-Net: down, up by a transposed convolution and by repetition, joined on the way."""

    shape = (2, 8, 8)

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.down2 = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU6())
        self.deep = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.ReLU())
        self.up1 = nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.up2 = nn.Upsample(scale_factor=2)
        self.last = nn.Conv2d(14, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.deep(F.max_pool2d(b, 2))
        up = F.relu(self.norm(self.up1(c)))
        return self.last(torch.cat([a, self.up2(torch.cat([up, b], 1))], 1))


class Lines(nn.Module):
    """Transposed convolutions of one dimension, in groups."""

    shape = (4, 5)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ConvTranspose1d(4, 6, 4, stride=2, padding=1, groups=2)
        self.norm = nn.BatchNorm1d(6)
        self.second = nn.ConvTranspose1d(6, 6, 3, groups=6, dilation=2)
        self.third = nn.ConvTranspose1d(6, 1, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.third(F.relu(self.second(F.relu(self.norm(self.first(x))))))


class Two(nn.Module):
    """Two inputs, one added to the other's layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(5, 6)
        self.fc2 = nn.Linear(6, 3)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        return self.fc2(torch.relu(x + self.fc1(z)))


def seeded(kind: type[nn.Module]) -> nn.Module:
    """A network in evaluation mode, with values that training could have found."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = kind()
    disturb(model, seed=5)
    return model.eval()


def pictures(shape: tuple[int, ...], rows: int = 300) -> Task:
    """Normal rows of any shape; the class is in the mean of their first value."""
    generator = np.random.default_rng(2)

    def split(count: int) -> Split:
        targets = generator.integers(0, 4, count)
        inputs = generator.normal(size=(count, *shape))
        inputs += targets.reshape(-1, *(1,) * len(shape)) / 2 - 0.75
        return Split({"x": inputs.astype(np.float32)}, targets.astype(np.int64))

    return Task(
        name="pictures", train=split(rows), validation=split(100), test=split(100),
        loss="cross-entropy", score=accuracy, card=CARD, classes=("a", "b", "c", "d"),
    )  # fmt: skip
