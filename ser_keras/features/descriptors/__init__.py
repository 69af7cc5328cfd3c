"""Descriptor sets: name -> class, windows -> a vector each, computed outside the graph. They can't be exported."""

from ser_keras.features.descriptors.acoustic26 import Acoustic26
from ser_keras.features.descriptors.egemaps import CompareFunctionals, EgemapsFunctionals, EgemapsLld
from ser_keras.features.descriptors.functionals import Functionals, He2019Functionals
from ser_keras.features.descriptors.lld import He2019Lld
from ser_keras.features.descriptors.teager import Teager
from ser_keras.features.extractor import Extractor

DESCRIPTORS: dict[str, type[Extractor]] = {
    "acoustic26": Acoustic26,
    "compare_functionals": CompareFunctionals,
    "egemaps_functionals": EgemapsFunctionals,
    "egemaps_lld": EgemapsLld,
    "functionals": Functionals,
    "he2019_functionals": He2019Functionals,
    "he2019_lld": He2019Lld,
    "teager": Teager,
}
