# SPDX-License-Identifier: Apache-2.0
"""The forms of MSFF, as data. A new form is one line of the table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """Widths and switches of one network; the switches are those of the paper's ablation.

    widths: of the encoder's five levels. fusion_width: of all that follows the fusion. widest_fusion: no fused map is
    wider. skips: whether the decoder sees the encoder's first two maps.
    """

    widths: tuple[int, int, int, int, int] = (16, 32, 64, 128, 256)
    fusion_width: int = 64
    widest_fusion: int = 64
    skips: bool = True
    use_ffm: bool = True
    use_sem: bool = True
    use_aspp: bool = True
    use_rcbam: bool = True
    use_rbrab: bool = True
    use_lprab: bool = True


VARIANTS = {
    # name: form; parameters, and operations at 96^3, are those in 3D for one input channel and 26 classes
    "faithful": Variant(widest_fusion=256, skips=False),  # 15.8 M, 155 GFLOP
    "default": Variant(),  # 7.8 M, 158 GFLOP
    "small": Variant(widths=(8, 16, 32, 64, 128), fusion_width=32, widest_fusion=128),  # 4.0 M, 43 GFLOP
}
