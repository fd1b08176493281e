"""What is known of the axes of a layer: from the user, the model, and a forward pass, in this order."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from simbench import InputError
from simbench.measuring.sources import Sources
from simbench.moments.layout import Layout

SEEN = {"x": Layout.parse("nchw"), "y": Layout.parse("ntc"), "z": Layout.parse("ntc")}


class Seen(Sources):
    """Of a network whose forward pass shows SEEN."""

    def __init__(self) -> None:
        pass

    def _seen(self, network):
        return SEEN


def network(said: tuple[tuple[str, str], ...], **declared: str) -> SimpleNamespace:
    return SimpleNamespace(name="net", layouts=said, model=SimpleNamespace(layouts=declared))


@pytest.mark.parametrize("said", [(), (("y", "tokens[prefix=1]"),)])
def test_what_a_model_declares_holds_whatever_is_said_of_other_layers(said):
    assert str(Seen().layout(network(said, x="ntc"), "x")) == "tokens"


def test_what_the_user_says_comes_first():
    assert str(Seen().layout(network((("z", "tokens[prefix=1]"),), z="ntc"), "z")) == "tokens[prefix=1]"


def test_a_pattern_is_of_layers_with_as_many_axes():
    assert Seen().layout(network((("*", "tokens[prefix=1]"),)), "x") is None


def test_a_layer_that_is_named_must_have_these_axes():
    with pytest.raises(InputError, match="the output of x of net is image, and not tokens as said"):
        Seen().layout(network((("x", "ntc"),)), "x")
