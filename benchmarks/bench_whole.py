"""End to end: one pair of Tiny-10s at eight layers, every index and three stitchers, evaluated; 512 images a split."""

import sweep


def test_a_whole_pair(benchmark):
    pair = sweep.subject(512)
    result = benchmark.pedantic(sweep.ours, (pair,), rounds=3, warmup_rounds=1)
    assert len(result) == len(sweep.LAYERS) * (len(sweep.INDICES) + len(sweep.STITCHERS))
