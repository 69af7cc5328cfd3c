"""Descriptor sets: name -> class, windows -> a vector each, computed outside the graph. They can't be exported."""

from ser_keras.descriptors.acoustic26 import Acoustic26

DESCRIPTORS = {
    "acoustic26": Acoustic26,
}
