"""Procrustes similarity: how well one representation can be rotated onto the other."""

from simbench import Claims, Index, KnownAnswer, hookimpl, invariant


class ProcrustesSimilarity(Index):
    """max_Q <A Q, B> / (||A||_F ||B||_F) = ||A^T B||_* / (||A||_F ||B||_F) of centred A, B, Q orthogonal.

    ||.||_* is the sum of the singular values; the narrower side is filled up with zeros. Its arccos is the
    angular shape distance of Williams et al.; 2 - 2 times it is the Procrustes distance of Ding et al.
    """

    name = "procrustes_similarity"
    source = "Williams et al. 2021, angular shape distance; Ding et al. 2021, orthogonal Procrustes distance"

    @property
    def claims(self):
        kept = invariant("orthogonal", "scaling", "translation")
        return Claims(symmetric=True, invariances_a=kept, invariances_b=kept, differentiable=True)

    def from_moments(self, m):
        import torch  # here, not above: `simbench list` answers at once

        return torch.linalg.svdvals(m.ab).sum() / (m.a.total * m.b.total).sqrt()

    def known_answers(self):
        square = [[1, 1], [1, -1], [-1, 1], [-1, -1]]
        turned = [[-3 * y, x] for x, y in square]
        why = "a square against itself, a quarter turn on and stretched by 3: (1 + 3) / sqrt(2 * 10)"
        return [KnownAnswer(square, turned, 4 / 20**0.5, why)]


@hookimpl
def simbench_indices():
    return [ProcrustesSimilarity()]
