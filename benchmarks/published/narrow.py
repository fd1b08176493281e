"""Five architectures for images of 32x32, narrow enough to learn CIFAR-10 in minutes on one core.

The blocks are torchvision's own. The first convolution halves the image, or the stem of the ViT makes 16 patches of it.
"""

from __future__ import annotations

from torch import nn
from torchvision.models import densenet, mobilenetv2, resnet, vgg
from torchvision.models import vision_transformer as vit_models


def resnet18(classes: int = 10, width: int = 24) -> nn.Module:
    """ResNet-18 (He et al. 2016) with stages of width, 2 width, 4 width and 8 width channels."""
    net = resnet.ResNet(resnet.BasicBlock, [2, 2, 2, 2], num_classes=classes)
    net.inplanes = width
    net.conv1, net.bn1, net.maxpool = nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.Identity()
    for stage in range(4):
        layer = net._make_layer(resnet.BasicBlock, width << stage, 2, stride=1 if stage == 0 else 2)
        setattr(net, f"layer{stage + 1}", layer)
    net.fc = nn.Linear(width << 3, classes)
    return net


def vgg11_bn(classes: int = 10, width: int = 24) -> nn.Module:
    """The eight convolutions of VGG-11 with batch norm (Simonyan and Zisserman 2015), with one linear layer."""
    channels = [width, "M", 2 * width, "M", *[4 * width] * 2, "M", *[8 * width] * 2, *[8 * width] * 2, "M"]
    net = vgg.VGG(vgg.make_layers(channels, batch_norm=True), num_classes=classes)
    net.avgpool, net.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(8 * width, classes)
    return net


def densenet22(classes: int = 10, growth: int = 12) -> nn.Module:
    """DenseNet (Huang et al. 2017) of four dense blocks with 4, 4, 6 and 4 layers."""
    net = densenet.DenseNet(growth, (4, 4, 6, 4), 2 * growth, num_classes=classes)
    net.features.conv0, net.features.pool0 = nn.Conv2d(3, 2 * growth, 3, 2, 1, bias=False), nn.Identity()
    return net


def mobilenet_v2(classes: int = 10) -> nn.Module:
    """MobileNetV2 (Sandler et al. 2018) of eight inverted residuals."""
    blocks = [[1, 16, 1, 1], [3, 24, 2, 1], [3, 32, 2, 2], [3, 64, 2, 2], [3, 96, 1, 1]]
    net = mobilenetv2.MobileNetV2(classes, inverted_residual_setting=blocks, dropout=0.0)
    net.features[-1] = nn.Sequential(nn.Conv2d(96, 192, 1, bias=False), nn.BatchNorm2d(192), nn.ReLU6())
    net.classifier = nn.Linear(192, classes)
    return net


def vit(classes: int = 10, width: int = 128, blocks: int = 4) -> nn.Module:
    """A ViT (Dosovitskiy et al. 2021) of 16 patches behind a stem of five convolutions (Xiao et al. 2021)."""
    shape = ((24, 2), (48, 1), (48, 2), (96, 1), (96, 2))
    stem = [vit_models.ConvStemConfig(channels, 3, stride) for channels, stride in shape]
    return vit_models.VisionTransformer(32, 8, blocks, 4, width, 2 * width, num_classes=classes, conv_stem_configs=stem)
