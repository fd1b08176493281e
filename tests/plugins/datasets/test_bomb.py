"""An image over Pillow's limit is refused by name, where Pillow only warns."""

import pytest
from PIL import Image
from simbench_plugins.datasets.classfolders import pixels

from simbench import InputError


@pytest.mark.filterwarnings("ignore:Image size")  # as outside of tests: Pillow warns once, and reads it
def test_an_image_over_the_limit_is_refused_by_name(tmp_path, monkeypatch):
    Image.new("RGB", (30, 20)).save(tmp_path / "large.png")
    assert pixels(tmp_path / "large.png", 8).shape == (3, 8, 8)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 599)
    with pytest.raises(InputError, match=r"large.png cannot be read .*30 x 20 pixels are over Pillow's limit"):
        pixels(tmp_path / "large.png", 8)
