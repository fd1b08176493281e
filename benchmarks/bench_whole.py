"""End to end: one pair of Tiny-10s at eight layers, every index and three stitchers, evaluated; 512 images a split."""

import sweep


def test_a_whole_pair(benchmark):
    pair = sweep.subject(512)
    found = benchmark.pedantic(sweep.ours, (pair,), rounds=3, warmup_rounds=1)
    assert len(found) == len(sweep.LAYERS) * (len(sweep.INDICES) + len(sweep.STITCHERS))
