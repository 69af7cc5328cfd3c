"""Keras's private members under public names: no other module touches them.

Keras may change them in any release, so pyproject bounds its version, and a test names each member and fails when the
installed version lacks one.
"""

from collections.abc import Mapping

import keras

# class -> its private members that this module uses
PRIVATE_MEMBERS: Mapping[type, tuple[str, ...]] = {keras.Model: ("_flatten_layers",)}


def flat_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """All layers of a model in a fixed order: the model itself, and layers within layers."""
    return list(model._flatten_layers())
