"""Names of torch operations, grouped by their effect on the axes of a tensor."""

from __future__ import annotations

#: Operations whose output has the axes of their input.
SAME = {
    "clone",
    "contiguous",
    "detach",
    "alias",
    "_to_copy",
    "lift_fresh",
    "roll",
    "flip",
    "narrow",
    "expand",
    "index_select",
    "native_dropout",
    "_softmax",
    "_log_softmax",
    "softmax",
    "log_softmax",
    "constant_pad_nd",
    "reflection_pad1d",
    "reflection_pad2d",
    "replication_pad1d",
    "replication_pad2d",
    "tril",
    "triu",
    "cumsum",
    "_native_multi_head_attention",
}
#: Operations that split and merge axes.
VIEWS = {"view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "unflatten"}
#: Operations that reduce axes to one value each.
SUMS = {
    "mean",
    "sum",
    "prod",
    "amax",
    "amin",
    "max",
    "min",
    "var",
    "std",
    "var_mean",
    "logsumexp",
    "linalg_vector_norm",
    "norm",
    "any",
    "all",
    "argmax",
    "argmin",
}
#: Convolutions.
CONVOLUTIONS = {
    "convolution",
    "_convolution",
    "mkldnn_convolution",
    "cudnn_convolution",
    "miopen_convolution",
    "convolution_overrideable",
}
#: Operations whose second axis holds the channels by definition.
CHANNELS_SECOND = {
    "max_pool2d_with_indices",
    "max_pool2d",
    "avg_pool2d",
    "avg_pool1d",
    "max_pool3d_with_indices",
    "avg_pool3d",
    "_adaptive_avg_pool3d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool3d",
    "upsample_nearest3d",
    "upsample_trilinear3d",
    "_adaptive_avg_pool2d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "fractional_max_pool2d",
    "native_batch_norm",
    "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit",
    "_batch_norm_no_update",
    "_batch_norm_impl_index",
    "cudnn_batch_norm",
    "miopen_batch_norm",
    "native_group_norm",
    "pixel_shuffle",
    "pixel_unshuffle",
    "channel_shuffle",
    "grid_sampler_2d",
    "upsample_nearest1d",
    "upsample_linear1d",
    "upsample_nearest2d",
    "_upsample_nearest_exact2d",
    "upsample_bilinear2d",
    "_upsample_bilinear2d_aa",
    "upsample_bicubic2d",
    "_upsample_bicubic2d_aa",
}
#: Normalisations over the last axes.
LAYER_NORMS = {"native_layer_norm", "_fused_rms_norm", "rms_norm"}
