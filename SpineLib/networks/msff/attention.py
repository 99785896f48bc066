# SPDX-License-Identifier: Apache-2.0
"""Dot-product attention with several heads (Vaswani et al. 2017), which S4's "self-attention" leaves open: ours.

Torch's own MultiheadAttention is not taken: it swaps its computation between training and use, and its bias of the
keys never learns, because a softmax takes it out again.
"""

import torch
from torch import nn
from torch.nn import functional

HEADS = 4


class Attention(nn.Module):
    """Tokens `(B, N, channels)` look at others `(B, M, channels)`; the answer is `(B, N, channels)`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)
        self.out = nn.Linear(channels, channels)

    def forward(self, tokens: torch.Tensor, seen: torch.Tensor, real: torch.Tensor | None = None) -> torch.Tensor:
        """real `(B, M)`: False for those of `seen` that no token may look at. None: all may be looked at."""
        mask = None if real is None else real[:, None, None, :]
        query, key, value = _heads(self.query(tokens)), _heads(self.key(seen)), _heads(self.value(seen))
        answer = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(answer.transpose(1, 2).flatten(2))


def _heads(tokens: torch.Tensor) -> torch.Tensor:
    """`(B, N, C)` -> `(B, heads, N, C / heads)`."""
    return tokens.unflatten(2, (HEADS, -1)).transpose(1, 2)
