"""The optimiser: Muon for the matrices inside the blocks, AdamW for all else."""

import torch


def orthogonalise(matrix, steps=5):
    """Push the singular values of a matrix towards 1 by a quintic Newton-Schulz iteration.

    Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024); the
    coefficients make the slope at zero as steep as it can be, at the price of leaving the values
    between 0.7 and 1.2.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.norm() + 1e-7)
    wide = x.shape[0] <= x.shape[1]
    x = x if wide else x.t()
    for _ in range(steps):
        gram = x @ x.t()
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.t()


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, scaled so that its root mean square is near
    AdamW's (0.2): both optimisers can then share one learning rate."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1 - group["momentum"])
                update = orthogonalise(p.grad.lerp(buffer, group["momentum"]))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * 0.2 * max(p.shape) ** 0.5)
